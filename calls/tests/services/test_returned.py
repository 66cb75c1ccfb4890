"""Missed calls that are returned: by a talk, in whatever order it is heard of, or by a word."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from calls.facts import states
from calls.facts.inbound.missed import WAITING
from calls.models import Caller, CallLeg, CallLog
from calls.services import missed
from calls.services.inbound import events
from calls.services.rooms import progress, returned
from calls.tests.builders import a_missed_call, an_inbound_call, an_outbound_call
from calls.tests.conftest import dial, scene_of
from tenants.fence.context import tenant_transaction
from tenants.models import AuditEntry
from tenants.trail.audit import Action

MARIA, OTHER = "+14155550100", "+14155550101"


def is_done(call: CallLog) -> bool:
    with tenant_transaction(call.tenant_id):
        return CallLog.objects.get(pk=call.pk).missed_done_at is not None


def test_whoever_calls_back_and_is_answered_returns_all_of_the_number(cast: Any) -> None:
    first, second = a_missed_call(cast.acme), a_missed_call(cast.acme, ago=9)
    others = [
        a_missed_call(cast.acme, from_number=OTHER),
        a_missed_call(cast.acme, from_number="anonymous"),
        a_missed_call(cast.borealis),
        a_missed_call(cast.acme, started_at=timezone.now() + timedelta(hours=1)),
    ]
    scene = dial(scene_of(cast.bob), cast)
    scene.hear(states.CALL, "ringing", scene.contact_leg)
    assert not is_done(first), "it only rings"
    scene.hear(states.CALL, "in-progress", scene.contact_leg)
    assert is_done(first) and is_done(second)
    assert not any(map(is_done, others))
    with tenant_transaction(cast.acme.pk):
        CallLog.objects.filter(pk=first.pk).update(missed_done_at=None)
    scene.hear(states.CALL, "completed", scene.contact_leg, duration=9)
    assert not is_done(first), "a talk returns a call once: who says that it is not done is right"


@pytest.mark.parametrize("end", ["busy", "no-answer", "failed", "canceled"])
def test_a_call_that_nobody_answers_returns_nothing(cast: Any, end: str) -> None:
    call = a_missed_call(cast.acme)
    scene = dial(scene_of(cast.bob), cast)
    scene.hear(states.CALL, end, scene.contact_leg)
    assert not is_done(call)


def test_whoever_calls_again_and_is_taken_needs_no_call_back(cast: Any) -> None:
    call, caller = a_missed_call(cast.acme), an_inbound_call(cast.acme)
    hear(caller, states.CALL, "in-progress")
    with tenant_transaction(cast.acme.pk):
        events.note(caller, WAITING, now=timezone.now())
    assert not is_done(call), "they wait"
    hear(caller, states.CONFERENCE, "participant-join")
    assert is_done(call)


def test_a_call_that_is_known_to_be_missed_after_they_were_called_back(cast: Any) -> None:
    caller = an_inbound_call(cast.acme)
    with tenant_transaction(cast.acme.pk):
        events.note(caller, WAITING, now=timezone.now())
    scene = dial(scene_of(cast.bob), cast)
    scene.hear(states.CALL, "in-progress", scene.contact_leg)
    assert not is_done(caller.call), "nobody knows yet that it was missed"
    hear(caller, states.CALL, "completed")
    with tenant_transaction(cast.acme.pk):
        assert CallLog.objects.get(pk=caller.call_id).missed == "waiting"
    assert is_done(caller.call)


def hear(caller: Caller, kind: str, name: str) -> None:
    """Of a caller's leg, now."""
    with tenant_transaction(caller.tenant_id):
        leg = CallLeg.objects.get(conference__call=caller.call_id)
    heard = progress.Heard(
        kind=kind, name=name, at=timezone.now(), payload={"of": name}, call_sid=leg.call_sid or ""
    )
    progress.hear(caller.tenant_id, heard, leg_id=leg.pk)


# Each call of a number: (its kind, minutes from its beginning to the answer); they begin two
# minutes apart, in this order.
CALLS = st.lists(
    st.tuples(st.sampled_from(["missed", "called", "answered"]), st.integers(0, 5)), max_size=6
)


