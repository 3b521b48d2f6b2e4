#!/bin/sh
# Installs the named Debian packages whose program is missing. If it cannot, it prints the commands to run:
#
#   system_packages.sh curl pgbouncer redis-server nginx-light chromium-headless-shell wrk
#
# The variable CHROMIUM names an installed browser to use instead of the package. Any Chromium or Chrome works; the
# headless shell takes half the CPU time, because it has no user interface.

set -eu

has_any() {
    for program in "$@"; do
        if PATH=$PATH:/usr/sbin command -v "$program" >/dev/null; then return; fi
    done
    return 1
}

is_installed() {
    case $1 in
        chromium*)
            has_any ${CHROMIUM:+"$CHROMIUM"} chromium-headless-shell chromium chromium-browser google-chrome \
                google-chrome-stable
            ;;
        redis-server) has_any redis-server valkey-server ;;
        nginx-light) has_any nginx ;;
        python*-venv) "${1%-venv}" -c 'import ensurepip' 2>/dev/null ;;
        *) has_any "$1" ;;
    esac
}

# Prints the packages that are missing.
missing() {
    for package in "$@"; do
        if ! is_installed "$package"; then printf '%s ' "$package"; fi
    done
}

# Runs apt-get as root, or through sudo if sudo needs no password.
apt() {
    if [ "$(id -u)" = 0 ]; then as_root=; else as_root="sudo -n"; fi
    $as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=120 "$@" >/dev/null </dev/null
}

can_install() {
    has_any apt-get && { [ "$(id -u)" = 0 ] || sudo -n true 2>/dev/null; }
}

packages=$(missing "$@")
if [ -z "$packages" ]; then exit 0; fi

if can_install; then
    echo "Installing $packages..."
    apt update || true
    # shellcheck disable=SC2086
    if ! apt install --yes --no-install-recommends $packages; then
        # A package that this distribution lacks must not prevent the others.
        for package in $packages; do
            apt install --yes --no-install-recommends "$package" || case $package in
                chromium-*) apt install --yes --no-install-recommends chromium || true ;;
            esac
        done
    fi
fi

packages=$(missing "$@")
if [ -z "$packages" ]; then exit 0; fi
echo "These system packages are missing: $packages" >&2
echo "On Debian and Ubuntu, run:  sudo apt update && sudo apt install $packages" >&2
case $packages in
    *chromium*) echo "Chromium and Chrome work too. To select one:  make CHROMIUM=/path/to/browser" >&2 ;;
esac
exit 1
