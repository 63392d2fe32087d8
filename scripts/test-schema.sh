#!/bin/bash
# The pgTAP tests that only look at the schema, on DATABASE_URL, for the phase that is deployed there.
# Each test creates the extension pgtap and rolls back: the server must have it, the user must be allowed to.
set -euo pipefail
# shellcheck source=scripts/environment.sh
source "$(dirname "$0")/environment.sh"
cd "$ROOT"

scripts/install.sh client
need_database
deployed=
if [[ $(query "SELECT to_regclass('sqitch.tags') IS NOT NULL") == t ]]; then
    deployed=$(query 'SELECT tag FROM sqitch.tags')
fi
current='' # the last phase of the plan that this database has reached
while read -r phase tag <&3; do
    if grep -qxF "$tag" <<<"$deployed"; then current=$phase; fi
done 3< <(phases)
[[ -n $current ]] || die 'no phase is deployed in this database'

folders=("tests/pgtap/$current/schema")
if [[ -d tests/pgtap/every_phase/schema ]]; then folders+=(tests/pgtap/every_phase/schema); fi
echo "== pgTAP: the schema of phase $current"
prove "${folders[@]}"
