"""The agent's side of calls that come in: the control, the region, and what is done there."""

import re
import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from calls.models import (
    AgentAvailability,
    Caller,
    CallLeg,
    CallLog,
    Conference,
    Group,
    GroupMember,
    Offer,
    PhoneNumber,
    PossibleContact,
)
from calls.selectors import ringing
from calls.selectors.ringing import SAID
from calls.tests.builders import a_missed_call
from contacts.models import Contact
from tenants.bricks.lanes import Lane
from tenants.fence.context import tenant_transaction

MARIA = "+14155550100"
HTMX = {"HX-Request": "true"}


@pytest.fixture(autouse=True)
def tended(monkeypatch: Any) -> list[Any]:
    """What is to be tended afterwards: nothing is decided here."""
    asked: list[Any] = []
    monkeypatch.setattr(Lane, "do", lambda self, key, work: asked.append(key))
    return asked


def signed_in(member: Any) -> Client:
    """Each in a browser of their own."""
    client = Client()
    client.force_login(member.user)
    return client


@pytest.fixture
def bob(cast: Any) -> Client:
    return signed_in(cast.bob)


@pytest.fixture
def alice(cast: Any) -> Client:
    return signed_in(cast.alice)


def a_caller(tenant: Any, *agents: Any, number: str = MARIA, **of_call: Any) -> Caller:
    """Who waits in a group of these agents, at each of whom it rings."""
    now = timezone.now()
    with tenant_transaction(tenant.pk):
        group, _ = Group.objects.get_or_create(name="Sales")
        room = Conference.objects.create(client_request_id=uuid.uuid4(), account_sid="AC0")
        call = CallLog.objects.create(
            direction="INBOUND",
            from_number=number,
            to_number=PhoneNumber.objects.get().number,
            started_at=now,
            status="ringing",
            conference=room,
            **of_call,
        )
        CallLeg.objects.create(conference=room, party="contact", call_sid="CA" + uuid.uuid4().hex)
        caller = Caller.objects.create(
            call=call, place=f"group:{group.pk.hex}", since=now, entered_at=now
        )
        for agent in agents:
            GroupMember.objects.get_or_create(group=group, user=agent.user)
            AgentAvailability.objects.get_or_create(
                user=agent.user, defaults={"availability": "available", "seen_at": now}
            )
            Offer.objects.create(caller=caller, user=agent.user, offered_at=now)
    return caller


def rings(client: Client) -> str:
    answer = client.get("/calls/incoming", headers=HTMX)
    assert answer.status_code == 200
    return answer.content.decode()


