"""The processes that are measured, each started when it is first asked for and ended with us."""

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from honcho.environ import parse_procfile  # type: ignore[import-untyped]  # has no types

from benchmarks import procfs
from voip_crm.children import die_with_parent

ROOT = Path(__file__).resolve().parents[1]
PROCFILE: dict[str, str] = parse_procfile((ROOT / "Procfile").read_text()).processes
START_SECONDS = 120.0


class Broken(RuntimeError):
    """What is measured does not do what it should: its figures would mean nothing."""


class Processes:
    """By name; their output is in files of `folder`."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self.folder, self.environment = folder, environment
        self.children: dict[str, subprocess.Popen[str]] = {}

    def start(
        self, name: str, *command: str, pipes: bool = False, **environment: str
    ) -> subprocess.Popen[str]:
        if name in self.children:
            return self.children[name]
        with (self.folder / f"{name}.log").open("ab") as log:
            self.children[name] = subprocess.Popen(
                command,
                cwd=ROOT,
                env=self.environment | environment,
                stdin=subprocess.PIPE if pipes else subprocess.DEVNULL,
                stdout=subprocess.PIPE if pipes else log,
                stderr=log,
                text=True,
                start_new_session=True,
                preexec_fn=die_with_parent,
            )
        return self.children[name]

    def python(self, name: str, *arguments: str, **environment: str) -> subprocess.Popen[str]:
        return self.start(name, sys.executable, *arguments, pipes=False, **environment)

    def of_procfile(self, kind: str, name: str = "", **environment: str) -> subprocess.Popen[str]:
        """One of the Procfile's, as it stands there."""
        return self.start(name or kind, "sh", "-c", PROCFILE[kind], pipes=False, **environment)

    def wait_for(self, name: str, is_ready: Callable[[], bool]) -> None:
        until = time.monotonic() + START_SECONDS
        while not is_ready():
            if self.children[name].poll() is not None or time.monotonic() > until:
                raise Broken(f"{name} did not start:\n{self.log(name)}")
            time.sleep(0.05)

    def log(self, name: str, lines: int = 30) -> str:
        text = (self.folder / f"{name}.log").read_text(errors="replace")
        return "\n".join(text.splitlines()[-lines:])

    def stop(self, name: str) -> None:
        child = self.children.pop(name, None)
        if child is None:
            return
        pids = procfs.tree(child.pid)
        for number in (15, 9):
            for pid in pids:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, number)
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(8)
                break

    def stop_all(self) -> None:
        for name in reversed(list(self.children)):
            self.stop(name)
