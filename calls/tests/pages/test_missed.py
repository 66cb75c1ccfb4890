"""Calls that came in, as the pages show them: who nobody took, voicemail, and blocked callers."""

import json
import re
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from calls.facts.inbound.missed import MESSAGE_LEFT, WAITING, Missed
from calls.models import BlockedCaller, CallLeg, CallLog, PhoneNumber, Recording
from calls.services import whose
from calls.services.inbound import events
from calls.tests.builders import a_missed_call, a_voicemail, an_inbound_call, an_outbound_call
from contacts.numbers import Number
from contacts.services import create_contact
from tenants.fence.context import tenant_transaction
from tenants.models import AuditEntry
from tenants.trail.audit import Action

HTMX = {"HX-Request": "true"}
NEWS = {"HX-Request": "true", "HX-Target": "tbody#history_rows"}
STRANGER = "+14155550142"


def text_of(page: str) -> str:
    """What people read of it, in one line."""
    return " ".join(re.sub(r"<[^>]*>", " ", page).split())


def shown(client: Any, query: str = "") -> str:
    return str(client.get(f"/calls{query}").content.decode())


def rows_of(page: str) -> list[str]:
    return re.findall(r'<tr role="row".*?</tr>', page, re.S)


def fresh(call: CallLog) -> CallLog:
    with tenant_transaction(call.tenant_id):
        return CallLog.objects.get(pk=call.pk)


@pytest.mark.parametrize("reason", list(Missed))
def test_a_missed_call_says_why_where_and_how_long_it_waited(
    cast: Any, signed_in: Any, reason: Missed
) -> None:
    with tenant_transaction(cast.acme.pk):
        PhoneNumber.objects.update(label="Support")
        ours = PhoneNumber.objects.get().number
    call = a_missed_call(cast.acme, missed=reason, to_number=ours)
    (row,) = rows_of(shown(signed_in(cast.bob)))
    said = text_of(row)
    assert "Inbound" in said and "Support" in said and "waited 0:42" in said
    asked = {"voicemail": "Voicemail", "callback": "Callback"}
    assert asked.get(reason, "Missed") in said
    assert (reason.said in said) == (reason not in asked)
    assert "Mark as done" in said and 'aria-label="Call back (415) 555-0100"' in row
    page = text_of(signed_in(cast.bob).get(f"/calls/{call.pk}").content.decode())
    for part in (reason.said, "Line Support", "Wait time 42 seconds", "Returned Not yet"):
        assert part in page


@pytest.mark.parametrize(
    ("said", "reads"),
    [
        ("anonymous", "Hidden number"),
        ("+266696687", "Hidden number"),
        ("sip:anonymous@anonymous.invalid", "Hidden number"),
        ("unavailable", "No caller ID"),
        ("", "No caller ID"),
        ("sip:bob@example.com;user=phone", "bob@example.com"),
        ("911", "911"),
        ("12345678901234567", "12345678901234567"),
        ("4155550100", "4155550100"),
        ("<b>odd</b>", "&lt;b&gt;odd&lt;/b&gt;"),
    ],
)
def test_who_has_no_number_is_shown_as_what_they_are_and_cannot_be_called(
    cast: Any, signed_in: Any, said: str, reads: str
) -> None:
    call = a_missed_call(cast.acme, from_number=said)
    (row,) = rows_of(shown(signed_in(cast.bob)))
    assert f">{reads}</a>" in row
    assert "Add as contact" not in row and "data-dials" not in row and "disabled" in row
    page = signed_in(cast.bob).get(f"/calls/{call.pk}").content.decode()
    assert f">{reads}</h1>" in page and "No number to call back" in page
    assert "Add as contact" not in page and "Block this number" not in page
    assert "266696687" not in page


def test_a_blocked_call_is_said_to_be_one(cast: Any, signed_in: Any) -> None:
    call = an_inbound_call(cast.acme, outcome="declined", from_number=STRANGER).call
    with tenant_transaction(cast.acme.pk):
        CallLog.objects.filter(pk=call.pk).update(status="no-answer", ended_at=timezone.now())
        CallLeg.objects.filter(conference=call.conference_id).update(
            status="no-answer", sip_code=603, ended_at=timezone.now()
        )
    bob = signed_in(cast.bob)
    (row,) = rows_of(shown(bob))
    page = text_of(bob.get(f"/calls/{call.pk}").content.decode())
    assert "Blocked" in text_of(row) and "Blocked" in page
    assert "Caller, by phone Rejected" in page and "eclined" not in row + page


