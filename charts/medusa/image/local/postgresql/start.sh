#!/bin/sh
# Makes the database on the first start, and serves it.
#
# POSTGRES_USER, POSTGRES_PASSWORD and POSTGRES_DB say what to make, PGDATA where. The data is made
# in a folder beside PGDATA and takes its place when it is complete: a start that was killed
# half-way is followed by one that begins anew.
set -eu
: "${POSTGRES_USER:?}" "${POSTGRES_PASSWORD:?}" "${POSTGRES_DB:?}" "${PGDATA:?}"

if [ ! -s "$PGDATA/PG_VERSION" ]; then
  making="$PGDATA.making"
  rm -rf "$making"
  secret="$(mktemp)"
  printf '%s' "$POSTGRES_PASSWORD" >"$secret"
  initdb --pgdata="$making" --username="$POSTGRES_USER" --pwfile="$secret" \
    --auth-local=trust --auth-host=scram-sha-256 --encoding=UTF8 --no-sync >/dev/null
  rm -f "$secret"
  echo 'host all all all scram-sha-256' >>"$making/pg_hba.conf"
  if [ "$POSTGRES_DB" != postgres ]; then
    echo "CREATE DATABASE \"$POSTGRES_DB\"" |
      postgres --single -D "$making" -j postgres >/dev/null
  fi
  sync
  rmdir "$PGDATA" 2>/dev/null || true
  mv "$making" "$PGDATA"
fi
exec postgres -D "$PGDATA" -c listen_addresses='*' "$@"
