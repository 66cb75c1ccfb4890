"""What is wrong with a plan: everything by which a caller would be lost. Pure.

A plan without problems ends for every caller, whatever they and the agents do: what is led to is
there, each menu can be left by a key and by silence, each group after a time, and no circle closes
by itself (one that needs a key pressed ends with `plans.MOST_MOVES`).
"""

import re
from collections.abc import Iterator

from calls.facts.inbound import hours
from calls.facts.inbound.hours import Problem
from calls.facts.inbound.plans import (
    KEYS,
    Announcement,
    Block,
    Box,
    Go,
    Group,
    Menu,
    Plan,
    Target,
    leads,
)

LINE, HOURS = "line", "hours"  # the plan's own fields and its hours, beside the ids of blocks
_E164 = re.compile(r"\+[1-9][0-9]{6,14}")

# Least and most of what is a number.
STEP_SECONDS = (5, 120)
UNANSWERED_SECONDS = (5, 3600)
MOST_WAITING = (1, 500)
TRIES = (1, 5)
KEY_SECONDS = (1, 30)
LONGEST_MESSAGE_SECONDS = (10, 600)


def problems(plan: Plan) -> list[Problem]:
    """What keeps a plan from being saved: (id of the block, field, sentence), from the top down.
    Blocks that no call can reach are nobody's problem.
    """
    found = hours.problems(plan.hours, HOURS)
    for field, target, missing in (
        ("when_open", plan.when_open, "Choose where calls go while the line is open."),
        ("when_closed", plan.when_closed, "Choose where calls go while the line is closed."),
    ):
        message = missing if target is None else _wrong_target(plan, target)
        if message:
            found.append(Problem(LINE, field, message))
    for block in reachable(plan):
        found += [Problem(block.id, field, message) for field, message in _wrong(plan, block)]
    return found + list(_circles(plan))


def reachable(plan: Plan) -> list[Block]:
    """The blocks that calls can come to, in the order in which they do."""
    found: list[Block] = []
    ahead = [target for target in (plan.when_open, plan.when_closed) if target is not None]
    for target in ahead:  # which grows
        block = plan.block(target)
        if block is not None and block not in found:
            found.append(block)
            ahead += [target for _, target, _ in leads(plan, block)]
    return found


def _wrong(plan: Plan, block: Block) -> Iterator[tuple[str, str]]:
    for field, target, _ in leads(plan, block):
        if message := _wrong_target(plan, target):
            yield field, message
    if isinstance(block, Group):
        yield from _wrong_group(block)
    elif isinstance(block, Menu):
        yield from _wrong_menu(plan, block)
    else:
        yield from _wrong_box(block)


def _wrong_group(group: Group) -> Iterator[tuple[str, str]]:
    overflow = group.overflow
    if overflow.unanswered is None and group.members:
        yield "unanswered", "Choose where callers go when no one answers."
    elif overflow.unanswered is None:
        yield "unanswered", "No one is in this group. Add a member, or choose where callers go."
    yield from _out_of("unanswered_seconds", overflow.unanswered_seconds, UNANSWERED_SECONDS)
    yield from _out_of("step_seconds", group.step_seconds, STEP_SECONDS)
    if overflow.most_waiting is not None:
        yield from _out_of("most_waiting", overflow.most_waiting, MOST_WAITING)
        if overflow.full is None:
            yield "full", "Choose where callers go when too many are waiting."


def _wrong_menu(plan: Plan, menu: Menu) -> Iterator[tuple[str, str]]:
    yield from _unsaid("prompt", menu.prompt, "Enter what callers hear, or upload a sound.")
    keys = [key for key, _ in menu.keys]
    for number, key in enumerate(keys):
        if len(key) != 1 or key not in KEYS:
            yield f"keys.{key}", "A key is a digit, * or #."
        elif key in keys[:number]:
            yield f"keys.{key}", f"Key {key} is used twice."
    if not keys:
        yield "keys", "Add a key: this menu leads nowhere."
    elif not _has_a_way_out(plan, menu):
        yield "keys", "All keys lead to menus and back. Lead one to a group, voicemail or number."
    if menu.no_key is None:
        yield "no_key", "Choose where callers go who press no key."
    yield from _out_of("tries", menu.tries, TRIES)
    yield from _out_of("seconds", menu.seconds, KEY_SECONDS)


def _wrong_box(box: Box) -> Iterator[tuple[str, str]]:
    yield from _unsaid("greeting", box.greeting, "Enter what callers hear before the beep.")
    yield from _out_of("longest_seconds", box.longest_seconds, LONGEST_MESSAGE_SECONDS)


def _wrong_target(plan: Plan, target: Target) -> str:
    if target.go == Go.OUTSIDE:
        if _E164.fullmatch(target.to):
            return ""
        return "Enter a number with its country code, like +14155550100."
    if target.go == Go.LATER or plan.block(target) is not None:
        return ""
    names = {Go.GROUP: "group", Go.MENU: "menu", Go.VOICEMAIL: "voicemail box"}
    return f"This {names[target.go]} no longer exists. Choose another."


def _has_a_way_out(plan: Plan, menu: Menu) -> bool:
    """Whether some keys, pressed one after the other, lead to something that is no menu."""
    seen: list[Block] = [menu]
    for block in seen:  # which grows
        for target in (target for _, target, needs_key in leads(plan, block) if needs_key):
            if target.go != Go.MENU:
                return True
            beyond = plan.block(target)
            if beyond is not None and beyond not in seen:
                seen.append(beyond)
    return False


def _circles(plan: Plan) -> Iterator[Problem]:
    """Each way that comes back to where it was though its caller presses nothing, once."""
    done: list[str] = []

    def follow(block: Block, path: list[Block]) -> Iterator[Problem]:
        for field, target, needs_key in leads(plan, block):
            beyond = None if needs_key else plan.block(target)
            if beyond is None or _key(beyond) in done:
                continue
            if beyond in path:
                names = [each.name for each in [*path[path.index(beyond) :], beyond]]
                message = f"Callers would go in a circle: {' → '.join(names)}. Change one of these."
                yield Problem(block.id, field, message)
            else:
                yield from follow(beyond, [*path, beyond])
        done.append(_key(block))

    for block in reachable(plan):
        if _key(block) not in done:
            yield from follow(block, [block])


def _key(block: Block) -> str:
    return f"{type(block).__name__} {block.id}"


def _unsaid(field: str, says: Announcement, message: str) -> Iterator[tuple[str, str]]:
    if says.is_empty:
        yield field, message


def _out_of(field: str, value: int, limits: tuple[int, int]) -> Iterator[tuple[str, str]]:
    least, most = limits
    if not least <= value <= most:
        yield field, f"Enter a number from {least} to {most}."
