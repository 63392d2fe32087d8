#!/bin/bash
# Installs what is missing, and only that: Debian's packages by apt, Python's into .venv.
#
#   scripts/install.sh venv      all of .venv: what the command line, the tests and lint need
#   scripts/install.sh client    what the command line needs, sqitch, psql and pg_prove
#   scripts/install.sh server    besides: a PostgreSQL server
#   scripts/install.sh tests     besides: what the tests need, pgTAP, plpgsql_check, PgBouncer, Prometheus for its promtool, and Chromium
#
# When nothing is missing, apt and sudo are not touched. A PostgreSQL that is there is left alone.
set -euo pipefail
# shellcheck source=scripts/environment.sh
source "$(dirname "$0")/environment.sh"

oldest=$(sed -n 's/^requires-python = ">=\(.*\)"$/\1/p' "$ROOT/pyproject.toml")
found=$(python3 -V)
[[ $(printf '%s\n' "$oldest" "${found#Python }" | sort -V | head -n 1) == "$oldest" ]] ||
    die "python3 is $found, too old: convo-tenancy needs Python $oldest or later, as python3 in PATH"

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

# Made anew when Python or the checkout's place is another. Each set of packages is brought up to date when its list is another.
# The oldest libraries are in a folder of their own, which nothing finds unless it is told: a test runs on them alone.
sets=(requirements.txt)
if [[ $1 == tests || $1 == venv ]]; then sets+=(requirements-tests.txt requirements-oldest.txt); fi
if [[ $1 == venv ]]; then sets+=(requirements-lint.txt); fi

pip_install() { "$VENV/bin/pip" --disable-pip-version-check --quiet --no-input install "$@"; }

install_set() {
    case $1 in
        requirements.txt) pip_install -r "$1" && pip_install --no-build-isolation --no-deps -e . ;;
        requirements-oldest.txt) rm -rf "$VENV/oldest" && pip_install --no-deps --target "$VENV/oldest" -r "$1" ;;
        *) pip_install -r "$1" ;;
    esac
}

cd "$ROOT"
place=$found$ROOT
exec 9<requirements.txt
flock 9 # of two makes at once, the second waits
[[ $(cat "$VENV/.place" 2>/dev/null) == "$place" ]] || rm -rf "$VENV"
for set in "${sets[@]}"; do
    stamp=$VENV/.$set
    wanted=$(cat "$set" pyproject.toml | cksum)
    if [[ $(cat "$stamp" 2>/dev/null) != "$wanted" ]]; then
        echo "Installing Python packages into .venv ($set)"
        if [[ ! -e $VENV ]]; then
            python3 -m venv "$VENV"
            echo "$place" >"$VENV/.place"
        fi
        if ! log=$(install_set "$set" </dev/null 2>&1); then
            echo "$log" >&2
            die "pip failed, its output is above: check that this machine reaches a package index, then run the same make again"
        fi
        echo "$wanted" >"$stamp"
    fi
done
