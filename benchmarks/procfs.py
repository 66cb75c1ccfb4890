"""What processes use, as Linux counts it: CPU of a tree or of PostgreSQL, and memory."""

import contextlib
import os
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")
_Stat = tuple[int, int, int]  # parent, own ticks, those of children that have ended


def _stats() -> dict[int, _Stat]:
    found = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            # Behind the name, which is in brackets and may contain anything.
            fields = path.read_text().rpartition(")")[2].split()
            own, ended = int(fields[11]) + int(fields[12]), int(fields[13]) + int(fields[14])
            found[int(path.parent.name)] = (int(fields[1]), own, ended)
    return found


def tree(*roots: int) -> set[int]:
    """These processes and all below them."""
    return _below(_stats(), roots)


def _below(stats: dict[int, _Stat], roots: tuple[int, ...]) -> set[int]:
    found = set(roots) & stats.keys()
    while more := {pid for pid, (parent, *_) in stats.items() if parent in found} - found:
        found |= more
    return found


def cpu_seconds(*roots: int) -> float:
    """That these processes and all below them have used so far, those that have ended among them.
    A kernel's tick is 10 ms: what is measured should take a second.
    """
    stats = _stats()
    return sum(stats[pid][1] + stats[pid][2] for pid in _below(stats, roots)) / _TICKS


def parent_of(pid: int) -> int:
    return _stats()[pid][0]


def machine_seconds() -> tuple[float, float]:
    """(used by everything, and what there was in all) since the machine was started."""
    ticks = [int(text) for text in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]
    return (sum(ticks) - ticks[3] - ticks[4]) / _TICKS, sum(ticks) / _TICKS


def resident_mb(*roots: int) -> float:
    """Of these processes and all below them: what each has for itself, and its part of the rest."""
    total = 0.0
    for pid in tree(*roots):
        with contextlib.suppress(OSError, StopIteration):
            lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
            total += next(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024
    return total


def largest_mb(*roots: int) -> float:
    """The resident memory of the largest of them."""
    sizes = [0.0]
    for pid in tree(*roots):
        with contextlib.suppress(OSError):
            pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
            sizes.append(pages * _PAGE / 2**20)
    return max(sizes)
