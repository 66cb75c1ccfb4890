"""A line's plan: which blocks a call goes through, and which lead on to which. Pure.

    hours → greeting → menu or group → overflow → … → an end

A plan's ends are a person, a voicemail box, an outside number, and a sentence that asks to call
later. What is wrong with a plan is in `checking`, what it does in words in `telling`, and how its
callers fare in a group in `waiting`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from calls.facts.inbound.hours import Hours, is_open


class Go(StrEnum):
    """Where a call can go."""

    GROUP = "group"
    MENU = "menu"
    VOICEMAIL = "voicemail"
    OUTSIDE = "outside"  # a number that is not ours, within the calling limits
    LATER = "later"  # “please call later”, and the end


@dataclass(frozen=True)
class Target:
    """`to` is the id of the group, menu or voicemail box, E.164 of an outside number, else ""."""

    go: Go
    to: str = ""


LATER = Target(Go.LATER)


@dataclass(frozen=True)
class Announcement:
    """What a caller hears: `text`, spoken in the line's language, or the `sound` of that id."""

    text: str = ""
    sound: str = ""

    @property
    def is_empty(self) -> bool:
        return not (self.text.strip() or self.sound)


class Strategy(StrEnum):
    """In which order a group's members are rung: `waiting` has it exactly."""

    EVERYONE = "everyone"
    LONGEST_IDLE = "longest-idle"
    IN_ORDER = "in-order"
    OWNER_FIRST = "owner-first"  # the contact's owner for a step, then everyone


@dataclass(frozen=True)
class Overflow:
    """Where a group's callers go whom nobody takes; None: nowhere, they wait on.

    `nobody`: as soon as no member could be rung, now or after their call. `unanswered`: after so
    many seconds in this group. `full`: at once, if `most_waiting` are there already.
    """

    unanswered: Target | None
    unanswered_seconds: int = 60
    nobody: Target | None = None
    most_waiting: int | None = None
    full: Target | None = None

    def targets(self) -> Iterator[tuple[str, Target]]:
        """(field, target) of those that are set."""
        for field in ("unanswered", "nobody", "full"):
            target: Target | None = getattr(self, field)
            if target is not None:
                yield field, target


@dataclass(frozen=True)
class Group:
    """Members who take calls. `members` are ids, in the order of `IN_ORDER`; each ring of a member
    lasts `step_seconds`. While they wait, callers may press 1 to be called back (`callback`) and 2
    to leave a message in a `box` (its id, or "").
    """

    id: str
    name: str
    members: tuple[str, ...]
    overflow: Overflow
    strategy: Strategy = Strategy.EVERYONE
    step_seconds: int = 20
    music: Announcement = Announcement()  # empty: ring back
    says_place: bool = True
    callback: bool = False
    box: str = ""


KEYS = "1234567890*#"


@dataclass(frozen=True)
class Menu:
    """`keys`: (key, target). The prompt is said `tries` times, each followed by `seconds` for a
    key. Then a caller who pressed none goes to `no_key`, one who pressed a wrong one last to
    `wrong_key`, or, if that is None, to `no_key`, too.
    """

    id: str
    name: str
    prompt: Announcement
    keys: tuple[tuple[str, Target], ...]
    no_key: Target | None
    wrong_key: Target | None = None
    tries: int = 2
    seconds: int = 5

    def target_of(self, key: str) -> Target | None:
        return next((target for pressed, target in self.keys if pressed == key), None)


@dataclass(frozen=True)
class Box:
    """A voicemail box. `tell` are the ids of the members who get an e-mail with a link."""

    id: str
    name: str
    greeting: Announcement
    longest_seconds: int = 180
    tell: tuple[str, ...] = ()


Block = Group | Menu | Box


@dataclass(frozen=True)
class Plan:
    """A line's: `language` (BCP 47) is what texts are spoken in. While it is closed, callers hear
    `closed_says` and go to `when_closed`; else they hear the `greeting` and go to `when_open`. None
    of both is a plan that is not finished.
    """

    language: str
    hours: Hours
    when_open: Target | None
    when_closed: Target | None
    greeting: Announcement = Announcement()
    closed_says: Announcement = Announcement()
    groups: tuple[Group, ...] = ()
    menus: tuple[Menu, ...] = ()
    boxes: tuple[Box, ...] = ()

    def block(self, target: Target) -> Block | None:
        """The block that a target leads to; None: an end without one, or there is none such."""
        blocks: dict[Go, tuple[Block, ...]] = {
            Go.GROUP: self.groups,
            Go.MENU: self.menus,
            Go.VOICEMAIL: self.boxes,
        }
        found = blocks.get(target.go, ())
        return next((block for block in found if block.id == target.to), None)


# Menus may lead back to each other, as a caller who presses keys wants it; but not for ever.
MOST_MOVES = 20
_OF_BLOCKS = (Go.GROUP, Go.MENU, Go.VOICEMAIL)


def onward(plan: Plan, target: Target | None, moves: int) -> Target:
    """Where a call goes that has been led on `moves` times: to the target, or to `LATER` where that
    leads nowhere or no more. So a call ends, even in a plan that could not be saved like this.
    """
    if target is None or moves >= MOST_MOVES:
        return LATER
    return LATER if target.go in _OF_BLOCKS and plan.block(target) is None else target


def begin(plan: Plan, at: datetime) -> tuple[bool, Announcement, Target]:
    """Whether a call at a moment finds the line open, what it hears first, and where it goes."""
    if is_open(plan.hours, at):
        return True, plan.greeting, onward(plan, plan.when_open, 0)
    return False, plan.closed_says, onward(plan, plan.when_closed, 0)


def pressed(menu: Menu, key: str, tries: int) -> Target | None:
    """Where a key leads (one of `KEYS`, or "" for none) after the prompt was said `tries` times;
    None: the prompt is said again.
    """
    target = menu.target_of(key)
    if target is not None:
        return target
    if tries < menu.tries:
        return None
    return (menu.wrong_key if key else None) or menu.no_key or LATER


def leads(plan: Plan, block: Block) -> Iterator[tuple[str, Target, bool]]:
    """(field, target, whether it needs a key that the caller presses) of all that a block leads to.

    `keys.1` is the field of the key 1.
    """
    if isinstance(block, Menu):
        yield from ((f"keys.{key}", target, True) for key, target in block.keys)
        for field in ("no_key", "wrong_key"):
            target: Target | None = getattr(block, field)
            if target is not None:
                yield field, target, False
    elif isinstance(block, Group):
        yield from ((field, target, False) for field, target in block.overflow.targets())
        if block.box:
            yield "box", Target(Go.VOICEMAIL, block.box), True
