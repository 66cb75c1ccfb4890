"""Requests to the application: signed, timed, retried as the URL's fragment asks."""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import aiohttp
from yarl import URL

from sandbox.config import Account
from sandbox.ids import new_sid, now
from sandbox.wire.faults import Faults
from sandbox.wire.log import WireLog
from sandbox.wire.signing import signature

HARD_CAP_SECONDS = 15.0  # for everything about a call, retries included
HELD_SECONDS = 5.0
TWIML_LIMIT = 64 * 1024
MEDIA_LIMIT = 16 * 1024 * 1024
RETRY_PAUSE_SECONDS = 0.1  # Twilio documents none; without one a restart could not be outlived
Params = dict[str, str]


@dataclass
class Override:
    """Connection overrides of a URL's fragment; times in seconds."""

    retries: int = 1
    policy: frozenset[str] = frozenset({"ct"})
    connect: float = 5.0
    read: float = 15.0
    total: float = 15.0

    @classmethod
    def of(cls, url: str) -> Override:
        """Read ``#rc=5&rp=all&ct=2000&rt=3000&tt=…``; what is out of range keeps its default."""
        fragment = dict(parse_qsl(urlsplit(url).fragment))
        found = cls()

        def number(key: str, low: int, high: int, default: float) -> float:
            text = fragment.get(key, "")
            return int(text) if text.isdigit() and low <= int(text) <= high else default

        found.retries = int(number("rc", 0, 5, 1))
        if "rp" in fragment:
            policy = set(fragment["rp"].split(","))
            found.policy = frozenset({"4xx", "5xx", "ct", "rt"} if "all" in policy else policy)
        found.connect = number("ct", 100, 10_000, 5000) / 1000
        found.read = number("rt", 100, 15_000, 15_000) / 1000
        found.total = number("tt", 100, 15_000, 15_000) / 1000
        return found


@dataclass
class Answer:
    """What came back. ``failure``: '' | ct | rt | 3xx | 4xx | 5xx.

    A POST is not sent on to another address (3xx); so a redirect that adds a slash is a failure.
    """

    status: int = 0
    body: bytes = b""
    content_type: str = ""
    failure: str = ""


@dataclass
class Made:
    """A request to the application about a call, and what came of it."""

    url: str  # without its fragment
    method: str
    params: Params
    at: datetime
    milliseconds: int
    answer: Answer
    sid: str = field(default_factory=lambda: new_sid("VW"))


