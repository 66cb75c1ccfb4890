"""Mutation testing, `./test mutation [FILE…]`: each guard is broken, and a test must notice.

The code of `TARGETS` is broken one place at a time (`mutants.py`); their tests must then fail. Most
mutants live in one function: a process that has loaded everything forks, swaps the function's code
and runs the tests until one fails. The others need a new interpreter, and some a new database.

Fails when a target has fewer than 90 % of its mutants killed, when a mutant survives that
`mutation.toml` does not explain, when one in `STRICT` code survives at all, or when an explained
one does not exist any more or is killed.
"""

import contextlib
import importlib
import importlib.abc
import importlib.machinery
import inspect
import os
import signal
import subprocess
import sys
import time
import tomllib
import types
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from voip_crm.tests.mutants import Mutant, mutants

ROOT = Path(__file__).resolve().parents[2]
ENOUGH = 0.9
ROW = "= "
TIMEOUT = 300  # seconds for the tests of one mutant; an endless loop is a killed one
NOTHING_RAN = 5  # pytest's exit code
PROGRAM = [sys.executable, "-m", "voip_crm.tests.mutation"]


@dataclass(frozen=True)
class Target:
    """The tests of a file, by what kills most first; of the file these functions only (""= all).

    `schema` names code that makes the database: it is broken before the migrations run.
    """

    tests: tuple[str, ...]
    functions: tuple[str, ...] = ("",)
    schema: tuple[str, ...] = ()


SCOPE = ("tenants/tests/test_scoping.py",)
HOOKS = ("calls/tests/test_webhooks.py",)
TARGETS = {
    "tenants/scoping.py": Target(
        (*SCOPE, "tenants/tests/test_doors.py", "tenants/tests/test_schema.py"),
        schema=("TenantFence", "member_fence", "TenantOwned.Meta"),
    ),
    "tenants/context.py": Target(SCOPE),
    "tenants/doors.py": Target(
        (
            "tenants/tests/test_doors.py",
            "calls/tests/test_clerk.py",
            "tenants/tests/test_settings.py",
        )
    ),
    "tenants/middleware.py": Target(
        (
            "tenants/tests/test_middleware.py",
            "tenants/tests/test_sign_in.py",
            "calls/tests/test_clerk.py",
        )
    ),
    "tenants/access.py": Target(
        ("tenants/tests/test_sign_in.py", "tenants/tests/test_settings.py")
    ),
    "calls/accounts.py": Target((*HOOKS, "calls/tests/test_api.py")),
    "calls/gateway/tokens.py": Target((*HOOKS, "calls/tests/test_dialing.py")),
    "calls/webhooks.py": Target(
        HOOKS,
        (
            "TwilioWebhook.post",
            "VoiceWebhook._document",
            "RecordingStatusWebhook",
            "_store",
            "_belongs",
            "_keep_aside",
            "_sid",
        ),
    ),
    "calls/services/progress.py": Target(
        (*HOOKS, "calls/tests/test_dialing.py"), ("hear", "_locate", "_is_about", "bind_sid")
    ),
}
# Signature checks and tenant predicates: no mutant may survive here, explained or not.
STRICT = {
    "tenants/scoping.py": ("CurrentTenant", "_claim", "TenantQuerySet", "TenantManager"),
    "tenants/context.py": ("current_tenant_id", "tenant_id_for_query", "tenant_context"),
    "calls/accounts.py": ("account_by_sid", "serves"),
    "calls/gateway/tokens.py": ("is_signed",),
    "calls/webhooks.py": ("TwilioWebhook.post", "_belongs"),
}


def chosen(file: str) -> list[Mutant]:
    """The mutants of a target."""
    every = mutants((ROOT / file).read_text())
    functions = TARGETS[file].functions
    return [each for each in every if _within(each.function, functions)]


def _within(function: str, names: Sequence[str]) -> bool:
    return any(name in ("", function) or function.startswith(f"{name}.") for name in names)


def _module(file: str) -> str:
    return file.removesuffix(".py").replace("/", ".")


# --- breaking -----------------------------------------------------------------------------------


