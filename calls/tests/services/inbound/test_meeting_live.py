"""Calls that come in, from the network to their end, with the sandbox as Twilio and a server that
answers it. The agent's browser is a telephone that runs the document which the browser is given.
"""

import json
import urllib.parse
import urllib.request
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID
from xml.etree import ElementTree

import pytest
from django.conf import settings
from django.utils import timezone
from twilio.request_validator import RequestValidator

from calls import gateway
from calls.facts.inbound import hours, written
from calls.gateway.accounts import account_of
from calls.gateway.client import rest
from calls.models import (
    Caller,
    CallEvent,
    CallLeg,
    CallLog,
    Conference,
    Line,
    PhoneNumber,
    Recording,
)
from calls.selectors import queues
from calls.services import reconcile
from calls.services.inbound import offers
from calls.tests.services.inbound.floor import Floor
from tenants.fence.context import tenant_transaction

OURS, MARIA, ECHO = "+14155550199", "+14155550100", "+14155550101"
WAITS = "<Response><Pause length='60'/></Response>"


@dataclass
class Desk:
    """Acme's line and its people, at the sandbox."""

    cast: Any
    sandbox: Any
    eventually: Any
    floor: Floor
    group_id: UUID

    @property
    def tenant_id(self) -> UUID:
        return UUID(str(self.cast.acme.pk))

    def rings(self, caller: str = MARIA) -> tuple[str, UUID]:
        """Somebody calls, and rings at Bob: (call SID, the call)."""
        sid = self.sandbox.incoming(to=OURS, caller=caller)["sid"]
        call_id = self.eventually(lambda: self._offered(sid))
        offers.confirm(self.cast.bob, [call_id], now=timezone.now())
        return sid, call_id

    def _offered(self, sid: str) -> UUID | None:
        with tenant_transaction(self.tenant_id):
            found = CallLog.objects.filter(twilio_call_sid=sid, caller__offers__user=self.bob)
            return found.values_list("pk", flat=True).first()

    @property
    def bob(self) -> Any:
        return self.cast.bob.user

    def claims(self, call_id: UUID) -> UUID:
        return offers.claim(self.cast.bob, call_id, now=timezone.now())

    def connects(self, request_id: UUID) -> tuple[str, str]:
        """A browser of Bob's: (its call SID, the document that it is given, and follows)."""
        account = account_of(self.tenant_id)
        calls = rest(account).calls
        browser = calls.create(to=ECHO, from_=OURS, twiml=WAITS)
        sid = str(browser.sid)
        self.eventually(lambda: self.status(sid) == "in-progress")
        document = self.asks(sid, request_id)
        if "<Conference" in document:
            calls(sid).update(twiml=document)
        return sid, document

    def asks(self, sid: str, request_id: UUID) -> str:
        """As Twilio asks what to do with a browser that connects."""
        form = {
            "AccountSid": settings.TWILIO_ACCOUNT_SID,
            "CallSid": sid,
            "CallStatus": "ringing",
            "From": f"client:{self.cast.bob.identity}",
            "clientRequestId": str(request_id),
        }
        url = f"{settings.PUBLIC_BASE_URL}/api/twilio/voice-webhook"
        signature = RequestValidator(settings.TWILIO_AUTH_TOKEN).compute_signature(url, form)
        request = urllib.request.Request(
            url, urllib.parse.urlencode(form).encode(), {"X-Twilio-Signature": signature}
        )
        with urllib.request.urlopen(request, timeout=10) as answer:
            return str(answer.read().decode())

    def call(self, call_id: UUID) -> CallLog:
        with tenant_transaction(self.tenant_id):
            return CallLog.objects.get(pk=call_id)

    def room(self, call_id: UUID) -> Conference:
        with tenant_transaction(self.tenant_id):
            return Conference.objects.get(call=call_id)

    def caller(self, call_id: UUID) -> Caller:
        with tenant_transaction(self.tenant_id):
            return Caller.objects.get(call=call_id)

    def status(self, sid: str) -> str:
        facts = gateway.fetch_call(account_of(self.tenant_id), sid)
        return facts.status if facts else ""

    def together(self, *sids: str) -> bool:
        rooms = [
            {each["call_sid"] for each in conference["participants"]}
            for conference in self.sandbox.state()["conferences"]
            if conference["status"] == "in-progress"
        ]
        return {*sids} in rooms


