#!/bin/bash
# The health check of the database of `make up`, or of DATABASE_URL.
set -euo pipefail
# shellcheck source=scripts/environment.sh
source "$(dirname "$0")/environment.sh"

"$ROOT/scripts/install.sh" client
need_database
exec "$VENV/bin/convo-tenancy" health "$@"
