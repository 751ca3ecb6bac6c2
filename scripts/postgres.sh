# shellcheck shell=bash
# Functions that start a throw-away PostgreSQL. Source this file after needs.sh; do not run it.

# Sets POSTGRES_BIN to the folder of PostgreSQL's programs, 14 or newer: the one that it names, or one that is found or
# installed.
need_postgres() {
    local folder
    for folder in "${POSTGRES_BIN:-}" /usr/lib/postgresql/{18,17,16,15,14}/bin "$(dirname -- "$(command -v initdb || echo /)")"; do
        [[ -n $folder && -x $folder/initdb && -x $folder/pg_ctl ]] && POSTGRES_BIN=$folder && return
    done
    can_install && install_packages postgresql && hash -r &&
        for folder in /usr/lib/postgresql/{18,17,16,15,14}/bin; do
            [[ -x $folder/initdb ]] && POSTGRES_BIN=$folder && return
        done
    die "PostgreSQL is missing (initdb, pg_ctl)" \
        "Debian, Ubuntu: sudo apt-get install postgresql" \
        "other systems:  POSTGRES_BIN=/path/to/its/bin"
}

# Runs "$@" as a user that is not root, whom PostgreSQL refuses.
as_postgres() {
    if [[ $(id -u) -eq 0 ]]; then
        setpriv --reuid=postgres --regid=postgres --clear-groups -- "$@"
    else
        "$@"
    fi
}

# Starts PostgreSQL with its data and its socket in the new folder $1 and sets POSTGRES_URL to its first database.
# "${@:2}" are further settings, as name=value.
start_postgres() {
    local folder=$1 settings="-c listen_addresses= -c unix_socket_directories=$1 -c max_connections=400" setting
    shift
    for setting in "$@"; do settings+=" -c $setting"; done
    mkdir -m 0700 -- "$folder"
    [[ $(id -u) -ne 0 ]] || chown postgres -- "$folder"
    as_postgres "$POSTGRES_BIN/initdb" -D "$folder/data" -U chattrix -A trust -E UTF8 --locale=C >/dev/null ||
        die "initdb failed"
    as_postgres "$POSTGRES_BIN/pg_ctl" -D "$folder/data" -o "$settings" -l "$folder/log" -w start >/dev/null ||
        die "PostgreSQL did not start" "$(tail -n 3 -- "$folder/log")"
    # shellcheck disable=SC2034 # For those who source this.
    POSTGRES_URL="postgres://chattrix@${folder//\//%2F}/postgres?sslmode=disable"
}

# Stops the PostgreSQL of the folder $1 at once.
stop_postgres() {
    [[ ! -f $1/data/postmaster.pid ]] ||
        as_postgres "$POSTGRES_BIN/pg_ctl" -D "$1/data" -m immediate -w stop >/dev/null 2>&1 || true
}