def plain(html: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", html).split())


def own(member: Any) -> AgentAvailability:
    with tenant_transaction(member.tenant_id):
        return AgentAvailability.objects.get(user=member.user)


# --- the control ------------------------------------------------------------------------------


def test_who_has_never_chosen_is_away_on_every_page(bob: Client) -> None:
    for path in ("/calls", "/contacts", "/contacts/new"):
        page = bob.get(path).content.decode()
        assert '<label class="form-label" for="availability_pick">Availability</label>' in page
        assert re.findall(r'<option value="([\w-]+)" selected', page)[0] == "away"


def test_a_choice_is_kept_and_its_groups_are_tended(
    bob: Client, cast: Any, tended: list[Any]
) -> None:
    answer = bob.post("/calls/availability", {"availability": "available"}, headers=HTMX)
    assert answer.status_code == 200
    assert 'data-state="available"' in answer.content.decode()
    assert own(cast.bob).availability == "available"
    assert 'data-state="available"' in bob.get("/contacts").content.decode()


def test_without_scripts_it_leads_back_to_where_it_was(bob: Client, cast: Any) -> None:
    answer = bob.post(
        "/calls/availability",
        {"availability": "do-not-disturb"},
        headers={"Referer": "http://testserver/contacts?q=x"},
    )
    assert (answer.status_code, answer["Location"]) == (302, "/contacts")
    assert own(cast.bob).availability == "do-not-disturb"
    for elsewhere in ("https://evil.example/contacts", "javascript:alert(1)", "//evil.example/x"):
        answer = bob.post(
            "/calls/availability", {"availability": "away"}, headers={"Referer": elsewhere}
        )
        assert answer["Location"] == "/calls"


@pytest.mark.parametrize("wish", ["", "offline", "in-a-call"])
def test_what_nobody_sets_by_hand_is_refused_at_the_field(
    bob: Client, cast: Any, wish: str
) -> None:
    answer = bob.post("/calls/availability", {"availability": wish}, headers=HTMX)
    assert answer.status_code == 422
    assert "Choose one from the list." in answer.content.decode()
    with tenant_transaction(cast.acme.pk):
        assert not AgentAvailability.objects.exists()


def test_who_was_set_away_is_told_until_they_choose(bob: Client, cast: Any) -> None:
    with tenant_transaction(cast.acme.pk):
        AgentAvailability.objects.create(user=cast.bob.user, was_set_away=True)
    assert "so you’re set to Away" in bob.get("/calls").content.decode()
    bob.post("/calls/availability", {"availability": "away"}, headers=HTMX)
    assert "so you’re set to Away" not in bob.get("/calls").content.decode()


def test_a_page_is_told_that_it_was_taken_to_be_asleep_until_it_is_seen(
    bob: Client, cast: Any
) -> None:
    now = timezone.now()
    with tenant_transaction(cast.acme.pk):
        AgentAvailability.objects.create(
            user=cast.bob.user, availability="available", idle_since=now, seen_at=now, asleep_at=now
        )
    assert "data-asleep" in bob.get("/calls/incoming", headers=HTMX).content.decode()
    assert bob.post("/calls/seen").status_code == 204
    assert "data-asleep" not in bob.get("/calls/incoming", headers=HTMX).content.decode()


# --- the region -------------------------------------------------------------------------------


def test_a_ring_says_who_calls_and_whom(bob: Client, cast: Any) -> None:
    with tenant_transaction(cast.acme.pk):
        Contact.objects.filter(pk=cast.acme_maria.pk).update(company="Lopez & Sons")
        PhoneNumber.objects.update(label="Support")
        CallLog.objects.create(
            direction="OUTBOUND",
            from_number=PhoneNumber.objects.get().number,
            to_number=MARIA,
            contact=cast.acme_maria,
            user=cast.alice.user,
            started_at=timezone.now() - timedelta(minutes=1),
            status="completed",
            outcome="completed",
            duration=200,
        )
    caller = a_caller(cast.acme, cast.bob, contact=cast.acme_maria, meant=1)
    html = rings(bob)
    assert 'aria-label="Incoming call"' in html
    text = plain(html)
    assert cast.acme_maria.name in text and "Lopez &amp; Sons · (415) 555-0100" in text
    assert "To Support" in text and "outbound, 3:20, Alice" in text
    assert "Answer" in text and "Decline" in text
    assert f'href="/contacts/{cast.acme_maria.pk}"' in html
    assert f'data-ring="{caller.call_id}"' in html
    # With the page, too: a reload brings it back.
    assert f'data-ring="{caller.call_id}"' in bob.get("/contacts").content.decode()


@pytest.mark.parametrize("known", [True, False])
def test_the_last_note_is_there_while_it_rings(bob: Client, cast: Any, known: bool) -> None:
    whom = {"contact": cast.acme_maria} if known else {"from_number": "+14155550177"}
    for days, notes in ((3, "Of before."), (2, "Wants an offer\nfor 20 seats."), (1, "")):
        with tenant_transaction(cast.acme.pk):
            at = timezone.now() - timedelta(days=days)
            a_missed_call(cast.acme, notes=notes, started_at=at, **whom)
    a_missed_call(cast.borealis, notes="Of another workspace.", **{**whom, "contact": None})
    a_missed_call(cast.acme, notes="Of a hidden number.", from_number="anonymous")
    if known:
        a_caller(cast.acme, cast.bob, contact=cast.acme_maria, meant=1)
    else:
        a_caller(cast.acme, cast.bob, number="+14155550177")
    said = plain(rings(bob))
    assert re.search(r"Last note, \w{3} \d\d:\d\d: Wants an offer for 20 seats\.", said)
    assert "Of " not in said
    with tenant_transaction(cast.acme.pk):
        CallLog.objects.update(from_number="anonymous", contact=None)
    assert "Last note" not in rings(bob), "who hides is not whoever hid before"


@pytest.mark.parametrize(
    ("number", "shown"),
    [
        ("anonymous", "Hidden number"),
        ("sip:ann@example.com", "ann@example.com"),
        ("12345", "12345"),
        ("+14155550177", "(415) 555-0177"),
    ],
)
def test_who_is_nobody_is_shown_as_what_they_are(
    bob: Client, cast: Any, number: str, shown: str
) -> None:
    a_caller(cast.acme, cast.bob, number=number)
    html = rings(bob)
    assert f'data-name="{shown}"' in html
    assert "/contacts/" not in html


def test_a_number_of_several_names_them_all(bob: Client, cast: Any) -> None:
    names = ["Ann", "Ben", "Cid"]
    caller = a_caller(cast.acme, cast.bob, meant=2)
    with tenant_transaction(cast.acme.pk):
        for name in names:
            contact = Contact.objects.create(name=name, sort_name=name.lower())
            PossibleContact.objects.create(call=caller.call, contact=contact)
            if name == "Ben":
                two = rings(bob)
        CallLog.objects.filter(pk=caller.call_id).update(meant=3)
    assert 'data-name="Ann or Ben"' in two
    html = rings(bob)
    assert 'data-name="Ann, Ben and 1 other"' in html and "Ann, Ben, Cid" in plain(html)


def test_several_ring_the_oldest_first_and_only_ones_own(
    bob: Client, alice: Client, cast: Any
) -> None:
    first = a_caller(cast.acme, cast.bob)
    second = a_caller(cast.acme, cast.bob, cast.alice)
    with tenant_transaction(cast.acme.pk):
        Caller.objects.filter(pk=first.pk).update(since=timezone.now() - timedelta(minutes=5))
    order = re.findall(r'data-ring="([\w-]+)"', rings(bob))
    assert order == [str(first.call_id), str(second.call_id)]
    assert re.findall(r'data-ring="([\w-]+)"', rings(alice)) == [str(second.call_id)]


def test_what_rings_elsewhere_is_nobody_elses(cast: Any) -> None:
    a_caller(cast.acme, cast.bob)
    assert "data-ring=" not in rings(signed_in(cast.charlie))


# --- receipts ---------------------------------------------------------------------------------


def test_a_receipt_confirms_what_rings_at_whom_it_is_of(bob: Client, cast: Any) -> None:
    caller = a_caller(cast.acme, cast.bob, cast.alice)
    answer = bob.post("/calls/seen", {"call": [str(caller.call_id), "no-id", str(uuid.uuid4())]})
    assert answer.status_code == 204
    with tenant_transaction(cast.acme.pk):
        confirmed = {o.user_id: o.confirmed_at is not None for o in Offer.objects.all()}
    assert confirmed == {cast.bob.user_id: True, cast.alice.user_id: False}
    assert own(cast.bob).seen_at is not None


def test_a_sign_of_life_is_cheap(bob: Client, cast: Any) -> None:
    """Each page of an available agent gives one each half minute."""
    bob.post("/calls/seen")
    with CaptureQueriesContext(connection) as queries:
        bob.post("/calls/seen")
    asked = [query["sql"] for query in queries if "SAVEPOINT" not in query["sql"]]
    assert len(asked) <= 5, asked  # who asks; BEGIN, whose; the row; the moment


# --- answering and declining ------------------------------------------------------------------


def test_who_answers_gets_the_room_and_the_other_the_name(
    bob: Client, alice: Client, cast: Any
) -> None:
    caller = a_caller(cast.acme, cast.bob, cast.alice)
    won = bob.post(f"/calls/{caller.call_id}/answer")
    assert won.status_code == 200
    with tenant_transaction(cast.acme.pk):
        room = Conference.objects.get(call=caller.call_id)
    assert won.json() == {"request": str(room.client_request_id)}
    assert room.agent_id == cast.bob.user_id
    # A double click, and a second tab.
    assert bob.post(f"/calls/{caller.call_id}/answer").json() == won.json()
    late = alice.post(f"/calls/{caller.call_id}/answer")
    assert late.status_code == 409
    assert late.json()["error"]["code"] == "answered_elsewhere"
    assert "Bob" in late.json()["error"]["message"]
    assert "Answered by Bob" in rings(alice) and "data-ring=" not in rings(alice)
    assert "Incoming call" not in rings(bob)
    with tenant_transaction(cast.acme.pk):
        Offer.objects.update(ended_at=timezone.now() - SAID)
    assert "Answered by Bob" not in rings(alice)


def test_who_talks_by_one_browser_does_not_come_in_by_another(bob: Client, cast: Any) -> None:
    caller = a_caller(cast.acme, cast.bob)
    bob.post(f"/calls/{caller.call_id}/answer")
    with tenant_transaction(cast.acme.pk):
        room = Conference.objects.get(call=caller.call_id)
        leg = CallLeg.objects.create(
            conference=room, party="agent", user=cast.bob.user, joined_at=timezone.now()
        )
    answer = bob.post(f"/calls/{caller.call_id}/answer")
    assert answer.status_code == 409 and "another window" in answer.json()["error"]["message"]
    with tenant_transaction(cast.acme.pk):
        CallLeg.objects.filter(pk=leg.pk).update(left_at=timezone.now(), ended_at=timezone.now())
    assert bob.post(f"/calls/{caller.call_id}/answer").status_code == 200, "who was lost comes back"


def test_who_answers_after_the_caller_gave_up_is_told(bob: Client, cast: Any) -> None:
    caller = a_caller(cast.acme, cast.bob)
    with tenant_transaction(cast.acme.pk):
        CallLog.objects.update(ended_at=timezone.now(), status="completed")
        Offer.objects.update(end="left", ended_at=timezone.now())
    answer = bob.post(f"/calls/{caller.call_id}/answer")
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "call_over")
    assert "no longer waiting" in rings(bob)


