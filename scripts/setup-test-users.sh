#!/usr/bin/env bash
# Creates the test users Alice and Bob beside a running server, and prints their ids, their tokens and the commands of a
# call. A second run returns the same users with new tokens. Tokens are valid for a day.
#
#   scripts/setup-test-users.sh                 creates two users
#   scripts/setup-test-users.sh --users 10      passes arguments on to `chattrix seed`
#
# Uses dev mode if there is a folder chattrix-dev/ in the working directory or in this project, where `scripts/start`
# creates it. Otherwise it uses the database of the settings in the working directory. CALLS_URL is the address of the
# server, by default http://127.0.0.1:8000.
#
# Needs the program `chattrix`, built by scripts/start or installed.
set -euo pipefail
# shellcheck source=scripts/needs.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/needs.sh"
case ${1:-} in -h | --help) help "${BASH_SOURCE[0]}" ;; esac
url=${CALLS_URL:-http://127.0.0.1:8000}
url=${url%/}

# Prints the path of the program that scripts/start or cargo built, or of the installed one.
find_chattrix() {
    local target=$root/target candidate
    ! has cargo || target=$(target_folder)
    for candidate in "$target/release/chattrix" "$target/debug/chattrix"; do
        [[ ! -x $candidate ]] || { echo "$candidate" && return; }
    done
    command -v chattrix ||
        die "the program chattrix is neither built nor installed" "build it and start a server with scripts/start"
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

# Prints the values of field $1, one per line. JSON escapes nothing in ids and tokens.
field() { sed -n 's/^ *"'"$1"'": "\(.*\)",\{0,1\}$/\1/p' <<<"$seeded"; }

echo "Users and tokens, valid for a day:"
echo
paste <(field id) <(field token)
{ read -r caller && read -r callee; } < <(field id) || exit 0
token=$(field token | head -n 1)
if has curl && ! curl -fsS -o /dev/null "$url/readyz" 2>/dev/null; then
    say "no server responds at $url: start one with scripts/start, or set CALLS_URL"
fi
cat <<END

To make a call, use two terminals:

1. Let $callee listen and accept:

   cd $(printf %q "$PWD") && $(printf %q "$chattrix") listen $callee${flags[*]:+ ${flags[*]}} --accept --url $url

2. Let $caller call:

   CALLS_URL=$url $(printf %q "$root")/scripts/call-initiate.sh $token $callee VIDEO

   The first terminal prints the invitation. Type end there to hang up.
END
