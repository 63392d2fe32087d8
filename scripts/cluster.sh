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
owner=$(server_owner)
url=$(cluster_url "$dir" postgres)

# initdb and postgres refuse to run as root. And in a folder of another user's, root follows no link and trusts no file: all that is
# done in it is done as that user.
as_owner() { # as_owner FUNCTION ARGUMENT...
    if ((EUID != 0)); then
        "$@"
        return
    fi
    (cd / && setpriv "--reuid=$owner" "--regid=$owner" --init-groups --reset-env -- \
        env "LC_ALL=$LC_ALL" bash -c \
        "set -euo pipefail; $(declare -f); $(declare -p PG_BINDIR dir url); \"\$@\"" "$0" "$@")
}

run() { # run LOG PROGRAM ARGUMENT...: nothing of the server may hold on to the caller's terminal or pipes
    "$PG_BINDIR/$2" "${@:3}" </dev/null >"$dir/$1" 2>&1 9<&-
}

answers() { # and is the owner's
    [[ -n $PG_BINDIR ]] && "$PG_BINDIR/pg_isready" -q -d "$url"
}

runs() { # a file that a crash left behind may name a process that is another one's by now
    local pid
    read -r pid 2>/dev/null <"$dir/data/postmaster.pid" && [[ $pid =~ ^[0-9]+$ && /proc/$pid/cwd -ef $dir/data ]]
}

check_owner() {
    [[ ! -L $dir && $(stat -c '%U %a' "$dir") == "$owner 700" ]] ||
        die "$dir belongs to somebody else, or others may enter it ($(stat -c '%U, mode %a' "$dir"); not $owner, mode 700): move it away"
}

make_folder() {
    id "$owner" >/dev/null 2>&1 || die "no system user $owner: run scripts/install.sh server"
    if [[ ! -e $dir ]]; then mkdir -m 700 "$dir"; fi
    if [[ -O $dir && ! -L $dir && -z $(ls -A "$dir") ]]; then # or the caller just made it, by mktemp say
        chmod 700 "$dir"
        chown --no-dereference "$owner:" "$dir"
    fi
    check_owner
}

make_data() {
    rm -rf "$dir/data.new" # of an initdb that was killed half-way
    run initdb.log initdb -A trust -U postgres --encoding=UTF8 --locale=C.UTF-8 --no-sync -D "$dir/data.new" ||
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
}

start() {
    cd "$dir"
    exec 9<.
    flock 9 # of two starts at once, the second finds the server running
    local try version
    version=$(server_version "$PG_BINDIR")
    [[ $(cat data/PG_VERSION 2>/dev/null || echo "$version") == "$version" ]] ||
        die "$dir is of PostgreSQL $(<data/PG_VERSION), $PG_BINDIR of $version: name the programs of the former in PG_BINDIR, or delete it"
    if answers; then return; fi
    [[ -d $dir/data ]] || make_data
    write_settings "$@"
    # After a kill -9 the old server's children may need a moment to go; until then a start is refused.
    for try in 1 2 3 4 5 6 7 8 9 10; do
        if run start.log pg_ctl start -w -t 60 -D "$dir/data" -l "$dir/log"; then break; fi
        if answers; then return; fi
        sleep "0.$try"
    done
    answers ||
        die "PostgreSQL does not start: $(grep -hE 'FATAL|ERROR' "$dir/log" | tail -n 1) (all of it: $dir/log)"
}

stop() {
    if ! runs; then return; fi
    cd "$dir"
    run stop.log pg_ctl stop -w -m fast -D "$dir/data" ||
        ! runs || die "PostgreSQL does not stop: $(tail -n 1 "$dir/stop.log")"
}

is_ours() { # or it was never started
    [[ -z $(ls -A "$dir") || -e $dir/data || -e $dir/initdb.log ]]
}

case $command in
    start)
        [[ -n $PG_BINDIR ]] || die "no PostgreSQL server from version 15 on: run scripts/install.sh server"
        ((${#socket} <= 107)) || die "the socket's path is ${#socket} bytes, at most 107 work; choose a shorter folder: $socket"
        [[ $dir != *[\'[:space:]\&?%#]* ]] || die "choose a folder without spaces, quotes, &, ?, % and #: $dir"
        make_folder
        as_owner test -x "$PG_BINDIR/postgres" || die "$owner may not run $PG_BINDIR/postgres: put the server where that user may enter"
        as_owner start "$@"
        ;;
    stop | remove)
        [[ -e $dir || -L $dir ]] || exit 0
        check_owner
        [[ $command == stop ]] || as_owner is_ours || die "not a cluster of this script: $dir"
        as_owner stop
        [[ $command == stop ]] || rm -rf --one-file-system "$dir"
        ;;
    status) answers ;;
    url) cluster_url "$dir" "${1:?DBNAME}" ;;
    *) die "unknown command: $command" ;;
esac
