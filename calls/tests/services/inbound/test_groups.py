"""Callers in groups: who is rung for them, how it ends, where they go."""

from typing import Any

import pytest

from calls.selectors.queues import RULES
from calls.services.inbound import offers
from calls.tests.services.inbound.floor import Floor


@pytest.fixture
def floor(cast: Any) -> Floor:
    return Floor(cast.acme)


def test_who_is_available_is_rung(floor: Floor, cast: Any) -> None:
    group = floor.group([cast.alice, cast.bob])
    floor.is_there(cast.bob)
    caller = floor.call(group)
    tended = floor.tend(group)
    assert floor.rings_at(caller) == {"Bob"}
    assert tended.led_on == [] and tended.look_again == floor.now + RULES.confirm
    floor.later(1)
    offers.confirm(cast.bob, [caller.call_id], now=floor.now)
    floor.tend(group)
    request_id = offers.claim(cast.bob, caller.call_id, now=floor.now)
    assert request_id == floor.fresh(caller.call.conference).client_request_id
    assert floor.offers(caller) == [("Bob", "claimed")]
