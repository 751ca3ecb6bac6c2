#!/usr/bin/env bash
# Makes test users, Alice and Bob, beside a running server, and prints their ids and tokens and what to
# try with them. Again gives the same users, with new tokens that are valid for a day.
#
#   scripts/setup-test-users.sh                 two users
#   scripts/setup-test-users.sh --users 10      arguments are passed on to `chattrix seed`
#
# The users are made in the development world where there is one (chattrix-dev/, in the working
# directory or in this project: `scripts/start` makes it there), else in the database that the
# settings of the working directory name. The server is looked for at $CALLS_URL, by default
# http://127.0.0.1:8000.
#
# Needs: the program `chattrix`, built by scripts/start or installed.
set -euo pipefail
# shellcheck source=scripts/needs.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/needs.sh"
case ${1:-} in -h | --help) help "${BASH_SOURCE[0]}" ;; esac
url=${CALLS_URL:-http://127.0.0.1:8000}
url=${url%/}

# The program: as scripts/start or cargo built it, or as it is installed.
find_chattrix() {
    local target=$root/target candidate
    ! has cargo || target=$(target_folder)
    for candidate in "$target/release/chattrix" "$target/debug/chattrix"; do
        [[ ! -x $candidate ]] || { echo "$candidate" && return; }
    done
    command -v chattrix ||
        die "the program chattrix is neither built nor installed" "scripts/start builds it and starts a server"
}

chattrix=$(find_chattrix)
flags=()
if [[ -d chattrix-dev ]]; then
    flags=(--dev)
elif [[ -d $root/chattrix-dev ]]; then
    cd -- "$root"
    flags=(--dev)
fi
seeded=$("$chattrix" seed --json ${flags[@]+"${flags[@]}"} "$@")

# The values of field $1, one a line. Ids and tokens hold nothing that JSON would escape.
field() { sed -n 's/^ *"'"$1"'": "\(.*\)",\{0,1\}$/\1/p' <<<"$seeded"; }

echo "Users and tokens, valid for a day:"
echo
paste <(field id) <(field token)
{ read -r caller && read -r callee; } < <(field id) || exit 0
token=$(field token | head -n 1)
if has curl && ! curl -fsS -o /dev/null "$url/readyz" 2>/dev/null; then
    say "no server answers at $url: scripts/start starts one; CALLS_URL=… names another"
fi
cat <<END

To try, in two terminals:

1. Let $callee listen and accept:

   cd $(printf %q "$PWD") && $(printf %q "$chattrix") listen $callee${flags[*]:+ ${flags[*]}} --accept --url $url

2. Let $caller call:

   CALLS_URL=$url $(printf %q "$root")/scripts/call-initiate.sh $token $callee VIDEO

   The first terminal shows the invitation. Type end there to hang up.
END
