<?php
/**
 * Sets the store up, or brings it up to what the image and the release say: run as a Job.
 *
 * - Each phase looks before it acts, so that running it again, also after it was killed, is safe.
 * - What the shop's owner changed later stays: a setting is written when it is declared for the first
 *   time, and again only when its declaration changes.
 * - It ends with its own check, and with an exit code that says what is true: 0 the shop is there,
 *   42 trying again cannot help, anything else failed and may be tried again.
 *
 * Each phase is a process of its own, since WordPress loads plugins once, when it starts.
 */
const STOREORCH_PHASES = array( 'core', 'plugin', 'activate', 'shop', 'check' );

foreach ( STOREORCH_PHASES as $phase ) {
	echo "== $phase\n";
	$code = 0;
	passthru(
		implode(
			' ',
			array_map(
				'escapeshellarg',
				// The limit is for unpacking and for WooCommerce's first start; a page needs less.
				array( PHP_BINARY, '-d', 'memory_limit=768M', '-d', 'display_errors=0', '-d', 'log_errors=1', __DIR__ . "/install-$phase.php" )
			)
		),
		$code
	);
	if ( 0 !== $code ) {
		fwrite( STDERR, "the phase $phase has failed\n" );
		exit( $code );
	}
}
echo "the store is set up\n";
