<?php
/**
 * The shop: WooCommerce's tables, its settings, a sample product.
 */
require __DIR__ . '/install-common.php';
require_once ABSPATH . 'wp-admin/includes/plugin.php';

if ( ! defined( 'WC_VERSION' ) ) {
	storeorch_fail( 'WooCommerce does not load' );
}

// -- tables -------------------------------------------------------------------------------------------

if ( WC_VERSION !== get_option( 'woocommerce_version' ) ) {
	WC_Install::install();
}
if ( WC_Install::needs_db_update() ) {
	storeorch_serve( false );
	$from = get_option( 'woocommerce_db_version' );
	require_once WP_PLUGIN_DIR . '/woocommerce/includes/wc-update-functions.php';
	foreach ( WC_Install::get_db_update_callbacks() as $version => $updates ) {
		if ( version_compare( $from, $version, '>=' ) ) {
			continue;
		}
		foreach ( $updates as $update ) {
			// One that has more to do says so.
			do {
				$more = (bool) $update();
			} while ( $more );
		}
	}
	WC_Install::update_db_version();
	echo "the database is updated from WooCommerce $from\n";
}

// -- settings -----------------------------------------------------------------------------------------

/**
 * Writes an option where it is declared anew.
 */
function storeorch_setting( string $option, string $value ): void {
	if ( storeorch_declared_anew( $option, $value ) ) {
		update_option( $option, $value );
		storeorch_remember( $option, $value );
		echo "$option is set\n";
	}
}

storeorch_setting( 'blogname', getenv( 'STORE_TITLE' ) );
storeorch_setting( 'admin_email', getenv( 'STORE_ADMIN_EMAIL' ) );
storeorch_setting( 'woocommerce_default_country', getenv( 'STORE_COUNTRY' ) );
storeorch_setting( 'woocommerce_currency', getenv( 'STORE_CURRENCY' ) );
// New shops hide behind "coming soon".
storeorch_setting( 'woocommerce_coming_soon', 'no' );
storeorch_setting( 'woocommerce_store_pages_only', 'no' );
storeorch_setting( 'woocommerce_allow_tracking', 'no' );
storeorch_setting( 'woocommerce_show_marketplace_suggestions', 'no' );

if ( storeorch_declared_anew( 'cash_on_delivery', 'yes' ) ) {
	$cash = get_option( 'woocommerce_cod_settings', array() );
	update_option(
		'woocommerce_cod_settings',
		array_merge(
			is_array( $cash ) ? $cash : array(),
			array(
				'enabled'            => 'yes',
				'enable_for_virtual' => 'yes',
			)
		)
	);
	storeorch_remember( 'cash_on_delivery', 'yes' );
	echo "cash on delivery is on\n";
}
if ( storeorch_declared_anew( 'onboarding', 'skipped' ) ) {
	$profile = get_option( 'woocommerce_onboarding_profile', array() );
	update_option( 'woocommerce_onboarding_profile', array_merge( (array) $profile, array( 'skipped' => true ) ) );
	storeorch_remember( 'onboarding', 'skipped' );
}
delete_transient( '_wc_activation_redirect' );

// The addresses of products: their rules are known now that WooCommerce was there from the start.
flush_rewrite_rules( false );

// -- sample product -----------------------------------------------------------------------------------

if ( 'true' === getenv( 'STORE_SAMPLE_PRODUCT' ) && storeorch_declared_anew( 'sample_product', 'yes' ) ) {
	if ( ! wc_get_product_id_by_sku( 'storeorch-sample' ) ) {
		$product = new WC_Product_Simple();
		$product->set_name( 'Sample product' );
		$product->set_sku( 'storeorch-sample' );
		$product->set_description( 'A first product, to try the shop with. Change it, or delete it.' );
		$product->set_regular_price( '10' );
		// Nothing to ship: a new shop has no shipping zones.
		$product->set_virtual( true );
		$product->set_status( 'publish' );
		if ( ! $product->save() ) {
			storeorch_fail( 'the sample product cannot be saved' );
		}
		echo "the sample product is there\n";
	}
	storeorch_remember( 'sample_product', 'yes' );
}
storeorch_done();
