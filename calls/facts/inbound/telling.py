"""A plan in words: as a tree for its page, and as the story of a call at some moment. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from calls.facts.inbound.hours import DAY_NAMES, is_open, next_change, summary
from calls.facts.inbound.plans import (
    Announcement,
    Block,
    Box,
    Go,
    Group,
    Menu,
    Plan,
    Strategy,
    Target,
    begin,
    leads,
    onward,
)

_RINGS = {
    Strategy.EVERYONE: "Everyone’s phone rings at once, for {} at a time.",
    Strategy.LONGEST_IDLE: "One phone rings at a time, for {}, longest idle first.",
    Strategy.IN_ORDER: "One phone rings at a time, for {}, in the order of the list.",
    Strategy.OWNER_FIRST: "The contact’s owner is rung first, for {}, then everyone.",
}


@dataclass(frozen=True)
class Node:
    """A place in a plan. `go` says what it is (a `Go`, or None: nothing is chosen yet), `block` its
    id, `details` what is told of it. `is_repeated`: the tree has its branches at another place.
    """

    go: Go | None
    block: str
    title: str
    details: tuple[str, ...] = ()
    branches: tuple["Branch", ...] = ()
    is_repeated: bool = False


@dataclass(frozen=True)
class Branch:
    """`field` is the one of the block above that leads here, as `hours.Problem` names it; `says`
    what callers hear on the way, in a sentence, or "".
    """

    field: str
    label: str
    node: Node
    says: str = ""


def tree(plan: Plan) -> tuple[Branch, ...]:
    """The whole plan, from its hours down. Each block is unfolded where it is met first, so that it
    is as large as the plan, circles and all.
    """
    seen: set[tuple[Go, str]] = set()
    return tuple(
        Branch(
            field,
            label,
            _node(plan, target, seen),
            "" if says.is_empty else heard("Callers hear", says),
        )
        for field, label, target, says in (
            ("when_open", f"Open ({summary(plan.hours)})", plan.when_open, plan.greeting),
            ("when_closed", "Closed", plan.when_closed, plan.closed_says),
        )
    )


def _node(plan: Plan, target: Target | None, seen: set[tuple[Go, str]]) -> Node:
    if target is None:
        return Node(None, "", "Nothing chosen yet")
    block, place = plan.block(target), (target.go, target.to)
    if block is None or place in seen:
        return Node(target.go, target.to, title(plan, target), is_repeated=block is not None)
    seen.add(place)
    branches = tuple(
        Branch(field, label(block, field), _node(plan, beyond, seen))
        for field, beyond, _ in leads(plan, block)
    )
    return Node(target.go, target.to, title(plan, target), tuple(details(block)), branches)


def title(plan: Plan, target: Target) -> str:
    """A target in a few words: `Group Sales`, `Voicemail Office`, `+14155550100`; no word twice."""
    if target.go == Go.LATER:
        return "“Please call later”, then the end"
    if target.go == Go.OUTSIDE:
        return target.to
    block = plan.block(target)
    kind, name = target.go.value.capitalize(), block.name if block else "(removed)"
    return kind if name.casefold() == target.go.value else f"{kind} {name}"


def details(block: Block) -> Iterator[str]:
    """What a block does itself, in sentences without their caller."""
    if isinstance(block, Group):
        rings = _RINGS[block.strategy] if block.members else "No one is in this group."
        yield rings.format(seconds(block.step_seconds))
        wishes = ["1 to be called back"] * block.callback + ["2 to leave a message"] * bool(
            block.box
        )
        if wishes:
            yield f"While they wait, callers can press {' or '.join(wishes)}."
    elif isinstance(block, Menu):
        yield heard("Callers hear", block.prompt)
        if block.tries > 1:
            times = "twice" if block.tries == 2 else f"{block.tries} times"
            yield f"It’s said {times}, with {seconds(block.seconds)} to press a key."
    elif isinstance(block, Box):
        yield heard("Callers hear", block.greeting)
        yield f"They can leave a message of up to {seconds(block.longest_seconds)}."


def label(block: Block, field: str) -> str:
    """When a block's field leads on, as the beginning of a sentence."""
    if isinstance(block, Group):
        overflow = block.overflow
        return {
            "unanswered": f"No one answers within {seconds(overflow.unanswered_seconds)}",
            "nobody": "No one is available",
            "full": f"{_callers(overflow.most_waiting or 0)} waiting already",
            "box": "Key 2 while waiting",
        }[field]
    if field.startswith("keys."):
        return f"Key {field.removeprefix('keys.')}"
    return {"no_key": "No key", "wrong_key": "Wrong key"}[field]


