#!/usr/bin/env bash
# Calls somebody: POST /api/v1/calls/initiate, and prints the answer.
#
#   scripts/call-initiate.sh TOKEN CALLEE [AUDIO|VIDEO] [CHANNEL]
#
#   TOKEN      the caller's token, or - to read it from standard input
#   CALLEE     the id of the user to call
#   AUDIO      or VIDEO, the default
#   CHANNEL    the media channel; one is made up if none is given
#
# The server is $CALLS_URL, by default http://127.0.0.1:8000. Leaves with 0 where the call was made,
# 1 where it was refused, 2 where an argument is wrong. scripts/setup-test-users.sh prints tokens.
#
# Needs: curl. With jq the answer is printed for people.
set -euo pipefail
# shellcheck source=scripts/needs.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/needs.sh"
case ${1:-} in -h | --help) help "${BASH_SOURCE[0]}" ;; esac
if [[ $# -lt 2 || $# -gt 4 ]]; then
    echo "usage: call-initiate.sh TOKEN CALLEE [AUDIO|VIDEO] [CHANNEL]   (--help says more)" >&2
    exit 2
fi
need_program curl curl
token=$1 callee=$2 type=${3:-VIDEO} channel=${4:-call-$(date +%s)-$RANDOM}
url=${CALLS_URL:-http://127.0.0.1:8000}
[[ $token != - ]] || IFS= read -r token || [[ -n $token ]]

# $1 as a JSON string: what a shell passes on may hold quotes and backslashes.
quoted() {
    local text=${1//\\/\\\\}
    printf '"%s"' "${text//\"/\\\"}"
}

body=$(printf '{"calleeId": %s, "callType": %s, "channelId": %s}' \
    "$(quoted "$callee")" "$(quoted "$type")" "$(quoted "$channel")")
# The header goes through a pipe: arguments are seen by everybody on the machine.
answer=$(printf 'Authorization: Bearer %s\n' "$token" |
    curl -sS "${url%/}/api/v1/calls/initiate" -H @- -H 'Content-Type: application/json' \
        -d "$body" -w '\n%{http_code}') ||
    die "no server answers at $url" "scripts/start starts one; CALLS_URL=… names another"

status=${answer##*$'\n'}
json=${answer%$'\n'*}
if has jq && jq -e . >/dev/null 2>&1 <<<"$json"; then
    jq . <<<"$json"
else
    printf '%s\n' "$json"
fi
if [[ $status != 201 ]]; then
    echo "error: the server answered $status" >&2
    exit 1
fi
