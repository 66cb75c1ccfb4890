"""docs/described-system.md names tests for every row; they exist and run."""

import ast
import re
from pathlib import Path

import pytest
from django.conf import settings

ROOT = Path(settings.BASE_DIR)
PAGE = ROOT / "docs" / "described-system.md"
ROWS = [line for line in PAGE.read_text().splitlines() if line.startswith("| ") and "`" in line]
NAMED = sorted({name for row in ROWS for name in re.findall(r"`([^`]+::[^`]+)`", row)})


def test_every_row_names_at_least_one_test() -> None:
    numbered = {row.split("|")[1].strip() for row in ROWS}
    assert {str(number) for number in range(1, 17)} <= numbered
    assert all("::" in row for row in ROWS)


@pytest.mark.parametrize("name", NAMED)
def test_a_named_test_exists_and_is_not_skipped(name: str) -> None:
    file, _, title = name.partition("::")
    text = (ROOT / file).read_text()
    if file.endswith(".mjs"):
        assert f'test("{title}"' in text
        assert not re.search(rf'test\.(skip|todo)\("{re.escape(title)}"', text)
        return
    found = [
        node
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name == title
    ]
    assert len(found) == 1
    marks = " ".join(ast.unparse(mark) for mark in found[0].decorator_list)
    assert not re.search(r"skip|xfail", marks)
    assert not re.search(r"^pytestmark = .*(skip|xfail)", text, re.M)