def test_who_took_a_call_and_how_long_it_waited(cast: Any, signed_in: Any) -> None:
    an_inbound_call(cast.acme, wait_seconds=65, user=cast.bob.user, outcome="completed")
    (row,) = rows_of(shown(signed_in(cast.alice)))
    said = text_of(row)
    assert "Agent Bob" in said and "waited 1:05" in said and "Missed" not in said
    assert "Mark as done" not in row and 'aria-label="Call (415) 555-0100"' in row


def test_the_filter_finds_what_was_missed_and_the_badge_what_is_to_be_returned(
    cast: Any, signed_in: Any
) -> None:
    bob = signed_in(cast.bob)
    page = shown(bob)
    assert 'id="filter_missed"' in page and ">Missed</a>" in page
    assert re.search(r'<a id="to_return"></a>', page), "nothing to return is nothing to see"
    an_outbound_call(cast.acme)
    an_inbound_call(cast.acme)
    done = a_missed_call(cast.acme, missed_done_at=timezone.now())
    left = a_missed_call(cast.acme, from_number=STRANGER)
    a_missed_call(cast.borealis)
    missed = shown(bob, "?direction=missed")
    assert [f"call_{each.pk}" in missed for each in (done, left)] == [True, True]
    assert len(rows_of(missed)) == 2 and ">1 to return</a>" in missed
    waiting = shown(bob, "?direction=to-return")
    assert len(rows_of(waiting)) == 1 and f"call_{left.pk}" in waiting
    assert "2 calls" in text_of(missed) and "1 call" in text_of(waiting)
    # Also where the filter finds nothing at all.
    for query in ("?status=busy", "?q=nobody", "?direction=to-return&q=nobody"):
        assert ">1 to return</a>" in shown(bob, query), query
    assert "No calls to return." in shown(bob, "?direction=to-return&q=nobody")


def test_many_to_return_are_not_counted_to_the_last(cast: Any, signed_in: Any) -> None:
    one = a_missed_call(cast.acme)
    with tenant_transaction(cast.acme.pk):
        for count in (98, 1):
            CallLog.objects.bulk_create(
                CallLog(
                    direction="INBOUND",
                    from_number="anonymous",
                    to_number=one.to_number,
                    started_at=one.started_at,
                    ended_at=one.ended_at,
                    missed="waiting",
                )
                for _ in range(count)
            )
            said = ">99 to return</a>" if count == 98 else ">99+ to return</a>"
            assert said in shown(signed_in(cast.bob))


def test_the_badge_costs_no_statement(cast: Any, signed_in: Any) -> None:
    bob = signed_in(cast.bob)
    an_outbound_call(cast.acme)
    shown(bob)
    with CaptureQueriesContext(connection) as before:
        shown(bob)
    a_missed_call(cast.acme)
    a_voicemail(cast.acme)
    with CaptureQueriesContext(connection) as after:
        assert ">2 to return</a>" in shown(bob)
    assert len(after) == len(before)


def test_an_open_page_hears_of_the_count_alone(cast: Any, signed_in: Any) -> None:
    """Also where none of its rows has changed: under another filter."""
    bob = signed_in(cast.bob)
    an_outbound_call(cast.acme)
    call = a_missed_call(cast.acme)
    path = "/calls?direction=outbound"
    (version,) = re.findall(r'data-v="([^"]*)"', shown(bob, "?direction=outbound"))
    asked = f"{path}&rows=25&seen={version}&total=1 call&open="
    assert bob.get(f"{asked}1 to return", headers=NEWS).status_code == 204
    with tenant_transaction(cast.acme.pk):
        CallLog.objects.filter(pk=call.pk).update(missed_done_at=timezone.now())
    answer = bob.get(f"{asked}1 to return", headers=NEWS)
    assert answer.status_code == 200
    assert '<a id="to_return"></a>' in answer.content.decode()
    assert 'data-seen="0 1"' in answer.content.decode()
    assert bob.get(asked, headers=NEWS).status_code == 204
    # A page of before the upgrade says nothing of it.
    assert bob.get(asked.removesuffix("&open="), headers=NEWS).status_code == 204
    # A contact's own page has no such count.
    page = bob.get(f"/contacts/{cast.acme_maria.pk}", headers=NEWS).content.decode()
    assert "to_return" not in page


