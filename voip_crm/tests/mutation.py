"""Mutation testing, `./test mutation [FILE…]`: each guard is broken, and a test must notice.

The code of `TARGETS` is broken one place at a time (`mutants.py`); their tests must then fail. Most
mutants live in one function: a process that has run the tests once forks, swaps the function's code
and runs them until one fails, beginning with those that noticed the mutants before. The others need
a new interpreter and a new database.

Fails when a target has fewer than 90 % of its mutants killed, when one survives in `STRICT` code or
is not explained by `mutation.toml`, or when an explained one is killed or does not exist any more.
"""

import contextlib
import gc
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
from typing import Any, NoReturn

import pytest
from django.core.management import call_command
from django.db import connections
from pytest_django.plugin import blocking_manager_key

from voip_crm.tests.mutants import Mutant, mutants

ROOT = Path(__file__).resolve().parents[2]
ENOUGH = 0.9
ROW = "= "
TIMEOUT = 240  # seconds for the tests of one mutant; an endless loop is a killed one
NOTHING_RAN = 5  # pytest's exit code
PROGRAM = [sys.executable, "-m", "voip_crm.tests.mutation"]


@dataclass(frozen=True)
class Target:
    """The tests of a file, by what kills most first; of the file these functions only (""= all).

    `early` names code that works while the product is loaded or its database made: who survives
    there is tried again before that.
    """

    tests: tuple[str, ...]
    functions: tuple[str, ...] = ("",)
    early: tuple[str, ...] = ()


SQL = ("tenants/tests/fence/test_constraints.py",)
SCOPE = ("tenants/tests/fence/test_scoping.py", "tenants/tests/fence/test_row_level_security.py")
DOORS = ("tenants/tests/fence/test_doors.py", "calls/tests/api/test_clerk.py")
HOOKS = ("calls/tests/webhooks/test_webhooks.py", "calls/tests/webhooks/test_forged_webhooks.py")
ORDER = ("calls/tests/gateway/test_order_of_parameters.py",)
AGAIN = ("calls/tests/services/test_heard_again.py",)
PEOPLE = ("tenants/tests/signing_in/test_sign_in.py", "tenants/tests/people/test_settings.py")
SECRETS = ("calls/tests/gateway/test_secrets.py",)
OWN = ("calls/tests/services/test_own_accounts.py",)
TARGETS = {
    "calls/gateway/tokens.py": Target((*HOOKS, *ORDER), ("is_signed", "_as_signed")),
    "calls/gateway/addresses.py": Target((*HOOKS, *ORDER), ("in_our_order",)),
    "calls/facts/sids.py": Target((*HOOKS, "calls/tests/services/test_recordings.py")),
    "calls/webhooks/signed_posts.py": Target(
        (*HOOKS, "voip_crm/tests/test_logs.py"), early=("retriable",)
    ),
    "calls/gateway/accounts.py": Target(
        (*HOOKS, *OWN, *SECRETS),
        ("shared_account", "account_for", "webhook_account", "serves", "_legible", "_tokens"),
    ),
    "tenants/fence/context.py": Target(SCOPE),
    "tenants/fence/scoping.py": Target(
        (*SQL, *SCOPE, *DOORS), early=("TenantFence", "member_fence", "TenantOwned.Meta")
    ),
    "tenants/doors.py": Target((*DOORS, *PEOPLE, *SCOPE)),
    "calls/services/rooms/progress.py": Target(
        (*HOOKS, "calls/tests/services/test_dialing.py"),
        ("hear", "_hear_at_leisure", "_locate", "_is_about", "_is_bound", "bind_sid", "settle"),
    ),
    "calls/webhooks/hearing.py": Target((*HOOKS, "voip_crm/tests/test_logs.py")),
    "calls/services/callbacks/routing.py": Target((*HOOKS, *AGAIN)),
    "calls/services/callbacks/aside.py": Target((*HOOKS, *AGAIN)),
    "calls/services/callbacks/reading.py": Target(
        (*HOOKS, *AGAIN), ("Callback", "ids_of", "heard", "heard_of_browser", "sid")
    ),
    "tenants/middleware.py": Target(
        (
            "tenants/tests/bricks/test_access.py",
            *PEOPLE,
            *DOORS,
            "tenants/tests/signing_in/test_sessions.py",
            "tenants/tests/signing_in/test_second_factor.py",
            "tenants/tests/signing_in/test_second_factor_rules.py",
            "tenants/tests/trail/test_audit.py",
            "tenants/tests/test_admin.py",
        ),
        early=("short_transactions",),
    ),
    "tenants/bricks/access.py": Target(
        ("tenants/tests/bricks/test_access.py", "tenants/tests/people/test_settings.py"),
        early=("",),
    ),
    "tenants/bricks/secrets.py": Target((*SECRETS, *OWN)),
    "tenants/fence/policies.py": Target((*SQL, *SCOPE), early=("",)),
    "tenants/fence/constraints.py": Target((*SQL, *SCOPE), early=("",)),
    "tenants/fence/roles.py": Target(
        SCOPE,
        (
            "grant",
            "faults",
            "_unlike_policies",
            "_wanted",
            "_faults_of_table",
        ),
        ("grant",),
    ),
    "tenants/bricks/first_connection.py": Target(SCOPE),
}
# Signature checks and tenant predicates: no mutant may survive here, whatever the reason.
STRICT = {
    "calls/gateway/tokens.py": ("is_signed", "_as_signed"),
    "calls/gateway/addresses.py": ("in_our_order",),
    "calls/webhooks/signed_posts.py": ("TwilioWebhook.post", "misshapen"),
    "calls/gateway/accounts.py": ("webhook_account", "serves", "_tokens"),
    "tenants/fence/context.py": (
        "current_tenant_id",
        "tenant_id_for_query",
        "tenant_context",
        "door",
    ),
    "tenants/fence/scoping.py": ("CurrentTenant", "_claim", "TenantQuerySet", "TenantManager"),
    "tenants/doors.py": ("_member", "membership_by_identity", "named_by", "tenant_named_by"),
    "calls/services/rooms/progress.py": ("_locate", "_is_about"),
    "calls/services/callbacks/routing.py": ("named_behind", "member_behind", "_tenant_of"),
    "calls/services/callbacks/aside.py": ("_callback",),
    "tenants/bricks/secrets.py": ("unseal", "EncryptedTextField.place"),
    "tenants/fence/policies.py": ("_said", "TenantPolicy.policies", "DoorPolicy.policies"),
}


