"""What people hear while they wait: sound built from a URL of audio or of simple TwiML."""

from __future__ import annotations

import asyncio
from array import array
from urllib.parse import urljoin

from sandbox.config import Account
from sandbox.media.audio import Clip, Samples, decode, hold_music, silence, speech
from sandbox.telephony.exchange import Exchange
from sandbox.twiml.document import TwimlError, parse
from sandbox.wire.webhooks import MEDIA_LIMIT, Params

MAX_SECONDS = 600
MAX_REDIRECTS = 5


def default_wait() -> Clip:
    """Hold music for ever."""
    return Clip(hold_music(), loop=True)


def quiet() -> Clip:
    """Silence for ever."""
    return Clip(silence(1), loop=True)


async def wait_clip(
    exchange: Exchange, account: Account, url: str, method: str, params: Params
) -> Clip:
    """What a waitUrl or HoldUrl plays: a sound again and again, TwiML to its end, and then silence
    unless it redirects, e.g. to itself.

    TwiML may hold only Say, Play, Pause and Redirect, as with Twilio's conferences. What cannot
    be had is an alert and silence.
    """
    try:
        samples, again = await _sound(exchange, account, url, method, params, 0)
    except (TwimlError, ValueError) as error:
        exchange.wire.alert(getattr(error, "code", 11200), f"{url}: {error}")
        return quiet()
    return Clip(samples, loop=again)


async def _sound(
    exchange: Exchange, account: Account, url: str, method: str, params: Params, depth: int
) -> tuple[Samples, bool]:
    """The samples, and whether they are to be played again and again."""
    answer = await exchange.webhooks.fetch(account, url, method, params, MEDIA_LIMIT)
    if answer.failure or answer.status != 200:
        raise ValueError(f"status {answer.status} {answer.failure}")
    if "xml" not in answer.content_type:
        return await asyncio.to_thread(decode, answer.body), True
    out: Samples = array("h")
    for verb in parse(answer.body.decode("utf-8", "replace")):
        if verb.name == "Say":
            out += speech(verb.text)
        elif verb.name == "Pause":
            out += silence(min(MAX_SECONDS, verb.number("length", 1)))
        elif verb.name == "Play":
            target = urljoin(url, verb.text)
            played = await exchange.webhooks.fetch(account, target, "GET", {}, MEDIA_LIMIT)
            out += await asyncio.to_thread(decode, played.body)
        elif verb.name == "Redirect":
            target, how = urljoin(url, verb.text), verb.get("method", "POST").upper()
            if target == url or depth == MAX_REDIRECTS:
                return out, True
            rest, again = await _sound(exchange, account, target, how, params, depth + 1)
            return out + rest, again
        else:
            raise TwimlError(13238, f"<{verb.name}> is not allowed while waiting")
    return out, False
