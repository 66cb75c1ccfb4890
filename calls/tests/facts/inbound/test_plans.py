"""Plans: what would lose a caller is named, and nothing else; and each is told in words."""

from dataclasses import replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from calls.facts.inbound import checking, plans, telling
from calls.facts.inbound.hours import ClosedDays, Hours, always
from calls.facts.inbound.plans import (
    LATER,
    Announcement,
    Box,
    Go,
    Group,
    Menu,
    Overflow,
    Plan,
    Target,
)
from calls.tests.facts.inbound.some_plans import (
    COMPANY,
    MAIN,
    OFFICE,
    SALES,
    SUPPORT,
    any_plan,
)

MONDAY = datetime(2026, 12, 7, 10, 0, tzinfo=ZoneInfo("Europe/Berlin"))
SUNDAY = MONDAY - timedelta(days=1)
any_plans = st.integers(0, 2**32).map(any_plan)


def ends_of(plan: Plan, target: Target | None, path: int) -> bool:
    """Whether a caller who comes to a target can be lost there or behind it: by walking every way
    that there is. More silent steps than there are blocks are a circle.
    """
    if target is None:
        return True
    if target.go in (Go.LATER, Go.OUTSIDE):
        return False
    found = {(Go.GROUP, g.id): g for g in plan.groups} | {(Go.MENU, m.id): m for m in plan.menus}
    if target.go == Go.VOICEMAIL:
        return target.to not in {box.id for box in plan.boxes}
    block = found.get((target.go, target.to))
    if block is None or path > len(found):
        return True
    if isinstance(block, Group):
        overflow = block.overflow
        ways = [overflow.unanswered, *filter(None, (overflow.nobody, overflow.full))]
    else:
        ways = [block.no_key, *filter(None, [block.wrong_key])]
    return any(ends_of(plan, way, path + 1) for way in ways)


def is_lossy(plan: Plan) -> bool:
    """Whether some caller of a plan would be lost, whatever they press and whoever is there."""
    reached = {plan.when_open, plan.when_closed}
    menus = {menu.id: menu for menu in plan.menus}
    groups = {group.id: group for group in plan.groups}
    while True:
        more = set(reached)
        for target in filter(None, reached):
            if target.go == Go.MENU and target.to in menus:
                menu = menus[target.to]
                more |= {menu.no_key, *(led for _, led in menu.keys)} | {menu.wrong_key or LATER}
            if target.go == Go.GROUP and target.to in groups:
                flow = groups[target.to].overflow
                more |= {flow.unanswered, flow.nobody or LATER, flow.full or LATER}
        if more == reached:
            break
        reached = more
    left = {t.to for t in reached if t and t.go == Go.MENU and t.to in menus}
    while True:  # menus that some key leaves, or leads to one that can be left
        out = {
            name
            for name in left
            if any(t.go != Go.MENU or t.to not in left for _, t in menus[name].keys if t)
        }
        if not out:
            break
        left -= out
    return bool(left) or any(ends_of(plan, target, 1) for target in reached)


@settings(max_examples=600)
@given(any_plans)
def test_a_plan_has_problems_exactly_when_a_caller_could_be_lost(plan: Plan) -> None:
    found = checking.problems(plan)
    assert bool(found) == is_lossy(plan), found
    blocks = {"line", *(block.id for block in checking.reachable(plan))}
    for problem in found:
        assert problem.block in blocks and problem.field
        assert problem.message[0].isupper() and problem.message.endswith(".")


@settings(max_examples=200)
@given(any_plans)
def test_every_plan_is_told_once_through_and_the_call_ends_whatever_it_is(plan: Plan) -> None:
    unfolded = []

    def walk(branches: tuple[telling.Branch, ...]) -> None:
        for branch in branches:
            if branch.node.branches:
                unfolded.append((branch.node.go, branch.node.block))
            walk(branch.node.branches)

    walk(telling.tree(plan))
    assert len(unfolded) == len(set(unfolded)), "each block is unfolded once"
    assert all(text.endswith((".", ".”", ":")) for text in telling.story(plan, MONDAY))
    target, moves = plans.begin(plan, MONDAY)[2], 0
    while (block := plan.block(target)) is not None and not isinstance(block, Box):
        led = [led for _, led, _ in plans.leads(plan, block)]
        moves += 1
        target = plans.onward(plan, led[moves % len(led)] if led else None, moves)
    assert moves <= plans.MOST_MOVES


def test_a_good_plan_has_no_problems() -> None:
    assert checking.problems(COMPANY) == []


