<?php
/**
 * WooCommerce becomes active; a theme that the image no longer brings gives way to one that is there.
 * Permalinks are set before the next phase, for rules are made only where they are in use.
 */
require __DIR__ . '/install-common.php';
require_once ABSPATH . 'wp-admin/includes/plugin.php';

if ( ! wp_get_theme()->exists() ) {
	$there = array_keys( wp_get_themes() );
	if ( ! $there ) {
		storeorch_give_up( 'there is no theme: neither in the image nor on the volume' );
	}
	switch_theme( in_array( WP_DEFAULT_THEME, $there, true ) ? WP_DEFAULT_THEME : end( $there ) );
}

if ( storeorch_declared_anew( 'permalinks', '/%postname%/' ) ) {
	$GLOBALS['wp_rewrite']->set_permalink_structure( '/%postname%/' );
	storeorch_remember( 'permalinks', '/%postname%/' );
}

$possible = validate_plugin_requirements( STOREORCH_PLUGIN );
if ( is_wp_error( $possible ) ) {
	storeorch_give_up( wp_strip_all_tags( $possible->get_error_message() ) );
}
if ( is_plugin_active( STOREORCH_PLUGIN ) ) {
	echo "WooCommerce is active already\n";
	storeorch_done();
}
$activated = activate_plugin( STOREORCH_PLUGIN );
if ( is_wp_error( $activated ) ) {
	storeorch_fail( 'WooCommerce cannot be activated: ' . wp_strip_all_tags( $activated->get_error_message() ) );
}
echo "WooCommerce is active\n";
storeorch_done();
