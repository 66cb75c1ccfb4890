"""One leg: its facts, its states and the callbacks they cause.

Every transition is a plain function that runs to its end on the one event loop and is guarded by
the present state. So nothing can come between the check and the act, and no event goes out twice.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable, Sized
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from sandbox.config import Account
from sandbox.ids import new_sid, now, rfc2822
from sandbox.media.audio import SILENCE, Clip, Ear, Samples
from sandbox.telephony.callbacks import Callback
from sandbox.telephony.devices import Device, Gone
from sandbox.telephony.recordings import Recording
from sandbox.wire.webhooks import Params, Webhooks

TERMINAL = ("completed", "busy", "failed", "no-answer", "canceled")
DEFAULT_TIME_LIMIT_SECONDS = 14_400


class Script(Protocol):
    """What a caller follows, as far as the leg has to know it: how many ``acts`` are done."""

    at: int

    @property
    def acts(self) -> Sized: ...


class Waiting(Protocol):
    """A leg's place in a queue, as far as the leg has to know it."""

    def leave(self) -> None: ...


class Participation(Protocol):
    """A leg's part in a conference, as far as the leg has to know it."""

    via_api: bool

    def others(self) -> list[Call]: ...
    def leave(self, reason: str) -> None: ...


@dataclass(frozen=True)
class Prompt:
    """Something said or played to the far end. ``text``: the words, or the address of a sound."""

    kind: str  # say, play, digits, beep
    text: str
    at: datetime = field(default_factory=now)


