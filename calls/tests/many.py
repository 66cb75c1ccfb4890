"""Many calls of a workspace, and how much of PostgreSQL its statements touch."""

import json
from collections.abc import Callable, Sequence
from hashlib import md5
from typing import Any
from uuid import UUID

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tenants.fence.context import tenant_transaction
from tenants.tests.database import everything_visible

FEW, MANY = 1_500, 10_000  # both more than a day
# Each a minute before the other, over, and of Bob with Maria, with a room and the two legs in it;
# every other one is recorded. Besides, each fourth minute somebody called in vain, and every other
# of them is to be called back.
_ROWS = """
CREATE TEMP TABLE many ON COMMIT DROP AS
    SELECT n, now() - n * interval '1 minute' AS at, gen_random_uuid() AS room, %s::uuid AS tenant,
        %s::uuid AS bob, %s::uuid AS maria
    FROM generate_series(%s::int, %s::int) n;
INSERT INTO calls_conference (id, tenant_id, agent_id, client_request_id, account_sid,
    conference_sid, created_at, closed_at)
    SELECT room, tenant, bob, gen_random_uuid(), 'AC', '', at, at FROM many;
INSERT INTO calls_callleg (id, tenant_id, conference_id, user_id, party, status, joined_at, left_at,
    ended_at, on_hold, created_at)
    SELECT gen_random_uuid(), tenant, room, CASE party WHEN 'agent' THEN bob END, party,
        'completed', at, at, at, false, at
    FROM many, (VALUES ('agent'), ('contact')) AS parties (party);
INSERT INTO calls_calllog (id, tenant_id, user_id, contact_id, conference_id, direction,
    from_number, to_number, submission, is_recorded, assumed_rate, started_at, status, outcome,
    ended_at, created_at, updated_at)
    SELECT gen_random_uuid(), tenant, bob, maria, room, 'OUTBOUND', '+14155550199', '+14155550100',
        'accepted', false, 0, at, 'completed', 'completed', at, at, at FROM many;
INSERT INTO calls_recording (id, tenant_id, call_id, sid, account_sid, state, channels, path, size,
    sha256, attempts, error, created_at)
    SELECT gen_random_uuid(), m.tenant, c.id, 'RE' || md5(c.id::text), 'AC', 'stored', 1, '', 0,
        '', 0, '', m.at
    FROM many m JOIN calls_calllog c ON c.tenant_id = m.tenant AND c.conference_id = m.room
    WHERE get_byte(uuid_send(c.id), 0) < 128;
INSERT INTO calls_calllog (id, tenant_id, direction, from_number, to_number, submission,
    is_recorded, assumed_rate, started_at, status, outcome, ended_at, created_at, updated_at,
    missed, missed_done_at)
    SELECT gen_random_uuid(), tenant, 'INBOUND', '+1408555' || (n % 10000), '+14155550199',
        'accepted', false, 0, at, 'no-answer', 'no-answer', at, at, at, 'waiting',
        CASE WHEN n % 8 = 0 THEN at END
    FROM many WHERE n % 4 = 0;
INSERT INTO calls_caller (tenant_id, call_id, place, moves, tries, steps, wish, entered_at, left_at)
    SELECT m.tenant, c.id, 'group:' || md5('many'), 0, 0, 0, '', m.at, m.at
    FROM many m JOIN calls_calllog c ON c.tenant_id = m.tenant AND c.conference_id = m.room;
INSERT INTO calls_offer (tenant_id, caller_id, user_id, offered_at, ended_at, "end")
    SELECT m.tenant, k.id, m.bob, m.at, m.at, 'missed'
    FROM many m JOIN calls_calllog c ON c.tenant_id = m.tenant AND c.conference_id = m.room
    JOIN calls_caller k ON k.tenant_id = m.tenant AND k.call_id = c.id
"""
_TABLES = "calls_conference, calls_callleg, calls_calllog, calls_hoursum, calls_recording,"
_TABLES += " calls_caller, calls_offer"
GROUP = UUID(md5(b"many", usedforsecurity=False).hexdigest())  # in which they have waited


