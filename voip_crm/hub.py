"""The open pages of a process of the live channel, and what they are told (`voip_crm.live`)."""

import asyncio
import json
import logging
import time
from collections import defaultdict

from tenants.bricks import live as sender

log = logging.getLogger(__name__)

KEEP_ALIVE_SECONDS = 15.0
# Of one user. The newest is refused, and asks less and less often; were the oldest ended, it would
# come back at once, and two pages take turns for ever.
MOST_STREAMS = 20
QUEUE_LENGTH = 100
SLOWEST_RETRY_SECONDS = 5.0
# So long colleagues' calls wait to be told together: of 300 people's a page would hear 25 a second,
# and it asks about them every 2.5 s (static/js/news.js).
TOGETHER_SECONDS = 0.25

DEAF = b'data: {"type": "deaf"}\n\n'
RESYNC = b'data: {"type": "resync"}\n\n'

Page = asyncio.Queue[bytes | None]  # None ends the stream


class Hub:
    """The open pages of this process, by channel, and the one subscription that feeds them.

    `redis_url` may be empty: then only what is published in this process reaches the pages.
    """

    def __init__(self, redis_url: str) -> None:
        self._redis_url = redis_url
        self._pages: dict[str, set[Page]] = defaultdict(set)
        # What is still to be told, and those who know it already, by channel.
        self._kept_back: dict[str, list[tuple[bytes, set[Page]]]] = {}
        self._ended: dict[str, float] = {}  # when the streams of a user or tenant were ended
        self._used: dict[str, float] = {}  # tickets, and when they were made
        self._loop: asyncio.AbstractEventLoop | None = None
        # The loop keeps weak references only: a task without one is collected under load.
        self._subscription: asyncio.Task[None] | None = None
        self._hears = not redis_url

    @property
    def hears(self) -> bool:
        """Whether what is published now would be heard, as far as is known."""
        return self._hears

    async def is_ready(self) -> bool:
        """Whether what is published now would be heard; waits a second for the first contact."""
        self._start()
        for _ in range(20):
            if self._hears:
                return True
            await asyncio.sleep(0.05)
        return False

    def join(self, *channels: str) -> Page:
        self._start()
        page: Page = asyncio.Queue(QUEUE_LENGTH)
        if not self._hears:
            put(page, DEAF)
        for channel in channels:
            self._pages[channel].add(page)
        return page

    def is_full(self, channel: str) -> bool:
        return len(self._pages.get(channel, ())) >= MOST_STREAMS

    def leave(self, page: Page, *channels: str) -> None:
        for channel in channels:
            self._pages[channel].discard(page)
            if not self._pages[channel]:
                del self._pages[channel]

    def deliver(self, channel: str, text: str) -> None:
        if channel.startswith(sender.END_PREFIX):
            self._end(sender.CHANNEL_PREFIX + channel.removeprefix(sender.END_PREFIX))
            return
        event, message = f"data: {text}\n\n".encode(), json.loads(text)
        agent = message.get("agent")
        pages = self._pages.get(channel, set())
        now = pages & self._pages.get(sender.CHANNEL_PREFIX + agent, set()) if agent else pages
        for page in now:
            put(page, event)
        # What rings concerns nobody else; told to all, a ring at everyone would be its square.
        if now == pages or message.get("type") == "ring":
            return
        if channel not in self._kept_back:
            asyncio.get_running_loop().call_later(TOGETHER_SECONDS, self._tell_together, channel)
        self._kept_back.setdefault(channel, []).append((event, now))

    def _tell_together(self, channel: str) -> None:
        kept_back = self._kept_back.pop(channel)
        who_knows = set().union(*(told for _, told in kept_back))
        everything = b"".join(event for event, _ in kept_back)
        for page in self._pages.get(channel, ()):
            if page not in who_knows:
                put(page, everything)
            elif rest := [event for event, told in kept_back if page not in told]:
                put(page, b"".join(rest))

    def _end(self, channel: str) -> None:
        now = time.time()
        oldest = now - 2 * sender.TICKET_SECONDS  # two machines' clocks differ a little
        self._ended = {c: at for c, at in self._ended.items() if at > oldest} | {channel: now}
        for page in self._pages.get(channel, ()):
            put(page, None)

    def has_ended(self, channel: str, ticket_at: float) -> bool:
        """Whether a ticket made at `ticket_at` is from before the streams of `channel` ended."""
        return ticket_at <= self._ended.get(channel, 0.0)

    def use(self, ticket: str, made_at: float) -> bool:
        """Whether this ticket opens a stream: it opens one."""
        if ticket in self._used:
            return False
        oldest = time.time() - 2 * sender.TICKET_SECONDS
        self._used = {t: at for t, at in self._used.items() if at > oldest} | {ticket: made_at}
        return True

    def deliver_from_thread(self, channel: str, text: str) -> None:
        loop = self._loop
        if loop is not None and not loop.is_closed():
            loop.call_soon_threadsafe(self.deliver, channel, text)

    def tell_all(self, event: bytes | None) -> None:
        for page in set().union(*self._pages.values()):
            put(page, event)

    def close(self) -> None:
        """End all streams, so that a stopping server need not wait for them."""
        self.tell_all(None)

    def _start(self) -> None:
        loop = asyncio.get_running_loop()
        if self._loop is loop:
            return
        self._loop = loop
        if self._redis_url:
            self._subscription = loop.create_task(self._subscribe(self._redis_url))

    async def _subscribe(self, url: str) -> None:
        """Feed the pages from Redis, for ever; each (re)connection sends a resync."""
        # Imported here: a sixth of a second, which ./run need not wait for.
        from redis import RedisError
        from redis import asyncio as aioredis
        from redis.asyncio.retry import Retry
        from redis.backoff import NoBackoff

        delay = 0.1
        while True:
            try:
                client = aioredis.Redis.from_url(
                    url, socket_connect_timeout=2, retry=Retry(NoBackoff(), 0)
                )
                async with client, client.pubsub() as pubsub:
                    await pubsub.psubscribe(f"{sender.CHANNEL_PREFIX}*")
                    silent = False
                    while True:
                        message = await pubsub.get_message(timeout=KEEP_ALIVE_SECONDS)
                        if message is None and silent:
                            raise RedisError("no answer to a ping")
                        silent = message is None
                        if message is None:
                            await pubsub.ping()
                        elif message["type"] == "psubscribe":
                            self._hears = True
                            self.tell_all(RESYNC)
                            delay = 0.1
                        elif message["type"] == "pmessage":
                            self.deliver(message["channel"].decode(), message["data"].decode())
            except (RedisError, OSError) as error:
                log.warning("The live channel lost Redis (again in %.1f s): %s", delay, error)
            except Exception:
                log.exception("The live channel's subscription failed (again in %.1f s)", delay)
            if self._hears:
                self._hears = False
                self.tell_all(DEAF)
            await asyncio.sleep(delay)
            delay = min(delay * 2, SLOWEST_RETRY_SECONDS)


def put(page: Page, event: bytes | None) -> None:
    """Queue without waiting; a page too slow to read gets one resync for all that it missed."""
    if page.full():
        waiting = [page.get_nowait() for _ in range(page.qsize())]
        event = None if event is None or None in waiting else RESYNC
    page.put_nowait(event)
