"""The statement guard: no SQL touches a tenant's table without naming the tenant.

`fault(sql)` reads a statement as a tree. Each table of a tenant in it must be restricted: by
`tenant_id` in a condition that always holds (WHERE or ON, not below an OR), by a fenced key from or
to a table that is, or, in an INSERT, by giving the column. A column that is merely selected, or
compared under an OR, does not count.

As a pytest plugin (`pytest.ini`) it reads every statement that the product sends in a test, and
fails that test for a bad one; what a test itself asks the database is its own affair. Of the
product's other processes it reads the throw-away PostgreSQL's log.
"""

import inspect
import os
import re
from collections.abc import Callable, Generator, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import sqlglot
from sqlglot import exp

# A membership is looked up by its person before a tenant is known: tenants/doors.py.
EXCEPTIONS = {("tenants_membership", "user_id")}
# … by one that the same statement has found first, by a session, a token or an id.
PERSON = ("said", "person")
TOUCHING = (exp.Select, exp.Insert, exp.Update, exp.Delete)

ROOT = Path(__file__).resolve().parents[2]
# The application name of `harness.Processes` at the database: each lane of the suite reads at its
# end what its own have sent.
PROCESSES = "-".join(filter(None, ["product", os.environ.get("TOX_PARALLEL_ENV")]))
LITERAL = re.compile(r"'(?:[^']|'')*'")
Column = tuple[str, str]  # alias, column
faults: list[str] = []
_FOUND = pytest.StashKey[list[str]]()
EXIT_STATUS = 9  # for what the processes sent: no failed test explains it


class OpenStatement(AssertionError):
    """A statement left a tenant's table open."""


@cache
def tenant_tables() -> Mapping[str, Mapping[str, str]]:
    """Each tenant table, and the tenant tables that its fenced columns lead to."""
    from tenants.fence.scoping import TenantFence, tenant_models

    found: dict[str, dict[str, str]] = {}
    for model in tenant_models():
        fields = [
            model._meta.get_field(constraint.field)
            for constraint in model._meta.constraints
            if isinstance(constraint, TenantFence) and not constraint.via
        ]
        found[model._meta.db_table] = {
            field.column: field.related_model._meta.db_table  # type: ignore[union-attr]
            for field in fields
        }
    return found


@cache
def fault(sql: str, dialect: str = "postgres") -> str | None:
    """What is wrong with a statement; None when nothing is."""
    tables = tenant_tables()
    if not any(table in sql for table in tables):
        return None
    if sql.lstrip("( \n").split(None, 1)[0].upper() not in READ_OR_WRITE:
        return None
    try:
        tree = sqlglot.parse_one(sql, dialect=dialect)
    except sqlglot.errors.ParseError as error:
        return f"cannot be read: {error}"
    for node in tree.find_all(*TOUCHING):
        if open_table := _open(node, _restricted_around(node)):
            return f"{open_table} is not restricted by its tenant"
    return None


READ_OR_WRITE = {"SELECT", "INSERT", "UPDATE", "DELETE", "WITH", "EXPLAIN", "DECLARE"}


def _restricted_around(node: exp.Expression) -> dict[str, str]:
    """The tables of enclosing statements that are restricted there, by alias."""
    outer = node.find_ancestor(*TOUCHING)
    if outer is None:
        return {}
    around = _restricted_around(outer)
    closed, tables = _restricted(outer, around), _tables(outer)
    return around | {alias: tables[alias] for alias in closed if alias in tables}


def _open(node: exp.Expression, around: Mapping[str, str]) -> str | None:
    """A tenant's table that this statement, without its inner ones, leaves open."""
    if isinstance(node, exp.Insert):
        target = node.this
        if isinstance(target, exp.Schema) and target.this.name in tenant_tables():
            if "tenant_id" not in {column.name for column in target.expressions}:
                return str(target.this.name)
        elif isinstance(target, exp.Table) and target.name in tenant_tables():
            return str(target.name)
        return None
    if isinstance(node, exp.Delete) and _is_by_id(node):
        return None  # Django deletes what it has found inside the tenant before
    closed = _restricted(node, around)
    for alias, table in _tables(node).items():
        if table in tenant_tables() and alias not in closed:
            return table
    return None


def _is_by_id(node: exp.Delete) -> bool:
    where = node.args.get("where")
    only = where.this.unnest() if where else None
    return isinstance(only, exp.In) and only.this.name == "id" and bool(only.expressions)


def _tables(node: exp.Expression) -> dict[str, str]:
    """The tables of one statement by alias, those of its inner statements not among them."""
    found = {}
    for table in node.find_all(exp.Table):
        if table.find_ancestor(*TOUCHING) is node or table.parent is node:
            found[table.alias_or_name] = table.name
    return found


