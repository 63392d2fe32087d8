#!/bin/sh
# The psql that Sqitch runs (sqitch.conf). Sqitch looks for its user's name only after it has made its
# registry; without a name it dies there, and every later deploy fails on the half-made registry.
set -eu

name=${SQITCH_FULLNAME:-$(getent passwd "$(id -u)" | cut -d: -f5 | cut -d, -f1)}
name=${name:-$(sqitch config --get user.name 2>/dev/null || :)}
if [ -z "$name" ]; then
    echo "sqitch: who deploys? Nothing was changed. Run: sqitch config --user user.name 'Your Name' && sqitch config --user user.email you@example.com" >&2
    exit 1
fi

# An error is one line: what PL/pgSQL was doing is of no use to an operator.
exec psql -v SHOW_CONTEXT=never "$@"
