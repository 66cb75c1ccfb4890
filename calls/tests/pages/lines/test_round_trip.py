"""A plan that is saved by the forms is the plan that was meant, whatever it is."""

import random
from dataclasses import replace
from datetime import date, timedelta
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from calls.facts.inbound import checking
from calls.facts.inbound.hours import DAY, ClosedDays, Hours, Interval, Opening
from calls.facts.inbound.languages import LANGUAGES
from calls.facts.inbound.plans import (
    LATER,
    Announcement,
    Block,
    Box,
    Go,
    Group,
    Menu,
    Overflow,
    Plan,
    Target,
)
from calls.models import Line, Sound
from calls.pages.lines.block_facts import facts_of
from calls.pages.lines.block_forms import FORMS
from calls.pages.lines.fields import Offered, Person, data_of
from calls.pages.lines.line_form import LineForm, data_of_line, facts_of_line
from calls.selectors.plans import GO, TABLES, plan_of
from calls.services.inbound import saving
from calls.tests.facts.inbound.some_plans import any_plan
from calls.tests.pages.lines.conftest import LINES, Office
from tenants.fence.context import tenant_transaction

SEEDS = st.integers(0, 2**32)


def furnished(seed: int, members: tuple[str, ...] = (), sounds: tuple[str, ...] = ()) -> Plan:
    """A plan of `some_plans` with ids as rows have them, and hours and sayings of all kinds."""
    chance = random.Random(seed)
    plan = any_plan(seed, members)
    every: list[Block] = [*plan.groups, *plan.menus, *plan.boxes]
    ids = {(GO[type(block)], block.id): uuid4().hex for block in every}

    def there(target: Target | None) -> Target | None:
        if target is None or target.go not in (Go.GROUP, Go.MENU, Go.VOICEMAIL):
            return target
        key = ids.get((target.go, target.to))
        return Target(target.go, key) if key else None

    def says(least: int = 0) -> Announcement:
        if sounds and chance.random() < 0.4:
            return Announcement(sound=chance.choice(sounds))
        return Announcement(
            chance.choice(["Welcome & <hello>.", "Grüß Gott", ""][: 2 + (not least)])
        )

    def group(block: Group) -> Group:
        flow = block.overflow
        return replace(
            block,
            id=ids[Go.GROUP, block.id],
            music=says(),
            says_place=chance.random() < 0.5,
            box=ids[Go.VOICEMAIL, block.box] if block.box else "",
            overflow=Overflow(
                there(flow.unanswered),
                flow.unanswered_seconds,
                there(flow.nobody),
                flow.most_waiting,
                there(flow.full),
            ),
        )

    def menu(block: Menu) -> Menu:
        keys = tuple((key, led) for key, target in block.keys if (led := there(target)))
        return replace(
            block,
            id=ids[Go.MENU, block.id],
            prompt=says(1),
            keys=keys,
            no_key=there(block.no_key),
            wrong_key=there(block.wrong_key),
            tries=chance.randint(1, 5),
            seconds=chance.randint(1, 30),
        )

    def box(block: Box) -> Box:
        told = tuple(sorted(chance.sample(members, chance.randint(0, len(members)))))
        return replace(block, id=ids[Go.VOICEMAIL, block.id], greeting=says(1), tell=told)

    return replace(
        plan,
        language=chance.choice(list(LANGUAGES)),
        hours=some_hours(chance),
        when_open=there(plan.when_open),
        when_closed=there(plan.when_closed),
        greeting=says(),
        closed_says=says(),
        groups=tuple(group(each) for each in plan.groups),
        menus=tuple(menu(each) for each in plan.menus),
        boxes=tuple(box(each) for each in plan.boxes),
    )


def some_hours(chance: random.Random) -> Hours:
    def day() -> tuple[Interval, ...]:
        if chance.random() < 0.2:
            return (Interval(0, DAY),)
        cuts = sorted(chance.sample(range(0, DAY, 5), 2 * chance.randint(0, 3)))
        return tuple(Interval(*cuts[n : n + 2]) for n in range(0, len(cuts), 2))

    def ahead(days: int) -> date:
        return date(2026, 12, 1) + timedelta(days)

    closed = tuple(
        ClosedDays(ahead(n * 9), ahead(n * 9 + chance.randint(0, 5)), "Why/not")
        for n in range(chance.randint(0, 3))
    )
    openings = tuple(
        Opening(ahead(n * 4), day() or (Interval(600, 720),), chance.choice(["", "Sale"]))
        for n in range(chance.randint(0, 3))
    )
    zone = chance.choice(["Europe/Berlin", "America/Los_Angeles", "UTC"])
    return Hours(zone, tuple(day() for _ in range(7)), closed, openings)


