<?php
/**
 * Puts the themes and languages that come with the image on the claim.
 *
 * One that is there is replaced where the image has another version of it, and kept otherwise. What
 * the shop's owner has added stays.
 *
 * Environment: CONTENT_FROM, CONTENT_TO.
 */
require __DIR__ . '/files.php';

/**
 * Returns the version that a theme says it has.
 */
function storeorch_theme_version( string $theme ): string {
	$about = is_file( "$theme/style.css" ) ? file_get_contents( "$theme/style.css", false, null, 0, 8192 ) : '';
	return preg_match( '/^[ \t\/*#@]*Version:\s*(\S+)/mi', $about, $found ) ? $found[1] : '';
}

$from = getenv( 'CONTENT_FROM' );
$to   = getenv( 'CONTENT_TO' );
foreach ( array( 'themes', 'plugins', 'uploads', 'upgrade' ) as $folder ) {
	storeorch_make_folder( "$to/$folder" );
}
foreach ( glob( "$from/themes/*", GLOB_ONLYDIR ) as $theme ) {
	$target = "$to/themes/" . basename( $theme );
	if ( is_dir( $target ) && storeorch_theme_version( $theme ) === storeorch_theme_version( $target ) ) {
		continue;
	}
	storeorch_replace_folder( $theme, $target );
	echo 'theme ', basename( $theme ), ' ', storeorch_theme_version( $theme ), "\n";
}
