#!/bin/bash
# Run by each database server once, when its directory is made: how it signs in at the others.
set -euo pipefail
umask 077
printf '*:*:*:%s:%s\n' "$POSTGRES_USER" "$(cat "$POSTGRES_PASSWORD_FILE")" > "$PGPASSFILE"