def test_done_is_said_with_all_of_the_number_and_taken_back(cast: Any, signed_in: Any) -> None:
    bob = signed_in(cast.bob)
    call, other = a_missed_call(cast.acme), a_missed_call(cast.acme, ago=9)
    answer = bob.post("/calls/missed/done", {"call": str(call.pk)}, headers=HTMX)
    assert answer.status_code == 204
    events = json.loads(answer.headers["HX-Trigger"])
    assert events["toast"]["text"] == "2 missed calls marked as done."
    assert "live:resync" in events
    assert fresh(call).missed_done_at and fresh(other).missed_done_at
    row = rows_of(shown(bob))[0]
    assert "Done" in text_of(row) and "Mark as done" not in row and 'data-tone="secondary"' in row
    again = bob.post("/calls/missed/done", {"call": str(other.pk)}, headers=HTMX)
    assert "Someone has just done that." in again.headers["HX-Trigger"]
    undo = events["toast"]["undo"]
    answer = bob.post(undo["path"], undo["form"], headers=HTMX)
    assert "2 missed calls to return." in answer.headers["HX-Trigger"]
    assert fresh(call).missed_done_at is None and fresh(other).missed_done_at is None


def test_without_scripts_the_calls_page_says_it(cast: Any, signed_in: Any) -> None:
    bob, call = signed_in(cast.bob), a_missed_call(cast.acme)
    answer = bob.post("/calls/missed/done", {"call": str(call.pk)}, follow=True)
    assert answer.redirect_chain == [(f"/calls/{call.pk}", 303)]
    page = text_of(answer.content.decode())
    assert "1 missed call marked as done." in page and "Mark as not done" in page
    bob.post("/calls/missed/done", {"call": str(call.pk), "undo": "1"})
    assert fresh(call).missed_done_at is None


@pytest.mark.parametrize("wrong", ["", "x", "answered", "theirs"])
def test_nothing_else_is_done(cast: Any, signed_in: Any, wrong: str) -> None:
    calls = {"answered": an_inbound_call(cast.acme).call, "theirs": a_missed_call(cast.borealis)}
    named = str(calls[wrong].pk) if wrong in calls else wrong
    assert signed_in(cast.bob).post("/calls/missed/done", {"call": named}).status_code == 404
    assert fresh(calls["theirs"]).missed_done_at is None


# --- voicemail ---------------------------------------------------------------------------------


def test_a_voicemail_is_new_until_somebody_hears_it(cast: Any, signed_in: Any) -> None:
    audio = b"RIFF....WAVE" + bytes(200)
    message = a_voicemail(cast.acme, audio=audio)
    bob = signed_in(cast.bob)
    (row,) = rows_of(shown(bob))
    path = f"/recordings/{message.pk}"
    assert 'title="Play voicemail"' in row and f'data-heard="{path}/heard"' in row
    assert 'data-play-label="Voicemail from (415) 555-0100"' in row
    assert "Not heard yet" in text_of(row)
    page = bob.get(f"/calls/{message.call_id}").content.decode()
    assert "<h3>Voicemail</h3>" in page and "Not heard yet" in text_of(page)
    assert 'aria-label="Voicemail from (415) 555-0100"' in page
    # Looking at pages, or fetching the sound in pieces before it plays, is not hearing it.
    for headers in ({}, {"Range": "bytes=0-99"}):
        answer = bob.get(path, headers=headers)
        assert b"".join(answer.streaming_content)
    with tenant_transaction(cast.acme.pk):
        assert Recording.objects.get().heard_at is None
    assert signed_in(cast.alice).post(f"{path}/heard").status_code == 204
    with tenant_transaction(cast.acme.pk):
        first = Recording.objects.get()
    assert (first.heard_by_id, first.heard_at is not None) == (cast.alice.user_id, True)
    bob = signed_in(cast.bob)
    assert bob.post(f"{path}/heard").status_code == 204
    with tenant_transaction(cast.acme.pk):
        assert Recording.objects.get().heard_at == first.heard_at, "it was new once"
    (row,) = rows_of(shown(bob))
    assert "Not heard yet" not in row and "data-heard" not in row
    assert 'title="Play voicemail"' in row
    page = bob.get(f"/calls/{message.call_id}").content.decode()
    assert "First heard by Alice, " in text_of(page) and "data-heard" not in page


