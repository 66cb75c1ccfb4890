"""<Enqueue> and, in its waiting document, <Leave>."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace

from sandbox.media.audio import Clip, decode
from sandbox.telephony.calls import Prompt
from sandbox.telephony.queues import Member, QueueFull
from sandbox.twiml.attributes import absolute
from sandbox.twiml.document import TwimlError, Verb
from sandbox.twiml.session import CallOver, LeaveQueue, Session, Step
from sandbox.twiml.speaking import SOUNDS
from sandbox.twiml.waiting import default_wait
from sandbox.wire.webhooks import MEDIA_LIMIT, TwimlUnavailable, text_of

BREATH_SECONDS = 1.0  # a waiting document without sound is not asked for more often


async def leave(session: Session, verb: Verb, base: str) -> Step | None:
    """Leave the queue."""
    raise LeaveQueue


async def enqueue(session: Session, verb: Verb, base: str) -> Step | None:
    """Wait with the waiting document until pulled out, left or hung up."""
    call, exchange = session.call, session.exchange
    if "action" in verb.attributes:
        absolute(base, verb.get("action"), verb, 14203)
    try:
        wait_url = verb.get("waitUrl") and absolute(base, verb.get("waitUrl"), verb, 14202)
        member = exchange.queues.named(call.account, verb.text).join(call)
    except TwimlError as error:
        session.alert(error, Step(base))
        return session.next_step(verb, base, {"QueueResult": "error"})
    except QueueFull:
        exchange.wire.alert(14207, f"the queue {verb.text} is full", call=call.sid)
        return session.next_step(verb, base, {"QueueResult": "queue-full"})

    def after(result: str) -> Step | None:
        member.leave()
        facts = {
            "QueueResult": result,
            "QueueSid": member.queue.sid,
            "QueueTime": str(member.seconds),
        }
        return session.next_step(verb, base, facts)

    try:
        await _wait(session, verb, wait_url, member)
    except LeaveQueue:
        return after("leave")
    except (TwimlUnavailable, TwimlError):
        return after("error")
    except CallOver:
        session.tell(after("hangup"))
        raise
    except asyncio.CancelledError:
        # Pulled out by REST: the URL is asked right away, and what it answers has no effect.
        session.tell(after("redirected"))
        raise
    return after("error")


async def _wait(session: Session, verb: Verb, url: str, member: Member) -> None:
    """For ever. What goes wrong is an alert and raised."""
    call, method = session.call, verb.get("waitUrlMethod", "POST")
    if "waitUrl" not in verb.attributes:
        call.prompts.append(Prompt("play", "default hold music"))
        await session.play(default_wait())
    if not url:
        await session.until_over(asyncio.Event().wait())
    while True:
        began, step = time.monotonic(), Step(url, method, member.facts())
        try:
            answer = await session.request(step, MEDIA_LIMIT)
            if answer.content_type in SOUNDS:
                samples = await asyncio.to_thread(decode, answer.body)
                call.prompts.append(Prompt("play", url))
                await session.play(Clip(samples))
                text = None
            else:
                text = text_of(answer) or " "  # nothing at all is no document either
        except (TwimlUnavailable, ValueError) as error:
            failed = error if isinstance(error, TwimlUnavailable) else TwimlError(11200, str(error))
            session.alert(failed, step)
            raise failed from None
        if text is not None:
            await session.follow(replace(step, text=text), waiting=True)
        await session.sleep(max(0.0, BREATH_SECONDS - (time.monotonic() - began)))
