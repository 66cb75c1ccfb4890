"""Proof: every route × who asks × method, on an object of Acme."""

import re
import uuid
from collections import Counter
from itertools import product
from typing import Any

import pytest

from voip_crm.tests.isolation.asking import Outcome, ask
from voip_crm.tests.isolation.registry import (
    ACTORS,
    METHODS,
    ROUTES,
    Route,
    Send,
    is_elsewhere,
    walk,
)
from voip_crm.tests.isolation.sending import filled, parts
from voip_crm.tests.isolation.world import Side, World, client_of

pytestmark = pytest.mark.django_db


def test_every_route_is_in_the_registry() -> None:
    known, found = Counter(list(ROUTES)), Counter(walk())
    assert found == known, (
        "Tell voip_crm/tests/isolation/registry.py of each new route whom it is for and what a "
        f"right request is. Without an entry: {found - known}. Gone: {known - found}."
    )


@pytest.mark.parametrize("name", ROUTES)
def test_each_answers_to_whom_it_is_for_alone(world: World, name: str) -> None:
    assert_held(world, ROUTES[name], ACTORS)


@pytest.mark.parametrize("name", [name for name, route in ROUTES.items() if route.has_object])
def test_another_workspaces_object_is_the_same_as_none(world: World, name: str) -> None:
    route = ROUTES[name]
    never = {key: str(uuid.uuid4()) for key in world.acme.ids}
    by_number = ("member", "event", "policy", "ceiling", "stopped", "unrouted")
    never |= dict.fromkeys(by_number, "999999999")
    for actor, method in product(("outsider", "root_elsewhere"), route.sends):
        foreign = request(world, route, actor, method)
        none = request(world, route, actor, method, path=route.path.format_map(never))
        assert told(foreign, world.acme.ids) == told(none, never), f"{actor} {method} {name}"


def told(outcome: Outcome, ids: dict[str, str]) -> tuple[int, str]:
    """Status and text of an answer, but for the id that was asked for and what is random."""
    text = re.sub(r"[0-9A-Za-z]{64}", "(token)", outcome.body)
    for given in ids.values():
        text = text.replace(given, "(id)") if len(given) > 7 else text
    return outcome.status, text


def test_a_form_without_its_token_is_refused(world: World) -> None:
    """The other proofs leave the CSRF check out, to get to what is behind it."""
    for name in (
        "contact_edit",
        "change_member",
        "make_call",
        "dial",
        "admin:contacts_contact_change",
    ):
        strict = client_of(world, "admin", enforce_csrf_checks=True)
        outcome = request(world, ROUTES[name], "admin", "POST", client=strict)
        assert (outcome.status, outcome.changed) == (403, set()), name


def assert_held(
    world: World, route: Route, actors: tuple[str, ...], *, known_methods: bool = False
) -> None:
    faults = []
    for actor in actors:
        own = own_side(world, actor)
        for method in route.sends if known_methods else asked(route, actor):
            outcome = request(world, route, actor, method)
            for fault in found_faults(world, route, actor, method, outcome, own):
                faults.append(f"{actor} {method} {route.path}: {fault}")
    assert not faults, "\n".join(faults)


def asked(route: Route, actor: str) -> tuple[str, ...]:
    """Every method, of whom roles do not tell apart: those that the route knows, and one more."""
    if actor in ("anonymous", "outsider", "admin"):
        return METHODS
    return (*route.sends, *[m for m in METHODS if m not in route.sends][-2:-1])


def own_side(world: World, actor: str) -> Side | None:
    if actor in ("anonymous", "gone"):
        return None
    return world.borealis if is_elsewhere(actor) else world.acme


def request(world: World, route: Route, actor: str, method: str, **more: Any) -> Outcome:
    send = route.sends.get(method, Send())
    side = own_side(world, actor) or world.acme
    path = filled(route.path, world.acme)
    return ask(world, actor, method, **(parts(path, send, side) | more))


def found_faults(
    world: World, route: Route, actor: str, method: str, outcome: Outcome, own: Side | None
) -> list[str]:
    faults = [] if route.names_all and route.may(actor) else outcome.leaks(world, own)
    expected = route.expected(actor, method)
    if outcome.status != expected:
        faults.append(f"{outcome.status} instead of {expected}")
    if not right(route, actor, method) and outcome.changed:
        faults.append(f"was refused, and changed {outcome.changed}")
    if right(route, actor, method) and own and outcome.status < 400:
        send = route.sends[method]
        if send.shows and own.marker not in outcome.body:
            faults.append("does not show the workspace's own")
        if send.changes and not outcome.changed and not is_elsewhere(actor):
            faults.append("changed nothing")
    return faults


def right(route: Route, actor: str, method: str) -> bool:
    elsewhere = is_elsewhere(actor) and route.has_object
    return route.may(actor, method) and method in route.sends and not elsewhere
