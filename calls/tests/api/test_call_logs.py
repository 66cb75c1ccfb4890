"""The call log as JSON: its fields, filters, pages, and whose calls they are."""

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.conf import settings
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from calls.facts import states
from calls.models import CallLog, Recording
from calls.selectors import call_logs
from calls.tests.builders import a_missed_call, a_voicemail, an_outbound_call
from calls.tests.conftest import sid
from tenants.fence.context import tenant_transaction

CALL_LOGS = "/api/twilio/call-logs"
# Every name of the described table, then what we add to it (docs/api.md).
DESCRIBED = {"id", "tenantId", "userId", "contactId", "direction", "fromNumber", "toNumber"}
DESCRIBED |= {"status", "duration", "recordingUrl", "recordingSid", "twilioCallSid"}
DESCRIBED |= {"startedAt", "endedAt", "createdAt", "updatedAt"}
ADDED = {"user", "contact", "answeredAt", "outcome", "ringSeconds", "waitSeconds", "holdSeconds"}
ADDED |= {"missed", "missedDoneAt"}
ADDED |= {"extension", "possibleContacts"}
DETAILS = {"legs", "recordings", "notes", "disposition", "transcript", "timeline"}
ACME_MARIA = "+14155550100"
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


@pytest.fixture
def ask(cast: Any, signed_in: Any) -> Any:
    """`ask(page=2)`: Bob's listing as JSON; `ask(status=400, …)` expects another status."""
    client = signed_in(cast.bob)

    def get(path: str = "", *, http: int = 200, **parameters: Any) -> Any:
        response = client.get(CALL_LOGS + path, parameters)
        assert response.status_code == http, response.content
        return response.json()

    return get


def make_call(tenant: Any, **more: Any) -> CallLog:
    fields: dict[str, Any] = {
        "started_at": NOON,
        "status": "completed",
        "outcome": "completed",
        "ended_at": NOON,
    }
    return an_outbound_call(tenant, **fields | more)


def make_recording(call: CallLog, state: str, **more: Any) -> Recording:
    with tenant_transaction(call.tenant_id):
        return Recording.objects.create(
            call=call, sid=sid("RE"), account_sid=sid("AC"), state=state, **more
        )


def ids(answer: Any) -> list[str]:
    return [call["id"] for call in answer["data"]]


def test_a_call_is_told_by_the_described_names(
    cast: Any, dialled: Any, ask: Any, django_assert_num_queries: Any
) -> None:
    began = timezone.now().replace(microsecond=0)
    leg = dialled.contact_leg
    for seconds, name in ((1, "ringing"), (8, "in-progress"), (20, "completed")):
        more = {"duration": 12} if name == "completed" else {}
        dialled.hear(states.CALL, name, leg, at=began + timedelta(seconds=seconds), **more)
    recording = make_recording(dialled.call, "stored", duration=12)
    answer = ask()
    assert set(answer) == {
        "data",
        "total",
        "totalCapped",
        "page",
        "limit",
        "hasMore",
        "nextCursor",
    }
    (call,) = answer["data"]
    assert set(call) == DESCRIBED | ADDED
    row = dialled.fresh()
    assert call == call | {
        "id": str(row.pk),
        "tenantId": str(cast.acme.pk),
        "userId": str(cast.bob.user_id),
        "contactId": str(cast.acme_maria.pk),
        "direction": "OUTBOUND",
        "fromNumber": row.from_number,
        "toNumber": ACME_MARIA,
        "status": "completed",
        "outcome": "completed",
        "duration": 12,
        "ringSeconds": 7,
        "waitSeconds": None,
        "missed": None,
        "missedDoneAt": None,
        "holdSeconds": 0,
        "recordingUrl": f"{settings.PUBLIC_BASE_URL}/recordings/{recording.pk}",
        "recordingSid": recording.sid,
        "twilioCallSid": leg.call_sid,
        "answeredAt": (began + timedelta(seconds=8)).isoformat().replace("+00:00", "Z"),
        "endedAt": (began + timedelta(seconds=20)).isoformat().replace("+00:00", "Z"),
        "user": {"id": str(cast.bob.user_id), "name": "Bob"},
        "contact": {
            "id": str(cast.acme_maria.pk),
            "name": "Maria of Acme",
            "phone": ACME_MARIA,
        },
    }
    assert all(call[name].endswith("Z") for name in ("startedAt", "createdAt", "updatedAt"))

    detail = ask(f"/{row.pk}")
    assert set(detail) == DESCRIBED | ADDED | DETAILS
    assert {name: detail[name] for name in call} == call
    assert {each["party"] for each in detail["legs"]} == {"agent", "contact"}
    assert [each["recordingSid"] for each in detail["recordings"]] == [recording.sid]
    assert (detail["notes"], detail["disposition"], detail["transcript"]) == (None, None, None)
    with tenant_transaction(cast.acme.pk):
        CallLog.objects.filter(pk=row.pk).update(notes="Call again.\nOn Friday.")
    assert ask(f"/{row.pk}")["notes"] == "Call again.\nOn Friday."
    of_contact = [e["name"] for e in detail["timeline"] if e["party"] == "contact"]
    assert of_contact == ["ringing", "in-progress", "completed"]


