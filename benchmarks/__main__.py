"""`./bench [SUBJECT…]`: what is measured, on how much data, how often; prints, writes, compares."""

import argparse
import os
import platform
import sys
import time
import traceback
from pathlib import Path

from benchmarks import chart, printing, servers, world
from benchmarks.bench import Bench
from benchmarks.data import make
from benchmarks.measuring import Result
from benchmarks.subjects import ALL, QUICK


def _arguments(given: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser("./bench", description="Subject, peer and limit in turn.")
    add = parser.add_argument
    add("subjects", nargs="*", help="all, or these; --list says what there is")
    add("--list", action="store_true", help="the subjects, in words")
    add("--quick", action="store_true", help="a few seconds: that everything measures and is right")
    add("--rounds", type=int, default=5)
    add("--seconds", type=float, default=3.0, help="of each lap")
    add("--calls", default="10000,1000000", help="sizes of workspaces; 10,000,000 takes minutes")
    add("--contacts", type=int, default=1_000_000, help="of the largest workspace")
    add("--agents", type=int, default=40, help="at work, at most")
    add("--no-peer", action="store_true")
    add("--json", type=Path, help="where to write what was found")
    add("--svg", type=Path, help="where to draw the ratios")
    found = parser.parse_args(given)
    if found.quick:
        found.rounds, found.seconds, found.calls, found.contacts = 1, 0.3, "100", 10
    return found


def main(given: list[str]) -> int:
    wanted = _arguments(given)
    if wanted.list:
        for name, subject in ALL.items():
            print(f"{name}: {' '.join((subject.__doc__ or '').split())}")
        return 0
    names = wanted.subjects or (QUICK if wanted.quick else list(ALL))
    if unknown := set(names) - ALL.keys():
        print(f"No such subject: {', '.join(sorted(unknown))}. There are: {', '.join(ALL)}.")
        return 2
    why = "no peer: it was not wanted" if wanted.no_peer or wanted.quick else servers.why_no_peer()
    why = why or servers.build_peer()
    if why:
        print(why)
    began = time.time()
    sizes = sorted(int(size) for size in wanted.calls.split(","))

    def say(text: str) -> None:
        print(f"[{time.time() - began:5.0f} s] {text}", file=sys.stderr, flush=True)

    results: list[Result] = []
    broken: list[str] = []
    world.prepare()
    with world.made(is_quick=wanted.quick) as where:
        data = make(where, sizes=sizes, contacts=wanted.contacts, has_peer=not why, say=say)
        bench = Bench(
            where, data, wanted.rounds, wanted.seconds, wanted.quick, wanted.agents, say
        )  # fmt: skip
        for name in names:
            say(name)
            try:
                for found in ALL[name](bench):
                    print(printing.text(found), flush=True)
                    results.append(found)
            except Exception:  # it takes the others' figures along no more than its own
                traceback.print_exc()
                broken.append(name)
    about = {
        "at": time.strftime("%Y-%m-%d %H:%M", time.gmtime(began)),
        "cores": os.cpu_count(),
        "load": os.getloadavg()[0],
        "python": platform.python_version(),
        "rounds": wanted.rounds,
        "calls": sizes,
    }
    if wanted.json:
        printing.write(wanted.json, results, about)
    if wanted.svg:
        wanted.svg.write_text(chart.svg(results))
    wrong = [said for found in results for said, good in found.checks if not good]
    print(f"== {len(results)} results in {time.time() - began:.0f} s, {len(wrong)} checks wrong")
    if broken:
        print(f"== broke off: {', '.join(broken)}")
    return 1 if wrong or broken else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
