<?php
/**
 * Ready means: Apache and PHP answer, core is in place, and the database answers a query.
 *
 * Only the kubelet may ask. The ingress routes requests for the store's host and this file answers
 * to another one, so that no customer can make the database work through it.
 */
if ( 'readiness.invalid' !== ( $_SERVER['HTTP_HOST'] ?? '' ) ) {
	http_response_code( 404 );
	exit;
}

require '/opt/storeorch/database.php';

header( 'Content-Type: text/plain' );
header( 'Cache-Control: no-store' );
try {
	if ( ! is_file( __DIR__ . '/wp-config.php' ) ) {
		throw new RuntimeException( 'WordPress is not in place' );
	}
	storeorch_ask_database();
	echo "ready\n";
} catch ( Throwable $error ) {
	error_log( 'storeorch readiness: ' . $error->getMessage() );
	http_response_code( 503 );
	echo "not ready\n";
}
