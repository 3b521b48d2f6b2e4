#!/bin/sh
# Installs the locked packages. Each step is skipped while its lock file is unchanged.
#
#   environment.sh runtime       what the server and the demo need: .venv, assets/node_modules
#   environment.sh development   what the tests and the linters need as well: also apidocs/tools/node_modules, and the tools
#                                of the connectors in .tools/connectors
#   environment.sh check         fails unless .venv contains exactly the locked packages
#   environment.sh uv ...        runs the locked uv
#   environment.sh npm FOLDER ...  runs npm in a folder
#   environment.sh python        prints the Python that a new environment would use
#
# The variable PYTHON chooses the Python; by default it is the newest supported one on this machine.

set -eu
cd -- "$(dirname -- "$(readlink -f -- "$0")")/.."

# Installs into the environments named here, whatever environment the caller's shell has, and with this machine's Python.
unset VIRTUAL_ENV UV_PYTHON UV_SYSTEM_PYTHON UV_TARGET UV_PREFIX UV_PROJECT_ENVIRONMENT
export UV_PYTHON_DOWNLOADS=never

fail() {
    echo "$@" >&2
    exit 1
}

# --- Python ---------------------------------------------------------------------------------------------------------

# Only running a Python proves that it works: for example, the shims of pyenv are on PATH for versions that are not selected.
path_if_supported() {
    "$1" -c '
import ctypes, sqlite3, ssl, sys, sysconfig, zlib

final = sys.version_info.releaselevel == "final"
regular = sys.implementation.name == "cpython" and not sysconfig.get_config_var("Py_GIL_DISABLED")
if not ((3, 11) <= sys.version_info < (3, 15) and final and regular):
    sys.exit(1)
print(sys.executable)
' 2>/dev/null </dev/null
}

describe() {
    "$1" -c 'import platform, sys; print(f"Python {platform.python_version()} in {sys.base_prefix}")' 2>/dev/null
}

find_python() {
    if [ -n "${PYTHON:-}" ]; then
        path_if_supported "$PYTHON" || fail "GoKart needs Python 3.11 to 3.14; $PYTHON is not one, or lacks a module."
        return
    fi
    pyenv=${PYENV_ROOT:-${HOME:-}/.pyenv}
    for version in 3.14 3.13 3.12 3.11; do
        for candidate in "python$version" "$pyenv/versions/$version".*/bin/python; do
            if path_if_supported "$candidate"; then return; fi
        done
    done
    path_if_supported python3 ||
        fail "GoKart needs Python 3.11 to 3.14. Install one, or name one: make PYTHON=/path/to/python3.13"
}

# --- uv -------------------------------------------------------------------------------------------------------------

# Prints a Python that can run pip: the chosen one, python3, or that of the environment for uv.
find_pip() {
    for candidate in "$1" python3 .tools/uv/bin/python; do
        if "$candidate" -c 'import pip' 2>/dev/null; then echo "$candidate"; return; fi
    done
    return 1
}

# Installs uv outside of .venv, because uv creates .venv and must not remove itself.
install_uv() {
    if cmp -s requirements-uv.txt .tools/uv/installed; then return; fi
    echo "Installing uv ..." >&2
    rm -rf .tools/uv
    if pip=$(find_pip "$1"); then
        target="--target .tools/uv"
    else
        if ! "$1" -c 'import ensurepip, venv' 2>/dev/null; then
            venv=$("$1" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')
            scripts/system_packages.sh "$venv"
        fi
        "$1" -m venv .tools/uv
        pip=.tools/uv/bin/python
        target=
    fi
    # shellcheck disable=SC2086
    PIP_USER=0 PIP_REQUIRE_VIRTUALENV=0 PIP_ROOT_USER_ACTION=ignore "$pip" -m pip install --quiet \
        --disable-pip-version-check --no-deps --no-compile --only-binary :all: --require-hashes $target -r requirements-uv.txt
    cp requirements-uv.txt .tools/uv/installed
}

# uv does not read pip's settings. Unless an index is configured for uv, this selects the index of pip.
use_index_of_pip() {
    no_index=
    if [ -n "${UV_DEFAULT_INDEX:-}${UV_INDEX_URL:-}" ] || ! pip=$(find_pip "$1"); then return; fi
    settings=$("$pip" -m pip config list 2>/dev/null) || return 0
    index=$(pip_setting index-url)
    if [ -n "$index" ]; then export UV_DEFAULT_INDEX="$index"; fi
    certificates=$(pip_setting cert)
    if [ -n "$certificates" ] && [ -z "${SSL_CERT_FILE:-}" ]; then export SSL_CERT_FILE="$certificates"; fi
    case $(pip_setting no-index) in
        1 | [Tt]rue | [Yy]es | [Oo]n)
            no_index=--no-index
            if [ -z "${UV_FIND_LINKS:-}" ]; then
                UV_FIND_LINKS=$(pip_setting find-links | sed 's/\\n/ /g; s/^ *//; s/  */,/g')
                export UV_FIND_LINKS
            fi
            ;;
    esac
}

# As in pip, environment variables take precedence over [install], and [install] over [global].
pip_setting() {
    for section in :env: install global; do
        value=$(printf '%s\n' "$settings" | sed -n "s/^$section\.$1='\(.*\)'\$/\1/p")
        if [ -n "$value" ]; then printf '%s\n' "$value"; return; fi
    done
}

