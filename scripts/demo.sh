#!/bin/bash
# demo.sh: shows what pgarc does, on an archive of this repository and a scratch server.
set -euo pipefail
cd "$(dirname "$0")/.."

read -r bin major < <(go run ./internal/pgscratch/findpg)
export PATH=$PWD/bin:$PATH:$bin # psql is beside the server where it is not on the PATH

# A server takes archives of its own version and of older ones.
for version in 18 17 16 15 13 10; do
	archive=fixtures/archives/$version/c-gzip.dump
	[ "$major" -lt "$version" ] || break
done

bold= plain=
[ ! -t 1 ] || bold=$'\033[1m' plain=$'\033[0m'
say() { printf '\n%s# %s%s\n' "$bold" "$*" "$plain"; }
show() { # prints a command as one would type it, and runs it
	printf '$'
	local word
	for word; do
		case $word in *[!A-Za-z0-9_./=-]*) printf " '%s'" "$word" ;; *) printf ' %s' "$word" ;; esac
	done
	printf '\n'
	"$@"
}

say "An archive by pg_dump $version: what is it?"
show pgarc info "$archive"

say "Some of its foreign keys"
show pgarc ls "$archive" --type fk 'fk_rails_2*'

say "The whole definition of one of them, with no server at hand"
show pgarc ddl "$archive" fk_rails_256483a9ab

say "All of it back, four steps at a time, in a throw-away PostgreSQL $major"
show pgarc restore --scratch -j 4 "$archive" --scratch-run \
	'psql -c "SELECT count(*) AS statuses, count(reblog_of_id) AS reblogs FROM statuses"'

say "The same for an archive of yours: bin/pgarc restore --scratch FILE"
