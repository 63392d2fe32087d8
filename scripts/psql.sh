#!/bin/bash
# A psql session in the database of `make up`, or in DATABASE_URL.
set -euo pipefail
# shellcheck source=scripts/environment.sh
source "$(dirname "$0")/environment.sh"

"$ROOT/scripts/install.sh" client
need_database
exec psql "$DATABASE_URL" "$@"
