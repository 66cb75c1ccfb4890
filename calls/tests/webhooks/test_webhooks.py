"""Webhooks: only Twilio's are believed, each is stored once, none ever answers 500."""

import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit
from xml.etree import ElementTree

import pytest
from django.conf import settings
from django.db import OperationalError, connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from calls import gateway, tasks
from calls.facts import states
from calls.gateway import addresses
from calls.gateway.accounts import account_of
from calls.models import CallEvent, CallLeg, CallLog, Conference, Recording, UnroutedEvent
from calls.services.rooms import findings, ledger, progress
from calls.tests.builders import an_outbound_call
from calls.tests.conftest import Scene, admitted, sid
from tenants.fence.context import tenant_transaction
from tenants.models import User
from tenants.people import services
from tenants.tests.database import everything_visible

VOICE, STATUS, RECORDING = (
    "/api/twilio/voice-webhook",
    "/api/twilio/call-status",
    "/api/twilio/recording-status",
)
Webhook = Callable[..., Any]


def local(url: str) -> str:
    """The path and query of one of our absolute callback URLs."""
    assert url.startswith(settings.PUBLIC_BASE_URL)
    parts = urlsplit(url)
    return f"{parts.path}?{parts.query}"


def rows() -> list[int]:
    """How many rows there are in every table that a webhook can write."""
    with everything_visible(), connection.cursor() as cursor:
        counts = []
        for model in (CallEvent, CallLeg, CallLog, Conference, Recording, UnroutedEvent):
            cursor.execute(f"SELECT count(*) FROM {model._meta.db_table}")
            counts.append(cursor.fetchone()[0])
    return counts


def contact_status(scene: Scene, status: str, sequence: int, **more: str) -> dict[str, str]:
    assert scene.contact_leg
    return {
        "CallSid": scene.contact_leg.call_sid or "",
        "CallStatus": status,
        "SequenceNumber": str(sequence),
        "Timestamp": f"Sun, 22 Nov 2026 12:00:{sequence:02} +0000",
        "CallbackSource": "call-progress-events",
        "Direction": "outbound-api",
        "From": "+14155550199",
        "To": "+14155550100",
        **more,
    }


# --- who is believed -------------------------------------------------------------------------

FORGED: dict[str, Any] = {
    "no signature": {"headers": {}},
    "empty signature": {"headers": {"X-Twilio-Signature": ""}},
    "wrong signature": {"headers": {"X-Twilio-Signature": "L/OH5YylLD5NRKLltdqwSvS0BnU="}},
    "signature of nothing": {"headers": {"X-Twilio-Signature": "="}},
    "json": {"content_type": "application/json", "data": '{"CallSid":"CA1"}'},
    "text": {"content_type": "text/plain", "data": "CallSid=CA1"},
    "multipart": {"content_type": "multipart/form-data; boundary=x", "data": "--x--"},
    "no type": {"content_type": ""},
    "oversized": {"data": "a=" + "x" * 70_000},
    "host header": {"headers": {"X-Twilio-Signature": "x", "Host": "localhost:99999"}},
    "forwarded host": {"headers": {"X-Twilio-Signature": "x", "X-Forwarded-Host": "evil"}},
    "unknown account": {"data": "AccountSid=AC" + "0" * 32},
    "no account": {"data": "CallSid=CA1"},
    "two accounts": {"data": "AccountSid=AC1&AccountSid=AC2"},
    "bad charset": {"content_type": "application/x-www-form-urlencoded; charset=utf-16"},
    "bad escapes": {"data": "AccountSid=%ff%fe&%00=%zz"},
    "shared key": {
        "headers": {
            "X-Twilio-Signature": "x",
            "X-Twilio-Webhooks-Signature-Settings": "key=k,algorithm=HMAC_SHA256",
        }
    },
}


@pytest.mark.parametrize("path", [VOICE, STATUS, RECORDING])
@pytest.mark.parametrize("shape", FORGED)
def test_a_forged_webhook_is_refused_and_nothing_read_or_written(
    cast: Any, client: Any, path: str, shape: str
) -> None:
    request = {
        "data": f"AccountSid={settings.TWILIO_ACCOUNT_SID}&CallSid=CA{'0' * 32}",
        "content_type": "application/x-www-form-urlencoded",
        "headers": {"X-Twilio-Signature": "x"},
    } | FORGED[shape]
    if shape == "host header":
        request["headers"] = {"X-Twilio-Signature": "x"}
        client.defaults["HTTP_HOST"] = "localhost:99999"
    before = rows()
    with CaptureQueriesContext(connection) as queries:
        response = client.post(path, **request)
    assert 400 <= response.status_code < 500
    assert len(queries) == 0
    assert rows() == before


@pytest.mark.parametrize("path", [VOICE, STATUS, RECORDING])
@pytest.mark.parametrize("method", ["get", "put", "patch", "delete", "head", "options"])
def test_only_post_is_answered(cast: Any, client: Any, path: str, method: str) -> None:
    assert getattr(client, method)(path).status_code == 405


def test_a_signature_of_another_token_or_url_is_refused(dialled: Scene, webhook: Webhook) -> None:
    assert dialled.contact_leg
    path = local(addresses.leg_status(dialled.room.tenant_id, dialled.contact_leg.pk))
    fields = contact_status(dialled, "ringing", 1)
    assert webhook(path, token="another", **fields).status_code == 403
    from twilio.request_validator import RequestValidator

    form = {"AccountSid": settings.TWILIO_ACCOUNT_SID, "ApiVersion": "2010-04-01", **fields}
    validator = RequestValidator(settings.TWILIO_AUTH_TOKEN)
    for url in (
        settings.PUBLIC_BASE_URL + STATUS,  # without its query
        settings.PUBLIC_BASE_URL + path + "&more=1",
        "http://evil.example" + path,
    ):
        signature = validator.compute_signature(url, form)
        assert webhook(path, signature=signature, **fields).status_code == 403
    assert webhook(path, **fields).status_code == 204


