"""`./test quick`, for the minutes between commits: the checks that need no service, and beside them
the tests that what was changed touches, nearest first, as many as 90 seconds hold.

A test module is touched when it imports a changed module, itself or through others; the fewer lie
between, the nearer it is. As views are reached by their addresses, the tests of a changed module's
room are touched, too. A template or a command counts as the modules that name it. Browser tests are
left to `./test`; what no time was left for is said, and what no test was found for.
"""

import subprocess
import sys
import time
from collections.abc import Iterable
from functools import cache
from pathlib import Path

import grimp
import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("voip_crm", "calls", "contacts", "tenants", "sandbox", "benchmarks")
SECONDS = 75  # of the 90; the rest is for what starts before and ends after
FARTHEST = 3  # imports between a test and what was changed
LAST = FARTHEST + 1


def changed_files() -> list[str]:
    """What differs from the last commit, files new to git among it; if nothing, that commit's."""
    commands = ["git diff --name-only HEAD", "git ls-files --others --exclude-standard"]
    found = [line for command in commands for line in _lines(command)]
    return found or _lines("git diff --name-only HEAD~1 HEAD")


def _lines(command: str) -> list[str]:
    return subprocess.run(
        command.split(), cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout.splitlines()


@cache
def texts() -> dict[str, str]:
    """What is written in our modules and templates, by file."""
    files = [path for package in PACKAGES for path in (ROOT / package).rglob("*.py")]
    files += (ROOT / "templates").rglob("*.html")
    return {str(path.relative_to(ROOT)): path.read_text() for path in files}


@cache
def test_files() -> list[str]:
    return [file for file in texts() if Path(file).name.startswith("test_")]


def modules_of(file: str) -> set[str]:
    """The module in a file, or those that name it: a template (or one that includes or extends it)
    and a command are reached by their names.
    """
    if not file.startswith("templates/"):
        found = {_module(file)} if file.endswith(".py") else set()
        return found | _naming(Path(file).stem) if "/management/commands/" in file else found
    names = [file.removeprefix("templates/")]
    for name in names:  # which grow
        users = [user for user, text in texts().items() if f'"{name}"' in text]
        others = [user.removeprefix("templates/") for user in users if user.endswith(".html")]
        names += [other for other in others if other not in names]
    found = {module for name in names for module in _naming(name)}
    if file.startswith("templates/mails/"):  # which are named without folder and ending
        found |= {"tenants.bricks.mails", *_naming(Path(file).name.partition(".")[0])}
    if file.startswith("templates/admin/"):  # which Django names
        found |= {_module(user) for user in texts() if user.endswith("/admin.py")}
    return found


def _naming(name: str) -> set[str]:
    users = [user for user, text in texts().items() if f'"{name}"' in text]
    return {_module(user) for user in users if user.endswith(".py")}


def _module(file: str) -> str:
    return file.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


@cache
def imports() -> grimp.ImportGraph:
    return grimp.build_graph(*PACKAGES, cache_dir=str(ROOT / ".import_linter_cache"))


def tests_of(file: str) -> dict[str, int]:
    """The test files that a changed file touches, and how far from it they are."""
    folder, _, name = file.rpartition("/")
    if name == "conftest.py":
        return {test: LAST for test in test_files() if test.startswith(folder)}
    changed = modules_of(file)
    distance = dict.fromkeys(changed & imports().modules, 0)
    level = set(distance)
    for steps in range(1, FARTHEST + 1):
        nearer = level
        level = set()
        for module in nearer:
            level |= imports().find_modules_that_directly_import(module) - distance.keys()
        distance |= dict.fromkeys(level, steps)
    by_import = {f"{module.replace('.', '/')}.py": steps for module, steps in distance.items()}
    return _nearest(
        *map(_followers, changed),
        {test: by_import[test] for test in by_import.keys() & set(test_files())},
    )


def _followers(module: str) -> dict[str, int]:
    """Tests follow their rooms: what is named like the module, what is in its room, and, if tests
    have no such room, those of the whole app.
    """
    app, _, inside = module.partition(".")
    if app not in PACKAGES or inside.startswith("tests"):
        return {}
    of_app = [test for test in test_files() if test.startswith(f"{app}/tests/")]
    room = f"{app}/tests/{inside.partition('.')[0]}/"
    of_room = [test for test in of_app if test.startswith(room)]
    found = dict.fromkeys(of_room, 2) or dict.fromkeys(of_app, LAST)
    named = f"/test_{module.rpartition('.')[2]}.py"
    return found | {test: 1 for test in of_app if test.endswith(named)}


def _nearest(*found: dict[str, int]) -> dict[str, int]:
    pairs = [pair for each in found for pair in each.items()]
    return dict(sorted(pairs, key=lambda pair: -pair[1]))  # what comes later wins


def touched(files: Iterable[str]) -> list[str]:
    """Test files, nearest to what was changed first."""
    found = _nearest(*map(tests_of, files))
    return sorted(found, key=lambda test: (found[test], test))


def untested(files: Iterable[str]) -> list[str]:
    """Code of the product that touches no test."""
    code = [file for file in files if file.startswith("templates/") or file.endswith(".py")]
    return [file for file in code if "/tests/" not in file and not tests_of(file)]


class Deadline:
    """A pytest plugin: tests in the order that they were given, until the time is over."""

    def __init__(self, files: list[str]) -> None:
        self.order = {file: place for place, file in enumerate(files)}
        self.until = time.monotonic() + SECONDS
        self.left: set[str] = set()

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        items.sort(key=lambda item: self.order.get(item.nodeid.partition("::")[0], 0))

    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        if time.monotonic() > self.until:
            self.left.add(item.nodeid.partition("::")[0])
            pytest.skip("no time left")


def main() -> int:
    checks = subprocess.Popen(["bash", "scripts/checks.sh"], cwd=ROOT)
    changed = changed_files()
    files = touched(changed)
    deadline = Deadline(files)
    code = 0
    if files:
        options = ["-q", "-m", "not browser", "--no-header", "-r", "f"]
        code = int(pytest.main([*options, *files], plugins=[deadline]))
        code = 0 if code == pytest.ExitCode.NO_TESTS_COLLECTED else code
    failed = checks.wait()
    if deadline.left:
        print("No time was left for:", *sorted(deadline.left), sep="\n  ")
    if without := untested(changed):
        print("== NO TEST WAS FOUND FOR:", *without, sep="\n  ")
    print(f"== quick: {len(files)} files of tests; the checks {'failed' if failed else 'passed'}")
    return code or failed


if __name__ == "__main__":
    sys.exit(main())
