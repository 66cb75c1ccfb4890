"""What admins change of a workspace's plans. No change is kept by which a caller would be lost.

Everything here runs within the transaction of a request, and one at a time in a workspace
(`lock`): two changes that each do no harm could lose callers together.
"""

import uuid
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import models

from calls.facts.inbound import checking, plans, written
from calls.facts.inbound.changes import changed
from calls.facts.inbound.hours import Problem, always
from calls.facts.inbound.plans import LATER, Announcement, Block, Box, Go, Plan, Target
from calls.models import (
    Caller,
    GroupMember,
    Line,
    VoicemailListener,
)
from calls.selectors.plans import GO, TABLES, all_plans, block_of, blocks, plan_of, uses_of
from tenants.models import Tenant
from tenants.trail import audit
from tenants.trail.audit import Action


class WouldLoseCallers(Exception):
    """The change is not kept. `problems` as `checking` has them; `elsewhere`: sentences about lines
    and blocks that it does not change itself.
    """

    def __init__(self, problems: list[Problem], elsewhere: list[str]) -> None:
        super().__init__(problems, elsewhere)
        self.problems, self.elsewhere = problems, elsewhere


class InUse(Exception):
    """A block that cannot go; the message says by what it is used."""


def lock(tenant_id: UUID) -> None:
    Tenant.objects.select_for_update(no_key=True).get(pk=tenant_id)


def save_line(line: Line, plan: Plan) -> None:
    """Keep all of a plan that is the line's own; of a `line` that was read after `lock`. Raises
    `WouldLoseCallers`.
    """
    was = plan_of(line)
    found = checking.problems(plan)
    own = [each for each in found if each.block in (checking.LINE, checking.HOURS)]
    known = {tuple(each) for each in checking.problems(was)}
    others = [each for each in found if each not in own and tuple(each) not in known]
    _refuse(own, [_named(plan, each) for each in others])
    line.language, line.hours = plan.language, written.hours_json(plan.hours)
    _say(line, "greeting", plan.greeting)
    _say(line, "closed", plan.closed_says)
    line.when_open, line.when_closed = (
        written.place(plan.when_open),
        written.place(plan.when_closed),
    )
    line.save()
    if changes := changed(was, plan, **blocks()):
        audit.record(Action.LINE_CHANGED, on=line, **changes)


def close(line: Line, until: datetime) -> None:
    line.closed_until = until
    line.save(update_fields=["closed_until"])
    audit.record(Action.LINE_CLOSED, on=line, until=until.isoformat(timespec="minutes"))


def open_again(line: Line) -> None:
    line.closed_until = None
    line.save(update_fields=["closed_until"])
    audit.record(Action.LINE_OPENED, on=line)


def save_block(block: Block, *, takes_new_members: bool = False) -> models.Model:
    """Make the group, menu or voicemail box of this id, or change it; after `lock`. Raises
    `WouldLoseCallers`.
    """
    table = TABLES[GO[type(block)]]
    pk = UUID(block.id)
    row = table.objects.filter(pk=pk).first()
    before = block_of(row) if row else None
    _check(block, was_there=before is not None)
    row = row or table(pk=pk)
    if isinstance(block, plans.Group):
        _write_group(row, block, takes_new_members)
    elif isinstance(block, plans.Menu):
        _write_menu(row, block)
    else:
        _write_box(row, block)
    if before is None:
        audit.record(Action.BLOCK_MADE, on=row)
    elif changes := changed(before, block, **blocks()):
        audit.record(Action.BLOCK_CHANGED, on=row, **changes)
    return row


def new_id() -> str:
    return uuid.uuid4().hex


def remove_block(row: models.Model) -> None:
    """After `lock`. Raises `InUse`."""
    target = Target(GO_OF_ROW[type(row)], row.pk.hex)
    if used := uses_of(target):
        raise InUse(f"{row} is used by {listed(used)}. Change that first.")
    there = Caller.objects.filter(place=written.place(target), left_at=None)
    waiting = there.filter(call__ended_at=None).count()
    if waiting:
        who = "A caller is" if waiting == 1 else f"{waiting} callers are"
        raise InUse(f"{who} in {row} right now. Try again in a few minutes.")
    audit.record(Action.BLOCK_REMOVED, on=row)
    row.delete()


GO_OF_ROW: dict[type[models.Model], Go] = {table: go for go, table in TABLES.items()}


