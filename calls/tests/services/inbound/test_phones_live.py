"""Agents’ own telephones ring at the sandbox: phones that ring on until somebody picks up."""

from datetime import timedelta
from email.utils import parsedate_to_datetime
from typing import Any
from uuid import UUID

import pytest
from django.utils import timezone

from calls import gateway
from calls.facts.inbound.queues import Availability
from calls.gateway.accounts import account_of
from calls.models import AgentAvailability, CallLeg, CallLog, Offer, OwnPhone, PhoneRing
from calls.services.inbound import availability, offers, phones, phoning
from calls.tests.services.inbound.test_meeting_live import Desk, desk, post_as_bob  # noqa: F401
from tenants.fence.context import tenant_transaction
from tenants.models import Membership

BOBS, ALICES = "+14155551103", "+14155552103"
OURS, MARIA = "+14155550199", "+14155550100"


@pytest.fixture
def office(desk: Desk) -> Desk:  # noqa: F811
    """Nobody has a page open; Bob and Alice take their calls by telephone."""
    with tenant_transaction(desk.tenant_id):
        AgentAvailability.objects.update(seen_at=None)
        for member, number in ((desk.cast.bob, BOBS), (desk.cast.alice, ALICES)):
            OwnPhone.objects.create(user=member.user, number=number, confirmed_at=timezone.now())
    return desk


def only_bob(office: Desk) -> None:
    with tenant_transaction(office.tenant_id):
        OwnPhone.objects.filter(user=office.cast.alice.user).delete()


def calls_to(office: Desk, number: str) -> list[Any]:
    """Of this test: the sandbox forgets none."""
    with tenant_transaction(office.tenant_id):
        begun = CallLog.objects.order_by("created_at").values_list("created_at", flat=True)[0]
    calls = [call for call in office.sandbox.state()["calls"] if call["to"] == number]
    first = begun.replace(microsecond=0)
    return [c for c in calls if parsedate_to_datetime(c["date_created"]) >= first]


def live_to(office: Desk, number: str, status: str) -> str:
    found = [c["sid"] for c in calls_to(office, number) if c["status"] == status]
    return str(found[0]) if found else ""


def rings(office: Desk, number: str) -> str:
    """The call at which this telephone rings."""
    return str(office.eventually(lambda: live_to(office, number, "ringing"), 15))


def calls(office: Desk) -> tuple[str, UUID]:
    sid = office.sandbox.incoming(to=OURS, caller=MARIA)["sid"]

    def found() -> UUID | None:
        with tenant_transaction(office.tenant_id):
            return CallLog.objects.filter(twilio_call_sid=sid).values_list("pk", flat=True).first()

    return sid, office.eventually(found)


def heard_by(office: Desk, sid: str) -> str:
    return " ".join(each["text"] for each in office.sandbox.call(sid)["prompts"])


def picks_up(office: Desk, sid: str) -> None:
    office.sandbox.answer(sid)
    office.eventually(lambda: "Press 1" in heard_by(office, sid), 10)


def ring_of(office: Desk, member: Membership) -> PhoneRing:
    with tenant_transaction(office.tenant_id):
        found = PhoneRing.objects.filter(user=member.user).order_by("-created_at")
        ring: PhoneRing = found.select_related("offer").first() or PhoneRing(offer=Offer())
        return ring


def ends(office: Desk) -> list[str]:
    """Of the offers that rang at telephones, oldest first; "" while one rings."""
    with tenant_transaction(office.tenant_id):
        rung = PhoneRing.objects.order_by("created_at")
        return list(rung.values_list("offer__end", flat=True))


def says(office: Desk, sid: str, hertz: int) -> None:
    office.sandbox._ask("POST", f"/sandbox/calls/{sid}/speak", {"hertz": hertz, "seconds": 3})


