"""Missed calls that are returned: somebody has talked with their number since they came in, or has
said that they are done. `missed_done_at` is since when; the database finds in one index which are
left (`call_to_return`).

A number is all that ties a missed call to the one that returns it, so that only numbers do
(`facts.inbound.callers`): two hidden callers need not be the same person.
"""

from datetime import datetime, timedelta
from uuid import UUID

from django.db import connection

from calls.facts import states
from calls.facts.inbound import callers
from calls.facts.inbound.missed import InboundState
from calls.services.rooms import ledger
from tenants.fence.context import current_tenant_id
from tenants.fence.pipeline import ask

# How far back it is looked whether somebody has talked with a number while its call came in: by
# then it is known of the latest end that the sweep finds out.
LATEST = timedelta(days=3)

_TURN = "SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))"
_TALKED = """UPDATE calls_calllog SET missed_done_at = %s, updated_at = %s
WHERE tenant_id = %s AND from_number = %s AND missed_done_at IS NULL AND NOT (missed = '')
AND started_at <= %s"""
_TALKED_MEANWHILE = """UPDATE calls_calllog SET missed_done_at = %s, updated_at = %s
WHERE tenant_id = %s AND id = %s AND missed_done_at IS NULL AND NOT (missed = '') AND (EXISTS (
    SELECT 1 FROM calls_calllog a WHERE a.tenant_id = %s AND a.direction = 'OUTBOUND'
    AND a.to_number = %s AND a.started_at >= %s AND a.answered_at >= calls_calllog.started_at
) OR EXISTS (
    SELECT 1 FROM calls_calllog a WHERE a.tenant_id = %s AND a.direction = 'INBOUND'
    AND a.from_number = %s AND a.started_at >= %s AND a.answered_at >= calls_calllog.started_at
))"""


def note(call: ledger.Call, said: states.CallState | InboundState, *, now: datetime) -> None:
    """What is new of a call, within the transaction that writes it."""
    state = said.call if isinstance(said, InboundState) else said
    if state.answered_at and not call.state.answered_at:
        note_talk(call.other_number, at=state.answered_at, now=now)
    if (
        isinstance(said, InboundState)
        and said.missed
        and not (call.inbound and call.inbound.missed)
    ):
        note_missed(call.id, call.other_number, now=now)


def note_talk(number: str, *, at: datetime, now: datetime) -> None:
    """A call with this far side was answered `at`: what was missed of it until then is returned."""
    if callers.read(number).may_be_matched:
        _wait_for_turn(number)
        ask(_TALKED, [now, now, current_tenant_id(), number, at])


def note_missed(call_id: UUID, number: str, *, now: datetime) -> None:
    """A call from this number is written down as missed. Perhaps somebody has talked with it in the
    meantime, as what is heard comes in any order.
    """
    if callers.read(number).may_be_matched:
        _wait_for_turn(number)
        since, tenant_id = now - LATEST, current_tenant_id()
        talks = [tenant_id, number, since]
        ask(_TALKED_MEANWHILE, [now, now, tenant_id, call_id, *talks, *talks])


def _wait_for_turn(number: str) -> None:
    """Of two transactions, one with a talk and one with a missed call, the second sees the first.
    It finds no row that the first has locked, or waits for none.
    """
    if connection.vendor == "postgresql":
        ask(_TURN, [f"returned {current_tenant_id()} {number}"])
