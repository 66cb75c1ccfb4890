"""The plan of a line, as `calls.facts.inbound` decides upon it, and what uses what."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from calls.facts.inbound import hours, plans, written
from calls.facts.inbound.plans import Announcement, Go, Plan, Strategy, Target, leads
from calls.models import Group, Line, Menu, VoicemailBox
from tenants.bricks.ids import read_uuid

TABLES: dict[Go, Any] = {Go.GROUP: Group, Go.MENU: Menu, Go.VOICEMAIL: VoicemailBox}
GO: dict[type, Go] = {plans.Group: Go.GROUP, plans.Menu: Go.MENU, plans.Box: Go.VOICEMAIL}


def all_lines() -> list[Line]:
    """With their numbers, by these."""
    return list(Line.objects.select_related("number").order_by("number__number"))


def all_plans() -> list[tuple[Line, Plan]]:
    shared = blocks()
    return [(line, plan_of(line, shared)) for line in all_lines()]


def plan_of(line: Line, shared: dict[str, Any] | None = None) -> Plan:
    """With all blocks of the workspace (`shared`: what `blocks` has said): which of them a call can
    reach is the plan's to say.
    """
    return Plan(
        language=line.language,
        hours=written.hours(line.hours, line.closed_until),
        when_open=written.target(line.when_open),
        when_closed=written.target(line.when_closed),
        greeting=_says(line, "greeting"),
        closed_says=_says(line, "closed"),
        **(blocks() if shared is None else shared),
    )


def anywhere() -> Plan:
    """All that any line of the workspace may lead to, for `plans.onward`; no line's own."""
    return Plan("en-US", hours.always("UTC"), when_open=None, when_closed=None, **blocks())


def only(target: Target | None) -> Plan:
    """No more than the block that a target leads to, for a caller who is led there: a group without
    its members, a box without whom to tell.
    """
    block_id = read_uuid(target.to) if target else None
    found: dict[str, Any] = {}
    if target and block_id and target.go == Go.GROUP:
        found["groups"] = tuple(group_of(row, []) for row in Group.objects.filter(pk=block_id))
    elif target and block_id and target.go == Go.MENU:
        found["menus"] = tuple(_menu(row) for row in Menu.objects.filter(pk=block_id))
    elif target and block_id and target.go == Go.VOICEMAIL:
        rows = VoicemailBox.objects.filter(pk=block_id)
        found["boxes"] = tuple(_box(row, []) for row in rows)
    return Plan("en-US", hours.always("UTC"), when_open=None, when_closed=None, **found)


def blocks() -> dict[str, Any]:
    """The workspace's groups, menus and voicemail boxes, as `Plan` has them."""
    return {
        "groups": tuple(
            group_of(row, [member.user_id for member in row.members.all()])
            for row in Group.objects.prefetch_related("members")
        ),
        "menus": tuple(_menu(row) for row in Menu.objects.all()),
        "boxes": tuple(
            _box(row, [listener.user_id for listener in row.listeners.all()])
            for row in VoicemailBox.objects.prefetch_related("listeners")
        ),
    }


def block_of(row: Any) -> plans.Block:
    """A group, menu or voicemail box."""
    if isinstance(row, Group):
        return group_of(row, [member.user_id for member in row.members.all()])
    if isinstance(row, VoicemailBox):
        return _box(row, [listener.user_id for listener in row.listeners.all()])
    return _menu(row)


def uses_of(target: Target) -> list[str]:
    """The lines and blocks that lead to a block, by their names; itself not."""
    plan = anywhere()
    lines = [
        f"the line {line.number}"
        for line in all_lines()
        if target in (written.target(line.when_open), written.target(line.when_closed))
    ]
    others: tuple[plans.Block, ...] = (*plan.groups, *plan.menus)
    return lines + [
        f"{GO[type(block)].value} {block.name}"
        for block in others
        if (GO[type(block)], block.id) != (target.go, target.to)
        and any(led == target for _, led, _ in leads(plan, block))
    ]


def uses_of_sound(sound_id: str) -> list[str]:
    """The lines and blocks that play a sound (its id as hex)."""
    shared = blocks()
    used = [
        f"the line {line.number}"
        for line in all_lines()
        if sound_id in (_says(line, "greeting").sound, _says(line, "closed").sound)
    ]
    for group in shared["groups"]:
        used += [f"group {group.name}"] * (group.music.sound == sound_id)
    for menu in shared["menus"]:
        used += [f"menu {menu.name}"] * (menu.prompt.sound == sound_id)
    for box in shared["boxes"]:
        used += [f"voicemail {box.name}"] * (box.greeting.sound == sound_id)
    return used


def group_of(row: Group, members: Sequence[UUID]) -> plans.Group:
    """With its members, in the order of its list."""
    return plans.Group(
        id=row.pk.hex,
        name=row.name,
        members=tuple(member.hex for member in members),
        overflow=plans.Overflow(
            unanswered=written.target(row.unanswered),
            unanswered_seconds=row.unanswered_seconds,
            nobody=written.target(row.nobody),
            most_waiting=row.most_waiting,
            full=written.target(row.full),
        ),
        strategy=Strategy(row.strategy),
        step_seconds=row.step_seconds,
        music=_says(row, "music"),
        says_place=row.says_place,
        callback=row.callback,
        box=row.box_id.hex if row.box_id else "",
    )


def _menu(row: Menu) -> plans.Menu:
    return plans.Menu(
        id=row.pk.hex,
        name=row.name,
        prompt=_says(row, "prompt"),
        keys=tuple(
            (key, target)
            for key, place in row.keys
            if (target := written.target(place)) is not None
        ),
        no_key=written.target(row.no_key),
        wrong_key=written.target(row.wrong_key),
        tries=row.tries,
        seconds=row.seconds,
    )


def _box(row: VoicemailBox, tell: Sequence[UUID]) -> plans.Box:
    return plans.Box(
        id=row.pk.hex,
        name=row.name,
        greeting=_says(row, "greeting"),
        longest_seconds=row.longest_seconds,
        tell=tuple(user_id.hex for user_id in tell),
    )


def _says(row: Any, what: str) -> Announcement:
    sound = getattr(row, f"{what}_sound_id")
    return Announcement(getattr(row, f"{what}_text"), sound.hex if sound else "")