def test_a_proxy_may_call_us_by_another_name(dialled: Scene, webhook: Webhook, client: Any) -> None:
    assert dialled.contact_leg
    path = local(addresses.leg_status(dialled.room.tenant_id, dialled.contact_leg.pk))
    client.defaults |= {"HTTP_X_FORWARDED_PROTO": "https", "HTTP_X_FORWARDED_HOST": "evil.example"}
    assert webhook(path, **contact_status(dialled, "ringing", 1)).status_code == 204


@pytest.mark.parametrize("path", [VOICE, STATUS, RECORDING])
def test_a_slash_at_the_end_is_accepted_and_never_redirected(
    cast: Any, webhook: Webhook, path: str
) -> None:
    assert webhook(path + "/", CallSid=sid("CA")).status_code in (200, 204)


# --- progress --------------------------------------------------------------------------------


def test_a_whole_call_is_told_by_its_callbacks_in_any_order(
    dialled: Scene, webhook: Webhook
) -> None:
    assert dialled.contact_leg
    path = local(addresses.leg_status(dialled.room.tenant_id, dialled.contact_leg.pk))
    story = [
        contact_status(dialled, "completed", 50, CallDuration="42", Duration="1"),
        contact_status(dialled, "initiated", 0),
        contact_status(dialled, "in-progress", 8),
        contact_status(dialled, "ringing", 1),
    ]
    for fields in story * 2:
        assert webhook(path, **fields).status_code == 204
    call = dialled.fresh()
    assert (call.status, call.outcome, call.duration) == ("completed", "completed", 42)
    assert call.answered_at and call.ended_at
    assert (call.ended_at - call.answered_at).total_seconds() == 42
    with tenant_transaction(dialled.room.tenant_id):
        assert CallEvent.objects.filter(leg=dialled.contact_leg).count() == 4


def test_the_first_callback_tells_a_call_its_sid(
    waiting: Scene, cast: Any, webhook: Webhook
) -> None:
    """The answer to our request was lost; the id in the callback's URL binds what it speaks of."""
    with tenant_transaction(cast.acme.pk):
        call = an_outbound_call(cast.acme, conference=waiting.room, submission="unknown")
        leg = CallLeg.objects.create(conference=waiting.room, party="contact")
    call_sid = sid("CA")
    path = local(addresses.leg_status(cast.acme.pk, leg.pk))
    assert webhook(path, CallSid=call_sid, CallStatus="ringing").status_code == 204
    with tenant_transaction(cast.acme.pk):
        call.refresh_from_db()
        leg.refresh_from_db()
    assert call.twilio_call_sid == leg.call_sid == call_sid
    assert (call.submission, call.status) == ("accepted", "ringing")


def test_a_callback_about_another_call_is_kept_aside(dialled: Scene, webhook: Webhook) -> None:
    assert dialled.contact_leg
    path = local(addresses.leg_status(dialled.room.tenant_id, dialled.contact_leg.pk))
    fields = contact_status(dialled, "completed", 9) | {"CallSid": sid("CA")}
    for again in (fields, fields, dict(reversed(fields.items()))):
        assert webhook(path, **again).status_code == 204
    assert UnroutedEvent.objects.get().reason == "leg has another call SID"
    assert dialled.fresh().status == "queued"


def test_only_the_newest_that_an_account_says_of_a_workspace_are_kept_aside(
    cast: Any, webhook: Webhook, monkeypatch: Any
) -> None:
    """Whoever sends much takes no other workspace's share; all that is no workspace has one."""
    monkeypatch.setattr("calls.services.callbacks.aside.KEPT_ASIDE", 3)
    other = UnroutedEvent.objects.create(key="other", account_sid=sid("AC"), payload={})

    def send(name: Callable[[], str], times: int) -> list[str]:
        calls = [sid("CA") for _ in range(times)]
        for call in calls:
            leg = f"&leg={uuid.uuid4().hex}"
            path = f"{STATUS}?tenant={name()}{leg}"
            assert webhook(path, CallSid=call, CallStatus="completed").status_code == 204
        return calls

    early = send(lambda: cast.acme.pk.hex, 1)
    many = send(lambda: cast.borealis.pk.hex, 5)
    nobody = send(lambda: uuid.uuid4().hex, 5)
    kept = UnroutedEvent.objects.exclude(pk=other.pk).order_by("pk")
    assert list(kept.values_list("call_sid", flat=True)) == [*early, *many[2:], *nobody[2:]]
    assert UnroutedEvent.objects.filter(pk=other.pk).exists()


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ("", "no such tenant"),
        ("?tenant=&leg=", "no such tenant"),
        ("?tenant=x&leg=y", "no such tenant"),
        ("?leg={leg}", "no such tenant"),
        ("?tenant={nobody}&leg={leg}", "no such tenant"),
        ("?tenant={other}&leg={leg}", "no such leg"),
        ("?tenant={tenant}&leg={nobody}", "no such leg"),
        ("?tenant={other}&room={room}", "no such room"),
        ("?tenant={tenant}&room={nobody}", "no such room"),
    ],
)
def test_an_event_of_an_unknown_call_is_kept_aside_and_answered_204(
    dialled: Scene, cast: Any, webhook: Webhook, query: str, reason: str
) -> None:
    assert dialled.contact_leg
    path = STATUS + query.format(
        tenant=cast.acme.pk.hex,
        other=cast.borealis.pk.hex,
        nobody=uuid.uuid4().hex,
        leg=dialled.contact_leg.pk.hex,
        room=dialled.room.pk.hex,
    )
    before = dialled.fresh()
    response = webhook(path, CallSid=sid("CA"), CallStatus="completed", ConferenceSid=sid("CF"))
    assert response.status_code == 204
    aside = UnroutedEvent.objects.get()
    assert (aside.reason, aside.account_sid) == (reason, settings.TWILIO_ACCOUNT_SID)
    assert aside.payload["CallSid"] == aside.call_sid != ""
    assert dialled.fresh().updated_at == before.updated_at


