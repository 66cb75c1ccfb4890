"""Agents at work: many open pages of one workspace, and the calls that they make."""

import asyncio
import os
from dataclasses import dataclass
from time import perf_counter
from typing import Any
from uuid import UUID

from benchmarks import procfs, servers
from benchmarks.bench import Bench
from benchmarks.call_story import EVENTS, Story
from benchmarks.data import Workspace
from benchmarks.load import Volley
from benchmarks.measuring import Result, Spread
from benchmarks.page import Counts, Page

APART = 180.0  # seconds between two calls of an agent: twenty an hour
TALK = 25.0
LEVELS = [10, 20, 40, 80, 150, 300]
TOO_SLOW = 5.0  # seconds until colleagues' news: more agents would show nothing new


@dataclass
class Shift:
    """A while of work of so many agents."""

    agents: int
    seconds: float
    apart: float
    talk: float


def agents(bench: Bench) -> list[Result]:
    """Agents of one workspace at work: 20 calls an hour each and 15 events a call, the Procfile's
    processes, streams and refreshes as the page makes them. News are as old as Twilio's callback
    is when they stand on the page.
    """
    found = Result("agents at work", " ".join((agents.__doc__ or "").split()))
    shifts = [
        Shift(number, 60.0, APART, TALK) for number in LEVELS if number <= bench.most_agents
    ] or [Shift(bench.most_agents, 60.0, APART, TALK)]
    if bench.is_quick:
        shifts = [Shift(2, 2.0, 2.0, 0.5)]
    _start(bench)
    for shift in shifts:
        of = bench.data.workspace(f"work-{shift.agents}", agents=shift.agents)
        _shift(bench, of, shift, found)
        slowest = found.sides[f"{shift.agents} agents"]["colleagues' news p95 ms"].median
        if slowest > TOO_SLOW * 1000:
            found.notes.append("more agents were not tried: these wait too long already")
            break
    _stop(bench)
    return [found]


def _start(bench: Bench) -> None:
    world = bench.world
    servers.twilio(world)
    servers.live(world)
    if bench.is_quick:
        servers.web(world)
        return
    world.processes.stop("web")  # of one worker; the Procfile's has two
    servers.web(world, workers=2)
    world.processes.of_procfile("worker", WORKER_PROCESSES="2")
    world.processes.of_procfile("beat")


def _stop(bench: Bench) -> None:
    """What else is measured has one worker, and nothing beside it."""
    if not bench.is_quick:
        for name in ("beat", "worker", "web"):
            bench.world.processes.stop(name)


def _shift(bench: Bench, of: Workspace, shift: Shift, found: Result) -> None:
    world = bench.world
    ours = ("web", "live", "worker", "beat")
    roots = [
        world.processes.children[name].pid for name in ours if name in world.processes.children
    ]
    roots += [pid for pid in (world.postmaster, _redis()) if pid]
    hooks, counts = Volley(), Counts()
    before = world.value("SELECT count(*) FROM calls_callevent WHERE tenant_id <> %s", of.id)

    def leg_of(request: str) -> UUID:
        return UUID(
            str(
                world.value(
                    "SELECT l.id FROM calls_callleg l JOIN calls_conference c ON"
                    " c.id = conference_id WHERE party = 'contact' AND client_request_id = %s",
                    request,
                )
            )
        )

    async def work() -> tuple[float, float, float, list[BaseException]]:
        ports = (world.ports["web"], world.ports["live"])
        sent: dict[str, float] = {}
        pages = [Page(agent, ports, sent, counts) for agent in of.agents]
        for page in pages:
            await page.open()
        await asyncio.sleep(1 if bench.is_quick else 5)
        vars(counts).update(vars(Counts()))  # what came before is not measured
        vars(hooks).update(vars(Volley()))
        began, used, own = perf_counter(), procfs.cpu_seconds(*roots), os.times()
        calls: list[asyncio.Task[None]] = []
        failed: list[BaseException] = []
        step = shift.apart / shift.agents
        while perf_counter() - began < shift.seconds:
            page = pages[len(calls) % shift.agents]
            story = Story(page, hooks, leg_of=leg_of, talk=shift.talk)
            calls.append(asyncio.create_task(story.tell()))
            await asyncio.sleep(max(began + len(calls) * step - perf_counter(), 0))
        seconds = perf_counter() - began
        cores = (procfs.cpu_seconds(*roots) - used) / seconds
        mine = (os.times().user + os.times().system - own.user - own.system) / seconds
        told = await asyncio.gather(*calls, return_exceptions=True)
        failed += [error for error in told if isinstance(error, BaseException)]
        await asyncio.gather(*(page.settle(20) for page in pages))
        for page in pages:
            await page.close()
        shift_seconds = perf_counter() - began
        found.notes += [f"{shift.agents} agents: a call failed: {error}" for error in failed[:3]]
        made = len(calls) - len(failed)
        _check(bench, of, shift, found, made=made, failed=len(failed), before=before)
        return cores, mine, shift_seconds, failed

    cores, mine, seconds, _ = asyncio.run(work())
    figures = {
        "webhooks a second": hooks.count / seconds,
        "webhooks p95 ms": hooks.quantile(0.95) * 1000,
        "refreshes a second": counts.refreshes / seconds,
        "given up a second": counts.given_up / seconds,
        "KB a second": counts.bytes / seconds / 1000,
        "own news p50 ms": _quantile(counts.own, 0.5),
        "own news p95 ms": _quantile(counts.own, 0.95),
        "colleagues' news p50 ms": _quantile(counts.others, 0.5),
        "colleagues' news p95 ms": _quantile(counts.others, 0.95),
        "cores used": cores,
        "cores of the pages": mine,
    }
    found.sides[f"{shift.agents} agents"] = {
        name: Spread(value, value, value) for name, value in figures.items()
    }
    found.check(f"{shift.agents} agents: no refresh was refused", counts.failed == 0)


def _check(
    bench: Bench, of: Workspace, shift: Shift, found: Result, *, made: int, failed: int, before: int
) -> None:
    value = bench.world.value
    right = value(
        "SELECT count(*) FROM calls_calllog WHERE tenant_id = %s AND outcome = 'completed'", of.id
    )
    events = value("SELECT count(*) FROM calls_callevent WHERE tenant_id = %s", of.id)
    others = value("SELECT count(*) FROM calls_callevent WHERE tenant_id <> %s", of.id)
    name = f"{shift.agents} agents"
    found.check(f"{name}: all {made} calls are completed", right == made and not failed)
    found.check(f"{name}: all {made * EVENTS} events are stored", events >= made * EVENTS)
    found.check(f"{name}: no other workspace heard anything", others == before)


def _redis() -> int:
    import redis

    client: Any = redis.Redis.from_url(os.environ["REDIS_URL"])
    return int(client.info()["process_id"])


def _quantile(seconds: list[float], share: float) -> float:
    """In ms."""
    return Volley(latencies=seconds).quantile(share) * 1000
