#!/bin/sh
# Builds server, admin and storefront out of this folder into another one, with nothing in it that
# only the build needs. Both Dockerfiles run it; it needs Node, npm and 2 GiB of memory.
#
# Usage: assemble.sh TARGET
set -eu
target=$1
cd "$(dirname "$0")"

npm ci --no-progress
npx medusa build
(cd storefront && npm ci --no-progress && npm run build)

# What "medusa build" leaves is a project of its own, which starts from its own folder.
mkdir -p "$target"
cp -R .medusa/server/. "$target"
cp -R storefront/dist "$target/public/storefront"
cp package.json "$target"
mv node_modules "$target"
node prune.mjs "$target"
cd "$target"

# "db:migrate" makes these folders where they are missing, and the root file system is read-only.
for module in node_modules/@medusajs/*/dist; do
  mkdir -p "$module/migrations"
done
# A claim is mounted here.
mkdir -p static
