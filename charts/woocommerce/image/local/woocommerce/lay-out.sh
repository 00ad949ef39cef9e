#!/bin/sh
# Puts core where the official image has it. Run once, while the image is built.
set -eu

if [ -f /usr/src/given/wp-load.php ]; then
	mv /usr/src/given /usr/src/wordpress
else
	rm -r /usr/src/given
	# Debian links to fonts, libraries and configuration elsewhere: follow the links that lead
	# somewhere, leave the others out.
	find /usr/share/wordpress -xtype l -delete
	cp -rL /usr/share/wordpress /usr/src/wordpress
	# Debian's own way to choose a configuration by host.
	rm -f /usr/src/wordpress/wp-config.php /usr/src/wordpress/.htaccess
fi
rm -rf /usr/share/wordpress
mkdir -p /usr/src/wordpress/wp-content/themes /usr/src/wordpress/wp-content/plugins
# A mount needs something to be mounted on.
touch /usr/src/wordpress/wp-config.php
mkdir -p /opt/storeorch

a2dismod -q -f status autoindex
a2enmod -q rewrite expires headers remoteip
