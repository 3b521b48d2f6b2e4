#!/bin/bash
# Each database server runs this once, when its data directory is created: the password with which it connects to others.
set -euo pipefail
umask 077
printf '*:*:*:%s:%s\n' "$POSTGRES_USER" "$(cat "$POSTGRES_PASSWORD_FILE")" > "$PGPASSFILE"