def test_a_missed_call_says_why_how_long_it_waited_and_whether_it_is_done(
    cast: Any, ask: Any
) -> None:
    done_at = timezone.now().replace(microsecond=0)
    missed = a_missed_call(cast.acme, ago=9, from_number="anonymous", missed_done_at=done_at)
    message = a_voicemail(cast.acme)
    voicemail, hidden = ask("?direction=inbound")["data"]
    assert (hidden["id"], hidden["fromNumber"]) == (str(missed.pk), "anonymous")
    assert (hidden["direction"], hidden["missed"], hidden["waitSeconds"]) == (
        *("INBOUND", "waiting"),
        42,
    )
    assert hidden["missedDoneAt"] == done_at.isoformat().replace("+00:00", "Z")
    assert (voicemail["missed"], voicemail["missedDoneAt"]) == ("voicemail", None)
    assert voicemail["recordingUrl"] == f"{settings.PUBLIC_BASE_URL}/recordings/{message.pk}"
    (recording,) = ask(f"/{message.call_id}")["recordings"]
    assert (recording["isVoicemail"], recording["heardAt"]) == (True, None)
    assert ask("?direction=outbound")["data"] == []


def test_a_call_that_has_just_begun_has_no_facts_yet(cast: Any, ask: Any) -> None:
    make_call(cast.acme, status="queued", outcome="", ended_at=None)
    (call,) = ask()["data"]
    unknown = ["userId", "contactId", "user", "contact", "twilioCallSid", "duration", "outcome"]
    unknown += ["recordingUrl", "recordingSid", "answeredAt", "endedAt", "ringSeconds"]
    assert {name: call[name] for name in unknown} == dict.fromkeys(unknown)
    detail = ask(f"/{call['id']}")
    assert (detail["legs"], detail["recordings"], detail["timeline"]) == ([], [], [])


def test_another_workspaces_call_is_as_unknown_as_none(cast: Any, ask: Any, signed_in: Any) -> None:
    foreign = make_call(cast.borealis)
    answers = [ask(f"/{name}", http=404) for name in (foreign.pk, uuid.uuid4(), "nonsense", 7)]
    assert answers[0]["error"]["code"] == "call_not_found"
    assert all(answer == answers[0] for answer in answers)
    assert ids(ask()) == [] and ask()["total"] == 0
    assert ids(ask(userId=cast.charlie.user_id, contactId=cast.borealis_maria.pk)) == []
    assert ids(signed_in(cast.charlie).get(CALL_LOGS).json()) == [str(foreign.pk)]


