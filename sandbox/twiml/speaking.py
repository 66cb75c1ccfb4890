"""<Say> and <Play>: verbs that the caller hears."""

from __future__ import annotations

import asyncio
from urllib.parse import urljoin

from sandbox.media.audio import Clip, Samples, decode, speech
from sandbox.twiml.document import Verb
from sandbox.twiml.session import Session, Step


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
