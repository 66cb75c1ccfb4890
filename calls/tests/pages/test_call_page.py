"""A call's own page, and the words of its timeline."""

import re
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from calls import selectors
from calls.facts import states
from calls.models import CallEvent, CallLog, Recording
from calls.selectors import presentation
from calls.selectors.timeline import Fact, recording_fact, timeline
from tenants.fence.context import tenant_transaction

START = datetime(2026, 11, 22, 12, tzinfo=UTC)


def fact(kind: str, name: str, seconds: int = 0, **more: Any) -> Fact:
    given = {"who": "Maria", "party": "contact"} | more
    return Fact(kind, name, START + timedelta(seconds=seconds), **given)


def words(*facts: Fact) -> list[str]:
    return [moment.text for moment in timeline(facts)]


def test_a_talk_is_told_in_plain_words_in_its_order() -> None:
    bob = {"who": "Bob", "party": "agent"}
    facts = [
        fact(states.CALL, "completed", 60, duration=50),
        fact(states.CALL, "in-progress", 9),
        fact(states.CONFERENCE, "participant-join", 10),  # said by “answered”
        fact(states.CALL, "ringing", 1),
        fact(states.CALL, "initiated", 1),
        fact(states.CALL, "ringing", 2),  # twice
        fact(states.CONFERENCE, "participant-join", 0, **bob),
        fact(states.CALL, "in-progress", 0, **bob),
        fact(states.CONFERENCE, "participant-leave", 61, **bob),
        fact(states.CONFERENCE, "conference-end", 62, who="", party=""),
        fact(states.CONFERENCE, "participant-of-tomorrow", 62, **bob),
        recording_fact("stored", START + timedelta(seconds=70)),
        recording_fact("waiting", START + timedelta(seconds=65)),
    ]
    assert words(*facts) == [
        "Bob joined",
        "Dialled Maria",
        "Maria’s phone rang",
        "Maria answered",
        "Call ended",
        "Bob left",
        "Recording ready",
    ]
    assert timeline(facts)[4].note == "Talked for 50 seconds."


def test_holding_twice_is_told_twice() -> None:
    hold, back = "participant-hold", "participant-unhold"
    facts = [fact(states.CONFERENCE, name, n) for n, name in enumerate([hold, back, hold])]
    assert words(*facts) == [
        "Maria was put on hold",
        "Maria was taken off hold",
        "Maria was put on hold",
    ]


@pytest.mark.parametrize(
    ("name", "more", "said"),
    [
        ("busy", {}, "Maria was busy"),
        ("busy", {"sip_code": 603}, "Maria declined"),
        ("no-answer", {}, "Maria did not answer"),
        ("canceled", {}, "Ended before Maria answered"),
        ("failed", {"error_code": 21211}, "Maria could not be reached"),
    ],
)
def test_each_ending_has_its_words(name: str, more: dict[str, Any], said: str) -> None:
    (moment,) = timeline([fact(states.CALL, name, **more)])
    assert moment.text == said
    assert ("phone number" in moment.note) is ("error_code" in more)


def test_what_we_concluded_ourselves_is_told_as_such() -> None:
    (moment,) = timeline([fact(states.LOCAL, "failed")])
    assert "Worked out here" in moment.note


def test_a_page_that_lost_the_sound_is_told_apart_from_one_that_is_gone() -> None:
    bob = {"who": "Bob", "party": "agent"}
    facts = [
        fact(states.LOCAL, states.SOUND_LOST, 1, **bob),
        fact(states.LOCAL, states.SOUND_LOST, 5, **bob),
        fact(states.CONFERENCE, "participant-leave", 6, **bob),
    ]
    lost = "Bob’s network lost the sound"
    assert words(*facts) == [lost, lost, "Bob left"]
    assert timeline(facts[:1])[0].note == ""


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0, "0 seconds"),
        (1, "1 second"),
        (60, "1 minute"),
        (65, "1 minute 5 seconds"),
        (7384, "2 hours 3 minutes"),
    ],
)
def test_lengths_are_spoken(seconds: int, said: str) -> None:
    assert presentation.spoken(seconds) == said