@examples(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_it_does_not_matter_in_which_order_it_is_heard_of(cast: Any, data: Any) -> None:
    """A missed call is returned exactly if its number was talked with since it came in."""
    kinds = data.draw(CALLS)
    with tenant_transaction(cast.acme.pk):
        CallLog.objects.all().delete()
    zero = timezone.now() - timedelta(hours=1)
    rows: list[tuple[CallLog, str, datetime, datetime]] = []
    for place, (kind, minutes) in enumerate(kinds):
        begin = zero + timedelta(minutes=2 * place)
        if kind == "called":
            call = an_outbound_call(cast.acme, started_at=begin)
        else:
            call = an_inbound_call(cast.acme, started_at=begin).call
        rows.append((call, kind, begin, begin + timedelta(minutes=minutes)))
    for call, kind, _, at in data.draw(st.permutations(rows)):
        with tenant_transaction(cast.acme.pk):
            row, now = CallLog.objects.filter(pk=call.pk), timezone.now()
            for _ in range(2):  # heard again
                if kind == "missed":
                    row.update(missed="waiting")
                    returned.note_missed(call.pk, MARIA, now=now)
                else:
                    row.update(answered_at=at)
                    returned.note_talk(MARIA, at=at, now=now)
    talks = [at for _, kind, _, at in rows if kind != "missed"]
    for call, kind, begin, _ in rows:
        if kind == "missed":
            assert is_done(call) == any(at >= begin for at in talks)


@pytest.mark.parametrize("first", ["talk", "missed"])
def test_two_that_are_written_at_once_see_each_other(committed_cast: Any, first: str) -> None:
    if connection.vendor != "postgresql":
        pytest.skip("SQLite has one writer")
    acme, now = committed_cast.acme, timezone.now()
    began = now - timedelta(minutes=5)
    call = an_inbound_call(acme, started_at=began).call
    talk = an_outbound_call(acme, started_at=now)
    has_written = threading.Event()

    def write_talk() -> None:
        CallLog.objects.filter(pk=talk.pk).update(answered_at=now)
        returned.note_talk(MARIA, at=now, now=now)

    def write_missed() -> None:
        CallLog.objects.filter(pk=call.pk).update(missed="waiting")
        returned.note_missed(call.pk, MARIA, now=now)

    writes = [write_talk, write_missed]

    def begin(write: Callable[[], None]) -> None:
        with tenant_transaction(acme.pk):
            write()
            has_written.set()
            time.sleep(0.5)  # it is not committed while the other writes
        connection.close()

    with ThreadPoolExecutor() as pool:
        begins = pool.submit(begin, writes.pop(0 if first == "talk" else 1))
        has_written.wait()
        with tenant_transaction(acme.pk):
            writes[0]()
        begins.result()
    assert is_done(call)


@pytest.mark.parametrize("hidden", ["anonymous", "+266696687", "sip:a@b.example", "911", ""])
def test_two_callers_without_a_number_need_not_be_the_same(cast: Any, hidden: str) -> None:
    first, second = (a_missed_call(cast.acme, from_number=hidden) for _ in range(2))
    now = timezone.now()
    with tenant_transaction(cast.acme.pk):
        returned.note_talk(hidden, at=now, now=now)
        assert not is_done(first)
        assert missed.mark_done(first.pk, now=now) == 1
    assert is_done(first) and not is_done(second)


def test_what_is_said_to_be_done_can_be_taken_back(cast: Any) -> None:
    calls = [a_missed_call(cast.acme, ago=ago) for ago in (1, 2, 3)]
    before = a_missed_call(cast.acme, missed_done_at=timezone.now() - timedelta(days=1), ago=2000)
    now = timezone.now()
    with tenant_transaction(cast.acme.pk):
        assert missed.mark_done(calls[1].pk, now=now) == 3
        assert missed.mark_done(calls[0].pk, now=now) == 0, "it was done by somebody"
    assert all(map(is_done, calls))
    with tenant_transaction(cast.acme.pk):
        assert missed.reopen(calls[2].pk, now=now) == 3
        assert missed.reopen(calls[2].pk, now=now) == 0
    assert not any(map(is_done, calls)) and is_done(before)
    with tenant_transaction(cast.acme.pk):
        trail = AuditEntry.objects.filter(action__startswith="missed")
        assert {each.action: each.details["calls"] for each in trail} == {
            Action.MISSED_DONE: "3",
            Action.MISSED_REOPENED: "3",
        }


def test_only_what_was_missed_is_done(cast: Any) -> None:
    answered, theirs = an_inbound_call(cast.acme).call, a_missed_call(cast.borealis)
    for call in (answered, theirs):
        with tenant_transaction(cast.acme.pk), pytest.raises(LookupError):
            missed.mark_done(call.pk, now=timezone.now())
        with tenant_transaction(cast.acme.pk), pytest.raises(LookupError):
            missed.reopen(call.pk, now=timezone.now())
