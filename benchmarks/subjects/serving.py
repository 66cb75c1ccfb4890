"""How it is served: recordings, background work, start and memory, and what isolation costs."""

import os
import time
from collections.abc import Callable
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import UUID

from benchmarks import load, procfs, servers
from benchmarks.bench import Bench
from benchmarks.data import Workspace
from benchmarks.measuring import (
    Result,
    Side,
    Spread,
    again,
    measure,
    ratio,
    result,
    times_cheaper,
)
from benchmarks.subjects.webhook import AT_ONCE, Callbacks
from benchmarks.world import World

MIB = 2**20


def recordings(bench: Bench) -> list[Result]:
    """A recording of 2 MiB and one of 64 MiB, after the tenant check: sent by nginx, to which the
    product hands it over, and by the product itself; beside nginx with the same file.
    """
    of = bench.data.big[min(bench.data.big)]
    folder = Path(os.environ["RECORDINGS_DIR"])
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o755)
    (folder / "bench.wav").touch()
    results: list[Result] = []
    words = " ".join((recordings.__doc__ or "").split())
    for size in (2,) if bench.is_quick else (2, 64):
        data = os.urandom(size * MIB)
        (folder / f"bench-{size}.wav").write_bytes(data)
        request = load.get(f"/recordings/{_recording(of, size, data)}", of.agents[0].headers)
        alone = bench.product("product without a proxy", again(request))
        sides = [alone]
        if port := servers.nginx(bench.world, folder):
            children = bench.world.processes.children
            proxy, web = children["nginx"].pid, children["handing-over"].pid
            file = again(load.get(f"/bench-{size}.wav"))
            sides = [Side("product", port, again(request), web), alone]
            sides.append(Side("nginx", port, file, proxy))
        measure(bench.world, sides, rounds=bench.rounds, seconds=bench.seconds)
        found = result(f"recording of {size} MiB", "" if results else words, *sides)
        for side in sides:
            found.check(f"{side.name}: it is the recording", side.last.body == data)
        if len(sides) > 1:
            found.ratios["requests a second, × nginx"] = ratio(sides[0], sides[-1], "a second")
        else:
            found.notes.append("no limit: nginx is not installed")
        memory = procfs.resident_mb(alone.process)
        found.notes.append(f"the product that sends it itself holds {memory:.0f} MB after it")
        results.append(found)
    return results


def _recording(of: Workspace, size: int, data: bytes) -> UUID:
    from calls.models import CallLog, Recording
    from tenants.fence.context import tenant_transaction

    digest = sha256(data).hexdigest()
    with tenant_transaction(of.id):
        call = CallLog.objects.filter(outcome="completed").first()
        one = Recording.objects.create(
            tenant=of.tenant, call=call, sid=f"RE{digest[:32]}", size=len(data), sha256=digest,
            account_sid="AC" + "0" * 32, state=Recording.State.STORED, path=f"bench-{size}.wav",
            duration=60,
        )  # fmt: skip
    return UUID(str(one.pk))


def backlog(bench: Bench) -> list[Result]:
    """How fast a worker of two processes works off what has piled up: recordings to be fetched,
    each of which is gone already.
    """
    import redis

    from calls.tasks import fetch_recording
    from voip_crm import celery

    celery.app.set_default()
    of = bench.data.big[min(bench.data.big)]
    client: Any = redis.Redis.from_url(os.environ["REDIS_URL"])
    count = 20 if bench.is_quick else 600
    from benchmarks.rows import made_id

    rooms = [made_id("room", number) for number in bench.data.fresh(of, count)]
    began = time.perf_counter()
    for room in rooms:
        fetch_recording.delay(str(of.id), str(room))
    queuing = (time.perf_counter() - began) / count * 1000
    worker = bench.world.processes.of_procfile("worker", WORKER_PROCESSES="2")
    bench.world.processes.wait_for("worker", lambda: int(client.llen("celery")) < count - 10)
    left, started = int(client.llen("celery")), time.perf_counter()
    used = procfs.cpu_seconds(worker.pid)
    while client.llen("celery") or client.hlen("unacked"):
        time.sleep(0.02)
    seconds = time.perf_counter() - started
    cpu = (procfs.cpu_seconds(worker.pid) - used) / max(left, 1) * 1000
    figures = {"a second": left / seconds, "CPU ms": cpu, "queuing ms": queuing}
    found = Result("worker's backlog", " ".join((backlog.__doc__ or "").split()))
    found.sides["product"] = {name: Spread(one, one, one) for name, one in figures.items()}
    memory = procfs.resident_mb(worker.pid)
    found.notes.append(f"the worker and its two processes hold {memory:.0f} MB")
    bench.world.processes.stop("worker")
    return [found]


