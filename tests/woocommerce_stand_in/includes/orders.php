<?php
/**
 * Orders: a post type, and a list of them in the administration.
 */
add_action(
	'init',
	function () {
		register_post_type( 'shop_order', array( 'label' => 'Orders' ) );
		register_post_status( 'wc-processing', array( 'label' => 'Processing' ) );
	}
);

add_action(
	'admin_menu',
	function () {
		add_menu_page(
			'Orders',
			'Orders',
			'manage_options',
			'wc-orders',
			function () {
				echo '<h1>Orders</h1><table>';
				foreach ( get_posts( array( 'post_type' => 'shop_order', 'post_status' => 'wc-processing', 'numberposts' => 50 ) ) as $order ) {
					printf( '<tr id="order-%d"><td>#%1$d</td><td>%s</td><td>Processing</td></tr>', $order->ID, esc_html( $order->post_title ) );
				}
				echo '</table>';
			}
		);
	}
);