def story(plan: Plan, at: datetime) -> list[str]:
    """What happens to a call at a moment (aware), in plain sentences, each block's once."""
    open_now, says, target = begin(plan, at)
    told = [_hours(plan, at)]
    if not says.is_empty:
        told.append(heard("The caller hears", says))
    told.append(_goes("", plan, target))
    ahead, seen = [target], {(target.go, target.to)}
    for place in ahead:  # which grows
        block = plan.block(place)
        if block is None:
            continue
        if place is not target:
            told.append(f"{title(plan, place)}:")
        told += details(block)
        for field, led, _ in leads(plan, block):
            beyond = onward(plan, led, 0)
            told.append(_goes(f"{label(block, field)}: ", plan, beyond))
            if (beyond.go, beyond.to) not in seen:
                seen.add((beyond.go, beyond.to))
                ahead.append(beyond)
    return told


def _hours(plan: Plan, at: datetime) -> str:
    zone = plan.hours.zone
    city = zone.rpartition("/")[2].replace("_", " ")
    local = at.astimezone(ZoneInfo(zone))
    now = f"{DAY_NAMES[local.weekday()]} {_clock(local)}"
    return f"{now} in {city}: the line is {state(plan, at)}."


def state(plan: Plan, at: datetime) -> str:
    """`open until 17:30`, `closed until Monday 9:00`, or without an end, as what is open for more
    than a week is.
    """
    zone, change = ZoneInfo(plan.hours.zone), next_change(plan.hours, at)
    now = "open" if is_open(plan.hours, at) else "closed"
    if change is None or (now == "open" and change - at > timedelta(days=7)):
        return now
    return f"{now} until {_until(change.astimezone(zone), at.astimezone(zone))}"


def _until(then: datetime, now: datetime) -> str:
    days = (then.date() - now.date()).days
    if days == 0:
        return _clock(then)
    if days < 7:
        return f"{DAY_NAMES[then.weekday()]} {_clock(then)}"
    year = f" {then.year}" if then.year != now.year else ""
    return f"{then.day} {then:%B}{year}, {_clock(then)}"


def _goes(when: str, plan: Plan, target: Target) -> str:
    the = "the" if when else "The"
    if target.go == Go.LATER:
        return f"{when}{the} caller is asked to call later."
    name = title(plan, target)
    return f"{when}{the} call goes to {name[:1].lower()}{name[1:]}."


def heard(who: str, announcement: Announcement) -> str:
    """`Callers hear “Welcome.”`, or that a sound is played."""
    text = announcement.text.strip()
    if not text:
        return f"{who} {'a recording' if announcement.sound else 'nothing'}."
    return f"{who} “{text}”" + ("" if text[-1] in ".?!…" else ".")


def seconds(count: int) -> str:
    """`20 seconds`, `1 minute`, `90 seconds`, `3 minutes`."""
    if count % 60 or not count:
        return "1 second" if count == 1 else f"{count} seconds"
    return "1 minute" if count == 60 else f"{count // 60} minutes"


def _callers(count: int) -> str:
    return "1 caller is" if count == 1 else f"{count} callers are"


def _clock(at: datetime) -> str:
    return f"{at.hour}:{at.minute:02}"
