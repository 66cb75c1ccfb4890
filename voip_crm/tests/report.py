"""What each test took and how it ended, for the suite (`suite.py`): a line of JSON for each.

A pytest plugin (`pytest.ini`) that does nothing unless SUITE_REPORT names a file.
"""

import json
import os
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from voip_crm.tests.statements import OpenStatement

_seconds = pytest.StashKey[float]()
_failures = pytest.StashKey[list[dict[str, Any]]]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: Any) -> Generator[None, Any, Any]:
    report = yield
    item.stash[_seconds] = item.stash.get(_seconds, 0.0) + report.duration
    if report.failed:
        failures = item.stash.setdefault(_failures, [])
        # A statement that names no tenant is a fault even if it is sent but once.
        is_fault = call.excinfo is not None and call.excinfo.errisinstance(OpenStatement)
        failures.append({"text": report.longreprtext, "is_fault": is_fault})
    return report


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, Any, Any]:
    result = yield
    if file := os.environ.get("SUITE_REPORT"):
        line = {
            "test": item.nodeid,
            "seconds": item.stash[_seconds],
            "failures": item.stash.get(_failures, []),
        }
        with Path(file).open("a") as lines:
            lines.write(json.dumps(line) + "\n")
    return result
