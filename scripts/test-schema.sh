#!/bin/bash
# The pgTAP tests that only look at the schema, on DATABASE_URL, for the phase that is deployed there.
# Each test creates the extension pgtap and rolls back: the server must have it, the user must be allowed to.
set -euo pipefail
# shellcheck source=scripts/environment.sh
source "$(dirname "$0")/environment.sh"
cd "$ROOT"

scripts/install.sh client
need_database
tag='' # the last one whose changes all stand
if [[ $(query "SELECT to_regclass('tenancy.changes') IS NOT NULL") == t ]]; then
    tag=$(query "SELECT tag FROM tenancy.changes WHERE tag IS NOT NULL AND state = 'standing' ORDER BY position DESC LIMIT 1")
fi
[[ -n $tag ]] || die 'no phase is deployed in this database'

folders=()
for room in $(rooms_at "$tag"); do folders+=("tests/pgtap/$room/schema"); done
echo "== pgTAP: the schema at $tag"
prove "${folders[@]}" tests/pgtap/every_phase/schema