def swap(module: types.ModuleType, mutant: Mutant) -> bool:
    """Put the mutant's code into the loaded function; whether that was possible."""
    if mutant.change.startswith("@"):  # the function's own code is the same without a decorator
        return False
    found: Any = module
    code: types.CodeType | None = compile(mutant.tree, str(module.__file__), "exec")
    for name in mutant.function.split(".") if mutant.function else ():
        found = inspect.getattr_static(found, name, None)
        code = next((c for c in code.co_consts if _is_code(c, name)), None) if code else None
    found = found.fget if isinstance(found, property) else found
    found = inspect.unwrap(getattr(found, "__func__", found)) if callable(found) else found
    if code is None or not isinstance(found, types.FunctionType):
        return False
    if found.__code__.co_freevars != code.co_freevars or found.__code__ == code:
        return False
    found.__code__ = code
    return True


def _is_code(constant: object, name: str) -> bool:
    return isinstance(constant, types.CodeType) and constant.co_name == name


class Broken(importlib.abc.MetaPathFinder):
    """Imports one module as the mutant."""

    def __init__(self, file: str, mutant: Mutant) -> None:
        self.module, self.mutant = _module(file), mutant

    def find_spec(self, name: str, path: Any, target: Any = None) -> Any:
        if name != self.module:
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path)
        assert spec is not None and spec.origin is not None
        spec.loader = BrokenLoader(name, spec.origin)
        spec.loader.tree = self.mutant.tree
        return spec


class BrokenLoader(importlib.machinery.SourceFileLoader):
    tree: Any = None

    def get_code(self, fullname: str) -> types.CodeType:
        code: types.CodeType = compile(self.tree, self.path, "exec")
        return code


# --- running ------------------------------------------------------------------------------------


