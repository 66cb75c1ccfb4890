"""<Gather> and <Record>: verbs that listen to the caller."""

from __future__ import annotations

import asyncio
import time
from array import array
from urllib.parse import urljoin

from sandbox.media.audio import Clip, Samples, beep, silence, speech
from sandbox.twiml.attributes import recording_callback
from sandbox.twiml.document import TwimlError, Verb
from sandbox.twiml.session import CallOver, Session, Step
from sandbox.twiml.speaking import fetch_sound

QUIET_LEVEL = 200


async def gather(session: Session, verb: Verb, base: str) -> Step | None:
    """Collect digits; pressing one stops the prompt. Speech is not implemented."""
    if verb.get("input", "dtmf") != "dtmf":
        raise TwimlError(0, "<Gather> of speech is not implemented by the sandbox")
    call = session.call
    call.collecting = True
    digits, finish = "", verb.get("finishOnKey", "#")
    wanted = int(verb.number("numDigits", 0))
    try:
        prompt: Samples = array("h")
        for child in verb.children:
            if child.name == "Say":
                prompt += speech(child.text)
            elif child.name == "Pause":
                prompt += silence(child.number("length", 1))
            else:
                prompt += await fetch_sound(session, urljoin(base, child.text)) or array("h")
        done = call.play(Clip(prompt))
        first = asyncio.ensure_future(call.digits.get())
        waits = {first, asyncio.ensure_future(done.wait())}
        await session.until_over(asyncio.wait(waits, return_when="FIRST_COMPLETED"))
        call.stop_playing()
        pending: asyncio.Future[str] = first
        while True:
            try:
                digit = await session.until_over(pending, verb.number("timeout", 5))
            except TimeoutError:
                break
            if digit == finish:
                break
            digits += digit
            if wanted and len(digits) >= wanted:
                break
            pending = asyncio.ensure_future(call.digits.get())
    finally:
        call.collecting = False
        call.stop_playing()
    if not digits and not verb.flag("actionOnEmptyResult", False):
        return None
    # Without an action Twilio asks the document's own URL.
    extra = {"Digits": digits, "FinishedOnKey": finish}
    target = urljoin(base, verb.get("action"))
    return Step(target, verb.get("method", "POST").upper(), extra)


async def record(session: Session, verb: Verb, base: str) -> Step | None:
    """Record the caller until silence, a key, the limit or hang-up."""
    call, exchange = session.call, session.exchange
    if verb.flag("playBeep", True):
        await session.play(Clip(beep()))
    call.collecting = True
    recording = exchange.recorder.record_call(
        call, "RecordVerb", 1, recording_callback(verb, base), "inbound"
    )
    ends_on = verb.get("finishOnKey", "1234567890*#")
    ended_by, quiet_limit = "", verb.number("timeout", 5)
    deadline = time.monotonic() + verb.number("maxLength", 3600)
    last_sound = time.monotonic()

    def after() -> Step:
        extra = {
            "RecordingSid": recording.sid,
            "RecordingUrl": recording.url,
            "RecordingDuration": str(round(recording.seconds)),
        }
        if ended_by:
            extra["Digits"] = ended_by
        target = urljoin(base, verb.get("action"))
        return Step(target, verb.get("method", "POST").upper(), extra)

    try:
        while time.monotonic() < deadline and time.monotonic() - last_sound < quiet_limit:
            await session.sleep(0.05)
            if max(call.inp) > QUIET_LEVEL:
                last_sound = time.monotonic()
            if not call.digits.empty() and (key := call.digits.get_nowait()) in ends_on:
                ended_by = key
                break
    except CallOver:
        ended_by = "hangup"
        session.tell(after())
        raise
    finally:
        call.collecting = False
        if verb.get("trim", "trim-silence") == "trim-silence" and not ended_by:
            recording.drop_tail(time.monotonic() - last_sound)
        exchange.recorder.stop(recording)
    return after()
