"""The status webhook: what Twilio tells of a leg, four times a call."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from time import perf_counter
from uuid import UUID

from benchmarks import people, twilio_says
from benchmarks.bench import Bench
from benchmarks.data import Workspace, leg_of, sid_of, tenant_of
from benchmarks.measuring import Result, Side, measure, ratio, result, times_cheaper
from benchmarks.rows import made_id

# The last one is late: whoever believes the order in which they come tells a wrong end.
STATUSES = [("initiated", 0), ("in-progress", 2), ("completed", 3), ("ringing", 1)]
AT_ONCE = 8  # connections, as Twilio uses several
GROUP = 4 * AT_ONCE  # calls whose callbacks come interleaved


class Callbacks:
    """The callbacks of fresh calls, as long as a lap goes on; what was sent is remembered."""

    def __init__(self, bench: Bench, of: Workspace, tenants: list[UUID] | None = None) -> None:
        self.bench, self.of, self.tenants = bench, of, tenants or [of.id]
        self.supply: list[int] = []
        self.sent: list[int] = []
        self.count = 0

    def make(self, seconds: float) -> Iterator[bytes]:
        until = perf_counter() + seconds
        group: list[int] = []
        while not group or perf_counter() < until:
            group = self._take()
            for request in self.of_calls(group):
                self.count += 1
                yield request

    def _take(self) -> list[int]:
        if len(self.supply) < GROUP:
            self.add(20 * GROUP)
        group, self.supply = self.supply[:GROUP], self.supply[GROUP:]
        self.sent += group
        return group

    def add(self, count: int) -> None:
        self.supply += self.bench.data.fresh(self.of, count, self.tenants)

    def of_calls(self, calls: Iterable[int]) -> Iterator[bytes]:
        stories = [
            list(twilio_says.story(tenant_of(n, self.tenants), leg_of(n), sid_of(n), STATUSES))
            for n in calls
        ]
        for step in zip(*stories, strict=True):
            yield from step


def webhook(bench: Bench) -> list[Result]:
    """Status callbacks over eight connections: signature, event stored, folded, rows written;
    beside the described server, which updates one row, and a bare Django view that does the same.
    """
    of = bench.data.big[min(bench.data.big)]
    mine, theirs, bare = (Callbacks(bench, of) for _ in range(3))
    ours, needed = [mine], 20 * GROUP if bench.is_quick else 60 * GROUP
    product = bench.product("product", mine.make, connections=AT_ONCE)
    sides, others = [product], []
    if bench.has_peer:
        theirs.add(4 * needed)
        bare.add(4 * needed)
        others.append(bench.peer("described server", theirs.make, connections=AT_ONCE))
        others.append(bench.bare("bare Django view", bare.make, connections=AT_ONCE))
    if not bench.is_quick:
        tenants = people.workspaces(bench.world, 1000, of.agents[0])
        ours.append(Callbacks(bench, of, tenants))
        many = ours[-1].make
        sides.append(bench.product("product, 1,000 workspaces", many, connections=AT_ONCE))
    for callbacks in ours:
        callbacks.add(needed)
    _remember(bench)
    events = "SELECT count(*) FROM calls_callevent WHERE kind = 'call'"
    before = bench.world.value(events)
    everybody = sides + others
    measure(bench.world, everybody, rounds=bench.rounds, seconds=bench.seconds, expected=204)
    calmly = _half_loaded(bench, product, others[:1])
    stored = bench.world.value(events) - before
    sent = [number for callbacks in ours for number in callbacks.sent]
    changed = _changed(bench, sent)
    bench.count_product(product, list(_counted(bench, of)))
    if bench.has_peer:
        bench.count_peer(others[0], list(_counted(bench, of)))
    found = result("status webhook", _words(), *everybody)
    for other in others:
        found.ratios[f"requests a second, × {other.name}"] = ratio(product, other, "a second")
        found.ratios[f"times cheaper than the {other.name}"] = times_cheaper(product, other)
    told = sum(callbacks.count for callbacks in ours)
    found.check(f"each of {told:,} callbacks is a stored event", stored == told)
    found.check(
        f"each of {len(sent):,} calls is completed, with its length, though told late that it"
        " rings",
        _told(bench, sent) == [("completed", "completed", 61, len(sent))],
    )
    found.check("no other call, of this workspace or another, has changed", changed == 0)
    if bench.has_peer:
        wrong = bench.world.value(
            'SELECT count(*) FROM described."CallLog" WHERE id = ANY(%s) AND status <> %s',
            [str(made_id("call", n)) for n in theirs.sent],
            "completed",
        )
        found.notes.append(
            f"the described server tells a wrong status of {wrong:,} of its {len(theirs.sent):,}"
            " calls: it believes what comes last"
        )
    return [found, *calmly]


def _half_loaded(bench: Bench, product: Side, others: list[Side]) -> list[Result]:
    """The same at half of what the product can do, at given moments."""
    if bench.is_quick:
        return []
    rate = product.figures["a second"].median / 2
    calm = [replace(side, rate=rate, laps=[], answered={}) for side in (product, *others)]
    measure(bench.world, calm, rounds=bench.rounds, seconds=bench.seconds, expected=204)
    words = f"The same at half of the product's load: {rate:.0f} a second, however long one takes."
    found = result("status webhook, half load", words, *calm)
    for other in calm[1:]:
        found.ratios[f"as fast as the {other.name} (p99)"] = ratio(other, calm[0], "p99 ms")
    return [found]


def _words() -> str:
    return " ".join((webhook.__doc__ or "").split())


def _counted(bench: Bench, of: Workspace) -> Iterator[bytes]:
    callbacks = Callbacks(bench, of)
    calls = bench.data.fresh(of, 5)
    yield from callbacks.of_calls(calls[:1])
    yield from callbacks.of_calls(calls[1:])


def _remember(bench: Bench) -> None:
    """How all calls of all workspaces are now."""
    bench.world.sql.execute(
        "CREATE TEMP TABLE remembered AS"
        " SELECT id, hashtextextended(c::text, 0) AS digest FROM calls_calllog c"
    )


def _changed(bench: Bench, sent: list[int]) -> int:
    """How many of them are not so any more, those that were spoken of left out."""
    spoken_of = [made_id("call", n) for n in sent]
    found = bench.world.value(
        "SELECT count(*) FROM remembered r LEFT JOIN calls_calllog c USING (id)"
        " LEFT JOIN unnest(%s::uuid[]) AS s (id) USING (id)"
        " WHERE s.id IS NULL AND digest IS DISTINCT FROM hashtextextended(c::text, 0)",
        spoken_of,
    )
    bench.world.sql.execute("DROP TABLE remembered")
    return int(found)


def _told(bench: Bench, sent: list[int]) -> object:
    return bench.world.rows(
        "SELECT status, outcome, duration, count(*) FROM calls_calllog WHERE id = ANY(%s)"
        " GROUP BY 1, 2, 3",
        [made_id("call", n) for n in sent],
    )
