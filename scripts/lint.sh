#!/bin/bash
# Every check that needs no database. All of them run, so that one run shows everything.
#
#   scripts/lint.sh [CHECK...]    these alone: ruff-check, say
set -uo pipefail
# shellcheck source=scripts/environment.sh
source "$(dirname "$0")/environment.sh"
cd "$ROOT" || exit

scripts/install.sh venv || exit
PATH=$VENV/bin:$PATH
wanted=("$@") known=() failed=()

check() { # check NAME COMMAND...
    known+=("$1")
    if ((${#wanted[@]} > 0)) && [[ " ${wanted[*]} " != *" $1 "* ]]; then return; fi
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

no_registry() { # where packages come from is for each machine to say; the project's own address may be there
    local found own
    own=$(sed -n 's/^%uri=//p' sqitch.plan)
    found=$(grep -rnIE 'https?:[/]/|index[-]url|find[-]links' \
        requirements*.txt pyproject.toml setup.py Makefile .ci .github .pre-commit-config.yaml container scripts | grep -vF "$own")
    [[ -z $found ]] || { echo "$found" && return 1; }
}

wheel() { # what a package index would refuse, or show wrongly
    local folder
    folder=$(mktemp -d)
    scripts/wheel.sh "$folder" && twine check --strict "$folder"/*
    local rc=$?
    rm -rf "$folder"
    return "$rc"
}

mapfile -t python < <(existing setup.py python tests/application tests/python bench)
mapfile -t sql < <(existing deploy revert verify scripts tests/legacy tests/pgtap tests/python python bench)

check ruff-check ruff check --quiet "${python[@]}"
check ruff-format ruff format --quiet --diff "${python[@]}"
check mypy mypy --no-error-summary "${python[@]}"
check shellcheck shellcheck --external-sources scripts/*.sh .ci/run
check sqlfluff sqlfluff lint --disable-progress-bar --nocolor "${sql[@]}"
check squawk squawk_deploy
check no-registry no_registry
check hadolint hadolint container/Dockerfile
check compose check-jsonschema --quiet --builtin-schema vendor.compose-spec container/compose.yaml
check workflows check-jsonschema --quiet --builtin-schema vendor.github-workflows .github/workflows/*.yaml
check zizmor zizmor --quiet --offline .github/workflows
check wheel wheel

for name in "${wanted[@]}"; do
    [[ " ${known[*]} " == *" $name "* ]] || die "there is no check $name: ${known[*]}"
done

if ((${#failed[@]} > 0)); then
    printf 'lint: failed: %s\n' "$(printf '%s, ' "${failed[@]}" | sed 's/, $//')" >&2
    exit 1
fi
echo 'lint: all checks passed'