def offered_of(plan: Plan, members: tuple[str, ...], sounds: tuple[str, ...]) -> Offered:
    return Offered(
        "US",
        lambda number: "",
        [(each.id, each.name) for each in plan.groups],
        [(each.id, each.name) for each in plan.menus],
        [(each.id, each.name) for each in plan.boxes],
        [(each, "Sound") for each in sounds],
        [Person(each, each, True) for each in members],
    )


MEMBERS, SOUNDS = tuple(uuid4().hex for _ in range(3)), (uuid4().hex, uuid4().hex)


@given(SEEDS)
@settings(max_examples=60)
def test_each_form_says_what_it_was_made_of(seed: int) -> None:
    members = tuple(sorted(MEMBERS))
    plan = furnished(seed, members, SOUNDS)
    offered = offered_of(plan, members, SOUNDS)
    every: list[Block] = [*plan.groups, *plan.menus, *plan.boxes]
    for block in every:
        form = FORMS[GO[type(block)]](data_of(facts_of(block)), offered=offered)
        assert form.is_valid(), (form.errors, block)
        assert form.block(block.id) == block
    line = LineForm(data_of_line(facts_of_line(plan)), offered=offered)
    assert line.is_valid(), line.errors
    assert line.plan(plan) == plan


@pytest.mark.django_db
@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=SEEDS)
def test_a_sound_plan_comes_back_from_its_rows_as_it_was_sent(office: Office, seed: int) -> None:
    """Block by block by the pages; one that would lose a caller is refused, and changes nothing."""
    cast = office.cast
    members = tuple(sorted((cast.alice.user_id.hex, cast.bob.user_id.hex)))
    with tenant_transaction(cast.acme.pk):
        Line.objects.update(greeting_sound=None, closed_sound=None)
        for table in (*TABLES.values(), Sound):
            table.objects.exclude(pk__in=[office.group.pk, office.box.pk]).delete()
        made = [
            Sound.objects.create(name=f"{n}", path=f"{n}", content_type="audio/wav", size=1)
            for n in range(2)
        ]
        sounds = tuple(each.pk.hex for each in made)
        plan = furnished(seed, members, sounds)
        every: list[Block] = [*plan.boxes, *plan.menus, *plan.groups]
        # All of them are there, and lead nowhere yet.
        for block in every:
            saving.save_block(bare(block))
        Line.objects.filter(pk=office.line.pk).update(when_open="later", when_closed="later")
    is_sound = not checking.problems(plan) and all(
        not checking.problems(replace(plan, when_open=Target(GO[type(each)], each.id)))
        for each in every
    )
    sent = {f"{LINES}/{GO[type(each)].value}/{each.id}": data_of(facts_of(each)) for each in every}
    sent[f"{office.path}/edit"] = data_of_line(facts_of_line(plan))
    answers = [office.client.post(path, data.dict()).status_code for path, data in sent.items()]
    after = office.plan()
    if is_sound:
        assert set(answers) == {303}
        assert own(after, plan) == plan
    else:
        assert 422 in answers
        with tenant_transaction(cast.acme.pk):
            line = Line.objects.select_related("number").get(pk=office.line.pk)
            assert not checking.problems(plan_of(line))


def bare(block: Block) -> Block:
    if isinstance(block, Group):
        return replace(block, overflow=Overflow(LATER), box="")
    if isinstance(block, Menu):
        return replace(block, keys=(("1", LATER),), no_key=LATER, wrong_key=None)
    return block


def own(found: Plan, like: Plan) -> Plan:
    """Its blocks, in the order of another plan, without those of the office."""

    def picked(name: str) -> tuple[Any, ...]:
        by_id = {each.id: each for each in getattr(found, name)}
        return tuple(by_id[each.id] for each in getattr(like, name))

    return replace(found, groups=picked("groups"), menus=picked("menus"), boxes=picked("boxes"))
