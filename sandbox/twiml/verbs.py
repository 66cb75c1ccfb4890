"""The verbs that there are, and what the simple ones do."""

from __future__ import annotations

from sandbox.twiml import dialing, listening, queueing, speaking
from sandbox.twiml.attributes import absolute
from sandbox.twiml.document import Verb
from sandbox.twiml.session import CallOver, Handler, Session, Step


async def redirect(session: Session, verb: Verb, base: str) -> Step | None:
    """Go on elsewhere."""
    return Step(absolute(base, verb.text, verb), verb.get("method", "POST").upper())


async def hangup(session: Session, verb: Verb, base: str) -> Step | None:
    """End the call."""
    session.call.end("completed")
    raise CallOver


async def reject(session: Session, verb: Verb, base: str) -> Step | None:
    """Refuse without answering; after other verbs it only hangs up."""
    if session.call.answered_at is not None:
        session.call.end("completed")
    elif verb.get("reason", "rejected") == "busy":
        session.call.end("busy", 486)
    else:
        session.call.end("no-answer", 603)
    raise CallOver


VERBS: dict[str, Handler] = {
    "Say": speaking.say,
    "Play": speaking.play,
    "Pause": speaking.pause,
    "Redirect": redirect,
    "Hangup": hangup,
    "Reject": reject,
    "Leave": queueing.leave,
    "Enqueue": queueing.enqueue,
    "Dial": dialing.dial,
    "Gather": listening.gather,
    "Record": listening.record,
}
