"""The store type ``woocommerce``: WordPress with WooCommerce on MySQL."""

from storeorch_woocommerce.plugin import WooCommerce, WooCommerceParameters

__all__ = ["WooCommerce", "WooCommerceParameters"]
