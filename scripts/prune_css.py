"""Write static/css/tabler.css, the part of Tabler that our pages can use.

Run it when Tabler or a page has changed: `python scripts/prune_css.py`. A selector stays when the
templates, the scripts or Python's strings have each of its classes, ids and data attributes as a
word; a custom property or keyframes, when something that stays or a file of ours names them. A
class that is put together from parts is not seen: write it out.
"""

import ast
import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import tinycss2

ROOT = Path(__file__).resolve().parents[1]
WHOLE = ROOT / "static/vendor/tabler-1.6.1.min.css"
PART = ROOT / "static/css/tabler.css"
NOTE = f"/* Generated from {WHOLE.relative_to(ROOT)} by scripts/prune_css.py: do not edit. */"
PAGES = ["templates/**/*.html", "static/js/**/*.js"]
PYTHON = [f"{room}/**/*.py" for room in ("tenants", "contacts", "calls", "voip_crm")]
HOLDS_RULES = {"media", "supports", "layer", "container", "keyframes"}
HAS_A_NAME = {"property", "keyframes"}
# Of their arguments one is enough. Others, like :not(), may ask for what does not occur.
CHOICES = {"is", "where", "has"}


def generated() -> str:
    """The text of the file for today's sources; its head is Tabler's own, with the licence."""
    head, end, rules = WHOLE.read_text().partition("*/")
    words = _words(*PAGES, *PYTHON)
    return f"{head}{end}\n{NOTE}\n{prune(rules, words, words | _words('static/css/*.css'))}\n"


def prune(css: str, words: set[str], names: set[str]) -> str:
    """The rules that something made of `words` can match, with the custom properties and the named
    at-rules that these rules, each other or `names` refer to.
    """
    rules = tinycss2.parse_stylesheet(css, skip_comments=True, skip_whitespace=True)
    names, before = set(names), -1
    while len(names) > before:
        before = len(names)
        kept = "".join(_kept(rules, words, names))
    return kept


def _words(*patterns: str) -> set[str]:
    """Of Python only those in strings; `dataset.bsTheme` is data-bs-theme, too."""
    words: set[str] = set()
    for path in (path for pattern in patterns for path in ROOT.glob(pattern)):
        if path == PART or "tests" in path.relative_to(ROOT).parts:
            continue
        text = path.read_text()
        if path.suffix == ".py":
            constants = (n.value for n in ast.walk(ast.parse(text)) if isinstance(n, ast.Constant))
            text = " ".join(value for value in constants if isinstance(value, str))
        words.update(re.findall(r"[\w-]+", text))
        for name in re.findall(r"dataset\.(\w+)", text):
            words.add("data-" + re.sub("[A-Z]", lambda letter: "-" + letter[0].lower(), name))
    return words


def _kept(rules: list[Any], words: set[str], names: set[str]) -> Iterator[str]:
    """The text of each rule that stays; `names` gains what it refers to."""
    for rule in rules:
        if rule.type == "at-rule":
            name = tinycss2.serialize(rule.prelude)
            head = f"@{rule.at_keyword}{name}"
            if rule.at_keyword in HAS_A_NAME and name.strip() not in names:
                body = ""
            elif rule.at_keyword in HOLDS_RULES:
                inner = tinycss2.parse_rule_list(rule.content, True, True)
                body = "".join(_kept(inner, words, names))
            else:
                body = ";".join(_declarations(rule.content, names))
        else:
            selectors = [s for s in _choices(rule.prelude) if _can_match(s, words)]
            head = ",".join(map(tinycss2.serialize, selectors))
            body = ";".join(_declarations(rule.content, names)) if selectors else ""
        if body:
            yield f"{head}{{{body}}}"


def _declarations(tokens: list[Any], names: set[str]) -> Iterator[str]:
    for declaration in tinycss2.parse_blocks_contents(tokens, True, True):
        if declaration.name in names or not declaration.name.startswith("--"):
            names.update(_identifiers(declaration.value))
            yield declaration.serialize()


def _identifiers(tokens: list[Any]) -> Iterator[str]:
    for token in tokens:
        if token.type == "ident":
            yield token.value
        elif token.type == "function":
            yield from _identifiers(token.arguments)


def _choices(tokens: list[Any]) -> list[list[Any]]:
    """What stands between the commas."""
    choices: list[list[Any]] = [[]]
    for part in tokens:
        if part == ",":
            choices.append([])
        else:
            choices[-1].append(part)
    return choices


def _can_match(selector: list[Any], words: set[str]) -> bool:
    return all(_can_be(token, before, words) for before, token in pairwise([None, *selector]))


def _can_be(token: Any, before: Any, words: set[str]) -> bool:
    if token.type == "hash" or (token.type == "ident" and before == "."):
        return token.value in words
    if token.type == "function" and token.lower_name in CHOICES:
        return any(_can_match(choice, words) for choice in _choices(token.arguments))
    if token.type == "[] block":
        name, value = token.content[0].value, token.content[-1].value
        if name == "class":  # like [class*=navbar-]; a bare [class] has itself for its value
            return any(value.strip() in word for word in words)
        # Others than data- are also written by Django's widgets and by the browser.
        return name in words or not name.startswith("data-")
    return True


if __name__ == "__main__":
    PART.write_text(generated())
