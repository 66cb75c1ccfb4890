"""Runs TwiML on one call: fetches documents, walks the verbs, follows actions and redirects."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol, TypeVar
from urllib.parse import urljoin

from sandbox.media.audio import Clip, speech
from sandbox.telephony.calls import Call
from sandbox.telephony.exchange import Exchange
from sandbox.twiml.document import TwimlError, Verb, parse
from sandbox.wire.webhooks import TWIML_LIMIT, Answer, Params, TwimlUnavailable, text_of

T = TypeVar("T")
SORRY = "An application error has occurred. Goodbye."
# They do not pick up: a first <Pause> waits before the answer.
UNANSWERED = ("Reject", "Redirect", "Pause")
# What a caller may be told to do in a queue.
WAITING = ("Play", "Say", "Pause", "Hangup", "Redirect", "Leave", "Gather")
MAX_DOCUMENTS = 500  # a loop of redirects without sound is a bug of the application
HURRY_SECONDS = 0.5


class CallOver(Exception):
    """The far end is gone; nothing more can run."""


class Addresses(Protocol):
    """Where an application or a number asks for TwiML."""

    voice_url: str
    voice_method: str
    voice_fallback_url: str
    voice_fallback_method: str


@dataclass(frozen=True)
class Step:
    """Where the next document comes from: a URL to ask, or the text itself.

    ``fallback``, of a session's first step: from now on asked when any document fails.
    """

    url: str = ""
    method: str = "POST"
    extra: Params = field(default_factory=dict)
    fallback: str = ""
    fallback_method: str = "POST"
    text: str = ""

    @classmethod
    def of(cls, target: Addresses) -> Step:
        """The first step of a call to an application or a number."""
        return cls(
            target.voice_url,
            target.voice_method,
            fallback=target.voice_fallback_url,
            fallback_method=target.voice_fallback_method,
        )


class LeaveQueue(Exception):
    """<Leave> in a queue's waiting document."""


class Session:
    """The one owner of a call while TwiML runs on it. ``verbs``: what each does, by its name."""

    def __init__(self, exchange: Exchange, call: Call, verbs: Mapping[str, Handler]) -> None:
        self.exchange = exchange
        self.call = call
        self._verbs = verbs

    # entry

    async def run(self, step: Step) -> None:
        """Run until the call ends. What goes wrong is an alert and an error message to hear."""
        call = self.call
        if step.fallback:
            call.fallback = (step.fallback, step.fallback_method)
        try:
            await self.follow(step)
            await self.answer()  # whatever is no <Reject> is answered, an empty document too
            call.end("completed")
        except CallOver:
            pass
        except (TwimlUnavailable, TwimlError):
            if not call.over.is_set():
                await self._sorry()
                call.end("failed")
        except LeaveQueue:
            call.end("completed")
        except Exception as error:  # the sandbox's own bug must not leave a call without end
            self.exchange.wire.alert(0, f"sandbox error: {error!r}", call=call.sid)
            call.end("failed")
            raise

    async def follow(self, first: Step, *, waiting: bool = False) -> None:
        """Run a document and those that it leads to. ``waiting``: inside a queue.

        What cannot be had or run is an alert, and the fallback URL is asked instead, with the
        error. Raises TwimlUnavailable or TwimlError when that fails, too, or while waiting.
        """
        step: Step | None = first
        in_a_hurry = 0
        while step is not None:
            began, present = time.monotonic(), step
            try:
                step = await self._document(present, waiting)
            except (TwimlUnavailable, TwimlError) as error:
                self.alert(error, present)
                fallback, method = self.call.fallback
                if waiting or not fallback or present.url == fallback:
                    raise
                asked = present.url.partition("#")[0]
                extra = {"ErrorCode": str(error.code), "ErrorUrl": asked}
                step = Step(fallback, method, extra)
            in_a_hurry = in_a_hurry + 1 if time.monotonic() - began < HURRY_SECONDS else 0
            if in_a_hurry > MAX_DOCUMENTS:
                endless = TwimlError(0, f"more than {MAX_DOCUMENTS} documents in a row")
                self.alert(endless, first)
                raise endless

    def alert(self, error: TwimlUnavailable | TwimlError, step: Step) -> None:
        """What Twilio's Debugger would show."""
        self.exchange.wire.alert(error.code, str(error), url=step.url, call=self.call.sid)

    async def _document(self, step: Step, waiting: bool) -> Step | None:
        verbs = parse(step.text or text_of(await self.request(step)))
        for verb in verbs:
            if waiting and verb.name not in WAITING:
                raise TwimlError(12200, f"<{verb.name}> is not allowed in a queue's waitUrl")
        for verb in verbs:
            if not waiting and verb.name not in UNANSWERED:
                await self.answer()
            nxt = await self._verbs[verb.name](self, verb, step.url)
            if nxt is not None:
                return nxt
        return None

    async def request(self, step: Step, limit: int = TWIML_LIMIT) -> Answer:
        """Fetch with the call's parameters. The request goes on when the caller is gone.

        Raises TwimlUnavailable.
        """
        call = self.call
        params = call.params() | step.extra
        if call.token and step.method == "POST":
            params["CallToken"] = call.token
        asked = asyncio.create_task(
            self.exchange.webhooks.retrieve(call.account, step.url, step.method, params, limit)
        )
        self.exchange.spawn(asked)
        asked.add_done_callback(lambda done: done.cancelled() or done.exception())
        return await self.until_over(asyncio.shield(asked))

    # helpers of the verbs

    async def answer(self) -> None:
        """Pick up, once."""
        call = self.call
        if call.status == "ringing" and call.pick_up is not None:
            device = await call.pick_up()
            call.answered(device)
        if call.over.is_set():
            raise CallOver

    async def until_over(self, work: Awaitable[T], seconds: float | None = None) -> T:
        """The result of ``work``. Raises CallOver when the call ends, TimeoutError in time."""
        task = asyncio.ensure_future(work)
        over = asyncio.ensure_future(self.call.over.wait())
        try:
            await asyncio.wait({task, over}, timeout=seconds, return_when="FIRST_COMPLETED")
            if self.call.over.is_set():
                raise CallOver
            if not task.done():
                raise TimeoutError
            return task.result()
        finally:
            over.cancel()
            if not task.done():
                task.cancel()

    async def sleep(self, seconds: float) -> None:
        """Wait; CallOver when the call ends."""
        await self.until_over(asyncio.sleep(seconds))

    async def play(self, clip: Clip) -> None:
        """Play to the end."""
        await self.until_over(self.call.play(clip).wait())

    def next_step(self, verb: Verb, base: str, extra: Params) -> Step | None:
        """The step to the verb's action URL; without the attribute the document goes on."""
        if "action" not in verb.attributes:
            return None
        return Step(urljoin(base, verb.get("action")), verb.get("method", "POST").upper(), extra)

    def tell(self, step: Step | None) -> None:
        """Request an action URL whose answer can have no effect, as the caller is gone."""
        if step is not None:
            params = self.call.params() | step.extra
            self.exchange.webhooks.event(self.call.account, step.url, step.method, params)

    async def _sorry(self) -> None:
        try:
            await self.answer()
            await self.play(Clip(speech(SORRY)))
        except CallOver:
            pass


# What a verb does, given its document's URL. The Step to go on with, or None for the next verb.
Handler = Callable[[Session, Verb, str], Awaitable[Step | None]]