def test_a_call_is_taken_by_telephone_and_both_hear(office: Desk) -> None:
    only_bob(office)
    begun = timezone.now()
    sid, call_id = calls(office)
    phone = rings(office, BOBS)
    (call,) = calls_to(office, BOBS)
    assert call["from"] == OURS
    picks_up(office, phone)
    assert "A call for Acme on" in heard_by(office, phone)
    assert not office.caller(call_id).claimed_at  # a mailbox would have come so far
    # Twilio tells whole seconds: the answer is to be in a later one.
    office.eventually(lambda: timezone.now() > begun + timedelta(seconds=1))
    office.sandbox.digits(phone, "1")
    office.eventually(lambda: office.together(sid, phone), 15)
    log = office.eventually(lambda: (c := office.call(call_id)).status == "in-progress" and c, 10)
    assert log.user_id == office.bob.pk and log.answered_at > begun
    with tenant_transaction(office.tenant_id):
        leg = CallLeg.objects.get(call_sid=phone)
        assert (leg.is_phone, leg.user_id, leg.party) == (True, office.bob.pk, "agent")
    says(office, phone, 700)
    office.eventually(lambda: abs(office.sandbox.heard(sid)["dominant_hz"] - 700) < 20, 10)
    says(office, sid, 500)
    office.eventually(lambda: abs(office.sandbox.heard(phone)["dominant_hz"] - 500) < 20, 10)
    recorded = {r["call_sid"] for r in office.sandbox.state()["recordings"]}
    assert recorded & {sid, phone} == {sid}

    # Whoever puts down a telephone has ended the call: nobody is waited for.
    office.sandbox.hangup(phone)
    office.eventually(lambda: office.status(sid) == "completed", 10)
    log = office.eventually(lambda: (c := office.call(call_id)).ended_at and c, 10)
    assert (log.outcome, log.missed, log.user_id) == ("completed", "", office.bob.pk)
    assert "One moment please" not in heard_by(office, sid)
    office.eventually(lambda: ring_of(office, office.cast.bob).ended_at, 10)
    office.eventually(lambda: office.room(call_id).closed_at, 10)
    assert len(calls_to(office, BOBS)) == 1


def test_the_call_is_ended_in_a_page(office: Desk, signed_in: Any) -> None:
    only_bob(office)
    sid, call_id = calls(office)
    phone = rings(office, BOBS)
    picks_up(office, phone)
    office.sandbox.digits(phone, "1")
    office.eventually(lambda: office.call(call_id).status == "in-progress", 15)
    client = signed_in(office.cast.bob)
    panel = client.get("/calls/active").content.decode()
    assert "On your phone" in panel and "Mute" not in panel and "End call" in panel
    post_as_bob(client, "/calls/end", {"request": str(office.room(call_id).client_request_id)})
    office.eventually(lambda: office.status(phone) == "completed", 10)
    office.eventually(lambda: office.status(sid) == "completed", 10)


def test_the_caller_hangs_up_and_the_telephone_is_free(office: Desk) -> None:
    only_bob(office)
    sid, call_id = calls(office)
    phone = rings(office, BOBS)
    picks_up(office, phone)
    office.sandbox.digits(phone, "1")
    office.eventually(lambda: office.call(call_id).status == "in-progress", 15)
    office.sandbox.hangup(sid)
    office.eventually(lambda: office.status(phone) == "completed", 10)
    assert office.eventually(lambda: office.call(call_id).outcome) == "completed"


def test_nobody_presses_and_a_mailbox_takes_no_call(office: Desk) -> None:
    only_bob(office)
    sid, call_id = calls(office)
    phone = rings(office, BOBS)
    picks_up(office, phone)
    office.sandbox.hangup(phone)  # as when a mailbox has heard enough
    office.eventually(lambda: ends(office) == ["missed", ""], 15)
    assert office.status(sid) == "in-progress" and not office.caller(call_id).claimed_at
    again = rings(office, BOBS)
    office.sandbox.hangup(again)  # declines
    office.eventually(lambda: ends(office) == ["missed", "declined"], 15)
    assert len(calls_to(office, BOBS)) == 2


def test_who_presses_2_declines(office: Desk) -> None:
    only_bob(office)
    calls(office)
    phone = rings(office, BOBS)
    picks_up(office, phone)
    office.sandbox.digits(phone, "2")
    office.eventually(lambda: office.status(phone) == "completed", 10)
    assert "Declined" in heard_by(office, phone)
    assert ends(office) == ["declined"]


def test_a_browser_wins_and_the_telephone_stops_within_a_second(office: Desk) -> None:
    office.floor.now = timezone.now()
    sid, call_id = calls(office)
    ringing, picked = rings(office, ALICES), rings(office, BOBS)
    picks_up(office, picked)
    # Bob takes it in his browser, at a desk of another process.
    offers.claim(office.cast.bob, call_id, now=timezone.now())
    claimed_at = timezone.now()
    due = office.eventually(lambda: due_of(office))
    for ring_id in due:
        phoning.tend(office.tenant_id, ring_id)
    office.eventually(lambda: office.status(ringing) == "canceled", 10)
    assert timezone.now() - claimed_at < timedelta(seconds=3)
    office.eventually(lambda: "in your browser" in heard_by(office, picked), 10)
    office.eventually(lambda: office.status(picked) == "completed", 10)


