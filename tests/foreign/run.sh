#!/usr/bin/env bash
# run.sh - run a judge against a deltaflow binary, or skip it and say why.
#   run.sh BINARY TEST.mjs   exit status 77: skipped      run.sh --check   only say whether the judges can run
# With CI or DELTAFLOW_SHARED set a missing tool or package fails instead.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)

reason=""
if ! command -v node >/dev/null; then
  reason="node is not installed"
elif [ "$(node -p 'process.versions.node.split(".")[0]')" -lt 18 ]; then
  reason="node $(node --version) is older than 18"
elif [ "$(cat "$here/node_modules/.installed-lock" 2>/dev/null)" != "$(cksum <"$here/package-lock.json")" ]; then
  reason="the npm packages are not installed (tools/setup foreign)"
fi
if [ -n "$reason" ]; then
  if [ -n "${CI:-}" ] || [ -n "${DELTAFLOW_SHARED:-}" ]; then
    echo "FAILED: foreign judges: $reason" >&2
    exit 1
  fi
  echo "skipped: foreign judges: $reason"
  exit 77
fi
if [ "$1" = --check ]; then
  exit 0
fi
export DELTAFLOW_BINARY=$1
exec node "$2"
