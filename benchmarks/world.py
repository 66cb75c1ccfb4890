"""Where it is measured: a database of its own with the product's tables, people, and an address.

`prepare` makes the environment before Django reads it. Servers start when they are needed.
"""

import contextlib
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg

from benchmarks import procfs
from benchmarks.processes import ROOT, Processes
from voip_crm.tests.statements import PROCESSES

OWNER_URL = os.environ.get("DATABASE_OWNER_URL", "")
GIVEN_URL = os.environ.get("DATABASE_URL", "")
NAME = f"bench_{secrets.token_hex(4)}"


def prepare() -> None:
    """The environment of all processes, ours among them; before Django reads its settings."""
    from voip_crm.tests import environment

    assert environment  # importing it has made the secrets and the account
    os.environ.update(
        DJANGO_SETTINGS_MODULE="voip_crm.settings",
        PUBLIC_BASE_URL=f"http://localhost:{free_port()}",
        DATABASE_URL=f"{GIVEN_URL.rpartition('/')[0]}/{NAME}",
        DATABASE_OWNER_URL="",  # of the release only
        LOG_LEVEL="INFO",
        LOG_FORMAT="json",
        SWEEP_SECONDS="30",
        PATH=f"{Path(sys.executable).parent}:{os.environ['PATH']}",
    )
    os.environ.pop("DJANGO_ALLOW_ASYNC_UNSAFE", None)  # of the product's processes


def free_port() -> int:
    from voip_crm.tests.environment import free_port

    return free_port()


class World:
    """`sql` is a connection as the owner, who sees every row."""

    def __init__(self, folder: Path, *, is_quick: bool) -> None:
        self.folder, self.is_quick = folder, is_quick
        # In the suite, the statement guard reads what they send.
        self.processes = Processes(folder, dict(os.environ) | {"PGAPPNAME": PROCESSES})
        self.ports = {"web": int(os.environ["PUBLIC_BASE_URL"].rpartition(":")[2])}
        self.sql: Any = psycopg.connect(**connection_to(NAME), autocommit=True)
        one = self.sql.execute("SELECT pg_backend_pid()").fetchone()
        assert one is not None
        self.postmaster = self._postmaster(int(one[0]))

    def _postmaster(self, backend: int) -> int:
        """0: the server is on another machine, and its CPU is not ours to count."""
        with contextlib.suppress(KeyError):
            parent = procfs.parent_of(backend)
            if "postgres" in Path(f"/proc/{parent}/comm").read_text():
                return parent
        return 0

    def port(self, name: str) -> int:
        if name not in self.ports:
            self.ports[name] = free_port()
        return self.ports[name]

    def value(self, statement: str, *given: Any) -> Any:
        row = self.sql.execute(statement, given).fetchone()
        return row[0] if row else None

    def rows(self, statement: str, *given: Any) -> list[Any]:
        return self.sql.execute(statement, given).fetchall()


def connection_to(name: str) -> dict[str, Any]:
    """As the owner; what `psycopg.connect` takes."""
    from environ import Env

    given = Env.db_url_config(OWNER_URL)
    names = {"HOST": "host", "PORT": "port", "USER": "user", "PASSWORD": "password"}
    return {"dbname": name} | {ours: given[k] for k, ours in names.items() if given[k]}


def place() -> str:
    """Of the database's server: its socket, or its host and port."""
    from environ import Env

    given = Env.db_url_config(GIVEN_URL)
    host, port = given["HOST"] or "/var/run/postgresql", given["PORT"] or 5432
    return f"{host}/.s.PGSQL.{port}" if host.startswith("/") else f"{host}:{port}"


def socket_folder() -> str:
    found = place()
    return found.rpartition("/")[0] if found.startswith("/") else ""


def by_port(port: int) -> str:
    """The application's database URL by another port of this machine."""
    given = urlsplit(GIVEN_URL)
    who = given.username or ""
    if given.password:
        who += f":{given.password}"
    return f"postgres://{who}@127.0.0.1:{port}/{NAME}"


@contextlib.contextmanager
def made(*, is_quick: bool) -> Iterator[World]:
    """With Django set up on it; gone at the end, and all processes with it."""
    folder = Path(tempfile.mkdtemp(prefix="bench-"))
    os.environ.update(
        RECORDINGS_DIR=str(folder / "recordings"),
        STATIC_ROOT=str(folder / "static"),
        STATIC_USE_FINDERS="1" if is_quick else "",
    )
    found = None
    # Not to the database that is given, which the suite's lanes copy.
    with psycopg.connect(**connection_to("postgres"), autocommit=True) as administration:
        try:
            _make_database(administration)
            import django

            django.setup()
            found = World(folder, is_quick=is_quick)
            os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"  # a lap's requests are made in its loop
            yield found
        finally:
            if found is not None:
                found.processes.stop_all()
                found.sql.close()
            administration.execute(f'DROP DATABASE IF EXISTS "{NAME}" WITH (FORCE)')
            shutil.rmtree(folder, ignore_errors=True)


def _make_database(administration: Any) -> None:
    if template := os.environ.get("TEST_TEMPLATE"):  # the suite has migrated one
        administration.execute(f'CREATE DATABASE "{NAME}" TEMPLATE "{template}"')
    else:
        administration.execute(f'CREATE DATABASE "{NAME}"')
        owner = os.environ | {"DATABASE_OWNER_URL": f"{OWNER_URL.rpartition('/')[0]}/{NAME}"}
        _manage("migrate", "--verbosity", "0", "--skip-checks", **owner)
    if not os.environ["STATIC_USE_FINDERS"]:
        _manage("collectstatic", "--noinput", "--verbosity", "0", **os.environ)


def _manage(*arguments: str, **variables: str) -> None:
    command = [sys.executable, "manage.py", *arguments]
    subprocess.run(command, cwd=ROOT, env=variables, check=True, stdout=subprocess.DEVNULL)