@pytest.fixture
def ended(dialled: Any, cast: Any) -> Any:
    """Bob called Maria, who rang, answered, talked and hung up; a recording is stored."""
    leg = dialled.contact_leg
    at = timezone.now()
    dialled.hear(states.CALL, "ringing", leg, at=at)
    dialled.hear(states.CALL, "in-progress", leg, at=at + timedelta(seconds=7))
    end = at + timedelta(seconds=49)
    dialled.hear(states.CALL, "completed", leg, at=end, duration=42, sip_code=200)
    with tenant_transaction(cast.acme.pk):
        dialled.recording = Recording.objects.create(
            call=dialled.call,
            sid="RE" + uuid.uuid4().hex,
            account_sid="AC",
            state="stored",
            duration=42,
            stored_at=end + timedelta(seconds=3),
        )
    return dialled


def test_the_page_tells_who_when_how_and_lets_one_call_back(
    cast: Any, ended: Any, signed_in: Any
) -> None:
    answer = signed_in(cast.bob).get(f"/calls/{ended.call.pk}")
    page = re.sub(r"\s+", " ", answer.content.decode())
    for said in (
        '<h1 tabindex="-1">Maria of Acme</h1>',
        "(415) 555-0199",
        "(415) 555-0100",
        "Completed",
        "7 seconds",
        "42 seconds",
        "Contact, by phone",
        "Agent, in the browser",
        "Maria of Acme’s phone rang",
        "Maria of Acme answered",
        "Bob joined",
        "Recording ready",
        "UTC",
        'aria-label="Call Maria of Acme"',
        f'src="/recordings/{ended.recording.pk}"',
        "Download (0:42)",
    ):
        assert said in page, said
    # Nothing more will come of it.
    assert "hx-" not in page.partition('id="call_page"')[2].partition(">")[0]


def test_the_story_tells_of_each_loss_of_the_sound_once(
    cast: Any, ended: Any, signed_in: Any
) -> None:
    bob = signed_in(cast.bob)

    def tell(**fields: Any) -> int:
        said = {"request": str(ended.request_id), "number": 1, "ago": 0} | fields
        return int(bob.post("/calls/sound-lost", said).status_code)

    told = timezone.now()
    assert [tell(ago=60_000), tell(ago=62_000), tell(number=2)] == [204, 204, 204]
    assert [tell(number=21), tell(number="x"), tell(ago=-1), tell(ago=10**9)] == [400] * 4
    assert tell(request=uuid.uuid4()) == 204 and tell(request="x") == 404
    with tenant_transaction(cast.acme.pk):
        losses = CallEvent.objects.filter(name=states.SOUND_LOST).order_by("at")
        first, second = [(event.at, event.leg.party) for event in losses]
    assert abs((told - first[0]).total_seconds() - 60) < 5 and second[0] >= told
    assert first[1] == second[1] == "agent"
    page = bob.get(f"/calls/{ended.call.pk}").content.decode()
    assert page.count("Bob’s network lost the sound") == 2
    # Whoever has no leg in the room has nothing to say of it.
    alice = signed_in(cast.alice)
    said = {"request": str(ended.request_id), "number": 3, "ago": 0}
    assert alice.post("/calls/sound-lost", said).status_code == 204
    with tenant_transaction(cast.acme.pk):
        assert CallEvent.objects.filter(name=states.SOUND_LOST).count() == 2


def test_the_row_of_a_call_leads_to_its_page(cast: Any, ended: Any, signed_in: Any) -> None:
    page = signed_in(cast.bob).get("/calls").content.decode()
    assert f'<a class="who" href="/calls/{ended.call.pk}">Maria of Acme</a>' in page


def test_a_call_that_goes_on_repaints_itself(cast: Any, dialled: Any, signed_in: Any) -> None:
    page = signed_in(cast.bob).get(f"/calls/{dialled.call.pk}").content.decode()
    opening = page.partition('id="call_page"')[2].partition(">")[0]
    assert "live:news from:body" in opening
    assert "<dd>In progress</dd>" in page


