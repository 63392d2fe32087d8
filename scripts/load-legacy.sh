#!/bin/bash
# Loads a legacy database into the empty database URL, all of it or nothing:
#
#   scripts/load-legacy.sh URL minimal            the schema and one shop, number 1
#   scripts/load-legacy.sh URL recorded           the schema and what the application recorded; marked as sample data
#   scripts/load-legacy.sh URL recorded OWNER     the same, as tables of this role, which is made where it is missing
set -euo pipefail
legacy=$(cd "$(dirname "$0")/../tests/legacy" && pwd)
url=$1 kind=$2 owner=${3:-}

{
    if [[ -n $owner ]]; then
        cat <<'SQL'
SELECT to_regrole(quote_ident(:'owner')) IS NULL AS is_missing \gset
\if :is_missing
CREATE ROLE :"owner" NOLOGIN;
\endif
GRANT USAGE, CREATE ON SCHEMA public TO :"owner";
SET ROLE :"owner";
SQL
    fi
    cat "$legacy/schema.sql"
    case $kind in
        minimal) echo "INSERT INTO public.shops (name) VALUES ('Salon 0');" ;;
        recorded)
            # Without pg_dump's \restrict lines: a psql from before August 2025 does not know them.
            gzip -dc "$legacy/recorded.sql.gz" | sed -E '/^\\(un)?restrict /d'
            # What make up goes by: it loads nothing into a database that somebody else filled.
            echo 'RESET ROLE;'
            echo "COMMENT ON DATABASE :\"DBNAME\" IS 'convo-tenancy sample data';"
            ;;
    esac
} | PGOPTIONS="${PGOPTIONS:-} -c client_min_messages=warning" \
    psql -X -q -v ON_ERROR_STOP=1 -v owner="$owner" --single-transaction -d "$url" -f - >/dev/null
