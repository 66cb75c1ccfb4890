"""<Gather> and <Record>: verbs that listen to the caller."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from sandbox.media.audio import Clip, beep
from sandbox.telephony.calls import Prompt
from sandbox.telephony.recordings import QUIET_LEVEL
from sandbox.twiml.attributes import absolute, recording_callback
from sandbox.twiml.document import Verb
from sandbox.twiml.session import CallOver, Session, Step
from sandbox.twiml.speaking import pause, play, say

PROMPTS = {"Say": say, "Play": play, "Pause": pause}


async def gather(session: Session, verb: Verb, base: str) -> Step | None:
    """Collect digits; pressing one stops the prompt. Speech is not implemented."""
    call = session.call
    # Without an action Twilio asks the document's own URL.
    target = absolute(base, verb.get("action"), verb)
    call.listening, call.digits = "gathering", asyncio.Queue()
    prompts = asyncio.ensure_future(_prompts(session, verb, base))
    prompts.add_done_callback(lambda done: done.cancelled() or done.exception())
    try:
        digits, finished = await _collect(session, verb, prompts)
    finally:
        prompts.cancel()
        call.listening = ""
        call.stop_playing()
    if not digits and not verb.flag("actionOnEmptyResult", False):
        return None
    extra = {"Digits": digits, "FinishedOnKey": finished}
    return Step(target, verb.get("method", "POST").upper(), extra)


async def _prompts(session: Session, verb: Verb, base: str) -> None:
    for child in verb.children:
        await PROMPTS[child.name](session, child, base)


async def _collect(session: Session, verb: Verb, prompts: asyncio.Future[None]) -> tuple[str, str]:
    """The digits, and the key that ended them if one did."""
    call = session.call
    digits, finish = "", verb.get("finishOnKey", "#")
    wanted = int(verb.number("numDigits", 0))
    pending = asyncio.ensure_future(call.digits.get())
    try:
        both: set[asyncio.Future[Any]] = {pending, prompts}
        await session.until_over(asyncio.wait(both, return_when="FIRST_COMPLETED"))
        if prompts.done():
            prompts.result()
        else:
            prompts.cancel()
            call.stop_playing()
        while True:
            digit = await session.until_over(pending, verb.number("timeout", 5))
            if digit == finish:
                return digits, digit
            digits += digit
            if wanted and len(digits) >= wanted:
                return digits, ""
            pending = asyncio.ensure_future(call.digits.get())
    except TimeoutError:
        return digits, ""
    finally:
        pending.cancel()


async def record(session: Session, verb: Verb, base: str) -> Step | None:
    """Record the caller until silence, a key, the limit or hang-up."""
    call, exchange = session.call, session.exchange
    target = absolute(base, verb.get("action"), verb)
    if verb.flag("playBeep", True):
        call.prompts.append(Prompt("beep", "beep"))
        await session.play(Clip(beep()))
    call.listening, call.digits = "recording", asyncio.Queue()
    recording = exchange.recorder.record_call(
        call, "RecordVerb", 1, recording_callback(verb, base), "inbound"
    )
    recording.trim = verb.get("trim", "trim-silence") == "trim-silence"

    def after(ended_by: str) -> Step:
        extra = {
            "RecordingSid": recording.sid,
            "RecordingUrl": recording.url,
            "RecordingDuration": str(round(recording.seconds)),
        }
        if ended_by:
            extra["Digits"] = ended_by
        return Step(target, verb.get("method", "POST").upper(), extra)

    try:
        ended_by = await _listen(session, verb)
        # "If Twilio receives an empty recording, it will not make a request to the action URL. The
        # current call flow will continue with the next verb in the current TwiML document."
        return None if recording.is_empty else after(ended_by)
    except CallOver:
        session.tell(after("hangup"))
        raise
    finally:
        call.listening = ""
        exchange.recorder.stop(recording)


async def _listen(session: Session, verb: Verb) -> str:
    """Until silence, a key or the limit; the key that was pressed."""
    call, ends_on = session.call, verb.get("finishOnKey", "1234567890*#")
    began = last_sound = time.monotonic()
    limit = verb.number("maxLength", 3600)
    patience = verb.number("timeout", 5) or limit  # 0: silence does not end it
    while time.monotonic() - began < limit and time.monotonic() - last_sound < patience:
        await session.sleep(0.05)
        if max(call.inp) > QUIET_LEVEL:
            last_sound = time.monotonic()
        if not call.digits.empty() and (key := call.digits.get_nowait()) in ends_on:
            return key
    return ""
