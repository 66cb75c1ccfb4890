"""Whom a group has led on comes to where they go, be there a process that sends them or not."""

import os
import signal
import threading
from typing import Any
from uuid import uuid4

import pytest
from django.db import InterfaceError, OperationalError, connection

from calls import gateway, tasks
from calls.models import Caller, CallLog, Group, VoicemailBox
from calls.services.inbound import groups, leading
from calls.tests.services.inbound.floor import Floor, seconds
from calls.tests.services.inbound.test_meeting_live import Desk
from calls.tests.services.inbound.test_meeting_live import desk as desk  # a fixture
from tenants.bricks.lanes import Lane
from tenants.fence.context import tenant_transaction


@pytest.fixture
def floor(cast: Any) -> Floor:
    return Floor(cast.acme)


@pytest.fixture
def sent(monkeypatch: Any) -> list[tuple[str, str]]:
    """(call SID, address) of each redirect."""
    asked: list[tuple[str, str]] = []
    monkeypatch.setattr(gateway, "redirect", lambda account, sid, url: asked.append((sid, url)))
    return asked


@pytest.fixture
def led_on(floor: Floor) -> Caller:
    """To *call later*, and not sent there yet."""
    group = floor.group([])
    caller = floor.call(group)
    assert floor.tend(group).led_on == [caller.call_id]
    return caller


def test_who_is_led_on_is_sent_there_once(floor: Floor, led_on: Caller, sent: Any) -> None:
    for _ in range(2):
        leading.send_on(floor.tenant.pk, led_on.call_id)
    ((sid, url),) = sent
    assert sid == led_on.call.twilio_call_sid
    for part in (f"call={led_on.call_id.hex}", "step=next", f"tenant={floor.tenant.pk.hex}"):
        assert part in url
    assert floor.fresh(led_on).led_on_at is None


def test_who_has_come_there_already_is_not_sent(floor: Floor, led_on: Caller, sent: Any) -> None:
    with tenant_transaction(floor.tenant.pk):
        Caller.objects.update(led_on_at=None)
    leading.send_on(floor.tenant.pk, led_on.call_id)
    assert sent == []


def test_a_group_is_tended_again_in_a_moment_when_the_database_was_lost(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tries: list[int] = []
    tended = threading.Event()

    def tend(*_: Any, **__: Any) -> Any:
        tries.append(len(tries))
        if len(tries) < 3:  # as Django names what has become of a connection, one or the other
            raise (OperationalError, InterfaceError)[len(tries) - 1]("the connection is lost")
        tended.set()
        return groups.Tended([], None)

    monkeypatch.setattr(groups, "tend", tend)
    tenant_id, group_id = uuid4(), uuid4()
    tasks._groups.do((tenant_id, group_id), lambda: tasks._tend_group(tenant_id, group_id))
    assert tended.wait(10), tries


def test_who_has_hung_up_is_not_sent(floor: Floor, led_on: Caller, sent: Any) -> None:
    with tenant_transaction(floor.tenant.pk):
        CallLog.objects.filter(pk=led_on.call_id).update(ended_at=floor.now)
    leading.send_on(floor.tenant.pk, led_on.call_id)
    assert sent == [] and floor.fresh(led_on).led_on_at is None


def test_nobody_of_another_workspace_is_sent(
    floor: Floor, led_on: Caller, cast: Any, sent: Any
) -> None:
    leading.send_on(cast.borealis.pk, led_on.call_id)
    with tenant_transaction(cast.borealis.pk):
        assert leading.overdue(floor.now + seconds(60)) == []
    assert sent == [] and floor.fresh(led_on).led_on_at is not None


def test_what_twilio_did_not_take_is_tried_again(
    floor: Floor, led_on: Caller, monkeypatch: Any
) -> None:
    def refuse(*_: Any) -> None:
        raise gateway.TwilioUnreachable("no answer")

    monkeypatch.setattr(gateway, "redirect", refuse)
    with pytest.raises(gateway.TwilioError):
        leading.send_on(floor.tenant.pk, led_on.call_id)
    assert floor.fresh(led_on).led_on_at is not None, "for the lane, and after it for the sweep"


def test_the_sweep_tends_groups_and_sends_who_was_forgotten(
    floor: Floor, led_on: Caller, cast: Any, monkeypatch: Any, time_machine: Any
) -> None:
    done: list[Any] = []
    monkeypatch.setattr(Lane, "do", lambda self, key, work: done.append(key))
    floor.is_there(cast.bob)
    group = floor.group([cast.bob], name="Support")
    caller = floor.call(group)
    time_machine.move_to(floor.now + seconds(4.9), tick=False)
    tasks._sweep_groups(floor.tenant.pk)
    assert floor.rings_at(caller) == {"Bob"} and done == []
    time_machine.move_to(floor.now + seconds(5.1), tick=False)
    tasks._sweep_groups(floor.tenant.pk)
    assert done == [(floor.tenant.pk, "lead", led_on.call_id)]


# Has one caller's wish come true as far as the rows go, and is killed before it asks Twilio.
_DIES = """
import os, signal, sys
from uuid import UUID
import django
django.setup()
from django.utils import timezone
from calls import gateway
from calls.models import Caller
from calls.services.inbound import groups, leading
from tenants.fence.context import tenant_transaction

tenant_id, group_id, call_id = map(UUID, sys.argv[1:])
gateway.redirect = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
with tenant_transaction(tenant_id):
    # In one, so that nobody else, as the sweep, leads them on before it does.
    Caller.objects.filter(call=call_id).update(wish="message")
    assert groups.tend(tenant_id, group_id, now=timezone.now()).led_on == [call_id]
leading.send_on(tenant_id, call_id)
"""


def test_a_process_that_dies_before_it_sends_a_caller_on_delays_them_a_little(
    desk: Desk, site: Any
) -> None:
    with tenant_transaction(desk.tenant_id):
        box = VoicemailBox.objects.create(name="Office", greeting_text="Please leave a message.")
        Group.objects.filter(pk=desk.group_id).update(box=box)
    sid, call_id = desk.rings()
    ids = [str(each) for each in (desk.tenant_id, desk.group_id, call_id)]
    server, _, rest = os.environ["DATABASE_URL"].rpartition("/")
    query = rest.partition("?")[1:]
    database = f"{server}/{connection.settings_dict['NAME']}{''.join(query)}"
    ours = {"DATABASE_URL": database, "DATABASE_OWNER_URL": ""}
    ours["DJANGO_SETTINGS_MODULE"] = "voip_crm.settings"
    died = site.processes.start("dies", "-c", _DIES, *ids, **ours)
    assert died.wait(60) == -signal.SIGKILL, site.processes.log("dies")
    left = desk.caller(call_id)
    assert left.led_on_at is not None and left.place == f"voicemail:{box.pk.hex}", "the fault"
    since = desk.sandbox.wire()[-1]["n"]

    def is_asked_what_is_next() -> bool:
        told = [str(each) for each in desk.sandbox.wire(since) if each["kind"] == "webhook"]
        own = [each for each in told if call_id.hex in each]
        return any("step=next" in each or "step=queue" in each for each in own)

    desk.eventually(is_asked_what_is_next, 20)
    desk.eventually(lambda: desk.caller(call_id).led_on_at is None, 5)
    assert desk.status(sid) == "in-progress", "they leave a message now"
