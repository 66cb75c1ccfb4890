"""PostgreSQL plans a statement once for each connection; behind some poolers each time."""

from typing import Any

import pytest
from django.conf import settings
from django.db import connection
from django.db.backends.postgresql.base import ServerBindingCursor

from calls.facts import states
from calls.tests.conftest import scene_of
from tenants.tests.database import everything_visible
from voip_crm.environment import Environment
from voip_crm.postgresql.options import options

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.skipif(not settings.DATABASE_OWNER, reason="only PostgreSQL prepares statements"),
]


def prepared(using: Any) -> list[str]:
    """The statements that are prepared on this connection, this one not among them."""
    with using.cursor() as cursor:
        cursor.execute("SELECT statement FROM pg_prepared_statements")
        return [statement for (statement,) in cursor.fetchall() if "pg_prep" not in statement]


def test_what_every_webhook_sends_is_prepared(cast: Any) -> None:
    scene = scene_of(cast.bob)
    for _ in range(3):
        scene.hear(states.CALL, "in-progress", scene.agent_leg)
    found = prepared(connection)
    for hot in ("set_config", "INSERT INTO", "FOR NO KEY UPDATE"):
        assert any(hot in statement for statement in found), hot


@pytest.mark.parametrize(("said", "count"), [("true", 1), ("false", 0)])
def test_the_setting_turns_it_off_and_values_are_bound_all_the_same(
    monkeypatch: pytest.MonkeyPatch, said: str, count: int
) -> None:
    monkeypatch.setenv("PREPARED_STATEMENTS", said)
    other = connection.copy()  # type: ignore[no-untyped-call]  # so in Django
    other.settings_dict["OPTIONS"] |= options(Environment(), {})
    try:
        with other.cursor() as cursor:
            for number in range(4):
                cursor.execute("SELECT %s::int", [number])
                assert cursor.fetchone() == (number,)
            assert isinstance(cursor.cursor, ServerBindingCursor)
        assert len(prepared(other)) == count
    finally:
        other.close()


def test_a_connection_that_was_ended_is_noticed_and_one_that_was_not_is_asked_nothing() -> None:
    other = connection.copy()  # type: ignore[no-untyped-call]  # so in Django
    with other.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        (pid,) = cursor.fetchone()
        before = activity(pid)
        assert before != (None,)
        assert other.is_usable()
        assert activity(pid) == before
    with everything_visible(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])
    assert not other.is_usable()
    other.close()


def activity(pid: int) -> Any:
    """When this session's last statement began."""
    with everything_visible(), connection.cursor() as cursor:
        cursor.execute("SELECT query_start FROM pg_stat_activity WHERE pid = %s", [pid])
        return cursor.fetchone()