def chosen(file: str) -> list[Mutant]:
    """The mutants of a target."""
    every = mutants((ROOT / file).read_text())
    functions = TARGETS[file].functions
    return [each for each in every if _within(each.function, functions)]


def _within(function: str, names: Sequence[str]) -> bool:
    return any(name in ("", function) or function.startswith(f"{name}.") for name in names)


def module(file: str) -> str:
    """Its dotted name."""
    return file.removesuffix(".py").replace("/", ".")


# --- breaking -----------------------------------------------------------------------------------


def swap(loaded: types.ModuleType, mutant: Mutant) -> bool:
    """Put the mutant's code into the loaded function; whether that was possible."""
    functions, code = swappable(loaded, mutant)
    for function in functions:
        function.__code__ = code
    return bool(functions)


def swappable(loaded: types.ModuleType, mutant: Mutant) -> tuple[list[types.FunctionType], Any]:
    """The loaded function (each that was made of it, of an inner one) and the mutant's code for it;
    none when the mutant is not in a function.
    """
    if mutant.change.startswith("@"):  # the function's own code is the same without a decorator
        return [], None
    found: list[Any] = [loaded]
    code: Any = compile(mutant.tree, str(loaded.__file__), "exec")
    for name in mutant.function.split(".") if mutant.function else ():
        code = _inner(code, name)
        found = [each for outer in found for each in _named(outer, name)]
    functions = [each for each in found if isinstance(each, types.FunctionType)]
    if any(f.__code__ == code or f.__code__.co_freevars != code.co_freevars for f in functions):
        return [], None
    return functions, code


def _inner(code: types.CodeType | None, name: str) -> types.CodeType | None:
    consts = code.co_consts if code else ()
    return next((c for c in consts if isinstance(c, types.CodeType) and c.co_name == name), None)


def _named(outer: Any, name: str) -> list[Any]:
    """What has this name in a module, a class or a function."""
    if isinstance(outer, types.FunctionType):
        return [f for f in gc.get_referrers(_inner(outer.__code__, name)) if hasattr(f, "__code__")]
    found = inspect.getattr_static(outer, name, None)
    found = found.fget if isinstance(found, property) else found
    return [inspect.unwrap(getattr(found, "__func__", found)) if callable(found) else found]


