"""`./bench` measures what it says, and what it measures is right."""

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any
from uuid import uuid4
from xml.etree import ElementTree

import pytest

from benchmarks import chart, load, measuring, page, procfs, trips
from benchmarks.measuring import Result, Side, Spread
from benchmarks.people import Person

ROOT = Path(__file__).resolve().parents[2]


def test_the_quick_form_measures_and_finds_the_rows_right(tmp_path: Path) -> None:
    """The whole way of what is measured most, with real servers: they need some seconds to start.
    Whatever it finds wrong with the rows fails it.
    """
    if not os.environ["DATABASE_URL"].startswith("postgres"):
        pytest.fail("what is measured is production, which needs PostgreSQL: use ./test")
    file = tmp_path / "found.json"
    command = [sys.executable, "-m", "benchmarks", "--quick", "--json", str(file)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    found = {one["subject"]: one for one in json.loads(file.read_text())["subjects"]}
    product = found["status webhook"]["sides"]["product"]
    assert product["a second"]["median"] > 0
    assert 1 <= product["round trips"]["median"] <= product["statements"]["median"]
    news = found["agents at work"]["sides"]["2 agents"]
    assert news["own news p95 ms"]["median"] > 0 and news["refreshes a second"]["median"] > 0


def lap(second: float, cpu: float = 1.0) -> dict[str, float]:
    return {"a second": second, "CPU ms": cpu, "database CPU ms": 1.0}


def side(name: str, *laps: dict[str, float]) -> Side:
    return Side(name, 0, measuring.again(b""), 0, laps=list(laps))


def test_ratios_compare_laps_of_the_same_round() -> None:
    """A machine that slows down in the middle of a run slows both: their ratio stays."""
    ours = side("ours", lap(10), lap(20), lap(100))
    theirs = side("theirs", lap(5, 3), lap(10, 3), lap(50, 3))
    assert measuring.ratio(ours, theirs, "a second") == Spread(2, 2, 2)
    assert measuring.times_cheaper(ours, theirs) == Spread(2, 2, 2)
    assert ours.figures["a second"] == Spread(20, 10, 100)


def test_the_cpu_of_a_process_and_its_children_is_counted() -> None:
    burn = "import time\nend = time.process_time() + 0.3\nwhile time.process_time() < end: pass"
    shell = subprocess.Popen(["sh", "-c", f"{sys.executable} -c '{burn}'; read x"], stdin=-1)
    child = shell.stdin
    assert child is not None
    try:
        for _ in range(500):
            if (used := procfs.cpu_seconds(shell.pid)) >= 0.28:
                break
            asyncio.run(asyncio.sleep(0.02))
        assert 0.28 <= used < 5
    finally:
        child.close()
        shell.wait()


def test_a_round_trip_is_a_wait_for_the_database_however_many_messages_it_carries() -> None:
    """A start, a query, then three statements in one message of two pieces."""

    def message(kind: bytes, body: bytes = b"") -> bytes:
        return kind + (len(body) + 4).to_bytes(4, "big") + body

    start = (12).to_bytes(4, "big") + (196608).to_bytes(4, "big") + b"user"
    reading = trips._Reading()
    trips.counts.clear()
    reading.read(start)
    reading.read(message(b"Q", b"SELECT 1\0"))
    reading.is_answered = True
    pipelined = b"".join(message(kind) for kind in (b"P", b"B", b"E", b"B", b"E", b"B", b"E", b"S"))
    reading.read(pipelined[:7])
    reading.read(pipelined[7:])
    reading.is_answered = True
    reading.read(message(b"X"))
    assert trips.counts == {"statements": 4, "trips": 2}


def test_latency_is_counted_from_when_a_request_was_due() -> None:
    """With a rate, who waits behind a slow answer has waited, too."""

    async def slow(reader: Any, writer: Any) -> None:
        while await reader.readuntil(b"\r\n\r\n"):
            await asyncio.sleep(0.1)
            writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")

    async def run() -> load.Volley:
        async with await asyncio.start_server(slow, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            return await load.fire(port, [load.get("/")] * 5, connections=1, rate=100)

    volley = asyncio.run(run())
    assert volley.statuses == {204: 5}
    assert max(volley.latencies) > 0.4


def test_the_chart_draws_each_ratio_to_its_side_of_one() -> None:
    spreads = {"× peer": Spread(4, 3, 5), "× <limit>": Spread(0.5, 0.4, 0.6)}
    drawn = chart.svg([Result("webhook", "", ratios=spreads)])
    bars = [bar for bar in ElementTree.fromstring(drawn).iter() if bar.tag.endswith("rect")][1:]
    ahead, behind = (float(bar.attrib["x"]) for bar in bars)
    assert ahead > behind
    assert [bar.attrib["class"] for bar in bars] == ["ahead", "behind"]
    assert "4.00 ×" in drawn and "&lt;limit&gt;" in drawn


def test_a_page_follows_the_attributes_of_the_templates() -> None:
    """What simulated pages do is written twice: here it is compared."""
    news = (ROOT / "static" / "js" / "news.js").read_text()
    assert f"TURN_MS = {page.TURN * 1000:.0f};" in news
    panel = (ROOT / "templates" / "_active_call.html").read_text()
    for seconds in page.PANEL_AGAIN.values():
        assert f"{seconds:.0f}s" in panel


def test_a_page_whose_rows_have_versions_keeps_them_as_the_answers_say() -> None:
    """Its own rows come back as places among those that it said to have."""
    person = Person(uuid4(), uuid4(), "", {})
    open_page = page.Page(person, (0, 0), {}, page.Counts())
    assert open_page.versions == []
    rows = '<tr role="row" id="call_1" data-v="a"></tr><tr data-v="b"></tr><tr data-v="c"></tr>'
    open_page._read(load.Answer(200, b"", rows.encode()))
    assert open_page.versions == ["a", "b", "c"]
    news = '<tr id="call_9" data-v="new"></tr><tr data-seen="0 2"></tr>'
    news += '<span class="quiet" id="history_total">26 calls</span>'
    open_page._read(load.Answer(200, b"", news.encode()))
    open_page._read(load.Answer(204, b"", b""))
    assert open_page.versions == ["new", "a", "b"]
    assert open_page.total == "26 calls"
