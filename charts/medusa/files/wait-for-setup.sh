# Returns when the setup of this image is done in the database (PGHOST, PGUSER, PGPASSWORD and
# PGDATABASE tell psql where that is; SETUP_REVISION names the setup).
#
# It is waited for without end: the Job that does it tells itself what ails it. Refused credentials
# are different, for no waiting mends them: exit 1, and the crash loop shows.
attempt=0
question="SELECT 1 FROM storeorch_setup WHERE part = '$SETUP_REVISION'"
until answer="$(psql --no-psqlrc --quiet --tuples-only --no-align --command="$question" 2>&1)" &&
  [ "$answer" = 1 ]; do
  case "$answer" in
    *'authentication failed'*)
      echo 'the database refuses the credentials' >&2
      exit 1
      ;;
  esac
  if [ $((attempt % 15)) -eq 0 ]; then
    echo 'waiting for the setup'
  fi
  attempt=$((attempt + 1))
  sleep 2
done
echo 'the setup is done'
