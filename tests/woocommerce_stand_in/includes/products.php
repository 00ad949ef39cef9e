<?php
/**
 * Products: a post type, and the few methods of a simple product.
 */
add_action(
	'init',
	function () {
		register_post_type(
			'product',
			array(
				'label'       => 'Products',
				'public'      => true,
				'has_archive' => 'shop',
				'rewrite'     => array( 'slug' => 'product' ),
				'supports'    => array( 'title', 'editor' ),
			)
		);
	}
);

final class WC_Product_Simple {
	private array $post = array( 'post_type' => 'product' );
	private array $meta = array();

	public function set_name( string $name ): void {
		$this->post['post_title'] = $name;
	}

	public function set_description( string $text ): void {
		$this->post['post_content'] = $text;
	}

	public function set_status( string $status ): void {
		$this->post['post_status'] = $status;
	}

	public function set_sku( string $sku ): void {
		$this->meta['_sku'] = $sku;
	}

	public function set_regular_price( string $price ): void {
		$this->meta['_price'] = $price;
	}

	public function set_virtual( bool $is ): void {
		$this->meta['_virtual'] = $is ? 'yes' : 'no';
	}

	public function save(): int {
		$id = wp_insert_post( $this->post );
		foreach ( $this->meta as $key => $value ) {
			update_post_meta( $id, $key, $value );
		}
		return $id;
	}
}

function wc_get_product_id_by_sku( string $sku ): int {
	$found = get_posts(
		array(
			'post_type'   => 'product',
			'post_status' => 'any',
			'meta_key'    => '_sku',
			'meta_value'  => $sku,
			'fields'      => 'ids',
		)
	);
	return $found[0] ?? 0;
}