sync() { # directory of the environment, lock, further options
    environment=$1
    lock=$2
    shift 2
    # shellcheck disable=SC2086
    .tools/uv/bin/uv pip sync --no-build --require-hashes --python "$environment/bin/python" ${no_index:-} "$@" "$lock"
}

# --- The environment ------------------------------------------------------------------------------------------------

# .venv holds a copy of the lock that was installed into it. The development lock contains the runtime lock: once it
# is installed, it stays, so that `make demo` and `make test` do not replace each other's packages.
installed_lock() {
    if [ -e .venv/requirements-dev.txt ]; then echo requirements-dev.txt; else echo requirements.txt; fi
}

is_current_python() {
    current=$(describe .venv/bin/python) || return 1
    [ -z "${PYTHON:-}" ] || [ "$current" = "$(describe "$PYTHON")" ]
}

# Sets $python: that of .venv if it is supported and matches PYTHON, otherwise the one for a new environment.
choose_python() {
    if is_current_python && path_if_supported .venv/bin/python >/dev/null; then
        python=.venv/bin/python
    else
        python=$(find_python)
    fi
}

install_packages() {
    lock=$(installed_lock)
    if [ "$1" = development ]; then lock=requirements-dev.txt; fi
    if is_current_python && cmp -s "$lock" ".venv/$lock"; then return; fi
    choose_python
    if [ "$python" != .venv/bin/python ]; then echo "Using $(describe "$python")"; fi
    install_uv "$python"
    use_index_of_pip "$python"
    if [ "$python" != .venv/bin/python ]; then
        rm -rf .venv
        .tools/uv/bin/uv venv --quiet --python "$python" .venv
    fi
    echo "Installing the packages of $lock ..."
    rm -f .venv/requirements.txt .venv/requirements-dev.txt
    sync .venv "$lock" --quiet
    cp "$lock" ".venv/$lock"
}

# The tools of the connectors have an environment of their own, because they need other versions of packages than the app.
install_connectors() {
    lock=requirements-connectors.txt
    if describe .tools/connectors/bin/python >/dev/null && cmp -s "$lock" ".tools/connectors/$lock"; then return; fi
    choose_python
    install_uv "$python"
    use_index_of_pip "$python"
    echo "Installing the packages of $lock ..."
    rm -rf .tools/connectors
    .tools/uv/bin/uv venv --quiet --python "$python" .tools/connectors
    sync .tools/connectors "$lock" --quiet
    cp "$lock" ".tools/connectors/$lock"
}

check() {
    lock=$(installed_lock)
    # Installed packages are in uv's cache, so the network is needed only to describe a difference.
    if ! sync .venv "$lock" --check --offline --quiet 2>/dev/null; then
        use_index_of_pip .venv/bin/python
        sync .venv "$lock" --check ||
            fail ".venv does not contain exactly the packages of $lock. To install it again: rm -r .venv && make env"
    fi
    .tools/uv/bin/uv pip check --quiet --python .venv/bin/python || .tools/uv/bin/uv pip check --python .venv/bin/python
}

# --- JavaScript packages --------------------------------------------------------------------------------------------

has_npm() {
    version=$(npm --version 2>/dev/null) && [ "${version%%.*}" -ge 7 ]
}

# Without an npm, or with one that is too old for the lock file, the npm of a Python package is used.
run_npm() { # folder, command, options
    if ! has_npm; then
        .tools/uv/bin/uv venv --quiet --allow-existing --python "$python" .tools/node
        sync .tools/node requirements-node.txt --quiet
        PATH=$PWD/.tools/node/bin:$PATH
    fi
    folder=$1
    shift
    (cd "$folder" && npm "$@" --ignore-scripts --no-audit --no-fund --loglevel=error)
}

# Prints the folders whose packages are not installed, or not as locked.
outdated() {
    for folder in $1; do
        cmp -s "$folder/package-lock.json" "$folder/node_modules/installed" || echo "$folder"
    done
}

install_javascript() {
    for folder in $1; do
        run_npm "$folder" ci >/dev/null
        cp "$folder/package-lock.json" "$folder/node_modules/installed"
    done
}

install_all() {
    folders=assets
    if [ "$1" = development ]; then folders="assets apidocs/tools"; fi
    folders=$(outdated "$folders")
    javascript=
    trap 'wait' EXIT
    if [ -n "$folders" ] && has_npm; then
        install_javascript "$folders" &
        javascript=$!
    fi
    install_packages "$1"
    if [ "$1" = development ]; then install_connectors; fi
    if [ -n "$javascript" ]; then
        wait "$javascript"
    elif [ -n "$folders" ]; then
        choose_python
        install_uv "$python"
        use_index_of_pip "$python"
        install_javascript "$folders"
    fi
}

# --------------------------------------------------------------------------------------------------------------------

mkdir -p .tools
if command -v flock >/dev/null; then
    exec 9>.tools/lock
    flock 9
fi
command=$1
shift
case $command in
    runtime | development) install_all "$command" ;;
    check) check ;;
    python)
        python=$(find_python)
        describe "$python"
        ;;
    uv | npm)
        choose_python
        install_uv "$python"
        use_index_of_pip "$python"
        if [ "$command" = npm ]; then run_npm "$@"; else UV_PYTHON=$python .tools/uv/bin/uv "$@" ${no_index:-}; fi
        ;;
    *) fail "There is no command $command." ;;
esac
