"""The live channel: who hears what, and what happens when Redis goes away and comes back."""

import asyncio
import contextlib
import json
import os
import signal
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
import time_machine
import uvicorn

from tenants.bricks import courier
from tenants.bricks import live as sender
from tenants.bricks.breaker import Breaker
from voip_crm import hub as hubs
from voip_crm import live
from voip_crm.tests.environment import free_port
from voip_crm.tests.harness import find_redis

ACME, BOREALIS = uuid4(), uuid4()
DEAF, RESYNC, SEEN = {"type": "deaf"}, {"type": "resync"}, {"type": "seen?"}


class Stream:
    """One open page, read without a browser."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def next_line(self, beginning: str, seconds: float = 10.0) -> str:
        async with asyncio.timeout(seconds):
            while line := await self.reader.readline():
                if line.decode().startswith(beginning):
                    return line.decode().strip()
        raise EOFError

    async def message(self, seconds: float = 10.0) -> Any:
        """The next one that is no question whether the page is there."""
        while (message := await self.next_message(seconds)) == SEEN:
            pass
        return message

    async def next_message(self, seconds: float = 10.0) -> Any:
        return json.loads((await self.next_line("data:", seconds)).partition(":")[2])

    async def heard(self) -> Any:
        """The next message that does not say that nothing is heard."""
        while (message := await self.message()) == DEAF:
            pass
        return message

    async def is_silent(self, seconds: float = 0.3) -> bool:
        try:
            await self.message(seconds)
        except TimeoutError:
            return True
        return False


class Channel:
    """A running live server; `open` is what a page does."""

    def __init__(self, port: int) -> None:
        self.port = port

    async def request(self, path: str, method: str = "GET") -> tuple[int, Stream]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.write(f"{method} {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        status = int((await reader.readline()).split()[1])
        return status, Stream(reader, writer)

    async def open(self, tenant_id: UUID, user_id: object = "someone") -> Stream:
        ticket = sender.make_ticket(tenant_id, user_id)
        status, stream = await self.request(f"/live?ticket={ticket}")
        assert status == 200
        await stream.next_line(": open")
        return stream


@contextlib.asynccontextmanager
async def serving(hub: hubs.Hub, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Channel]:
    monkeypatch.setattr(live, "hub", hub)
    monkeypatch.setattr(sender, "_local", [hub.deliver_from_thread])
    port = free_port()
    server = uvicorn.Server(
        uvicorn.Config(
            live.application,
            port=port,
            lifespan="off",
            log_config=None,
            timeout_graceful_shutdown=1,
        )
    )
    serving = asyncio.create_task(server._serve())
    while not server.started:
        await asyncio.sleep(0.01)
    yield Channel(port)
    hub.close()
    server.should_exit = True
    await serving


@pytest.fixture
async def channel(monkeypatch: Any, settings: Any) -> AsyncIterator[Channel]:
    settings.REDIS_URL = ""
    async with serving(hubs.Hub(""), monkeypatch) as channel:
        yield channel


async def test_a_message_reaches_every_page_of_its_tenant_and_no_other(channel: Channel) -> None:
    first, second = await channel.open(ACME), await channel.open(ACME)
    other = await channel.open(BOREALIS)
    await asyncio.to_thread(sender.publish, ACME, {"type": "call", "id": "c1"})
    assert await first.message() == await second.message() == {"type": "call", "id": "c1"}
    assert await other.is_silent()
    await asyncio.to_thread(sender.publish, BOREALIS, {"type": "call", "id": "c2"})
    assert await other.message() == {"type": "call", "id": "c2"}
    assert await first.is_silent()


async def test_what_rings_at_somebody_is_told_to_their_pages_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(hubs, "TOGETHER_SECONDS", 0.05)
    hub = hubs.Hub("")
    alice, bob = uuid4(), uuid4()
    pages = [hub.join(f"live:{ACME}", f"live:{user}") for user in (alice, bob, bob)]
    elsewhere = hub.join(f"live:{BOREALIS}", f"live:{bob}")
    for kind in ("ring", "availability"):
        hub.deliver(f"live:{ACME}", json.dumps({"type": kind, "agent": str(bob)}))
    await asyncio.sleep(0.1)
    heard = [
        b"".join(page.get_nowait() or b"" for _ in range(page.qsize())).count(b'"ring"')
        for page in [*pages, elsewhere]
    ]
    assert heard == [0, 1, 1, 0]
    assert not pages[0].qsize() and not hub._kept_back


async def test_ones_own_calls_are_told_at_once_and_colleagues_together_each_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(hubs, "TOGETHER_SECONDS", 0.05)
    hub = hubs.Hub("")
    acme, borealis = f"live:{ACME}", f"live:{BOREALIS}"
    people = {name: uuid4() for name in ("alice", "bob", "dora")}
    pages = {name: hub.join(acme, f"live:{user}") for name, user in people.items()}
    other = hub.join(borealis, f"live:{people['bob']}")  # at work in another workspace, too

    def told(page: hubs.Page) -> list[str]:
        """What each write to a page would be: the ids in it."""
        chunks = [page.get_nowait() or b"" for _ in range(page.qsize())]
        return [
            "".join(json.loads(line[6:])["id"] for line in chunk.decode().split("\n") if line)
            for chunk in chunks
        ]

    def call(name: str, agent: str) -> None:
        hub.deliver(acme, json.dumps({"type": "call", "id": name, "agent": str(people[agent])}))

    call("1", "bob")
    call("2", "alice")
    call("3", "bob")
    assert {name: told(page) for name, page in pages.items()} == {
        "alice": ["2"],
        "bob": ["1", "3"],
        "dora": [],
    }
    await asyncio.sleep(0.1)
    assert {name: told(page) for name, page in pages.items()} == {
        "alice": ["13"],
        "bob": ["2"],
        "dora": ["123"],
    }
    call("4", "bob")
    hub.leave(pages.pop("dora"), acme, f"live:{people['dora']}")
    await asyncio.sleep(0.1)
    assert told(pages["alice"]) == ["4"] == told(pages["bob"])
    assert other.empty() and not hub._kept_back


@pytest.mark.parametrize(
    "ticket", ["", "nonsense", "eyJ0ZW5hbnQiOiJ4In0:1abc:forged", sender._SALT]
)
async def test_a_bad_ticket_is_401(channel: Channel, ticket: str) -> None:
    status, _ = await channel.request(f"/live?ticket={ticket}")
    assert status == 401


async def test_a_ticket_is_good_for_a_minute(channel: Channel) -> None:
    with time_machine.travel(0, tick=False) as clock:
        ticket = sender.make_ticket(ACME, "someone")
        clock.shift(59)
        assert sender.read_ticket(ticket)[:2] == (str(ACME), "someone")
    status, _ = await channel.request(f"/live?ticket={ticket}")
    assert status == 401


@pytest.mark.parametrize(("method", "path"), [("POST", "/live"), ("GET", "/live/x"), ("GET", "/")])
async def test_anything_else_is_404(channel: Channel, method: str, path: str) -> None:
    status, _ = await channel.request(path, method)
    assert status == 404


async def test_a_quiet_stream_is_kept_alive(channel: Channel, monkeypatch: Any) -> None:
    monkeypatch.setattr(live, "KEEP_ALIVE_SECONDS", 0.1)
    stream = await channel.open(ACME)
    assert await stream.next_line(": keep-alive") and await stream.next_line(": keep-alive")


async def test_each_page_is_asked_now_and_then_whether_it_is_there(
    channel: Channel, monkeypatch: Any
) -> None:
    monkeypatch.setattr(live, "FIRST_SEEN_SECONDS", (0.1, 0.1))
    monkeypatch.setattr(live, "SEEN_SECONDS", 0.2)
    monkeypatch.setattr(live, "KEEP_ALIVE_SECONDS", 0.05)
    began = asyncio.get_running_loop().time()
    stream = await channel.open(ACME)
    assert await stream.next_message() == SEEN
    # What it is told in between puts nothing off.
    await asyncio.to_thread(sender.publish, ACME, {"type": "call", "id": "c1"})
    assert await stream.next_message() == {"type": "call", "id": "c1"}
    assert await stream.next_message() == SEEN
    assert asyncio.get_running_loop().time() - began >= 0.3


async def test_pages_that_would_hear_nothing_are_not_asked(
    channel: Channel, monkeypatch: Any
) -> None:
    monkeypatch.setattr(live, "FIRST_SEEN_SECONDS", (0.05, 0.05))
    monkeypatch.setattr(live, "SEEN_SECONDS", 0.05)
    monkeypatch.setattr(live.hub, "_hears", False)
    stream = await channel.open(ACME)
    assert await stream.next_message() == DEAF
    assert await stream.next_line(":") == live.KEEP_ALIVE.decode().strip()
    monkeypatch.setattr(live.hub, "_hears", True)
    assert await stream.next_message() == SEEN


async def test_a_stream_ends_in_time_and_leaves_the_hub(channel: Channel, monkeypatch: Any) -> None:
    monkeypatch.setattr(live, "STREAM_SECONDS", 0.2)
    stream = await channel.open(ACME)
    assert live.hub._pages
    assert await stream.next_line("0") == "0"  # the last chunk
    assert not live.hub._pages


@pytest.mark.parametrize("owner", ["user", "tenant"])
async def test_the_streams_of_a_changed_user_or_tenant_end_and_no_others(
    channel: Channel, owner: str
) -> None:
    bob, alice, charlie = uuid4(), uuid4(), uuid4()
    bobs = [await channel.open(ACME, bob), await channel.open(ACME, bob)]
    alices, charlies = await channel.open(ACME, alice), await channel.open(BOREALIS, charlie)
    await asyncio.to_thread(sender.end_streams, bob if owner == "user" else ACME)
    for stream in bobs if owner == "user" else [*bobs, alices]:
        assert await stream.next_line("0") == "0"  # the last chunk
    assert await charlies.is_silent()
    for tenant in (ACME, BOREALIS):
        await asyncio.to_thread(sender.publish, tenant, {"type": "call", "id": "c1"})
    assert await charlies.message() == {"type": "call", "id": "c1"}
    if owner == "user":
        assert await alices.message() == {"type": "call", "id": "c1"}


async def test_a_ticket_from_before_the_end_opens_no_stream(channel: Channel) -> None:
    bob = uuid4()
    before = sender.make_ticket(ACME, bob)
    alices = sender.make_ticket(ACME, uuid4())
    await channel.open(ACME, bob)
    await asyncio.to_thread(sender.end_streams, bob)
    async with asyncio.timeout(5):
        while live.hub._pages:
            await asyncio.sleep(0.01)
    assert (await channel.request(f"/live?ticket={before}"))[0] == 401
    assert (await channel.request(f"/live?ticket={alices}"))[0] == 200
    await channel.open(ACME, bob)  # by a new ticket, as a member gets one


async def test_one_person_has_twenty_streams_and_others_are_not_in_their_way(
    channel: Channel,
) -> None:
    async def come() -> tuple[int, Any]:
        return await channel.request(f"/live?ticket={sender.make_ticket(ACME, 'bob')}")

    streams = [await come() for _ in range(20)]
    assert {status for status, _ in streams} == {200}
    assert (await come())[0] == 429
    await channel.open(ACME, "alice")
    streams[0][1].writer.close()
    async with asyncio.timeout(5):
        while (await come())[0] != 200:
            await asyncio.sleep(0.05)


async def test_a_ticket_opens_one_stream(channel: Channel) -> None:
    ticket = sender.make_ticket(ACME, "bob")
    statuses = [(await channel.request(f"/live?ticket={ticket}"))[0] for _ in range(3)]
    assert statuses == [200, 401, 401]


async def test_a_closed_page_leaves_the_hub(channel: Channel) -> None:
    stream = await channel.open(ACME)
    stream.writer.close()
    async with asyncio.timeout(5):
        while live.hub._pages:
            await asyncio.sleep(0.01)


async def test_a_page_too_slow_to_read_gets_one_resync_for_what_it_missed() -> None:
    hub = hubs.Hub("")
    page = hub.join("live:x")
    for number in range(hubs.QUEUE_LENGTH + 1):
        hub.deliver("live:x", f'{{"id": {number}}}')
    assert page.get_nowait() == hubs.RESYNC
    assert page.empty()
    hub.close()
    for _ in range(hubs.QUEUE_LENGTH + 1):
        hub.deliver("live:x", "{}")
    assert page.get_nowait() is None


class Redis:
    """A Redis server of this test's own, which can be killed."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.port = folder, free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self.start()

    def start(self) -> None:
        self.process = subprocess.Popen(
            [find_redis(), "--port", str(self.port), "--bind", "127.0.0.1", "--save", ""],
            cwd=self.folder,
            stdout=subprocess.DEVNULL,
        )

    def kill(self) -> None:
        os.kill(self.process.pid, signal.SIGKILL)
        assert self.process.wait() == -signal.SIGKILL


