#!/bin/bash
# Stops the private PostgreSQL of `make up` and deletes it.
set -euo pipefail
# shellcheck source=scripts/environment.sh
source "$(dirname "$0")/environment.sh"

[[ -n $PRIVATE ]] || die 'DATABASE_URL is set, and that database is not ours to stop: unset DATABASE_URL to take the private one down'
if [[ ! -e $PRIVATE_CLUSTER ]]; then
    echo "Nothing to do: there is no private PostgreSQL in $PRIVATE_CLUSTER"
    exit
fi
"$ROOT/scripts/cluster.sh" remove "$PRIVATE_CLUSTER"
echo "Stopped the private PostgreSQL and deleted its data in $PRIVATE_CLUSTER"
