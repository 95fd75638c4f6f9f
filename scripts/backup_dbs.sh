#!/bin/sh
# Back up the databases of a data directory: each copy is checked, has the name that it always had, and 7 days.
#
# Copies lie in a store beside the data directory (DATA-backups; ARAGORA_BACKUP_STORE names another, on another disk),
# each set in a folder of its own with its hashes; DATA/backups/<db>_<date>.db leads to each. Nothing is removed after a
# backup that failed, and the newest sound sets never are: see .github/BACKUPS.md.
# usage: scripts/backup_dbs.sh [--dry-run]
set -eu

# usage: follow FOLDER; prints where it is, links followed; what is not there as it was given.
follow() {
    (CDPATH='' cd -P -- "$1" 2>/dev/null && pwd) || printf '%s\n' "$1"
}

# usage: ask TASK [FLAGS]
ask() {
    ask_task=$1
    shift
    ARAGORA_DATA_DIR=$data "$inv" "$ask_task" --system aragora --store folder --to "$store" "$@"
}

# usage: name_copies; gives each database of each set that is listed the name of old, once.
name_copies() {
    for entry in "$store"/catalog/*.json; do
        set_id=$(basename "$entry" .json)
        copies=$store/sets/$set_id/data
        [ -d "$copies" ] || continue
        (cd "$copies" && find . -name '*.db' -type f | sed 's|^[.]/||' | sort) | while IFS= read -r file; do
            name=$names/${file%.db}_$set_id.db
            [ ! -L "$name" ] || continue
            mkdir -p "$(dirname "$name")"
            ln -s "$copies/$file" "$name"
            echo "Backed up: $file"
        done
    done
}

inv=$(dirname "$0")/../inv
data=${ARAGORA_DATA_DIR:-${ARAGORA_NOMIC_DIR:-${NOMIC_DIR:-.nomic}}}
[ -d "$data" ] || [ "$data" != .nomic ] || data=data # as the application does
data=$(follow "$data")
store=$(follow "${ARAGORA_BACKUP_STORE:-$data-backups}")
names=$data/backups

[ -f "$store/store.json" ] || ask backup.init "$@"
store=$(follow "$store")
if [ $# -gt 0 ]; then
    [ ! -f "$store/store.json" ] || ask backup.create "$@"
    exit
fi
code=0
ask backup.create || code=$?
name_copies
[ "$code" = 0 ] || exit "$code"
ask backup.prune --days 7
find "$names" -type l -lname "$store/*" ! -exec test -e {} \; -exec rm {} +