def test_a_held_call_is_said_to_be_on_hold_wherever_it_is_shown(
    cast: Any, dialled: Any, signed_in: Any
) -> None:
    bob, leg, at = signed_in(cast.bob), dialled.contact_leg, timezone.now()

    def badges() -> list[list[tuple[str, str]]]:
        pages = ("/calls", f"/calls/{dialled.call.pk}", f"/contacts/{dialled.call.contact_id}")
        badge = re.compile(r'status-badge" data-tone="(\w+)">.*?</svg>([^<]+)<')
        return [badge.findall(bob.get(page).content.decode()) for page in pages]

    dialled.hear(states.CALL, "in-progress", leg, at=at)
    dialled.hear(states.CONFERENCE, "participant-join", leg, at=at)
    assert all(("success", "In call") in found for found in badges())
    dialled.hear(states.CONFERENCE, "participant-hold", leg, at=at + timedelta(seconds=1))
    row, page, contact = badges()
    assert row == contact == [("warning", "On hold")] and page.count(("warning", "On hold")) == 2
    dialled.hear(states.CONFERENCE, "participant-unhold", leg, at=at + timedelta(seconds=2))
    assert all(("success", "In call") in found for found in badges())


def test_the_agents_part_is_no_success_when_nobody_answered(
    cast: Any, dialled: Any, signed_in: Any
) -> None:
    at = timezone.now()
    dialled.hear(states.CALL, "busy", dialled.contact_leg, at=at, sip_code=603)
    dialled.hear(states.CALL, "completed", dialled.agent_leg, at=at, duration=3)
    page = signed_in(cast.bob).get(f"/calls/{dialled.call.pk}").content.decode()
    assert "Declined" in page and "Left" in page
    assert "Completed" not in page and 'status-badge" data-tone="success"' not in page


def test_the_dock_does_not_take_the_page_for_its_own_call(
    cast: Any, ended: Any, signed_in: Any
) -> None:
    page = signed_in(cast.bob).get(f"/calls/{ended.call.pk}").content.decode()
    assert 'id="call_panel"' not in page


def test_a_call_without_contact_agent_or_room_has_a_page(cast: Any, signed_in: Any) -> None:
    with tenant_transaction(cast.acme.pk):
        call = CallLog.objects.create(
            direction="INBOUND",
            from_number="anonymous",
            to_number="+14155550199",
            status="no-answer",
            outcome="no-answer",
            started_at=START,
            ended_at=START,
        )
    page = signed_in(cast.bob).get(f"/calls/{call.pk}").content.decode()
    assert "No number to call back" in page and "No events yet." in page
    assert 'title="No number to call" disabled' in page


def test_another_workspaces_call_is_as_absent_as_none(
    cast: Any, ended: Any, signed_in: Any
) -> None:
    client = signed_in(cast.charlie)
    foreign, absent = (client.get(f"/calls/{pk}") for pk in (ended.call.pk, uuid.uuid4()))
    assert foreign.status_code == absent.status_code == 404
    assert foreign.content == absent.content
    assert signed_in(cast.bob).get(f"/calls/{ended.call.pk}").status_code == 200


def test_the_page_costs_four_statements(cast: Any, ended: Any) -> None:
    with tenant_transaction(cast.acme.pk), CaptureQueriesContext(connection) as queries:
        selectors.call_page(cast.acme, ended.call.pk, now=timezone.now())
    assert len(queries) == 4


def test_a_contacts_page_shows_its_calls_and_each_number_can_be_called(
    cast: Any, ended: Any, signed_in: Any
) -> None:
    client = signed_in(cast.bob)
    path = f"/contacts/{cast.acme_maria.pk}"
    page = client.get(path).content.decode()
    assert f'id="call_{ended.call.pk}"' in page
    assert 'value="+14155550100"' in page
    part = client.get(
        path, headers={"HX-Request": "true", "HX-Target": "tbody#history_rows"}
    ).content.decode()
    assert "<main" not in part and f'id="call_{ended.call.pk}"' in part
