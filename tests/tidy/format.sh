#!/usr/bin/env bash
# All C in the tree is formatted by .clang-format.
set -euo pipefail
git ls-files '*.c' '*.h' | xargs clang-format --dry-run --Werror
