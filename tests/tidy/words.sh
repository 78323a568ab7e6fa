#!/usr/bin/env bash
# No file in the tree names this machine's folders, and no private key is checked in.
set -euo pipefail
bad=0
if git grep -nE '/work/|/root/|/home/[a-z]' -- . ':!tests/tidy/words.sh'; then
  echo "the lines above name a folder of one machine"
  bad=1
fi
if git grep -nE 'BEGIN (RSA |EC )?PRIVATE KEY' -- . ':!tests/tidy/words.sh' ':!*.c' ':!*.py'; then
  echo "a private key is checked in"
  bad=1
fi
exit "$bad"
