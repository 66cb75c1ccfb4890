"""<Enqueue> and, in its waiting document, <Leave>."""

from __future__ import annotations

import asyncio
import time
from urllib.parse import urljoin

from sandbox.ids import new_sid
from sandbox.twiml.document import Verb
from sandbox.twiml.session import CallOver, LeaveQueue, Session, Step
from sandbox.twiml.waiting import default_wait


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
