#!/bin/sh
# Move databases that were left in the working directory into the application's data directory.
# usage: scripts/cleanup_runtime_artifacts.sh [--dry-run]
set -eu
target=${ARAGORA_DATA_DIR:-${ARAGORA_NOMIC_DIR:-${NOMIC_DIR:-.nomic}}}
exec "$(dirname "$0")/../inv" guard.clean --source . --target "$target" "$@"
