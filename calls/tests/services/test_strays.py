"""Calls that came in while nothing could be written down: filed once, with their messages."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.core.cache import cache
from django.utils import timezone

from calls import gateway
from calls.facts.inbound import missed
from calls.gateway import addresses
from calls.gateway.calls import CallFacts
from calls.models import BlockedCaller, CallEvent, CallLog, PhoneNumber, Recording, UnroutedEvent
from calls.services import strays
from calls.services.callbacks import aside
from calls.tests.conftest import sid
from calls.tests.webhooks.test_webhooks import local
from tenants.fence.context import tenant_transaction

CALLER = "+12125550123"


@pytest.fixture
def number(cast: Any) -> str:
    cache.clear()
    with tenant_transaction(cast.acme.pk):
        return PhoneNumber.objects.filter(account_sid=settings.TWILIO_ACCOUNT_SID)[0].number


class Twilio:
    """What it knows: of calls, of their recordings, and of what it has asked us about them."""

    def __init__(self, monkeypatch: Any) -> None:
        self.calls: list[gateway.IncomingCall] = []
        self.messages: dict[str, gateway.RecordingFacts] = {}
        self.asked: dict[str, str] = {}
        self.questions: list[str] = []
        for name in ("fetch_incoming", "find_incoming", "find_recordings", "requests_about"):
            monkeypatch.setattr(gateway, name, getattr(self, name))

    def has(self, number: str, *, seconds: int | None, asked: str = "", ago: int = 3600) -> str:
        """A call to a number with a message of so many seconds, `asked` at this address of ours."""
        call_sid, ended_at = sid("CA"), timezone.now() - timedelta(seconds=ago)
        facts = CallFacts(call_sid, "completed", ended_at, 30)
        began_at = ended_at - timedelta(seconds=30)
        self.calls.append(gateway.IncomingCall(CALLER, number, began_at, facts))
        if seconds is not None:
            message = gateway.RecordingFacts(sid("RE"), "completed", seconds, 1, "RecordVerb")
            self.messages[call_sid] = message
        self.asked[call_sid] = asked.partition("#")[0]
        return call_sid

    def find_incoming(self, account: Any, *, to: str, since: Any) -> list[Any]:
        self.questions.append(to)
        return [call for call in self.calls if call.to == to]

    def fetch_incoming(self, account: Any, call_sid: str) -> Any:
        return next((call for call in self.calls if call.facts.sid == call_sid), None)

    def find_recordings(self, account: Any, call_sid: str) -> list[Any]:
        return [self.messages[call_sid]] if call_sid in self.messages else []

    def requests_about(self, account: Any, call_sid: str) -> list[Any]:
        self.questions.append(call_sid)
        return [gateway.ToldRequest(self.asked[call_sid], {})]


@pytest.fixture
def twilio(monkeypatch: Any) -> Twilio:
    return Twilio(monkeypatch)


def look(tenant: Any) -> None:
    strays.look_for(tenant.pk, now=timezone.now())


def filed(tenant: Any) -> list[CallLog]:
    with tenant_transaction(tenant.pk):
        return list(CallLog.objects.filter(direction="INBOUND").order_by("started_at"))


def test_a_message_that_nobody_wrote_down_is_filed_once(
    cast: Any, number: str, twilio: Twilio
) -> None:
    call_sid = twilio.has(number, seconds=5, asked=addresses.number_called(cast.acme.pk))
    for _ in range(2):
        look(cast.acme)
        cache.clear()
    (call,) = filed(cast.acme)
    assert (call.twilio_call_sid, call.from_number, call.to_number) == (call_sid, CALLER, number)
    assert (call.status, call.missed) == ("no-answer", "voicemail")
    assert call.ended_at is not None
    assert call.started_at < call.ended_at < timezone.now() - timedelta(minutes=59)
    with tenant_transaction(cast.acme.pk):
        recording = Recording.objects.get(call=call)
    assert recording.is_voicemail and recording.state == "waiting"


def test_who_left_no_message_is_missed_all_the_same(cast: Any, number: str, twilio: Twilio) -> None:
    twilio.has(number, seconds=None, asked=addresses.number_fallback(cast.acme.pk))
    look(cast.acme)
    (call,) = filed(cast.acme)
    assert call.missed == "greeted" and call.ended_at is not None


def test_what_somebody_elses_program_has_answered_is_not_ours(
    cast: Any, number: str, twilio: Twilio
) -> None:
    twilio.has(number, seconds=5, asked="https://another.example/voice")
    look(cast.acme)
    assert not filed(cast.acme)
    cast.acme.refresh_from_db()
    cache.delete(f"turn:strays:{cast.acme.pk}")
    cache.delete("turn:strays")
    before = len(twilio.questions)
    look(cast.acme)
    assert twilio.questions[before:] == [number]  # of the call nobody is asked again


def test_who_called_a_number_while_it_was_anothers_is_not_shown_to_its_new_workspace(
    cast: Any, number: str, twilio: Twilio
) -> None:
    twilio.has(number, seconds=5, asked=addresses.number_called(cast.borealis.pk))
    twilio.has(number, seconds=5, asked=f"{settings.PUBLIC_BASE_URL}/voice-webhook?step=called")
    look(cast.acme)
    assert not filed(cast.acme) and not filed(cast.borealis)


def test_what_could_not_be_asked_is_asked_again_and_holds_up_no_other(
    cast: Any, number: str, twilio: Twilio, monkeypatch: Any
) -> None:
    asked = addresses.number_called(cast.acme.pk)
    lost, other = (twilio.has(number, seconds=5, asked=asked) for _ in range(2))

    def away(account: Any, call_sid: str) -> Any:
        if call_sid == lost:
            raise gateway.TwilioBusy
        return twilio.requests_about(account, call_sid)

    monkeypatch.setattr(gateway, "requests_about", away)
    look(cast.acme)
    assert [call.twilio_call_sid for call in filed(cast.acme)] == [other]
    monkeypatch.setattr(gateway, "requests_about", twilio.requests_about)
    cache.delete(f"turn:strays:{cast.acme.pk}")  # half an hour later
    cache.delete("turn:strays")
    look(cast.acme)
    assert {call.twilio_call_sid for call in filed(cast.acme)} == {lost, other}


def test_what_twilio_cannot_tell_yet_is_looked_at_later(
    cast: Any, number: str, twilio: Twilio
) -> None:
    twilio.has(number, seconds=5, asked=addresses.number_called(cast.acme.pk), ago=60)
    still = twilio.has(number, seconds=5, asked=addresses.number_called(cast.acme.pk))
    (_, call) = twilio.calls
    twilio.calls[1] = replace(call, facts=replace(call.facts, status="in-progress"))
    look(cast.acme)
    assert not filed(cast.acme) and still not in twilio.questions


def test_all_numbers_are_looked_through_now_and_then_only(
    cast: Any, number: str, twilio: Twilio
) -> None:
    for _ in range(2):
        look(cast.acme)
        cache.delete("turn:strays")
    assert twilio.questions == [number]


def test_workspaces_are_looked_through_one_after_the_other(
    cast: Any, number: str, twilio: Twilio
) -> None:
    with tenant_transaction(cast.borealis.pk):
        theirs = PhoneNumber.objects.get().number
    look(cast.acme)
    look(cast.borealis)
    assert twilio.questions == [number]
    cache.delete("turn:strays")  # a moment later
    look(cast.borealis)
    assert twilio.questions == [number, theirs]


def test_who_is_blocked_stays_so(cast: Any, number: str, twilio: Twilio) -> None:
    with tenant_transaction(cast.acme.pk):
        BlockedCaller.objects.create(number=CALLER)
    twilio.has(number, seconds=None, asked=addresses.number_called(cast.acme.pk))
    look(cast.acme)
    (call,) = filed(cast.acme)
    assert call.missed == ""
    with tenant_transaction(cast.acme.pk):
        assert CallEvent.objects.filter(name=missed.BLOCKED).exists()


def test_a_recording_that_names_no_call_leads_to_it(
    cast: Any, number: str, twilio: Twilio, webhook: Any
) -> None:
    """Twilio tells of the message that was asked for without a database: a minute later it is
    there, and nothing is kept aside any more.
    """
    call_sid = twilio.has(number, seconds=5)
    form = {
        "CallSid": call_sid,
        "RecordingSid": twilio.messages[call_sid].sid,
        "RecordingStatus": "completed",
        "RecordingSource": "RecordVerb",
        "RecordingDuration": "5",
    }
    url = local(addresses.message_status(cast.acme.pk).partition("#")[0])
    assert webhook(url, **form).status_code == 204 and UnroutedEvent.objects.exists()
    look(cast.acme)
    (call,) = filed(cast.acme)
    assert call.missed == "voicemail"
    UnroutedEvent.objects.update(next_try_at=timezone.now())
    aside.hear_again(cast.acme.pk, now=timezone.now())
    assert not UnroutedEvent.objects.exists()
    with tenant_transaction(cast.acme.pk):
        assert Recording.objects.count() == 1


def test_the_trouble_of_one_is_not_the_others(
    cast: Any, number: str, twilio: Twilio, monkeypatch: Any
) -> None:
    def away(*_: Any, **__: Any) -> Any:
        raise gateway.TwilioBusy

    monkeypatch.setattr(gateway, "find_incoming", away)
    look(cast.acme)
    assert not filed(cast.acme)
