<?php
/**
 * Ready means: Apache and PHP answer, the database answers a query, and the shop is set up; so nobody
 * ever meets WordPress' own set-up page, nor a shop in the middle of an upgrade.
 *
 * Only the kubelet may ask. The ingress routes requests for the store's host and this file answers
 * to another one, so that no customer can make the database work through it.
 */
if ( 'readiness.invalid' !== ( $_SERVER['HTTP_HOST'] ?? '' ) ) {
	http_response_code( 404 );
	exit;
}

require __DIR__ . '/database.php';

header( 'Content-Type: text/plain' );
header( 'Cache-Control: no-store' );
try {
	$connection = storeorch_database();
	$connection->query( 'SELECT 1' );
	if ( 0 === $connection->query( "SHOW TABLES LIKE 'wp_options'" )->num_rows ) {
		throw new RuntimeException( 'the install job has not made the tables yet' );
	}
	$found = $connection->query( "SELECT option_value FROM wp_options WHERE option_name = 'storeorch_ready'" );
	if ( 'yes' !== ( $found->fetch_row()[0] ?? 'no' ) ) {
		throw new RuntimeException( 'the install job is not done' );
	}
	echo "ready\n";
} catch ( Throwable $error ) {
	error_log( 'storeorch readiness: ' . $error->getMessage() );
	http_response_code( 503 );
	echo "not ready\n";
}
