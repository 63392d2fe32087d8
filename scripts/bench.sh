#!/bin/bash
# The benchmarks, each on a throwaway cluster of its own making.
set -euo pipefail
# shellcheck source=scripts/environment.sh
source "$(dirname "$0")/environment.sh"

need_server server
cd "$ROOT"
exec "$VENV/bin/python" -m bench "$@"