@pytest.fixture
def desk(site: Any, committed_cast: Any, eventually: Any) -> Desk:
    """Bob and Alice are there, for a group that all calls of Acme's number are led to."""
    cast = committed_cast
    account = account_of(cast.acme.pk)
    held = gateway.find_number(account, OURS)
    assert held is not None
    gateway.point_number(account, held, cast.acme.pk)
    floor = Floor(cast.acme)
    group = floor.group([cast.bob, cast.alice], step_seconds=60, unanswered_seconds=120)
    with tenant_transaction(cast.acme.pk):
        Line.objects.update_or_create(
            number=PhoneNumber.objects.get(number=OURS),
            defaults={
                "hours": written.hours_json(hours.always("UTC")),
                "when_open": queues.place_of(group.pk),
                "when_closed": "later",
            },
        )
    floor.is_there(cast.bob, cast.alice)
    return Desk(cast, site.sandbox, eventually, floor, group.pk)


def test_from_the_ring_to_the_recording(desk: Desk) -> None:
    begun = timezone.now()
    sid, call_id = desk.rings()
    # Twilio tells whole seconds: the answer is to be in a later one.
    desk.eventually(lambda: timezone.now() > begun + timedelta(seconds=1))
    request_id = desk.claims(call_id)
    browser, document = desk.connects(request_id)
    assert ElementTree.fromstring(document).find("Dial/Conference") is not None
    desk.eventually(lambda: desk.together(sid, browser), 10)
    call = desk.eventually(lambda: (c := desk.call(call_id)).status == "in-progress" and c)
    assert call.user_id == desk.bob.pk and call.answered_at > begun
    assert call.wait_seconds is not None and call.wait_seconds <= 30
    assert call.contact_id == desk.cast.acme_maria.pk
    desk.eventually(lambda: desk.caller(call_id).left_at)

    recording = desk.eventually(
        lambda: [r for r in desk.sandbox.state()["recordings"] if r["call_sid"] == sid]
    )
    assert [r["source"] for r in recording] == ["StartCallRecordingAPI"]
    assert recording[0]["channels"] == 2
    assert desk.call(call_id).is_recorded
    begun_at = desk.sandbox.heard(sid)["seconds"]  # what is too short is no recording
    desk.eventually(lambda: desk.sandbox.heard(sid)["seconds"] >= begun_at + 1.5)

    desk.sandbox.hangup(sid)
    call = desk.eventually(lambda: (c := desk.call(call_id)).ended_at and c)
    assert (call.status, call.outcome, call.missed) == ("completed", "completed", "")
    talked = (call.ended_at - call.answered_at).total_seconds()
    assert call.duration == int(talked) < (timezone.now() - begun).total_seconds()
    desk.eventually(lambda: desk.status(browser) == "completed")
    desk.eventually(lambda: desk.room(call_id).closed_at)

    def stored() -> bool:
        with tenant_transaction(desk.tenant_id):
            return bool(Recording.objects.filter(call=call_id, state="stored").exists())

    desk.eventually(stored, 60)


def test_the_agent_ends_the_call(desk: Desk, signed_in: Any) -> None:
    sid, call_id = desk.rings()
    request_id = desk.claims(call_id)
    browser, _ = desk.connects(request_id)
    desk.eventually(lambda: desk.call(call_id).status == "in-progress", 10)
    client = signed_in(desk.cast.bob)
    post_as_bob(client, "/calls/end", {"request": str(request_id)})
    desk.eventually(lambda: desk.status(sid) == "completed", 10)
    desk.eventually(lambda: desk.status(browser) == "completed", 10)
    call = desk.eventually(lambda: (c := desk.call(call_id)).ended_at and c)
    assert call.outcome == "completed" and call.user_id == desk.bob.pk


