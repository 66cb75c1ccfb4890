"""Participants of conferences: dialled in, changed, and shown the door."""

from __future__ import annotations

import asyncio

from aiohttp import web

from sandbox.ids import rfc2822
from sandbox.rest import parsing
from sandbox.rest.conferences import find
from sandbox.rest.core import (
    PREFIX,
    ApiError,
    Json,
    account,
    after_answer,
    base_url,
    exchange,
    not_found,
    only_filters,
    paged,
)
from sandbox.rest.forms import form
from sandbox.telephony.callbacks import CONFERENCE_EVENTS, ConferenceCallback
from sandbox.telephony.calls import Call
from sandbox.telephony.conferences import Participant
from sandbox.twiml.waiting import default_wait, quiet, wait_clip

DUPLICATE_LABEL = 16025


def participant_json(p: Participant, queue_ms: int | None = None) -> Json:
    """A participant in Twilio's shape; ``queue_time`` (ms, text) only when just created."""
    status = {
        "queued": "queued",
        "ringing": "ringing",
        "in-progress": "connected",
        "completed": "complete",
    }.get(p.call.status, "failed")
    if status == "queued" and p.call.dialled:
        status = "connecting"
    found: Json = {
        "account_sid": p.call.account.sid,
        "call_sid": p.call.sid,
        "label": p.label or None,
        "call_sid_to_coach": p.call_sid_to_coach or None,
        "coaching": p.coaching,
        "conference_sid": p.conference.sid,
        "date_created": rfc2822(p.call.created),
        "date_updated": rfc2822(p.call.updated),
        "end_conference_on_exit": p.end_on_exit,
        "muted": p.muted,
        "hold": p.hold,
        "start_conference_on_enter": p.start_on_enter,
        "status": status,
        "uri": f"{PREFIX}/{p.call.account.sid}/Conferences/{p.conference.sid}"
        f"/Participants/{p.call.sid}.json",
    }
    return found | ({} if queue_ms is None else {"queue_time": str(queue_ms)})


async def create_participant(request: web.Request) -> web.Response:
    """Dial somebody into a conference, which is made when there is none of this name."""
    room, ours, fields = exchange(request), account(request), await form(request)
    from_, to = parsing.parties(fields, ours, room.config)
    callback = ConferenceCallback(
        fields.url("ConferenceStatusCallback"),
        fields.method("ConferenceStatusCallbackMethod"),
        fields.words(
            "ConferenceStatusCallbackEvent",
            "start end",
            tuple(CONFERENCE_EVENTS),
            parsing.INVALID_EVENT,
        ),
    )
    label, limit = fields.text("Label"), fields.number("MaxParticipants", 250, 2, 250)
    if len(label) > 128:
        raise ApiError(400, 20001, "Label is longer than 128 characters")
    # Timeouts below Twilio's 5 s are taken, and no 5 s are added: tests must not wait.
    timeout = fields.number("Timeout", 60, 1, 600)
    time_limit = fields.number("TimeLimit", 14_400, 1, 86_400)
    record, dual = fields.flag("Record"), parsing.channels(fields)
    recording_callback, track = parsing.recording_callback(fields), parsing.track(fields)
    record_room = fields.choice(
        "ConferenceRecord",
        "do-not-record",
        ("do-not-record", "false", "record-from-start", "true"),
    )
    room_callback = parsing.recording_callback(fields, "ConferenceRecordingStatusCallback")
    coached, coaching = fields.text("CallSidToCoach"), fields.flag("Coaching")
    region = fields.text("Region", "us1")
    wait_url, wait_method = fields.text("WaitUrl"), fields.method("WaitMethod")
    options = {
        "muted": fields.flag("Muted"),
        "start_on_enter": fields.flag("StartConferenceOnEnter", True),
        "end_on_exit": fields.flag("EndConferenceOnExit"),
        "beep": fields.choice("Beep", "true", ("true", "false", "onEnter", "onExit")),
        "early_media": fields.flag("EarlyMedia", True),
    }
    call_callback = parsing.call_callback(fields)
    for name in ("CallReason", "JitterBufferSize", "Trim", "ConferenceTrim"):
        fields.text(name)  # without an effect that could be seen from outside
    no_wait = fields.has("WaitUrl") and not wait_url
    fields.finish()

    key = request.match_info["conference"]
    if key.startswith("CF") and len(key) == 34:
        conference = find(request)
        if conference.status == "completed":
            raise not_found(request.path)
    else:
        conference = room.conference(ours, key, callback, base_url(request), region)
    if label and conference.find(label):
        raise ApiError(400, DUPLICATE_LABEL, f"Participant label {label} is in use")
    if len(conference.joined) + len(conference.pending) >= limit:
        raise ApiError(400, 16020, "The conference is full")
    call = room.add_call(
        Call(
            ours,
            room.webhooks,
            from_=from_,
            to=to,
            direction="outbound-api",
            base_url=base_url(request),
            callback=call_callback,
        )
    )
    call.queue_ms = room.queue_slot(ours)
    participant = Participant(
        conference,
        call,
        label,
        coaching=coaching or bool(coached),
        call_sid_to_coach=coached,
        via_api=True,
        **options,  # type: ignore[arg-type]
    )
    if no_wait:
        participant.wait = quiet()
    elif wait_url:
        call.own(asyncio.create_task(_load_wait(request, participant, wait_url, wait_method)))
    conference.expect(participant)
    call.on_end.append(lambda: conference.failed(participant))

    def answered() -> None:
        if record:
            room.recorder.record_call(call, "OutboundAPI", dual, recording_callback, track)
        if record_room in ("true", "record-from-start") and conference.recording is None:
            room.recorder.record_conference(conference, "Conference", room_callback)
        conference.join(participant)

    room.dial(call, timeout=timeout, time_limit=time_limit, on_answer=answered)
    after_answer(request, call.released.set)
    return web.json_response(participant_json(participant, call.queue_ms), status=201)


