"""The whole suite: lanes side by side, what stumbled once more alone, and what took long.

    python -m voip_crm.tests.suite            everything; `./test` has started the services
    python -m voip_crm.tests.suite flaky N    the browser's lanes N times, and which tests failed

What drives a browser waits for people's time to pass, and a test and its database wait for each
other: two lanes with a browser and three of the others at once keep two cores busy. What only waits
for itself is `nice`: it uses what the others leave, where people and processes wait for each other.
Each lane has a test database (pytest-django adds TOX_PARALLEL_ENV to its name), copied from
one that was migrated once, and a Redis database.

A browser test that fails is run once more, alone, after the lanes. If it passes then, it is *flaky*
and printed last, with what there is to find its fault; the run is green with `FORGIVEN` of them.
Never forgiven are a statement that names no tenant, the end of a fixture that is not the test's own
(report.py), and a lane that broke off. No other test is run twice.
"""

import contextlib
import io
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import urlsplit

ROOT = Path(__file__).resolve().parents[2]
FAILURES = ROOT / "var" / "test-failures"
FORGIVEN = 2
TOO_MANY = 6  # that fail are no stumble: nothing is run again
ISOLATION = "voip_crm/tests/isolation"
# About half of what needs a browser: calls, from their beginning to their end.
CALLING = [
    f"voip_crm/tests/test_{name}.py"
    for name in (
        *("flow", "rejoin", "two_tabs", "sound", "phone_page", "dialer_in_browser"),
        *("ringing_in_browser", "answering_in_browser"),
    )
]
DOORS = ("calls/tests/api", "calls/tests/webhooks")
SERVICES = "calls/tests/services"
BROWSER = re.compile(r"playwright|firefox|\b(open_page|page: Any|browser: Any)\b")
PYTEST = [sys.executable, "-m", "pytest"]
# What needs no browser; what takes longest begins first, so that both cores have work to the end.
OTHERS = {
    "isolation": [ISOLATION],
    "product": ["voip_crm", f"--ignore={ISOLATION}"],
    "services": [SERVICES],
    "calls": ["calls", *(f"--ignore={path}" for path in (*DOORS, SERVICES))],
    "doors": [*DOORS],
    "rest": ["tenants", "contacts", "sandbox", "benchmarks"],
}
HASTY = "product"  # of these what has limits of its own, of seconds
AT_ONCE = 3  # of these; with more, what waits for others waits too long
_running: set[subprocess.Popen[bytes]] = set()


