#!/usr/bin/env bash
# feed-me by curl: who does what, whom somebody follows, what they read, and what reaches them live.
#
#   examples/curl/story.sh http://127.0.0.1:5000      FEEDME_KEY=fm_… where the server wants a key
set -euo pipefail

server=${1:-http://127.0.0.1:5000}
credential=()
[[ -z ${FEEDME_KEY:-} ]] || credential=(--header "Authorization: Bearer $FEEDME_KEY")

# ask METHOD PATH [BODY] [MORE OF CURL…]: the body of the answer; an error is printed, and ends the story. --retry waits as
# long as Retry-After says.
ask() {
  local method=$1 path=$2 body=${3:-}
  shift $(($# < 3 ? $# : 3))
  [[ -z $body ]] || set -- --json "$body" "$@"
  curl --silent --show-error --fail-with-body --retry 4 "${credential[@]}" --request "$method" "$@" "$server$path"
}

ivan=ivan-$RANDOM$RANDOM eric=eric-$RANDOM$RANDOM
ask PUT "/v1/users/$ivan" '{}' >/dev/null
ask PUT "/v1/users/$eric" '{"display_name":"Eric"}' >/dev/null
ask PUT "/v1/users/$ivan/following/$eric" >/dev/null

# A key makes a POST safe to send again: the same key and body give the same answer, and one activity.
post() {
  ask POST /v1/activities "{\"actor\":\"$eric\",\"verb\":\"share\",\"object\":\"$1\"}" \
    --header "Idempotency-Key: $eric-$1"
}
for number in 1 2 3; do post "post:$number" >/dev/null; done
first=$(post post:1 | jq --raw-output .id)
second=$(post post:1 | jq --raw-output .id)
[[ $first == "$second" ]] || { echo "one key made two activities" >&2; exit 1; }

# Pages lead to each other by cursors, until there is none.
echo "$ivan reads:"
cursor=""
while :; do
  page=$(ask GET "/v1/feeds/$ivan/friends?limit=2$cursor")
  jq --raw-output '.items[] | "  \(.actor) \(.verb) \(.object)"' <<<"$page"
  next=$(jq --raw-output '.next_cursor // empty' <<<"$page")
  [[ -n $next ]] || break
  cursor="&cursor=$next"
done

# An ETag asks whether the page is still what it was: 304 costs next to nothing.
tag=$(curl --silent "${credential[@]}" --head "$server/v1/feeds/$ivan/friends" | awk 'tolower($1) == "etag:" {print $2}' | tr -d '\r')
status=$(curl --silent "${credential[@]}" --output /dev/null --write-out '%{http_code}' --header "If-None-Match: $tag" \
  "$server/v1/feeds/$ivan/friends")
echo "unchanged: $status"

# The same as a W3C ActivityStreams page.
ask GET "/v1/feeds/$ivan/friends?limit=1" "" --header "Accept: application/activity+json" |
  jq --raw-output '"as ActivityStreams: \(.type) of \(.orderedItems[0].type)"'

# Live, from the position of a page on: nothing between the two is lost. --no-buffer, or curl holds events back.
position=$(curl --silent "${credential[@]}" --head "$server/v1/feeds/$ivan/friends" |
  awk 'tolower($1) == "feed-position:" {print $2}' | tr -d '\r')
post post:4 >/dev/null
echo "live:"
# It ends by itself only when the server goes; here the first event is enough.
while IFS= read -r line; do
  case $line in
    "data: "*)
      jq --raw-output '"  \(.actor) \(.verb) \(.object)"' <<<"${line#data: }"
      break
      ;;
  esac
done < <(curl --silent --no-buffer --max-time 20 "${credential[@]}" --header "Accept: text/event-stream" \
  "$server/v1/feeds/$ivan/friends/live?since=$position")
