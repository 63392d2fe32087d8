#!/bin/bash
# Every test, on a throwaway cluster that is gone afterwards. The private one of `make up` is not touched.
set -euo pipefail
# shellcheck source=scripts/environment.sh
source "$(dirname "$0")/environment.sh"
cd "$ROOT"

scripts/install.sh server
PG_BINDIR=$(newest_server) # which may be there only now
need_test_cluster
scripts/pgtap.sh
.venv/bin/pytest --numprocesses 3 --dist loadfile "$@"
