"""The part of Tabler that pages load: made of today's sources, and nothing in use is missing."""

import pytest

from scripts.prune_css import PART, generated, prune

WORDS = {"btn", "card", "disabled", "data-bs-theme", "help"}


def test_the_committed_file_is_what_the_script_makes_of_todays_sources():
    assert PART.read_text() == generated(), "Run: python scripts/prune_css.py"


@pytest.mark.parametrize(
    "selector",
    [
        "a:hover",
        ".btn",
        ".btn.disabled",
        ".card>#help::before",
        ".btn:not(.btn-close)",
        ":is(.modal,.card) a",
        "[data-bs-theme=dark] .btn",
        "[type=search]",
        "[class*=disa]",
    ],
)
def test_a_selector_stays_when_all_that_it_asks_for_can_occur(selector):
    assert prune(f"{selector}{{color:red}}", WORDS, set()) == f"{selector}{{color:red}}"


@pytest.mark.parametrize(
    "selector",
    [
        ".modal",
        ".btn.active",
        ".btn .modal",
        "#cards",
        ".card:has(.modal)",
        ":is(.modal,.toast) .btn",
        "[data-bs-toggle] .btn",
        "[class*=col-]",
    ],
)
def test_a_selector_goes_when_one_thing_that_it_asks_for_cannot_occur(selector):
    assert prune(f"{selector}{{color:red}}", WORDS, set()) == ""


@pytest.mark.parametrize(
    ("whole", "part"),
    [
        (".modal,.btn,.a .card{top:0;left:0}", ".btn{top:0;left:0}"),
        ("@media print{.btn{top:0}.modal{top:0}}", "@media print{.btn{top:0}}"),
        ("@media print{@supports (top:0){.modal{top:0}}}", ""),
        ("a{color:red!important}/* x */", "a{color:red!important}"),
    ],
)
def test_of_lists_and_nested_rules_the_used_parts_stay(whole, part):
    assert prune(whole, WORDS, set()) == part


def test_a_variable_stays_when_what_stays_refers_to_it_also_through_others():
    whole = (
        ":root{--a:var(--b);--b:calc(1px + var(--c,2px));--c:1px;--d:var(--e);--e:1px;--ours:0}"
        ".btn{top:var(--a)}.modal{top:var(--d)}"
    )
    part = ":root{--a:var(--b);--b:calc(1px + var(--c,2px));--c:1px;--ours:0}.btn{top:var(--a)}"
    assert prune(whole, WORDS, {"--ours"}) == part


def test_keyframes_stay_when_an_animation_that_stays_has_their_name():
    used, unused = "@keyframes turn{to{rotate:var(--far)}}", "@keyframes blink{50%{opacity:0}}"
    rules = ":root{--far:1turn;--near:0}.btn{animation:1s turn}"
    whole = f"{rules}{used}{unused}.modal{{animation:blink 1s}}"
    part = f":root{{--far:1turn}}.btn{{animation:1s turn}}{used}"
    assert prune(whole, WORDS, set()) == part
