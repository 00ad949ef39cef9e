# Returns when the database accepts Medusa's own credentials (PGHOST, PGUSER, PGPASSWORD and
# PGDATABASE tell psql).
#
# A server that does not answer yet is waited for without end: its own pod tells what ails it.
# Refused credentials are different, for no waiting mends them: exit 1, and the crash loop shows.
attempt=0
until answer="$(psql --no-psqlrc --quiet --command='SELECT 1' 2>&1)"; do
  case "$answer" in
    *'authentication failed'*)
      echo 'the database refuses the credentials' >&2
      exit 1
      ;;
  esac
  if [ $((attempt % 15)) -eq 0 ]; then
    echo 'waiting for the database'
  fi
  attempt=$((attempt + 1))
  sleep 2
done
echo 'the database answers'
