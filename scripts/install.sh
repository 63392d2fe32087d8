#!/bin/bash
# Installs what is missing, and only that: Debian's packages by apt, Python's into .venv.
#
#   scripts/install.sh venv      what lint needs: the Python environment
#   scripts/install.sh client    besides: sqitch, psql and pg_prove
#   scripts/install.sh server    besides: a PostgreSQL server
#   scripts/install.sh tests     besides: pgTAP, plpgsql_check, PgBouncer, Prometheus for its promtool, and Chromium
#
# When nothing is missing, apt and sudo are not touched. A PostgreSQL that is there is left alone.
set -euo pipefail
# shellcheck source=scripts/environment.sh
source "$(dirname "$0")/environment.sh"

# That of a server which is still to come, scripts/install-packages.sh finds out.
version=VERSION
if [[ -n $PG_BINDIR ]]; then version=$(server_version "$PG_BINDIR"); fi
extensions=/usr/share/postgresql/$version/extension

missing=()
need() { # need PACKAGE COMMAND...: the package is missing if the command fails
    if ! "${@:2}" >/dev/null 2>&1; then missing+=("$1"); fi
}

need python3-venv python3 -c 'import ensurepip, venv'
if [[ $1 == client || $1 == server || $1 == tests ]]; then
    need sqitch command -v sqitch
    need libdbd-pg-perl perl -MDBD::Pg -e 1
    need libtap-parser-sourcehandler-pgtap-perl command -v pg_prove
    need postgresql-client command -v psql
fi
if [[ ($1 == server || $1 == tests) && -z $PG_BINDIR ]]; then need postgresql false; fi
if [[ $1 == tests ]]; then
    need pgbouncer env PATH="$PATH:/usr/sbin" bash -c 'command -v pgbouncer'
    need prometheus command -v promtool
    need chromium command -v chromium
    need libatomic1 bash -c 'compgen -G "/usr/lib/*/libatomic.so.1"' # of Playwright, which drives it
    if [[ -z $PG_BINDIR || $PG_BINDIR == /usr/lib/postgresql/* ]]; then
        need "postgresql-$version-pgtap" test -e "$extensions/pgtap.control"
        need "postgresql-$version-plpgsql-check" test -e "$extensions/plpgsql_check.control"
    fi
fi

if ((${#missing[@]} > 0)); then
    install=("$ROOT/scripts/install-packages.sh" / "${missing[@]}")
    as_root=()
    if ((EUID != 0)); then
        if ! sudo -n true 2>/dev/null; then
            echo "install: missing: ${missing[*]}. Run this line as root, then the same make again:" >&2
            echo "${install[*]}" >&2
            exit 1
        fi
        as_root=(sudo -n)
    fi
    echo "Installing ${missing[*]}"
    if ! log=$("${as_root[@]}" "${install[@]}" </dev/null 2>&1); then
        echo "$log" >&2
        die "apt-get failed, its output is above; the line was: ${install[*]}"
    fi
fi

# Made anew when Python or the checkout's place is another, brought up to date when what it holds is.
# The oldest libraries are in a folder of their own, which nothing finds unless it is told: a test runs on them alone.
stamp=$VENV/.installed
place=$(python3 -V && echo "$ROOT")
wanted=$place$(cd "$ROOT" && cat requirements.txt requirements-oldest.txt pyproject.toml | cksum)
exec 9<"$ROOT/requirements.txt"
flock 9 # of two makes at once, the second waits
if [[ $(cat "$stamp" 2>/dev/null) != "$wanted" ]]; then
    echo "Installing Python packages into .venv"
    [[ $(cat "$stamp" 2>/dev/null) == "$place"* ]] || python3 -m venv --clear "$VENV"
    pip=("$VENV/bin/pip" --disable-pip-version-check --quiet --no-input install)
    if ! log=$(cd "$ROOT" &&
        rm -rf "$VENV/oldest" &&
        {
            "${pip[@]}" -r requirements.txt &&
                "${pip[@]}" --no-build-isolation --no-deps -e . &&
                "${pip[@]}" --no-deps --target "$VENV/oldest" -r requirements-oldest.txt
        } </dev/null 2>&1); then
        echo "$log" >&2
        die "pip failed, its output is above: check that this machine reaches a package index, then run the same make again"
    fi
    echo "$wanted" >"$stamp"
fi
