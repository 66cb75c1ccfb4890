"""What was found, for people and for programs."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.measuring import Result, plain

# Where there are more rounds than one, the least and the most stand behind the median.
_SHOWN = (
    "a second", "CPU ms", "database CPU ms", "statements", "round trips", "p50 ms", "p95 ms",
    "p99 ms", "bytes",
)  # fmt: skip


def table(heads: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    widths = [max(len(line[n]) for line in [heads, *lines]) for n in range(len(heads))]
    rows = [
        "  ".join(
            cell.ljust(width) if n == 0 else cell.rjust(width)
            for n, (cell, width) in enumerate(zip(line, widths, strict=True))
        )
        for line in [heads, *lines]
    ]
    return "\n".join(f"  {row.rstrip()}" for row in rows)


def text(found: Result) -> str:
    known = {name for figures in found.sides.values() for name in figures}
    heads = [name for name in _SHOWN if name in known]
    heads += sorted(known - set(heads))
    lines = [
        [side, *(str(figures[name]) if name in figures else "" for name in heads)]
        for side, figures in found.sides.items()
    ]
    parts = [f"== {found.name}", *([f"  {found.words}"] if found.words else [])]
    if lines:
        parts.append(table(["", *heads], lines))
    parts += [f"  {name}: {spread}" for name, spread in found.ratios.items()]
    parts += [f"  {'right' if good else 'WRONG'}: {said}" for said, good in found.checks]
    parts += [f"  {note}" for note in found.notes]
    return "\n".join(parts)


def write(file: Path, results: Sequence[Result], about: dict[str, Any]) -> None:
    subjects = [
        {
            "subject": found.name,
            "what": found.words,
            "sides": plain(found.sides),
            "ratios": plain(found.ratios),
            "checks": dict(found.checks),
            "notes": found.notes,
        }
        for found in results
    ]
    file.write_text(json.dumps({"about": about, "subjects": subjects}, indent=1) + "\n")
