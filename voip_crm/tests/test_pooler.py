"""Behind pgbouncer in transaction mode, where every transaction may have another connection.

`./test pooler` takes production through one, too.
"""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.conf import settings
from django.db import OperationalError, connection, connections

from calls.facts import states
from calls.models import CallEvent, CallLeg, Conference
from calls.tests.conftest import scene_of
from contacts.models import Contact
from tenants.doors import all_tenants
from tenants.fence import roles
from tenants.fence.context import tenant_transaction
from voip_crm.tests import harness, pooler
from voip_crm.tests.environment import free_port
from voip_crm.tests.production import place

pytestmark = [
    pytest.mark.skipif(not roles.application_role(), reason="poolers are PostgreSQL's: use ./test"),
    pytest.mark.skipif(not pooler.find(), reason="pgbouncer is not installed"),
]


@pytest.fixture
def pooled(transactional_db: None, cast: Any, monkeypatch: Any) -> Iterator[ThreadPoolExecutor]:
    """Threads whose connections go through a pooler that has one connection to PostgreSQL."""
    processes, ports = harness.Processes(), [free_port(), free_port()]
    application = settings.DATABASE_APPLICATION
    name = connection.settings_dict["NAME"]
    used = settings.DATABASES["default"]
    try:
        processes.start("database", "-m", "voip_crm.tests.pipe", str(ports[0]), *place())
        login = application | {"NAME": name}
        pooler.start(processes, ports[1], server=ports[0], login=login, default_pool_size=1)
        options = {key: v for key, v in used["OPTIONS"].items() if key != "assume_role"}
        options |= {"options": application["OPTIONS"]["options"], "prepare_threshold": None}
        changed = {"HOST": "127.0.0.1", "PORT": ports[1], "OPTIONS": options}
        for key, value in (changed | {key: login[key] for key in ("USER", "PASSWORD")}).items():
            monkeypatch.setitem(used, key, value)
        with ThreadPoolExecutor(4) as threads:

            def is_up() -> bool:
                try:
                    return bool(threads.submit(_ask, "SELECT 1").result())
                except OperationalError:
                    return False

            harness.wait_until(is_up)
            yield threads
            barrier = threading.Barrier(4)
            for closed in [threads.submit(_close, barrier) for _ in range(4)]:
                closed.result(10)
    finally:
        processes.close()


def _close(barrier: threading.Barrier) -> None:
    barrier.wait(10)
    connections["default"].close()


def _ask(statement: str) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return cursor.fetchone()[0]


def test_what_a_transaction_says_of_its_workspace_reaches_no_other(
    pooled: ThreadPoolExecutor, cast: Any
) -> None:
    every = "SELECT count(*) FROM contacts_contact"
    both = threading.Barrier(2)

    def work(tenant_id: Any) -> set[Any]:
        both.wait(10)
        seen = set()
        for _ in range(30):
            with tenant_transaction(tenant_id):
                seen |= {*Contact.objects.values_list("tenant_id", flat=True)}
                assert _ask(every) == Contact.objects.count() > 0
            assert _ask(every) == 0, "outside a workspace nothing is to be seen"
        return seen

    tenants = (cast.acme.pk, cast.borealis.pk)
    working = [pooled.submit(work, tenant) for tenant in tenants]
    assert [one.result(60) for one in working] == [{tenant} for tenant in tenants]
    backends = {pooled.submit(_ask, "SELECT pg_backend_pid()").result() for _ in range(8)}
    assert len(backends) == 1, "they had one connection between them"
    # A sweep reads all workspaces, and forgets nothing when its connection is another's meanwhile.
    assert len(pooled.submit(lambda: list(all_tenants())).result()) == 2


def test_two_workspaces_hear_of_their_calls_over_one_connection(
    pooled: ThreadPoolExecutor, cast: Any
) -> None:
    def call(member: Any) -> tuple[str, int]:
        scene = scene_of(member)
        for _ in range(10):
            scene.hear(states.CALL, "in-progress", scene.agent_leg)
        with tenant_transaction(member.tenant_id):
            rooms = list(Conference.objects.all())
            events = CallEvent.objects.filter(conference=scene.room)
            assert [room.pk for room in rooms] == [scene.room.pk]
            return CallLeg.objects.get(pk=scene.agent_leg.pk).status, events.count()

    calling = [pooled.submit(call, member) for member in (cast.bob, cast.charlie)]
    assert [one.result(60) for one in calling] == [("in-progress", 12)] * 2


def test_the_limits_of_our_connections_are_the_roles_where_a_pooler_drops_them(
    pooled: ThreadPoolExecutor,
) -> None:
    def lost(*said: str) -> list[str]:
        with connection.cursor() as cursor:
            cursor.execute("; ".join(["BEGIN", *said]))
            try:
                return roles.dropped(cursor)
            finally:
                cursor.execute("ROLLBACK")

    assert pooled.submit(_ask, "SHOW statement_timeout").result() == "10s"
    assert pooled.submit(_ask, "SHOW synchronous_commit").result() == "on"
    assert pooled.submit(lost).result() == []
    found = pooled.submit(lost, "SET LOCAL lock_timeout = 0").result()
    assert len(found) == 1 and "lock_timeout=2000" in found[0] and "database_roles" in found[0]
