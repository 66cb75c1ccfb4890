"""The verbs that there are, and what the simple ones do."""

from __future__ import annotations

from urllib.parse import urljoin

from sandbox.twiml import dialing, listening, queueing, speaking
from sandbox.twiml.document import Verb
from sandbox.twiml.session import CallOver, Handler, Session, Step


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


VERBS: dict[str, Handler] = {
    "Say": speaking.say,
    "Play": speaking.play,
    "Pause": pause,
    "Redirect": redirect,
    "Hangup": hangup,
    "Reject": reject,
    "Leave": queueing.leave,
    "Enqueue": queueing.enqueue,
    "Dial": dialing.dial,
    "Gather": listening.gather,
    "Record": listening.record,
}
