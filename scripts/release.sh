#!/bin/bash
# Freezes a release: its tag at the end of the plan, its heading in CHANGELOG.md, its bundle (plan and scripts) in tests/releases, and one
# commit with a tag of Git. The same commit gives the same bytes, whoever runs it and when.
#
#   scripts/release.sh VERSION --dry-run    show what would change; change nothing
#   scripts/release.sh VERSION              do it; pushing is left to you
set -euo pipefail
# shellcheck source=scripts/environment.sh
source "$(dirname "$0")/environment.sh"
cd "$ROOT"

version=${1:-} mode=${2:-}
[[ $version =~ ^[0-9]+\.[0-9]+\.[0-9]+$ && ($# == 1 || $mode == --dry-run) ]] || die 'usage: release.sh VERSION [--dry-run]'
bundle=tests/releases/$version.tar.gz

grep -qx "version = \"$version\"" pyproject.toml || die "pyproject.toml has another version than $version: set it there, and commit it"
[[ ! -e $bundle ]] || die "$bundle is there: release $version is frozen already"
! grep -q "^@v$version " sqitch.plan || die "sqitch.plan has the tag @v$version already"
[[ $(awk '/^## /{ open = $2 == "[Unreleased]" } open && /^- /' CHANGELOG.md) ]] ||
    die 'CHANGELOG.md has nothing under [Unreleased]: say what changed'
[[ $mode == --dry-run || -z $(git status --porcelain) ]] || die 'the working tree has changes: commit them first'

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp -r sqitch.plan sqitch.conf CHANGELOG.md deploy revert verify "$work"

# The day of the release is that of the commit, and its planner the last one of the plan.
day=$(TZ=UTC git log -1 --date=format-local:%Y-%m-%dT%H:%M:%SZ --format=%cd)
planner=$(sed -nE 's/^@\S+ \S+ (.*>) # .*/\1/p' sqitch.plan | tail -n 1)
echo "@v$version $day $planner # Release $version." >>"$work/sqitch.plan"
sed -i "s/^## \[Unreleased\]\$/&\n\n## [$version] - ${day%T*}/" "$work/CHANGELOG.md"
(cd "$work" && sqitch plan --format format:%n >/dev/null) || die 'sqitch does not read the new plan, see above'
same=(--sort=name --owner=0 --group=0 --numeric-owner '--mode=u=rwX,go=rX' --mtime=@0)
tar -C "$work" "${same[@]}" -cf - sqitch.plan sqitch.conf deploy revert verify | gzip -n9 >"$work/bundle"

for file in sqitch.plan CHANGELOG.md; do diff -u --label "$file" --label "$file" "$file" "$work/$file" || true; done
echo "$bundle: $(stat -c %s "$work/bundle") bytes, SHA-256 $(sha256sum <"$work/bundle" | cut -d' ' -f1)"
if [[ $mode == --dry-run ]]; then
    echo 'Nothing was changed'
    exit
fi

mkdir -p tests/releases
cp "$work/sqitch.plan" "$work/CHANGELOG.md" .
cp "$work/bundle" "$bundle"
git add sqitch.plan CHANGELOG.md "$bundle"
git commit --quiet -m "Release $version"
git tag -a "v$version" -m "Release $version"
echo "Release $version is commit $(git rev-parse --short HEAD): look at it, then git push --follow-tags"
