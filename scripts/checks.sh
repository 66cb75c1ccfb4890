#!/usr/bin/env bash
# Run by ./test: the checks that read the code and need no service. Each is quiet when clean.
set -u
cd -- "$(dirname -- "$0")/.."
. scripts/bootstrap.sh

product="tenants contacts calls voip_crm sandbox"

javascript_tests() {
  local node
  node=$(python -c 'import pathlib, playwright as p; print(pathlib.Path(p.__file__).parent / "driver/node")')
  set -- static/js/tests/*.test.*
  [ -e "$1" ] || return 0
  quietly "$node" --test "$@"
}

# Secrets in what git holds or would add. A line that only looks like one says so itself, with
# "pragma: allowlist secret". The passwords of tests open nothing: only there the search for words
# like "password" is off, while keys and whatever is random are found in them, too.
# Vendored files and locks are full of digests; a test holds the first, the installer the second.
no_secrets() {
  local status=0 scan=(detect-secrets-hook --no-verify --cores 1 --exclude-secrets '^(password|PASSWORD|secret)$'
    --exclude-files '^static/vendor/|^requirements.*\.txt$|^benchmarks/peer/package-lock.json$')
  local files=(git ls-files -z --cached --others --exclude-standard --)
  "${files[@]}" ':!*/tests/*' | xargs -0 "${scan[@]}" >&2 || status=1
  "${files[@]}" '*/tests/*' | xargs -0 "${scan[@]}" --disable-plugin KeywordDetector >&2 || status=1
  return $status
}

# Known faults of the packages that we pin. Without the network this is left out, and says so.
no_known_vulnerabilities() {
  local out
  if ! out=$(pip-audit --vulnerability-service osv --disable-pip --timeout 10 \
    --progress-spinner off --requirement requirements-dev.txt 2>&1); then
    case $out in
      *requests.exceptions.ConnectionError* | *requests.exceptions.*Timeout* | *ServiceError*)
        say "pip-audit skipped: the feed cannot be reached" ;;
      *) say "$out"; return 1 ;;
    esac
  fi
}

failed=
step() {
  local name=$1
  shift
  "$@" || { failed=1; say "== failed: $name"; }
}

step "ruff check" ruff check -q .
step "ruff format" ruff format -q --check .
step "secrets" no_secrets
# shellcheck disable=SC2086  # the folders are words
step "bandit" quietly bandit -q -c pyproject.toml -r $product
step "known vulnerabilities" no_known_vulnerabilities
step "import rules" quietly lint-imports
step "djlint" quietly djlint templates --lint --quiet
step "JavaScript" javascript_tests
step "mypy" quietly mypy
[ -z "$failed" ]
