<?php
/**
 * What the phases of the installation share: loading WordPress, and how they end.
 */
const STOREORCH_FINAL  = 42;
const STOREORCH_PLUGIN = 'woocommerce/woocommerce.php';

$storeorch_done = false;
register_shutdown_function(
	function () {
		// WordPress ends with exit code 0 where it cannot go on, for example without a database.
		if ( ! $GLOBALS['storeorch_done'] ) {
			exit( 1 );
		}
	}
);

/**
 * Ends the phase well.
 */
function storeorch_done(): never {
	$GLOBALS['storeorch_done'] = true;
	exit( 0 );
}

/**
 * Ends the phase for a reason that trying again does not mend.
 */
function storeorch_give_up( string $why ): never {
	fwrite( STDERR, "$why\n" );
	$GLOBALS['storeorch_done'] = true;
	exit( STOREORCH_FINAL );
}

/**
 * Ends the phase for a reason that may pass.
 */
function storeorch_fail( string $why ): never {
	fwrite( STDERR, "$why\n" );
	$GLOBALS['storeorch_done'] = true;
	exit( 1 );
}

/**
 * Says whether visitors may be served; files/ready.php asks for it.
 */
function storeorch_serve( bool $ready ): void {
	update_option( 'storeorch_ready', $ready ? 'yes' : 'no' );
}

/**
 * Returns whether a setting has to be written: it is declared for the first time, or otherwise than
 * when it was last written. storeorch_remember() keeps the declarations.
 */
function storeorch_declared_anew( string $name, string $value ): bool {
	$applied = get_option( 'storeorch_applied', array() );
	return ( $applied[ $name ] ?? null ) !== $value;
}

/**
 * Keeps that a setting was written.
 */
function storeorch_remember( string $name, string $value ): void {
	$applied          = get_option( 'storeorch_applied', array() );
	$applied[ $name ] = $value;
	update_option( 'storeorch_applied', $applied, false );
}

/**
 * Adds a filter before WordPress is there to do so.
 */
function storeorch_filter( string $name, callable $answer ): void {
	$GLOBALS['wp_filter'][ $name ][10]['storeorch'] = array(
		'function'      => $answer,
		'accepted_args' => 1,
	);
}

// What WordPress takes from a request.
$storeorch_address = parse_url( getenv( 'STORE_URL' ) );
$_SERVER          += array(
	'HTTP_HOST'       => $storeorch_address['host'],
	'SERVER_NAME'     => $storeorch_address['host'],
	'SERVER_PROTOCOL' => 'HTTP/1.1',
	'REQUEST_METHOD'  => 'GET',
	'REQUEST_URI'     => '/',
	'REMOTE_ADDR'     => '127.0.0.1',
);
// What is to be updated in the database is updated here, and not by and by in the background.
storeorch_filter( 'woocommerce_enable_auto_update_db', fn() => false );
// The permalinks are set below; WordPress would find out by asking a server that does not answer yet.
if ( defined( 'WP_INSTALLING' ) ) {
	storeorch_filter( 'pre_option_permalink_structure', fn() => '/%postname%/' );
}

require getenv( 'WORDPRESS_DIR' ) . '/wp-load.php';
