"""What an open calls page asks of the server, as its scripts and its htmx attributes make it.

One place to follow them: `static/js/live.js` (ticket, stream, what counts as one's own),
`static/js/ringing.js` (that the page is there, which it says when it is asked),
`templates/_active_call.html` (the panel of one's own call), and for the list of calls
`static/js/news.js` and `history.js`: at once on news of one's own, else at its turn, telling which
rows it has, and nothing else as long as there is a stream.
"""

import asyncio
import contextlib
import json
import random
import re
from collections.abc import Callable
from time import perf_counter
from urllib.parse import quote

from benchmarks import load
from benchmarks.load import Connection
from benchmarks.people import Person

TURN = 2.5  # seconds between two turns of a page
NEVER = float("inf")
PANEL_AGAIN = {"active": 20.0, "": 3.0}  # by the panel's state
ROWS = 25
_ROW = re.compile(r'<tr [^>]*?data-(?:seen="(\d+) (\d+)"|v="([^"]*)")')
_TOTAL = re.compile(r'id="history_total"[^>]*>([^<]*)<')

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
        self.versions: list[str] = []  # of its rows
        self.total = ""
        self._place, self._due = random.random() * TURN, NEVER
        self._tasks: list[asyncio.Task[None]] = []
        self._owed = 0  # news that it has heard of and does not show yet
        self._own: list[float] = []
        self._others: list[float] = []
        self._history, self._panel, self._asked = (asyncio.Event() for _ in range(3))
        self._headers = person.headers | {"Accept": "text/html", "HX-Request": "true"}

    async def open(self) -> None:
        main = Connection(self.web)
        answer = await main.ask(load.get("/calls", self.person.headers))
        if answer.status != 200:
            raise ConnectionError(f"the calls page: {answer.status}")
        main.close()
        self._read(answer)
        for job in (self._listen, self._follow_history, self._follow_panel, self._be_seen):
            self._tasks.append(asyncio.create_task(job()))

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def settle(self, seconds: float) -> None:
        """Until it shows all that it has heard of, at most so long."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while self._owed:
                    await asyncio.sleep(0.05)

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
            self._look(at_once=True)  # live:resync

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
        if message["type"] == "seen?":
            self._asked.set()
        if message["type"] not in ("call", "resync"):
            return
        told = self.sent.get(message.get("request", ""))
        is_mine = message.get("agent") == str(self.person.user_id)
        if is_mine:
            self._panel.set()
        if message["type"] == "call" and not message["id"]:
            return  # there is no row to show yet
        if told is not None:
            self._owed += 1
            (self._own if is_mine else self._others).append(told)
        self._look(at_once=is_mine or message["type"] != "call")

    def _look(self, *, at_once: bool) -> None:
        """At the history: now, or at this page's next turn."""
        now = perf_counter()
        due = now if at_once else now + TURN - (now + self._place) % TURN
        self._due = min(self._due, due)
        self._history.set()

    async def _be_seen(self) -> None:
        connection = Connection(self.web)
        try:
            while await self._asked.wait():
                self._asked.clear()
                answer = await connection.ask(load.post("/calls/seen", {}, self.person.posting))
                self.counts.failed += answer.status != 204
        finally:
            connection.close()

    # --- what it fetches --------------------------------------------------------------------------

    async def _follow_history(self) -> None:
        more = {"HX-Target": "tbody#history_rows", "HX-Source": "div#history_news"}

        def ask() -> tuple[bytes, float]:
            query = f"rows={ROWS}&seen={'.'.join(self.versions)}&total={quote(self.total)}"
            return load.get(f"/calls?{query}", self._headers | more), NEVER

        await self._follow(self._history, ask, self._others, self._read)

    def _read(self, answer: load.Answer) -> None:
        """Which rows stand there now."""
        if answer.status != 200:
            return  # 204: the same
        text, before = answer.text, self.versions
        found: list[str] = []
        for start, stop, version in _ROW.findall(text):
            found += [version] if version else before[int(start) : int(stop)]
        self.versions = found
        if total := _TOTAL.search(text):
            self.total = total[1]

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
        """Ask on news, and each so many seconds. News that come meanwhile ask once more: of the
        list after the answer, of the panel at once, and what is under way is given up (`hx-sync`).
        """
        connection = Connection(self.web)
        is_list = news is self._history
        told: list[float] = []
        try:
            while True:
                _, again = ask()
                if await _within(news, again * random.uniform(0.9, 1)) and is_list:
                    while (left := self._due - perf_counter()) > 0:
                        news.clear()
                        await _within(news, left)  # what comes may be due before that
                    self._due = NEVER
                news.clear()
                told, waiting[:] = told + waiting, []
                request, _ = ask()
                fetching = asyncio.create_task(self._fetch(connection, request, answered))
                if is_list:
                    await fetching
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
                self._owed -= len(told)
                told = []
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


async def _within(news: asyncio.Event, seconds: float) -> bool:
    """Whether there were news in this time."""
    if seconds == NEVER:
        return await news.wait()
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            return await news.wait()
    return False
