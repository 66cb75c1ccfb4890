"""`./test quick`, for the minutes between commits: the checks that need no service, and beside them
the tests that what was changed touches, nearest first, as many as 90 seconds hold.

A test module is touched when it imports a changed module, itself or through others; the fewer lie
between, the nearer it is. A template counts as the modules that name it. Browser tests are left to
`./test`, and what no time was left for is said.
"""

import re
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path

import grimp
import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("voip_crm", "calls", "contacts", "tenants", "sandbox")
SECONDS = 75  # of the 90; the rest is for what starts before and ends after
FARTHEST = 3  # imports between a test and what was changed


def changed_files() -> list[str]:
    """What differs from the last commit, files new to git among it; if nothing, that commit's."""
    commands = ["git diff --name-only HEAD", "git ls-files --others --exclude-standard"]
    found = [line for command in commands for line in _lines(command)]
    return found or _lines("git diff --name-only HEAD~1 HEAD")


def _lines(command: str) -> list[str]:
    return subprocess.run(
        command.split(), cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout.splitlines()


def modules_of(files: Iterable[str]) -> set[str]:
    """The modules in these files, and those that name a changed template."""
    found = {_module(file) for file in files if file.endswith(".py")}
    templates = [file.removeprefix("templates/") for file in files if file.startswith("templates/")]
    if templates:
        named = re.compile("|".join(map(re.escape, templates)))
        for path in (p for package in PACKAGES for p in (ROOT / package).rglob("*.py")):
            if named.search(path.read_text()):
                found.add(_module(str(path.relative_to(ROOT))))
    return found


def _module(file: str) -> str:
    return file.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def touched(changed: set[str]) -> list[str]:
    """Test files, nearest to what was changed first."""
    graph = grimp.build_graph(*PACKAGES, cache_dir=str(ROOT / ".import_linter_cache"))
    distance = dict.fromkeys(changed & graph.modules, 0)
    level = set(distance)
    for steps in range(1, FARTHEST + 1):
        nearer = level
        level = set()
        for module in nearer:
            level |= graph.find_modules_that_directly_import(module) - distance.keys()
        distance |= dict.fromkeys(level, steps)
    tests = [m for m in distance if m.rpartition(".")[2].startswith("test_")]
    ordered = sorted(tests, key=lambda module: (distance[module], module))
    return [f"{module.replace('.', '/')}.py" for module in ordered]


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
    files = touched(modules_of(changed_files()))
    deadline = Deadline(files)
    code = 0
    if files:
        options = ["-q", "-m", "not browser", "--no-header", "-r", "f"]
        code = int(pytest.main([*options, *files], plugins=[deadline]))
        code = 0 if code == pytest.ExitCode.NO_TESTS_COLLECTED else code
    failed = checks.wait()
    if deadline.left:
        print("No time was left for:", *sorted(deadline.left), sep="\n  ")
    print(f"== quick: {len(files)} files of tests; the checks {'failed' if failed else 'passed'}")
    return code or failed


if __name__ == "__main__":
    sys.exit(main())