def test_each_filter_finds_its_calls_and_no_others(cast: Any, ask: Any) -> None:
    plain = make_call(cast.acme)
    inbound = make_call(cast.acme, direction="INBOUND", from_number="+33140205050")
    busy = make_call(cast.acme, status="busy", outcome="declined")
    hers = make_call(cast.acme, user=cast.alice.user)
    known = make_call(cast.acme, contact=cast.acme_maria, to_number="+14155550142")
    older = make_call(cast.acme, started_at=NOON - timedelta(days=1))
    recorded = make_call(cast.acme)
    make_recording(recorded, "stored")
    make_recording(busy, "waiting")
    everything = {plain, inbound, busy, hers, known, older, recorded}

    def found(**parameters: Any) -> set[str]:
        return set(ids(ask(**parameters)))

    def these(*calls: CallLog) -> set[str]:
        return {str(call.pk) for call in calls}

    assert found() == these(*everything)
    for spelling in ("INBOUND", "inbound", "Inbound"):
        assert found(direction=spelling) == these(inbound)
    assert found(direction="outbound") == these(*everything - {inbound})
    assert found(status="busy") == found(outcome="declined") == these(busy)
    assert found(userId=cast.alice.user_id) == these(hers)
    assert found(contactId=cast.acme_maria.pk) == these(known)
    assert found(q="mari acm") == these(known)
    assert found(q="140205") == found(q="+33 1 40 20 50 50") == these(inbound)
    assert found(q="nobody") == found(q="--") == set()
    assert found(hasRecording="true") == these(recorded)
    assert found(hasRecording="false") == these(*everything - {recorded})
    assert found(dateTo="2026-11-19") == found(dateTo="2026-11-20T12:00:00Z") == these(older)
    assert found(dateFrom="2026-11-20") == these(*everything - {older})
    assert found(dateFrom="2026-11-20T13:00:00+01:00") == these(*everything - {older})
    assert found(dateFrom="2026-11-20T12:00:01Z") == set()
    assert found(direction="", status="", q="") == these(*everything)
    assert found(direction="inbound", status="busy") == set()


def test_a_part_of_a_number_finds_every_call_of_a_number_that_was_called_of_late(
    cast: Any, ask: Any, monkeypatch: Any
) -> None:
    """Our own numbers are in half of all calls, and are not meant."""
    ancient = make_call(cast.acme, to_number="+14155550142", started_at=NOON - timedelta(days=900))
    unknown = make_call(cast.acme, to_number="+14155550143", started_at=NOON - timedelta(days=2))
    recent = make_call(cast.acme, to_number="+14155550142")
    monkeypatch.setattr(call_logs, "SEARCHED", 1)
    assert ids(ask(q="550142")) == [str(recent.pk), str(ancient.pk)]
    assert ids(ask(q="550143")) == ids(ask(q=recent.from_number[-6:])) == []
    assert ids(ask(q="+1 415 555 0143")) == [str(unknown.pk)]  # the whole of it
    monkeypatch.setattr(call_logs, "SEARCHED", 2)
    assert ids(ask(q="550143")) == [str(unknown.pk)]


def test_a_day_is_a_day_of_the_workspace(cast: Any, ask: Any) -> None:
    late = make_call(cast.acme, started_at=datetime(2026, 11, 21, 4, tzinfo=UTC))
    cast.acme.time_zone = "America/New_York"
    cast.acme.save(update_fields=["time_zone"])
    assert ids(ask(dateFrom="2026-11-20", dateTo="2026-11-20")) == [str(late.pk)]
    assert ids(ask(dateFrom="2026-11-21")) == []


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("direction", "sideways"),
        ("status", "COMPLETED"),
        ("outcome", "lost"),
        ("userId", "7"),
        ("contactId", "x"),
        ("q", "x" * 101),
        ("q", "a\0b"),
        ("dateFrom", "yesterday"),
        ("dateFrom", "2026-11-20T12:00:00"),
        ("dateFrom", "2026-02-30"),
        ("dateTo", "9999-12-31"),
        ("dateTo", "0001-01-01T00:00:00+14:00"),
        ("hasRecording", "maybe"),
        ("page", "0"),
        ("page", "x"),
        ("page", "501"),
        ("page", "9" * 5000),
        ("limit", "0"),
        ("limit", "101"),
        ("before", "nonsense"),
        ("before", "2026-11-20T12:00:00~" + str(uuid.uuid4())),
        ("tenantId", "x"),
        ("format", "json"),
        ("callSid", ["a", "b"]),
        ("page", ["1", "1"]),
    ],
)
def test_a_bad_parameter_is_refused_by_its_name(ask: Any, name: str, value: Any) -> None:
    error = ask(http=400, **{name: value})["error"]
    assert error["code"] == "invalid_request"
    assert list(error["details"]) == [name]
    assert error["details"][name][0]


