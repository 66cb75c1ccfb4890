"""Callers who ring our numbers, and what they hear and do."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from sandbox.config import Account, Number
from sandbox.control.core import find_call
from sandbox.media.audio import Ear
from sandbox.rest.calls import call_json
from sandbox.rest.core import exchange
from sandbox.rest.queues import member_json
from sandbox.telephony.callers import Caller, parse, speak, stages
from sandbox.telephony.exchange import Exchange
from sandbox.telephony.queues import Member
from sandbox.twiml import running
from sandbox.twiml.session import Step
from sandbox.wire.webhooks import Params

VOICES = ("greeting", "echo", "silence")
STIR = tuple(
    f"TN-Validation-{result}-{grade}{way}"
    for result in ("Passed", "Failed")
    for grade in "ABC"
    for way in ("", "-Diverted", "-Passthrough")
)


async def incoming(request: web.Request) -> web.Response:
    """A caller rings one of our numbers.

    ``from`` may be whatever a carrier passes on: a number in E.164, too short or too long a one,
    ``anonymous``, ``restricted``, ``unknown``, a SIP address, nothing. ``script``: see
    ``telephony.callers``; ``voice``: what the caller says meanwhile; ``forwarded_from``, ``stir``.
    """
    room, body = exchange(request), dict(await request.json())
    try:
        account, number = number_of(room, str(body.pop("to", None)))
    except LookupError as error:
        raise web.HTTPBadRequest(text=str(error)) from None
    from_, facts = str(body.pop("from", None) or ""), _facts(body)
    if from_.startswith("client:"):  # such a caller is known by an access token
        raise web.HTTPBadRequest(text="from cannot be a client")
    scripted = "script" in body
    try:
        caller = Caller(parse(body.pop("script"))) if scripted else None
    except ValueError as error:
        raise web.HTTPBadRequest(text=str(error)) from None
    echoes = from_.endswith("101")
    says = body.pop("voice", "silence" if scripted else "echo" if echoes else "greeting")
    if says not in VOICES and (type(says) is not int or not 20 <= says <= 4000):
        raise web.HTTPBadRequest(text=f"voice must be hertz or one of {', '.join(VOICES)}")
    if body:
        raise web.HTTPBadRequest(text=f"unknown key {', '.join(sorted(body))}")
    call = room.incoming_call(account, number, from_, says=says, caller=caller, facts=facts)
    running.start(room, call, Step.of(account.told_of(number)))
    return web.json_response(call_json(call), status=201)


def _facts(body: dict[str, Any]) -> Params:
    found = {}
    if forwarded := body.pop("forwarded_from", ""):
        found["ForwardedFrom"] = str(forwarded)
    if stir := body.pop("stir", ""):
        if stir not in STIR:
            raise web.HTTPBadRequest(text=f"stir must be one of {', '.join(STIR)}")
        # Twilio passes the verdict on only with the passport that it is about.
        found |= {"StirVerstat": str(stir), "StirPassportToken": "eyJhbGciOiJFUzI1NiJ9.e30.AA"}
    return found


def number_of(room: Exchange, text: str) -> tuple[Account, Number]:
    """One of our numbers that takes calls. Raises LookupError, which says why it is none."""
    for account in room.config.accounts.values():
        for number in account.numbers.values():
            if number.phone_number == text:
                if not account.told_of(number).voice_url:
                    raise LookupError("the number has no voice URL")
                return account, number
    raise LookupError(f"{text} is none of our numbers")


async def far_speak(request: web.Request) -> web.Response:
    """The far side says ``{"hertz": 440, "seconds": 2}``, or the greeting without ``hertz``."""
    call, body = find_call(request), await request.json()
    await speak(call, body.get("hertz", "greeting"), float(body.get("seconds", 1)))
    return web.json_response({})


async def far_follow(request: web.Request) -> web.Response:
    """The far side, also one that was called, follows ``{"script": […]}`` from now on."""
    call = find_call(request)
    try:
        caller = Caller(parse((await request.json()).get("script")))
    except ValueError as error:
        raise web.HTTPBadRequest(text=str(error)) from None
    if not call.over.is_set():
        caller.begin(call)
    return web.json_response({})


async def fetch_call(request: web.Request) -> web.Response:
    """A call as its far side knows it."""
    call = find_call(request)
    ear = call.device.ear if call.device is not None else Ear()
    script = call.caller
    return web.json_response(
        {
            "sid": call.sid,
            "status": call.status,
            "stages": stages(call),
            "prompts": [
                {"kind": p.kind, "text": p.text, "at": p.at.isoformat()} for p in call.prompts
            ],
            "tones": ear.tones,
            "said_tones": call.said.tones,
            "queue": member_json(call.waiting) if isinstance(call.waiting, Member) else None,
            "bridged_with": [other.sid for other in call.others()],
            "script": None if script is None else {"done": script.at, "of": len(script.acts)},
        }
    )


def routes(app: web.Application) -> None:
    """Add the doors."""
    app.router.add_post("/sandbox/incoming", incoming)
    app.router.add_get("/sandbox/calls/{call}", fetch_call)
    app.router.add_post("/sandbox/calls/{call}/speak", far_speak)
    app.router.add_post("/sandbox/calls/{call}/follow", far_follow)
