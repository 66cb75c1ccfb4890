"""What each TwiML verb does. A verb returns the Step to go on with, or None for the next verb."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from urllib.parse import urljoin

from sandbox.ids import new_sid
from sandbox.media.audio import Clip, Samples, decode, speech
from sandbox.twiml import dialing, listening
from sandbox.twiml.document import Verb
from sandbox.twiml.session import CallOver, LeaveQueue, Session, Step
from sandbox.twiml.waiting import default_wait

Handler = Callable[[Session, Verb, str], Awaitable[Step | None]]


async def say(session: Session, verb: Verb, base: str) -> Step | None:
    """Tones in the rhythm of the text."""
    await _repeat(session, speech(verb.text), verb)
    return None


async def play(session: Session, verb: Verb, base: str) -> Step | None:
    """A sound file; one that cannot be fetched or read is an alert and silence, as at Twilio."""
    samples = await fetch_sound(session, urljoin(base, verb.text))
    if samples is not None:
        await _repeat(session, samples, verb)
    return None


async def _repeat(session: Session, samples: Samples, verb: Verb) -> None:
    times = int(verb.number("loop", 1))
    if times == 0:
        await session.play(Clip(samples, loop=True))
    for _ in range(times):
        await session.play(Clip(samples))


async def fetch_sound(session: Session, url: str) -> Samples | None:
    """Samples of a <Play> URL, None after an alert."""
    exchange, call = session.exchange, session.call
    work = exchange.webhooks.fetch(call.account, url, "GET", {})
    answer = await session.until_over(work)
    try:
        if answer.failure or answer.status != 200:
            raise ValueError(f"status {answer.status} {answer.failure}")
        return await asyncio.to_thread(decode, answer.body)
    except ValueError as error:
        exchange.wire.alert(11200, f"<Play> {url}: {error}", call=call.sid)
        return None


async def pause(session: Session, verb: Verb, base: str) -> Step | None:
    """Real seconds."""
    await session.sleep(verb.number("length", 1))
    return None


async def redirect(session: Session, verb: Verb, base: str) -> Step | None:
    """Go on elsewhere."""
    if verb.text or base:
        return Step(urljoin(base, verb.text), verb.get("method", "POST").upper())
    return None


async def hangup(session: Session, verb: Verb, base: str) -> Step | None:
    """End the call."""
    session.call.end("completed")
    raise CallOver


async def reject(session: Session, verb: Verb, base: str) -> Step | None:
    """Refuse without answering."""
    busy = verb.get("reason", "rejected") == "busy"
    session.call.end("busy", 486) if busy else session.call.end("no-answer", 603)
    raise CallOver


async def leave(session: Session, verb: Verb, base: str) -> Step | None:
    """Leave the queue."""
    raise LeaveQueue


async def enqueue(session: Session, verb: Verb, base: str) -> Step | None:
    """Wait with the waiting document until pulled out, left or hung up."""
    queue_sid, began = new_sid("QU"), time.monotonic()

    def facts(result: str = "") -> dict[str, str]:
        waited = str(int(time.monotonic() - began))
        found = {"QueueSid": queue_sid, "QueueTime": waited}
        return found | ({"QueueResult": result} if result else {})

    def after(result: str) -> Step | None:
        return session.next_step(verb, base, facts(result))

    try:
        while True:
            if not verb.get("waitUrl"):
                await session.play(default_wait())
                continue
            about = facts() | {"QueuePosition": "1", "CurrentQueueSize": "1", "AvgQueueTime": "0"}
            url = urljoin(base, verb.get("waitUrl"))
            began_document = time.monotonic()
            step = Step(url, verb.get("waitUrlMethod", "POST").upper(), about)
            await session.follow(step, waiting=True)
            # A document without sound would be asked for again and again without a breath.
            await session.sleep(max(0.0, 1 - (time.monotonic() - began_document)))
    except LeaveQueue:
        return after("leave")
    except CallOver:
        session.tell(after("hangup"))
        raise
    except asyncio.CancelledError:
        # Pulled out by REST. Twilio names this result; that it asks the URL then is unconfirmed.
        session.tell(after("redirected"))
        raise


VERBS: dict[str, Handler] = {
    "Say": say,
    "Play": play,
    "Pause": pause,
    "Redirect": redirect,
    "Hangup": hangup,
    "Reject": reject,
    "Leave": leave,
    "Enqueue": enqueue,
    "Dial": dialing.dial,
    "Gather": listening.gather,
    "Record": listening.record,
}