def test_pages_follow_one_another_newest_first(cast: Any, ask: Any) -> None:
    calls = [make_call(cast.acme, started_at=NOON + timedelta(hours=n // 2)) for n in range(7)]
    expected = [
        str(call.pk)
        for call in sorted(calls, key=lambda call: (call.started_at, call.pk), reverse=True)
    ]
    assert ids(ask()) == expected
    pages = [ask(limit=3, page=number) for number in (1, 2, 3, 4)]
    assert [call for page in pages for call in ids(page)] == expected
    assert [page["hasMore"] for page in pages] == [True, True, False, False]
    assert [(page["total"], page["totalCapped"]) for page in pages] == [(7, False)] * 4
    assert pages[3]["nextCursor"] is None and (pages[3]["page"], pages[3]["limit"]) == (4, 3)

    followed, cursor = [], None
    while True:
        answer = ask(limit=3, **({"before": cursor} if cursor else {}))
        followed += ids(answer)
        cursor = answer["nextCursor"]
        if cursor is None:
            break
        # A call that comes meanwhile moves nothing.
        make_call(cast.acme, started_at=NOON + timedelta(days=1))
    assert followed == expected


def test_the_total_is_exact_up_to_its_cap(cast: Any, ask: Any, monkeypatch: Any) -> None:
    for _ in range(4):
        make_call(cast.acme)
    for cap, expected in ((5, (4, False)), (4, (4, False)), (3, (3, True))):
        monkeypatch.setattr(call_logs, "COUNT_CAP", cap)
        answer = ask(limit=1)
        assert (answer["total"], answer["totalCapped"]) == expected
    deepest = ask(limit=1, page=3)
    assert deepest["hasMore"]
    assert ask(limit=1, page=4, http=400)["error"]["details"]["page"]
    assert len(ids(ask(limit=1, before=deepest["nextCursor"]))) == 1


def test_a_page_takes_as_many_statements_for_many_calls_as_for_one(
    cast: Any, dialled: Any, ask: Any
) -> None:
    def statements(path: str = "", **parameters: Any) -> int:
        with CaptureQueriesContext(connection) as captured:
            ask(path, **parameters)
        sent = [query["sql"] for query in captured]
        return len([s for s in sent if "SAVEPOINT" not in s and "set_config(" not in s[:20]])

    ask()
    ask(f"/{dialled.call.pk}")  # the first look is noted in the audit trail
    one, detail = statements(), statements(f"/{dialled.call.pk}")
    for _ in range(30):
        call = make_call(cast.acme, user=cast.alice.user, contact=cast.acme_maria)
        make_recording(call, "stored")
    for _ in range(20):
        dialled.hear(states.CALL, "ringing", dialled.contact_leg)
    make_recording(dialled.call, "stored")
    everything: dict[str, Any] = {"limit": 100, "q": "maria", "hasRecording": "true"}
    assert statements() == one
    assert statements(**everything) == one + 2  # whom the text finds, and calls in doubt
    assert statements(f"/{dialled.call.pk}") == detail
    with tenant_transaction(cast.acme.pk), CaptureQueriesContext(connection) as captured:
        call_logs.page(cast.acme.pk, call_logs.Filters())
    assert len(captured) == 1


def test_strangers_and_people_without_a_workspace_read_nothing(
    cast: Any, client: Any, signed_in: Any
) -> None:
    assert client.get(CALL_LOGS).json()["error"]["code"] == "not_authenticated"
    with tenant_transaction(cast.acme.pk):
        type(cast.bob).objects.filter(pk=cast.bob.pk).update(is_active=False)
    response = signed_in(cast.bob).get(CALL_LOGS)
    assert (response.status_code, response.json()["error"]["code"]) == (403, "no_tenant")
