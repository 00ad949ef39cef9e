<?php
/**
 * Connects to the store's database, or says within seconds that it cannot.
 *
 * @throws mysqli_sql_exception When host, credentials or server fail.
 */
function storeorch_database(): mysqli {
	mysqli_report( MYSQLI_REPORT_ERROR | MYSQLI_REPORT_STRICT );
	$connection = mysqli_init();
	$connection->options( MYSQLI_OPT_CONNECT_TIMEOUT, 2 );
	$connection->options( MYSQLI_OPT_READ_TIMEOUT, 2 );
	$connection->real_connect(
		getenv( 'WORDPRESS_DB_HOST' ),
		getenv( 'WORDPRESS_DB_USER' ),
		getenv( 'WORDPRESS_DB_PASSWORD' ),
		getenv( 'WORDPRESS_DB_NAME' )
	);
	return $connection;
}

/**
 * Asks the database the one question that proves host, credentials and server at once.
 *
 * @throws mysqli_sql_exception When any of them fails.
 */
function storeorch_ask_database(): void {
	storeorch_database()->query( 'SELECT 1' );
}