@pytest.fixture
def redis_server(tmp_path: Path) -> Iterator[Redis]:
    server = Redis(tmp_path)
    yield server
    server.kill()


async def test_redis_killed_and_restarted_costs_a_resync_and_nothing_more(
    redis_server: Redis, monkeypatch: Any, settings: Any
) -> None:
    settings.REDIS_URL = redis_server.url
    monkeypatch.setattr(courier, "redis", Breaker("Redis", seconds=0))
    async with serving(hubs.Hub(redis_server.url), monkeypatch) as channel:
        acme, borealis = await channel.open(ACME), await channel.open(BOREALIS)
        assert await acme.heard() == RESYNC and await borealis.heard() == RESYNC
        for round_ in range(3):
            sender.publish(ACME, {"type": "call", "id": round_})
            assert await acme.message() == {"type": "call", "id": round_}
            redis_server.kill()
            sender.publish(ACME, {"type": "call", "id": "lost"})  # raises nothing
            assert await acme.message() == await borealis.message() == DEAF  # so they look
            redis_server.start()
            assert await acme.message() == RESYNC and await borealis.message() == RESYNC
        assert await borealis.is_silent()


async def test_streams_end_through_redis_too(
    redis_server: Redis, monkeypatch: Any, settings: Any
) -> None:
    settings.REDIS_URL = redis_server.url
    bob = uuid4()
    async with serving(hubs.Hub(redis_server.url), monkeypatch) as channel:
        bobs, alices = await channel.open(ACME, bob), await channel.open(ACME, uuid4())
        assert await bobs.heard() == await alices.heard() == RESYNC
        await asyncio.to_thread(sender.end_streams, bob)
        assert await bobs.next_line("0") == "0"
        assert await alices.is_silent()


async def test_every_event_reaches_every_one_of_many_pages(channel: Channel) -> None:
    pages = [await channel.open(ACME, number) for number in range(50)]
    for number in range(20):
        await asyncio.to_thread(sender.publish, ACME, {"type": "call", "id": number})
    for page in pages:
        assert [(await page.message())["id"] for _ in range(20)] == list(range(20))
    assert len(live.hub._pages[f"{sender.CHANNEL_PREFIX}{ACME}"]) == 50


async def test_it_is_ready_while_it_hears_redis(
    redis_server: Redis, monkeypatch: Any, settings: Any
) -> None:
    settings.REDIS_URL = redis_server.url
    async with serving(hubs.Hub(redis_server.url), monkeypatch) as channel:
        async with asyncio.timeout(10):
            while (await channel.request("/live/readyz"))[0] != 200:
                await asyncio.sleep(0.05)
        redis_server.kill()
        async with asyncio.timeout(10):
            while (await channel.request("/live/readyz"))[0] != 503:
                await asyncio.sleep(0.05)
        redis_server.start()
        async with asyncio.timeout(10):
            while (await channel.request("/live/readyz"))[0] != 200:
                await asyncio.sleep(0.05)
