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

# Print the package of a small stock kernel, which has cgroup v2 alone.
stock_kernel() {
    local package
    for package in linux-image-cloud-amd64 linux-image-virtual linux-image-amd64; do
        apt-cache show "$package" >/dev/null 2>&1 && printf '%s\n' "$package" && return
    done
    printf 'linux-image-amd64\n'
}

# Install what `python -m venv` needs beside an interpreter.
need_venv() {
    "$1" -c 'import ensurepip' 2>/dev/null || need_packages \
        "$("$1" -c 'import sys; print("python{}.{}-venv".format(*sys.version_info))')"
}

# Make an ordinary user, as root. Sets `user_home`, `user_python` (the machine's own, which anybody
# may read, where it is new enough) and `as_user`, the words that run a command as that user in an
# environment that is its own but for the way to the package index and how much is to be tested.
prepare_user() {
    local user=$1 runtime line
    id "$user" >/dev/null 2>&1 || useradd --create-home --shell /bin/sh "$user"
    user_home=$(getent passwd "$user" | cut -d: -f6)
    runtime=/run/user/$(id -u "$user")
    install -d -m 755 /run/user
    install -d -m 700 -o "$user" -g "$user" "$runtime"
    as_user=(setpriv "--reuid=$user" "--regid=$user" --init-groups env -i "HOME=$user_home"
        PATH=/usr/local/bin:/usr/bin:/bin "XDG_RUNTIME_DIR=$runtime" PYTHONDONTWRITEBYTECODE=1)
    while IFS= read -r line; do
        as_user+=("$line")
    done < <(env | grep -E "^($INDEX_VARIABLES|IPYCONTAINER_(FULL|SEED))=")
    user_python=/usr/bin/python3
    "$user_python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null ||
        user_python=$(find_python)
    need_venv "$user_python"
}
INDEX_VARIABLES='PIP_(INDEX_URL|EXTRA_INDEX_URL|FIND_LINKS|CERT|TRUSTED_HOST|PROXY)'
INDEX_VARIABLES+='|SSL_CERT_(FILE|DIR)|REQUESTS_CA_BUNDLE'
INDEX_VARIABLES+='|(https?|all|no)_proxy|(HTTPS?|ALL|NO)_PROXY'

# Build the wheel of the clone into a directory with an interpreter that has pip; print its path.
build_wheel() {
    local python=$1 directory=$2
    rm -rf "$directory"
    "$python" -m pip wheel --quiet --no-deps --wheel-dir "$directory" .
    printf '%s\n' "$directory"/ipycontainer-*.whl
}