def _is_ready(world: World, worker: str) -> bool:
    return "ready." in world.processes.log(worker)


def start(bench: Bench) -> list[Result]:
    """From the start of each process to its first answer, and what it holds then; `./run` is warm:
    its second start.
    """
    world, found = bench.world, Result("start and memory", " ".join((start.__doc__ or "").split()))
    taken: dict[str, list[tuple[float, float]]] = {}
    kinds: dict[str, Callable[[World], int]] = {
        "web": servers.web,
        "live": servers.live,
        "bare": servers.bare,
    }

    def note(name: str, process: int, began: float) -> None:
        seconds = time.perf_counter() - began
        taken.setdefault(name, []).append((seconds, procfs.resident_mb(process)))

    for number in range(bench.rounds):
        for name, kind in kinds.items():
            world.processes.stop(name)
            began = time.perf_counter()
            kind(world)
            said = "bare Django view" if name == "bare" else name
            note(said, world.processes.children[name].pid, began)
        began = time.perf_counter()
        name = f"worker-{number}"
        worker = world.processes.of_procfile("worker", name, WORKER_PROCESSES="2")
        world.processes.wait_for(name, partial(_is_ready, world, name))
        note("worker, two processes", worker.pid, began)
        world.processes.stop(name)
    for _ in range(bench.rounds + 1):
        began = time.perf_counter()
        trial = _run(bench)
        note("./run, warm", trial, began)
        world.processes.stop("trial")
    taken["./run, warm"].pop(0)
    for name, laps in taken.items():
        seconds, memory = (Spread.of(values) for values in zip(*laps, strict=True))
        found.sides[name] = {"seconds": seconds, "MB": memory}
    return [found]


def _run(bench: Bench) -> int:
    """`./run` in a folder of its own, until it answers; its process."""
    from voip_crm.tests.harness import trial_environment

    world = bench.world
    port, sandbox = world.port("trial"), world.port("trial-sandbox")
    options = ["--port", str(port), "--sandbox-port", str(sandbox)]
    ours = trial_environment(world.folder / "trial-var")
    child = world.processes.python("trial", "manage.py", "runlocal", *options, **ours)
    world.processes.wait_for("trial", lambda: servers.answers(port, "/healthz"))
    return child.pid


def isolation(bench: Bench) -> list[Result]:
    """What row-level security costs: the same requests with its policies on and off, in turn. The
    managers' scope, the fences and the transaction's setting stay.
    """
    of = bench.data.big[min(bench.data.big)]
    tables = [
        name
        for (name,) in bench.world.rows(
            "SELECT DISTINCT quote_ident(tablename) FROM pg_policies WHERE schemaname = 'public'"
        )
    ]

    def switch(word: str) -> None:
        for table in tables:
            bench.world.sql.execute(f"ALTER TABLE {table} {word} ROW LEVEL SECURITY")

    results = []
    page = load.get("/calls", of.agents[0].headers)
    for name, expected in (("status webhook", 204), ("calls page", 200)):
        sides = []
        for word, said in (("ENABLE", "on"), ("DISABLE", "off")):
            callbacks = Callbacks(bench, of)
            make = callbacks.make if expected == 204 else again(page)
            callbacks.add(640)
            connections = AT_ONCE if expected == 204 else 1
            side = bench.product(said, make, connections=connections)
            side.before = partial(switch, word)
            sides.append(side)
        try:
            measure(
                bench.world, sides, rounds=bench.rounds, seconds=bench.seconds, expected=expected
            )
        finally:
            switch("ENABLE")
        words = " ".join((isolation.__doc__ or "").split())
        found = result(f"isolation's price, {name}", words, *sides)
        found.ratios["times cheaper than without"] = times_cheaper(*sides)
        results.append(found)
    return results


def weight(bench: Bench) -> list[Result]:
    """What the calls page of `./run` weighs in Chromium, cold and once more
    (`voip_crm/tests/weigh.py`; production's is held by a test).
    """
    import subprocess
    import sys

    from benchmarks.processes import ROOT
    from voip_crm import demo
    from voip_crm.tests import weigh

    _run(bench)
    url = f"http://localhost:{bench.world.ports['trial']}"
    command = [sys.executable, "-m", "voip_crm.tests.weigh", url, "bob@acme.example", demo.PASSWORD]
    printed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True).stdout
    bench.world.processes.stop("trial")
    found = Result("page weight", " ".join((weight.__doc__ or "").split()))
    for name, one in zip(("cold", "once more"), weigh.read(printed), strict=True):
        figures = {"KB": one.size / 1000, "requests": one.requests}
        figures |= {"painted ms": one.painted, "Ready ms": one.ready}
        found.sides[name] = {what: Spread(value, value, value) for what, value in figures.items()}
    return [found]
