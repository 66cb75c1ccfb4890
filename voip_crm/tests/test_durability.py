"""What Twilio was told is stored stays stored: production does not start on what may lose it.

The tests' own PostgreSQL may (scripts/services.sh), which makes it the proof.
"""

import os
import subprocess
import sys
from typing import Any

import pytest
from django.db import connection

from tenants.fence import roles
from tenants.tests.database import as_the_product
from voip_crm.durability import LOSES, losses

pytestmark = pytest.mark.skipif(
    not roles.application_role(), reason="PostgreSQL has these settings: use ./test"
)


def shown(name: str) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(f"SHOW {name}")
        return cursor.fetchone()[0]


def of_session() -> list[str]:
    with connection.cursor() as cursor:
        return losses(cursor)


def of_server() -> list[str]:
    return [LOSES["fsync"]] if shown("fsync") == "off" else []


def test_the_products_connections_wait_for_the_disk_whatever_the_default_is(db: None) -> None:
    with as_the_product() as product, product.cursor() as cursor:
        assert losses(cursor) == of_server()


@pytest.mark.parametrize(("level", "loses"), [("off", True), ("local", False), ("on", False)])
def test_a_session_that_does_not_wait_loses_events(db: None, level: str, loses: bool) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"SET LOCAL synchronous_commit = {level}")
    assert of_session() == of_server() + [LOSES["synchronous_commit"]] * loses


def test_a_public_site_does_not_start_on_a_server_without_fsync(db: None) -> None:
    def start(url: str) -> subprocess.CompletedProcess[str]:
        database = os.environ["DATABASE_URL"].rpartition("/")[0]
        ours = {
            "DATABASE_URL": f"{database}/{connection.settings_dict['NAME']}",
            "DATABASE_OWNER_URL": "",
            "REDIS_URL": "redis://127.0.0.1:9/0",  # not asked
            "RECORDINGS_SENT_BY": "x-accel-redirect",
            "PUBLIC_BASE_URL": url,
            "TWILIO_SANDBOX_URL": "",
        }
        command = [sys.executable, "-m", "voip_crm"]
        return subprocess.run(command, env=os.environ | ours, capture_output=True, text=True)

    here = start("https://localhost:8443")  # Twilio cannot call it, so it cannot be lied to
    assert (here.returncode, here.stderr) == (0, "")
    public = start("https://crm.example")
    wanted = [f"voip_crm.E011: {loss}" for loss in of_server()]
    assert public.returncode == len(wanted)
    assert [line.partition(" docs/")[0] for line in public.stderr.splitlines()] == wanted
