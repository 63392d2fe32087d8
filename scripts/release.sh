#!/bin/bash
# Freezes a release: its tag at the end of the plan, its heading in CHANGELOG.md, its bundle (plan and scripts) in tests/releases, and one
# commit with a tag of Git. The same commit gives the same bytes, whoever runs it and when. What fails leaves everything as it was.
#
#   scripts/release.sh VERSION --dry-run    show what would change; change nothing
#   scripts/release.sh VERSION              do it; pushing is left to you
set -euo pipefail
# shellcheck source=scripts/environment.sh
source "$(dirname "$0")/environment.sh"
cd "$ROOT"

version=${1:-} mode=${2:-}
[[ $version =~ ^[0-9]+\.[0-9]+\.[0-9]+$ && ($# == 1 || $mode == --dry-run) ]] || die 'usage: release.sh VERSION [--dry-run]'
[[ ! $version =~ (^|\.)0[0-9] ]] || die "$version has a number that begins with 0: write it without"
bundle=tests/releases/$version.tar.gz
trees=(deploy revert verify)
newest=$(git ls-files 'tests/releases/*.tar.gz' | sort -V | tail -n 1)
frozen=$(basename "$newest" .tar.gz)

# The version.
grep -qx "version = \"$version\"" pyproject.toml || die "pyproject.toml has another version than $version: set it there, and commit it"
[[ ! -e $bundle ]] || die "$bundle is there: release $version is frozen already"
! grep -q "^@v$version " sqitch.plan || die "sqitch.plan has the tag @v$version already"
! git rev-parse -q --verify "refs/tags/v$version" >/dev/null ||
    die "Git has the tag v$version already: if that is no release, git tag -d v$version"
[[ $(printf '%s\n' "$frozen" "$version" | sort -V | tail -n 1) == "$version" ]] ||
    die "release $frozen is frozen, which is newer than $version: choose a later version"

# The files.
grep -qx '## \[Unreleased\]' CHANGELOG.md || die 'CHANGELOG.md has no line "## [Unreleased]", without a space at its end: write it so'
[[ $(awk '/^## /{ open = $2 == "[Unreleased]" } open && /^- /' CHANGELOG.md) ]] ||
    die 'CHANGELOG.md has nothing under [Unreleased]: say what changed'
! grep -q $'\r' sqitch.plan || die "sqitch.plan has lines that end with CR LF: sed -i 's/\\r\$//' sqitch.plan"
[[ -z $(tail -c 1 sqitch.plan) ]] || die 'sqitch.plan ends without a newline: echo >>sqitch.plan'
gone=$(git ls-files --deleted)
[[ -z $gone ]] || die "not there, though Git has it: ${gone//$'\n'/, }. Put it back with git restore"
[[ $mode == --dry-run || -z $(git status --porcelain) ]] || die 'the working tree has changes: commit them first'

# What the commit needs.
for who in AUTHOR COMMITTER; do
    git var "GIT_${who}_IDENT" &>/dev/null || die 'Git does not know who commits: set user.name and user.email with git config'
done
! git check-ignore -q "$bundle" || die "Git ignores $bundle: see git check-ignore -v $bundle, and take that line out"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
git ls-files -z -- sqitch.plan sqitch.conf CHANGELOG.md "${trees[@]}" | xargs -0 cp --parents -t "$work"

if [[ $newest ]]; then
    mkdir "$work/frozen"
    tar -xf "$newest" -C "$work/frozen"
    differs="not as release $frozen froze it: put it back, and add a change at the end (docs/releasing.md)"
    line=$(awk 'FILENAME == ARGV[1] { now[FNR] = $0 "\n"; next } now[FNR] != $0 "\n" { print FNR ", " $0; exit }' \
        "$work/sqitch.plan" "$work/frozen/sqitch.plan")
    [[ -z $line ]] || die "sqitch.plan, line $line: $differs"
    scripts=$(cd "$work/frozen" && find "${trees[@]}" -type f | sort |
        while read -r script; do cmp -s "$script" "$work/$script" || echo "$script"; done)
    [[ -z $scripts ]] || die "${scripts//$'\n'/, }: $differs"
fi

# The day of the release is that of the commit, and its planner the last one of the plan.
day=$(TZ=UTC git log -1 --date=format-local:%Y-%m-%dT%H:%M:%SZ --format=%cd)
planner=$(sed -nE 's/^@\S+ \S+ (.*>) # .*/\1/p' sqitch.plan | tail -n 1)
echo "@v$version $day $planner # Release $version." >>"$work/sqitch.plan"
sed -i "s/^## \[Unreleased\]\$/&\n\n## [$version] - ${day%T*}/" "$work/CHANGELOG.md"
(cd "$work" && sqitch plan --format format:%n >/dev/null) || die 'sqitch does not read the new plan, see above'
same=(--sort=name --owner=0 --group=0 --numeric-owner '--mode=u=rwX,go=rX' --mtime=@0)
tar -C "$work" "${same[@]}" -cf - sqitch.plan sqitch.conf "${trees[@]}" | gzip -n9 >"$work/bundle"

for file in sqitch.plan CHANGELOG.md; do diff -u --label "$file" --label "$file" "$file" "$work/$file" || true; done
echo "$bundle: $(stat -c %s "$work/bundle") bytes, SHA-256 $(sha256sum <"$work/bundle" | cut -d' ' -f1)"
if [[ $mode == --dry-run ]]; then
    echo 'Nothing was changed'
    exit
fi

# A hook of Git's may refuse, or somebody interrupt: then the working tree, clean until here, and the branch are put back.
before=$(git rev-parse HEAD)
undo() {
    rm -rf "$work"
    git reset --quiet --hard "$before"
    rm -f "$bundle"
    git tag -d "v$version" &>/dev/null || true
    die 'Git did not make the commit and its tag, see above. Everything is as it was: mend that, then the same again'
}
trap undo EXIT
mkdir -p tests/releases
cp "$work/sqitch.plan" "$work/CHANGELOG.md" .
cp "$work/bundle" "$bundle"
git add sqitch.plan CHANGELOG.md "$bundle"
git commit --quiet -m "Release $version"
git tag -a "v$version" -m "Release $version"
trap 'rm -rf "$work"' EXIT
echo "Release $version is commit $(git rev-parse --short HEAD): look at it, then git push --follow-tags"
