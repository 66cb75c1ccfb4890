"""What Twilio asks and tells about calls to agents' own telephones."""

from dataclasses import dataclass
from typing import Any
from xml.etree import ElementTree

import pytest
from django.db import DatabaseError

from calls.facts.refusals import Refusal
from calls.gateway import addresses
from calls.models import CallLeg, Line, OwnPhone, PhoneNumber, PhoneRing, UnroutedEvent
from calls.services.inbound import phones
from calls.services.rooms import presence
from calls.tests.conftest import sid
from calls.tests.services.inbound.test_phones import SID, Phones
from tenants.fence.context import tenant_transaction


@dataclass
class Telephone:
    """Bob's, which rings for Maria; Twilio asks by `webhook`."""

    floor: Phones
    ring: PhoneRing
    caller: Any
    group: Any
    webhook: Any

    def asks(self, step: str, call_sid: str = SID, tenant: Any = None, **form: str) -> str:
        tenant_id = (tenant or self.floor.tenant).pk
        url = addresses.phone_step(tenant_id, self.ring.pk, step)
        answer = self.webhook(self._path(url), CallSid=call_sid, **form)
        assert answer.status_code == 200
        return str(answer.content.decode())

    def tells(self, status: str, call_sid: str = SID, tenant: Any = None, **form: str) -> None:
        tenant_id = (tenant or self.floor.tenant).pk
        url = addresses.phone_status(tenant_id, self.ring.pk)
        form = {"CallSid": call_sid, "CallStatus": status, **form}
        assert self.webhook(self._path(url), **form).status_code == 204

    def _path(self, url: str) -> str:
        return url.removeprefix("http://localhost:8000").partition("#")[0]

    def fresh(self) -> PhoneRing:
        return self.floor.rings()[0]


@pytest.fixture
def phone(cast: Any, webhook: Any, settings: Any) -> Telephone:
    settings.PUBLIC_BASE_URL = "http://localhost:8000"
    floor = Phones(cast.acme)
    floor.has_phone(cast.bob)
    group = floor.group([cast.bob, cast.alice], step_seconds=30)
    caller = floor.call(group)
    floor.tend(group)
    (ring,) = floor.rings()
    with tenant_transaction(cast.acme.pk):
        PhoneRing.objects.update(asked_at=floor.now)  # whose answer is on its way
    return Telephone(floor, ring, caller, group, webhook)


def test_who_picks_up_is_asked_three_times_and_then_hung_up_on(phone: Telephone) -> None:
    document = ElementTree.fromstring(phone.asks("phone"))
    assert [each.tag for each in document] == ["Gather"] * 3 + ["Say", "Hangup"]
    gather = document.find("Gather")
    assert gather is not None and gather.get("numDigits") == "1"
    assert "step=phone-key" in (gather.get("action") or "")
    said = gather.findtext("Say") or ""
    assert said.startswith("A call for Acme on") and "Press 1 to take it" in said
    ring = phone.fresh()
    assert ring.answered_at and ring.call_sid == SID and ring.offer.confirmed_at
    assert not ring.taken_at and not phone.floor.fresh(phone.caller).claimed_at


def test_it_is_said_in_the_language_of_the_line(phone: Telephone, cast: Any) -> None:
    with tenant_transaction(cast.acme.pk):
        number = PhoneNumber.objects.get()
        number.label = "Zentrale"
        number.save()
        Line.objects.filter(number=number).delete()
        Line.objects.create(number=number, language="de-DE", hours={})
        phone.caller.call.to_number = number.number
        phone.caller.call.save(update_fields=["to_number"])
    document = phone.asks("phone")
    assert "Ein Anruf für Acme über Zentrale" in document and 'language="de-DE"' in document


def test_1_takes_the_call_and_the_leg_comes_into_the_room(phone: Telephone, cast: Any) -> None:
    phone.asks("phone")
    document = phone.asks("phone-key", Digits="1")
    conference = ElementTree.fromstring(document).find("Dial/Conference")
    assert conference is not None
    with tenant_transaction(cast.acme.pk):
        leg = CallLeg.objects.get(call_sid=SID)
        assert leg.is_phone and leg.user == cast.bob.user and leg.answered_at
        assert conference.text == leg.conference.name
        assert conference.get("participantLabel") == leg.label
        assert leg.conference.agent == cast.bob.user
    assert phone.fresh().taken_at
    again = phone.asks("phone-key", Digits="1")  # its answer was lost
    assert again == document
    with tenant_transaction(cast.acme.pk):
        assert CallLeg.objects.filter(user=cast.bob.user).count() == 1
    phone.tells("completed", CallDuration="3")
    with tenant_transaction(cast.acme.pk):
        assert CallLeg.objects.get(call_sid=SID).status == "completed"
    assert phone.fresh().ended_at and phone.fresh().offer.end == "claimed"


