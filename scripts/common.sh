# Functions of the scripts beside this file. Sourced, not run.

# Say what went wrong, and end.
fail() {
    printf '%s\n' "$*" >&2
    exit 1
}

# Print the first interpreter that is new enough; nothing where there is none.
find_python() {
    local candidate
    for candidate in ${PYTHON:-} python3 python3.13 python3.12 python3.11 python3.14; do
        if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            command -v "$candidate"
            return
        fi
    done
}

# Install Debian packages as root; as anybody else name them in one line to copy, and end.
# Each word is `package` or `package=program`: a program that is found needs no package.
need_packages() {
    local word missing=()
    for word in "$@"; do
        if [[ $word == *=* ]]; then
            command -v "${word#*=}" >/dev/null || missing+=("${word%%=*}")
        else
            dpkg-query -W -f '${Status}' "$word" 2>/dev/null | grep -q 'ok installed' ||
                missing+=("$word")
        fi
    done
    [[ ${#missing[@]} -eq 0 ]] && return
    [[ $EUID -eq 0 ]] || fail "sudo apt-get install -y ${missing[*]}"
    command -v apt-get >/dev/null || fail "install these first: ${missing[*]}"
    echo "installing ${missing[*]}"
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "${missing[@]}" >/dev/null
}

# Build the wheel of the clone into a directory with an interpreter that has pip; print its path.
build_wheel() {
    local python=$1 directory=$2
    rm -rf "$directory"
    "$python" -m pip wheel --quiet --no-deps --wheel-dir "$directory" .
    printf '%s\n' "$directory"/ipycontainer-*.whl
}
