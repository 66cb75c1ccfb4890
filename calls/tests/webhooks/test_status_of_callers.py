"""What is told of a caller's leg comes to one address for all of a workspace's numbers: it is found
by its call, in the workspace that the address names and nowhere else.
"""

from typing import Any

import pytest
from django.utils import timezone

from calls import tasks
from calls.gateway import addresses
from calls.models import CallEvent, CallLeg, UnroutedEvent
from calls.services.callbacks import aside
from calls.tests.builders import an_inbound_call
from calls.tests.conftest import sid
from calls.tests.waiting_callers import Line
from calls.tests.webhooks.test_webhooks import local
from tenants.fence.context import tenant_transaction

ENDED = {"CallStatus": "completed", "CallDuration": "31", "Direction": "inbound"}
FROM_TO = {"From": "+14155550100", "To": "+14155550199"}


@pytest.fixture(autouse=True)
def tended(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The rooms for which something was to be done."""
    found: list[Any] = []
    monkeypatch.setattr(tasks, "tend_now", lambda _, room_id: found.append(room_id))
    return found


def test_it_is_found_by_its_call(line: Line, cast: Any, webhook: Any, tended: list[Any]) -> None:
    path = local(addresses.number_status(cast.acme.pk))
    for _ in range(2):
        answer = webhook(path, CallSid=line.leg.call_sid, **ENDED, **FROM_TO)
        assert answer.status_code == 204
    call = line.call()
    assert (call.status, call.missed) == ("no-answer", "waiting") and call.ended_at
    assert set(tended) == {line.room_id}
    with tenant_transaction(cast.acme.pk):
        assert CallEvent.objects.filter(leg=line.leg, kind="call").count() == 1
    assert not UnroutedEvent.objects.exists()


def test_another_workspace_cannot_name_it(line: Line, cast: Any, webhook: Any) -> None:
    path = local(addresses.number_status(cast.borealis.pk))
    webhook(path, CallSid=line.leg.call_sid, **ENDED, **FROM_TO)
    assert line.call().ended_at is None
    assert UnroutedEvent.objects.get().named_tenant == cast.borealis.pk


def test_what_overtakes_its_call_is_kept_and_heard_again(cast: Any, webhook: Any) -> None:
    call_sid = sid("CA")
    path = local(addresses.number_status(cast.acme.pk))
    assert webhook(path, CallSid=call_sid, **ENDED, **FROM_TO).status_code == 204
    assert UnroutedEvent.objects.get().reason == "no such leg"
    caller = an_inbound_call(cast.acme)
    with tenant_transaction(cast.acme.pk):
        CallLeg.objects.update(call_sid=call_sid)
    aside.hear_again(cast.acme.pk, now=timezone.now())
    with tenant_transaction(cast.acme.pk):
        caller.call.refresh_from_db()
    assert caller.call.ended_at is not None and caller.call.missed == "greeted"
    assert not UnroutedEvent.objects.exists()


@pytest.mark.parametrize("spoken", ["client:t1_u2", "anonymous", ""])
def test_whatever_the_caller_claims_to_be(line: Line, cast: Any, webhook: Any, spoken: str) -> None:
    path = local(addresses.number_status(cast.acme.pk))
    webhook(path, CallSid=line.leg.call_sid, From=spoken, To="+14155550199", **ENDED)
    assert line.call().ended_at is not None


def test_an_agent_whose_leg_has_ended_is_free_for_who_waits(
    line: Line, cast: Any, webhook: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    free: list[Any] = []
    monkeypatch.setattr(tasks, "tend_agent", lambda _, user_id: free.append(user_id))
    line.claim(cast.bob)
    leg = line.connect(cast.bob)
    of_bob = {"CallSid": leg.call_sid, "From": f"client:{cast.bob.identity}"}
    status = local(addresses.agent_status(cast.acme.pk))
    webhook(status, CallStatus="in-progress", **of_bob)
    assert not free
    webhook(local(addresses.leg_ended(cast.acme.pk, leg.pk)), CallStatus="in-progress", **of_bob)
    assert free == [cast.bob.user_id]
    webhook(status, CallStatus="completed", **of_bob)
    assert free == [cast.bob.user_id] * 2
    path = local(addresses.number_status(cast.acme.pk))
    webhook(path, CallSid=line.leg.call_sid, **ENDED, **FROM_TO)
    assert len(free) == 2
