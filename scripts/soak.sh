#!/bin/bash
# All of what make test takes a share of, on a throwaway cluster: races at length (RACE_TRANSACTIONS says how many transactions each), each
# statement stopped while each other one runs, each change half-way, the contract killed with the server at each statement, more histories.
set -euo pipefail
# shellcheck source=scripts/environment.sh
source "$(dirname "$0")/environment.sh"
cd "$ROOT"

need_server tests
export SOAK=1
mapfile -t files < <(grep -l '^from support\.soak' tests/python/test_*.py)
.venv/bin/pytest --timeout=14400 -s -v "${files[@]}" "$@" # -s: what they counted
