#!/bin/bash
# Tells the coordinator its own name, by which the workers find it, and the workers named as arguments. Run again with
# more of them, it adds those.
set -euo pipefail
PGPASSWORD=$(cat "$POSTGRES_PASSWORD_FILE")
export PGPASSWORD
sql() { psql --no-psqlrc --quiet --tuples-only --set=ON_ERROR_STOP=1 "$@"; }

sql --set=host="$PGHOST" <<< "SELECT citus_set_coordinator_host(:'host');"
for worker in "$@"; do
    sql --set=host="$worker" <<< "SELECT citus_add_node(:'host', 5432);"
done
sql <<< "SELECT nodename, nodeport, shouldhaveshards FROM pg_dist_node ORDER BY groupid;"
