# Shared by the other scripts: `source scripts/lib.sh`.
# shellcheck shell=bash

# Says what went wrong and stops.
die() {
  echo "${0##*/}: $*" >&2
  exit 1
}

# Is somebody listening there?   is_open HOST PORT
is_open() {
  (exec 3<>"/dev/tcp/$1/$2") 2>/dev/null
}

# A port of 127.0.0.1 that nobody listens on, below the range that the system gives to clients.
free_port() {
  local port
  for _ in {1..100}; do
    port=$((20000 + RANDOM % 12000))
    is_open 127.0.0.1 "$port" || {
      echo "$port"
      return
    }
  done
  die "found no free port on 127.0.0.1"
}

# Does GET answer 200? Needs nothing but bash.   answers_ok HOST PORT PATH
answers_ok() (
  exec 2>/dev/null
  exec 3<>"/dev/tcp/$1/$2" || exit 1
  printf 'GET %s HTTP/1.0\r\nHost: %s:%s\r\n\r\n' "$3" "$1" "$2" >&3
  IFS= read -r -t 2 status <&3
  [[ $status == HTTP/*" 200 "* ]]
)

# Waits until GET answers 200 or the process is gone.   wait_for_server PID HOST PORT PATH SECONDS
wait_for_server() {
  local deadline=$((SECONDS + $5))
  until answers_ok "$2" "$3" "$4"; do
    kill -0 "$1" 2>/dev/null || return 1
    ((SECONDS < deadline)) || return 1
    sleep 0.1
  done
}

# Where PostgreSQL's server programs are, the newest first; empty when there are none.
postgres_bin() {
  local found
  found=$(printf '%s\n' /usr/lib/postgresql/*/bin | sort -t / -k 5,5Vr | head -n 1) || true
  if [[ ! -x $found/initdb ]]; then
    found=$(command -v initdb || true)
    [[ -z $found ]] || found=$(dirname "$(readlink -f "$found")")
  fi
  [[ -z $found || ! -x $found/postgres ]] || echo "$found"
}

# The major version of the programs in a folder: 15, 16, …   postgres_major BIN
postgres_major() {
  "$1/postgres" --version | sed -E 's/^[^0-9]*([0-9]+).*/\1/'
}
