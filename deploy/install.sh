#!/bin/sh
# Installs chattrix from the unpacked release archive, or installs a newer version over it.
#
#   sudo ./install.sh                  installs the program, the unit, the user and the folders
#   sudo ./install.sh --uninstall      removes the program and the unit; keeps settings, database and user
#   sudo ./install.sh --purge          removes everything, with the settings and the database
#
# It checks the files of the archive by SHA256SUMS first. Existing settings are never changed. It does not start the
# server. With DESTDIR=FOLDER it only puts the files below that folder, without a user, and needs no root.
set -eu

archive=$(cd -- "$(dirname -- "$0")" && pwd -P)
root=${DESTDIR:-}

die() {
    printf 'error: %s\n' "$1" >&2
    exit 1
}

# Returns whether the machine itself is installed to, not a folder.
is_machine() { [ -z "$root" ]; }

# Runs "$@" only on the machine itself.
on_machine() { ! is_machine || "$@"; }

# Installs file $2 with mode $1 as $3, if the archive has it.
put() {
    [ ! -e "$archive/$2" ] || install -D -m "$1" "$archive/$2" "$root$3"
}

check() {
    [ -f "$archive/SHA256SUMS" ] || die "SHA256SUMS is missing: run install.sh in the unpacked release archive"
    (cd "$archive" && sha256sum --check --quiet SHA256SUMS) ||
        die "the archive is damaged: download and unpack it again"
}

add_user() {
    id chattrix >/dev/null 2>&1 ||
        useradd --system --home-dir /var/lib/chattrix --shell /usr/sbin/nologin chattrix
}

put_settings() {
    settings=$root/etc/chattrix
    install -d -m 750 "$settings"
    install -d -m 700 "$root/var/lib/chattrix"
    if [ ! -e "$settings/jwt-secret" ]; then
        # 32 random bytes as text, readable by the server only.
        (umask 027 && od -An -N32 -tx1 /dev/urandom | tr -d ' \n' >"$settings/jwt-secret")
    fi
    if [ ! -e "$settings/Rocket.toml" ]; then
        install -m 644 "$archive/deploy/Rocket.toml" "$settings/Rocket.toml"
    fi
    on_machine chown root:chattrix "$settings" "$settings/jwt-secret"
    on_machine chown chattrix:chattrix /var/lib/chattrix
}

put_documents() {
    for page in "$archive"/man/man1/*.1; do
        [ ! -e "$page" ] || install -D -m 644 "$page" "$root/usr/local/share/man/man1/${page##*/}"
    done
    put 644 completions/chattrix.bash /usr/local/share/bash-completion/completions/chattrix
    put 644 completions/_chattrix /usr/local/share/zsh/site-functions/_chattrix
    put 644 completions/chattrix.fish /usr/local/share/fish/vendor_completions.d/chattrix.fish
    for page in README.md CHANGELOG.md LICENSE; do put 644 "$page" "/usr/local/share/doc/chattrix/$page"; done
}

install_all() {
    check
    on_machine add_user
    put 755 chattrix /usr/local/bin/chattrix
    put 644 deploy/chattrix.service /etc/systemd/system/chattrix.service
    put_settings
    put_documents
    on_machine reload_units
    "$root/usr/local/bin/chattrix" --version
    cat <<END
installed. Next:
  the keys of your identity provider in /etc/chattrix/Rocket.toml (docs/identity.md); until then, the server verifies
  tokens with the new secret /etc/chattrix/jwt-secret
  systemctl enable --now chattrix         or, after an upgrade: systemctl restart chattrix
END
}

# Reloads the units, if systemd runs.
reload_units() { [ ! -d /run/systemd/system ] || systemctl daemon-reload; }

stop_service() { [ ! -d /run/systemd/system ] || systemctl disable --now chattrix >/dev/null 2>&1 || true; }

uninstall() {
    on_machine stop_service
    rm -f "$root/usr/local/bin/chattrix" "$root/etc/systemd/system/chattrix.service" \
        "$root/usr/local/share/man/man1/chattrix.1" "$root/usr/local/share/man/man1"/chattrix-*.1 \
        "$root/usr/local/share/bash-completion/completions/chattrix" \
        "$root/usr/local/share/zsh/site-functions/_chattrix" \
        "$root/usr/local/share/fish/vendor_completions.d/chattrix.fish"
    rm -rf "$root/usr/local/share/doc/chattrix"
    on_machine reload_units
}

purge() {
    uninstall
    rm -rf "$root/etc/chattrix" "$root/var/lib/chattrix"
    if is_machine && id chattrix >/dev/null 2>&1; then userdel chattrix; fi
}

case ${1:-} in
-h | --help) awk 'NR > 1 { if (!/^#/) exit; sub(/^# ?/, ""); print }' "$0" && exit ;;
'' | --uninstall | --purge) ;;
*) die "unknown argument $1: expected --uninstall, --purge or none" ;;
esac
if is_machine && [ "$(id -u)" -ne 0 ]; then die "root is needed: sudo $0 $*"; fi
case ${1:-} in
--uninstall) uninstall && echo "removed. Settings and database are kept: /etc/chattrix, /var/lib/chattrix" ;;
--purge) purge && echo "removed, with settings and database" ;;
*) install_all ;;
esac
