# Sourced by ./run and ./test (bash 3.2 is enough): finds or installs Python, makes .venv and
# installs the pinned requirements into it when they changed. The project is the current folder.

UV_VERSION=0.13.9
export UV_PYTHON_DOWNLOADS=never PIP_DISABLE_PIP_VERSION_CHECK=1
# Packages are compiled as they are imported, which most of their modules never are.
unset PYTHONDONTWRITEBYTECODE

say() { printf '%s\n' "$*" >&2; }
die() { say "$0: $*"; exit 1; }

# Runs a command quietly; shows what it wrote only when it fails.
quietly() {
  local out status=0
  out=$("$@" 2>&1) || status=$?
  [ "$status" = 0 ] || printf '%s\n' "$out" >&2
  return "$status"
}

can_apt() { [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; }

# Once is enough.
apt_update() {
  [ -z "${apt_is_new:-}" ] || return 0
  DEBIAN_FRONTEND=noninteractive quietly apt-get -q -o Acquire::Retries=3 update && apt_is_new=1
}

apt_install() {
  say "Installing with apt: $* …"
  local options="-q -y --no-install-recommends -o DPkg::Lock::Timeout=600 -o Acquire::Retries=3"
  # shellcheck disable=SC2086  # the options are words
  apt_update && DEBIAN_FRONTEND=noninteractive quietly apt-get install $options "$@"
}

# Prints the first Python from 3.11 to 3.14 that can make a virtual environment.
find_python() {
  local name path
  for name in "${PYTHON:-python3}" python3 python3.14 python3.13 python3.12 python3.11; do
    path=$(command -v "$name") || continue
    "$path" -c 'import sys, venv
if not (3, 11) <= sys.version_info[:2] <= (3, 14): sys.exit(1)
if sys.argv[1] == "": import ensurepip' "$(command -v uv || true)" >/dev/null 2>&1 || continue
    printf '%s' "$path"
    return 0
  done
  return 1
}

make_venv() {
  local python
  python=$(find_python) || {
    can_apt || die "Python 3.11 to 3.14 with its venv module is needed. Install it, e.g." \
      "'sudo apt-get install python3 python3-venv' or 'brew install python@3.13', and start again."
    apt_install python3 python3-venv && python=$(find_python) ||
      die "apt has no Python 3.11 to 3.14 here; install one and start again."
  }
  say "Making .venv …"
  if command -v uv >/dev/null && quietly uv venv -q --clear --python "$python" .venv; then
    return 0
  fi
  quietly "$python" -m venv --clear .venv || die "Could not make .venv; see the lines above."
}

# uv is about four times as fast as pip; without it plain pip does the same.
install_with_uv() {
  local uv
  uv=$(command -v uv) || uv=.venv/bin/uv
  [ -x "$uv" ] || .venv/bin/python -m pip install -q "uv==$UV_VERSION" >/dev/null 2>&1 || return 1
  "$uv" pip install -q --python .venv/bin/python "$@" >/dev/null 2>&1
}

install_with_pip() {
  .venv/bin/python -m pip --version >/dev/null 2>&1 ||
    quietly .venv/bin/python -m ensurepip || return 1
  quietly .venv/bin/python -m pip install -q --no-compile --require-hashes "$@"
}

# ensure_venv FILE...: .venv holds what the lock files name.
ensure_venv() {
  local file stamp sums args=()
  .venv/bin/python -c '' >/dev/null 2>&1 || make_venv
  for file in "$@"; do args=(${args[@]+"${args[@]}"} -r "$file"); done
  stamp=".venv/installed-$(printf '%s' "$*" | cksum | cut -d' ' -f1)"
  sums=$(cksum "$@")
  [ "$(cat "$stamp" 2>/dev/null)" != "$sums" ] || return 0
  say "Installing Python packages …"
  install_with_uv "${args[@]}" || install_with_pip "${args[@]}" ||
    die "Could not install the Python packages; see the lines above."
  printf '%s\n' "$sums" >"$stamp"
}
