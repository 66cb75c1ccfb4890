"""A live event on its way to many open pages."""

import asyncio
import json
import os
from collections.abc import Callable
from time import perf_counter
from urllib.parse import quote
from uuid import uuid4

from benchmarks import load, procfs, servers
from benchmarks.bench import Bench
from benchmarks.measuring import Result, Spread
from benchmarks.processes import Broken

EVENTS = 20  # a round
PER_PERSON = 20  # pages that one person may have open
OPENING = 50  # pages that are opened at once


def live(bench: Bench) -> list[Result]:
    """One event of a call, from Redis to all open pages of a workspace; beside a hub of thirty
    lines that is given it directly and knows no tickets, workspaces or ends.
    """
    pages = 20 if bench.is_quick else 1000
    of = bench.data.workspace("listeners", agents=-(-pages // PER_PERSON))
    hub, raw = servers.live(bench.world), servers.raw_hub(bench.world)
    from tenants.bricks.live import make_ticket

    def ticket(number: int) -> str:
        person = of.agents[number % len(of.agents)]
        return f"/live?ticket={quote(make_ticket(of.id, person.user_id))}"

    import redis

    client = redis.Redis.from_url(os.environ["REDIS_URL"])
    channel = f"live:{of.id}"
    found = Result("live event to pages", " ".join((live.__doc__ or "").split()))
    laps: dict[str, list[dict[str, float]]] = {}
    ways: list[tuple[str, int, Callable[[int], str], Callable[[str], object]]] = [
        ("product", hub, ticket, lambda text: client.publish(channel, text)),
        ("raw hub", raw, lambda _: "/stream", _by_post(raw)),
    ]
    for number in range(bench.rounds):
        for name, port, path, publish in ways:
            process = bench.world.processes.children["live" if name == "product" else "raw-hub"]
            lap = asyncio.run(_tell(process.pid, port, path, publish, pages))
            laps.setdefault(name, []).append(lap)
            arrived, memory = lap.pop("missing") == 0, lap.pop("KB a page")
            if number == 0:  # later what it has taken before is there
                found.notes.append(f"{name}: {memory:.0f} KB a page")
            if number == 0 or not arrived:
                found.check(f"{name}: each of {pages:,} pages heard all {EVENTS} events", arrived)
    for name, taken in laps.items():
        found.sides[name] = {what: Spread.of(lap[what] for lap in taken) for what in taken[0]}
    pairs = list(zip(laps["product"], laps["raw hub"], strict=True))
    found.ratios["as fast as the raw hub (p99)"] = Spread.of(
        b["p99 ms"] / a["p99 ms"] for a, b in pairs
    )
    return [found]


def _by_post(port: int) -> Callable[[str], object]:
    import http.client

    connection = http.client.HTTPConnection("127.0.0.1", port)

    def publish(text: str) -> None:
        connection.request("POST", "/publish", text)
        connection.getresponse().read()

    return publish


async def _tell(
    process: int,
    port: int,
    path: Callable[[int], str],
    publish: Callable[[str], object],
    pages: int,
) -> dict[str, float]:
    """Latencies from the publishing to each page, the hub's CPU a delivery, memory a page."""
    memory = procfs.resident_mb(process)
    heard: list[float] = []
    at = {"": 0.0}

    async def page(opened: asyncio.Semaphore, number: int, ready: asyncio.Event) -> None:
        async with opened:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(load.get(path(number)))
            while not (line := await reader.readline()).startswith(b": open"):
                if not line:
                    raise Broken("a stream was refused")
        ready.set()
        try:
            while line := await reader.readline():
                if line.startswith(b"data: ") and (name := json.loads(line[6:]).get("id")):
                    heard.append(perf_counter() - at[name])
        finally:
            writer.close()

    opened, all_ready = asyncio.Semaphore(OPENING), [asyncio.Event() for _ in range(pages)]
    tasks = [asyncio.create_task(page(opened, n, ready)) for n, ready in enumerate(all_ready)]
    await asyncio.gather(
        *(_first(task, ready) for task, ready in zip(tasks, all_ready, strict=True))
    )
    memory = (procfs.resident_mb(process) - memory) / pages * 1024
    used = procfs.cpu_seconds(process)
    for number in range(1, EVENTS + 1):
        name = str(uuid4())
        at[name] = perf_counter()
        text = json.dumps({"type": "call", "id": name, "request": name, "agent": name})
        await asyncio.to_thread(publish, text)
        for _ in range(200):
            if len(heard) >= number * pages:
                break
            await asyncio.sleep(0.01)
    used = procfs.cpu_seconds(process) - used
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await asyncio.sleep(1)  # until the hub has noticed that they are gone
    volley = load.Volley(latencies=heard)
    return {
        "p50 ms": volley.quantile(0.5) * 1000,
        "p99 ms": volley.quantile(0.99) * 1000,
        "CPU µs a delivery": used / max(len(heard), 1) * 1e6,
        "KB a page": memory,
        "missing": float(EVENTS * pages - len(heard)),
    }


async def _first(task: asyncio.Task[None], ready: asyncio.Event) -> None:
    """Until it is ready. Raises what the task raised before."""
    waiting = asyncio.create_task(ready.wait())
    await asyncio.wait([task, waiting], return_when=asyncio.FIRST_COMPLETED)
    if task.done():
        waiting.cancel()
        task.result()
