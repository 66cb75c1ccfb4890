"""Sides in turn, round after round: rates, latencies, CPU, and the ratios between them."""

import asyncio
import statistics
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any

from benchmarks import load, procfs
from benchmarks.load import Volley
from benchmarks.world import World


@dataclass(frozen=True)
class Spread:
    """The median of the rounds, the least and the most."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Iterable[float]) -> "Spread":
        ordered = sorted(values)
        return cls(statistics.median(ordered), ordered[0], ordered[-1])

    def __str__(self) -> str:
        if self.low == self.high:
            return _short(self.median)
        return f"{_short(self.median)} ({_short(self.low)}–{_short(self.high)})"


def _short(value: float) -> str:
    if abs(value) >= 100 or value == int(value):
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


@dataclass
class Side:
    """Who is measured: on a port, by requests. `make(seconds)` yields the requests of one lap, for
    at least a request and about so long; `process` is whose CPU is counted; `statements` and
    `trips` are what one request asks of the database; `before` is done before each lap. `rate`:
    so many are sent a second, 0 as many as are answered.
    """

    name: str
    port: int
    make: Callable[[float], Iterator[bytes]]
    process: int
    connections: int = 1
    rate: float = 0.0
    statements: float | None = None
    trips: float | None = None
    before: Callable[[], None] = lambda: None
    laps: list[dict[str, float]] = field(default_factory=list)
    answered: dict[int, int] = field(default_factory=dict)
    last: load.Answer = field(default_factory=lambda: load.Answer(0, b"", b""))

    @property
    def figures(self) -> dict[str, Spread]:
        names = self.laps[0] if self.laps else {}
        found = {name: Spread.of(lap[name] for lap in self.laps) for name in names}
        for name, value in (("statements", self.statements), ("round trips", self.trips)):
            if value is not None:
                found[name] = Spread(value, value, value)
        return found


@dataclass
class Result:
    """Of a subject: what each side took, ratios (above 1 is better for the product), and what was
    found to be right (or not) about the rows.
    """

    name: str
    words: str
    sides: dict[str, dict[str, Spread]] = field(default_factory=dict)
    ratios: dict[str, Spread] = field(default_factory=dict)
    checks: list[tuple[str, bool]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def check(self, said: str, is_true: bool) -> None:
        self.checks.append((said, is_true))


def again(request: bytes) -> Callable[[float], Iterator[bytes]]:
    """The same request, for so many seconds."""

    def make(seconds: float) -> Iterator[bytes]:
        until = perf_counter() + seconds
        yield request
        while perf_counter() < until:
            yield request

    return make


def by_turns(requests: list[bytes]) -> Callable[[float], Iterator[bytes]]:
    """These requests, one after the other and then from the beginning."""

    def make(seconds: float) -> Iterator[bytes]:
        until = perf_counter() + seconds
        number = 0
        while number == 0 or perf_counter() < until:
            yield requests[number % len(requests)]
            number += 1

    return make


def measure(
    world: World, sides: list[Side], *, rounds: int, seconds: float, expected: int = 200
) -> None:
    """A short lap to warm up, then so many rounds: each side once, in the order reversed in every
    other round. Raises `Broken` for an answer that is not as expected.
    """
    for side in sides:
        _lap(world, side, min(seconds, 1.0), expected)
        side.laps.clear()
    for number in range(rounds):
        for side in sides if number % 2 == 0 else sides[::-1]:
            _lap(world, side, seconds, expected)


def _lap(world: World, side: Side, seconds: float, expected: int) -> None:
    from benchmarks.processes import Broken

    def used() -> tuple[float, float]:
        database = procfs.cpu_seconds(world.postmaster) if world.postmaster else 0.0
        return procfs.cpu_seconds(side.process), database

    side.before()
    server, database = used()
    fired = load.fire(side.port, side.make(seconds), connections=side.connections, rate=side.rate)
    volley: Volley = asyncio.run(fired)
    server_after, database_after = used()
    if volley.statuses != {expected: volley.count}:
        raise Broken(f"{side.name} answered {volley.statuses}: {volley.last.body[:500]!r}")
    side.answered[expected] = side.answered.get(expected, 0) + volley.count
    side.last = volley.last
    side.laps.append(
        {
            "a second": volley.count / volley.seconds,
            "CPU ms": (server_after - server) / volley.count * 1000,
            "database CPU ms": (database_after - database) / volley.count * 1000,
            "p50 ms": volley.quantile(0.5) * 1000,
            "p95 ms": volley.quantile(0.95) * 1000,
            "p99 ms": volley.quantile(0.99) * 1000,
            "bytes": volley.size / volley.count,
        }
    )


def ratio(over: Side, under: Side, what: str) -> Spread:
    """Of two sides' laps of the same round."""
    pairs = zip(over.laps, under.laps, strict=True)
    return Spread.of(a[what] / b[what] for a, b in pairs if b[what])


def times_cheaper(mine: Side, other: Side) -> Spread:
    """How much less CPU a request takes here, of server and database together, than there."""

    def cost(lap: dict[str, float]) -> float:
        return lap["CPU ms"] + lap["database CPU ms"]

    pairs = zip(mine.laps, other.laps, strict=True)
    return Spread.of(cost(b) / cost(a) for a, b in pairs if cost(a))


def count(
    ask: Callable[[], tuple[int, int]], port: int, requests: list[bytes]
) -> tuple[float, float]:
    """(statements, round trips) that one of these requests asks of the database; the first of them
    warms up. `ask` is how many there were so far.
    """
    asyncio.run(load.fire(port, requests[:1], connections=1))
    before = ask()
    asyncio.run(load.fire(port, requests[1:], connections=1))
    after, each = ask(), len(requests) - 1
    return (after[0] - before[0]) / each, (after[1] - before[1]) / each


def result(name: str, words: str, *sides: Side) -> Result:
    return Result(name, words, {side.name: side.figures for side in sides})


def plain(value: Any) -> Any:
    """As JSON takes it."""
    if isinstance(value, Spread):
        return {"median": value.median, "low": value.low, "high": value.high}
    if isinstance(value, dict):
        return {name: plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    return value
