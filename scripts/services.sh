# Sourced by ./test: throw-away PostgreSQL and Redis of this run only, a Chromium and a Firefox.
# DATABASE_URL (with DATABASE_OWNER_URL), REDIS_URL, CHROME_BIN and FIREFOX_BIN win when they are
# given. All of it lives in $work and is stopped and removed on exit.

work=$(mktemp -d /tmp/voip-crm.XXXXXX) # not TMPDIR: a socket's path may have 107 characters
chmod 711 "$work"
postgres_bin=
redis_pid=
postgres_options="-c log_line_prefix='%a|'"
logged_statements=all # of the product's processes: the statement guard reads the log

stop_services() {
  [ -z "$redis_pid" ] || kill "$redis_pid" 2>/dev/null || true
  [ -z "$postgres_bin" ] || as_postgres "$postgres_bin/pg_ctl" -D "$work/pg/data" -m immediate stop \
    >/dev/null 2>&1 || true
  rm -rf "$work"
}
trap stop_services EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

first_command() {
  local name
  for name in "$@"; do command -v "$name" && return 0; done
  return 1
}

# PostgreSQL's programs are not on PATH on Debian; the highest version wins.
find_postgres() {
  local found
  found=$(ls -d /usr/lib/postgresql/*/bin /usr/pgsql-*/bin /opt/homebrew/opt/postgresql@*/bin \
    /usr/local/opt/postgresql@*/bin /Applications/Postgres.app/Contents/Versions/*/bin \
    2>/dev/null | sed 's|.*[^0-9]\([0-9][0-9]*\)/bin$|\1 &|' | sort -rn | sed 's/^[0-9]* //' | head -n 1)
  [ -x "$found/initdb" ] || found=$(dirname "$(command -v initdb || echo /nowhere/initdb)")
  [ -x "$found/initdb" ] && printf '%s' "$found"
}

find_redis() { first_command redis-server valkey-server; }

# Ubuntu's chromium-browser and firefox may be stubs that only name a snap: they must run.
first_that_runs() {
  local name
  for name in "$@"; do
    "$name" --version >/dev/null 2>&1 && command -v "$name" && return 0
  done
  return 1
}

# The engine without a window comes first: a page that is opened costs half of the time.
find_chrome() {
  first_that_runs chromium-headless-shell chromium chromium-browser google-chrome google-chrome-stable \
    "/Applications/Chromium.app/Contents/MacOS/Chromium" \
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"
}

# A newcomer's browser may be Firefox; without one its test is left out, and says so.
find_firefox() { first_that_runs firefox-esr firefox "/Applications/Firefox.app/Contents/MacOS/firefox"; }

chrome_package() {
  can_apt && apt_update && apt-cache show chromium-headless-shell >/dev/null 2>&1 &&
    echo chromium-headless-shell || echo chromium
}

as_postgres() {
  if [ "$(id -u)" = 0 ]; then (cd / && runuser -u postgres -- "$@"); else "$@"; fi
}

install_missing() {
  local packages="" policy=/usr/sbin/policy-rc.d added=
  [ -n "${DATABASE_URL:-}" ] || find_postgres >/dev/null || packages="$packages postgresql"
  [ -n "${REDIS_URL:-}" ] || find_redis >/dev/null || packages="$packages redis-server"
  [ -n "${CHROME_BIN:-}" ] || find_chrome >/dev/null || packages="$packages $(chrome_package) fonts-dejavu-core"
  [ -n "${FIREFOX_BIN:-}" ] || find_firefox >/dev/null || ! can_apt || packages="$packages firefox-esr"
  PATH="$PATH:/usr/sbin" command -v pgbouncer >/dev/null || ! can_apt || packages="$packages pgbouncer"
  [ -n "$packages" ] || return 0
  can_apt || die "These are needed:$packages. Install them ('sudo apt-get install$packages'," \
    "'brew install postgresql@17 redis' and Chrome), or give DATABASE_URL, REDIS_URL, CHROME_BIN."
  if [ ! -e "$policy" ]; then # keeps apt from starting system services
    printf '#!/bin/sh\nexit 101\n' >"$policy" && chmod 755 "$policy" && added=1
  fi
  # shellcheck disable=SC2086  # the packages are words
  apt_install $packages || { [ -z "$added" ] || rm -f "$policy"; die "apt could not install:$packages"; }
  [ -z "$added" ] || rm -f "$policy"
}

superuser() { as_postgres "$postgres_bin/psql" -h "$work/pg" -U postgres -d postgres -v ON_ERROR_STOP=1 "$@"; }

database_roles() {
  SECRET_KEY=x PUBLIC_BASE_URL=http://localhost .venv/bin/python manage.py database_roles
}

start_postgres() {
  postgres_bin=$(find_postgres) || die "PostgreSQL was installed, but initdb was not found."
  mkdir -m 700 "$work/pg"
  [ "$(id -u)" != 0 ] || chown postgres "$work/pg"
  # Nobody else enters the folder of socket and data, so that "trust" trusts only us.
  quietly as_postgres "$postgres_bin/initdb" -D "$work/pg/data" -U postgres --auth=trust \
    --no-sync -E UTF8 --no-locale
  quietly as_postgres "$postgres_bin/pg_ctl" -D "$work/pg/data" -l "$work/pg/log" -w start \
    -o "-k $work/pg -c listen_addresses='' -c fsync=off -c full_page_writes=off -c synchronous_commit=off \
      $postgres_options"
  export POSTGRES_LOG="$work/pg/log"
  # As in production: the owner makes the tables, and the tests act as a role that owns nothing.
  export DATABASE_OWNER_URL="postgres://crm@/$work/pg/crm" DATABASE_URL="postgres://crm_app@/$work/pg/crm"
  database_roles | quietly superuser -q
  # The tests make databases, and their own process changes between the two roles. It signs in as the
  # owner, so that nothing of what it sends is logged.
  quietly superuser -q -c "ALTER ROLE crm CREATEDB" -c "GRANT crm_app TO crm" \
    -c "ALTER ROLE crm_app SET log_statement = '$logged_statements'" -c "CREATE DATABASE crm OWNER crm"
}

start_redis() {
  local port tries=0
  port=$(.venv/bin/python -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
  "$(find_redis)" --bind 127.0.0.1 --port "$port" --save "" --appendonly no --dir "$work" \
    >"$work/redis.log" 2>&1 &
  redis_pid=$!
  until .venv/bin/python -c "import socket; socket.create_connection(('127.0.0.1', $port), 1)" 2>/dev/null; do
    tries=$((tries + 1))
    [ "$tries" -lt 50 ] || die "redis-server did not start: $(tail -n 1 "$work/redis.log")"
    sleep 0.1
  done
  export REDIS_URL="redis://127.0.0.1:$port/0"
}

start_services() {
  [ -z "${DATABASE_URL:-}" ] || [ -n "${DATABASE_OWNER_URL:-}" ] ||
    die "DATABASE_URL was given without DATABASE_OWNER_URL; docs/contributing.md, “Tests”, says why."
  install_missing
  [ -n "${DATABASE_URL:-}" ] || start_postgres
  [ -n "${REDIS_URL:-}" ] || start_redis
  export CHROME_BIN="${CHROME_BIN:-$(find_chrome)}" FIREFOX_BIN="${FIREFOX_BIN:-$(find_firefox || true)}"
  mkdir -m 700 "$work/tmp"
  export TMPDIR="$work/tmp" # Chromium leaves folders there
}
