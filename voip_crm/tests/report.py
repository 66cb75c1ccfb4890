"""What each test took and how it ended, for the suite (`suite.py`): a line of JSON for each, after
a line with all that were collected and one with those that are left to another lane.

A pytest plugin (`pytest.ini`) that does nothing unless SUITE_REPORT names a file.

A failure is a *fault*, never a stumble, if it is an open statement, or if it came in a teardown in
which more than the test may have ended. pytest charges the end of a wider fixture to the last test
that it served and does not say whose it was; but between two tests of one module (or class) no
wider fixture ends. So what a test's own fixtures find at its end, a page that complained say, may
be a stumble, except after the last test of its module. A failed setup always may.
"""

import json
import os
from collections.abc import Generator, Sequence
from pathlib import Path
from typing import Any

import pytest

from voip_crm.tests.statements import OpenStatement

_seconds = pytest.StashKey[float]()
_failures = pytest.StashKey[list[dict[str, Any]]]()
_ends_more = pytest.StashKey[bool]()


def pytest_collection_finish(session: pytest.Session) -> None:
    _write({"collected": [item.nodeid for item in session.items]})


def pytest_deselected(items: Sequence[pytest.Item]) -> None:
    _write({"left_out": [item.nodeid for item in items]})


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> None:
    item.stash[_ends_more] = nextitem is None or nextitem.parent is not item.parent


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: Any) -> Generator[None, Any, Any]:
    report = yield
    item.stash[_seconds] = item.stash.get(_seconds, 0.0) + report.duration
    if report.failed:
        failures = item.stash.setdefault(_failures, [])
        is_open = call.excinfo is not None and call.excinfo.errisinstance(OpenStatement)
        is_fault = is_open or (call.when == "teardown" and item.stash.get(_ends_more, True))
        failures.append({"text": report.longreprtext, "is_fault": is_fault})
    return report


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, Any, Any]:
    result = yield
    failures = item.stash.get(_failures, [])
    _write({"test": item.nodeid, "seconds": item.stash[_seconds], "failures": failures})
    return result


def _write(line: dict[str, Any]) -> None:
    if file := os.environ.get("SUITE_REPORT"):
        with Path(file).open("a") as lines:
            lines.write(json.dumps(line) + "\n")