@pytest.mark.parametrize("which", ["recording", "waiting", "theirs"])
def test_only_a_voicemail_of_ours_that_is_here_is_heard(
    cast: Any, signed_in: Any, which: str
) -> None:
    message = a_voicemail(cast.borealis if which == "theirs" else cast.acme)
    changes: dict[str, Any] = {
        "recording": {"is_voicemail": False},
        "waiting": {"state": "waiting"},
        "theirs": {"error": ""},
    }
    with tenant_transaction(message.tenant_id):
        Recording.objects.update(**changes[which])
    path = f"/recordings/{message.pk}/heard"
    assert signed_in(cast.bob).post(path).status_code == 404
    with tenant_transaction(message.tenant_id):
        assert Recording.objects.get().heard_at is None


def test_a_recording_of_a_talk_is_no_voicemail(cast: Any, signed_in: Any) -> None:
    message = a_voicemail(cast.acme)
    with tenant_transaction(cast.acme.pk):
        Recording.objects.update(is_voicemail=False)
        CallLog.objects.update(missed="", outcome="completed")
    (row,) = rows_of(shown(signed_in(cast.bob)))
    assert 'title="Play recording"' in row and "data-heard" not in row
    page = signed_in(cast.bob).get(f"/calls/{message.call_id}").content.decode()
    assert "<h3>Recording</h3>" in page and "heard" not in page


# --- who it was ----------------------------------------------------------------------------------


def test_an_unknown_caller_becomes_a_contact_and_their_calls_are_named(
    cast: Any, signed_in: Any
) -> None:
    calls = [a_missed_call(cast.acme, from_number=STRANGER, ago=ago) for ago in (1, 2)]
    theirs = a_missed_call(cast.borealis, from_number=STRANGER)
    bob = signed_in(cast.bob)
    (address,) = set(re.findall(r'href="(/contacts/new\?number=[^"]*)"', shown(bob)))
    form = bob.get(address).content.decode()
    assert 'value="(415) 555-0142"' in form
    bob.post("/contacts/new", {"name": "Nora", "number": "(415) 555-0142", "label": ""})
    page = shown(bob, "?direction=missed")
    assert page.count(">Nora</a>") == 2 and "Add as contact" not in page
    (nora,) = {fresh(call).contact_id for call in calls}
    assert nora is not None
    assert fresh(theirs).contact_id is None


def test_of_several_contacts_the_agent_picks_one(cast: Any, signed_in: Any) -> None:
    with tenant_transaction(cast.acme.pk):
        for name in ("Ana", "Juan"):
            create_contact(cast.acme, name=name, numbers=[(STRANGER, "")])
        target = whose.target_of(Number(STRANGER, ""))
    call = a_missed_call(cast.acme, from_number=STRANGER, meant=len(target.possible))
    with tenant_transaction(cast.acme.pk):
        whose.note_possible(call, target.possible)
    bob = signed_in(cast.bob)
    (row,) = rows_of(shown(bob))
    assert ">Ana or Juan</a>" in row and "Who is it?" in row
    juan = next(each for each in target.possible if each.name == "Juan")
    bob.post(f"/calls/{call.pk}/contact", {"contact": str(juan.pk), "seen": ""})
    (row,) = rows_of(shown(bob))
    assert ">Juan</a>" in row and "Mark as done" in row
    # Whom the agent says it is may have the number by now only.
    with tenant_transaction(cast.acme.pk):
        late = create_contact(cast.acme, name="Late", numbers=[(STRANGER, "")])
    seen = {"contact": str(late.pk), "seen": str(juan.pk)}
    assert bob.post(f"/calls/{call.pk}/contact", seen).status_code == 303
    assert fresh(call).contact_id == late.pk


# --- blocked callers ------------------------------------------------------------------------------


