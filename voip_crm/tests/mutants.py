"""What can be broken in a piece of code, one thing at a time: for mutation testing.

`mutants(source)` finds every place; each brings the changed module.
"""

import ast
import copy
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

FLIPPED: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
}
NARROWING = {"filter", "exclude", "get", "select_for_update"}
# What is said to people and logs is held by other tests, if at all.
TALK = {"debug", "info", "warning", "error", "exception"}

Path = tuple[tuple[str, int | None], ...]
Change = tuple[str, str, ast.AST]  # what it was, what it became, as text and as the new node


@dataclass(frozen=True)
class Mutant:
    """`change` is to be done in `function` (its dotted name in the module, "" outside)."""

    function: str
    line: int
    change: str
    whole: ast.Module
    path: Path
    replacement: ast.AST

    @property
    def name(self) -> str:
        """Does not depend on where in the file it is."""
        return f"{self.function}: {self.change}"

    @property
    def tree(self) -> ast.Module:
        """The changed module, made when it is asked for: most are only looked at by their names."""
        changed = copy.deepcopy(self.whole)
        _put(changed, self.path, copy.deepcopy(self.replacement))
        return ast.fix_missing_locations(changed)


def mutants(source: str) -> Iterator[Mutant]:
    """Every mutant of a module. Names repeat where the same code does."""
    tree = ast.parse(source)
    for path, function, node in _walk(tree, (), ""):
        for before, after, replacement in _broken(node):
            line = getattr(node, "lineno", 0)
            yield Mutant(function, line, f"{before} → {after}", tree, path, replacement)


def _walk(node: ast.AST, path: Path, function: str) -> Iterator[tuple[Path, str, ast.AST]]:
    """Every node but annotations, docstrings and talk, with the way to it."""
    yield path, function, node
    for name, value in ast.iter_fields(node):
        if name in ("annotation", "returns") or (name == "exc" and isinstance(node, ast.Raise)):
            continue
        for place, child in enumerate(value) if isinstance(value, list) else [(None, value)]:
            if not isinstance(child, ast.AST) or _is_talk(child):
                continue
            inside = function
            if isinstance(child, ast.FunctionDef | ast.ClassDef):
                inside = f"{function}.{child.name}".lstrip(".")
            yield from _walk(child, (*path, (name, place)), inside)


def _is_talk(node: ast.AST) -> bool:
    match node:
        case ast.Expr(value=ast.Constant()):
            return True
        case ast.Expr(value=ast.Call(func=ast.Attribute(attr=name))):
            return name in TALK
    return False


def _broken(node: ast.AST) -> Iterator[Change]:
    """What may stand in the node's place."""
    match node:
        case ast.Compare(ops=[op]) if type(op) in FLIPPED:
            yield _to(node, ast.Compare(node.left, [FLIPPED[type(op)]()], node.comparators))
        case ast.BoolOp(values=values):
            for dropped in values:
                kept = [each for each in values if each is not dropped]
                yield _to(node, kept[0] if len(kept) == 1 else ast.BoolOp(node.op, kept))
        case ast.UnaryOp(op=ast.Not()):
            yield _to(node, node.operand)
        case ast.Constant(value=bool(value)):
            yield _to(node, ast.Constant(not value))
        case ast.Constant(value=str(value)):
            yield _to(node, ast.Constant(f"{value}~"))
        case ast.IfExp():
            yield _to(node, node.body)
            yield _to(node, node.orelse)
        case ast.If():
            for always in (True, False):
                changed = ast.If(ast.Constant(always), node.body, node.orelse)
                yield f"if {_text(node.test)}", f"if {always}", changed
        case ast.Call():
            yield from _broken_call(node)
        case ast.Return(value=ast.expr()) if _text(node) != "return None":
            yield _to(node, ast.Return(ast.Constant(None)))
        case ast.Raise() | ast.Expr(value=ast.Call()) | ast.Assign(targets=[ast.Attribute()]):
            yield _to(node, ast.Pass())
        case ast.With(items=items) if all(each.optional_vars is None for each in items):
            without = ast.If(ast.Constant(True), node.body, [])
            yield "with " + ", ".join(map(_text, items)), "if True", without
        case ast.FunctionDef():
            yield from _without_one(node, "decorator_list", node.decorator_list)
        case ast.ClassDef():
            yield from _without_one(node, "decorator_list", node.decorator_list)
            set_here = [each for each in node.body if isinstance(each, ast.Assign)]
            if len(node.body) > 1:
                yield from _without_one(node, "body", set_here)


def _broken_call(node: ast.Call) -> Iterator[Change]:
    if isinstance(node.func, ast.Attribute) and node.func.attr in NARROWING and not node.args:
        if node.keywords or node.func.attr == "select_for_update":
            yield _to(node, node.func.value)
        if len(node.keywords) == 1:
            return
    yield from _without_one(node, "keywords", node.keywords)


def _without_one(node: ast.AST, name: str, removable: Sequence[ast.AST]) -> Iterator[Change]:
    for removed in removable:
        rest = copy.copy(node)
        setattr(rest, name, [each for each in getattr(node, name) if each is not removed])
        sign = "@" if name == "decorator_list" else ""
        where = f" of {_text(node.func)}()" if isinstance(node, ast.Call) else ""
        yield f"{sign}{_text(removed)}{where}", "removed", rest


def _to(node: ast.AST, replacement: ast.AST) -> Change:
    return _text(node), _text(replacement), replacement


def _put(tree: ast.AST, path: Path, replacement: ast.AST) -> None:
    for name, place in path[:-1]:
        value = getattr(tree, name)
        tree = value if place is None else value[place]
    name, place = path[-1]
    if place is None:
        setattr(tree, name, replacement)
    else:
        getattr(tree, name)[place] = replacement


def _text(node: ast.AST) -> str:
    return " ".join(ast.unparse(node).split())