class Broken(importlib.abc.MetaPathFinder):
    """Imports one module as the mutant."""

    def __init__(self, file: str, mutant: Mutant) -> None:
        self.module, self.mutant = module(file), mutant

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
    """A pytest plugin: runs the tests once, then once for each mutant, in a fork."""

    def __init__(self, file: str, slot: str) -> None:
        self.file, self.slot = file, slot
        self.survivors: list[Mutant] = []
        self.count = 0

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        started = time.monotonic()
        if _first_to_fail(session.items) is not None:
            pytest.exit(f"{self.file}: its tests fail without any mutant", returncode=3)
        self.limit = 20 + 5 * (time.monotonic() - started)
        if not self._passes(session, None):
            pytest.exit(f"{self.file}: its tests fail in a fork without any mutant", returncode=3)
        early = TARGETS[self.file].early
        for number, mutant in enumerate(chosen(self.file)):
            self.count += 1
            started = time.monotonic()
            is_alive = self._passes(session, mutant)
            if is_alive is None or (is_alive and _within(mutant.function, early)):
                is_alive = not killed(
                    [*PROGRAM, "--cold", self.file, str(number)],
                    {"TOX_PARALLEL_ENV": f"{self.slot}cold"},
                )
            if is_alive:
                self.survivors.append(mutant)
            word = "SURVIVED" if is_alive else "killed"
            seconds = time.monotonic() - started
            print(f"{word} {self.file}:{mutant.line} {mutant.name} ({seconds:.1f} s)", flush=True)
        return True

    def _passes(self, session: pytest.Session, mutant: Mutant | None) -> bool | None:
        """Whether the tests pass with the mutant; None when it is none of a loaded function."""
        connections.close_all()  # a fork would end it for us, too
        reading, writing = os.pipe()
        pid = os.fork()
        if pid == 0:
            _be_mutant(session, self.file, mutant, writing)
        os.close(writing)
        deadline = time.monotonic() + self.limit
        while time.monotonic() < deadline:
            ended, status = os.waitpid(pid, os.WNOHANG)
            if ended and status:
                pytest.exit(f"{self.file}: the fork broke", returncode=3)
            if ended:
                break
            time.sleep(0.01)
        else:
            os.killpg(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
        with os.fdopen(reading) as told:
            said = told.read()
        if said in (PASSED, COLD):
            return True if said == PASSED else None
        if said:
            session.items.insert(0, session.items.pop(int(said)))
        _tidy(session)
        return False


PASSED, COLD = "passed", "cold"


def _be_mutant(session: pytest.Session, file: str, mutant: Mutant | None, writing: int) -> NoReturn:
    """In a fork: tell which test fails first, by its place."""
    try:
        os.setsid()
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, 1)
        os.dup2(null, 2)
        said: object = COLD
        if mutant is None or swap(importlib.import_module(module(file)), mutant):
            session._setupstate.teardown_exact(session.items[0])
            failed = _first_to_fail(session.items)
            said = PASSED if failed is None else failed
        os.write(writing, str(said).encode())
        os._exit(0)
    except BaseException:
        os._exit(1)


def _first_to_fail(items: Sequence[pytest.Item]) -> int | None:
    # The first test follows on the last, so that what all tests share is kept.
    for place, (item, following) in enumerate(zip(items, [*items[1:], items[0]], strict=True)):
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
        if item.session.testsfailed:
            return place
    return None


def _tidy(session: pytest.Session) -> None:
    """Whoever was ended within a test, or broke transactions, leaves rows."""
    from tenants.models import User

    with session.config.stash[blocking_manager_key].unblock():
        if User.objects.exists():
            call_command("flush", verbosity=0, interactive=False)
        connections.close_all()


OPTIONS = ["-q", "-p", "no:cacheprovider", "-p", "no:randomly"]
OPTIONS += ["-k", "not borealis"]  # each forgery is tried on one of the two workspaces


def run_target(file: str, slot: str) -> tuple[int, list[Mutant]]:
    """How many mutants there are, and those that survive."""
    os.environ["TOX_PARALLEL_ENV"] = slot
    os.environ.pop("POSTGRES_LOG", None)  # is of all targets
    forks = Forks(file, slot)
    code = pytest.main([*OPTIONS, "-s", *TARGETS[file].tests], plugins=[forks])
    if code not in (0, NOTHING_RAN):
        raise SystemExit(f"{file}: pytest ended with {code}")
    return forks.count, forks.survivors


def cold(file: str, number: int) -> int:
    """One mutant in this interpreter; pytest's exit code."""
    sys.meta_path.insert(0, Broken(file, chosen(file)[number]))
    return int(pytest.main([*OPTIONS, "-x", "--create-db", *TARGETS[file].tests]))


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
