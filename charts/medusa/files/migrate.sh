# Brings the database up to this image: schema first, then the first admin user. Both may run any
# number of times.
set -eu
npx medusa db:migrate

# "medusa user" has no way to ask whether a user is there: it fails, and says so.
if answer="$(npx medusa user --email "$MEDUSA_ADMIN_EMAIL" --password "$MEDUSA_ADMIN_PASSWORD" 2>&1)"; then
  echo 'the admin user is created'
  exit 0
fi
case "$answer" in
  *'already exists'*)
    echo 'the admin user is there'
    ;;
  *)
    printf '%s\n' "$answer" >&2
    exit 1
    ;;
esac
