#!/usr/bin/env bash
# The caption of one photo, with curl. KANTU=http://localhost:5000 examples/caption.sh photo.jpg [en|zh]
# A private server's token is read from KANTU_TOKEN.
set -euo pipefail

ask=(curl --silent --show-error --retry 5 --fail-with-body)
if [ -n "${KANTU_TOKEN:-}" ]; then
  ask+=(--header "Authorization: Bearer $KANTU_TOKEN")
fi
# In quotes, or curl takes a comma or semicolon in the name for its own.
name=${1//\\/\\\\}
name=${name//\"/\\\"}
"${ask[@]}" --form "photo=@\"$name\"" --form "language=${2:-en}" --form alternatives=0 \
  "${KANTU:-http://localhost:5000}/api/v1/captions"
