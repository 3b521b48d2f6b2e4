#!/bin/bash
# Registers the coordinator's host name, which the workers connect to, and the workers that are named as arguments. Run it
# again with more workers to add them.
set -euo pipefail
PGPASSWORD=$(cat "$POSTGRES_PASSWORD_FILE")
export PGPASSWORD
sql() { psql --no-psqlrc --quiet --tuples-only --set=ON_ERROR_STOP=1 "$@"; }

sql --set=host="$PGHOST" <<< "SELECT citus_set_coordinator_host(:'host');"
for worker in "$@"; do
    sql --set=host="$worker" <<< "SELECT citus_add_node(:'host', 5432);"
done
sql <<< "SELECT nodename, nodeport, shouldhaveshards FROM pg_dist_node ORDER BY groupid;"