def test_what_does_not_ring_at_one_cannot_be_answered(
    bob: Client, alice: Client, cast: Any
) -> None:
    caller = a_caller(cast.acme, cast.bob)
    answer = alice.post(f"/calls/{caller.call_id}/answer")
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "not_offered")


@pytest.mark.parametrize("verb", ["answer", "decline"])
def test_calls_of_others_and_of_nobody_are_not_there(cast: Any, signed_in: Any, verb: str) -> None:
    caller = a_caller(cast.acme, cast.bob)
    charlie = signed_in(cast.charlie)
    for call in (caller.call_id, uuid.uuid4()):
        assert charlie.post(f"/calls/{call}/{verb}").status_code == 404


def test_who_declines_is_rung_no_more_and_the_others_are(
    bob: Client, alice: Client, cast: Any
) -> None:
    caller = a_caller(cast.acme, cast.bob, cast.alice)
    answer = bob.post(f"/calls/{caller.call_id}/decline", headers=HTMX)
    assert answer.status_code == 200 and "data-ring=" not in answer.content.decode()
    assert bob.post(f"/calls/{caller.call_id}/decline").status_code == 200, "a double click"
    assert f'data-ring="{caller.call_id}"' in rings(alice)


# --- who is there -----------------------------------------------------------------------------