class Call:
    """A CA… resource. ``status`` is REST's: queued ringing in-progress, or one of TERMINAL."""

    def __init__(
        self,
        account: Account,
        webhooks: Webhooks,
        *,
        from_: str,
        to: str,
        direction: str,
        base_url: str,
        parent: Call | None = None,
        callback: Callback | None = None,
        application_sid: str = "",
        custom: Params | None = None,
        token: str = "",
    ) -> None:
        self.account = account
        self.from_ = from_
        self.to = to
        self.direction = direction
        self.base_url = base_url
        self.parent = parent
        self.callback = callback
        self.application_sid = application_sid
        self.custom = custom or {}
        self.token = token  # CallToken: sent with requests for TwiML, by POST only
        self.sid = new_sid("CA")
        self.status = "queued" if direction.startswith("outbound") else "ringing"
        self.created = now()
        self.updated = self.created
        self.started: datetime | None = None
        self.answered_at: datetime | None = None
        self.ended_at: datetime | None = None
        self.queue_ms = 0
        self.sip_code: int | None = None
        self.answered_by: str | None = None
        self.over = asyncio.Event()
        self.released = asyncio.Event()  # set when the REST answer is out: callbacks follow it
        self.answers = asyncio.Event()  # set when whoever rings on is told to answer
        self.lifted: Device | None = None  # the telephone that somebody has answered with
        self.dialled = False
        # audio
        self.device: Device | None = None
        self.player: Clip | None = None
        self.player_done: asyncio.Event | None = None
        self.participant: Participation | None = None
        self.waiting: Waiting | None = None
        self.bridge: Call | None = None
        self.inp: Samples = SILENCE
        self.out: Samples = SILENCE
        self.said = Ear()
        self.recordings: list[Recording] = []
        self.digits: asyncio.Queue[str] = asyncio.Queue()
        self.listening = ""  # "gathering" or "recording" while a verb waits for keys
        self.prompts: list[Prompt] = []  # what was begun to be said or played to the far end
        # owners of the leg
        self.caller: Script | None = None
        self.pick_up: Callable[[], Awaitable[Device]] | None = None
        self.on_end: list[Callable[[], object]] = []
        self.tasks: set[asyncio.Task[None]] = set()
        self.session: asyncio.Task[None] | None = None
        self.fallback = ("", "POST")  # address and method, asked when any document fails
        self._webhooks = webhooks
        self._sequence = 0

    # facts

    @property
    def seconds(self) -> int:
        """Talk time in whole seconds, 0 when never answered."""
        if self.answered_at is None or self.ended_at is None:
            return 0
        return math.ceil((self.ended_at - self.answered_at).total_seconds())

    def params(self, status: str | None = None) -> Params:
        """The fields of a voice request; status callbacks add theirs."""
        found = {
            "AccountSid": self.account.sid,
            "ApiVersion": "2010-04-01",
            "CallSid": self.sid,
            "CallStatus": status or self.status,
            "Direction": self.direction,
            "From": self.from_,
            "Caller": self.from_,
            "To": self.to,
            "Called": self.to,
        }
        if self.application_sid:
            found["ApplicationSid"] = self.application_sid
        if self.parent is not None:
            found["ParentCallSid"] = self.parent.sid
        return {**self.custom, **found}

    # transitions

    def dialling(self) -> None:
        """It left the queue: ``initiated``."""
        if self.status == "queued" and not self.dialled:
            self.dialled = True
            self.started = now()
            self._fire("initiated", "initiated")

    def ringing(self) -> None:
        """The far side rings."""
        if self.status == "queued":
            self._set("ringing")
            self._fire("ringing", "ringing")

    def answered(self, device: Device) -> None:
        """Somebody picked up: from now on there is sound."""
        if self.status not in ("queued", "ringing"):
            device.close()
            return
        self.device = device
        self.answered_at = now()
        self.started = self.started or self.created
        self._set("in-progress")
        self._fire("answered", "in-progress")

    def end(self, status: str, sip_code: int | None = None) -> None:
        """The leg is over. The first ending counts, later ones do nothing."""
        if self.over.is_set():
            return
        silent = self.direction == "outbound-api" and not self.dialled
        self.sip_code = sip_code if sip_code is not None else 200 if self.answered_at else 487
        self.ended_at = now()
        self._set(status)
        self.over.set()
        current = asyncio.current_task()
        for task in self.tasks:
            if task is not current:
                task.cancel()
        if self.device is not None:
            self.device.close()
            self.device = Gone(self.device)
        # The owner of the leg takes it out of its conference and settles its recordings.
        for act in self.on_end:
            act()
        self.on_end, self.pick_up = [], None
        if not silent:  # Twilio: canceled while still queued fires nothing
            self._fire("completed", status)

    # audio

    def take_in(self) -> None:
        """First half of a clock tick: fetch what the far end said."""
        self.inp = self.device.read() if self.device is not None else SILENCE
        self.out = SILENCE
        self.said.hear(self.inp)
        if self.player is not None:
            frame = self.player.next()
            if frame is None:
                self.stop_playing()
            else:
                self.out = frame

    def give_out(self) -> None:
        """Second half: let the far end and the recordings hear."""
        for recording in self.recordings:
            if recording.running:
                recording.feed(self.inp, self.out)
        if self.device is not None:
            self.device.write(self.out)

    def play(self, clip: Clip) -> asyncio.Event:
        """Play to the far end; the event is set when it is over."""
        self.stop_playing()
        self.player = clip
        self.player_done = asyncio.Event()
        return self.player_done

    def stop_playing(self) -> None:
        """End what is being played."""
        self.player = None
        if self.player_done is not None:
            self.player_done.set()

    def others(self) -> list[Call]:
        """The legs that it is connected with."""
        if self.participant is not None:
            return self.participant.others()
        return [self.bridge] if self.bridge else []

    def press(self, digits: str) -> None:
        """The far end pressed keys: for a Gather or Record if one listens, else for the others."""
        if self.listening:
            for digit in digits.replace("w", ""):
                self.digits.put_nowait(digit)
            return
        for other in self.others():
            if other.device is not None:
                other.device.digit(digits)

    def own(self, task: asyncio.Task[None]) -> None:
        """End this task with the call."""
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    def _set(self, status: str) -> None:
        self.status = status
        self.updated = now()

    def _fire(self, event: str, status: str) -> None:
        if self.callback is None or event not in self.callback.events:
            return
        params = self.params(status) | {
            "SequenceNumber": str(self._sequence),
            "Timestamp": rfc2822(now()) or "",
            "CallbackSource": "call-progress-events",
        }
        self._sequence += 1
        if event == "completed":
            params["CallDuration"] = str(self.seconds)
            params["SipResponseCode"] = str(self.sip_code)
            if status == "completed":
                params["Duration"] = str(math.ceil(self.seconds / 60))
            for recording in self.recordings[:1]:
                if recording.source == "OutboundAPI":
                    params["RecordingSid"] = recording.sid
                    params["RecordingUrl"] = recording.url
                    params["RecordingDuration"] = str(round(recording.seconds))
        self._webhooks.event(self.account, self.callback.url, self.callback.method, params)
