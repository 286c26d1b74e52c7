#!/bin/sh
# setup.sh [tests]: installs what the demo needs besides Go, a PostgreSQL server; with "tests" also npm, by which
# tests get servers of other versions. Uses the distribution's packages on Debian and Ubuntu, and names them
# elsewhere. Says and does nothing where all is there.
set -eu
cd "$(dirname "$0")/.."

missing=
if ! found=$(go run ./internal/pgscratch/findpg 2>&1); then
	case $found in
	*"no PostgreSQL server found"*) missing="postgresql postgresql-contrib" ;;
	*) echo "setup: $found" >&2; exit 1 ;;
	esac
fi
if [ "${1:-}" = tests ] && [ "$(go env GOOS)/$(go env GOARCH)" = linux/amd64 ]; then
	command -v npm >/dev/null || missing="$missing npm"
fi
[ -n "$missing" ] || exit 0

if ! command -v apt-get >/dev/null; then
	echo "setup: please install:$(printf ' %s' $missing)" >&2
	case $missing in *postgresql*) echo "$found" >&2 ;; esac
	exit 1
fi

sudo=
if [ "$(id -u)" != 0 ]; then
	command -v sudo >/dev/null || { echo "setup: please run as root: apt-get install $missing" >&2; exit 1; }
	sudo=sudo
fi

# Debian's packages make a cluster and start it as a service, which nobody asked for here. The file that forbids
# it stays only while we install.
conf=/etc/postgresql-common/createcluster.conf
if [ ! -e $conf ]; then
	$sudo mkdir -p "${conf%/*}"
	echo 'create_main_cluster = false' | $sudo tee $conf >/dev/null
	trap '$sudo rm -f $conf' EXIT
fi

echo "setup: installing $missing" >&2
{
	$sudo apt-get update -qq
	$sudo env DEBIAN_FRONTEND=noninteractive UCF_FORCE_CONFFOLD=1 apt-get install -y -qq --no-install-recommends \
		-o Dpkg::Options::=--force-confold $missing
} >&2
