"""What an open calls page asks of the server, as its scripts and its htmx attributes make it.

One place to follow them: `static/js/live.js` (ticket, stream, what counts as one's own),
`templates/_history.html` (the list, at once on news and then at most each 0.5 s, and each 30 s) and
`templates/_active_call.html` (the panel of one's own call).
"""

import asyncio
import contextlib
import json
import random
from collections.abc import Callable
from time import perf_counter
from urllib.parse import quote

from benchmarks import load
from benchmarks.load import Connection
from benchmarks.people import Person

HISTORY_AGAIN = 30.0  # seconds: also without news
HISTORY_APART = 0.5  # between two refreshes
PANEL_AGAIN = {"active": 20.0, "": 3.0}  # by the panel's state
ROWS = 25

Sent = dict[str, float]  # when Twilio told of a wish to call, by its id


class Counts:
    """What all pages have asked, and how old news were when they stood on them (seconds)."""

    def __init__(self) -> None:
        self.refreshes = 0
        self.bytes = 0
        self.failed = 0
        self.given_up = 0
        self.own: list[float] = []
        self.others: list[float] = []


class Page:
    """Of one agent. `open` loads it; it then follows the live channel until it is closed."""

    def __init__(self, person: Person, ports: tuple[int, int], sent: Sent, counts: Counts) -> None:
        self.person, self.sent, self.counts = person, sent, counts
        self.web, self.live = ports
        self.request = ""  # the wish to call of the call that it is in
        self._tasks: list[asyncio.Task[None]] = []
        self._own: list[float] = []
        self._others: list[float] = []
        self._history, self._panel = asyncio.Event(), asyncio.Event()
        self._headers = person.headers | {"Accept": "text/html", "HX-Request": "true"}

    async def open(self) -> None:
        main = Connection(self.web)
        answer = await main.ask(load.get("/calls", self.person.headers))
        if answer.status != 200:
            raise ConnectionError(f"the calls page: {answer.status}")
        main.close()
        for job in (self._listen, self._follow_history, self._follow_panel):
            self._tasks.append(asyncio.create_task(job()))

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def look_at(self, request: str) -> None:
        """The phone has news of its call (`phone:changed`)."""
        self.request = request
        self._panel.set()

    # --- the live channel -------------------------------------------------------------------------

    async def _listen(self) -> None:
        while True:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError):
                await self._stream()
            await asyncio.sleep(random.uniform(0.5, 1))
            self._history.set()  # live:resync

    async def _stream(self) -> None:
        asking = Connection(self.web)
        request = load.post("/calls/live-ticket", {}, self.person.posting)
        answer = await asking.ask(request)
        asking.close()
        ticket = json.loads(answer.body)["ticket"]
        reader, writer = await asyncio.open_connection("127.0.0.1", self.live)
        try:
            writer.write(load.get(f"/live?ticket={quote(ticket)}"))
            while line := await reader.readline():
                if line.startswith(b"data: "):
                    self._hear(json.loads(line.removeprefix(b"data: ")))
        finally:
            writer.close()

    def _hear(self, message: dict[str, str]) -> None:
        if message["type"] == "call":
            told = self.sent.get(message["request"])
            is_mine = message["agent"] == str(self.person.user_id)
            if told is not None:
                (self._own if is_mine else self._others).append(told)
            if is_mine:
                self._panel.set()
        self._history.set()

    # --- what it fetches --------------------------------------------------------------------------

    async def _follow_history(self) -> None:
        path = f"/calls?rows={ROWS}"
        headers = self._headers | {
            "HX-Target": "tbody#history_rows",
            "HX-Source": "div#history_news",
        }
        request = load.get(path, headers)
        await self._follow(self._history, lambda: (request, HISTORY_AGAIN), self._others)

    async def _follow_panel(self) -> None:
        state = ""

        def ask() -> tuple[bytes, float]:
            path = f"/calls/active?request={self.request}&error="
            again = PANEL_AGAIN.get(state, PANEL_AGAIN[""]) if self.request else 3600.0
            return load.get(path, self._headers | {"HX-Target": "div#active_call"}), again

        def answered(answer: load.Answer) -> None:
            nonlocal state
            state = "active" if b'data-call-state="active"' in answer.body else ""

        await self._follow(self._panel, ask, self._own, answered)

    async def _follow(
        self,
        news: asyncio.Event,
        ask: Callable[[], tuple[bytes, float]],
        waiting: list[float],
        answered: Callable[[load.Answer], None] = lambda _: None,
    ) -> None:
        """Ask at once on news, and each so many seconds. News that come meanwhile ask once more, a
        moment after the last time, and what is still under way is given up (`hx-sync`: replace).
        """
        connection = Connection(self.web)
        apart = HISTORY_APART if news is self._history else 0.0
        told: list[float] = []
        try:
            while True:
                _, again = ask()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(again * random.uniform(0.9, 1)):
                        await news.wait()
                news.clear()
                began = perf_counter()
                told, waiting[:] = told + waiting, []
                request, _ = ask()
                fetching = asyncio.create_task(self._fetch(connection, request, answered))
                await asyncio.wait([fetching], timeout=apart)
                more = asyncio.create_task(news.wait())
                await asyncio.wait([fetching, more], return_when=asyncio.FIRST_COMPLETED)
                more.cancel()
                if not fetching.done():
                    fetching.cancel()
                    connection.close()
                    self.counts.given_up += 1
                    continue
                now = perf_counter()
                kept = self.counts.own if waiting is self._own else self.counts.others
                kept += [now - at for at in told]
                told = []
                await asyncio.sleep(max(began + apart - now, 0))
        finally:
            connection.close()

    async def _fetch(
        self, connection: Connection, request: bytes, answered: Callable[[load.Answer], None]
    ) -> None:
        try:
            answer = await connection.ask(request)
        except (OSError, asyncio.IncompleteReadError):
            self.counts.failed += 1
            return
        self.counts.refreshes += 1
        self.counts.bytes += len(answer.head) + len(answer.body)
        if answer.status >= 400:
            self.counts.failed += 1
        answered(answer)
