"""Agents' own telephones as they ring for callers: rows. Twilio is in test_phones_live.py."""

import threading
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import IntegrityError, transaction

from calls import tasks
from calls.facts.inbound.queues import Availability
from calls.facts.refusals import Refusal
from calls.models import AgentAvailability, Caller, Offer, OwnPhone, PhoneRing
from calls.selectors import queues, ringing
from calls.services.inbound import availability, leading, offers, phones
from calls.tests.services.inbound.floor import Floor, seconds
from tenants.fence.context import tenant_transaction
from tenants.models import Membership

pytestmark = pytest.mark.django_db

NUMBER, SID = "+14155550123", "CA" + "7" * 32


class Phones(Floor):
    """A floor on which some take their calls on their own telephone."""

    def has_phone(self, member: Membership, **fields: Any) -> None:
        """They are available, and have no page open."""
        fields = {"number": NUMBER, "confirmed_at": self.now} | fields
        with tenant_transaction(self.tenant.pk):
            OwnPhone.objects.create(user=member.user, **fields)
        availability.choose(member, Availability.AVAILABLE, now=self.now)

    def rings(self) -> list[PhoneRing]:
        with tenant_transaction(self.tenant.pk):
            found = PhoneRing.objects.select_related("offer", "user")
            return list(found.order_by("created_at", "pk"))

    def due(self) -> list[UUID]:
        with tenant_transaction(self.tenant.pk):
            return phones.due(self.now)

    def asked(self, ring: PhoneRing) -> None:
        """As `phoning.tend` does."""
        with tenant_transaction(self.tenant.pk):
            PhoneRing.objects.filter(pk=ring.pk).update(asked_at=self.now, call_sid=SID)

    def hear(self, ring: PhoneRing, status: str, sip_code: int | None = None) -> None:
        with tenant_transaction(self.tenant.pk):
            found = phones.locked(ring.pk)
            assert found is not None
            phones.note(found, status, sip_code=sip_code, now=self.now)

    def offer(self) -> Offer:
        (ring,) = self.rings()
        return ring.offer


@pytest.fixture
def floor(cast: Any) -> Phones:
    return Phones(cast.acme)


def test_who_has_a_phone_is_rung_without_a_page(floor: Phones, cast: Any) -> None:
    floor.has_phone(cast.bob)
    group = floor.group([cast.bob])
    caller = floor.call(group)
    tended = floor.tend(group)
    (ring,) = floor.rings()
    assert (ring.user, ring.number, ring.offer.caller_id) == (cast.bob.user, NUMBER, caller.pk)
    assert list(tended.rings) == [ring.pk] and ring.offer.confirmed_at is None
    floor.asked(ring)
    assert floor.tend(group).rings == [] and len(floor.rings()) == 1  # nobody rings twice
    floor.later(3)  # a page would be late by now
    floor.hear(ring, "ringing")
    assert floor.offer().confirmed_at == floor.now
    floor.later(9)
    floor.tend(group)
    assert floor.rings_at(caller) == {"Bob"}


@pytest.mark.parametrize(
    "fields", [{"rings": False}, {"number": "", "confirmed_at": None, "wanted": NUMBER}]
)
def test_what_is_turned_off_or_not_confirmed_is_not_rung(
    floor: Phones, cast: Any, fields: dict[str, Any]
) -> None:
    floor.has_phone(cast.bob, **fields)
    group = floor.group([cast.bob], nobody="")
    caller = floor.call(group)
    assert floor.tend(group).rings == [] and floor.rings_at(caller) == set()
    with tenant_transaction(cast.acme.pk):
        assert ringing.presences(now=floor.now)[cast.bob.user_id][0] == "offline"


def test_who_has_a_phone_is_there(floor: Phones, cast: Any) -> None:
    floor.has_phone(cast.bob)
    with tenant_transaction(cast.acme.pk):
        assert ringing.presences(now=floor.now)[cast.bob.user_id][0] == "available"


def test_a_page_and_a_phone_ring_together(floor: Phones, cast: Any) -> None:
    floor.has_phone(cast.bob)
    floor.is_there(cast.bob)
    group = floor.group([cast.bob])
    caller = floor.call(group)
    floor.tend(group)
    (ring,) = floor.rings()
    floor.asked(ring)
    floor.hear(ring, "failed")  # it rings on in the page
    assert floor.rings_at(caller) == {"Bob"}
    floor.answer(cast.bob, caller)
    assert floor.offers(caller) == [("Bob", "claimed")]


