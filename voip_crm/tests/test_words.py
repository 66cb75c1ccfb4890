"""How the product speaks: habits that must not come back (docs/design.md)."""

import ast
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from voip_crm.tests.test_house import MODULES

ROOT = Path(__file__).resolve().parents[2]
# What was said once, or sounds translated.
GONE = re.compile(
    r"\b(some|any|every)body\b|\bwhoever\b|\bnobody (is|has|can)\b|\bput back\b|\bgrown too old\b"
    r"|\bused up\b|\bis there already\b|\btoo old\b|\bwho runs this installation\b"
    r"|\bsecond factor\b|\bthe same again\b|\bnot here any more\b|\bbegun\b"
    r"|\btelephone (number|service)|\b(an|your) administrator\b|\bbeside the address\b"
    r"|\bif it stays\b|\bnot taken whole\b|\bby a way that\b|\bcode does not fit\b",
    re.IGNORECASE,
)


def said_by_templates() -> Iterator[tuple[str, str]]:
    for path in sorted((ROOT / "templates").rglob("*.*")):
        text = re.sub(r"\{#.*?#\}", "", path.read_text(), flags=re.DOTALL)
        yield from ((str(path.relative_to(ROOT)), line) for line in text.splitlines())


def said_by_scripts() -> Iterator[tuple[str, str]]:
    for path in sorted((ROOT / "static" / "js").glob("*.js")):
        for text in re.findall(r"\"[^\"\n]*\"|`[^`]*`", path.read_text()):
            yield path.name, text


def said_by_modules() -> Iterator[tuple[str, str]]:
    """Texts that look like sentences, but docstrings and what is for the log."""
    for file, source in MODULES.items():
        if file.startswith("sandbox/"):
            continue
        tree = ast.parse(source)
        silent = {
            id(each) for node in ast.walk(tree) if _is_silent(node) for each in ast.walk(node)
        }
        for node in ast.walk(tree):
            if not isinstance(node, ast.Constant) or id(node) in silent:
                continue
            if isinstance(node.value, str) and " " in node.value:
                yield f"{file}:{node.lineno}", node.value


def _is_silent(node: ast.AST) -> bool:
    if isinstance(node, ast.Expr):
        return isinstance(node.value, ast.Constant)
    return isinstance(node, ast.Call) and ast.unparse(node.func).startswith(("logger.", "log."))


@pytest.mark.parametrize("of", [said_by_templates, said_by_scripts, said_by_modules])
def test_what_is_retired_is_said_nowhere(of: Callable[[], Iterator[tuple[str, str]]]) -> None:
    told = list(of())
    assert len(told) > 50
    assert [(where, text) for where, text in told if GONE.search(text)] == []
