# shellcheck shell=bash
# What every script here shares: where things are, and which database is meant. Sourced, never run.

die() {
    echo "$(basename "$0" .sh): $*" >&2
    exit 1
}

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
export VENV=$ROOT/.venv

# The major version of the server whose programs are in this folder; nothing if there is none: server_version BINDIR
server_version() {
    [[ $("$1/postgres" --version 2>/dev/null) =~ ^postgres\ \(PostgreSQL\)\ ([0-9]+) ]] && echo "${BASH_REMATCH[1]}"
}

# Debian's newest PostgreSQL server on this machine, from 15 on.
newest_server() {
    local bindir
    for bindir in $(printf '%s\n' /usr/lib/postgresql/*/bin | sort -Vr); do
        if [[ $(server_version "$bindir") -ge 15 ]]; then
            echo "$bindir"
            return
        fi
    done
}

# The server's programs are in PG_BINDIR: of whoever calls, or else of the newest server, which may be there only after an installation.
find_server() {
    local program
    if [[ -z ${PG_BINDIR:-} ]]; then
        PG_BINDIR=$(newest_server)
        [[ -n $PG_BINDIR ]] || return 0
    else
        for program in postgres initdb pg_ctl pg_dump psql; do
            [[ -x $PG_BINDIR/$program ]] || die "PG_BINDIR is not the folder of a PostgreSQL server's programs: no $program in $PG_BINDIR"
        done
        PG_BINDIR=$(realpath -s "$PG_BINDIR")
        [[ $(server_version "$PG_BINDIR") -ge 15 ]] ||
            die "PG_BINDIR needs PostgreSQL 15 or later: $("$PG_BINDIR/postgres" --version 2>&1 | head -n 1) in $PG_BINDIR"
    fi
    # Before Debian's wrappers in /usr/bin: they choose psql and pg_dump by clusters that are not ours.
    [[ $PATH == "$PG_BINDIR":* ]] || PATH=$PG_BINDIR:$PATH
    export PATH PG_BINDIR
}
find_server

# Installs what is missing, a server among it: need_server server|tests
need_server() {
    "$ROOT/scripts/install.sh" "$1"
    find_server
}

# Messages in English, and no warning from Perl about a locale that this machine lacks.
export LC_ALL=C.UTF-8

# The system user who runs the servers that these scripts start: root lends them that of Debian's package.
server_owner() {
    if ((EUID == 0)); then echo postgres; else id -un; fi
}

# The URL of a database of the server in DIR. Whoever else listens on a socket there is not believed: cluster_url DIR DBNAME
cluster_url() {
    echo "postgresql://postgres@/$2?host=$1&port=5432&requirepeer=$(server_owner)"
}

# The private cluster of `make up`: one per checkout and user. Short, for a socket's path has 107 bytes.
PRIVATE_CLUSTER=/var/tmp/convo-tenancy-$(id -u)-$(printf %s "$ROOT" | cksum | cut -d' ' -f1)
PRIVATE=
if [[ -z ${DATABASE_URL:-} ]]; then
    PRIVATE=yes
    for name in "${!PG@}"; do # PGSERVICE, PGHOST and the like are about somebody's other database
        if [[ $name != PG_BINDIR ]]; then unset "$name"; fi
    done
    DATABASE_URL=$(cluster_url "$PRIVATE_CLUSTER" convo)
fi
# As an application has it, with a driver of SQLAlchemy's, or as libpq does: libpq's from here on.
export DATABASE_URL
DATABASE_URL=$(python3 "$ROOT/python/convo_tenancy/conninfo.py" 2>&1) || die "$DATABASE_URL"

# Everybody on this machine sees what programs are called with. So the password leaves the URL for the variable where psql, Sqitch and
# convo-tenancy look for it.
take_password() { # take_password BEFORE PASSWORD AFTER
    local encoded=${2//\\/\\\\}
    printf -v PGPASSWORD %b "${encoded//%/\\x}"
    export PGPASSWORD
    DATABASE_URL=$1$3
}
if [[ $DATABASE_URL =~ ^([a-z]+://[^/@:]*):([^/@]+)(@.*)$ ]]; then take_password "${BASH_REMATCH[@]:1}"; fi
if [[ $DATABASE_URL =~ ^(.*[?\&])password=([^\&]*)\&?(.*)$ ]]; then take_password "${BASH_REMATCH[@]:1}"; fi
case $DATABASE_URL in
    *[?\&]sslpassword=*) die 'DATABASE_URL has an sslpassword, which everybody would see in the process list: use a key without one' ;;
esac
export DATABASE_URL

# One value of one row: query SQL [URL]
query() {
    psql -XAtq -v ON_ERROR_STOP=1 -d "${2:-$DATABASE_URL}" -c "$1"
}

# Ends the script with one line unless DATABASE_URL leads to a database.
need_database() {
    local message
    if ! message=$(query 'SELECT 1' 2>&1 >/dev/null); then
        if [[ -n $PRIVATE ]]; then die 'the private PostgreSQL is not up: run "make up" first'; fi
        die "DATABASE_URL: $(tr -s '\n\t ' ' ' <<<"$message")"
    fi
}

# For the rest of this shell: a cluster in CONVO_TEST_CLUSTER. What a crash of the machine would lose is lost on purpose.
need_test_cluster() {
    CONVO_TEST_CLUSTER=$(mktemp -d /tmp/ct.XXXXXX)
    trap '"$ROOT/scripts/cluster.sh" remove "$CONVO_TEST_CLUSTER"' EXIT
    "$ROOT/scripts/cluster.sh" start "$CONVO_TEST_CLUSTER" \
        -c fsync=off -c max_connections=100 -c shared_buffers=256MB
}

# Each room of the plan and the tag of the phase that completes it, the last one that has a change of it: a line each.
rooms() {
    awk '
        /^[a-z_]+\// { split($1, path, "/"); if (!(path[1] in tag)) names[++count] = path[1]; tag[path[1]]; since[path[1]] }
        /^@phase/ { for (name in since) tag[name] = $1; split("", since) }
        END { for (i = 1; i <= count; i++) print names[i], tag[names[i]] }
    ' "$ROOT/sqitch.plan"
}

# The rooms that are complete at TAG.
rooms_at() {
    rooms | awk -v tag="$1" '$2 == tag { reached = 1 } reached && $2 != tag { exit } { print $1 }'
}

# pg_prove FOLDER... on DATABASE_URL. It calls an empty folder a success, so that is ruled out first.
prove() {
    local folder
    for folder in "$@"; do
        [[ -n $(find "$folder" -name '*.sql' 2>/dev/null) ]] || die "no pgTAP tests in ${folder#"$ROOT/"}: it would pass unseen"
    done
    # Through a psql of ours: pg_prove itself would take no URL.
    pg_prove --psql-bin "$ROOT/scripts/psql-database-url.sh" --directives --ext .sql --recurse "$@"
}
