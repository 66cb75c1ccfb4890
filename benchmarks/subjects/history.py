"""The history in its forms: as the page asks for it, and the SQL alone as its limit."""

from time import perf_counter

from benchmarks import load
from benchmarks.bench import Bench
from benchmarks.data import Workspace
from benchmarks.measuring import Result, again, measure, ratio, result

# The least that answers the question: one range of an index, 25 rows of one table.
_BARE = (
    "SELECT id, direction, status, outcome, started_at, duration FROM calls_calllog"
    " WHERE tenant_id = %s {} ORDER BY started_at DESC, id DESC LIMIT 26"
)


def history(bench: Bench) -> list[Result]:
    """The first page of the history, filtered, searched for and deep in it, as fragments; beside
    the described server's page at the same depth, and the bare SQL. Flat means that a million calls
    cost what ten thousand do.
    """
    found: list[Result] = []
    for name, query, bare in _forms():
        sides, others = [], []
        for size, of in bench.data.big.items():
            path = f"/calls?rows=25&{query}".replace("DEEP", _deep(bench, of))
            headers = of.agents[0].headers | {"HX-Request": "true", "HX-Target": "section#history"}
            request = load.get(path, headers)
            side = bench.product(f"product, {size:,}", again(request))
            bench.count_product(side, [request] * 4)
            sides.append(side)
            if bench.has_peer and name in ("first page", "deep"):
                page = 1 if name == "first page" else size // 50
                asked = f"/api/twilio/call-logs?limit=25&page={max(page, 1)}"
                request = load.get(asked, {"x-tenant": str(of.id)})
                others.append(bench.peer(f"described server, {size:,}", again(request)))
        all_sides = [*sides, *others]
        measure(bench.world, all_sides, rounds=bench.rounds, seconds=bench.seconds / 3)
        one = result(f"history, {name}", "" if found else _words(), *all_sides)
        if len(sides) > 1:
            one.ratios["the largest as fast as the least"] = ratio(sides[0], sides[-1], "p50 ms")
        for mine, other in zip(sides, others, strict=False):
            size_name = mine.name.partition(", ")[2]
            one.ratios[f"times faster than the described server at {size_name}"] = ratio(
                other, mine, "p50 ms"
            )
        if bare is not None:
            one.notes += [_bare_sql(bench, of, size, bare) for size, of in bench.data.big.items()]
        found.append(one)
    return found


def _forms() -> list[tuple[str, str, str | None]]:
    """(name, query of the page, condition of the bare SQL)."""
    return [
        ("first page", "", ""),
        ("by direction", "direction=outbound", "AND direction = 'OUTBOUND'"),
        ("by a rare outcome", "status=failed", "AND outcome = 'failed'"),
        ("with a recording", "recorded=on", None),
        ("searched by name", "q=mary+smith", None),
        ("searched by number", "q=4155550100", None),
        ("deep", "before=DEEP", "AND (started_at, id) < (now() - interval '10 days', NULL)"),
    ]


def _deep(bench: Bench, of: Workspace) -> str:
    """A cursor in the middle of the history."""
    row = bench.world.rows(
        "SELECT started_at, id FROM calls_calllog WHERE tenant_id = %s AND conference_id IS NULL"
        " ORDER BY started_at, id OFFSET %s LIMIT 1",
        of.id,
        of.calls // 2,
    )[0]
    return f"{row[0].isoformat().replace('+00:00', 'Z')}~{row[1]}".replace("+", "%2B")


def _bare_sql(bench: Bench, of: Workspace, size: int, condition: str) -> str:
    statement = _BARE.format(condition.replace(", NULL)", f", '{of.id}'::uuid)"))
    times = []
    for _ in range(30):
        began = perf_counter()
        bench.world.rows(statement, of.id)
        times.append(perf_counter() - began)
    return f"the bare SQL at {size:,}: {sorted(times)[15] * 1000:.2f} ms"


def _words() -> str:
    return " ".join((history.__doc__ or "").split())
