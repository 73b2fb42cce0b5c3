#!/usr/bin/env bash
# A hot standby in PostgreSQL's own image:   standby.sh HOST USER SLOT
#
# The first start copies the primary, with PGPASSWORD; every other goes on where the last one ended. The slot makes the primary
# keep what the standby has not got yet; drop it (pg_drop_replication_slot) when the standby goes for good, or the disk of the primary fills.
set -euo pipefail
host=$1 user=$2 slot=$3

if [[ ! -s $PGDATA/PG_VERSION ]]; then
  mkdir -p "$PGDATA"
  chmod 700 "$PGDATA"
  create=(--create-slot)
  # A copy that broke off has made its slot already.
  exists=$(psql -h "$host" -U "$user" -d postgres -XtAc "select 1 from pg_replication_slots where slot_name = '$slot'")
  [[ -z $exists ]] || create=()
  # What an earlier attempt left is of no use.
  find "$PGDATA" -mindepth 1 -delete
  pg_basebackup --pgdata="$PGDATA" --dbname="host=$host user=$user application_name=$slot" --write-recovery-conf \
    --wal-method=stream --checkpoint=fast "${create[@]}" --slot="$slot" --no-password
fi
exec postgres -c hot_standby=on -c hot_standby_feedback=on
