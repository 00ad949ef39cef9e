<?php
/**
 * Plugin Name: WooCommerce stand-in
 * Description: Stands in for WooCommerce in tests: what the install job, the readiness question and an
 *              order by cash on delivery use of it, and nothing else. Not a shop.
 * Version: 1.0.0
 * Requires at least: 6.0
 * Requires PHP: 8.0
 *
 * Names of functions, options, addresses and fields are WooCommerce's public ones, so that one test
 * runs with either; the code is the project's own.
 */
defined( 'ABSPATH' ) || exit;

define( 'WC_VERSION', get_file_data( __FILE__, array( 'Version' => 'Version' ) )['Version'] );

require __DIR__ . '/includes/products.php';
require __DIR__ . '/includes/orders.php';
require __DIR__ . '/includes/store-api.php';

/**
 * Installing and updating.
 */
final class WC_Install {
	private const UPDATES = array( '2.0.0' => array( 'stand_in_update_2_0_0' ) );

	public static function install(): void {
		add_option( 'woocommerce_coming_soon', 'yes' );
		add_option( 'woocommerce_db_version', WC_VERSION );
		set_transient( '_wc_activation_redirect', 1, 30 );
		update_option( 'woocommerce_version', WC_VERSION );
	}

	public static function needs_db_update(): bool {
		foreach ( array_keys( self::UPDATES ) as $version ) {
			if ( version_compare( $version, WC_VERSION, '<=' )
				&& version_compare( get_option( 'woocommerce_db_version' ), $version, '<' ) ) {
				return true;
			}
		}
		return false;
	}

	public static function get_db_update_callbacks(): array {
		return self::UPDATES;
	}

	public static function update_db_version(): void {
		update_option( 'woocommerce_db_version', WC_VERSION );
	}
}

register_activation_hook( __FILE__, array( 'WC_Install', 'install' ) );

add_action(
	'template_redirect',
	function () {
		if ( 'no' !== get_option( 'woocommerce_coming_soon' ) ) {
			wp_die( 'Coming soon', '', array( 'response' => 200 ) );
		}
	}
);
