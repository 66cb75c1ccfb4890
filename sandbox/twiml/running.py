"""Sets TwiML going on a call."""

from __future__ import annotations

import asyncio

from sandbox.telephony.calls import Call
from sandbox.telephony.exchange import Exchange
from sandbox.twiml.session import Session, Step
from sandbox.twiml.verbs import VERBS


def start(exchange: Exchange, call: Call, step: Step) -> None:
    """Run TwiML on this call in place of what runs now; it leaves a conference or queue at once."""
    participant, former = call.participant, call.session
    if call.waiting is not None:
        call.waiting.leave()
    if participant is not None:
        participant.via_api = False  # it has something to follow now
        participant.leave("participant_updated_via_api")

    async def run() -> None:
        if former is not None:
            former.cancel()
            await asyncio.wait({former})
        await Session(exchange, call, VERBS).run(step)

    call.session = asyncio.create_task(run())
    exchange.spawn(call.session)
