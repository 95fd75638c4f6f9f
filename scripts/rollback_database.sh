#!/bin/sh
# Put the databases of a data directory back as they were before the last consolidation.
# usage: scripts/rollback_database.sh [DATA_DIRECTORY] [--dry-run]
set -eu
directory=${ZOE_DATA_DIR:-data}
case "${1-}" in
'' | --*) ;;
*)
    directory=$1
    shift
    ;;
esac
exec "$(dirname "$0")/../inv" consolidate.rollback --source "$directory" --target "$directory" "$@"
