#!/bin/bash
# One module after another, in the way of OpenStack's install_modules.sh: clone or ask the server for what is new, and check
# out the ref that is wanted. DEPTH=1 clones no more than the ref's newest commit, which that script never did.
#
# usage: install_modules.sh MODULES_ENV FOLDER
set -euo pipefail

declare -A SOURCE_MODULES
# shellcheck source=/dev/null
. "$1"

for url in "${!SOURCE_MODULES[@]}"; do
  ref=${SOURCE_MODULES[$url]}
  folder=$2/$(echo "$url" | awk -F- '{print $NF}')
  git=(git "--git-dir=$folder/.git" "--work-tree=$folder")
  if [ ! -d "$folder/.git" ]; then
    git clone -q ${DEPTH:+--depth="$DEPTH" --branch="$ref"} "$url" "$folder"
  elif [ "$("${git[@]}" remote show origin | sed -n 's/.*Fetch URL: //p')" != "$url" ]; then
    echo "$folder is a clone of another repository" >&2
    exit 1
  fi
  "${git[@]}" remote update >/dev/null
  if [ "$("${git[@]}" rev-list --max-count=1 HEAD)" != "$("${git[@]}" rev-list --max-count=1 "$ref")" ]; then
    "${git[@]}" checkout -q "$ref"
  fi
done
