"""What people and programs read: the calls page, its fragment, the API's list, suggestions."""

from collections.abc import Iterator

from benchmarks import load
from benchmarks.bench import Bench
from benchmarks.data import Workspace
from benchmarks.measuring import (
    Result,
    Side,
    Spread,
    again,
    by_turns,
    measure,
    ratio,
    result,
    times_cheaper,
)

TYPED = ["mary", "smi", "o'ne", "zoe", "415", "northw", "olga tan", "mary berg"]


def calls_page(bench: Bench) -> list[Result]:
    """The calls page with 25 rows, and the history that it fetches on news, in the workspaces of
    each size; `nothing` is every middleware and no database (`/robots.txt`).
    """
    sides = []
    for size, of in bench.data.big.items():
        for name, path, headers in pages():
            request = load.get(path, of.agents[0].headers | headers)
            side = bench.product(f"{name}, {size:,}", again(request))
            bench.count_product(side, [request] * 5)
            sides.append(side)
    sides.append(bench.product("nothing", again(load.get("/robots.txt"))))
    _measure(bench, sides)
    found = result("calls page", _words(calls_page), *sides)
    _tell_growth(found, sides, [name for name, *_ in pages()])
    for side in sides[:-1]:
        shown = side.last.text.count("<tr")
        found.check(f"{side.name}: {shown} rows", shown == 25)
    return [found]


def pages() -> Iterator[tuple[str, str, dict[str, str]]]:
    news = {"HX-Request": "true", "HX-Target": "tbody#history_rows"}
    yield "page", "/calls", {}
    yield "fragment", "/calls?rows=25", news | {"HX-Source": "div#history_news"}


def call_logs(bench: Bench) -> list[Result]:
    """Fifty calls as JSON with their people and contacts, beside the described server's list, which
    has the index that it is said to lack and checks nobody's sign-in.
    """
    found: list[Result] = []
    for size, of in bench.data.big.items():
        # By turns, since one person may ask 300 times a minute.
        asked = [load.get("/api/twilio/call-logs?limit=50", one.headers) for one in of.agents]
        product = bench.product("product", by_turns(asked))
        bench.count_product(product, [asked[0]] * 5)
        sides = [product]
        if bench.has_peer:
            sides += _lists_of_peer(bench, of, size)
        _measure(bench, sides)
        words = "" if found else _words(call_logs)
        one = result(f"call logs as JSON, {size:,} calls", words, *sides)
        for other in sides[1:]:
            one.ratios[f"times cheaper than the {other.name}"] = times_cheaper(product, other)
        told = product.last.body.count(b'"startedAt"')
        wanted = min(50, size)
        one.check(
            f"{wanted} calls are told", told == wanted or b"\x1f\x8b" in product.last.body[:2]
        )
        found.append(one)
    return found


def _lists_of_peer(bench: Bench, of: Workspace, size: int) -> list[Side]:
    sides = []
    for name, page in (("described server", 1), ("described server, middle page", size // 100)):
        path = f"/api/twilio/call-logs?limit=50&page={max(page, 1)}"
        request = load.get(path, {"x-tenant": str(of.id), "Accept-Encoding": "gzip"})
        side = bench.peer(name, again(request))
        bench.count_peer(side, [request] * 5)
        sides.append(side)
    return sides


def suggestions(bench: Bench) -> list[Result]:
    """What the dialer suggests while somebody types: parts of names, firms and numbers."""
    sides = []
    for of in bench.data.big.values():
        for name, typed in (("frequent words", TYPED), ("a rare number", [_rare(bench, of)])):
            headers = of.agents[0].headers | {"HX-Request": "true", "HX-Target": "suggestions"}
            asked = [load.get(f"/contacts/suggest?q={q.replace(' ', '+')}", headers) for q in typed]
            side = bench.product(f"{name}, {of.contacts:,}", by_turns(asked))
            bench.count_product(side, [*asked[:1], *asked])
            sides.append(side)
    _measure(bench, sides)
    found = result("suggestions", _words(suggestions), *sides)
    _tell_growth(found, sides, ["frequent words", "a rare number"])
    return [found]


def _rare(bench: Bench, of: Workspace) -> str:
    number = bench.world.value(
        "SELECT number FROM contacts_contactnumber WHERE tenant_id = %s LIMIT 1", of.id
    )
    return str(number)[2:]


def _measure(bench: Bench, sides: list[Side]) -> None:
    measure(bench.world, sides, rounds=bench.rounds, seconds=bench.seconds)


def _tell_growth(found: Result, sides: list[Side], names: list[str]) -> None:
    """The least against the largest workspace, which should be 1."""
    for name in names:
        same = [side for side in sides if side.name.startswith(f"{name}, ")]
        if len(same) > 1:
            grown: Spread = ratio(same[0], same[-1], "p50 ms")
            found.ratios[f"{name}: {same[-1].name.partition(', ')[2]} as fast"] = grown


def _words(subject: object) -> str:
    return " ".join((subject.__doc__ or "").split())
