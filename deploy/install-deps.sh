#!/bin/sh
# Installs what walbridge needs that is not there yet.
#
#   deploy/install-deps.sh [build] [demo] [test] [check] [bench]     default: build
#   deploy/install-deps.sh --print test                              only says what is missing
#
# Debian and Ubuntu: with apt, through sudo when not root. Elsewhere it says what to install.
# Looks before it asks apt anything, so it takes a moment when everything is there.
set -eu

# Group, how to look, what to look for, Debian package.
#   cmd  a command              pc   a pkg-config module       file a file, * stands for anything
#   pg   a file of any installed PostgreSQL server             py   a Python module
needs() {
    cat <<'TABLE'
build  cmd  gcc                  gcc
build  file /usr/include/stdlib.h  libc6-dev
build  cmd  make                 make
build  cmd  pkg-config           pkg-config
build  pc   libpq                libpq-dev
build  pc   rdkafka              librdkafka-dev
build  pc   jansson              libjansson-dev
build  pc   libcurl              libcurl4-openssl-dev
build  pc   libpcre2-8           libpcre2-dev
build  pc   libcrypto            libssl-dev
build  pc   libmicrohttpd        libmicrohttpd-dev
build  file /usr/share/zoneinfo/UTC  tzdata
demo   pg   bin/initdb           postgresql
demo   cmd  psql                 postgresql-client
demo   cmd  kcat                 kcat
demo   cmd  python3              python3
test   pc   cmocka               libcmocka-dev
test   pg   pgtap.control        postgresql-@PG@-pgtap
test   cmd  pg_prove             libtap-parser-sourcehandler-pgtap-perl
test   py   pytest               python3-pytest
test   py   psycopg              python3-psycopg
test   py   confluent_kafka      python3-confluent-kafka
test   cmd  java                 default-jre-headless
test   cmd  mvn                  maven
test   file /etc/ssl/certs/ca-certificates.crt  ca-certificates
test   cmd  clang                clang
test   file /usr/lib/llvm-*/lib/clang/*/lib/linux/libclang_rt.fuzzer-*.a  libclang-rt-@CLANG@-dev
test   cmd  openssl              openssl
test   file /usr/sbin/pgbouncer  pgbouncer
check  cmd  clang                clang
check  cmd  clang-format         clang-format
check  cmd  clang-tidy           clang-tidy
check  cmd  cppcheck             cppcheck
bench  cmd  valgrind             valgrind
TABLE
}

usage() {
    sed -n '2,8s/^# \{0,1\}//p' "$0"
    exit "$1"
}

# Modules may sit in a Python of the user's own or in the distribution's: either will do for the tests.
py_has() {
    for python in "${PYTHON:-python3}" /usr/bin/python3; do
        "$python" -c 'import importlib.util, sys; sys.exit(importlib.util.find_spec(sys.argv[1]) is None)' "$1" \
            2>/dev/null && return 0
    done
    return 1
}

pg_has() {
    for dir in /usr/lib/postgresql/*/ /usr/share/postgresql/*/extension/ /usr/pgsql-*/ /usr/pgsql-*/share/extension/; do
        [ -e "$dir$1" ] && return 0
    done
    case $1 in
    bin/*) command -v "${1#bin/}" >/dev/null 2>&1 ;;
    *) return 1 ;;
    esac
}

any_exists() { # unquoted: the shell has replaced the pattern by what matches
    for file; do
        [ -e "$file" ] && return 0
    done
    return 1
}

has() {
    case $1 in
    cmd) command -v "$2" >/dev/null 2>&1 ;;
    pc) pkg-config --exists "$2" 2>/dev/null ;;
    file) any_exists $2 ;;
    pg) pg_has "$2" ;;
    py) py_has "$2" ;;
    esac
}

print=no
groups=
for arg; do
    case $arg in
    build) groups="$groups build" ;;
    demo) groups="$groups build demo" ;;
    test) groups="$groups build demo test" ;;
    check | bench) groups="$groups build demo $arg" ;;
    --print) print=yes ;;
    -h | --help) usage 0 ;;
    *) usage 2 >&2 ;;
    esac
done
groups=${groups:-build}

missing=$(needs | while read -r group how what package; do
    case " $groups " in *" $group "*) has "$how" "$what" || echo "$package" ;; esac
done | sort -u | tr '\n' ' ')
[ -n "$missing" ] || exit 0

if [ "$print" = yes ]; then
    echo "$missing"
    exit 1
fi
if ! command -v apt-get >/dev/null 2>&1; then
    cat >&2 <<EOM
This is not a Debian or Ubuntu system. Please install, by whatever name your system has for these Debian packages:
  $missing
EOM
    exit 1
fi

sudo=
if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null 2>&1 || {
        echo "not root and no sudo: as root, run: $0 $*" >&2
        exit 1
    }
    sudo=sudo
fi

# A server package makes and starts a cluster of its own, on a port people expect to be theirs. A system that had no
# PostgreSQL gets none running from us: programs are started privately, from a folder of their own.
guard=/etc/postgresql-common/createcluster.d/walbridge.conf
if ! [ -d /usr/share/postgresql-common ]; then
    $sudo mkdir -p "${guard%/*}"
    echo 'create_main_cluster = false' | $sudo tee "$guard" >/dev/null
fi

log=$(mktemp)
trap '$sudo rm -f "$guard" "$log"' EXIT
apt() {
    $sudo env DEBIAN_FRONTEND=noninteractive apt-get -qq -o Dpkg::Use-Pty=0 "$@" >"$log" 2>&1 || {
        cat "$log" >&2
        exit 1
    }
}

# The newest version that a package without one in its name stands for: postgresql → 15.
version_of() { apt-cache depends "$1" | sed -n "s/.*Depends: $1-\([0-9]*\)\$/\1/p" | head -n 1; }

apt update
# pgTAP is packaged per server version: the installed one, else the one the distribution would install.
pg=$(ls -d /usr/lib/postgresql/*/bin/initdb 2>/dev/null | sort -t/ -k5n | tail -n 1 | cut -d/ -f5)
missing=$(echo "$missing" | sed "s/@PG@/${pg:-$(version_of postgresql)}/g; s/@CLANG@/$(version_of clang)/g")
for package in $missing; do # in some releases a part of another package
    apt-cache show "$package" >/dev/null 2>&1 || missing=$(echo "$missing" | sed "s/\(^\| \)$package / /")
done
echo "installing: $missing"
# shellcheck disable=SC2086 # a list of words
apt install -y --no-install-recommends $missing