def sales(**changes: object) -> Plan:
    return replace(COMPANY, groups=(replace(SALES, **changes), SUPPORT))  # type: ignore[arg-type]


def main(**changes: object) -> Plan:
    return replace(COMPANY, menus=(replace(MAIN, **changes),))  # type: ignore[arg-type]


BACK = Target(Go.MENU, "main")
TO_SALES = Target(Go.GROUP, "sales")
IN_A_CIRCLE = replace(
    COMPANY, groups=(SALES, replace(SUPPORT, overflow=Overflow(TO_SALES))), menus=()
)


@pytest.mark.parametrize(
    ("plan", "block", "field", "says"),
    [
        (replace(COMPANY, when_open=None), "line", "when_open", "Choose where calls go while the"),
        (replace(COMPANY, when_closed=None), "line", "when_closed", "line is closed."),
        (replace(COMPANY, hours=Hours("X")), "hours", "zone", "Choose a time zone."),
        (
            replace(COMPANY, when_closed=Target(Go.VOICEMAIL, "old")),
            "line",
            "when_closed",
            "This voicemail box no longer exists. Choose another.",
        ),
        (sales(members=(), overflow=Overflow(None)), "sales", "unanswered", "No one is in this"),
        (sales(overflow=Overflow(None)), "sales", "unanswered", "when no one answers."),
        (sales(overflow=Overflow(LATER, most_waiting=3)), "sales", "full", "too many are waiting"),
        (sales(overflow=Overflow(LATER, 4)), "sales", "unanswered_seconds", "from 5 to 3600"),
        (sales(step_seconds=0), "sales", "step_seconds", "Enter a number from 5 to 120."),
        (sales(box="old"), "sales", "box", "This voicemail box no longer exists."),
        (
            sales(overflow=Overflow(Target(Go.OUTSIDE, "030 1234"))),
            "sales",
            "unanswered",
            "with its country code",
        ),
        (main(keys=()), "main", "keys", "Add a key: this menu leads nowhere."),
        (main(keys=(("1", BACK),)), "main", "keys", "All keys lead to menus and back."),
        (main(keys=(("12", TO_SALES),)), "main", "keys.12", "A key is a digit, * or #."),
        (main(keys=(("1", TO_SALES),) * 2), "main", "keys.1", "Key 1 is used twice."),
        (main(no_key=None), "main", "no_key", "Choose where callers go who press no key."),
        (main(no_key=BACK), "main", "no_key", "in a circle: Main → Main."),
        (main(prompt=Announcement(" ")), "main", "prompt", "Enter what callers hear"),
        (main(tries=0), "main", "tries", "Enter a number from 1 to 5."),
        (
            replace(COMPANY, boxes=(replace(OFFICE, greeting=Announcement()),)),
            "office",
            "greeting",
            "Enter what callers hear before the beep.",
        ),
        (
            replace(IN_A_CIRCLE, when_open=TO_SALES),
            "support",
            "unanswered",
            "Callers would go in a circle: Sales → Support → Sales. Change one of these.",
        ),
    ],
)
def test_what_would_lose_a_caller_is_said_where_it_is(plan, block, field, says) -> None:
    found = checking.problems(plan)
    assert [(each.block, each.field) for each in found] == [(block, field)], found
    assert says in found[0].message


def test_a_menu_may_lead_back_by_a_key() -> None:
    sub = Menu("sub", "More", Announcement("9 goes back."), (("9", BACK),), LATER)
    plan = replace(
        COMPANY, menus=(replace(MAIN, keys=(*MAIN.keys, ("3", Target(Go.MENU, "sub")))), sub)
    )
    assert checking.problems(plan) == []


def test_a_block_that_no_call_can_reach_keeps_nothing_from_being_saved() -> None:
    idle = Group("idle", "Idle", (), Overflow(None))
    assert checking.problems(replace(COMPANY, groups=(*COMPANY.groups, idle))) == []


def test_a_call_finds_the_line_open_or_closed() -> None:
    assert plans.begin(COMPANY, MONDAY) == (True, COMPANY.greeting, Target(Go.MENU, "main"))
    assert plans.begin(COMPANY, SUNDAY) == (False, COMPANY.closed_says, COMPANY.when_closed)
    unfinished = replace(COMPANY, when_closed=None)
    assert plans.begin(unfinished, SUNDAY)[2] == LATER


def test_a_key_leads_on_and_silence_only_after_the_last_prompt() -> None:
    assert plans.pressed(MAIN, "2", 1) == Target(Go.GROUP, "support")
    assert plans.pressed(MAIN, "", 1) is plans.pressed(MAIN, "7", 1) is None
    assert plans.pressed(MAIN, "", 2) == plans.pressed(MAIN, "7", 2) == MAIN.no_key
    menu = replace(MAIN, wrong_key=LATER)
    assert plans.pressed(menu, "7", 2) == LATER
    assert plans.pressed(menu, "", 2) == MAIN.no_key


