<?php
/**
 * WordPress' configuration: the same text for every store, all that differs comes from the
 * environment. Nothing of a tenant's is ever evaluated as PHP.
 */
define( 'DB_HOST', getenv( 'WORDPRESS_DB_HOST' ) );
define( 'DB_NAME', getenv( 'WORDPRESS_DB_NAME' ) );
define( 'DB_USER', getenv( 'WORDPRESS_DB_USER' ) );
define( 'DB_PASSWORD', getenv( 'WORDPRESS_DB_PASSWORD' ) );
define( 'DB_CHARSET', 'utf8mb4' );
define( 'DB_COLLATE', '' );
$table_prefix = 'wp_';

// Keys that changed with every pod would log everyone out at each restart.
foreach ( array( 'AUTH', 'SECURE_AUTH', 'LOGGED_IN', 'NONCE' ) as $storeorch_name ) {
	define( "{$storeorch_name}_KEY", getenv( "WORDPRESS_{$storeorch_name}_KEY" ) );
	define( "{$storeorch_name}_SALT", getenv( "WORDPRESS_{$storeorch_name}_SALT" ) );
}

define( 'WP_HOME', getenv( 'STORE_URL' ) );
define( 'WP_SITEURL', getenv( 'STORE_URL' ) );
// Encryption ends at the ingress, which says so in this header.
if ( 'https' === strtolower( trim( explode( ',', $_SERVER['HTTP_X_FORWARDED_PROTO'] ?? '' )[0] ) ) ) {
	$_SERVER['HTTPS'] = 'on';
}

define( 'WP_HTTP_BLOCK_EXTERNAL', 'true' !== getenv( 'STORE_EXTERNAL_REQUESTS' ) );
// The image brings core, and it is read-only there.
define( 'AUTOMATIC_UPDATER_DISABLED', true );
define( 'WP_AUTO_UPDATE_CORE', false );
// A stolen admin session must not be able to write PHP from the dashboard's editor.
define( 'DISALLOW_FILE_EDIT', true );
// The process owns wp-content: no FTP credentials to ask for.
define( 'FS_METHOD', 'direct' );
define( 'WP_MEMORY_LIMIT', '256M' );
define( 'WPMU_PLUGIN_DIR', getenv( 'STORE_FILES' ) . '/mu-plugins' );

if ( ! defined( 'ABSPATH' ) ) {
	define( 'ABSPATH', getenv( 'WORDPRESS_DIR' ) . '/' );
}
require_once ABSPATH . 'wp-settings.php';