@dataclass
class Lane:
    """Commands one after the other, their output in `log`; on the screen, too, if `is_shown`."""

    name: str
    commands: list[list[str]]
    is_shown: bool = False
    is_nice: bool = False
    environment: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0
    codes: list[int] = field(default_factory=list)  # with which the commands ended
    collected: list[str] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)  # found, and left to another lane
    tests: list[dict[str, Any]] = field(default_factory=list)

    @property
    def log(self) -> Path:
        return Path(os.environ["SUITE_FOLDER"]) / f"{self.name}.log"

    def run(self) -> "Lane":
        started = time.monotonic()
        report = self.log.with_suffix(".jsonl")
        report.unlink(missing_ok=True)
        ours = dict(os.environ) | self.environment | {"SUITE_REPORT": str(report)}
        with self.log.open("wb") as log:
            self.codes = [self._run(command, ours, log) for command in self.commands]
        self.seconds = time.monotonic() - started
        for line in report.read_text().splitlines() if report.exists() else []:
            read = json.loads(line)
            if "collected" in read:
                self.collected += read["collected"]
            elif "left_out" in read:
                self.left_out += read["left_out"]
            else:
                self.tests.append(read)
        return self

    def _run(self, command: list[str], environment: dict[str, str], log: BinaryIO) -> int:
        child = subprocess.Popen(
            ["nice", *command] if self.is_nice else command,
            cwd=ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        _running.add(child)
        assert isinstance(child.stdout, io.BufferedReader)
        while chunk := child.stdout.read1():
            log.write(chunk)
            if self.is_shown:
                sys.stdout.buffer.write(chunk)
                sys.stdout.flush()
        _running.discard(child)
        return child.wait()

    @property
    def left(self) -> list[str]:
        """The tests that were collected and never came to their end."""
        ended = {test["test"] for test in self.tests}
        return [test for test in self.collected if test not in ended]

    @property
    def is_whole(self) -> bool:
        """Whether it came to its end, well or with tests that failed (pytest's 1)."""
        has_ended = len(self.codes) == len(self.commands) and {*self.codes} <= {0, 1}
        return has_ended and not self.left

    @property
    def is_good(self) -> bool:
        return self.is_whole and not any(self.codes)

    @property
    def failed(self) -> list[dict[str, Any]]:
        return [test for test in self.tests if test["failures"]]


def browser_lanes(*arguments: str) -> list[Lane]:
    """The first is shown."""
    browser = [*PYTEST, "-m", "browser", *arguments]
    browsing = [file for file in browser_files() if file not in CALLING]
    return [
        Lane("calling", [[*browser, *CALLING]], is_shown=True),
        Lane("browsing", [[*browser, *browsing]], environment=rows_of_its_own("browsing", 1)),
    ]


def browser_files() -> list[str]:
    """Whose tests may need a browser. To import every file would cost a lane its first seconds;
    `forgotten` knows whether one is missing here.
    """
    files = sorted(ROOT.glob("*/tests/**/test_*.py"))
    return [str(file.relative_to(ROOT)) for file in files if BROWSER.search(file.read_text())]


def forgotten(browsers: list[Lane], others: list[Lane]) -> list[str]:
    """The tests that the other lanes have left to the browser, and that no lane of it has."""
    found = {test for lane in browsers for test in lane.collected}
    return [test for lane in others for test in lane.left_out if test not in found]


def other_lanes() -> list[Lane]:
    lanes = [
        Lane(
            name,
            [[*PYTEST, "-m", "not browser", *paths]],
            is_nice=name != HASTY,
            environment=rows_of_its_own(name, number),
        )
        for number, (name, paths) in enumerate(OTHERS.items(), start=2)
    ]
    return [*lanes, Lane("checks", [["bash", "scripts/checks.sh"]], is_nice=True)]


def rows_of_its_own(name: str, number: int) -> dict[str, str]:
    """A database of this name, and the Redis database of this number."""
    redis = f"{os.environ['REDIS_URL'].rpartition('/')[0]}/{number}"
    return {"TOX_PARALLEL_ENV": name, "REDIS_URL": redis}


def everything() -> bool:
    """Run the lanes; whether all is well."""
    browsers, others = browser_lanes(), other_lanes()
    lanes = [*browsers, *others]
    migrate()
    with ThreadPoolExecutor(len(browsers)) as first, ThreadPoolExecutor(AT_ONCE) as beside:
        ended = [first.submit(lane.run) for lane in browsers]
        ended += [beside.submit(lane.run) for lane in others]
    for run in ended:
        run.result()
    for lane in lanes[1:]:
        print(lane.log.read_text())
    failed = sum(len(lane.failed) for lane in browsers)
    flaky = run_again(browsers) if 0 < failed <= TOO_MANY else []
    tell_times(lanes)
    # What failed stands last, where it is looked for: between the lanes' logs it is hard to find.
    is_good = all(lane.is_good for lane in others) and is_forgivable(browsers, flaky)
    if left := forgotten(browsers, others):
        is_good = False
        print("== no lane has run:", *left, sep="\n")
    if not is_good:
        tell_failures(lanes, flaky)
    for stumble in flaky:
        stumble.tell()
    return is_good


def migrate() -> None:
    """Once for all lanes: their databases are copies of these, PostgreSQL's and SQLite's."""
    file = Path(os.environ["SUITE_FOLDER"]) / "migrated.sqlite3"
    command = [sys.executable, "manage.py", "migrate", "--skip-checks", "--verbosity", "0"]
    with ThreadPoolExecutor() as together:
        both = [
            together.submit(subprocess.run, command, cwd=ROOT, env=environment, check=True)
            for environment in (os.environ, os.environ | on_sqlite(file))
        ]
    for one in both:
        one.result()
    os.environ["TEST_TEMPLATE"] = urlsplit(os.environ["DATABASE_URL"]).path.rpartition("/")[2]
    os.environ["SQLITE_TEMPLATE"] = str(file)


def on_sqlite(file: Path) -> dict[str, str]:
    return {"DATABASE_URL": f"sqlite:///{file}", "DATABASE_OWNER_URL": ""}


@dataclass(frozen=True)
class Stumble:
    """A browser test that failed and then passed alone."""

    test: str
    text: str
    seconds: float
    seconds_alone: float

    def tell(self) -> None:
        print(
            f"flaky: {self.test}: failed after {self.seconds:.1f} s beside the other lanes,"
            f" passed in {self.seconds_alone:.1f} s alone"
        )
        print("\n".join(f"  {line}" for line in self.text.splitlines()[-30:]))
        name = self.test.rpartition("::")[2]
        for file in sorted(FAILURES.glob("*")):
            if file.name.startswith(name):
                print(f"  {file.relative_to(ROOT)}")


def run_again(browsers: list[Lane]) -> list[Stumble]:
    """Run each failed test alone; those that pass now."""
    stumbles = []
    for number, before in enumerate(test for lane in browsers for test in lane.failed):
        if any(failure["is_fault"] for failure in before["failures"]):
            continue
        print(f"== once more, alone: {before['test']}")
        again = Lane(f"again-{number}", [[*PYTEST, before["test"]]], is_shown=True).run()
        if again.is_good and again.tests:
            text = "\n".join(failure["text"] for failure in before["failures"])
            seconds = again.tests[0]["seconds"]
            stumbles.append(Stumble(before["test"], text, before["seconds"], seconds))
    return stumbles


def is_forgivable(browsers: list[Lane], flaky: list[Stumble]) -> bool:
    """Whether the lanes are good, or came to their ends and failed by nothing but few stumbles."""
    if not all(lane.is_whole for lane in browsers) or len(flaky) > FORGIVEN:
        return False
    stumbled = {stumble.test for stumble in flaky}
    return all(
        lane.is_good or (lane.failed and stumbled.issuperset(test["test"] for test in lane.failed))
        for lane in browsers
    )


def tell_times(lanes: list[Lane]) -> None:
    print("== the ten slowest tests")
    tests = [test for lane in lanes for test in lane.tests]
    for test in sorted(tests, key=lambda test: -test["seconds"])[:10]:
        print(f"{test['seconds']:7.1f} s  {test['test']}")
    for lane in lanes:
        minutes, seconds = divmod(round(lane.seconds), 60)
        print(f"== lane {lane.name}: {len(lane.tests)} tests, {minutes} min {seconds:02} s")


def tell_failures(lanes: list[Lane], flaky: list[Stumble]) -> None:
    stumbled = {stumble.test for stumble in flaky}
    for lane in lanes:
        for line in lane.log.read_text().splitlines():
            if line.startswith(("FAILED", "ERROR", "E  ", "== failed")):
                print(line)
    if len(flaky) > FORGIVEN:
        print(f"== {len(flaky)} tests stumbled, more than the {FORGIVEN} that are forgiven")
    for lane in lanes:
        for test in lane.failed:
            if test["test"] not in stumbled:
                print(f"== failed: {test['test']}")
        if not lane.is_whole:
            print(f"== lane {lane.name} broke off: exit codes {lane.codes}, {len(lane.left)} left:")
            print(*lane.left[:10], sep="\n")


def count_stumbles(times: int) -> bool:
    """Run the browser's lanes several times, nothing beside them; whether no test ever failed."""
    failures: Counter[str] = Counter()
    migrate()
    for number in range(1, times + 1):
        lanes = browser_lanes("-q")
        with ThreadPoolExecutor(len(lanes)) as together:
            list(together.map(Lane.run, lanes))
        failed = [test["test"] for lane in lanes for test in lane.failed]
        failures.update(failed)
        count, minutes = sum(len(lane.tests) for lane in lanes), max(x.seconds for x in lanes) / 60
        print(f"== run {number} of {times}: {len(failed)} of {count} failed in {minutes:.1f} min")
        for lane in lanes:
            for broken in lane.failed:
                print(*(failure["text"] for failure in broken["failures"]), sep="\n")
            if not lane.is_whole or (any(lane.codes) and not lane.failed):
                failures[f"lane {lane.name} as a whole"] += 1
    for test, count in failures.most_common():
        print(f"{count:4} of {times}  {test}")
    print(f"== {sum(failures.values())} stumbles in {times} runs")
    return not failures


def main(arguments: list[str]) -> int:
    signal.signal(signal.SIGTERM, _leave)
    signal.signal(signal.SIGINT, _leave)
    if arguments[:1] == ["flaky"]:
        return 0 if count_stumbles(int(arguments[1]) if arguments[1:] else 10) else 1
    return 0 if everything() else 1


def _leave(number: int, frame: object) -> None:
    """End the lanes with us, and begin nothing more."""
    for child in list(_running):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGTERM)
    os._exit(128 + number)  # the threads of the lanes would go on with what comes next


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
