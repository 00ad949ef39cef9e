# Brings the database up to this image, then the shop into it; may run any number of times.
set -eu
# Without a terminal nobody can be asked: what loses data is left for a person to do.
medusa db:migrate --execute-safe-links --execute-safe-search
exec medusa exec ./src/scripts/setup.js