def due_of(office: Desk) -> list[UUID]:
    with tenant_transaction(office.tenant_id):
        return phones.due(timezone.now())


def test_the_caller_gives_up_and_the_telephones_stop(office: Desk) -> None:
    sid, call_id = calls(office)
    ringing, picked = rings(office, ALICES), rings(office, BOBS)
    picks_up(office, picked)
    office.sandbox.hangup(sid)
    office.eventually(lambda: office.status(ringing) == "canceled", 10)
    office.eventually(lambda: "doesn’t ring for you any more" in heard_by(office, picked), 10)
    office.eventually(lambda: office.status(picked) == "completed", 10)
    assert office.eventually(lambda: office.call(call_id).missed) == "waiting"


def test_two_telephones_press_at_once_and_one_wins(office: Desk) -> None:
    sid, call_id = calls(office)
    both = rings(office, ALICES), rings(office, BOBS)
    for phone in both:
        picks_up(office, phone)
    for phone in both:
        office.sandbox.digits(phone, "1")
    office.eventually(lambda: any(office.together(sid, phone) for phone in both), 15)
    log = office.eventually(lambda: (c := office.call(call_id)).status == "in-progress" and c, 10)
    winner, loser = both if log.user_id == office.cast.alice.user_id else both[::-1]
    name = "Alice" if winner == both[0] else "Bob"
    office.eventually(lambda: office.status(loser) == "completed", 10)
    assert f"{name} has answered this call" in heard_by(office, loser)
    assert office.together(sid, winner) and office.status(winner) == "in-progress"


def test_a_lost_answer_rings_nobody_twice(office: Desk) -> None:
    only_bob(office)
    office.sandbox.fault("rest-accept-then-drop", match="/Calls.json")
    sid, call_id = calls(office)
    phone = rings(office, BOBS)
    office.eventually(lambda: ring_of(office, office.cast.bob).call_sid == phone, 10)
    picks_up(office, phone)
    office.sandbox.digits(phone, "1")
    office.eventually(lambda: office.together(sid, phone), 15)
    assert len(calls_to(office, BOBS)) == 1


def test_twilio_answers_no_and_the_telephone_rests(office: Desk) -> None:
    only_bob(office)
    office.sandbox.fault("rest-error", match="/Calls.json", status=400, code=21211, times=1000)
    calls(office)
    office.eventually(lambda: ends(office)[:1] == ["unconfirmed"], 15)
    assert calls_to(office, BOBS) == []
    with tenant_transaction(office.tenant_id):
        assert AgentAvailability.objects.get(user=office.bob).asleep_at is not None


def test_the_limits_hold_for_telephones_too(office: Desk) -> None:
    only_bob(office)
    with tenant_transaction(office.tenant_id):
        OwnPhone.objects.update(number="+4930901820103")  # a country that may not be called
        from calls.selectors import limits

        row = limits.chosen(lock=True)
        row.countries = ["US"]
        row.save(update_fields=["countries"])
    calls(office)
    office.eventually(lambda: ends(office) == ["unconfirmed"], 15)
    assert calls_to(office, "+4930901820103") == []


def test_the_sweep_finds_what_no_callback_has_told(office: Desk) -> None:
    only_bob(office)
    office.sandbox.fault("webhook-drop", match="ring=", times=1000)
    sid, call_id = calls(office)
    phone = rings(office, BOBS)
    office.eventually(lambda: ring_of(office, office.cast.bob).call_sid == phone, 10)
    office.sandbox.hangup(phone)
    ring = ring_of(office, office.cast.bob)
    assert ring.ended_at is None
    phoning.look(office.tenant_id, ring.pk)
    with tenant_transaction(office.tenant_id):
        ring.refresh_from_db()
        assert ring.ended_at is not None
    assert gateway.fetch_call(account_of(office.tenant_id), phone)


def test_who_dies_after_writing_it_down_is_made_good(office: Desk) -> None:
    """A ring that no process has asked for, and one that none has stopped."""
    only_bob(office)
    office.floor.now = timezone.now()
    availability.choose(office.cast.bob, Availability.DO_NOT_DISTURB, now=timezone.now())
    sid, call_id = calls(office)
    with tenant_transaction(office.tenant_id):
        assert not PhoneRing.objects.exists()
    availability.choose(office.cast.bob, Availability.AVAILABLE, now=timezone.now())
    # Here no lane of ours runs: the wait document that the caller hears has the group tended.
    phone = rings(office, BOBS)
    office.sandbox.hangup(sid)
    office.eventually(lambda: office.status(phone) == "canceled", 10)