async def _load_wait(request: web.Request, p: Participant, url: str, method: str) -> None:
    p.wait = await wait_clip(exchange(request), p.call.account, url, method, p.call.params())


def find_participant(request: web.Request) -> Participant:
    """By call SID or label, in a conference that is not over."""
    found = find(request).find(request.match_info["participant"])
    if found is None:
        raise not_found(request.path)
    return found


async def list_participants(request: web.Request) -> web.Response:
    """Those who are in, and those who are being dialled."""
    only_filters(request, "Muted", "Hold", "Coaching")
    conference, query = find(request), request.query
    found = [
        p
        for p in conference.joined + conference.pending
        if query.get("Muted", str(p.muted)).lower() == str(p.muted).lower()
        and query.get("Hold", str(p.hold)).lower() == str(p.hold).lower()
        and query.get("Coaching", str(p.coaching)).lower() == str(p.coaching).lower()
    ]
    return paged(request, "participants", found, participant_json)


async def fetch_participant(request: web.Request) -> web.Response:
    """One."""
    return web.json_response(participant_json(find_participant(request)))


async def update_participant(request: web.Request) -> web.Response:
    """Mute, hold, coach, and whether the conference ends with them."""
    p, fields = find_participant(request), await form(request)
    conference = p.conference
    hold, muted = fields.flag("Hold", p.hold), fields.flag("Muted", p.muted)
    hold_url, hold_method = fields.url("HoldUrl"), fields.method("HoldMethod", "GET")
    coached = fields.text("CallSidToCoach", p.call_sid_to_coach)
    coaching = fields.flag("Coaching", p.coaching or bool(fields.has("CallSidToCoach") and coached))
    end_on_exit = fields.flag("EndConferenceOnExit", p.end_on_exit)
    fields.finish()
    if coaching and not any(other.call.sid == coached for other in conference.joined):
        raise ApiError(400, 13240, f"CallSidToCoach {coached!r} is not in the conference")
    was_held = p.hold
    if hold and hold_url and not was_held:
        p.hold_clip = quiet()
        p.call.own(asyncio.create_task(_load_hold(request, p, hold_url, hold_method)))
    elif hold and not was_held:
        p.hold_clip = default_wait()
    conference.set_hold(p, hold)
    conference.set_muted(p, muted)
    changed = (coaching, coached) != (p.coaching, p.call_sid_to_coach)
    p.coaching, p.call_sid_to_coach = coaching, coached
    # Set while held it has no effect, says the source of Twilio's own Flex.
    if end_on_exit != p.end_on_exit and not (was_held and hold):
        p.end_on_exit, changed = end_on_exit, True
    if changed:
        conference.modified(p)
    return web.json_response(participant_json(p))


async def _load_hold(request: web.Request, p: Participant, url: str, method: str) -> None:
    params = p.call.params() | {"ConferenceSid": p.conference.sid}
    p.hold_clip = await wait_clip(exchange(request), p.call.account, url, method, params)


async def delete_participant(request: web.Request) -> web.Response:
    """Kick. A leg still being dialled is canceled; a TwiML leg goes on after its <Dial>."""
    p = find_participant(request)
    if p in p.conference.pending:
        p.call.end("canceled")
    else:
        p.conference.leave(p, "participant_updated_via_api", kicked=True)
    return web.Response(status=204)


def routes(app: web.Application) -> None:
    """Add the resource."""
    top = PREFIX + "/{account}/Conferences/{conference}/Participants"
    app.router.add_get(top + ".json", list_participants)
    app.router.add_post(top + ".json", create_participant)
    app.router.add_get(top + "/{participant}.json", fetch_participant)
    app.router.add_post(top + "/{participant}.json", update_participant)
    app.router.add_delete(top + "/{participant}.json", delete_participant)
