#!/bin/bash
# A private PostgreSQL in a folder of its own, reached through a Unix socket in that folder and no other way.
#
#   scripts/cluster.sh start DIR [-c NAME=VALUE ...]   make it if need be, and start it (settings replace earlier ones)
#   scripts/cluster.sh stop DIR                        stop it; the data stays
#   scripts/cluster.sh remove DIR                      stop it and delete the folder
#   scripts/cluster.sh status DIR                      exit 0 if it answers
#   scripts/cluster.sh url DIR DBNAME                  the URL of a database in it
set -euo pipefail
# shellcheck source=scripts/environment.sh
source "$(dirname "$0")/environment.sh"

(($# >= 2)) || die "usage: cluster.sh start|stop|remove|status|url DIR ..."
command=$1 dir=$(realpath -ms "$2")
shift 2
socket=$dir/.s.PGSQL.5432

# initdb and postgres refuse to run as root: root lends them the system user of Debian's package.
owner=$(id -un)
as_owner=()
if ((EUID == 0)); then
    owner=postgres
    as_owner=(setpriv --reuid=postgres --regid=postgres --init-groups --reset-env --)
fi

run() { # in a folder that the owner may enter; nothing of the server may hold on to the caller's terminal or pipes
    (cd "$dir" && "${as_owner[@]}" "$PG_BINDIR/$1" "${@:2}" </dev/null 2>&1)
}

answers() {
    [[ -n $PG_BINDIR ]] && "$PG_BINDIR/pg_isready" -q -h "$dir" -p 5432
}

check_owner() {
    [[ ! -L $dir && $(stat -c %U "$dir") == "$owner" ]] ||
        die "$dir belongs to somebody else ($(stat -c %U "$dir"), not $owner): move it away"
}

make_folder() {
    id "$owner" >/dev/null 2>&1 || die "no system user $owner: run scripts/install.sh server"
    if ((EUID == 0)) && [[ -d $dir && ! -L $dir && $(stat -c %u "$dir") == 0 && -z $(ls -A "$dir") ]]; then
        chown "$owner:" "$dir" # an empty folder that root just made, by mktemp say
    elif [[ ! -e $dir ]]; then
        mkdir -m 700 "$dir"
        chown "$owner:" "$dir"
    fi
    check_owner
    chmod 700 "$dir"
}

make_data() {
    rm -rf "$dir/data.new" # of an initdb that was killed half-way
    run initdb -A trust -U postgres --encoding=UTF8 --locale=C.UTF-8 --no-sync -D "$dir/data.new" >"$dir/initdb.log" ||
        die "initdb failed: $(tail -n 1 "$dir/initdb.log") (all of it: $dir/initdb.log)"
    cat >>"$dir/data.new/postgresql.conf" <<CONF
listen_addresses = ''
port = 5432
unix_socket_directories = '$dir'
unix_socket_permissions = 0700
include_if_exists = '$dir/settings.conf'
CONF
    mv "$dir/data.new" "$dir/data"
}

write_settings() {
    [[ $# -gt 0 ]] || return 0
    local name value
    while (($# > 0)); do
        [[ $1 == -c && ${2:-} == *=* ]] || die "expected -c NAME=VALUE, got: $*"
        name=${2%%=*} value=${2#*=}
        printf "%s = '%s'\n" "$name" "${value//\'/\'\'}"
        shift 2
    done >"$dir/settings.conf"
    chmod 644 "$dir/settings.conf"
}

start() {
    [[ -n $PG_BINDIR ]] || die "no PostgreSQL server from version 15 on: run scripts/install.sh server"
    ((${#socket} <= 107)) || die "the socket's path is ${#socket} bytes, at most 107 work; choose a shorter folder: $socket"
    [[ $dir != *[\'[:space:]\&?%#]* ]] || die "choose a folder without spaces, quotes, &, ?, % and #: $dir"
    make_folder
    exec 9<"$dir"
    flock 9 # of two starts at once, the second finds the server running
    if answers; then return; fi
    [[ -d $dir/data ]] || make_data
    write_settings "$@"
    # After a kill -9 the old server's children may need a moment to go; until then a start is refused.
    local try
    for try in 1 2 3 4 5 6 7 8 9 10; do
        if run pg_ctl start -w -t 60 -D "$dir/data" -l "$dir/log" 9<&- >"$dir/start.log"; then return; fi
        if answers; then return; fi
        sleep "0.$try"
    done
    die "PostgreSQL does not start: $(grep -E 'FATAL|ERROR' "$dir/log" | tail -n 1) (all of it: $dir/log)"
}

stop() {
    [[ -d $dir ]] || return 0
    check_owner
    [[ -s $dir/data/postmaster.pid ]] || return 0
    run pg_ctl stop -w -m fast -D "$dir/data" >"$dir/stop.log" ||
        ! answers || die "PostgreSQL does not stop: $(tail -n 1 "$dir/stop.log")"
}

case $command in
    start) start "$@" ;;
    stop) stop ;;
    remove)
        if [[ -d $dir && -n $(ls -A "$dir") && ! -e $dir/data && ! -e $dir/initdb.log ]]; then
            die "not a cluster of this script: $dir"
        fi
        stop
        rm -rf --one-file-system "$dir"
        ;;
    status) answers ;;
    url) echo "postgresql://postgres@/${1:?DBNAME}?host=$dir&port=5432" ;;
    *) die "unknown command: $command" ;;
esac
