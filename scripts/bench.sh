#!/bin/bash
# The benchmarks, each on a throwaway cluster of its own making.
set -euo pipefail
# shellcheck source=scripts/environment.sh
source "$(dirname "$0")/environment.sh"

[[ -e $ROOT/bench/run.py ]] || die 'there is no benchmark yet (bench/run.py)'
"$ROOT/scripts/install.sh" server
exec "$VENV/bin/python" "$ROOT/bench/run.py" "$@"
