#!/bin/bash
# The race tests at length, each statement stopped while each other one runs, and the contract killed with the server at every
# statement, on a throwaway cluster.
# RACE_TRANSACTIONS says how many transactions each.
set -euo pipefail
# shellcheck source=scripts/environment.sh
source "$(dirname "$0")/environment.sh"
cd "$ROOT"

scripts/install.sh server
PG_BINDIR=$(newest_server) # which may be there only now
need_test_cluster
export RACE_TRANSACTIONS=${RACE_TRANSACTIONS:-100000}
export KILL_SERVER_EVERY=1 LOCKS=all
.venv/bin/pytest --timeout=14400 -s -v tests/python/test_races.py tests/python/test_locks.py \
    tests/python/test_contract_killed.py "$@" # -s: what they counted
