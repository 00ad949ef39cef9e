#!/bin/bash
# Starts MariaDB; on an empty volume it first makes the database and the user that were asked for.
#
# MYSQL_ROOT_PASSWORD, MYSQL_DATABASE, MYSQL_USER, MYSQL_PASSWORD as in the official images.
# Arguments go to the server.
set -euo pipefail

data=/var/lib/mysql
# Written last: a server killed while it made its files begins anew.
made=$data/.storeorch-made

quoted() {
	local text=${1//\\/\\\\}
	printf "'%s'" "${text//\'/\\\'}"
}

if [ ! -e "$made" ]; then
	echo "making the database"
	find "$data" -mindepth 1 -delete
	# Forced, or it refuses where the pod's own name cannot be looked up.
	if ! said=$(mariadb-install-db --datadir="$data" --force --skip-test-db \
		--auth-root-authentication-method=normal 2>&1); then
		echo "$said" >&2
		exit 1
	fi
	{
		# Everyone but root over the socket, who gets a password below.
		echo "DELETE FROM mysql.global_priv WHERE NOT (User = 'root' AND Host = 'localhost')"
		echo "  AND User <> 'mariadb.sys';"
		echo "FLUSH PRIVILEGES;"
		echo "CREATE DATABASE \`${MYSQL_DATABASE:?}\`;"
		echo "CREATE USER $(quoted "${MYSQL_USER:?}")@'%' IDENTIFIED BY $(quoted "${MYSQL_PASSWORD:?}");"
		echo "GRANT ALL ON \`$MYSQL_DATABASE\`.* TO $(quoted "$MYSQL_USER")@'%';"
		echo "ALTER USER root@localhost IDENTIFIED BY $(quoted "${MYSQL_ROOT_PASSWORD:?}");"
	} | mariadbd --bootstrap --datadir="$data"
	touch "$made"
fi

exec mariadbd --datadir="$data" --skip-name-resolve --bind-address=0.0.0.0 --socket=/run/mysqld/mysqld.sock \
	--pid-file=/run/mysqld/mysqld.pid --character-set-server=utf8mb4 \
	--collation-server=utf8mb4_unicode_ci "$@"
