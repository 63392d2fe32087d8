#!/bin/bash
# The pgTAP tests: for each phase a database deployed to its tag, for the tests in tests/pgtap/<phase>/schema, which only
# look, and tests/pgtap/<phase>/behaviour, which bring rows of their own. tests/pgtap/every_phase/ runs at every tag.
#
#   scripts/pgtap.sh [PHASE]    a phase by its folder's name; all of them by default
set -euo pipefail
# shellcheck source=scripts/environment.sh
source "$(dirname "$0")/environment.sh"
cd "$ROOT"

need_test_cluster
export SQITCH_FULLNAME=pgtap SQITCH_EMAIL=pgtap@localhost
server=$(scripts/cluster.sh url "$CONVO_TEST_CLUSTER" postgres)
ran=
while read -r phase tag <&3; do
    if [[ ${1:-$phase} != "$phase" ]]; then continue; fi
    ran=yes
    echo "== pgTAP: $phase, deployed to $tag"
    database=pgtap_$phase
    query "DROP DATABASE IF EXISTS $database WITH (FORCE)" "$server" 2>/dev/null
    query "CREATE DATABASE $database TEMPLATE template0" "$server"
    DATABASE_URL=$(scripts/cluster.sh url "$CONVO_TEST_CLUSTER" "$database")
    scripts/load-legacy.sh "$DATABASE_URL" minimal
    log=$(sqitch deploy --to "$tag" --set contract=yes --target "db:$DATABASE_URL" 2>&1) ||
        die "sqitch deploy --to $tag failed:"$'\n'"$log"
    folders=("tests/pgtap/$phase/schema" "tests/pgtap/$phase/behaviour")
    if [[ -d tests/pgtap/every_phase ]]; then folders+=(tests/pgtap/every_phase); fi
    prove "${folders[@]}"
done 3< <(phases)
[[ -n $ran ]] || die "sqitch.plan has no tag that ends a phase ${1:-}"