def test_the_rooms_own_events_move_its_legs(dialled: Scene, webhook: Webhook) -> None:
    path = local(addresses.conference_status(dialled.room.tenant_id, dialled.room.pk))
    conference_sid = sid("CF")
    assert dialled.contact_leg
    contact_join = {
        "StatusCallbackEvent": "participant-join",
        "ParticipantLabel": dialled.contact_leg.label,
        "CallSid": dialled.contact_leg.call_sid or "",
        "ConferenceSid": conference_sid,
        "SequenceNumber": "3",
    }
    assert webhook(path, **contact_join).status_code == 204
    end = {"StatusCallbackEvent": "conference-end", "ConferenceSid": conference_sid}
    with tenant_transaction(dialled.room.tenant_id):
        dialled.contact_leg.refresh_from_db()
        assert dialled.contact_leg.state.is_present
    assert webhook(path, **end, SequenceNumber="9").status_code == 204
    with tenant_transaction(dialled.room.tenant_id):
        assert all(leg.state.is_over for leg in dialled.room.legs.all())


def test_a_room_learns_its_sid_once(dialled: Scene, webhook: Webhook) -> None:
    path = local(addresses.conference_status(dialled.room.tenant_id, dialled.room.pk))
    first = sid("CF")
    for sequence, said in enumerate((None, first, None, sid("CF"))):
        fields = {"StatusCallbackEvent": "participant-mute", "SequenceNumber": str(sequence)}
        fields |= {"ConferenceSid": said} if said else {}
        assert webhook(path, **fields).status_code == 204
        with tenant_transaction(dialled.room.tenant_id):
            dialled.room.refresh_from_db()
        assert dialled.room.conference_sid == (first if sequence else "")


def test_a_room_that_needs_something_is_tended_and_no_other(
    dialled: Scene, webhook: Webhook, monkeypatch: Any
) -> None:
    tended: list[Any] = []
    monkeypatch.setattr("calls.tasks.tend_now", lambda *about: tended.append(about))
    assert dialled.contact_leg
    path = local(addresses.leg_status(dialled.room.tenant_id, dialled.contact_leg.pk))
    webhook(path, **contact_status(dialled, "ringing", 1))
    assert tended == []
    webhook(path, **contact_status(dialled, "busy", 2))  # the agent is there alone now
    assert tended == [(dialled.room.tenant_id, dialled.room.pk)]


def test_a_recording_that_is_complete_is_fetched_and_no_other(
    dialled: Scene, webhook: Webhook, monkeypatch: Any
) -> None:
    queued: list[Any] = []
    monkeypatch.setattr(
        "calls.webhooks.hearing.queue", lambda task, *about: queued.append((task, *about))
    )
    assert dialled.call
    tenant_id, recording_sid = dialled.room.tenant_id, sid("RE")
    path = local(addresses.recording_status(tenant_id, dialled.call.pk))
    news = {"CallSid": dialled.call.twilio_call_sid or "", "RecordingSid": recording_sid}
    webhook(path, **news, RecordingStatus="in-progress")
    assert queued == []
    webhook(path, **news, RecordingStatus="completed")
    with tenant_transaction(tenant_id):
        recording = Recording.objects.get(sid=recording_sid)
    assert queued == [(tasks.fetch_recording, tenant_id, recording.pk)]


@pytest.fixture
def elsewhere(dialled: Scene, cast: Any) -> CallLeg:
    """Alice's leg, in another room of the same workspace."""
    return admitted(cast.alice, account_of(cast.acme.pk))[1]


def told_about(call_sid: str, tenant: Any) -> list[tuple[Any, Any]]:
    """The room and leg of each event of this call SID."""
    with tenant_transaction(tenant.pk):
        events = CallEvent.objects.filter(payload__CallSid=call_sid, payload__CallStatus="failed")
        return list(events.values_list("conference_id", "leg_id"))


def test_news_without_a_room_is_about_the_leg_of_its_call_sid(
    dialled: Scene, elsewhere: CallLeg, webhook: Webhook, cast: Any
) -> None:
    """A TwiML app's callback has one address: the identity tells the workspace, the SID the leg."""
    news = {"From": f"client:{cast.bob.identity}", "CallStatus": "failed"}
    assert dialled.contact_leg
    for leg in (dialled.agent_leg, dialled.contact_leg, elsewhere):
        assert webhook(STATUS, **news, CallSid=leg.call_sid).status_code == 204
        assert told_about(leg.call_sid or "", cast.acme) == [(leg.conference_id, leg.pk)]
    assert not UnroutedEvent.objects.exists()
    assert webhook(STATUS, **news, CallSid=sid("CA")).status_code == 204
    assert webhook(f"{STATUS}?tenant={cast.acme.pk.hex}", **news).status_code == 204
    aside = UnroutedEvent.objects.order_by("pk")
    assert [event.reason for event in aside] == ["a browser that was let into no room"] * 2
    assert [event.call_sid for event in aside] == [aside[0].payload["CallSid"], ""]


