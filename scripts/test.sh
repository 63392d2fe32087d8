#!/bin/bash
# Every test, on a throwaway cluster that is gone afterwards. The private one of `make up` is not touched.
set -euo pipefail
# shellcheck source=scripts/environment.sh
source "$(dirname "$0")/environment.sh"
cd "$ROOT"

need_server tests
echo '== Part 1 of 2: pgTAP, tag by tag'
scripts/pgtap.sh
echo '== Part 2 of 2: pytest, a dot a test, with the share that is done'
# With it, each worker would compile all tests anew.
unset PYTHONDONTWRITEBYTECODE
.venv/bin/pytest --numprocesses 3 --dist worksteal "$@"
