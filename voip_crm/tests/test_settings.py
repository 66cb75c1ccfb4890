"""The settings, their example file and the embedded mode's environment agree."""

import json
import os
import re
import secrets
import socket
import stat
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest
from django.conf import settings
from django.db import connection

from tenants.fence import roles
from tenants.tests.database import as_the_product
from voip_crm import embedded
from voip_crm.environment import PROCESS_VARIABLES, Environment
from voip_crm.tests.environment import free_port

ROOT: Path = settings.BASE_DIR
STORE = {
    "RECORDINGS_BUCKET": "recordings",
    "RECORDINGS_STORE_URL": "https://s3.eu-central-1.amazonaws.com",
    "RECORDINGS_STORE_KEY_ID": "hunter2",
    "RECORDINGS_STORE_SECRET": "hunter2",
}
PUSH = {
    "WEB_PUSH_PRIVATE_KEY": "x" * 42 + "A",
    "WEB_PUSH_CONTACT": "mailto:crm@example.com",
}


def test_the_example_names_every_variable_of_the_settings_and_no_other() -> None:
    from voip_crm.settings import env

    procfile = set(re.findall(r"\$\{(\w+):-", (ROOT / "Procfile").read_text()))
    example = (ROOT / ".env.example").read_text()
    assert set(re.findall(r"^#?([A-Z_]+)=", example, re.MULTILINE)) == env.names | procfile
    assert procfile < PROCESS_VARIABLES


def test_each_variable_is_explained_with_its_default() -> None:
    from voip_crm.settings import env

    guide = (ROOT / "docs" / "settings.md").read_text()
    rows = dict(re.findall(r"^\| `([A-Z_]+)` \| (.+?) \|", guide, re.MULTILINE))
    assert set(rows) == env.names | PROCESS_VARIABLES
    example = (ROOT / ".env.example").read_text()
    for name, value in re.findall(r"^([A-Z_]+)=(.+)$", example, re.MULTILINE):
        assert rows[name] == f"`{value}`", name


@pytest.mark.skipif(not settings.DATABASE_OWNER, reason="SQLite has one timeout, in settings.py")
def test_the_database_gives_up_in_time_for_twilio_to_try_again() -> None:
    with as_the_product() as connection:
        for name, limit in (("statement_timeout", "10s"), ("lock_timeout", "2s")):
            row = connection.execute(f"SHOW {name}").fetchone()
            assert row is not None and row[0] == limit


