#!/bin/bash
# The pgTAP tests: for each tag a database deployed to it. There run
#   tests/pgtap/<room>/behaviour   of the rooms that the tag completes; they bring rows of their own
#   tests/pgtap/<room>/schema      of all rooms that are complete there; they only look
#   tests/pgtap/every_phase
#
#   scripts/pgtap.sh [ROOM]    one room alone, at the tag that completes it; all of them by default
set -euo pipefail
# shellcheck source=scripts/environment.sh
source "$(dirname "$0")/environment.sh"
cd "$ROOT"

wanted=${1:-}
parts=$(rooms | awk -v wanted="$wanted" '
    wanted == "" || $1 == wanted { names[$2] = names[$2] " " $1; if (!seen[$2]++) tags[++count] = $2 }
    END { for (i = 1; i <= count; i++) print tags[i] names[tags[i]] }
')
[[ -n $parts ]] || die "sqitch.plan has no room $wanted"

need_test_cluster
export SQITCH_FULLNAME=pgtap SQITCH_EMAIL=pgtap@localhost
server=$(scripts/cluster.sh url "$CONVO_TEST_CLUSTER" postgres)
number=0
while read -r tag completed <&3; do
    number=$((number + 1))
    echo "== pgTAP $number/$(wc -l <<<"$parts"): ${completed// /, }, deployed to $tag"
    database=pgtap_${tag#@}
    query "DROP DATABASE IF EXISTS $database WITH (FORCE)" "$server" 2>/dev/null
    query "CREATE DATABASE $database TEMPLATE template0" "$server"
    DATABASE_URL=$(scripts/cluster.sh url "$CONVO_TEST_CLUSTER" "$database")
    scripts/load-legacy.sh "$DATABASE_URL" minimal
    log=$(sqitch deploy --to "$tag" --set contract=yes --set legacy_quiet_period=0 --target "db:$DATABASE_URL" 2>&1) ||
        die "sqitch deploy --to $tag failed:"$'\n'"$log"
    folders=()
    for room in ${wanted:-$(rooms_at "$tag")}; do folders+=("tests/pgtap/$room/schema"); done
    for room in $completed; do folders+=("tests/pgtap/$room/behaviour"); done
    prove "${folders[@]}" tests/pgtap/every_phase
done 3<<<"$parts"