def test_news_of_a_room_stays_in_it_whosever_call_sid_it_names(
    dialled: Scene, elsewhere: CallLeg, webhook: Webhook, cast: Any
) -> None:
    path = local(addresses.conference_status(cast.acme.pk, dialled.room.pk))
    assert webhook(path, CallSid=elsewhere.call_sid, CallStatus="failed").status_code == 204
    assert told_about(elsewhere.call_sid or "", cast.acme) == [(dialled.room.pk, None)]


def test_a_stranger_in_the_room_is_stored_and_moves_nobody(
    dialled: Scene, webhook: Webhook
) -> None:
    path = local(addresses.conference_status(dialled.room.tenant_id, dialled.room.pk))
    with tenant_transaction(dialled.room.tenant_id):
        before = [leg.state for leg in dialled.room.legs.order_by("pk")]
    stranger = {"CallSid": sid("CA"), "ParticipantLabel": "stranger"}
    for event in ("participant-join", "participant-leave"):
        assert webhook(path, StatusCallbackEvent=event, **stranger).status_code == 204
    with tenant_transaction(dialled.room.tenant_id):
        events = dialled.room.events.filter(payload__CallSid=stranger["CallSid"])
        assert [event.leg for event in events] == [None, None]
        assert [leg.state for leg in dialled.room.legs.order_by("pk")] == before
        assert not CallLeg.objects.filter(call_sid=stranger["CallSid"]).exists()


@pytest.mark.parametrize("is_bound", [True, False])
@pytest.mark.parametrize("named_by", ["SID", "label", "both"])
def test_a_participant_is_known_by_sid_else_by_label(
    dialled: Scene, webhook: Webhook, is_bound: bool, named_by: str
) -> None:
    leg = dialled.contact_leg
    assert leg and leg.call_sid
    call_sid = leg.call_sid
    with tenant_transaction(dialled.room.tenant_id):
        CallLeg.objects.filter(pk=leg.pk).update(call_sid=call_sid if is_bound else None)
    fields = {"StatusCallbackEvent": "participant-join"}
    fields |= {"CallSid": call_sid} if named_by != "label" else {}
    fields |= {"ParticipantLabel": leg.label} if named_by != "SID" else {}
    path = local(addresses.conference_status(dialled.room.tenant_id, dialled.room.pk))
    assert webhook(path, **fields).status_code == 204
    is_known = is_bound or named_by != "SID"
    with tenant_transaction(dialled.room.tenant_id):
        leg.refresh_from_db()
        assert leg.state.is_present == is_known
        assert leg.call_sid == (call_sid if is_bound or named_by == "both" else None)


def test_a_sid_is_bound_once_to_one_leg_and_its_own_call(
    dialled: Scene, elsewhere: CallLeg, cast: Any
) -> None:
    first, second = sid("CA"), sid("CA")
    with tenant_transaction(cast.acme.pk):
        room = elsewhere.conference
        call = an_outbound_call(cast.acme, user=cast.alice.user, conference=room)
        contact = CallLeg.objects.create(conference=room, party="contact")
        agent = CallLeg.objects.create(conference=room, party="agent", user=cast.alice.user)
        progress.bind_sid(contact, first)
        progress.bind_sid(contact, sid("CA"))
        progress.bind_sid(agent, second)
        for row in (call, contact, agent):
            row.refresh_from_db()
    assert (contact.call_sid, agent.call_sid) == (first, second)
    assert (call.twilio_call_sid, call.submission) == (first, "accepted")
    assert dialled.call and dialled.fresh().twilio_call_sid == dialled.call.twilio_call_sid


def test_what_the_database_cannot_store_is_kept_as_text(dialled: Scene, webhook: Webhook) -> None:
    leg = dialled.contact_leg
    assert leg
    path = local(addresses.leg_status(dialled.room.tenant_id, leg.pk))
    fields = {"CallSid": leg.call_sid or "", "CallStatus": "ringing", "a\0b": "c\0d"}
    assert webhook(path, **fields).status_code == 204
    with tenant_transaction(dialled.room.tenant_id):
        assert leg.events.get().payload["a\ufffdb"] == "c\ufffdd"


@pytest.mark.parametrize("said", [None, "", "CA1", "CF" + "0" * 32 + "x", "ca" + "0" * 32])
def test_what_is_no_sid_is_bound_to_nothing(
    dialled: Scene, webhook: Webhook, said: str | None
) -> None:
    leg = dialled.contact_leg
    assert leg
    with tenant_transaction(dialled.room.tenant_id):
        CallLeg.objects.filter(pk=leg.pk).update(call_sid=None)
    path = local(addresses.leg_status(dialled.room.tenant_id, leg.pk))
    fields = {} if said is None else {"CallSid": said, "ConferenceSid": said}
    assert webhook(path, **fields, CallStatus="ringing").status_code == 204
    with tenant_transaction(dialled.room.tenant_id):
        leg.refresh_from_db()
        dialled.room.refresh_from_db()
    assert (leg.status, leg.call_sid, dialled.room.conference_sid) == ("ringing", None, "")