def test_a_phone_rings_for_one_caller_at_a_time(floor: Phones, cast: Any) -> None:
    floor.has_phone(cast.bob)
    group = floor.group([cast.bob])
    first, second = floor.call(group), floor.call(group)
    floor.tend(group)
    (ring,) = floor.rings()
    assert ring.offer.caller_id == first.pk
    with tenant_transaction(cast.acme.pk):
        behind = Offer.objects.get(caller=second.pk)
        assert behind.confirmed_at == floor.now  # their phone rings
        with pytest.raises(IntegrityError), transaction.atomic():
            PhoneRing.objects.create(offer=behind, user=cast.bob.user, number=NUMBER)
    floor.asked(ring)
    floor.hear(ring, "ringing")
    floor.hang_up(first)
    assert floor.due() == [ring.pk]  # to be stopped
    floor.hear(ring, "canceled")
    _, then = floor.rings()
    assert then.offer.caller_id == second.pk and floor.due() == [then.pk]


@pytest.mark.parametrize(
    ("status", "sip_code", "end"),
    [
        ("no-answer", 487, "missed"),
        ("completed", None, "missed"),
        ("busy", 486, "unconfirmed"),
        ("busy", 603, "declined"),
        ("failed", 404, "unconfirmed"),
    ],
)
def test_a_phone_that_nobody_answers(
    floor: Phones, cast: Any, status: str, sip_code: int | None, end: str
) -> None:
    floor.has_phone(cast.bob)
    group = floor.group([cast.bob])
    caller = floor.call(group)
    floor.tend(group)
    (ring,) = floor.rings()
    floor.asked(ring)
    floor.hear(ring, "ringing")
    floor.hear(ring, status, sip_code)
    assert floor.offers(caller) == [("Bob", end)]
    own = floor.availability_of(cast.bob)
    assert own.missed_in_a_row == (1 if end == "missed" else 0)
    assert (own.asleep_at == floor.now) == (end == "unconfirmed")
    floor.hear(ring, status, sip_code)  # told twice
    assert floor.availability_of(cast.bob).missed_in_a_row == own.missed_in_a_row
    floor.tend(group)
    assert floor.rings_at(caller) == ({"Bob"} if end == "missed" else set())


def test_two_that_are_missed_set_to_away(floor: Phones, cast: Any) -> None:
    floor.has_phone(cast.bob)
    group = floor.group([cast.bob])
    caller = floor.call(group)
    for _ in range(2):
        floor.tend(group)
        ring = floor.rings()[-1]
        floor.asked(ring)
        floor.hear(ring, "completed")
        floor.later(1)
    floor.tend(group)
    assert floor.rings_at(caller) == set() and len(floor.rings()) == 2
    own = floor.availability_of(cast.bob)
    assert (own.availability, own.was_set_away) == ("away", True)


def test_who_is_about_to_be_away_is_not_called_for_the_next(floor: Phones, cast: Any) -> None:
    floor.has_phone(cast.bob)
    group = floor.group([cast.bob])
    first, second = floor.call(group), floor.call(group)
    with tenant_transaction(cast.acme.pk):
        AgentAvailability.objects.update(missed_in_a_row=queues.RULES.most_missed - 1)
    floor.tend(group)
    (ring,) = floor.rings()
    floor.asked(ring)
    floor.hear(ring, "completed")
    assert len(floor.rings()) == 1 and floor.due() == []
    floor.tend(group)
    assert floor.availability_of(cast.bob).was_set_away
    assert floor.rings_at(first) == floor.rings_at(second) == set()


def test_a_phone_rings_on_for_whoever_is_offered_anew(floor: Phones, cast: Any) -> None:
    """The group's step is over, and its next one begins with the same agent."""
    floor.has_phone(cast.bob)
    group = floor.group([cast.bob], step_seconds=20)
    caller = floor.call(group)
    floor.tend(group)
    (ring,) = floor.rings()
    floor.asked(ring)
    floor.hear(ring, "in-progress")  # they are asked for a key
    floor.later(20)
    assert floor.tend(group).rings == []
    assert floor.offers(caller) == [("Bob", "missed"), ("Bob", "")]
    with tenant_transaction(cast.acme.pk):
        found = phones.locked(ring.pk)
        assert found is not None and phones.is_offered(found)
    assert offers.claim(cast.bob, caller.call_id, now=floor.now, ring_id=ring.pk)
    (ring,) = floor.rings()
    assert ring.taken_at == floor.now and floor.due() == []


def test_who_refuses_by_phone_refuses_the_caller_as_offered_now(floor: Phones, cast: Any) -> None:
    floor.has_phone(cast.bob)
    group = floor.group([cast.bob], step_seconds=20)
    caller = floor.call(group)
    floor.tend(group)
    (ring,) = floor.rings()
    floor.asked(ring)
    floor.hear(ring, "ringing")
    floor.later(20)
    floor.tend(group)
    floor.hear(ring, "busy", 603)
    assert floor.offers(caller) == [("Bob", "missed"), ("Bob", "declined")]
    assert len(floor.rings()) == 1