@pytest.mark.skipif(not settings.DATABASE_OWNER, reason="SQLite has one timeout, in settings.py")
def test_a_migration_may_take_its_time_but_not_wait_for_a_lock(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    of_product = settings.DATABASE_APPLICATION["OPTIONS"]["options"]
    monkeypatch.setitem(connection.settings_dict["OPTIONS"], "options", of_product)
    with roles.as_owner(), psycopg.connect(**connection.get_connection_params()) as owner:
        said = [
            owner.execute(f"SHOW {name}").fetchone()
            for name in ("session_authorization", "statement_timeout", "lock_timeout")
        ]
    assert said == [(settings.DATABASE_OWNER["USER"],), ("0",), ("2s",)]
    assert connection.settings_dict["OPTIONS"]["options"] == of_product


def started(**environment: str) -> str:
    """What the settings say at the start of a process with exactly this environment."""
    needed = {"SECRET_KEY": "x", "DATABASE_URL": "sqlite://", "PUBLIC_BASE_URL": "http://x"}
    result = subprocess.run(
        [sys.executable, "-c", "import voip_crm.settings"],
        env={"PATH": os.environ["PATH"]} | needed | environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert bool(result.returncode) == bool(result.stderr)
    return result.stderr.strip()


@pytest.mark.parametrize(
    ("environment", "says"),
    [
        ({}, ""),
        ({"SECRET_KEY": ""}, "SECRET_KEY is not set."),
        ({"DATABASE_URL": ""}, "DATABASE_URL is not set."),
        ({"RING_TIMEOUT": "hunter2"}, "RING_TIMEOUT has a value that cannot be read."),
        ({"LOG_FORMAT": "jsn"}, "LOG_FORMAT is one of json, plain."),
        ({"RECORDINGS_SENT_BY": "nginx"}, "is one of web, x-accel-redirect, x-sendfile."),
        (STORE, ""),
        (STORE | {"RECORDINGS_STORE_SECRET": ""}, "RECORDINGS_STORE_SECRET is not set."),
        (STORE | {"RECORDINGS_BUCKET": ""}, "RECORDINGS_BUCKET is not the name of a bucket."),
        (STORE | {"RECORDINGS_BUCKET": "a.b"}, "RECORDINGS_BUCKET is not the name of a bucket."),
        (STORE | {"RECORDINGS_STORE_URL": "http://s3.example"}, "RECORDINGS_STORE_URL is no"),
        (STORE | {"RECORDINGS_STORE_URL": "https://s3.example/x"}, "RECORDINGS_STORE_URL is no"),
        (STORE | {"RECORDINGS_STORE_URL": "https://a; img-src *"}, "RECORDINGS_STORE_URL is no"),
        (STORE | {"RECORDINGS_STORE_URL": "http://127.0.0.1:9000/"}, ""),
        (PUSH, ""),
        (PUSH | {"WEB_PUSH_CONTACT": ""}, "WEB_PUSH_CONTACT is no address like mailto:"),
        (PUSH | {"WEB_PUSH_CONTACT": "crm@example.com"}, "WEB_PUSH_CONTACT is no address like"),
        (PUSH | {"WEB_PUSH_PRIVATE_KEY": "hunter2"}, "WEB_PUSH_PRIVATE_KEY is no key;"),
        (PUSH | {"WEB_PUSH_PRIVATE_KEY": "A" * 43}, "WEB_PUSH_PRIVATE_KEY is no key;"),
        (PUSH | {"WEB_PUSH_PRIVATE_KEY": "_" * 43}, "WEB_PUSH_PRIVATE_KEY is no key;"),
        (PUSH | {"WEB_PUSH_HOSTS": "*.push.apple.com,localhost:8443"}, ""),
        (PUSH | {"WEB_PUSH_HOSTS": "https://hunter2"}, "WEB_PUSH_HOSTS has a name that is no"),
        (PUSH | {"WEB_PUSH_HOSTS": "*"}, "WEB_PUSH_HOSTS has a name that is no host's."),
        ({"WEB_PUSH_KEY": "hunter2"}, "WEB_PUSH_KEY is not a setting."),
        ({"TWILIO_AUTHTOKEN": "hunter2"}, "Did you mean TWILIO_AUTH_TOKEN?"),
    ],
)
def test_a_wrong_setting_is_one_line_without_its_value(
    environment: dict[str, str], says: str
) -> None:
    said = started(**environment)
    assert says in said and "\n" not in said and "hunter2" not in said
    assert bool(said) == bool(says)


def test_a_misspelt_name_in_the_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("# A comment\nDATABASE_ULR=sqlite://\n")
    from voip_crm.settings import env

    environment = Environment()
    environment.names |= env.names
    with pytest.raises(SystemExit, match="DATABASE_ULR is not .*mean DATABASE_URL"):
        environment.refuse_unknown(tmp_path / ".env")
    (tmp_path / ".env").write_text("DATABASE_URL=sqlite://\nPORT=80\n")
    environment.refuse_unknown(tmp_path / ".env")


def test_the_deployment_check_is_clean_in_production() -> None:
    result = subprocess.run(
        [sys.executable, "manage.py", "check", "--deploy", "--fail-level", "WARNING"],
        env={k: v for k, v in os.environ.items() if k != "DJANGO_ALLOW_ASYNC_UNSAFE"}
        | {
            "PUBLIC_BASE_URL": "https://crm.example.com",
            "ALLOWED_HOSTS": "",
            "SECRET_KEY": secrets.token_urlsafe(50),
            "TWILIO_SANDBOX_URL": "",
            # Not the tests' own, which is no production's (test_durability.py).
            "DATABASE_URL": "postgres://crm@127.0.0.1:1/crm",
            "DATABASE_OWNER_URL": "",
            "REDIS_URL": "redis://127.0.0.1:1/0",
            "RECORDINGS_SENT_BY": "x-accel-redirect",
        },
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize("name", ["requirements", "requirements-sandbox", "requirements-dev"])
def test_the_locks_are_complete_and_name_no_index(name: str) -> None:
    lock = (ROOT / f"{name}.txt").read_text()
    assert "://" not in lock and "--index-url" not in lock and "--find-links" not in lock
    pins = dict(re.findall(r"^([a-z0-9._-]+)==([^ ;]+)", lock, re.MULTILINE))
    wanted = (ROOT / f"{name}.in").read_text()
    for package, version in re.findall(r"^([a-z0-9._-]+)(?:\[.*\])?==(\S+)", wanted, re.MULTILINE):
        assert pins[package] == version
    runtime = (ROOT / "requirements.txt").read_text()
    for package, version in re.findall(r"^([a-z0-9._-]+)==([^ ;]+)", runtime, re.MULTILINE):
        assert pins.get(package, version) == version  # all three fit into one environment


def prepared(var: Path, *argv: str, **environment: str) -> dict[str, str]:
    """The environment after `embedded.prepare` in a process of its own; SystemExit's line else."""
    code = "import json, os, sys; from voip_crm import embedded; embedded.prepare(sys.argv[1:]); "
    code += "print(json.dumps(dict(os.environ)))"
    inherited = {key: value for key, value in os.environ.items() if key in ("PATH", "HOME")}
    # An empty value stands for "not given" and hides a developer's own .env.
    names = ["SECRET_KEY", "DATABASE_URL", "PUBLIC_BASE_URL", "ALLOWED_HOSTS"]
    names += [name for name in os.environ if name.startswith("TWILIO_")]
    hidden = dict.fromkeys(names, "")
    result = subprocess.run(
        [sys.executable, "-c", code, *argv],
        env=inherited | hidden | {"VAR_DIR": str(var)} | environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    if result.returncode:
        raise SystemExit(result.stderr.strip())
    answer: dict[str, str] = json.loads(result.stdout)
    return answer


@pytest.fixture
def ports() -> list[str]:
    return ["--port", str(free_port()), "--sandbox-port", str(free_port())]


def test_secrets_are_made_once_and_are_private(tmp_path: Path, ports: list[str]) -> None:
    first, second = prepared(tmp_path, *ports), prepared(tmp_path, *ports)
    for name in ("SECRET_KEY", "TWILIO_AUTH_TOKEN", "TWILIO_ACCOUNT_SID"):
        assert first[name] and first[name] == second[name]
    assert stat.S_IMODE((tmp_path / "local.env").stat().st_mode) == 0o600
    assert first["PUBLIC_BASE_URL"] == f"http://localhost:{ports[1]}"
    assert first["TWILIO_SANDBOX_URL"] == f"http://127.0.0.1:{ports[3]}"
    assert first["DATABASE_URL"] == f"sqlite:///{tmp_path}/db.sqlite3"


def test_the_environment_wins(tmp_path: Path, ports: list[str]) -> None:
    given = {"SECRET_KEY": "mine", "PUBLIC_BASE_URL": "https://tunnel.example"}
    found = prepared(tmp_path, *ports, **given)
    assert {name: found[name] for name in given} == given
    assert found["ALLOWED_HOSTS"].split(",")[0] == "tunnel.example"


def test_no_proxy_is_told_to_send_recordings(tmp_path: Path, ports: list[str]) -> None:
    found = prepared(tmp_path, *ports, RECORDINGS_SENT_BY="x-accel-redirect")
    assert found["RECORDINGS_SENT_BY"] == "web"


def test_mails_are_kept_where_the_page_that_shows_them_can_be_seen(
    tmp_path: Path, ports: list[str]
) -> None:
    assert prepared(tmp_path, *ports)["EMAIL_URL"].startswith("filemail:///")
    tunnel = prepared(tmp_path, *ports, PUBLIC_BASE_URL="https://crm.example.com")
    assert "EMAIL_URL" not in tunnel


def test_with_a_real_account_there_is_no_sandbox(tmp_path: Path, ports: list[str]) -> None:
    found = prepared(tmp_path, *ports, TWILIO_ACCOUNT_SID="AC" + "1" * 32)
    assert not found["TWILIO_SANDBOX_URL"] and not found["TWILIO_AUTH_TOKEN"]
    assert embedded.SANDBOX_PORT_VARIABLE not in found


@pytest.mark.parametrize("option", ["--port", "--sandbox-port"])
def test_a_taken_port_is_one_line_with_what_to_do(
    tmp_path: Path, ports: list[str], option: str
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        ports[ports.index(option) + 1] = str(taken.getsockname()[1])
        with pytest.raises(SystemExit) as refusal:
            prepared(tmp_path, *ports)
    assert "\n" not in str(refusal.value) and f"./run {option}" in str(refusal.value)


@pytest.mark.parametrize("name", ["SECRET_KEY", "DATABASE_URL", "PUBLIC_BASE_URL"])
def test_what_is_required_has_no_default(name: str) -> None:
    source = (ROOT / "voip_crm" / "settings.py").read_text()
    assert re.search(rf'env\.\w+\("{name}"\)', source)