def _restricted(node: exp.Expression, around: Mapping[str, str]) -> set[str]:
    """The aliases of one statement whose rows are of one tenant only."""
    own = _tables(node)
    alone = next(iter(own), "") if len(own) == 1 else ""
    tables, closed = {**around, **own}, set(around.keys() - own.keys())
    closed |= own.keys() & {PERSON[0]}
    pairs: list[tuple[Column, Column]] = []
    for condition, only in _conditions(node):
        if not isinstance(condition, exp.EQ):
            continue
        left, right = condition.left.unnest(), condition.right.unnest()
        if not isinstance(left, exp.Column):
            left, right = right, left
        if not isinstance(left, exp.Column):
            continue
        a = (left.table or alone, left.name)
        if isinstance(right, exp.Column):
            b = (right.table or alone, right.name)
            pairs += [(x, y) for x, y in ((a, b), (b, a)) if y[0] == (only or y[0])]
        elif right.find(exp.Column) or a[0] != (only or a[0]):
            continue
        elif a[1] == "tenant_id" or (tables.get(a[0], ""), a[1]) in EXCEPTIONS:
            closed.add(a[0])
    before = None
    while before != len(closed):
        before = len(closed)
        closed |= {b[0] for a, b in pairs if a[0] in closed and _leads(tables, a, b)}
    return closed


def _leads(tables: Mapping[str, str], a: Column, b: Column) -> bool:
    """Whether `a = b` keeps b's rows in the tenant of a's."""
    if a[1] == b[1] == "tenant_id":
        return True
    mine, other = tables.get(a[0], ""), tables.get(b[0], "")
    if (mine, a[1]) == PERSON:
        return (other, b[1]) in EXCEPTIONS
    fences = tenant_tables()
    return (b[1] == "id" and fences.get(mine, {}).get(a[1]) == other) or (
        a[1] == "id" and fences.get(other, {}).get(b[1]) == mine
    )


def _conditions(node: exp.Expression) -> Iterator[tuple[exp.Expression, str]]:
    """What holds for every row of the statement: the parts of WHERE and of ON, split at AND, each
    with the only alias whose rows it restricts (an outer join's ON), or "".
    """
    where = node.args.get("where")
    roots = [(where.this, "")] if where else []
    for join in node.args.get("joins") or []:
        if join.args.get("on") and join.side in ("", "LEFT"):
            roots.append((join.args["on"], join.this.alias_or_name if join.side else ""))
    while roots:
        root, only = roots.pop()
        root = root.unnest()
        if isinstance(root, exp.And):
            roots += [(root.left, only), (root.right, only)]
        else:
            yield root, only


# --- the plugin -----------------------------------------------------------------------------------


def watch(execute: Callable[..., Any], sql: Any, params: Any, many: bool, context: Any) -> Any:
    """Reads a statement on its way to the database (Django's `execute_wrapper`)."""
    dialect = "sqlite" if context["connection"].vendor == "sqlite" else "postgres"
    text = str(sql).replace("%s", "'?'").replace("%%", "%")
    # A migration on SQLite changes a table by copying it.
    if '"new__' not in text and (wrong := fault(text, dialect)) and not _is_tests_own():
        faults.append(f"{wrong}: {text[:1000]}")
    return execute(sql, params, many, context)


def _is_tests_own() -> bool:
    """Whether of all our code that of a test is nearest to the statement."""
    frame = inspect.currentframe()
    while frame is not None:
        path = Path(frame.f_code.co_filename)
        if path.is_relative_to(ROOT) and ".venv" not in path.parts and path != Path(__file__):
            return "tests" in path.parts or path.name == "conftest.py"
        frame = frame.f_back
    return False


@pytest.fixture(scope="session", autouse=True)
def watched_connections() -> Iterator[None]:
    """Every connection of this process, whichever thread opens it."""
    from django.db import connections
    from django.db.backends.signals import connection_created

    def add(connection: Any, **_: Any) -> None:
        if watch not in connection.execute_wrappers:
            connection.execute_wrappers.append(watch)

    connection_created.connect(add)
    for connection in connections.all(initialized_only=True):
        add(connection)
    yield
    connection_created.disconnect(add)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Reads what the product's processes sent. No test is to blame, so the run as a whole fails."""
    if log := os.environ.get("POSTGRES_LOG"):
        found = dict.fromkeys(filter(None, map(_logged_fault, logged(Path(log), PROCESSES))))
        if found:
            session.config.stash[_FOUND] = list(found)
            session.exitstatus = EXIT_STATUS


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    for line in config.stash.get(_FOUND, []):
        terminalreporter.write_line(f"FAILED The product's processes sent: {line}")


def logged(log: Path, application: str) -> Iterator[str]:
    """The statements of an application (`PGAPPNAME`), values taken out, from a PostgreSQL log that
    was written with the prefix `%a|`.
    """
    start = re.compile(
        rf"{re.escape(application)}\|LOG:  (?:statement|execute [^:]*): (.*)", re.DOTALL
    )
    statement = ""
    with log.open(errors="replace") as lines:
        for line in [*lines, "end"]:
            if line.startswith("\t"):
                statement += line
                continue
            if found := start.match(statement):
                yield LITERAL.sub("'?'", found[1])
            statement = line


def _logged_fault(sql: str) -> str | None:
    wrong = fault(sql)
    return f"{wrong}: {sql[:1000]}" if wrong else None


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, Any, Any]:
    return (yield from _looked_at())


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item) -> Generator[None, Any, Any]:
    return (yield from _looked_at())


def _looked_at() -> Generator[None, Any, Any]:
    """However the test ends: an open statement is told before what else is wrong with it."""
    try:
        return (yield)
    finally:
        found = list(dict.fromkeys(faults))
        faults.clear()
        if found:
            raise OpenStatement("Statements without their tenant:\n" + "\n".join(found))
