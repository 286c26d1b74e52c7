#!/usr/bin/env bash
# bench-read.sh [-n ROUNDS] ARCHIVE...: how fast whole archives are read, in MB of COPY text a second: `pgarc verify`
# on one core and on all, beside `pg_restore -f /dev/null`, which uses one. The runs alternate; the fastest of ROUNDS (5)
# counts. Then how fast the table of contents is listed: `pgarc ls` beside `pg_restore -l`.
#
# PG_RESTORE names another pg_restore; one that cannot read an archive shows "-". docs/benchmarks.md has the results.
set -euo pipefail
rounds=5
if [ "${1:-}" = -n ]; then rounds=$2; shift 2; fi
[ $# -gt 0 ] || { sed -n '2,7s/^# \{0,1\}//p' "$0" >&2; exit 2; }
pg_restore=${PG_RESTORE:-pg_restore}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
pgarc=$work/pgarc
(cd "$(dirname "$0")/.." && go build -o "$pgarc" ./cmd/pgarc)
TIMEFORMAT='%R %U %S'

# run NAME COMMAND...: runs the command and notes its times, or that it failed.
run() {
	local name=$1
	shift
	if ! { time "$@" >/dev/null 2>"$work/stderr"; } 2>>"$work/$name"; then echo failed >"$work/$name"; fi
}

# best NAME: the fastest run: seconds, and CPU seconds.
best() {
	if grep -q failed "$work/$1"; then echo - -; else sort -n "$work/$1" | awk 'NR == 1 { printf "%.2f %.2f\n", $1, $2 + $3 }'; fi
}

# rate BYTES SECONDS
rate() { awk -v b="$1" -v s="$2" 'BEGIN { if (s == "-") print "-"; else printf "%.0f\n", b / s / 1e6 }'; }

echo "$("$pg_restore" --version), $(go env GOVERSION), $(nproc) cores, $(sed -n 's/^model name.*: //p' /proc/cpuinfo | head -n 1)"
echo
echo "| archive | COPY text MB | pgarc, 1 core | pgarc, all cores | pg_restore | CPU s: pgarc 1, all, pg_restore | ls ms | pg_restore -l ms |"
echo "|---|---|---|---|---|---|---|---|"
for archive; do
	rm -f "$work"/run-*
	bytes=$("$pgarc" verify --json "$archive" | sed -n 's/^{"type":"summary".*"bytes":\([0-9]*\).*/\1/p')
	for _ in $(seq "$rounds"); do
		run run-one env GOMAXPROCS=1 "$pgarc" verify -q "$archive"
		run run-restore "$pg_restore" -f /dev/null "$archive"
		run run-all "$pgarc" verify -q "$archive"
		run run-ls "$pgarc" ls "$archive"
		run run-list "$pg_restore" -l "$archive"
	done
	read -r one onecpu < <(best run-one)
	read -r all allcpu < <(best run-all)
	read -r restore restorecpu < <(best run-restore)
	ms() { awk -v s="$(sort -n "$work/$1" | head -n 1)" 'BEGIN { split(s, f); if (f[1] == "failed") print "-"; else printf "%.0f\n", f[1] * 1000 }'; }
	echo "| $(basename "$archive") | $((bytes / 1000000)) | $(rate "$bytes" "$one") | $(rate "$bytes" "$all") | $(rate "$bytes" "$restore") | $onecpu, $allcpu, $restorecpu | $(ms run-ls) | $(ms run-list) |"
done
