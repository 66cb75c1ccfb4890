"""Rules of the house (docs/architecture.md) that import-linter cannot say, read from the code."""

import ast
import sys
from collections.abc import Iterator

import pytest

from voip_crm.tests import quick

MODULES = {
    file: text
    for file, text in quick.texts().items()
    if file.endswith(".py") and "/tests/" not in file and "/migrations/" not in file
}
NETWORK = {"socket", "ssl", "http.client", "urllib.request", "smtplib", "ftplib"}
# Rooms that are no part of the product: its Twilio, and what asks it and its peers for figures.
OUTSIDE = ("sandbox/", "benchmarks/")
# Whether a port of this machine is free, and whether the product answers there: `./run`.
OF_RUN = {"voip_crm/embedded.py": {"socket"}, "voip_crm/local.py": {"urllib.request"}}


def imported(text: str) -> Iterator[str]:
    """All names that a module imports, wherever in it: `from a import b` may mean `a` or `a.b`."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = "." * node.level + (node.module or "")
            yield module
            yield from (f"{module}.{name.name}" for name in node.names)


def strangers(text: str) -> set[str]:
    """What a module of `calls.facts` imports beside the standard library and its own room."""
    own = {name for name in imported(text) if f"{name}.".startswith("calls.facts.")}
    return {
        name
        for name in {*imported(text)} - own
        if name.partition(".")[0] not in sys.stdlib_module_names
    }


def on_the_network(text: str) -> set[str]:
    return NETWORK & {*imported(text)}


def test_facts_stand_on_the_standard_library_alone() -> None:
    facts = {file: text for file, text in MODULES.items() if file.startswith("calls/facts/")}
    assert "calls/facts/states.py" in facts
    assert {file: found for file, text in facts.items() if (found := strangers(text))} == {}


@pytest.mark.parametrize(
    "line",
    [
        "import requests",
        "from phonenumbers import parse",
        "def later():\n    from calls import models",
        "from ..models import calls",
    ],
)
def test_a_stranger_among_the_facts_is_noticed(line: str) -> None:
    assert strangers(line)
    assert not strangers("import re\nfrom calls.facts import sids\nfrom calls.facts.sids import x")


def test_the_network_of_the_standard_library_is_only_where_the_network_is() -> None:
    found = {
        file: names
        for file, text in MODULES.items()
        if not file.startswith(("calls/gateway/", *OUTSIDE)) and (names := on_the_network(text))
    }
    assert found == OF_RUN
    assert on_the_network("from urllib import request") and on_the_network("import http.client")
    assert not on_the_network("from urllib.parse import urlsplit\nfrom http import HTTPStatus")


def test_no_module_has_more_than_300_lines() -> None:
    """Tests may: what they share is a cast, a list or a table that is read as one."""
    assert {file for file, text in MODULES.items() if text.count("\n") > 300} == set()
