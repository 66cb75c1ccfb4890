"""The switch room: owns calls and conferences, dials, and moves the sound at each tick."""

from __future__ import annotations

import asyncio
import json
import math
import secrets
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from typing import Any
from urllib.parse import quote

from sandbox.config import Account, Application, Config, Number
from sandbox.media.audio import SILENCE
from sandbox.telephony import clock
from sandbox.telephony.callbacks import Callback, ConferenceCallback
from sandbox.telephony.callers import Caller
from sandbox.telephony.calls import DEFAULT_TIME_LIMIT_SECONDS, Call
from sandbox.telephony.conferences import Conference
from sandbox.telephony.handsets import Handset, behaviour
from sandbox.telephony.places import geography
from sandbox.telephony.queues import Queues
from sandbox.telephony.recorder import Recorder
from sandbox.telephony.stock import Stock
from sandbox.telephony.telephones import Telephones
from sandbox.wire.faults import Faults
from sandbox.wire.log import WireLog
from sandbox.wire.webhooks import Params, Webhooks

SETUP_SECONDS = 0.03  # between initiated and ringing


class Exchange:
    """All state of one sandbox, in memory; only recordings are on disk."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.wire = WireLog()
        self.faults = Faults()
        self.webhooks = Webhooks(self.wire, self.faults)
        self.calls: dict[str, Call] = {}
        self.live: dict[str, Call] = {}  # the clock must not walk through history
        self.rooms: dict[tuple[str, str], Conference] = {}  # live, by account SID and name
        self.conferences: dict[str, Conference] = {}
        self.queues = Queues()
        self.stock = Stock(config.accounts)
        self.telephones = Telephones()
        self.recorder = Recorder(config, self.wire, self.webhooks, self.spawn)
        self.next_slot: dict[str, float] = {}
        self.under_way: Counter[str] = Counter()  # REST requests, by account SID
        self._clock: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[Any]] = set()

    # life

    def start(self) -> None:
        """Start the clock."""
        self._clock = asyncio.create_task(clock.run(self._tick))

    async def close(self) -> None:
        """Stop at once: nobody is told, as when a machine goes down."""
        tasks = [*self._tasks, *(t for c in self.calls.values() for t in c.tasks)]
        if self._clock is not None:
            tasks.append(self._clock)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for call in self.live.values():
            if call.device is not None:
                call.device.close()
        await self.webhooks.close()

    def spawn(self, task: asyncio.Task[Any]) -> None:
        """Keep a background task until it is done."""
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    @property
    def idle(self) -> bool:
        """Nothing lives and nothing is still to be told."""
        return not (self.live or self._tasks or self.webhooks.busy)

    # sound

    def _tick(self) -> None:
        calls = [call for call in self.live.values() if call.device is not None]
        if self.faults.all:
            frozen = [call for call in calls if self.faults.frozen(call.sid)]
            for call in frozen:
                call.inp = SILENCE
                calls.remove(call)
        for call in calls:
            call.take_in()
        for conference in self.rooms.values():
            conference.tick()
        for call in calls:
            if call.bridge is not None:
                call.out = call.bridge.inp
            call.give_out()

    # calls

    def add_call(self, call: Call) -> Call:
        """Take a new leg into care."""
        self.calls[call.sid] = self.live[call.sid] = call
        call.on_end.append(lambda: self._settle(call))
        return call

    def _settle(self, call: Call) -> None:
        del self.live[call.sid]
        if call.participant is not None:
            call.participant.leave("participant_hung_up")
        if call.waiting is not None:
            call.waiting.leave()
        if call.bridge is not None:
            call.bridge.bridge = None
            call.bridge = None
        for recording in call.recordings:
            self.recorder.stop(recording)

    def browser_call(self, account: Account, app: Application, from_: str, custom: Params) -> Call:
        """A call from a browser to a TwiML application; its far end is a WebRTC peer."""
        call = Call(
            account,
            self.webhooks,
            from_=from_,
            to=custom.get("To", ""),
            direction="inbound",
            base_url=self.config.base_url,
            callback=Callback(app.status_callback, app.status_callback_method),
            application_sid=app.sid,
            custom=custom,
        )
        return self.add_call(call)

    def incoming_call(
        self,
        account: Account,
        number: Number,
        from_: str,
        *,
        says: str | int = "greeting",
        caller: Caller | None = None,
        facts: Params | None = None,
    ) -> Call:
        """A pretend caller rings one of our numbers, and follows a script if it has one.

        ``facts``: more parameters of its requests, e.g. ForwardedFrom.
        """
        how = behaviour(from_)
        told, called = account.told_of(number), number.phone_number
        call = Call(
            account,
            self.webhooks,
            from_=from_,
            to=called,
            direction="inbound",
            base_url=self.config.base_url,
            callback=Callback(told.status_callback, told.status_callback_method),
            application_sid=told.sid if isinstance(told, Application) else "",
            custom=geography(from_, "From", "Caller")
            | geography(called, "To", "Called")
            | (facts or {}),
            token=_call_token(),
        )

        async def pick_up() -> Handset:
            if caller is None and how.hangs_up_after is not None:
                loop = asyncio.get_running_loop()
                loop.call_later(how.hangs_up_after, call.end, "completed")
            return Handset(says)

        call.pick_up = pick_up
        if caller is not None:
            caller.begin(call)
        return self.add_call(call)

    def dial(
        self,
        call: Call,
        *,
        timeout: float,
        time_limit: float = DEFAULT_TIME_LIMIT_SECONDS,
        on_answer: Callable[[], None],
    ) -> None:
        """Ring the pretend phone. ``timeout`` and ``time_limit`` in seconds."""
        call.own(asyncio.create_task(self._dial(call, timeout, time_limit, on_answer)))

    async def _dial(
        self, call: Call, timeout: float, time_limit: float, on_answer: Callable[[], None]
    ) -> None:
        await call.released.wait()
        await asyncio.sleep(call.queue_ms / 1000)
        how = behaviour(call.to)
        call.dialling()
        await asyncio.sleep(SETUP_SECONDS)
        if how.ends is not None and not how.rings:
            call.end(*how.ends)
            return
        call.ringing()
        if how.is_telephone:
            self.telephones.ring(call)
        rings_on = how.rings_on or self.faults.take("ring-on", call.to) is not None
        rings = math.inf if rings_on else self.config.ring_seconds
        with suppress(TimeoutError):
            await asyncio.wait_for(call.answers.wait(), min(rings, timeout))
        if not call.answers.is_set() and rings > timeout:
            call.end("no-answer", 487)
            return
        if how.ends is not None:
            call.end(*how.ends)
            return
        call.answered(call.lifted or Handset(how.says))
        on_answer()
        if how.hangs_up_after is not None:
            await asyncio.sleep(min(how.hangs_up_after, time_limit))
        else:
            await asyncio.sleep(time_limit)
        call.end("completed")

    def queue_slot(self, account: Account) -> int:
        """Milliseconds until this account may place its next API call (calls per second)."""
        rate = self.config.calls_per_second
        if not rate:
            return 0
        present = time.monotonic()
        slot = max(present, self.next_slot.get(account.sid, 0.0))
        self.next_slot[account.sid] = slot + 1 / rate
        return int((slot - present) * 1000)

    # conferences

    def conference(
        self,
        account: Account,
        name: str,
        callback: ConferenceCallback,
        base_url: str,
        region: str = "us1",
    ) -> Conference:
        """The live conference of this name in this account, or a new one."""
        key = (account.sid, name)
        if key in self.rooms:
            return self.rooms[key]
        made = Conference(account, name, callback, self.webhooks, base_url, region)
        self.conferences[made.sid] = self.rooms[key] = made

        def settle() -> None:
            del self.rooms[key]
            if made.recording is not None:
                self.recorder.stop(made.recording)

        made.on_end = settle
        return made


def _call_token() -> str:
    """As Twilio's looks: an object in percent signs, which are part of the value."""
    return quote(json.dumps({"parentCallInfoToken": secrets.token_urlsafe(48)}), safe="")