def test_who_wins_and_is_not_let_in_hears_that_it_is_over(
    phone: Telephone, cast: Any, monkeypatch: Any
) -> None:
    def refuses(*_: Any, **__: Any) -> None:
        raise Refusal("call_over", "This call is over.")

    monkeypatch.setattr(presence, "admit_agent", refuses)
    phone.asks("phone")
    assert "doesn’t ring for you any more" in phone.asks("phone-key", Digits="1")
    phone.floor.later(9)
    phone.floor.tend(phone.group)
    caller = phone.floor.fresh(phone.caller)
    assert caller.returned_at and not caller.claimed_at


def test_2_declines(phone: Telephone) -> None:
    phone.asks("phone")
    document = phone.asks("phone-key", Digits="2")
    assert "Declined" in document and "<Hangup" in document
    assert phone.floor.offers(phone.caller) == [("Bob", "declined")]
    phone.tells("completed")
    assert phone.floor.offers(phone.caller) == [("Bob", "declined")]


@pytest.mark.parametrize("digits", ["5", "*", ""])
def test_another_key_is_none(phone: Telephone, digits: str) -> None:
    phone.asks("phone")
    assert "Press 1" in phone.asks("phone-key", Digits=digits)
    assert not phone.floor.fresh(phone.caller).claimed_at


def test_the_loser_hears_who_has_answered(phone: Telephone, cast: Any) -> None:
    phone.floor.is_there(cast.alice)
    phone.floor.tend(phone.group)
    phone.asks("phone")
    phone.floor.answer(cast.alice, phone.caller)
    for step, form in (("phone-key", {"Digits": "1"}), ("phone-over", {}), ("phone", {})):
        document = phone.asks(step, **form)
        assert "Alice has answered this call" in document and "<Hangup" in document
    with tenant_transaction(cast.acme.pk):
        assert phones.due(phone.floor.now) == []  # their own document ends it


@pytest.mark.parametrize("fields", [{"rings": False}, {"number": "+14155550177"}])
@pytest.mark.parametrize("digits", ["1", "2", "5"])
def test_a_phone_that_is_theirs_no_more_does_nothing(
    phone: Telephone, fields: dict[str, Any], digits: str
) -> None:
    phone.asks("phone")
    with tenant_transaction(phone.floor.tenant.pk):
        OwnPhone.objects.update(**fields)
    for step in ("phone-key", "phone"):
        document = phone.asks(step, Digits=digits)
        assert "doesn’t ring for you any more" in document and "<Hangup" in document
    assert not phone.fresh().taken_at and not phone.floor.fresh(phone.caller).claimed_at
    assert phone.floor.rings_at(phone.caller) == {"Bob"}


def test_a_key_that_comes_after_they_have_hung_up_takes_nothing(
    phone: Telephone, cast: Any
) -> None:
    phone.floor.is_there(cast.bob)  # so it rings on in their page
    phone.asks("phone")
    phone.tells("completed")
    assert "<Dial" not in phone.asks("phone-key", Digits="1")
    assert not phone.floor.fresh(phone.caller).claimed_at
    assert phone.floor.rings_at(phone.caller) == {"Bob"}
    phone.floor.answer(cast.bob, phone.caller)


def test_who_has_given_up_is_not_taken(phone: Telephone) -> None:
    phone.asks("phone")
    phone.floor.hang_up(phone.caller)
    assert "doesn’t ring for you any more" in phone.asks("phone-key", Digits="1")
    assert not phone.floor.fresh(phone.caller).claimed_at


@pytest.mark.parametrize("step", ["phone", "phone-key", "phone-over"])
def test_another_workspace_or_call_has_nothing_here(phone: Telephone, cast: Any, step: str) -> None:
    phone.tells("ringing")
    for wrong in ({"tenant": cast.borealis}, {"call_sid": sid("CA")}, {"call_sid": "nonsense"}):
        document = phone.asks(step, Digits="1", **wrong)
        assert "doesn’t ring for you any more" in document and "Acme" not in document
    ring = phone.fresh()
    assert not ring.answered_at and not ring.taken_at and ring.call_sid == SID
    assert not phone.floor.fresh(phone.caller).claimed_at


def test_what_is_told_of_another_workspaces_ring_is_kept_aside(phone: Telephone, cast: Any) -> None:
    phone.tells("ringing")
    phone.tells("completed", tenant=cast.borealis)
    phone.tells("completed", call_sid=sid("CA"))
    assert not phone.fresh().ended_at
    assert UnroutedEvent.objects.filter(hook="phone").count() == 2


def test_news_in_any_order_and_twice(phone: Telephone) -> None:
    for status in ("in-progress", "initiated", "completed", "ringing", "in-progress", "completed"):
        phone.tells(status)
    ring = phone.fresh()
    assert ring.answered_at and ring.ended_at
    assert phone.floor.offers(phone.caller) == [("Bob", "missed")]


def test_without_a_database_the_telephone_is_told(phone: Telephone, monkeypatch: Any) -> None:
    def fails(*_: Any, **__: Any) -> None:
        raise DatabaseError

    monkeypatch.setattr(phones, "locked", fails)
    document = phone.asks("phone-key", Digits="1")
    assert "busy" in document and "<Hangup" in document
