"""The suite itself: what is forgiven and what never is, and which tests a change touches."""

from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest

from voip_crm.tests import quick, suite
from voip_crm.tests.statements import PROCESSES
from voip_crm.tests.suite import Lane, Stumble

STUMBLES = """
import os, pathlib, pytest
from voip_crm.tests import statements

def is_first(what):
    seen = pathlib.Path(__file__).with_name(what)
    return not seen.exists() and not seen.touch()

def test_it_stumbles():
    assert not is_first("stumble"), "a moment too early"

def test_it_is_wrong():
    assert False, "always"

def test_it_exits():
    os._exit(3)

def test_it_exits_as_if_all_were_well():
    os._exit(0)

def test_it_ends_the_run():
    pytest.exit("enough", returncode=1)

def test_open_alone():
    if is_first("open"):
        statements.faults.append("a table")

def test_open_and_wrong():
    if is_first("open"):
        statements.faults.append("a table")
        assert False, "by itself"

@pytest.fixture
def a_row_at_the_end():
    yield
    if is_first("open"):
        statements.faults.append("a table")

def test_open_in_its_teardown(a_row_at_the_end):
    pass

@pytest.fixture
def a_page():
    yield
    assert not is_first("page"), "The page complained"

def test_its_page_complains(a_page):
    pass

@pytest.fixture(scope="session")
def processes():
    yield
    assert not is_first("processes"), "They left something behind"

def test_its_processes_end_badly(processes):
    pass

def test_the_product_is_set_up():
    import django
    django.setup()

def test_the_last():
    pass
"""


@pytest.fixture
def lane(tmp_path: Path, monkeypatch: Any) -> Any:
    """`lane("it_stumbles or …")`: a lane of these tests, run for real in a process of its own."""
    (tmp_path / "test_it.py").write_text(STUMBLES)
    monkeypatch.setenv("SUITE_FOLDER", str(tmp_path))
    monkeypatch.delenv("POSTGRES_LOG", raising=False)
    plugins = ["-p", "voip_crm.tests.statements", "-p", "voip_crm.tests.report"]
    options = [*plugins, "-c", "/dev/null", f"--rootdir={tmp_path}"]
    monkeypatch.setattr(suite, "PYTEST", [*suite.PYTEST, *options])
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")  # none is needed, some are slow
    monkeypatch.setattr(suite, "ROOT", tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(Path.cwd()))

    def run(which: str) -> Lane:
        command = [*suite.PYTEST, "test_it.py", "-k", which]
        return Lane("browser", [command]).run()

    return run


def test_what_fails_once_and_passes_alone_is_forgiven_and_told(lane: Any, capsys: Any) -> None:
    browser = lane("it_stumbles")
    assert not browser.is_good and len(browser.failed) == 1
    flaky = suite.run_again([browser])
    assert suite.is_forgivable([browser], flaky)
    flaky[0].tell()
    said = capsys.readouterr().out
    assert "flaky: test_it.py::test_it_stumbles: failed after" in said
    assert "a moment too early" in said and "alone" in said


def test_what_fails_again_is_not_forgiven(lane: Any) -> None:
    browser = lane("it_stumbles or it_is_wrong")
    flaky = suite.run_again([browser])
    assert [stumble.test for stumble in flaky] == ["test_it.py::test_it_stumbles"]
    assert not suite.is_forgivable([browser], flaky)


@pytest.mark.parametrize("how", ["it_exits", "exits_as_if_all_were_well", "ends_the_run"])
def test_a_lane_that_breaks_off_is_neither_good_nor_forgiven(lane: Any, how: str) -> None:
    browser = lane(f"it_stumbles or {how} or the_last")
    assert [test["test"] for test in browser.failed] == ["test_it.py::test_it_stumbles"]
    assert "test_it.py::test_the_last" in browser.left and not browser.is_good
    assert not suite.is_forgivable([browser], stumbles("test_it.py::test_it_stumbles"))


@pytest.mark.parametrize("when", ["alone", "and_wrong", "in_its_teardown"])
def test_an_open_statement_is_not_run_again(lane: Any, when: str) -> None:
    browser = lane(f"open_{when} or the_last")
    assert [test["test"] for test in browser.failed] == [f"test_it.py::test_open_{when}"]
    assert "Statements without their tenant" in browser.failed[0]["failures"][0]["text"]
    assert suite.run_again([browser]) == [] and not suite.is_forgivable([browser], [])


def test_what_the_processes_sent_is_not_explained_by_a_stumble(
    lane: Any, tmp_path: Path, monkeypatch: Any
) -> None:
    log = tmp_path / "log"
    log.write_text(f"{PROCESSES}|LOG:  statement: SELECT * FROM contacts_contact\n")
    monkeypatch.setenv("POSTGRES_LOG", str(log))
    browser = lane("it_stumbles or product_is_set_up")
    assert "The product's processes sent: contacts_contact is not" in browser.log.read_text()
    assert not suite.is_forgivable([browser], stumbles("test_it.py::test_it_stumbles"))


def test_a_page_that_complains_at_the_end_of_its_test_may_be_a_stumble(lane: Any) -> None:
    browser = lane("page_complains or the_last")
    assert suite.is_forgivable([browser], suite.run_again([browser]))