def post_as_bob(client: Any, path: str, fields: dict[str, str]) -> None:
    """To the server, whose lane then does what is to be done."""
    session, token = client.cookies[settings.SESSION_COOKIE_NAME].value, "a" * 32
    cookies = f"{settings.SESSION_COOKIE_NAME}={session}; {settings.CSRF_COOKIE_NAME}={token}"
    headers = {"Cookie": cookies, "X-CSRFToken": token, "Referer": settings.PUBLIC_BASE_URL}
    body = urllib.parse.urlencode(fields).encode()
    request = urllib.request.Request(settings.PUBLIC_BASE_URL + path, body, headers)
    with urllib.request.urlopen(request, timeout=10) as answer:
        assert answer.status == 204


def test_a_winner_who_does_not_come_gives_the_caller_back_after_eight_seconds(desk: Desk) -> None:
    sid, call_id = desk.rings()
    request_id = desk.claims(call_id)
    claimed_at = timezone.now()
    caller = desk.eventually(lambda: (c := desk.caller(call_id)).returned_at and c, 25)
    assert caller.claimed_at is None and caller.left_at is None
    waited = caller.returned_at - claimed_at
    assert timedelta(seconds=7.5) < waited < timedelta(seconds=15), waited
    with tenant_transaction(desk.tenant_id):
        waiting = queues.callers_in(desk.group_id)
    assert [each.row.call_id for each in waiting] == [call_id]
    assert desk.status(sid) == "in-progress" and desk.call(call_id).status == "ringing"
    # Too late now: a sentence, and an end.
    _, document = desk.connects(request_id)
    assert "went back to the line" in document and "<Conference" not in document
    with tenant_transaction(desk.tenant_id):
        assert Conference.objects.count() == 1


def test_an_agent_who_goes_before_the_caller_is_in_gives_them_back(desk: Desk) -> None:
    desk.sandbox.fault("twiml-delay", match="step=bridge", seconds=4)
    sid, call_id = desk.rings()
    browser, _ = desk.connects(desk.claims(call_id))
    desk.eventually(lambda: "bringing" in names_of(desk, call_id), 10)
    desk.sandbox.hangup(browser)
    caller = desk.eventually(lambda: (c := desk.caller(call_id)).returned_at and c, 10)
    assert caller.claimed_at is None
    desk.sandbox.clear_faults()
    # They are in the line again, and Bob has them in the end.
    desk.floor.now = timezone.now()
    desk.floor.is_there(desk.cast.bob)
    desk.eventually(lambda: {"Alice", "Bob"} <= desk.floor.rings_at(caller) | {"Alice"}, 20)
    assert desk.status(sid) == "in-progress"

    def claims_again() -> bool:
        from calls.facts.refusals import Refusal

        try:
            desk.claims(call_id)
        except Refusal:
            return False
        return True

    desk.eventually(claims_again, 20)
    again, _ = desk.connects(desk.room(call_id).client_request_id)
    desk.eventually(lambda: desk.together(sid, again), 15)
    desk.eventually(lambda: desk.call(call_id).status == "in-progress", 10)
    assert desk.call(call_id).user_id == desk.bob.pk


def test_a_caller_who_gives_up_when_they_are_answered_is_met_by_nobody(desk: Desk) -> None:
    """Once before the winner's browser connects, and once as they are being brought to it."""
    sid, call_id = desk.rings()
    request_id = desk.claims(call_id)
    desk.sandbox.hangup(sid)
    assert_gave_up(desk, call_id)
    browser, document = desk.connects(request_id)
    assert "<Conference" not in document
    desk.sandbox.hangup(browser)

    desk.floor.now = timezone.now()
    desk.floor.is_there(desk.cast.bob)
    desk.sandbox.fault("twiml-delay", match="step=bridge", seconds=3)
    sid, call_id = desk.rings()
    browser, _ = desk.connects(desk.claims(call_id))
    desk.eventually(lambda: "bringing" in names_of(desk, call_id), 10)
    desk.sandbox.hangup(sid)
    assert_gave_up(desk, call_id)
    desk.eventually(lambda: desk.status(browser) == "completed", 10)


