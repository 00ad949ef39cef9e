<?php
/**
 * Returns when the database accepts these credentials.
 *
 * A server that does not answer yet is waited for without end: its own pod tells what ails it.
 * Refused credentials are different, for no waiting mends them: exit 1, and the crash loop shows.
 */
require __DIR__ . '/database.php';

const ACCESS_DENIED          = 1045;
const DATABASE_ACCESS_DENIED = 1044;

for ( $attempt = 0; ; $attempt++ ) {
	try {
		storeorch_ask_database();
		echo "the database answers\n";
		exit( 0 );
	} catch ( mysqli_sql_exception $error ) {
		if ( in_array( $error->getCode(), array( ACCESS_DENIED, DATABASE_ACCESS_DENIED ), true ) ) {
			fwrite( STDERR, "the database refuses the credentials\n" );
			exit( 1 );
		}
		if ( 0 === $attempt % 15 ) {
			echo "waiting for the database\n";
		}
		sleep( 2 );
	}
}