def test_a_phone_that_never_rings_does_not_hold_a_caller(floor: Phones, cast: Any) -> None:
    floor.has_phone(cast.bob)
    group = floor.group([cast.bob])
    caller = floor.call(group)
    floor.tend(group)
    floor.asked(floor.rings()[0])
    floor.later(10)
    floor.tend(group)
    assert floor.offers(caller) == [("Bob", "unconfirmed")]
    assert floor.due() == [floor.rings()[0].pk]


def test_the_phone_wins_and_the_browser_is_told(floor: Phones, cast: Any) -> None:
    floor.has_phone(cast.bob)
    floor.is_there(cast.bob, cast.alice)
    group = floor.group([cast.bob, cast.alice])
    caller = floor.call(group)
    floor.tend(group)
    (ring,) = floor.rings()
    floor.asked(ring)
    won = offers.claim(cast.bob, caller.call_id, now=floor.now, ring_id=ring.pk)
    assert offers.claim(cast.bob, caller.call_id, now=floor.now, ring_id=ring.pk) == won
    assert floor.rings()[0].taken_at == floor.now and floor.due() == []
    with pytest.raises(Refusal, match="You’ve answered this call on your phone"):
        floor.answer(cast.bob, caller)
    with pytest.raises(Refusal, match="Bob has answered this call"):
        floor.answer(cast.alice, caller)
    with tenant_transaction(cast.acme.pk):
        agent = queues.agent(cast.bob.user_id)
    assert agent is not None and agent.in_call


def test_the_browser_wins_and_the_phone_is_told(floor: Phones, cast: Any) -> None:
    floor.has_phone(cast.bob)
    floor.is_there(cast.bob)
    group = floor.group([cast.bob])
    caller = floor.call(group)
    floor.tend(group)
    (ring,) = floor.rings()
    floor.asked(ring)
    won = floor.answer(cast.bob, caller)
    assert floor.answer(cast.bob, caller) == won
    with pytest.raises(Refusal, match="You’ve answered this call in your browser"):
        offers.claim(cast.bob, caller.call_id, now=floor.now, ring_id=ring.pk)
    assert floor.rings()[0].taken_at is None and floor.due() == [ring.pk]


def test_who_has_won_by_phone_wins_no_second_caller(floor: Phones, cast: Any) -> None:
    floor.has_phone(cast.bob)
    floor.is_there(cast.bob)
    group = floor.group([cast.bob])
    first, second = floor.call(group), floor.call(group)
    floor.tend(group)
    offers.claim(cast.bob, first.call_id, now=floor.now, ring_id=floor.rings()[0].pk)
    with pytest.raises(Refusal) as refused:
        floor.answer(cast.bob, second)
    assert refused.value.code == "agent_busy"
    floor.tend(group)
    assert floor.offers(second) == [("Bob", "unavailable")]


def test_a_ring_is_found_by_its_own_account_and_call(floor: Phones, cast: Any) -> None:
    floor.has_phone(cast.bob)
    group = floor.group([cast.bob])
    floor.call(group)
    floor.tend(group)
    (ring,) = floor.rings()
    floor.asked(ring)
    with tenant_transaction(cast.acme.pk):
        account = Caller.objects.get().call.conference.account_sid
        assert phones.of_call(ring.pk, account, SID).pk == ring.pk
        for wrong in (("AC" + "0" * 32, SID), (account, "CA" + "0" * 32), (account, "")):
            with pytest.raises(LookupError):
                phones.of_call(ring.pk, *wrong)
    with tenant_transaction(cast.borealis.pk), pytest.raises(LookupError):
        phones.of_call(ring.pk, account, SID)


def test_what_is_not_heard_of_is_looked_for(floor: Phones, cast: Any) -> None:
    floor.has_phone(cast.bob)
    group = floor.group([cast.bob])
    floor.call(group)
    floor.tend(group)
    (ring,) = floor.rings()

    def overdue(at: datetime) -> list[UUID]:
        with tenant_transaction(cast.acme.pk):
            return phones.overdue(at)

    begun = ring.created_at
    assert overdue(begun + seconds(45)) == [] and overdue(begun + seconds(46)) == [ring.pk]
    floor.hear(ring, "canceled")
    assert overdue(begun + seconds(46)) == []


def test_telephones_that_are_rung_keep_no_caller_waiting(
    monkeypatch: pytest.MonkeyPatch, django_capture_on_commit_callbacks: Any
) -> None:
    """However many they are, and however long Twilio takes."""
    answers, sent = threading.Event(), threading.Event()
    monkeypatch.setattr(leading, "send_on", lambda *_: sent.set())

    def hangs(*_: Any) -> None:
        answers.wait(10)

    try:
        with django_capture_on_commit_callbacks(execute=True):
            tasks.tend_phones(uuid4(), [uuid4() for _ in range(50)], hangs)
        tasks.lead_on(uuid4(), [uuid4()])
        assert sent.wait(5)
    finally:
        answers.set()
