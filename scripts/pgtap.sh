#!/bin/bash
# The pgTAP tests: for each tag a cluster with a database deployed to it. There run
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

export SQITCH_FULLNAME=pgtap SQITCH_EMAIL=pgtap@localhost
total=$(wc -l <<<"$parts")
printed=$(mktemp -d)
trap 'rm -rf "$printed"' EXIT

# Each part has a cluster of its own, for roles are a cluster's, and all run at once.
part() {
    local tag=$1 completed=$2 log folders=()
    need_test_cluster
    query "CREATE DATABASE pgtap TEMPLATE template0" "$(scripts/cluster.sh url "$CONVO_TEST_CLUSTER" postgres)"
    DATABASE_URL=$(scripts/cluster.sh url "$CONVO_TEST_CLUSTER" pgtap)
    scripts/load-legacy.sh "$DATABASE_URL" minimal
    log=$(sqitch deploy --no-verify --to "$tag" --set contract=yes --set legacy_quiet_period=0 --target "db:$DATABASE_URL" 2>&1) ||
        die "sqitch deploy --to $tag failed:"$'\n'"$log"
    for room in ${wanted:-$(rooms_at "$tag")}; do folders+=("tests/pgtap/$room/schema"); done
    for room in $completed; do folders+=("tests/pgtap/$room/behaviour"); done
    prove "${folders[@]}" tests/pgtap/every_phase
}

pids=() titles=()
while read -r tag completed <&3; do
    titles+=("${completed// /, }, deployed to $tag")
    part "$tag" "$completed" >"$printed/${#titles[@]}" 2>&1 &
    pids+=($!)
done 3<<<"$parts"
failed=()
for number in "${!pids[@]}"; do
    echo "== pgTAP $((number + 1))/$total: ${titles[number]}"
    wait "${pids[number]}" || failed+=("${titles[number]}")
    cat "$printed/$((number + 1))"
done
[[ ${#failed[@]} -eq 0 ]] || die "pgTAP failed: ${failed[*]}"
