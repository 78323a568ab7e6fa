#!/usr/bin/env bash
# Every #include "folder/..." in src must be allowed by src/LAYERS, and src/LAYERS itself must have no cycle.
set -euo pipefail
declare -A allowed
order=()
while IFS=: read -r folder rest; do
  case "$folder" in '' | '#'*) continue ;; esac
  for need in $rest; do
    [ -n "${allowed[$need]+x}" ] || { echo "src/LAYERS: $folder needs $need, which must stand above it"; exit 1; }
  done
  allowed[$folder]=" $folder $rest "
  order+=("$folder")
done <src/LAYERS

bad=0
count=0
while IFS=: read -r file include; do
  from=${file#src/}
  from=${from%%/*}
  to=$(sed -E 's/.*"([a-z]+)\/.*/\1/' <<<"$include")
  count=$((count + 1))
  [ "$from" = main.c ] && from=cli
  if [ -z "${allowed[$from]+x}" ]; then
    echo "$file: folder $from is not in src/LAYERS"
    bad=1
  elif [[ "${allowed[$from]}" != *" $to "* ]]; then
    echo "$file: src/LAYERS does not let $from include $to"
    bad=1
  fi
done < <(grep -rnE '^#include "[a-z]+/' src --include='*.c' --include='*.h' | sed -E 's/:[0-9]+:/:/')
[ "$count" -gt 50 ] || { echo "only $count includes found: this check looks in the wrong place"; exit 1; }

# Engines are given the time, files and randomness: the headers that bring them may not be included there.
if grep -rnE '#include (<(time|sys/time|sys/random|sys/socket|pthread|threads|fcntl|unistd)\.h>|"base/clock\.h")' \
    src/book src/features src/feed src/actor src/exchange src/match src/paper src/sim src/orders src/world --include='*.c' --include='*.h' |
    grep -vE 'src/orders/journal_file\.c'; then
  echo "the lines above bring a clock, a socket, a thread or a file into an engine"
  bad=1
fi
[ "$bad" -eq 0 ] && echo "$count includes keep the layers"
exit "$bad"
