#!/bin/bash
# The full cycle on a throwaway cluster with the recorded database: deploy and verify to each tag, the contract, and all the way back.
#
#   scripts/cycle.sh [FOLDER]    puts a dump of phase 2 into the folder, and restores those that older servers left there
set -euo pipefail
# shellcheck source=scripts/environment.sh
source "$(dirname "$0")/environment.sh"
cd "$ROOT"

need_server server
need_test_cluster
query 'CREATE DATABASE convo TEMPLATE template0' "$(scripts/cluster.sh url "$CONVO_TEST_CLUSTER" postgres)"
DATABASE_URL=$(scripts/cluster.sh url "$CONVO_TEST_CLUSTER" convo)
export SQITCH_TARGET="db:$DATABASE_URL" SQITCH_FULLNAME=cycle SQITCH_EMAIL=cycle@localhost
scripts/load-legacy.sh "$DATABASE_URL" recorded convo_owner

legacy_side() {
    query 'SELECT s.* FROM public.customer_booking_stats AS s ORDER BY s.customer_id'
    # Columns that came back stand last.
    query 'SELECT c.id, c.preferred_stylist_id, c.average_spend_cents, c.no_show_count FROM public.customers AS c ORDER BY c.id'
}

is_healthy() { # a warning is no fault: is_healthy [ARGUMENT...]
    "$VENV/bin/convo-tenancy" health "$@" || (($? == 1))
}

restore() { # restore DUMP
    local database url altered
    database=restored_$(basename "$1" .dump)
    query "CREATE DATABASE $database TEMPLATE template0"
    url=$(scripts/cluster.sh url "$CONVO_TEST_CLUSTER" "$database")
    pg_restore --exit-on-error --dbname "$url" "$1"
    echo "The dump $(basename "$1"), restored here:"
    is_healthy --database-url "$url"
    altered=$(PGOPTIONS='-c search_path=pg_catalog' query 'SELECT p.name, p.problem FROM tenancy.part_problems AS p' "$url")
    [[ -z $altered ]] || die "not as deployed after $(basename "$1") was restored: $altered"
}

before=$(legacy_side)
sqitch deploy --verify --to @phase1
sqitch deploy --verify --to @phase2
query 'CALL tenancy.enforce_isolation()'
is_healthy
if (($# == 1)); then
    for dump in "$1"/*.dump; do
        if [[ -e $dump ]]; then restore "$dump"; fi
    done
    pg_dump -Fc -d "$DATABASE_URL" -f "$1/$(server_version "$PG_BINDIR").dump"
fi
sqitch deploy --verify --set contract=yes --set legacy_quiet_period=0
is_healthy
sqitch revert -y --to @phase2
is_healthy
query 'CALL tenancy.relax_isolation()'
sqitch revert -y --to @phase1
sqitch revert -y
[[ $(legacy_side) == "$before" ]] || die 'the legacy side is not what it was'
echo "The cycle is through on PostgreSQL $(query 'SHOW server_version')"
