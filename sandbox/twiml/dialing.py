"""<Dial>: into a conference, or bridged to a pretend phone."""

from __future__ import annotations

import asyncio
from urllib.parse import urljoin

from sandbox.media.audio import Clip, ringback
from sandbox.telephony.callbacks import (
    CALL_EVENTS,
    CONFERENCE_EVENTS,
    Callback,
    ConferenceCallback,
)
from sandbox.telephony.calls import Call
from sandbox.telephony.conferences import (
    ConferenceFull,
    DuplicateLabel,
    Participant,
)
from sandbox.telephony.recordings import Recording
from sandbox.twiml.attributes import recording_callback, words
from sandbox.twiml.document import TwimlError, Verb
from sandbox.twiml.session import CallOver, Session, Step
from sandbox.twiml.waiting import quiet, wait_clip

RECORD_WORDS = ("do-not-record", "record-from-answer", "record-from-answer-dual")


async def dial(session: Session, verb: Verb, base: str) -> Step | None:
    """One noun; text instead of a noun is a number."""
    nouns = verb.children or ((Verb("Number", {}, verb.text),) if verb.text else ())
    if len(nouns) != 1:
        raise TwimlError(0, "<Dial> with several nouns or none: not implemented by the sandbox")
    noun = nouns[0]
    if noun.name == "Conference":
        if verb.get("record", "do-not-record") != "do-not-record":
            raise TwimlError(0, "<Dial record> of a conference: not implemented by the sandbox")
        return await _conference(session, verb, noun, base)
    return await _number(session, verb, noun, base)


async def _conference(session: Session, verb: Verb, noun: Verb, base: str) -> Step | None:
    exchange, call = session.exchange, session.call
    callback = ConferenceCallback()
    if url := noun.get("statusCallback"):
        callback = ConferenceCallback(
            urljoin(base, url),
            noun.get("statusCallbackMethod", "POST").upper(),
            words(noun.get("statusCallbackEvent", "start end"), CONFERENCE_EVENTS),
        )
    if not noun.text:
        raise TwimlError(13234, "<Conference> without a name")
    label, limit = noun.get("participantLabel"), int(noun.number("maxParticipants", 250))
    if len(label) > 128:
        raise TwimlError(12200, "participantLabel is longer than 128 characters")
    conference = exchange.conference(
        call.account, noun.text, callback, call.base_url, noun.get("region", "us1")
    )
    coach = noun.get("coach")
    try:
        if coach and not any(p.call.sid == coach for p in conference.joined):
            exchange.wire.alert(13240, f"coach {coach} is not in the conference", call=call.sid)
            return session.next_step(verb, base, {"DialCallStatus": "failed"})
        conference.check(label, limit)
    except (DuplicateLabel, ConferenceFull) as error:
        code = 16025 if isinstance(error, DuplicateLabel) else 16020
        exchange.wire.alert(code, f"cannot join {noun.text}: {error}", call=call.sid)
        return session.next_step(verb, base, {"DialCallStatus": "failed"})
    participant = Participant(
        conference,
        call,
        label,
        muted=noun.flag("muted", False),
        coaching=bool(coach),
        call_sid_to_coach=coach,
        start_on_enter=noun.flag("startConferenceOnEnter", True),
        end_on_exit=noun.flag("endConferenceOnExit", False),
        beep=noun.get("beep", "true"),
    )
    wait_url = noun.attributes.get("waitUrl")
    if wait_url == "":
        participant.wait = quiet()
    elif wait_url is not None:
        method = noun.get("waitMethod", "POST").upper()
        target = urljoin(base, wait_url)

        async def load() -> None:
            participant.wait = await wait_clip(
                exchange, call.account, target, method, call.params()
            )

        call.own(asyncio.create_task(load()))
    if noun.get("record", "do-not-record") == "record-from-start" and not conference.recording:
        exchange.recorder.record_conference(
            conference, "Conference", recording_callback(noun, base)
        )
    conference.join(participant)
    limit_seconds = verb.number("timeLimit", 14_400)
    try:
        await session.until_over(participant.left.wait(), limit_seconds)
    except TimeoutError:
        participant.leave("participant_updated_via_api")
    except CallOver:
        session.tell(_answered(session, verb, base))
        raise
    except asyncio.CancelledError:
        participant.leave("participant_updated_via_api")
        raise
    return _answered(session, verb, base)


def _answered(session: Session, verb: Verb, base: str) -> Step | None:
    # No DialCallSid and no DialCallDuration after a conference.
    return session.next_step(verb, base, {"DialCallStatus": "answered", "DialBridged": "true"})


async def _number(session: Session, verb: Verb, noun: Verb, base: str) -> Step | None:
    exchange, call = session.exchange, session.call
    record, reports = verb.get("record", "do-not-record"), recording_callback(verb, base)
    if record not in RECORD_WORDS:
        raise TwimlError(0, f"<Dial record={record!r}>: not implemented by the sandbox")
    made: list[Recording] = []
    caller_id = verb.get("callerId", call.from_)
    if call.from_.startswith("client:") and not call.account.owns(caller_id):
        exchange.wire.alert(13214, f"callerId {caller_id} is not ours", call=call.sid)
        return session.next_step(verb, base, {"DialCallStatus": "failed"})
    callback = None
    if url := noun.get("statusCallback"):
        callback = Callback(
            urljoin(base, url),
            noun.get("statusCallbackMethod", "POST").upper(),
            words(noun.get("statusCallbackEvent", "completed"), CALL_EVENTS),
        )
    child = exchange.add_call(
        Call(
            call.account,
            exchange.webhooks,
            from_=caller_id,
            to=noun.text,
            direction="outbound-dial",
            base_url=call.base_url,
            parent=call,
            callback=callback,
        )
    )

    def bridge() -> None:
        call.stop_playing()
        call.bridge, child.bridge = child, call
        if record != "do-not-record":
            # On the parent: channel 1 is the parent, channel 2 the child.
            channels = 2 if record.endswith("-dual") else 1
            made.append(exchange.recorder.record_call(call, "DialVerb", channels, reports))

    call.play(Clip(ringback(), loop=True))
    child.released.set()
    exchange.dial(
        child,
        timeout=verb.number("timeout", 30),
        time_limit=verb.number("timeLimit", 14_400),
        on_answer=bridge,
    )

    def facts() -> Step | None:
        bridged = child.answered_at is not None
        extra = {
            "DialCallStatus": child.status if child.over.is_set() else "completed",
            "DialCallSid": child.sid,
            "DialCallDuration": str(child.seconds),
            "DialBridged": str(bridged).lower(),
        }
        for recording in made:
            extra |= {"RecordingSid": recording.sid, "RecordingUrl": recording.url}
        return session.next_step(verb, base, extra)

    try:
        await session.until_over(child.over.wait())
    except (CallOver, asyncio.CancelledError) as gone:
        child.end("completed" if child.answered_at else "canceled")
        if isinstance(gone, CallOver):
            session.tell(facts())
        raise
    finally:
        call.stop_playing()
        for recording in made:
            exchange.recorder.stop(recording)
    return facts()
