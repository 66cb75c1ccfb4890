"""<Say>, <Play> and <Pause>: what the caller hears."""

from __future__ import annotations

import asyncio

from sandbox.media.audio import Clip, Samples, decode, dtmf, speech
from sandbox.telephony.calls import Prompt
from sandbox.twiml.attributes import absolute
from sandbox.twiml.document import Verb
from sandbox.twiml.session import Session, Step
from sandbox.wire.webhooks import MEDIA_LIMIT

SOUNDS = frozenset(
    f"audio/{kind}"
    for kind in "mpeg wav wave x-wav aiff x-aifc x-aiff x-gsm gsm ulaw basic".split()
)


async def say(session: Session, verb: Verb, base: str) -> Step | None:
    """Tones in the rhythm of the text."""
    # A long text takes a while to be made, and must not hold up the clock of all sound.
    samples = await session.until_over(asyncio.to_thread(speech, verb.text))
    await _repeat(session, Prompt("say", verb.text), samples, verb)
    return None


async def play(session: Session, verb: Verb, base: str) -> Step | None:
    """A sound file; one that cannot be fetched or read is an alert and silence, as at Twilio."""
    if "digits" in verb.attributes:
        digits = verb.get("digits")
        if session.call.device is not None:
            session.call.device.digit(digits.replace("w", "").replace("W", ""))
        await _repeat(session, Prompt("digits", digits), dtmf(digits), verb)
        return None
    url = absolute(base, verb.text, verb)
    samples = await fetch_sound(session, url)
    if samples is not None:
        await _repeat(session, Prompt("play", url), samples, verb)
    return None


async def pause(session: Session, verb: Verb, base: str) -> Step | None:
    """Real seconds."""
    await session.sleep(verb.number("length", 1))
    return None


async def _repeat(session: Session, prompt: Prompt, samples: Samples, verb: Verb) -> None:
    times = int(verb.number("loop", 1))
    session.call.prompts.append(prompt)
    if times == 0:
        await session.play(Clip(samples, loop=True))
    for _ in range(times):
        await session.play(Clip(samples))


async def fetch_sound(session: Session, url: str) -> Samples | None:
    """Samples of a <Play> URL, None after an alert. Twilio sends no parameters for it."""
    exchange, call = session.exchange, session.call
    work = exchange.webhooks.fetch(call.account, url, "GET", {}, MEDIA_LIMIT)
    answer = await session.until_over(work)
    code = 11200
    try:
        if answer.failure or answer.status != 200:
            raise ValueError(f"status {answer.status} {answer.failure}")
        if answer.content_type not in SOUNDS:
            code = 13420
            raise ValueError(f"Invalid Content-Type {answer.content_type}")
        if len(answer.body) > MEDIA_LIMIT:
            raise ValueError("the sound is too large")
        return await asyncio.to_thread(decode, answer.body)
    except ValueError as error:
        exchange.wire.alert(code, f"<Play> {url}: {error}", call=call.sid)
        return None
