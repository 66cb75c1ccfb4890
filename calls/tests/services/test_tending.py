"""What a room needs, be there a process that remembers it or not."""

import pytest
from django.utils import timezone

from calls import gateway
from calls.facts import states
from calls.facts.rooms import COME_BACK, Step
from calls.services.rooms import tending
from calls.tests.conftest import Scene
from tenants.fence.context import tenant_transaction


def test_a_contact_on_hold_is_looked_at_by_the_sweep_when_nobody_has_come_back(
    dialled: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    dialled.hear(states.CONFERENCE, "participant-join", dialled.contact_leg)
    dialled.hear(states.CONFERENCE, "participant-leave", dialled.agent_leg)
    monkeypatch.setattr(gateway, "set_hold", lambda *_: None)
    before = timezone.now()
    assert tending.tend_room(dialled.room.tenant_id, dialled.room.pk) is Step.HOLD
    with tenant_transaction(dialled.room.tenant_id):
        dialled.room.refresh_from_db()
    assert dialled.room.next_look_at
    assert COME_BACK <= dialled.room.next_look_at - before < COME_BACK * 1.5
