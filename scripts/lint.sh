#!/bin/bash
# Every check that needs no database. All of them run, so that one run shows everything.
set -uo pipefail
# shellcheck source=scripts/environment.sh
source "$(dirname "$0")/environment.sh"
cd "$ROOT" || exit

scripts/install.sh venv || exit
PATH=$VENV/bin:$PATH
failed=()

check() { # check NAME COMMAND...
    echo "== $1"
    "${@:2}" || failed+=("$1")
}

existing() { # of these folders, those that are there
    local folder
    for folder in "$@"; do if [[ -e $folder ]]; then echo "$folder"; fi; done
}

squawk_deploy() { # psql's own syntax means nothing to it: variables and backslash commands are taken out, the included BEGIN put in
    local script rc=0
    while read -r script <&3; do
        sed -E 's/^\\ir \.\.\/support\/begin\.sql$/BEGIN;/; s/[ \t]*\\g(exec|set)?( .*)?$/;/; s/^[ \t]*\\.*//; s/:["'\''](\w+)["'\'']/\1/g' "$script" |
            squawk --reporter gcc --stdin-filepath "$script" || rc=1
    done 3< <(find deploy -name '*.sql' | sort)
    return "$rc"
}

no_registry() { # where packages come from is for each machine to say
    ! grep -rnIE 'https?:[/]/|index[-]url|find[-]links' requirements*.txt pyproject.toml Makefile .ci scripts
}

mapfile -t python < <(existing python tests/application tests/python bench)
mapfile -t sql < <(existing deploy revert verify tests/legacy tests/pgtap tests/python python bench)

check 'ruff check' ruff check --quiet "${python[@]}"
check 'ruff format' ruff format --quiet --diff "${python[@]}"
check mypy mypy --no-error-summary "${python[@]}"
check shellcheck shellcheck --external-sources scripts/*.sh .ci/run
check sqlfluff sqlfluff lint --disable-progress-bar --nocolor "${sql[@]}"
check squawk squawk_deploy
check 'no registry host' no_registry

if ((${#failed[@]} > 0)); then
    printf 'lint: failed: %s\n' "$(printf '%s, ' "${failed[@]}" | sed 's/, $//')" >&2
    exit 1
fi
echo 'lint: all checks passed'
