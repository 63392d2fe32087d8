#!/bin/bash
# The source distribution and, made from it, the wheel of this checkout, in a folder:
#
#   scripts/wheel.sh [DIR]    dist by default
#
# Made from a copy: what an earlier build left in the checkout does not get in.
set -euo pipefail
# shellcheck source=scripts/environment.sh
source "$(dirname "$0")/environment.sh"

mkdir -p "${1:-$ROOT/dist}"
output=$(cd "${1:-$ROOT/dist}" && pwd)
"$VENV/bin/python" -c "import build" 2>/dev/null || "$ROOT/scripts/install.sh" venv
copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
cd "$ROOT"
parts=(pyproject.toml setup.py README.md LICENSE sqitch.conf sqitch.plan deploy revert verify scripts python)
changed=$(git status --porcelain --untracked-files=all -- "${parts[@]}" 2>/dev/null | wc -l) || changed=0 # without Git
((changed == 0)) || echo "wheel: warning: $changed files are packed that are not as committed: see git status" >&2
cp -R -P "${parts[@]}" "$copy"
rm -rf "$copy"/python/*.egg-info
log=$("$VENV/bin/python" -m build --no-isolation --outdir "$output" "$copy" 2>&1) || die "the build failed:"$'\n'"$log"
tail -n 1 <<<"$log"