class TwimlUnavailable(Exception):
    """No TwiML came; ``code`` is Twilio's error code for why."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


class Webhooks:
    """The only place that calls the application."""

    def __init__(self, wire: WireLog, faults: Faults) -> None:
        self._wire = wire
        self._faults = faults
        self._session: aiohttp.ClientSession | None = None
        self.made: defaultdict[str, list[Made]] = defaultdict(list)  # by the call's SID
        self._held: list[asyncio.Event] = []
        self._tasks: set[asyncio.Task[None]] = set()

    async def close(self) -> None:
        """Give up what is under way."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._session is not None:
            await self._session.close()

    @property
    def busy(self) -> bool:
        """Whether a callback is still to be delivered."""
        return bool(self._tasks)

    def event(self, account: Account, url: str, method: str, params: Params) -> None:
        """Fire a callback whose answer does not matter. Each is a request of its own."""
        if not url:
            return
        task = asyncio.create_task(self._event(account, url, method, params))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def fetch(
        self, account: Account, url: str, method: str, params: Params, limit: int = TWIML_LIMIT
    ) -> Answer:
        """One signed request with its retries; never raises, says ``failure`` instead.

        Of a body that is longer than ``limit`` a byte more is read.
        """
        override, started = Override.of(url), now()
        token = str(uuid.uuid4())
        entry = self._wire.add("webhook", url=url, method=method, params=params, attempts=[])
        deadline = asyncio.get_running_loop().time() + HARD_CAP_SECONDS
        answer = Answer(failure="rt")
        for attempt in range(override.retries + 1):
            left = deadline - asyncio.get_running_loop().time()
            if left <= 0:
                break
            if attempt:
                await asyncio.sleep(min(left, RETRY_PAUSE_SECONDS * attempt))
            answer = await self._once(account, url, method, params, override, token, left, limit)
            outcome: dict[str, Any] = {"status": answer.status, "failure": answer.failure}
            entry["attempts"].append(outcome)
            if not answer.failure or answer.failure not in override.policy:
                break
        entry["status"] = answer.status
        self._note(url, method, params, answer, started)
        return answer

    def _note(
        self, url: str, method: str, params: Params, answer: Answer, started: datetime
    ) -> None:
        if call_sid := params.get("CallSid"):
            took = round((now() - started).total_seconds() * 1000)
            made = Made(url.partition("#")[0], method, params, started, took, answer)
            self.made[call_sid].append(made)

    async def _once(
        self,
        account: Account,
        url: str,
        method: str,
        params: Params,
        override: Override,
        token: str,
        left: float,
        limit: int,
    ) -> Answer:
        target = url.partition("#")[0]
        data: bytes | None = urlencode(params).encode()
        if method == "GET":
            target += ("&" if "?" in target else "?") + urlencode(params)
            data = None
        headers = {
            "X-Twilio-Signature": signature(
                account.auth_token, target, [] if method == "GET" else params.items()
            ),
            "I-Twilio-Idempotency-Token": token,
            "User-Agent": "TwilioProxy/1.1",
            "Accept": "*/*",
        }
        if self._faults.take("query-sort", f"{target} {urlencode(params)}"):
            address, mark, query = target.partition("?")
            target = address + mark + "&".join(sorted(query.split("&")))
        if data is not None:
            headers["Content-Type"] = "application/x-www-form-urlencoded; charset=UTF-8"
        timeout = aiohttp.ClientTimeout(
            total=min(override.total, left),
            sock_connect=min(override.connect, left),
            sock_read=override.read,
        )
        try:
            async with self._client().request(
                method,
                URL(target, encoded=True),
                data=data,
                headers=headers,
                timeout=timeout,
                allow_redirects=method == "GET",
            ) as response:
                body = await response.content.read(limit + 1)
                while len(body) <= limit and not response.content.at_eof():
                    body += await response.content.read(limit + 1 - len(body))
                failure = {3: "3xx", 4: "4xx", 5: "5xx"}.get(response.status // 100, "")
                return Answer(response.status, body, response.content_type, failure)
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError, ValueError):
            return Answer(failure="ct")
        except (aiohttp.ClientError, TimeoutError):
            return Answer(failure="rt")

    def _client(self) -> aiohttp.ClientSession:
        if self._session is None:
            # No proxy of the environment, no kept connections: each callback stands alone.
            connector = aiohttp.TCPConnector(force_close=True, limit=0)
            self._session = aiohttp.ClientSession(connector=connector, trust_env=False)
        return self._session

    async def twiml(self, account: Account, url: str, method: str, params: Params) -> str:
        """Ask for TwiML. Raises TwimlUnavailable."""
        return text_of(await self.retrieve(account, url, method, params))

    async def retrieve(
        self, account: Account, url: str, method: str, params: Params, limit: int = TWIML_LIMIT
    ) -> Answer:
        """Ask for what a call goes on with: TwiML, or a sound. Raises TwimlUnavailable."""
        subject = f"{url} {urlencode(params)}"
        if self._faults.take("twiml-drop", subject):
            raise TwimlUnavailable(11205, "HTTP connection failure (ordered by a fault)")
        if delay := self._faults.take("twiml-delay", subject):
            await asyncio.sleep(1 if delay.seconds is None else delay.seconds)
        if twice := self._faults.take("twiml-duplicate", subject):
            for _ in range(twice.copies - 1):
                await self.fetch(account, url, method, params, limit)
        answer = await self.fetch(account, url, method, params, limit)
        if answer.failure == "ct":
            raise TwimlUnavailable(11205, "HTTP connection failure")
        if answer.failure or answer.status >= 300:
            raise TwimlUnavailable(11200, f"HTTP retrieval failure (status {answer.status})")
        if len(answer.body) > limit:
            raise TwimlUnavailable(11750, "TwiML response body too large")
        return answer

    async def _event(self, account: Account, url: str, method: str, params: Params) -> None:
        subject, held = f"{url} {urlencode(params)}", list(self._held)
        if self._faults.take("webhook-drop", subject):
            self._wire.add("webhook-dropped", url=url, params=params)
            self._note(url, method, params, Answer(failure="rt"), now())  # lost on its way
            return
        if self._faults.take("webhook-reorder", subject):
            follow = asyncio.Event()
            self._held.append(follow)
            with contextlib.suppress(TimeoutError):  # nothing came after it: send it all the same
                await asyncio.wait_for(follow.wait(), HELD_SECONDS)
            self._held.remove(follow)
            await self._send(account, url, method, params)
            return
        if delay := self._faults.take("webhook-delay", subject):
            await asyncio.sleep(1 if delay.seconds is None else delay.seconds)
        twice = self._faults.take("webhook-duplicate", subject)
        for _ in range(twice.copies if twice else 1):
            await self._send(account, url, method, params)
        for follow in held:  # those that waited before this one came
            follow.set()

    async def _send(self, account: Account, url: str, method: str, params: Params) -> None:
        answer = await self.fetch(account, url, method, params)
        if answer.failure:
            code = 11205 if answer.failure == "ct" else 15003
            self._wire.alert(code, "Callback failed: " + answer.failure, url=url)


def text_of(answer: Answer) -> str:
    """The TwiML of an answer. Raises TwimlUnavailable."""
    if len(answer.body) > TWIML_LIMIT:
        raise TwimlUnavailable(11750, "TwiML response body too large")
    if answer.content_type not in ("text/xml", "application/xml", "text/html"):
        raise TwimlUnavailable(12300, f"Invalid Content-Type {answer.content_type}")
    return answer.body.decode("utf-8", "replace")
