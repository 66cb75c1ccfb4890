"""The suite itself: what is forgiven and what never is, and which tests a change touches."""

from pathlib import Path
from typing import Any

import pytest

from voip_crm.tests import quick, suite
from voip_crm.tests.suite import Lane, Stumble

STUMBLES = """
import pathlib, pytest
SEEN = pathlib.Path(__file__).with_name("seen")

def test_it_stumbles():
    first = not SEEN.exists()
    SEEN.touch()
    assert not first, "a moment too early"

def test_it_is_wrong():
    assert False, "always"

def test_it_leaves_a_table_open():
    first = not SEEN.with_name("open").exists()
    SEEN.with_name("open").touch()
    from voip_crm.tests.statements import OpenStatement
    if first:
        raise OpenStatement("no tenant")
"""


@pytest.fixture
def lane(tmp_path: Path, monkeypatch: Any) -> Any:
    """`lane("it_stumbles or …")`: a lane of these tests, run for real in a process of its own."""
    (tmp_path / "test_it.py").write_text(STUMBLES)
    monkeypatch.setenv("SUITE_FOLDER", str(tmp_path))
    options = ["-p", "voip_crm.tests.report", "-c", "/dev/null", f"--rootdir={tmp_path}"]
    monkeypatch.setattr(suite, "PYTEST", [*suite.PYTEST, *options, "-p", "no:django"])
    monkeypatch.setattr(suite, "ROOT", tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(Path.cwd()))

    def run(which: str) -> Lane:
        command = [*suite.PYTEST, "test_it.py", "-k", which]
        return Lane("browser", [command]).run()

    return run


def test_what_fails_once_and_passes_alone_is_forgiven_and_told(lane: Any, capsys: Any) -> None:
    browser = lane("it_stumbles")
    assert not browser.is_good and len(browser.failed) == 1
    flaky = suite.run_again(browser)
    assert suite.is_forgivable(browser, flaky)
    flaky[0].tell()
    said = capsys.readouterr().out
    assert "flaky: test_it.py::test_it_stumbles: failed after" in said
    assert "a moment too early" in said and "alone" in said


def test_what_fails_again_is_not_forgiven(lane: Any) -> None:
    browser = lane("it_stumbles or it_is_wrong")
    flaky = suite.run_again(browser)
    assert [stumble.test for stumble in flaky] == ["test_it.py::test_it_stumbles"]
    assert not suite.is_forgivable(browser, flaky)


def test_an_open_statement_is_not_run_again(lane: Any) -> None:
    browser = lane("leaves_a_table_open")
    assert browser.failed[0]["failures"][0]["is_fault"]
    assert suite.run_again(browser) == [] and not suite.is_forgivable(browser, [])


def failed_lane(*tests: str) -> Lane:
    found = [{"test": test, "seconds": 1.0, "failures": [{"text": "x"}]} for test in tests]
    return Lane("browser", [], tests=found)


def stumbles(*tests: str) -> list[Stumble]:
    return [Stumble(test, "x", 1.0, 0.5) for test in tests]


def test_two_stumbles_are_forgiven_and_the_third_is_not() -> None:
    assert suite.is_forgivable(failed_lane("a", "b"), stumbles("a", "b"))
    assert not suite.is_forgivable(failed_lane("a", "b", "c"), stumbles("a", "b", "c"))


def test_a_lane_that_failed_by_no_test_is_not_forgiven() -> None:
    assert not suite.is_forgivable(failed_lane(), [])
    assert suite.is_forgivable(Lane("browser", [], is_good=True), [])


def test_a_lane_that_never_came_to_its_end_is_not_good() -> None:
    assert not suite.is_forgivable(Lane("browser", []), [])


def test_a_change_touches_the_tests_that_import_it_nearest_first() -> None:
    touched = quick.touched({"calls.facts.limits"})
    assert touched.index("calls/tests/facts/test_limits.py") < 5
    assert "calls/tests/services/test_toll_fraud.py" in touched
    assert "sandbox/tests/test_signing.py" not in touched
    assert quick.touched({"sandbox.wire.signing"})[0] == "sandbox/tests/test_signing.py"
    assert quick.touched({"no.such.module"}) == []


def test_a_template_counts_as_the_modules_that_name_it() -> None:
    found = quick.modules_of(["templates/caller_ids.html", "README.md"])
    assert "calls.pages.settings" in found and "calls.pages.calls" not in found