def _check(block: Block, *, was_there: bool) -> None:
    """What would be wrong with any line, or with the block where no line leads to it yet, and is
    not so now.
    """
    now = [(str(line.number), plan) for line, plan in all_plans()]
    alone = Plan("", always("UTC"), LATER, LATER, **blocks())
    target = Target(GO[type(block)], block.id)
    before = [replace(alone, when_open=target)] if was_there else []
    known = {
        tuple(each)
        for plan in before + [plan for _, plan in now]
        for each in checking.problems(plan)
    }
    own: dict[tuple[str, str], Problem] = {}
    elsewhere: list[str] = []
    after = [("", replace(with_block(alone, block), when_open=target))]
    after += [(number, with_block(plan, block)) for number, plan in now]
    for number, plan in after:
        for each in checking.problems(plan):
            if each.block == block.id and isinstance(_block_of(plan, each.block), type(block)):
                own.setdefault((each.field, each.message), each)
            elif tuple(each) not in known:
                elsewhere.append(_named(plan, each, number))
    _refuse(list(own.values()), list(dict.fromkeys(elsewhere)))


def with_block(plan: Plan, block: Block) -> Plan:
    """The plan with the block in the place of the one that has its id, or besides."""
    name = {plans.Group: "groups", plans.Menu: "menus", Box: "boxes"}[type(block)]
    others = [each for each in getattr(plan, name) if each.id != block.id]
    with_it: dict[str, Any] = {name: (*others, block)}
    return replace(plan, **with_it)


def _block_of(plan: Plan, block_id: str) -> Block | None:
    every: tuple[Block, ...] = (*plan.groups, *plan.menus, *plan.boxes)
    return next((block for block in every if block.id == block_id), None)


def _named(plan: Plan, problem: Problem, number: str = "") -> str:
    block = _block_of(plan, problem.block)
    where = block.name if block else f"The line {number}" if number else ""
    return f"{where}: {problem.message}" if where else problem.message


def _refuse(problems: list[Problem], elsewhere: list[str]) -> None:
    if problems or elsewhere:
        raise WouldLoseCallers(problems, elsewhere)


def _write_group(row: Any, group: plans.Group, takes_new_members: bool) -> None:
    row.name, row.strategy, row.step_seconds = group.name, group.strategy.value, group.step_seconds
    _say(row, "music", group.music)
    row.says_place, row.callback = group.says_place, group.callback
    row.box_id = UUID(group.box) if group.box else None
    row.takes_new_members = takes_new_members
    overflow = group.overflow
    row.unanswered_seconds, row.most_waiting = overflow.unanswered_seconds, overflow.most_waiting
    for name in ("unanswered", "nobody", "full"):
        setattr(row, name, written.place(getattr(overflow, name)))
    row.save()
    members = [UUID(member) for member in group.members]
    GroupMember.objects.filter(group=row).exclude(user_id__in=members).delete()
    there = {member.user_id: member for member in GroupMember.objects.filter(group=row)}
    for position, user_id in enumerate(members):
        member = there.get(user_id) or GroupMember(group=row, user_id=user_id)
        if member.pk is None or member.position != position:
            member.position = position
            member.save()


def _write_menu(row: Any, menu: plans.Menu) -> None:
    row.name, row.tries, row.seconds = menu.name, menu.tries, menu.seconds
    _say(row, "prompt", menu.prompt)
    row.keys = [[key, written.place(target)] for key, target in menu.keys]
    row.no_key, row.wrong_key = written.place(menu.no_key), written.place(menu.wrong_key)
    row.save()


def _write_box(row: Any, box: Box) -> None:
    row.name, row.longest_seconds = box.name, box.longest_seconds
    _say(row, "greeting", box.greeting)
    row.save()
    told = [UUID(user) for user in box.tell]
    VoicemailListener.objects.filter(box=row).exclude(user_id__in=told).delete()
    there = set(VoicemailListener.objects.filter(box=row).values_list("user_id", flat=True))
    for user_id in told:
        if user_id not in there:
            VoicemailListener.objects.create(box=row, user_id=user_id)


def _say(row: Any, what: str, says: Announcement) -> None:
    setattr(row, f"{what}_text", says.text)
    setattr(row, f"{what}_sound_id", UUID(says.sound) if says.sound else None)


def listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
