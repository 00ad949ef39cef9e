<?php
/**
 * The part of the Store API that an order by cash on delivery needs.
 *
 * A cart is known by the token that the first answer carries; it is kept for an hour.
 */
function stand_in_product( WP_Post $post ): array {
	return array(
		'id'        => $post->ID,
		'name'      => $post->post_title,
		'sku'       => get_post_meta( $post->ID, '_sku', true ),
		'permalink' => get_permalink( $post ),
		'prices'    => array(
			'price'         => (string) ( 100 * (int) get_post_meta( $post->ID, '_price', true ) ),
			'currency_code' => get_option( 'woocommerce_currency', 'USD' ),
		),
	);
}

function stand_in_cart( WP_REST_Request $request ): array {
	$token = (string) $request->get_header( 'Cart-Token' );
	$known = preg_match( '/^[a-z0-9]{32}$/i', $token ) ? get_transient( "cart_$token" ) : false;
	return is_array( $known ) ? array( $token, $known ) : array( wp_generate_password( 32, false ), array() );
}

function stand_in_answer( string $token, array $items ): WP_REST_Response {
	set_transient( "cart_$token", $items, HOUR_IN_SECONDS );
	$body = array( 'items' => $items, 'items_count' => array_sum( array_column( $items, 'quantity' ) ) );
	return new WP_REST_Response( $body, 200, array( 'Cart-Token' => $token ) );
}

function stand_in_route( string $method, string $path, callable $answer ): void {
	register_rest_route(
		'wc/store/v1',
		$path,
		array(
			'methods'             => $method,
			'callback'            => $answer,
			'permission_callback' => '__return_true',
		)
	);
}

add_action(
	'rest_api_init',
	function () {
		stand_in_route(
			'GET',
			'/products',
			fn() => array_map( 'stand_in_product', get_posts( array( 'post_type' => 'product', 'numberposts' => 50 ) ) )
		);
		stand_in_route( 'GET', '/cart', fn( $request ) => stand_in_answer( ...stand_in_cart( $request ) ) );
		stand_in_route(
			'POST',
			'/cart/add-item',
			function ( $request ) {
				list( $token, $items ) = stand_in_cart( $request );
				$post                  = get_post( (int) $request['id'] );
				if ( ! $post || 'product' !== $post->post_type ) {
					return new WP_Error( 'no_such_product', 'No such product', array( 'status' => 404 ) );
				}
				$items[]  = array( 'id' => $post->ID, 'name' => $post->post_title, 'quantity' => (int) $request['quantity'] );
				$response = stand_in_answer( $token, $items );
				$response->set_status( 201 );
				return $response;
			}
		);
		stand_in_route(
			'POST',
			'/checkout',
			function ( $request ) {
				list( , $items ) = stand_in_cart( $request );
				$cash            = get_option( 'woocommerce_cod_settings', array() );
				if ( ! $items || 'cod' !== $request['payment_method'] || 'yes' !== ( $cash['enabled'] ?? 'no' ) ) {
					return new WP_Error( 'not_possible', 'Empty cart, or no such payment', array( 'status' => 400 ) );
				}
				$to = (array) $request['billing_address'];
				$id = wp_insert_post(
					array(
						'post_type'   => 'shop_order',
						'post_status' => 'wc-processing',
						'post_title'  => sanitize_text_field( "{$to['first_name']} {$to['last_name']}" ),
					)
				);
				return array(
					'order_id'       => $id,
					'status'         => 'processing',
					'payment_method' => 'cod',
				);
			}
		);
	}
);