def test_members_are_shown_with_what_they_are(alice: Client, cast: Any) -> None:
    def words() -> dict[Any, str]:
        with tenant_transaction(cast.acme.pk):
            found = ringing.presences(now=timezone.now())
        return {user: word for user, (_, word) in found.items()}

    alices, bobs = cast.alice.user_id, cast.bob.user_id
    assert words() == {alices: "Offline", bobs: "Offline"}
    with tenant_transaction(cast.acme.pk):
        row = AgentAvailability.objects.create(
            user=cast.bob.user, availability="do-not-disturb", seen_at=timezone.now()
        )
    assert words()[bobs] == "Do not disturb"
    assert f'id="presence_{bobs}"' in alice.get("/settings/members").content.decode()
    assert "Do not disturb" in alice.get("/calls/presence").content.decode()
    with tenant_transaction(cast.acme.pk):
        row.wrap_up_until = timezone.now() + timedelta(minutes=1)
        row.save()
    assert words()[bobs] == "Wrapping up"
    a_caller(cast.acme, cast.bob)
    with tenant_transaction(cast.acme.pk):
        AgentAvailability.objects.filter(pk=row.pk).update(wrap_up_until=None)
        Caller.objects.update(claimed_at=timezone.now())
        Conference.objects.update(agent=cast.bob.user)
    assert words()[bobs] == "In a call"


def test_the_list_of_who_is_there_is_for_admins(bob: Client) -> None:
    assert bob.get("/calls/presence").status_code == 403