def killed(command: Sequence[str], environment: dict[str, str]) -> bool:
    """Whether the tests fail in a new interpreter."""
    child = subprocess.Popen(
        command,
        env=os.environ | environment,
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    with contextlib.suppress(subprocess.TimeoutExpired):
        code = child.wait(TIMEOUT)
        assert code != NOTHING_RAN, command
        return code != 0
    os.killpg(child.pid, signal.SIGKILL)
    child.wait()
    return True


class Forks:
    """A pytest plugin: in place of the tests, it runs them once for each mutant, in a fork."""

    def __init__(self, file: str, slot: str) -> None:
        self.file, self.slot = file, slot
        self.survivors: list[Mutant] = []
        self.count = 0

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        if not self._passes(session, None):
            pytest.exit(f"{self.file}: its tests fail without any mutant", returncode=3)
        module = importlib.import_module(_module(self.file))
        for number, mutant in enumerate(chosen(self.file)):
            self.count += 1
            started = time.monotonic()
            if _within(mutant.function, TARGETS[self.file].schema) or not _can_swap(module, mutant):
                is_alive = not killed(
                    [*PROGRAM, "--cold", self.file, str(number)],
                    {"TOX_PARALLEL_ENV": f"{self.slot}cold"},
                )
            else:
                is_alive = self._passes(session, mutant)
            if is_alive:
                self.survivors.append(mutant)
            word = "SURVIVED" if is_alive else "killed"
            seconds = time.monotonic() - started
            print(f"{word} {self.file}:{mutant.line} {mutant.name} ({seconds:.1f} s)", flush=True)
        return True

    def _passes(self, session: pytest.Session, mutant: Mutant | None) -> bool:
        pid = os.fork()
        if pid == 0:
            os.setsid()
            code = 1
            try:
                null = os.open(os.devnull, os.O_WRONLY)
                os.dup2(null, 1)
                os.dup2(null, 2)
                if mutant is not None:
                    swap(importlib.import_module(_module(self.file)), mutant)
                code = _run(session)
            finally:
                os._exit(code)
        deadline = time.monotonic() + TIMEOUT
        while time.monotonic() < deadline:
            done, status = os.waitpid(pid, os.WNOHANG)
            if done:
                return status == 0
            time.sleep(0.01)
        os.killpg(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        return False


def _can_swap(module: types.ModuleType, mutant: Mutant) -> bool:
    """Asked in a fork, since it swaps."""
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            code = 0 if swap(module, mutant) else 1
        finally:
            os._exit(code)
    return os.waitpid(pid, 0)[1] == 0


def _run(session: pytest.Session) -> int:
    """The tests until the first failure; an exit code."""
    items = session.items
    for item, following in zip(items, [*items[1:], None], strict=True):
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
        if session.testsfailed:
            return 1
    return 0


OPTIONS = ["-q", "-x", "-p", "no:cacheprovider", "-p", "no:randomly"]


def run_target(file: str, slot: str) -> tuple[int, list[Mutant]]:
    """How many mutants there are, and those that survive."""
    os.environ["TOX_PARALLEL_ENV"] = slot
    forks = Forks(file, slot)
    code = pytest.main([*OPTIONS, "--reuse-db", "-s", *_tests(file)], plugins=[forks])
    if code not in (0, NOTHING_RAN):
        raise SystemExit(f"{file}: pytest ended with {code}")
    return forks.count, forks.survivors


def _tests(file: str) -> list[str]:
    return [test for test in TARGETS[file].tests if (ROOT / test).exists()]


def cold(file: str, number: int) -> int:
    """One mutant in this interpreter; pytest's exit code."""
    sys.meta_path.insert(0, Broken(file, chosen(file)[number]))
    return int(pytest.main([*OPTIONS, "--create-db", *_tests(file)]))


# --- the verdict --------------------------------------------------------------------------------


def explained() -> dict[str, dict[str, str]]:
    """Why a mutant may survive: by file, then by the mutant's name."""
    found: dict[str, dict[str, str]] = tomllib.loads(
        (ROOT / "voip_crm/tests/mutation.toml").read_text()
    )
    return found


def verdict(file: str, count: int, survivors: Sequence[Mutant]) -> Iterator[str]:
    """What is wrong with this result, a line each."""
    reasons, alive = explained().get(file, {}), {mutant.name for mutant in survivors}
    if count - len(survivors) < ENOUGH * count:
        yield f"{file}: fewer than {ENOUGH:.0%} of the mutants are killed"
    for mutant in survivors:
        if _within(mutant.function, STRICT.get(file, ())):
            yield f"{file}:{mutant.line}: survives in a guard: {mutant.name}"
        elif mutant.name not in reasons:
            yield f"{file}:{mutant.line}: survives without a reason: {mutant.name}"
    for name in reasons.keys() - alive:
        yield f"{file}: explained, but killed or gone: {name}"


def one(file: str, slot: str) -> int:
    """One target in this process; its row and what is wrong."""
    count, survivors = run_target(file, slot)
    dead = count - len(survivors)
    wrong = list(verdict(file, count, survivors))
    print(*wrong, sep="\n")
    print(f"{ROW}{file:32}{count:6} mutants{dead:6} killed{dead / count:6.0%}", flush=True)
    return 1 if wrong else 0


def main(arguments: Sequence[str]) -> int:
    """Every target in a process of its own, as many at once as there are processors."""
    files = list(arguments) or list(TARGETS)
    if unknown := set(files) - set(TARGETS):
        raise SystemExit(f"No target: {', '.join(sorted(unknown))}. Known: {', '.join(TARGETS)}.")

    def run(file: str) -> tuple[int, str]:
        slot = "m" + file.removesuffix(".py").replace("/", "_")
        command = [*PROGRAM, "--one", file, slot]
        child = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        assert child.stdout is not None
        row = f"{file}: not run"
        for line in child.stdout:
            print(line, end="", flush=True)
            row = line.removeprefix(ROW).rstrip() if line.startswith(ROW) else row
        return child.wait(), row

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        results = list(pool.map(run, files))
    print("", *(row for _, row in results), sep="\n")
    return max(code for code, _ in results)


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["--cold", file, number]:
            sys.exit(cold(file, int(number)))
        case ["--one", file, slot]:
            sys.exit(one(file, slot))
        case arguments:
            sys.exit(main(arguments))
