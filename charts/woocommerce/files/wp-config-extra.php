<?php
define( 'WP_HOME', getenv( 'STORE_URL' ) );
define( 'WP_SITEURL', getenv( 'STORE_URL' ) );
define( 'WP_HTTP_BLOCK_EXTERNAL', getenv( 'STORE_EXTERNAL_REQUESTS' ) !== 'true' );
// The image brings new versions of core; a pod that updated itself would lose the update again.
define( 'AUTOMATIC_UPDATER_DISABLED', true );
// A stolen admin session must not be able to write PHP from the dashboard's editor.
define( 'DISALLOW_FILE_EDIT', true );
// The process owns wp-content: no FTP credentials to ask for.
define( 'FS_METHOD', 'direct' );
