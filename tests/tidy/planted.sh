#!/usr/bin/env bash
# The code that tools/plant and tools/mutate change for their bugs is still there to be changed.
set -euo pipefail
tools/plant --list >/dev/null
tools/mutate --list >/dev/null