def test_a_call_is_led_on_only_so_often() -> None:
    assert plans.onward(COMPANY, BACK, plans.MOST_MOVES - 1) == BACK
    assert plans.onward(COMPANY, BACK, plans.MOST_MOVES) == LATER
    assert plans.onward(COMPANY, Target(Go.GROUP, "gone"), 0) == LATER


def test_the_story_of_a_call_on_a_monday_morning() -> None:
    assert telling.story(COMPANY, MONDAY) == [
        "Monday 10:00 in Berlin: the line is open until 12:00.",
        "The caller hears “Welcome to Acme.”",
        "The call goes to menu Main.",
        "Callers hear “For sales, press 1. For support, press 2.”",
        "It’s said twice, with 5 seconds to press a key.",
        "Key 1: the call goes to group Sales.",
        "Key 2: the call goes to group Support.",
        "No key: the call goes to group Sales.",
        "Group Sales:",
        "The contact’s owner is rung first, for 20 seconds, then everyone.",
        "While they wait, callers can press 1 to be called back or 2 to leave a message.",
        "No one answers within 1 minute: the call goes to voicemail Office.",
        "No one is available: the call goes to group Support.",
        "5 callers are waiting already: the caller is asked to call later.",
        "Key 2 while waiting: the call goes to voicemail Office.",
        "Group Support:",
        "Everyone’s phone rings at once, for 20 seconds at a time.",
        "No one answers within 90 seconds: the call goes to +493012345678.",
        "Voicemail Office:",
        "Callers hear “Please leave a message.”",
        "They can leave a message of up to 3 minutes.",
    ]


def test_the_story_of_a_call_on_sunday_at_ten() -> None:
    assert telling.story(COMPANY, SUNDAY) == [
        "Sunday 10:00 in Berlin: the line is closed until Monday 9:00.",
        "The caller hears a recording.",
        "The call goes to voicemail Office.",
        "Callers hear “Please leave a message.”",
        "They can leave a message of up to 3 minutes.",
    ]
    shut = replace(
        COMPANY,
        hours=replace(always("Europe/Berlin"), closed_until=MONDAY + timedelta(days=40)),
        when_closed=LATER,
    )
    assert telling.story(shut, SUNDAY)[::2] == [
        "Sunday 10:00 in Berlin: the line is closed until 16 January 2027, 10:00.",
        "The caller is asked to call later.",
    ]


def test_what_is_open_for_longer_than_a_week_is_open() -> None:
    day = MONDAY.date() + timedelta(days=6)
    for days, state in ((0, "open until Sunday 0:00"), (7, "open")):
        closed = ClosedDays(day + timedelta(days=days), day + timedelta(days=days), "Fair")
        rests = replace(COMPANY, hours=replace(always("Europe/Berlin"), closed=(closed,)))
        assert telling.state(rests, MONDAY) == state


def test_a_box_that_is_named_for_what_it_is_is_named_once() -> None:
    named = replace(COMPANY, boxes=tuple(replace(box, name="Voicemail") for box in COMPANY.boxes))
    assert "The call goes to voicemail." in telling.story(named, SUNDAY)


def test_the_tree_shows_each_way_with_when_it_is_taken() -> None:
    opened, closed = telling.tree(COMPANY)
    assert (opened.field, opened.label) == ("when_open", "Open (Mon–Fri 9:00–12:00, 13:00–17:30)")
    assert (opened.says, closed.says) == (
        "Callers hear “Welcome to Acme.”",
        "Callers hear a recording.",
    )
    assert (closed.label, closed.node.title) == ("Closed", "Voicemail Office")
    menu = opened.node
    assert [(branch.label, branch.node.title) for branch in menu.branches] == [
        ("Key 1", "Group Sales"),
        ("Key 2", "Group Support"),
        ("No key", "Group Sales"),
    ]
    first, _, again = (branch.node for branch in menu.branches)
    assert first.branches and not again.branches and again.is_repeated
    assert [(branch.field, branch.node.title) for branch in first.branches] == [
        ("unanswered", "Voicemail Office"),
        ("nobody", "Group Support"),
        ("full", "“Please call later”, then the end"),
        ("box", "Voicemail Office"),
    ]
    assert telling.tree(replace(COMPANY, when_open=None))[0].node.title == "Nothing chosen yet"
