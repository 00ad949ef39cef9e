<?php
/**
 * The files of WooCommerce: out of the image where it has them, else from an address, checked against
 * its checksum. A newer version replaces an older one; nothing is ever put back to an older one.
 */
define( 'WP_INSTALLING', true );
require __DIR__ . '/install-common.php';
require __DIR__ . '/files.php';

/**
 * Returns the version that the text of a plugin's main file names; empty if none.
 */
function storeorch_plugin_version( string $text ): string {
	return preg_match( '/^[ \t\/*#@]*Version:\s*(\S+)/mi', substr( $text, 0, 8192 ), $found ) ? $found[1] : '';
}

/**
 * Returns the version of a plugin's folder; empty where there is none.
 */
function storeorch_folder_version( string $folder ): string {
	$file = "$folder/woocommerce.php";
	return is_file( $file ) ? storeorch_plugin_version( (string) file_get_contents( $file ) ) : '';
}

/**
 * Unpacks an archive and returns the plugin's folder in it.
 */
function storeorch_unpack( string $archive, string $folder ): string {
	$zip = new ZipArchive();
	if ( true !== $zip->open( $archive, ZipArchive::RDONLY ) ) {
		storeorch_give_up( 'the archive of WooCommerce is not a zip archive' );
	}
	if ( ! $zip->extractTo( $folder ) ) {
		storeorch_fail( 'the archive of WooCommerce cannot be unpacked: is the volume full?' );
	}
	$zip->close();
	return "$folder/woocommerce";
}

/**
 * Fetches the archive and checks it.
 */
function storeorch_fetch( string $url, string $sha256, string $file ): void {
	echo "fetching $url\n";
	$out     = fopen( $file, 'wb' );
	$request = curl_init( $url );
	curl_setopt_array(
		$request,
		array(
			CURLOPT_FILE            => $out,
			CURLOPT_FAILONERROR     => true,
			CURLOPT_FOLLOWLOCATION  => true,
			CURLOPT_MAXREDIRS       => 5,
			CURLOPT_CONNECTTIMEOUT  => 20,
			CURLOPT_LOW_SPEED_LIMIT => 1024,
			CURLOPT_LOW_SPEED_TIME  => 60,
		)
	);
	$fetched = curl_exec( $request );
	fclose( $out );
	if ( ! $fetched ) {
		storeorch_fail( 'WooCommerce cannot be fetched: ' . curl_error( $request ) );
	}
	if ( ! hash_equals( $sha256, hash_file( 'sha256', $file ) ) ) {
		storeorch_give_up( "what was fetched from $url does not have the checksum that was declared" );
	}
}

/**
 * Returns a folder with the plugin, or null where what is in place is what is declared.
 */
function storeorch_source( string $scratch, string $present ): ?string {
	$image = getenv( 'WOOCOMMERCE_IN_IMAGE' );
	if ( is_dir( $image ) ) {
		return $image;
	}
	foreach ( array( $image, "$image.zip" ) as $archive ) {
		if ( is_file( $archive ) ) {
			return storeorch_unpack( $archive, $scratch );
		}
	}
	$url    = (string) getenv( 'WOOCOMMERCE_URL' );
	$sha256 = (string) getenv( 'WOOCOMMERCE_SHA256' );
	if ( '' === $url ) {
		storeorch_give_up( 'there is no WooCommerce: neither in the image nor at an address' );
	}
	if ( '' !== $present && ! storeorch_declared_anew( 'woocommerce', "$url $sha256" ) ) {
		return null;
	}
	storeorch_fetch( $url, $sha256, "$scratch/woocommerce.zip" );
	return storeorch_unpack( "$scratch/woocommerce.zip", $scratch );
}

$target  = WP_PLUGIN_DIR . '/woocommerce';
$scratch = WP_CONTENT_DIR . '/upgrade/storeorch';
$present = storeorch_folder_version( $target );
storeorch_remove_folder( $scratch );
storeorch_make_folder( $scratch );

$source = storeorch_source( $scratch, $present );
$wanted = null === $source ? $present : storeorch_folder_version( $source );
if ( '' === $wanted ) {
	storeorch_give_up( 'what is said to be WooCommerce is not: it has no woocommerce.php that names a version' );
}
if ( null === $source || ( '' !== $present && version_compare( $present, $wanted, '>=' ) ) ) {
	echo "WooCommerce $present is in place\n";
} else {
	if ( '' !== $present ) {
		storeorch_serve( false );
	}
	if ( str_starts_with( $source, $scratch ) ) {
		storeorch_put_in_place( $source, $target );
	} else {
		storeorch_replace_folder( $source, $target );
	}
	echo "WooCommerce $wanted is put in place\n";
}
storeorch_remember( 'woocommerce', getenv( 'WOOCOMMERCE_URL' ) . ' ' . getenv( 'WOOCOMMERCE_SHA256' ) );
storeorch_remove_folder( $scratch );
storeorch_done();