def test_anyone_blocks_a_caller_and_an_admin_unblocks_them(cast: Any, signed_in: Any) -> None:
    bob = signed_in(cast.bob)
    call = a_missed_call(cast.acme, from_number=STRANGER)
    page = bob.get(f"/calls/{call.pk}").content.decode()
    assert "Block this number" in page
    assert "Only an admin can unblock it." in page
    answer = bob.post(f"/calls/{call.pk}/block", {"note": "spam"}, headers=HTMX)
    assert "(415) 555-0142 is blocked." in answer.headers["HX-Trigger"]
    again = bob.post(f"/calls/{call.pk}/block", {"note": "again"}, headers=HTMX)
    assert "is blocked already" in again.headers["HX-Trigger"]
    page = text_of(bob.get(f"/calls/{call.pk}").content.decode())
    assert "This number is blocked" in page and "An admin can unblock it." in page
    assert bob.get("/settings/blocked-callers").status_code == 403
    assert bob.post("/settings/blocked-callers", {"unblock": STRANGER}).status_code == 403
    alice = signed_in(cast.alice)
    listed = text_of(alice.get("/settings/blocked-callers").content.decode())
    assert "(415) 555-0142" in listed and "spam" in listed
    answer = alice.post("/settings/blocked-callers", {"unblock": STRANGER}, follow=True)
    assert "can call again" in answer.content.decode()
    for gone in (STRANGER, "\0", "x" * 300):
        assert alice.post("/settings/blocked-callers", {"unblock": gone}).status_code == 404
    with tenant_transaction(cast.acme.pk):
        trail = AuditEntry.objects.filter(action__contains="blocked")
        assert {(each.action, each.details["note"]) for each in trail} == {
            (Action.CALLER_BLOCKED, "spam"),
            (Action.CALLER_UNBLOCKED, "spam"),
        }


def test_an_admin_blocks_a_number_by_hand(cast: Any, signed_in: Any) -> None:
    alice, path = signed_in(cast.alice), "/settings/blocked-callers"
    assert "No blocked numbers." in alice.get(path).content.decode()
    for number, said in (("", "Enter a phone number."), ("12", "too short")):
        answer = alice.post(path, {"number": number, "note": "why"})
        assert answer.status_code == 422 and said in answer.content.decode()
        assert 'value="why"' in answer.content.decode(), "nothing typed is lost"
    assert alice.post(path, {"number": "(415) 555-0142", "note": "x"}).status_code == 303
    answer = alice.post(path, {"number": STRANGER, "note": "y"})
    assert answer.status_code == 422 and "blocked already" in answer.content.decode()
    with tenant_transaction(cast.acme.pk):
        assert [(each.number, each.note) for each in BlockedCaller.objects.all()] == [
            (STRANGER, "x")
        ]
    with tenant_transaction(cast.borealis.pk):
        assert not BlockedCaller.objects.exists()


def test_only_a_number_that_called_us_is_blocked(cast: Any, signed_in: Any) -> None:
    calls = [
        an_outbound_call(cast.acme),
        a_missed_call(cast.acme, from_number="anonymous"),
        a_missed_call(cast.borealis),
    ]
    for call in calls:
        assert signed_in(cast.bob).post(f"/calls/{call.pk}/block").status_code == 404
    long = signed_in(cast.bob).post(
        f"/calls/{a_missed_call(cast.acme).pk}/block", {"note": "x" * 201}, headers=HTMX
    )
    assert "reason is too long" in long.headers["HX-Trigger"]
    with tenant_transaction(cast.acme.pk):
        assert not BlockedCaller.objects.exists()


# --- the call's own page --------------------------------------------------------------------------


def test_the_story_of_a_call_that_came_in(cast: Any, signed_in: Any) -> None:
    caller = an_inbound_call(cast.acme)
    began = timezone.now() - timedelta(minutes=2)
    with tenant_transaction(cast.acme.pk):
        for number, name in enumerate((WAITING, "nobody-answered", "to-voicemail", MESSAGE_LEFT)):
            events.note(caller, name, now=began + timedelta(seconds=20 * number))
    page = signed_in(cast.bob).get(f"/calls/{caller.call_id}").content.decode()
    story = text_of(page.split('class="timeline"')[1])
    said = [
        *("(415) 555-0100 waited for an agent", "No one answered"),
        *("(415) 555-0100 was asked to leave a voicemail", "(415) 555-0100 left a voicemail"),
    ]
    places = [story.index(each) for each in said]
    assert places == sorted(places)
    assert "Twilio didn’t confirm" not in story


def test_the_page_of_one_that_came_in_costs_no_more(cast: Any, signed_in: Any) -> None:
    from calls.selectors import call_page

    call = a_voicemail(cast.acme, to_number="+14155550199").call
    with tenant_transaction(cast.acme.pk), CaptureQueriesContext(connection) as queries:
        assert call_page(cast.acme, call.pk, now=timezone.now())
    assert len(queries) == 4
