#!/usr/bin/env bash
# examples/sqlite_pool.c on SQLite: no transfer lost or half done, abandoned ones rolled back, stale connections found.
# needs: libsqlite3-dev
# test-all: SQLite
# shellcheck source=tests/examples/uses.sh
. "$(dirname "$0")/uses.sh"

build sqlite_pool
run "$work/examples/sqlite_pool" 16 4 4000
says 'ok +3200 committed, 800 abandoned, 0 failed' "every transfer ended as it should"
says 'ok +800 rolled back by reset' "every abandoned transfer was rolled back by the release"
says 'ok +no money made or lost: 100000' "no money was made or lost"
says 'ok +3200 transfers in the database' "the database has each committed transfer once"
says 'ok +[1-4] connections opened, 0 still in use' "no more connections than allowed"
says 'ok +after the restore 0 of 4 connections read the old file' "no idle connection outlived its database"
says 'ok +4 idle connections found out by 4 queries and replaced' "each was found out by its query"
at_least "$(number 'speed-up: ([0-9.]+) times')" 2 "the pool is faster than opening each time"
exit $failed
