<?php
/**
 * WordPress itself: its tables, its first user, or the update of its tables to the image's version.
 */
define( 'WP_INSTALLING', true );

/**
 * In the place of WordPress' own: no letter, for nobody chose this password by hand.
 */
function wp_new_blog_notification() {}

/**
 * In the place of WordPress' own: no sample posts in a shop.
 */
function wp_install_defaults() {
	$term = term_exists( 'uncategorized', 'category' );
	if ( ! $term ) {
		$term = wp_insert_term( 'Uncategorized', 'category', array( 'slug' => 'uncategorized' ) );
	}
	update_option( 'default_category', (int) $term['term_id'] );
}

require __DIR__ . '/install-common.php';
require_once ABSPATH . 'wp-admin/includes/upgrade.php';

if ( ! is_blog_installed() || 'yes' !== get_option( 'storeorch_core' ) ) {
	$made = wp_install(
		getenv( 'STORE_TITLE' ),
		getenv( 'STORE_ADMIN_USER' ),
		getenv( 'STORE_ADMIN_EMAIL' ),
		true,
		'',
		getenv( 'STORE_ADMIN_PASSWORD' )
	);
	if ( ! $made['user_id'] || is_wp_error( $made['user_id'] ) ) {
		storeorch_fail( 'WordPress did not make its first user' );
	}
	update_option( 'storeorch_core', 'yes' );
	echo "WordPress $wp_version is installed\n";
} elseif ( (int) get_option( 'db_version' ) > (int) $wp_db_version ) {
	storeorch_give_up( "the database belongs to a newer WordPress than $wp_version of this image" );
} elseif ( (int) get_option( 'db_version' ) < (int) $wp_db_version ) {
	storeorch_serve( false );
	wp_upgrade();
	echo "the database is updated to WordPress $wp_version\n";
} else {
	echo "WordPress $wp_version is installed already\n";
}
// Other software reads the address from the database, which the configuration overrides.
foreach ( array( 'home', 'siteurl' ) as $name ) {
	update_option( $name, getenv( 'STORE_URL' ) );
}
storeorch_done();
