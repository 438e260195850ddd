#!/usr/bin/env bash
set -euo pipefail

# Most letters in a box.
LIMIT=64
readonly NAME="box"
export PATH="$PATH:/opt/post"

# Sends a letter.
send_letter() {
  local letter=$1
  echo "$letter" >> "$NAME"
}

function join_boxes {
  cat "$1" "$2"
}

if [[ -n ${DEBUG:-} ]]; then
  # Prints what is done.
  log() { echo "$@" >&2; }
fi

send_letter "$@"