def test_the_end_of_what_served_other_tests_too_is_no_stumble(lane: Any) -> None:
    browser = lane("processes_end_badly")
    assert "They left something behind" in browser.failed[0]["failures"][0]["text"]
    assert suite.run_again([browser]) == [] and not suite.is_forgivable([browser], [])


def failed_lane(*tests: str) -> Lane:
    found = [{"test": test, "seconds": 1.0, "failures": [{"text": "x"}]} for test in tests]
    return Lane("browser", [["pytest"]], codes=[1], tests=found)


def stumbles(*tests: str) -> list[Stumble]:
    return [Stumble(test, "x", 1.0, 0.5) for test in tests]


def test_two_stumbles_are_forgiven_and_the_third_is_not() -> None:
    assert suite.is_forgivable([failed_lane("a", "b")], stumbles("a", "b"))
    assert not suite.is_forgivable([failed_lane("a", "b", "c")], stumbles("a", "b", "c"))
    two_lanes = [failed_lane("a", "b"), failed_lane("c")]
    assert not suite.is_forgivable(two_lanes, stumbles("a", "b", "c"))
    assert not suite.is_forgivable(two_lanes, stumbles("a", "b"))


def test_a_lane_that_failed_by_no_test_is_not_forgiven() -> None:
    assert not suite.is_forgivable([failed_lane()], [])
    assert suite.is_forgivable([Lane("browser", [["pytest"]], codes=[0])], [])


def test_a_lane_that_never_came_to_its_end_is_not_good() -> None:
    assert not suite.is_forgivable([Lane("browser", [["pytest"]])], [])


def test_a_change_touches_the_tests_that_import_it_nearest_first() -> None:
    touched = quick.touched(["calls/facts/limits.py"])
    assert touched.index("calls/tests/facts/test_limits.py") < 5
    assert "calls/tests/services/test_toll_fraud.py" in touched
    assert "sandbox/tests/test_signing.py" not in touched
    assert quick.touched(["sandbox/wire/signing.py"])[0] == "sandbox/tests/test_signing.py"
    assert quick.touched(["README.md", "no/such/module.py"]) == []


@pytest.mark.parametrize(
    ("changed", "test"),
    [
        ("contacts/pages/contacts.py", "contacts/tests/test_pages.py"),
        ("tenants/people/pages.py", "tenants/tests/people/test_settings.py"),
        ("calls/pages/settings.py", "calls/tests/pages/test_caller_ids.py"),
        ("calls/services/setup/doctor.py", "calls/tests/services/test_doctor.py"),
        ("calls/management/commands/twilio_doctor.py", "calls/tests/services/test_doctor.py"),
        ("voip_crm/headers.py", "voip_crm/tests/test_headers.py"),
        ("conftest.py", "sandbox/tests/test_signing.py"),
        ("calls/tests/conftest.py", "calls/tests/api/test_api.py"),
        ("templates/contacts_import.html", "contacts/tests/imports/test_jobs.py"),
        ("templates/_code.html", "tenants/tests/signing_in/test_second_factor.py"),
        ("templates/base.html", "calls/tests/pages/test_history.py"),
        ("templates/admin/index.html", "tenants/tests/test_admin.py"),
    ],
)
def test_what_is_reached_by_its_address_or_name_touches_its_tests(changed: str, test: str) -> None:
    assert test in quick.touched([changed])


def test_all_of_the_product_touches_a_test() -> None:
    code = [file for file in quick.texts() if "/tests/" not in file and "/migrations/" not in file]
    assert "calls/urls.py" in code and "templates/_field.html" in code
    assert quick.untested(code) == []


def test_code_without_a_test_is_said(monkeypatch: Any, capsys: Any) -> None:
    monkeypatch.setattr(quick, "changed_files", lambda: ["manage.py", "README.md"])
    monkeypatch.setattr("subprocess.Popen", lambda *_, **__: Mock(wait=lambda: 0))
    assert quick.main() == 0
    assert "== NO TEST WAS FOUND FOR:\n  manage.py\n== quick: 0 files" in capsys.readouterr().out


def test_a_template_counts_as_the_modules_that_name_it() -> None:
    found = quick.modules_of("templates/caller_ids.html")
    assert "calls.pages.settings" in found and "calls.pages.calls" not in found


def test_a_test_that_no_lane_runs_is_told(lane: Any) -> None:
    other = lane("it_stumbles")
    assert "test_it.py::test_the_last" in other.left_out
    browser = Lane("browser", [], collected=other.left_out[1:])
    assert suite.forgotten([browser], [other]) == other.left_out[:1]


def test_each_folder_of_tests_is_in_one_lane_beside_the_browser() -> None:
    folders = pytest_ini_folders()
    parts = [part for parts in suite.OTHERS.values() for part in parts]
    moved = [
        suite.ISOLATION,
        suite.SERVICES,
        *suite.DOORS,
    ]  # out of their folder's lane, into another
    assert sorted(parts) == sorted([*folders, *moved, *(f"--ignore={each}" for each in moved)])


def pytest_ini_folders() -> list[str]:
    line = next(x for x in (suite.ROOT / "pytest.ini").read_text().splitlines() if "testpaths" in x)
    return line.partition("=")[2].split()
