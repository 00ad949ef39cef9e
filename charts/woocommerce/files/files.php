<?php
/**
 * Folders on the claim: made, copied, replaced in one step. Whatever fails throws.
 */

/**
 * Makes a folder unless it is there.
 *
 * @throws RuntimeException When it cannot be made.
 */
function storeorch_make_folder( string $folder ): void {
	if ( ! is_dir( $folder ) && ! @mkdir( $folder, 0755, true ) && ! is_dir( $folder ) ) {
		throw new RuntimeException( "$folder cannot be made" );
	}
}

/**
 * Copies a folder and all below it.
 *
 * @throws RuntimeException When a file cannot be copied.
 */
function storeorch_copy_folder( string $from, string $to ): void {
	storeorch_make_folder( $to );
	foreach ( new FilesystemIterator( $from ) as $entry ) {
		$target = "$to/{$entry->getFilename()}";
		if ( $entry->isDir() ) {
			storeorch_copy_folder( $entry->getPathname(), $target );
		} elseif ( ! copy( $entry->getPathname(), $target ) ) {
			throw new RuntimeException( "$target cannot be written" );
		}
	}
}

/**
 * Removes a folder and all below it; one that is not there is fine.
 *
 * @throws RuntimeException When something stays.
 */
function storeorch_remove_folder( string $folder ): void {
	if ( ! is_dir( $folder ) ) {
		return;
	}
	foreach ( new FilesystemIterator( $folder ) as $entry ) {
		if ( $entry->isDir() && ! $entry->isLink() ) {
			storeorch_remove_folder( $entry->getPathname() );
		} elseif ( ! unlink( $entry->getPathname() ) ) {
			throw new RuntimeException( "{$entry->getPathname()} cannot be removed" );
		}
	}
	if ( ! rmdir( $folder ) ) {
		throw new RuntimeException( "$folder cannot be removed" );
	}
}

/**
 * Puts a folder in the place of another on the same volume; whoever is interrupted begins anew.
 *
 * @throws RuntimeException When it cannot be done.
 */
function storeorch_put_in_place( string $new, string $target ): void {
	$old = dirname( $target ) . '/.storeorch-old-' . basename( $target );
	storeorch_remove_folder( $old );
	if ( is_dir( $target ) && ! rename( $target, $old ) ) {
		throw new RuntimeException( "$target cannot be replaced" );
	}
	if ( ! rename( $new, $target ) ) {
		throw new RuntimeException( "$target cannot be replaced" );
	}
	storeorch_remove_folder( $old );
}

/**
 * Puts a copy of a folder in the place of another.
 *
 * @throws RuntimeException When it cannot be done.
 */
function storeorch_replace_folder( string $from, string $target ): void {
	$new = dirname( $target ) . '/.storeorch-new-' . basename( $target );
	storeorch_remove_folder( $new );
	storeorch_copy_folder( $from, $new );
	storeorch_put_in_place( $new, $target );
}
