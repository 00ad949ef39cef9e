<?php
/**
 * Looks at the shop as it is now, in a fresh process, and opens it to visitors.
 *
 * A first installation has to be all that was declared. Later the shop belongs to its owner, who may
 * have switched payments or sold out: then it has to be up to date and to answer.
 */
require __DIR__ . '/install-common.php';
require_once ABSPATH . 'wp-admin/includes/plugin.php';

global $wp_db_version;
$first  = 'yes' !== get_option( 'storeorch_set_up' );
$answer = rest_do_request( new WP_REST_Request( 'GET', '/wc/store/v1/products' ) );
$cash   = get_option( 'woocommerce_cod_settings', array() );
$admin  = get_user_by( 'login', getenv( 'STORE_ADMIN_USER' ) );

$holds = array(
	'the database has the version of WordPress' => (int) get_option( 'db_version' ) === (int) $wp_db_version,
	'WooCommerce is active'                     => is_plugin_active( STOREORCH_PLUGIN ) && defined( 'WC_VERSION' ),
	'the database has the version of WooCommerce' => defined( 'WC_VERSION' )
		&& WC_VERSION === get_option( 'woocommerce_version' ) && ! WC_Install::needs_db_update(),
	'products can be asked for'                 => 200 === $answer->get_status(),
);
if ( $first ) {
	$holds += array(
		'the admin user has the generated password' => $admin
			&& wp_check_password( getenv( 'STORE_ADMIN_PASSWORD' ), $admin->user_pass, $admin->ID ),
		'the admin user may administer'    => $admin && user_can( $admin, 'manage_options' ),
		'the shop is not hidden'           => 'no' === get_option( 'woocommerce_coming_soon' ),
		'the currency is the declared one' => getenv( 'STORE_CURRENCY' ) === get_option( 'woocommerce_currency' ),
		'cash on delivery is on'           => 'yes' === ( $cash['enabled'] ?? 'no' ),
		'permalinks are set'               => '/%postname%/' === get_option( 'permalink_structure' ),
		'a product can be bought'          => 'true' !== getenv( 'STORE_SAMPLE_PRODUCT' )
			|| count( (array) $answer->get_data() ) >= 1,
	);
}
foreach ( $holds as $what => $held ) {
	echo $held ? 'yes  ' : 'NO   ', $what, "\n";
}
if ( in_array( false, $holds, true ) ) {
	storeorch_fail( 'the check has failed' );
}
update_option( 'storeorch_set_up', 'yes' );
storeorch_serve( true );
storeorch_done();
