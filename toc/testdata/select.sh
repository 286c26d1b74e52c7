#!/bin/bash
# select.sh FIXTURES PG_RESTORE...: what the real pg_restore (18) selects of the
# archives with each line of options in select.txt; makes select.golden.
#
#   ./select.sh ../../fixtures/archives pg_restore >select.golden
#
# A line of output is a line of options, a tab, and the places of the selected
# entries in the archive's TOC, in the order of the listing: "3-5,9", or "5-3"
# where it goes backwards. The first entry of the TOC has place 1.
set -euo pipefail
here=$(dirname "$0")
dir=$1
shift
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

# order prints the listing "$tmp/all" in one of the orders that -L names.
order() {
	case $1 in
	all) cat "$tmp/all" ;;
	reverse) tac "$tmp/all" ;;
	quarters) # the third, then the first
		local n
		n=$(($(wc -l <"$tmp/all") / 4))
		sed -n "$((2 * n + 1)),$((3 * n))p" "$tmp/all"
		sed -n "1,${n}p" "$tmp/all"
		;;
	comments-first)
		awk '/^[0-9]+; 0 0 (COMMENT|ACL) /' "$tmp/all"
		awk '!/^[0-9]+; 0 0 (COMMENT|ACL) /' "$tmp/all"
		;;
	*) echo "select.sh: no order $1" >&2; exit 1 ;;
	esac
}

# places reads a listing and prints the runs of its entries in "$tmp/all".
places() {
	awk -F';' '
		function flush() {
			if (from) { printf "%s%s", sep, from == to ? from : from "-" to; sep = "," }
		}
		NR == FNR { place[$1] = FNR; next }
		!/^[0-9]/ { next }
		{ at = place[$1] }
		from && (at == to + 1 || at == to - 1) && (!step || at == to + step) { step = at - to; to = at; next }
		{ flush(); from = to = at; step = 0 }
		END { flush(); print "" }' "$tmp/all" -
}

for archive in 15/c-gzip 18/c-gzip 18/c-statistics 15/c-data 17/c-via-root 10/c-gzip 9.5/c-gzip; do
	file=$dir/$archive.dump
	"$@" -l -v "$file" 2>/dev/null | grep '^[0-9]' >"$tmp/all"
	echo "# $archive"
	while IFS= read -r line; do
		case $line in '' | '#'*) continue ;; esac
		eval "args=($line)"
		if [ "${args[0]}" = -L ]; then
			order "${args[1]}" >"$tmp/list"
			args[1]=$tmp/list
		fi
		printf '%s\t' "$line"
		"$@" -l "${args[@]}" "$file" 2>"$tmp/stderr" | places || { cat "$tmp/stderr" >&2; exit 1; }
	done <"$here/select.txt"
done