def fill(cast: Any, first: int, last: int) -> None:
    """Acme's calls of this many minutes ago."""
    values = [cast.acme.pk, cast.bob.user_id, cast.acme_maria.pk, first, last]
    with connection.cursor() as cursor:
        # VACUUM marks a page as visible to all only once the commits of its time are on disk.
        cursor.execute("SET synchronous_commit = on")
        with tenant_transaction(cast.acme.pk):
            for statement in _ROWS.split(";"):
                cursor.execute(statement, values if "%s" in statement else None)
        with everything_visible():
            cursor.execute(f"VACUUM ANALYZE {_TABLES}")
        cursor.execute("RESET synchronous_commit")


def pages_read(cast: Any, do: Callable[[], object]) -> int:
    """How many pages of 8 KB Acme's SELECTs touch while this is done, by the indexes that there are
    for many rows.
    """
    plans = _plans(cast, do, without=("seqscan", "hashjoin", "mergejoin"))  # which pay on so few
    return sum(int(plan["Shared Hit Blocks"] + plan["Shared Read Blocks"]) for plan in plans)


def rows_read(cast: Any, do: Callable[[], object]) -> int:
    """How many rows Acme's SELECTs look at while this is done, as PostgreSQL plans them: of a table
    that it scans or hashes, all.
    """
    return sum(map(_looked_at, _plans(cast, do)))


def scanned(tenant: Any, do: Callable[[], object]) -> int:
    """How many calls are looked at one after the other, whosever they are, while this is done for a
    workspace by plans that were made for any.
    """
    with tenant_transaction(tenant.pk), connection.cursor() as cursor:
        cursor.execute("SET LOCAL plan_cache_mode = force_generic_plan")
        before = _scanned(cursor)  # what the server has not reported yet is counted, too
        for _ in range(3):  # from the second time on a statement is prepared
            do()
        return _scanned(cursor) - before


def _scanned(cursor: Any) -> int:
    cursor.execute(
        "SELECT seq_tup_read FROM pg_stat_xact_user_tables WHERE relname = 'calls_calllog'"
    )
    ((rows,),) = cursor.fetchall()
    return int(rows)


def _plans(cast: Any, do: Callable[[], object], *, without: Sequence[str] = ()) -> list[Any]:
    with tenant_transaction(cast.acme.pk), connection.cursor() as cursor:
        for way in without:
            cursor.execute(f"SET LOCAL enable_{way} = off")
        with CaptureQueriesContext(connection) as queries:
            do()
        asked = [query["sql"] for query in queries]
        return [_plan(cursor, sql) for sql in asked if _reads(sql)]


def _reads(sql: str) -> bool:
    return sql.strip().startswith(("SELECT", "WITH")) and "set_config" not in sql


def _plan(cursor: Any, sql: str) -> Any:
    cursor.execute(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {sql}")
    (plan,) = cursor.fetchone()
    return (json.loads(plan) if isinstance(plan, str) else plan)[0]["Plan"]


def _looked_at(plan: Any) -> int:
    parts = plan.get("Plans", [])
    left_out = sum(plan.get(f"Rows Removed by {why}", 0) for why in ("Filter", "Index Recheck"))
    own = plan["Actual Rows"] + left_out if "Relation Name" in plan else 0
    return int(own * plan["Actual Loops"]) + sum(map(_looked_at, parts))


def assert_flat(
    cast: Any, does: dict[str, Callable[[], object]], as_planned: dict[str, Callable[[], object]]
) -> None:
    """Each of these reads as much of many calls as of few: pages, or `as_planned` rows."""
    if connection.vendor != "postgresql":
        pytest.skip("only PostgreSQL counts what a statement reads: use ./test")
    few, many = (_after(cast, does, as_planned, *each) for each in ((1, FEW), (FEW + 1, MANY)))
    # An index may have become a level deeper.
    grown = {name: (few[name], many[name]) for name in few if many[name] > 2 * few[name] + 10}
    assert not grown, grown


def _after(cast: Any, does: Any, as_planned: Any, *rows: int) -> dict[str, int]:
    fill(cast, *rows)
    pages = {name: pages_read(cast, do) for name, do in does.items()}
    return pages | {name: rows_read(cast, do) for name, do in as_planned.items()}
