#!/bin/bash
# Private PostgreSQL clusters for tests, demonstrations and benchmarks.

usage() {
    cat <<'USAGE'
usage: tests/pg.sh start DIR [--until PID] [setting=value ...]
       tests/pg.sh standby DIR --of PRIMARY [--until PID] [setting=value ...]
       tests/pg.sh stop DIR [fast|immediate|smart]
       tests/pg.sh restart DIR [fast|immediate] [setting=value ...]
       tests/pg.sh env DIR
       tests/pg.sh remove DIR
       tests/pg.sh run [--dir DIR] [setting=value ...] -- COMMAND [ARGUMENT ...]

  start    makes the cluster in DIR when it is not there (initdb), starts it and prints the variables of `env`:
               eval "$(tests/pg.sh start out/pg)" && psql
           A running cluster is left alone. --until PID stops it when that process has ended, however it ended.
  standby  makes a hot standby in DIR of the cluster in PRIMARY, which is stopped for the copy, and starts both.
  stop     stops it (default: fast). No error when it does not run.
  restart  stops and starts; port and settings stay, the ones given are changed.
  env      prints `export` lines: PGHOST (127.0.0.1), PGPORT, PGUSER (postgres), PGDATABASE (postgres), and
           PG_SOCKET (folder of the Unix socket), PG_DATA, PG_LOG, PG_BIN, PG_OWNER (the operating system's user).
  remove   stops it (immediate) and deletes DIR.
  run      start, run COMMAND with those variables, stop; the exit code is COMMAND's. Without --dir the cluster is
           temporary and deleted afterwards.

Listens on 127.0.0.1 (a free port) and on a Unix socket, trust authentication, UTF-8, wal_level=logical. fsync is off:
these clusters survive `immediate`, not a power cut. Settings given go to postgresql.conf and stay there.

Variables: PGBIN, a folder with initdb and postgres; or PGVERSION=12..18, for /usr/lib/postgresql/VERSION/bin; default is
the newest found. PG_PORT, a fixed port for a new cluster. Run by root, the server runs as the user postgres, or nobody.
When that user cannot reach DIR, the data live in a folder under TMPDIR, and DIR/at says where.
USAGE
}

set -eu
umask 022

die() {
    echo "pg.sh: $*" >&2
    exit 1
}

find_bin() {
    local v
    if [ -n "${PGBIN:-}" ]; then
        echo "$PGBIN"
        return
    fi
    for v in ${PGVERSION:-18 17 16 15 14 13 12}; do
        for d in "/usr/lib/postgresql/$v/bin" "/usr/pgsql-$v/bin"; do
            if [ -x "$d/initdb" ]; then
                echo "$d"
                return
            fi
        done
    done
    [ -n "${PGVERSION:-}" ] || pg_config --bindir 2>/dev/null || true
}

# The server refuses to run as root.
find_owner() {
    if [ "$(id -u)" != 0 ]; then
        id -un
    elif id postgres >/dev/null 2>&1; then
        echo postgres
    else
        echo nobody
    fi
}

as_owner() {
    if [ "$(id -u)" != 0 ]; then
        "$@"
    else
        (cd / && exec setpriv --reuid="$owner" --regid="$(id -g "$owner")" --clear-groups \
            env HOME=/nonexistent "$@")
    fi
}

port_is_free() {
    ! (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null
}

free_port() {
    local p i
    for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
        # Below the range from which the kernel takes ports for outgoing connections.
        p=$((20000 + (RANDOM * 32768 + RANDOM) % 12000))
        if port_is_free "$p"; then
            echo "$p"
            return
        fi
    done
    die "no free port found"
}

# Sets dir, home (where data, socket and log are).
locate() {
    mkdir -p "$1"
    dir=$(cd "$1" && pwd)
    if [ -s "$dir/at" ]; then
        home=$(cat "$dir/at")
    else
        home=$dir
    fi
    data=$home/data
}

# A folder the owner can use, with a path short enough for a socket (107 bytes).
choose_home() {
    home=$dir
    if [ "$(id -u)" = 0 ]; then
        chown "$owner" "$dir"
    fi
    if [ ${#dir} -gt 80 ] || ! as_owner test -w "$dir"; then
        home=$(mktemp -d "${TMPDIR:-/tmp}/walbridge-pg.XXXXXX")
        if [ "$(id -u)" = 0 ]; then
            chown "$owner" "$home"
        fi
        as_owner test -w "$home" || die "user $owner cannot write to $home: set TMPDIR to a folder everybody can reach"
        echo "$home" >"$dir/at"
    fi
    data=$home/data
}

setting() { # name=value into postgresql.conf; the last line counts
    case $1 in
    *=*) printf "%s = '%s'\n" "${1%%=*}" "$(printf %s "${1#*=}" | sed "s/'/''/g")" >>"$data/postgresql.conf" ;;
    *) die "not a setting: $1" ;;
    esac
}

conf_value() {
    sed -n "s/^$1 = '\(.*\)'\$/\1/p" "$data/postgresql.conf" | tail -n 1
}

make_cluster() {
    choose_home
    as_owner "$bin/initdb" -D "$data" -U postgres -A trust -E UTF8 --locale=C.UTF-8 -N >"$home/initdb.log" 2>&1 || {
        cat "$home/initdb.log" >&2
        die "initdb failed"
    }
    setting "listen_addresses=127.0.0.1"
    setting "unix_socket_directories=$home"
    setting "port=${PG_PORT:-$(free_port)}"
    setting "wal_level=logical"
    setting "max_wal_senders=40"
    setting "max_replication_slots=40"
    setting "max_connections=100"
    setting "max_prepared_transactions=5"
    setting "shared_buffers=64MB"
    setting "fsync=off"
    setting "log_line_prefix=%m [%p] %q%a "
}

is_running() {
    [ -s "$data/postmaster.pid" ] && as_owner "$bin/pg_ctl" -D "$data" status >/dev/null 2>&1
}

start_cluster() {
    local try
    for try in 1 2 3; do
        if as_owner "$bin/pg_ctl" -D "$data" -l "$home/log" -w -t 60 -s start >/dev/null 2>&1 </dev/null; then
            return
        fi
        # Somebody else may have taken the port since.
        if [ -z "${PG_PORT:-}" ] && tail -n 5 "$home/log" | grep -q 'could not create any TCP/IP sockets\|in use'; then
            setting "port=$(free_port)"
        else
            break
        fi
    done
    tail -n 20 "$home/log" >&2
    die "PostgreSQL in $data does not start"
}

stop_cluster() {
    if is_running; then
        as_owner "$bin/pg_ctl" -D "$data" -w -t 60 -s -m "$1" stop </dev/null >&2
    fi
}

print_env() {
    cat <<ENV
export PGHOST=127.0.0.1 PGPORT=$(conf_value port) PGUSER=postgres PGDATABASE=postgres
export PG_SOCKET='$home' PG_DATA='$data' PG_LOG='$home/log' PG_BIN='$bin' PG_OWNER='$owner'
ENV
}

remove_cluster() {
    stop_cluster immediate || true
    rm -rf "$home" "$dir"
}

# Stops the cluster when a process has gone, even one that was killed.
stop_after() {
    (
        trap '' HUP INT
        while kill -0 "$1" 2>/dev/null; do sleep 1; done
        stop_cluster immediate
    ) >/dev/null 2>&1 </dev/null &
}

cmd_start() {
    local until='' s
    locate "$1"
    shift
    if [ "${1:-}" = --until ]; then
        until=${2:?--until needs a process id}
        shift 2
    fi
    [ -s "$data/PG_VERSION" ] || make_cluster
    for s in "$@"; do setting "$s"; done
    is_running || start_cluster
    [ -z "$until" ] || stop_after "$until"
    print_env
}

cmd_standby() {
    local primary until=() port
    [ "${2:-}" = --of ] || die "standby: --of PRIMARY is missing"
    primary=$3
    [ "${4:-}" != --until ] || until=(--until "${5:?--until needs a process id}")
    locate "$primary"
    stop_cluster fast
    port=$(conf_value port)
    primary=$data
    locate "$1"
    shift $((3 + ${#until[@]}))
    choose_home
    as_owner cp -a "$primary" "$data"
    as_owner touch "$data/standby.signal"
    setting "port=$(free_port)"
    setting "unix_socket_directories=$home"
    setting "primary_conninfo=host=127.0.0.1 port=$port user=postgres"
    setting "hot_standby_feedback=on"
    setting "wal_receiver_status_interval=1"
    as_owner "$bin/pg_ctl" -D "$primary" -l "$(dirname "$primary")/log" -w -t 60 -s start >/dev/null 2>&1 </dev/null ||
        die "PostgreSQL in $primary does not start again"
    cmd_start "$dir" "${until[@]}" "$@"
}

cmd_restart() {
    local mode=fast s
    locate "$1"
    shift
    case ${1:-} in
    fast | immediate)
        mode=$1
        shift
        ;;
    esac
    [ -s "$data/PG_VERSION" ] || die "no cluster in $dir"
    for s in "$@"; do setting "$s"; done
    stop_cluster "$mode"
    start_cluster
}

cmd_run() {
    local temporary=1 where='' code=0
    local settings=()
    while [ $# -gt 0 ]; do
        case $1 in
        --dir)
            where=${2:?--dir needs a folder}
            temporary=
            shift 2
            ;;
        --)
            shift
            break
            ;;
        *=*)
            settings+=("$1")
            shift
            ;;
        *) die "expected setting=value or --, got $1" ;;
        esac
    done
    [ $# -gt 0 ] || die "run: no command"
    [ -n "$where" ] || where=$(mktemp -d "${TMPDIR:-/tmp}/walbridge-pg.XXXXXX")
    if [ -n "$temporary" ]; then
        trap remove_cluster EXIT
    else
        trap 'stop_cluster fast' EXIT
    fi
    trap 'exit 130' INT
    trap 'exit 143' TERM
    locate "$where"
    cmd_start "$where" "${settings[@]}" >"$dir/env"
    . "$dir/env"
    "$@" || code=$?
    exit "$code"
}

command=${1:-help}
[ $# -eq 0 ] || shift
case $command in
help | -h | --help)
    usage
    exit 0
    ;;
esac
bin=$(find_bin)
[ -n "$bin" ] && [ -x "$bin/initdb" ] || die "no PostgreSQL server programs found: install postgresql or set PGBIN"
owner=$(find_owner)
case $command in
run)
    cmd_run "$@"
    ;;
start | standby | stop | restart | env | remove)
    [ $# -ge 1 ] || die "$command: no folder given (tests/pg.sh help)"
    case $command in
    start) cmd_start "$@" ;;
    standby) cmd_standby "$@" ;;
    restart) cmd_restart "$@" ;;
    *)
        [ -d "$1" ] || { [ "$command" != env ] && exit 0; die "no such folder: $1"; }
        locate "$1"
        case $command in
        stop) stop_cluster "${2:-fast}" ;;
        env) print_env ;;
        remove) remove_cluster ;;
        esac
        ;;
    esac
    ;;
*)
    usage >&2
    exit 2
    ;;
esac
