"""The scripts and styles that are sent as one file."""

import re
from pathlib import Path
from typing import Any

import pytest

from voip_crm.bundles import ENTRIES, joined

ROOT = Path(__file__).resolve().parents[2]
STATIC = ROOT / "static"
# Before the page is painted, or before the Voice SDK runs; the entry itself.
ALONE = {"theme.js", "early.js", "sandbox-adapter.js", "page.js", "connection-test.js"}
# Once somebody takes calls (phone-page.js).
ALONE |= {"ringing.js", "bell.js", "push.js"}
# Where a sound is recorded, and where a note is written.
ALONE |= {"recorder.js", "note.js"}


def bundle(**files: str) -> str:
    """Of modules by name, `page` among them."""
    return joined("js/page.js", lambda name: files[name.removesuffix(".js")])


def of_ours(entry: str) -> str:
    return joined(entry, lambda name: (STATIC / entry).with_name(name).read_text())


def test_all_scripts_of_ours_are_in_their_one_file_once() -> None:
    modules = {path.name for path in (STATIC / "js").glob("*.js")} - ALONE
    heads = re.findall(r"^const \$(\w+) = \(\(\) => {$", of_ours("js/page.js"), re.MULTILINE)
    assert sorted(heads) == sorted(n[:-3].replace("-", "_") for n in modules | {"page.js"})


def test_pages_load_no_script_or_style_of_ours_beside_them() -> None:
    """It would run twice, with a state of its own: name it in static/js/page.js instead."""
    pages = [path.read_text() for path in (ROOT / "templates").glob("*.html")]
    named = {found for page in pages for found in re.findall(r"static '((?:js|css)/[^']+)'", page)}
    of_one_page = {f"css/{name}.css" for name in ("api", "import", "lines", "note")}
    assert named <= {*ENTRIES, *of_one_page, *(f"js/{name}" for name in ALONE)}


def test_the_styles_are_those_of_their_parts_in_their_order() -> None:
    styles = of_ours("css/page.css")
    assert styles.startswith('@charset "UTF-8";/*!') and "@import" not in styles
    assert "Licensed under MIT" in styles
    parts = [STATIC / "css" / f"{name}.css" for name in ("tabler", "app", "phone")]
    assert bare(styles) == "".join(bare(part.read_text()) for part in parts)


def bare(styles: str) -> str:
    """Without remarks and white space."""
    return re.sub(r"/\*.*?\*/|\s", "", styles, flags=re.DOTALL)


def test_a_module_runs_once_before_those_that_need_it() -> None:
    made = bundle(
        page='import "./b.js";\nimport "./c.js";\n',
        a="export const one = 1;\nexport async function two() {}\nlet three;\n",
        b='import { one, two as deux } from "./a.js";\nexport class B {}\n',
        c='import { one } from "./a.js";\n',
    )
    assert made == (
        "const $a = (() => {\nconst one = 1;\nasync function two() {}\nlet three;\n"
        "return { one, two };\n})();\n"
        "const $b = (() => {\nconst { one, two: deux } = $a;\nclass B {}\nreturn { B };\n})();\n"
        "const $c = (() => {\nconst { one } = $a;\nreturn {  };\n})();\n"
        "const $page = (() => {\n\n\nreturn {  };\n})();\n"
    )


def test_remarks_and_indentation_are_left_out_and_nothing_else() -> None:
    kept = 'a("// no", /[/*]/); // "said"\n/* b */ c(`*/`);\n/*! A licence. */\n'
    aside = "let d = 1; // said\n"
    left = "/* One\n   more. */\n  // and\n    /** another */\n\n"
    made = bundle(page=f"{left}{kept}{left}{kept}{aside}")
    assert made == f"const $page = (() => {{\n{kept}{kept}let d = 1;\nreturn {{  }};\n}})();\n"


@pytest.mark.parametrize(
    "line",
    [
        'import all from "./a.js";',
        'import * as all from "./a.js";',
        'import { one } from "/static/js/a.js";',
        'const late = await import("./a.js");',
        "export default 1;",
        "export let changing = 1;",
        "export { one };",
        "const text = `over",
    ],
)
def test_what_is_not_understood_is_refused_with_its_line(line: str) -> None:
    with pytest.raises(ValueError, match=re.escape(line)):
        bundle(page=f"{line}\n", a="export const one = 1;\n")


def test_a_circle_is_refused() -> None:
    with pytest.raises(ValueError, match="circle"):
        bundle(page='import "./a.js";\n', a='import "./b.js";\n', b='import "./a.js";\n')


def test_styles_that_are_asked_for_in_another_way_are_refused() -> None:
    files: dict[str, Any] = {"page.css": '@import "a.css" print;\n'}
    with pytest.raises(ValueError, match="print"):
        joined("css/page.css", files.__getitem__)
