#!/bin/bash
# From nothing to a legacy database with per-shop profiles, checked. Running it again is harmless.
set -euo pipefail
# shellcheck source=scripts/environment.sh
source "$(dirname "$0")/environment.sh"
cd "$ROOT"

# Who deployed, in Sqitch's log, unless this person has told Sqitch already.
name_deployer() {
    [[ -n $(sqitch config --get user.name 2>/dev/null) ]] || export SQITCH_FULLNAME=${SQITCH_FULLNAME:-make up}
    [[ -n $(sqitch config --get user.email 2>/dev/null) ]] || export SQITCH_EMAIL=${SQITCH_EMAIL:-make-up@localhost}
}

load_legacy() {
    local marker tables customers owner
    marker=$(query "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = current_database()")
    if [[ $marker == 'convo-tenancy sample data' ]]; then
        echo "The recorded legacy database is loaded already"
        return
    fi
    if [[ $(query "SELECT to_regclass('public.customers') IS NOT NULL") == t ]]; then
        customers=$(query 'SELECT count(*) FROM public.customers')
        ((customers == 0)) ||
            die "this database holds customers that make up did not load ($customers of them), so nothing was done: deploy as docs/phase-1.md says, or name an empty database in DATABASE_URL"
    fi
    tables=$(query "SELECT count(*) FROM pg_catalog.pg_tables
        WHERE schemaname NOT IN ('pg_catalog', 'information_schema')")
    ((tables == 0)) ||
        die "this database holds tables that make up did not load ($tables of them), so nothing was done: name an empty database in DATABASE_URL"
    # A superuser's tables would make the SQL API a superuser's.
    owner=
    if [[ $(query 'SELECT rolsuper FROM pg_roles WHERE rolname = current_user') == t ]]; then owner=convo_owner; fi
    echo "Loading the recorded legacy database"
    scripts/load-legacy.sh "$DATABASE_URL" recorded "$owner"
}

# As far as a plain deploy goes: the newest tag short of the contract.
deploy() {
    local tag
    tag=$(awk '/^@phase/ && $1 != "@phase3" { tag = $1 } END { print tag }' sqitch.plan)
    [[ -n $tag ]] || die 'sqitch.plan has no tag to deploy to'
    echo "Deploying to $tag"
    sqitch deploy --to "$tag" --target "db:$DATABASE_URL" && return
    if [[ -n $PRIVATE ]]; then
        die 'sqitch deploy failed, see above. If this database was deployed from an older plan: make down && make up'
    fi
    die 'sqitch deploy failed, see above'
}

# The sample's, whose tables an ordinary role has.
isolate() {
    echo 'Turning isolation on'
    query 'CALL tenancy.enforce_isolation()' || die 'isolation was not turned on, see above'
}

exec 8<"$ROOT/scripts/up.sh"
flock 8 # of two at once, the second waits and finds nothing to do
if [[ -n $PRIVATE ]]; then
    need_server server
    scripts/cluster.sh start "$PRIVATE_CLUSTER" 8<&- # or the server would hold the lock
    postgres=$(scripts/cluster.sh url "$PRIVATE_CLUSTER" postgres)
    echo "PostgreSQL runs in $PRIVATE_CLUSTER"
    if [[ $(query "SELECT count(*) FROM pg_database WHERE datname = 'convo'" "$postgres") == 0 ]]; then
        query 'CREATE DATABASE convo TEMPLATE template0' "$postgres"
    fi
else
    scripts/install.sh client
    need_database
fi
load_legacy
name_deployer
deploy
isolate
rc=0
.venv/bin/convo-tenancy health || rc=$?
((rc <= 1)) || die "the health check failed (exit code $rc), see above"

cat <<TEXT

What next:
  make psql          look at public.customer_shop_profiles and tenancy.drift
  make health        the same check again
  docs/tutorial.md   walks through all of it
TEXT
if [[ -n $PRIVATE ]]; then echo '  make down          stop the private PostgreSQL and delete its data'; fi
echo
.venv/bin/convo-tenancy status