def test_a_leg_that_was_bound_meanwhile_is_not_bound_again(
    dialled: Scene, webhook: Webhook, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between finding the leg's room and locking it, another worker has heard of the leg."""
    leg = dialled.contact_leg
    assert leg
    tenant = dialled.room.tenant_id
    with tenant_transaction(tenant):
        CallLeg.objects.filter(pk=leg.pk).update(call_sid=None)
    find = ledger.room_id

    def before_them(named: ledger.Named) -> uuid.UUID | None:
        found = find(named)
        CallLeg.objects.filter(pk=leg.pk).update(call_sid=sid("CA"))
        return found

    monkeypatch.setattr(ledger, "room_id", before_them)
    path = local(addresses.leg_status(tenant, leg.pk))
    assert webhook(path, CallSid=sid("CA"), CallStatus="failed").status_code == 204
    assert UnroutedEvent.objects.get().reason == "leg has another call SID"


def test_a_call_sid_is_not_given_to_a_second_leg(
    dialled: Scene, elsewhere: CallLeg, webhook: Webhook
) -> None:
    tenant, taken = dialled.room.tenant_id, dialled.agent_leg.call_sid or ""
    with tenant_transaction(tenant):
        CallLeg.objects.filter(pk=elsewhere.pk).update(call_sid=None)
    path = local(addresses.leg_status(tenant, elsewhere.pk))
    assert webhook(path, CallSid=taken, CallStatus="failed").status_code == 204
    assert UnroutedEvent.objects.get().reason == "its call SID is another leg's"
    assert told_about(taken, dialled.member.tenant) == []


@pytest.mark.parametrize(
    ("query", "more", "reason"),
    [
        ("?call={call}", {}, "no such tenant"),
        ("?call={call}&tenant={nobody}", {}, "no such tenant"),
        ("?tenant={tenant}", {}, "no such call"),
        ("?call={nobody}&tenant={tenant}", {}, "no such call"),
        ("?call={call}&tenant={tenant}", {"RecordingSid": "RE1"}, "no such call"),
        ("?call={call}&tenant={other}", {}, "no such call"),
    ],
)
def test_a_recording_of_an_unknown_call_is_kept_aside(
    dialled: Scene, cast: Any, webhook: Webhook, query: str, more: dict[str, str], reason: str
) -> None:
    assert dialled.call
    ids = {"tenant": cast.acme.pk, "other": cast.borealis.pk, "call": dialled.call.pk}
    path = RECORDING + query.format(**ids, nobody=uuid.uuid4())
    fields = {"CallSid": dialled.call.twilio_call_sid or "", "RecordingSid": sid("RE")} | more
    assert webhook(path, **fields, RecordingStatus="completed").status_code == 204
    assert UnroutedEvent.objects.get().reason == reason
    with tenant_transaction(cast.acme.pk):
        assert not Recording.objects.exists()


def test_a_tiny_set_of_statements_serves_a_callback(dialled: Scene, webhook: Webhook) -> None:
    assert dialled.contact_leg
    path = local(addresses.leg_status(dialled.room.tenant_id, dialled.contact_leg.pk))
    webhook(path, **contact_status(dialled, "initiated", 0))
    with CaptureQueriesContext(connection) as queries:
        webhook(path, **contact_status(dialled, "ringing", 1))
    statements = [q["sql"] for q in queries if not q["sql"].startswith(("SAVEPOINT", "RELEASE"))]
    assert len(statements) <= 13, "\n".join(statements)


@examples(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.dictionaries(
        st.sampled_from(
            "CallStatus SequenceNumber Timestamp CallDuration SipResponseCode ErrorCode "
            "ParticipantLabel ConferenceSid StatusCallbackEvent CallSid Tomorrow".split()
        )
        | st.text(max_size=5),
        st.text(max_size=30),
        max_size=8,
    ),
    st.sampled_from(["leg", "room", "none", "recording", "voice"]),
)
def test_whatever_twilio_sends_is_answered_and_does_no_harm(
    dialled: Scene, webhook: Webhook, fields: dict[str, str], where: str
) -> None:
    assert dialled.contact_leg and dialled.call
    tenant_id = dialled.room.tenant_id
    path = {
        "leg": local(addresses.leg_status(tenant_id, dialled.contact_leg.pk)),
        "room": local(addresses.conference_status(tenant_id, dialled.room.pk)),
        "none": STATUS,
        "recording": local(addresses.recording_status(tenant_id, dialled.call.pk)),
        "voice": VOICE,
    }[where]
    fields.pop("AccountSid", None)
    response = webhook(path, **{k: v for k, v in fields.items() if k not in ("path", "token")})
    assert response.status_code in (200, 204)


@pytest.mark.parametrize(("said", "sip_code"), [("603", 603), ("99999", None), ("-1", None)])
def test_what_a_callback_says_is_kept_with_it(
    dialled: Scene, webhook: Webhook, said: str, sip_code: int | None
) -> None:
    assert dialled.contact_leg
    path = local(addresses.leg_status(dialled.room.tenant_id, dialled.contact_leg.pk))
    facts = {"CallDuration": "9", "SipResponseCode": said, "ErrorCode": "13224"}
    fields = contact_status(dialled, "completed", 7, **facts, ParticipantLabel="x")
    assert webhook(path, **fields).status_code == 204
    with tenant_transaction(dialled.room.tenant_id):
        event = dialled.contact_leg.events.get()
    assert (event.kind, event.name, event.sequence) == (states.CALL, "completed", 7)
    assert (event.duration, event.sip_code, event.error_code) == (9, sip_code, 13224)
    assert event.at.isoformat() == "2026-11-22T12:00:07+00:00"
    assert event.payload == fields | {
        "AccountSid": settings.TWILIO_ACCOUNT_SID,
        "ApiVersion": "2010-04-01",
    }


@pytest.mark.parametrize(
    "told",
    [
        "Fri, 31 Dec 9999 23:59:59 -0100",  # beyond the last year, as UTC
        "Mon, 01 Jan 0100 00:00:00 +0000",
        "Tue, 01 Jan 2199 00:00:00 +0000",
        "Thu, 32 Jan 2026 99:00:00 +9999",
        "tomorrow",
    ],
)
def test_a_time_that_cannot_be_is_the_present(dialled: Scene, webhook: Webhook, told: str) -> None:
    assert dialled.contact_leg
    path = local(addresses.leg_status(dialled.room.tenant_id, dialled.contact_leg.pk))
    fields = contact_status(dialled, "completed", 3, Timestamp=told, CallDuration="2147483647")
    assert webhook(path, **fields).status_code == 204
    ended = dialled.fresh().ended_at
    assert ended is not None and abs(ended - timezone.now()) < timedelta(minutes=1)


def test_a_room_takes_events_up_to_a_bound_and_its_end_all_the_same(
    dialled: Scene, webhook: Webhook, monkeypatch: Any
) -> None:
    assert dialled.contact_leg
    tenant_id, leg = dialled.room.tenant_id, dialled.contact_leg
    with tenant_transaction(tenant_id):
        monkeypatch.setattr(progress, "MOST_EVENTS", dialled.room.events.count() + 1)
    path = local(addresses.leg_status(tenant_id, leg.pk))
    for sequence, status in enumerate(["ringing", "in-progress", "completed"]):
        assert webhook(path, **contact_status(dialled, status, sequence)).status_code == 204
    assert dialled.fresh().status == states.RINGING
    assert {aside.reason for aside in UnroutedEvent.objects.all()} == {"too many events of a room"}
    # The same of a voice request: it is answered, and nobody is let in.
    fields = voice(dialled.member, clientRequestId=str(dialled.request_id))
    fields |= {"CallSid": dialled.agent_leg.call_sid or ""}
    assert verbs(webhook(VOICE, **fields)) == ["Say", "Hangup"]
    facts = gateway.CallFacts(leg.call_sid or "", states.COMPLETED, timezone.now(), 9)
    findings.hear_facts(leg, facts)
    assert dialled.fresh().status == states.COMPLETED


@pytest.mark.parametrize("path", [STATUS, RECORDING])
def test_a_database_that_is_away_asks_twilio_to_try_again(
    dialled: Scene, webhook: Webhook, monkeypatch: Any, path: str
) -> None:
    def away(*_: Any, **__: Any) -> None:
        raise OperationalError("away")

    monkeypatch.setattr("tenants.doors.tenant_by_id", away)
    query = f"?tenant={dialled.room.tenant_id.hex}&call={uuid.uuid4().hex}&leg={uuid.uuid4().hex}"
    response = webhook(path + query, CallSid=sid("CA"), RecordingSid=sid("RE"))
    assert response.status_code == 503


# --- the voice request -----------------------------------------------------------------------


def voice(member: Any, request_id: object = None, **more: str) -> dict[str, str]:
    return {
        "CallSid": sid("CA"),
        "ApplicationSid": settings.TWILIO_TWIML_APP_SID,
        "From": f"client:{member.identity}",
        "Caller": f"client:{member.identity}",
        "To": "",
        "CallStatus": "ringing",
        "Direction": "inbound",
        "clientRequestId": str(request_id or uuid.uuid4()),
        **more,
    }


def verbs(response: Any) -> list[str]:
    assert response.status_code == 200
    assert response.headers["Content-Type"].startswith("text/xml")
    root = ElementTree.fromstring(response.content)
    assert root.tag == "Response"
    return [verb.tag for verb in root]


def test_an_agent_is_brought_into_an_unguessable_room_of_their_own(
    cast: Any, webhook: Webhook
) -> None:
    request_id = uuid.uuid4()
    response = webhook(VOICE, **voice(cast.bob, request_id))
    assert verbs(response) == ["Dial"]
    noun = ElementTree.fromstring(response.content)[0][0]
    with tenant_transaction(cast.acme.pk):
        room = Conference.objects.get(client_request_id=request_id)
        leg = room.legs.get()
    assert noun.text == room.name
    assert str(request_id.hex) not in room.name
    assert noun.get("participantLabel") == leg.label
    assert noun.get("endConferenceOnExit") == "false"
    assert (leg.party, leg.user_id) == ("agent", cast.bob.user_id)
    callback = noun.get("statusCallback") or ""
    assert callback.startswith(settings.PUBLIC_BASE_URL)
    assert callback.endswith("#rc=5&rp=all&ct=2000&rt=3000")


def test_the_same_request_again_is_the_same_leg(cast: Any, webhook: Webhook) -> None:
    fields = voice(cast.bob)
    first, second = webhook(VOICE, **fields), webhook(VOICE, **fields)
    assert first.content == second.content
    with tenant_transaction(cast.acme.pk):
        assert CallLeg.objects.count() == 1


def test_a_second_browser_cannot_come_into_the_same_room(cast: Any, webhook: Webhook) -> None:
    request_id = uuid.uuid4()
    assert verbs(webhook(VOICE, **voice(cast.bob, request_id))) == ["Dial"]
    assert verbs(webhook(VOICE, **voice(cast.bob, request_id))) == ["Say", "Hangup"]


def test_two_people_with_the_same_request_id_are_in_two_rooms(cast: Any, webhook: Webhook) -> None:
    request_id = uuid.uuid4()
    rooms = {
        ElementTree.fromstring(webhook(VOICE, **voice(member, request_id)).content)[0][0].text
        for member in (cast.alice, cast.bob, cast.charlie)
    }
    assert len(rooms) == 3


@pytest.mark.parametrize(
    "wrong",
    [
        {"From": "client:nobody"},
        {"From": "client:"},
        {"From": "+14155550100"},
        {"From": "anonymous"},
        {"From": ""},
        {"clientRequestId": ""},
        {"clientRequestId": "../../etc/passwd"},
        {"CallSid": "CA1"},
        {"CallSid": ""},
    ],
)
def test_whoever_may_not_call_hears_why_and_is_hung_up(
    cast: Any, webhook: Webhook, wrong: dict[str, str]
) -> None:
    assert verbs(webhook(VOICE, **voice(cast.bob, **wrong))) == ["Say", "Hangup"]
    with tenant_transaction(cast.acme.pk):
        assert not Conference.objects.exists()


def test_parameters_chosen_by_the_browser_are_not_trusted(cast: Any, webhook: Webhook) -> None:
    rogue = {
        "tenant": cast.borealis.pk.hex,
        "tenantId": str(cast.borealis.pk),
        "To": "+19005550100",
        "callerId": "+442079460199",
        "userId": str(cast.charlie.user_id),
    }
    response = webhook(VOICE, **voice(cast.bob, **rogue, **FACTS_OF_A_BROWSER))
    assert verbs(response) == ["Dial"]
    for value in [*rogue.values(), FACTS_OF_A_BROWSER["ConferenceSid"]]:
        assert value.encode() not in response.content
    with tenant_transaction(cast.acme.pk):
        room = Conference.objects.get()
        assert (room.agent_id, room.conference_sid) == (cast.bob.user_id, "")
        event = CallEvent.objects.get()
    assert_only_the_call_was_read(event)
    with tenant_transaction(cast.borealis.pk):
        assert not Conference.objects.exists()


# What a voice request never says of itself, so that a browser's parameter would be taken for it.
FACTS_OF_A_BROWSER = {
    "ConferenceSid": "CF" + "b" * 32,
    "StatusCallbackEvent": "conference-end",
    "ParticipantLabel": "contact",
    "Timestamp": "Fri, 31 Dec 9999 23:59:59 -0100",
    "SequenceNumber": "7",
    "CallDuration": "2147483647",
    "SipResponseCode": "603",
    "ErrorCode": "13224",
}


def assert_only_the_call_was_read(event: CallEvent) -> None:
    assert (event.sequence, event.duration, event.sip_code, event.error_code) == (None,) * 4
    assert abs(event.at - timezone.now()) < timedelta(minutes=1)


def test_the_end_of_an_agents_part_names_no_room_either(waiting: Scene, webhook: Webhook) -> None:
    path = local(addresses.leg_ended(waiting.room.tenant_id, waiting.agent_leg.pk))
    fields = voice(waiting.member) | {"CallSid": waiting.agent_leg.call_sid or ""}
    assert verbs(webhook(path, **fields, **FACTS_OF_A_BROWSER)) == ["Hangup"]
    with tenant_transaction(waiting.room.tenant_id):
        waiting.room.refresh_from_db()
        event = waiting.room.events.get(kind=states.ACTION)
    assert waiting.room.conference_sid == ""
    assert_only_the_call_was_read(event)


def test_the_end_of_another_call_is_not_that_of_this_leg(waiting: Scene, webhook: Webhook) -> None:
    path = local(addresses.leg_ended(waiting.room.tenant_id, waiting.agent_leg.pk))
    assert verbs(webhook(path, **voice(waiting.member))) == ["Hangup"]
    assert UnroutedEvent.objects.get().reason == "leg has another call SID"
    with tenant_transaction(waiting.room.tenant_id):
        waiting.agent_leg.refresh_from_db()
    assert not waiting.agent_leg.state.is_over


def test_a_room_learns_its_sid_from_its_own_callback_alone(
    waiting: Scene, webhook: Webhook
) -> None:
    tenant_id, agent_leg = waiting.room.tenant_id, waiting.agent_leg
    agents = voice(waiting.member) | {"CallSid": agent_leg.call_sid or "", "CallDuration": "9"}
    status = local(addresses.leg_status(tenant_id, agent_leg.pk))
    room = local(addresses.conference_status(tenant_id, waiting.room.pk))
    start, own = {"StatusCallbackEvent": "conference-start"}, sid("CF")
    for path, fields, expected in (
        (STATUS + "?kind=agent", agents | FACTS_OF_A_BROWSER, ""),
        (status, agents | FACTS_OF_A_BROWSER, ""),
        (room, start | {"ConferenceSid": sid("CA")}, ""),
        (room, start | {"ConferenceSid": own}, own),
    ):
        assert webhook(path, **fields).status_code == 204
        with tenant_transaction(tenant_id):
            waiting.room.refresh_from_db()
        assert waiting.room.conference_sid == expected
    assert UnroutedEvent.objects.count() == 0


def test_a_removed_member_is_not_let_in(cast: Any, webhook: Webhook) -> None:
    with tenant_transaction(cast.acme.pk):
        cast.bob.is_active = False
        cast.bob.save()
    assert verbs(webhook(VOICE, **voice(cast.bob))) == ["Say", "Hangup"]


def test_the_end_of_a_removed_members_call_is_heard(
    cast: Any, waiting: Scene, webhook: Webhook
) -> None:
    with tenant_transaction(cast.acme.pk):
        cast.bob.is_active = False
        cast.bob.save()
    fields = {
        "CallSid": waiting.agent_leg.call_sid or "",
        "From": f"client:{cast.bob.identity}",
        "CallStatus": "completed",
        "CallDuration": "30",
    }
    assert webhook(STATUS, **fields).status_code == 204
    with tenant_transaction(cast.acme.pk):
        waiting.agent_leg.refresh_from_db()
    assert (waiting.agent_leg.status, waiting.agent_leg.duration) == ("completed", 30)


def test_a_voice_request_gets_twiml_even_without_a_database(
    cast: Any, webhook: Webhook, monkeypatch: Any
) -> None:
    def away(*_: Any, **__: Any) -> None:
        raise OperationalError("away")

    monkeypatch.setattr("calls.services.rooms.wishes.arrival", away)
    assert verbs(webhook(VOICE, **voice(cast.bob))) == ["Say", "Hangup"]


def test_an_agent_who_leaves_is_hung_up_and_known_to_be_gone(
    waiting: Scene, webhook: Webhook
) -> None:
    path = local(addresses.leg_ended(waiting.room.tenant_id, waiting.agent_leg.pk))
    fields = voice(waiting.member) | {"CallSid": waiting.agent_leg.call_sid or ""}
    assert verbs(webhook(path, **fields, DialCallStatus="answered")) == ["Hangup"]
    with tenant_transaction(waiting.room.tenant_id):
        waiting.agent_leg.refresh_from_db()
        waiting.room.refresh_from_db()
    assert waiting.agent_leg.state.is_over
    assert waiting.room.closed_at is not None


def test_the_apps_own_status_callback_finds_the_agents_leg(
    waiting: Scene, webhook: Webhook
) -> None:
    fields = voice(waiting.member) | {
        "CallSid": waiting.agent_leg.call_sid or "",
        "CallStatus": "completed",
        "CallDuration": "9",
    }
    assert webhook(STATUS + "?kind=agent", **fields).status_code == 204
    with tenant_transaction(waiting.room.tenant_id):
        waiting.agent_leg.refresh_from_db()
    assert waiting.agent_leg.status == states.COMPLETED
    assert UnroutedEvent.objects.count() == 0


# --- recordings ------------------------------------------------------------------------------


def recording_fields(scene: Scene, status: str, recording_sid: str, **more: str) -> dict[str, str]:
    assert scene.contact_leg
    return {
        "CallSid": scene.contact_leg.call_sid or "",
        "RecordingSid": recording_sid,
        "RecordingUrl": "http://169.254.169.254/latest/meta-data",
        "RecordingStatus": status,
        "RecordingDuration": "42",
        "RecordingChannels": "2",
        **more,
    }


@pytest.mark.parametrize(
    ("news", "state"),
    [
        (["in-progress", "completed"], "waiting"),
        (["completed", "in-progress"], "waiting"),
        (["completed", "completed"], "waiting"),
        (["in-progress", "absent"], "absent"),
        (["absent", "completed"], "absent"),
        (["in-progress", "tomorrow"], "recording"),
    ],
)
def test_news_of_a_recording_only_move_it_forward(
    dialled: Scene, webhook: Webhook, news: list[str], state: str
) -> None:
    assert dialled.call
    path = local(addresses.recording_status(dialled.room.tenant_id, dialled.call.pk))
    recording_sid = sid("RE")
    for status in news:
        fields = recording_fields(dialled, status, recording_sid)
        assert webhook(path, **fields).status_code == 204
    with tenant_transaction(dialled.room.tenant_id):
        recording = Recording.objects.get()
    assert (recording.state, recording.sid, recording.channels) == (state, recording_sid, 2) or (
        state == "recording"
    )


@pytest.mark.parametrize("wrong", ["CallSid", "RecordingSid", "kind", "tenant", "call", "query"])
def test_news_of_somebody_elses_recording_are_kept_aside(
    dialled: Scene, cast: Any, webhook: Webhook, wrong: str
) -> None:
    assert dialled.call
    tenant_id = cast.borealis.pk if wrong == "tenant" else cast.acme.pk
    call_id = uuid.uuid4() if wrong == "call" else dialled.call.pk
    path = local(addresses.recording_status(tenant_id, call_id))
    fields = recording_fields(dialled, "completed", sid("RE"))
    if wrong == "query":
        path = RECORDING
    elif wrong == "CallSid":
        fields["CallSid"] = sid("CA")
    elif wrong == "RecordingSid":
        fields["RecordingSid"] = "../../RE1"
    elif wrong == "kind":
        fields["RecordingSid"] = sid("CA")
    assert webhook(path, **fields).status_code == 204
    assert UnroutedEvent.objects.count() == 1
    for tenant in (cast.acme, cast.borealis):
        with tenant_transaction(tenant.pk):
            assert not Recording.objects.exists()


def test_a_removed_member_cannot_dial_whatever_token_they_hold(cast: Any, webhook: Webhook) -> None:
    """The token goes on connecting until it runs out; what is asked of us then is refused."""
    client = Client()  # Twilio has no session
    client.force_login(cast.bob.user)
    token = client.post("/api/twilio/access-token", {}, content_type="application/json").json()
    request_id = str(uuid.uuid4())

    def connect() -> Any:
        fields = {"From": f"client:{token['identity']}", "CallStatus": "ringing"}
        return webhook(VOICE, **fields, CallSid=sid("CA"), clientRequestId=request_id)

    def dial() -> Any:
        wish = {"clientRequestId": request_id, "to": "+14155550100"}
        return client.post("/api/twilio/make-call", wish, content_type="application/json")

    assert b"<Conference" in connect().content
    with tenant_transaction(cast.acme.pk):
        services.set_active(cast.bob, False)
    before = rows()
    request_id = str(uuid.uuid4())
    spoken = connect()
    assert b"<Dial" not in spoken.content and b"may not place calls" in spoken.content
    assert dial().json()["error"]["code"] == "no_tenant"
    again = client.post("/api/twilio/access-token", {}, content_type="application/json")
    assert again.status_code == 403
    User.objects.filter(pk=cast.bob.user_id).update(is_active=False)
    assert b"<Dial" not in connect().content
    assert dial().status_code == 401
    assert rows() == before
