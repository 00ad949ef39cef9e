<?php
/**
 * Plugin Name: storeorch: requests of a store to itself
 * Description: Sends what WordPress asks of its own address (cron, REST) straight to its own Apache.
 *
 * Inside the cluster the store's host need not resolve, and policy closes the way out to the ingress
 * and back.
 */
defined( 'ABSPATH' ) || exit;

/**
 * Answers a request to the store's own address; every other one goes its usual way.
 *
 * @param false|array|WP_Error $answer What an earlier filter answered.
 * @param array                $how    The request's arguments.
 * @param string               $url    Its address.
 * @return false|array|WP_Error
 */
function storeorch_ask_oneself( $answer, $how, $url ) {
	$wanted = wp_parse_url( $url );
	$own    = wp_parse_url( getenv( 'STORE_URL' ) );
	$same   = is_array( $wanted )
		&& ( $wanted['host'] ?? '' ) === $own['host']
		&& ( $wanted['port'] ?? null ) === ( $own['port'] ?? null );
	if ( false !== $answer || ! $same ) {
		return $answer;
	}
	$path  = ( $wanted['path'] ?? '/' ) . ( isset( $wanted['query'] ) ? "?{$wanted['query']}" : '' );
	$given = is_array( $how['headers'] ?? null ) ? $how['headers'] : array();

	$how['headers']            = array_merge(
		$given,
		array(
			'Host'              => $own['host'] . ( isset( $own['port'] ) ? ":{$own['port']}" : '' ),
			'X-Forwarded-Proto' => $own['scheme'],
		)
	);
	$how['reject_unsafe_urls'] = false;
	// A redirection leads to the store's address again, and through here.
	return wp_remote_request( 'http://localhost:' . getenv( 'STORE_PORT' ) . $path, $how );
}

add_filter( 'pre_http_request', 'storeorch_ask_oneself', 10, 3 );
