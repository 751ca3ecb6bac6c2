#!/usr/bin/env bash
# Starts a call with POST /api/v1/calls/initiate and prints the response.
#
#   scripts/call-initiate.sh TOKEN CALLEE [AUDIO|VIDEO] [CHANNEL]
#
#   TOKEN      the caller's token, or - to read it from standard input
#   CALLEE     the id of the user to call
#   AUDIO      or VIDEO, the default
#   CHANNEL    the media channel; the default is a new name
#
# CALLS_URL is the address of the server, by default http://127.0.0.1:8000. Exit codes: 0 call started, 1 error,
# 2 usage error. scripts/setup-test-users.sh prints tokens.
#
# Needs curl. With jq it formats the response.
set -euo pipefail
# shellcheck source=scripts/needs.sh
source "$(dirname -- "${BASH_SOURCE[0]}")/needs.sh"
case ${1:-} in -h | --help) help "${BASH_SOURCE[0]}" ;; esac
if [[ $# -lt 2 || $# -gt 4 ]]; then
    echo "usage: call-initiate.sh TOKEN CALLEE [AUDIO|VIDEO] [CHANNEL]   (see --help)" >&2
    exit 2
fi
need_program curl curl
token=$1 callee=$2 type=${3:-VIDEO} channel=${4:-call-$(date +%s)-$RANDOM}
url=${CALLS_URL:-http://127.0.0.1:8000}
[[ $token != - ]] || IFS= read -r token || [[ -n $token ]]

# Prints $1 as a JSON string, with quotes and backslashes escaped.
quoted() {
    local text=${1//\\/\\\\}
    printf '"%s"' "${text//\"/\\\"}"
}

body=$(printf '{"calleeId": %s, "callType": %s, "channelId": %s}' \
    "$(quoted "$callee")" "$(quoted "$type")" "$(quoted "$channel")")
# The header goes through a pipe, because every user of the machine can see arguments.
answer=$(printf 'Authorization: Bearer %s\n' "$token" |
    curl -sS "${url%/}/api/v1/calls/initiate" -H @- -H 'Content-Type: application/json' \
        -d "$body" -w '\n%{http_code}') ||
    die "no server responds at $url" "start one with scripts/start, or set CALLS_URL"

status=${answer##*$'\n'}
json=${answer%$'\n'*}
if has jq && jq -e . >/dev/null 2>&1 <<<"$json"; then
    jq . <<<"$json"
else
    printf '%s\n' "$json"
fi
if [[ $status != 201 ]]; then
    echo "error: the server returned $status" >&2
    exit 1
fi