def assert_gave_up(desk: Desk, call_id: UUID) -> None:
    call = desk.eventually(lambda: (c := desk.call(call_id)).ended_at and c, 10)
    assert (call.status, call.missed, call.user_id) == ("no-answer", "waiting", None)
    desk.eventually(lambda: desk.room(call_id).closed_at, 10)
    assert not desk.floor.rings_at(desk.caller(call_id))


def names_of(desk: Desk, call_id: UUID) -> list[str]:
    with tenant_transaction(desk.tenant_id):
        found = CallEvent.objects.filter(conference__call=call_id, kind="local")
        return list(found.values_list("name", flat=True))


def test_the_sweep_finds_what_no_callback_has_told(desk: Desk) -> None:
    desk.sandbox.fault("webhook-drop", match="call-status", times=1000)
    desk.sandbox.fault("webhook-drop", match="recording-status", times=1000)
    sid, call_id = desk.rings()
    browser, _ = desk.connects(desk.claims(call_id))
    account = account_of(desk.tenant_id)

    def sweeps() -> bool:
        with tenant_transaction(desk.tenant_id):
            Conference.objects.update(next_look_at=timezone.now())
        reconcile.sweep_tenant(desk.tenant_id, now=timezone.now())
        return desk.call(call_id).ended_at is not None

    def talks() -> bool:
        sweeps()  # that Bob is there, and later that the caller is
        return desk.call(call_id).status == "in-progress"

    room = desk.room(call_id).name
    desk.eventually(lambda: gateway.find_participant(account, room, browser), 10)
    desk.eventually(talks, 20, 0.5)
    assert desk.together(sid, browser)
    desk.sandbox.hangup(sid)
    desk.eventually(lambda: desk.status(sid) == "completed")
    desk.eventually(sweeps, 20, 0.5)
    desk.eventually(lambda: desk.status(browser) == "completed", 10)
    call = desk.call(call_id)
    assert (call.outcome, call.missed, call.user_id) == ("completed", "", desk.bob.pk)


def test_a_caller_who_is_gone_without_a_word_is_found_by_the_sweep(desk: Desk) -> None:
    desk.sandbox.fault("webhook-drop", match="call-status", times=1000)
    desk.sandbox.fault("twiml-drop", match="step=queue", times=1000)
    sid, call_id = desk.rings()
    desk.sandbox.hangup(sid)
    desk.eventually(lambda: desk.status(sid) == "completed")
    with tenant_transaction(desk.tenant_id):
        assert CallLog.objects.get(pk=call_id).ended_at is None
        Conference.objects.update(next_look_at=timezone.now())
    reconcile.sweep_tenant(desk.tenant_id, now=timezone.now())
    call = desk.call(call_id)
    assert (call.status, call.missed) == ("no-answer", "waiting")
    assert desk.room(call_id).closed_at is not None
    assert not desk.floor.rings_at(desk.caller(call_id))


def test_a_caller_who_gives_up_is_told_of_by_their_calls_one_address(desk: Desk) -> None:
    """It names the workspace alone: the call is found by its SID."""
    sid, call_id = desk.rings()
    desk.sandbox.hangup(sid)
    call = desk.eventually(lambda: (c := desk.call(call_id)).ended_at and c, 10)
    assert (call.status, call.missed) == ("no-answer", "waiting")
    desk.eventually(lambda: not desk.floor.rings_at(desk.caller(call_id)), 10)
    wire = [
        e
        for e in desk.sandbox.wire()
        if "call-status?tenant=" in json.dumps(e) and sid in json.dumps(e)
    ]
    assert wire
    with tenant_transaction(desk.tenant_id):
        leg = CallLeg.objects.get(call_sid=sid)
        assert CallEvent.objects.filter(leg=leg, kind="call", name="completed").exists()
