#!/usr/bin/env bash
# Run by the image of PostgreSQL when it makes a new database: lets standbys stream from it.
set -euo pipefail
echo "host replication all all scram-sha-256" >>"$PGDATA/pg_hba.conf"
