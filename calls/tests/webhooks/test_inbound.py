"""A caller's way, as Twilio asks for it: from the first request to a voicemail, a queue, an outside
number or a told end.
"""

import threading
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from xml.etree import ElementTree

import pytest
from django.conf import settings
from django.db import IntegrityError, OperationalError, connections
from django.utils import timezone
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from calls.facts.inbound import callers, hours, missed, written
from calls.gateway import addresses
from calls.models import (
    BlockedCaller,
    Caller,
    CallEvent,
    CallLog,
    Conference,
    Group,
    GroupMember,
    Line,
    Menu,
    PhoneNumber,
    Recording,
    Sound,
    VoicemailBox,
)
from calls.selectors import limits
from calls.services.inbound import arriving, groups
from calls.tests.conftest import sid
from calls.tests.webhooks.test_webhooks import local
from calls.webhooks import inbound
from tenants.fence.context import tenant_transaction

MARIA, STRANGER = "+14155550100", "+12125550123"
NOT_YET = "This number takes no calls yet. Goodbye."


class Phone:
    """A caller at Twilio: what they hear, where that leads, and what they do."""

    def __init__(self, webhook: Any, tenant: Any, number: PhoneNumber, caller: str = STRANGER):
        self.webhook, self.tenant, self.number = webhook, tenant, number
        self.form = {
            "CallSid": sid("CA"),
            "From": caller,
            "To": number.number,
            "Direction": "inbound",
            "CallStatus": "ringing",
        }
        self.document: Any = None

    def ask(self, url: str, **more: str) -> "Phone":
        answer = self.webhook(local(url.partition("#")[0]), **self.form | more)
        assert answer.status_code == 200 and answer["Content-Type"] == "text/xml"
        self.form["CallStatus"] = "in-progress"
        self.document = ElementTree.fromstring(answer.content)
        return self

    def dials(self, **more: str) -> "Phone":
        return self.ask(addresses.number_called(self.tenant.pk), **more)

    @property
    def verbs(self) -> list[str]:
        return [each.tag for each in self.document]

    @property
    def hears(self) -> str:
        return " ".join(each.text or "" for each in self.document.iter("Say"))

    def the(self, verb: str) -> Any:
        found = self.document.find(verb)
        assert found is not None, ElementTree.tostring(self.document)
        return found

    def goes_on(self, **more: str) -> "Phone":
        """By the redirect at the end of the document."""
        return self.ask(self.the("Redirect").text, **more)

    def presses(self, key: str) -> "Phone":
        return self.ask(self.the("Gather").get("action"), Digits=key)

    def leaves_queue(self, result: str, **more: str) -> "Phone":
        return self.ask(self.the("Enqueue").get("action"), QueueResult=result, **more)

    def hangs_up(self) -> None:
        """The number's status callback."""
        url = local(addresses.number_status(self.tenant.pk).partition("#")[0])
        form = self.form | {"CallStatus": "completed", "CallDuration": "7", "SequenceNumber": "0"}
        assert self.webhook(url, **form).status_code == 204

    def call(self) -> CallLog:
        with tenant_transaction(self.tenant.pk):
            return CallLog.objects.select_related("caller", "conference", "contact").get(
                twilio_call_sid=self.form["CallSid"]
            )

    def events(self) -> list[str]:
        with tenant_transaction(self.tenant.pk):
            found = CallEvent.objects.filter(leg__call_sid=self.form["CallSid"], kind="local")
            return list(found.order_by("sequence").values_list("name", flat=True))


@pytest.fixture
def number(cast: Any) -> PhoneNumber:
    with tenant_transaction(cast.acme.pk):
        return PhoneNumber.objects.filter(account_sid=settings.TWILIO_ACCOUNT_SID).first()


@pytest.fixture
def phone(cast: Any, webhook: Any, number: PhoneNumber) -> Callable[..., Phone]:
    return lambda caller=STRANGER: Phone(webhook, cast.acme, number, caller)


@pytest.fixture
def line(cast: Any, number: PhoneNumber) -> Callable[..., Line]:
    """`line(when_open=…)`: the number's line, open day and night unless said."""

    def make(**fields: Any) -> Line:
        with tenant_transaction(cast.acme.pk):
            Line.objects.filter(number=number).delete()
            always = written.hours_json(hours.always("UTC"))
            return Line.objects.create(number=number, **{"hours": always} | fields)

    return make


def made(tenant: Any, model: Any, **fields: Any) -> Any:
    with tenant_transaction(tenant.pk):
        return model.objects.create(**fields)


CLOSED = {"zone": "UTC", "week": [[]] * 7}


# --- the first request -----------------------------------------------------------------------


def test_a_call_comes_in_and_is_written_down(cast: Any, phone: Any, line: Any) -> None:
    line(greeting_text="Welcome to Acme.", when_open="later")
    at = phone(MARIA).dials(StirVerstat="TN-Validation-Passed-A")
    assert at.verbs == ["Say", "Redirect"] and at.hears == "Welcome to Acme."
    call = at.call()
    assert (call.direction, call.status, call.user) == ("INBOUND", "ringing", None)
    assert (call.from_number, call.to_number) == (MARIA, at.number.number)
    assert (call.extension, call.missed) == ("", "")
    assert call.contact == cast.acme_maria and call.caller.place == ""
    assert call.conference.agent is None
    assert call.conference.account_sid == settings.TWILIO_ACCOUNT_SID
    assert at.events() == [missed.GREETED]
    at.goes_on()
    assert at.verbs == ["Say", "Hangup"] and "call again later" in at.hears
    assert at.events() == [missed.GREETED, missed.TO_LATER]


def test_the_same_request_again_is_the_same_call(phone: Any, line: Any, cast: Any) -> None:
    line(when_open="later", greeting_text="Hello.")
    at = phone()
    first = ElementTree.tostring(at.dials().document)
    assert ElementTree.tostring(at.dials().document) == first
    line_end = ElementTree.tostring(at.goes_on().document)
    assert ElementTree.tostring(at.dials().goes_on().document) == line_end
    with tenant_transaction(cast.acme.pk):
        assert CallLog.objects.filter(direction="INBOUND").count() == 1
        assert Conference.objects.count() == Caller.objects.count() == 1


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(not settings.DATABASE_OWNER, reason="SQLite has one writer at a time")
def test_a_request_that_is_sent_twice_at_once_is_one_call(committed_cast: Any) -> None:
    with tenant_transaction(committed_cast.acme.pk):
        number = PhoneNumber.objects.filter(account_sid=settings.TWILIO_ACCOUNT_SID)[0]
    call_sid, begin = sid("CA"), threading.Barrier(8)

    def arrive(_: int) -> arriving.Arrived | None:
        begin.wait()
        try:
            return arriving.arrive(
                committed_cast.acme.pk,
                account_sid=settings.TWILIO_ACCOUNT_SID,
                call_sid=call_sid,
                caller=MARIA,
                to=number.number,
                said={},
                now=timezone.now(),
            )
        finally:
            connections.close_all()

    with ThreadPoolExecutor(8) as pool:
        found = [each for each in pool.map(arrive, range(8)) if each]
    assert len(found) == 8 and len({each.call_id for each in found}) == 1
    assert [each.is_new for each in found].count(True) == 1
    with tenant_transaction(committed_cast.acme.pk):
        assert CallLog.objects.count() == Conference.objects.count() == Caller.objects.count() == 1
        assert CallEvent.objects.count() == 2


def test_who_calls_as_their_contact_is_removed_is_answered_all_the_same(
    phone: Any, line: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    line(when_open="later", greeting_text="Hello.")
    write, tries = arriving._write, []

    def removed_meanwhile(*given: Any) -> Any:
        tries.append(given)
        if len(tries) == 1:
            raise IntegrityError("its contact is gone")
        return write(*given)

    monkeypatch.setattr(arriving, "_write", removed_meanwhile)
    assert phone(MARIA).dials().hears == "Hello."
    assert len(tries) == 2


def test_a_step_of_another_call_moves_nobody(cast: Any, phone: Any, line: Any) -> None:
    """The address is signed, and so is the call that asks: both must be the caller's."""
    line(when_open="later", greeting_text="Hello.")
    at = phone().dials()
    for step in ("next", "key", "wait", "wish", "queue", "bridge", "message", "outside"):
        url = addresses.caller_step(cast.acme.pk, at.call().pk, step)
        other = phone().ask(url, Digits="1", RecordingSid=sid("RE"), RecordingDuration="9")
        assert other.verbs == ["Say", "Hangup"] and other.hears == "Goodbye."
        url = addresses.caller_step(cast.borealis.pk, at.call().pk, step)
        assert at.ask(url).hears == "Goodbye."
    assert at.events() == [missed.GREETED] and at.call().caller.place == ""


@pytest.mark.parametrize(
    "change",
    [{"To": "+14155559999"}, {"To": ""}, {"To": "sip:x@y.example"}, {"CallSid": "nonsense"}],
)
def test_a_number_that_is_not_ours_takes_no_calls(
    phone: Any, line: Any, cast: Any, change: dict[str, str]
) -> None:
    line(when_open="later")
    at = phone()
    at.dials(**change)
    assert at.hears == NOT_YET and at.verbs == ["Say", "Hangup"]
    with tenant_transaction(cast.acme.pk):
        assert not CallLog.objects.filter(direction="INBOUND").exists()


def test_nobody_answers_for_a_workspace_that_is_closed(phone: Any, line: Any, cast: Any) -> None:
    line(when_open="later")
    cast.acme.is_active = False
    cast.acme.save()
    assert phone().dials().hears == NOT_YET


@pytest.mark.parametrize(
    "caller", ["anonymous", "", "sip:bob@evil.example", "+1", "9" * 300, "Ünïcode ☎", "+266696687"]
)
def test_whoever_calls_is_taken_as_they_are(phone: Any, line: Any, caller: str) -> None:
    line(when_open="later")
    at = phone(caller).dials()
    assert at.verbs == ["Say", "Hangup"]
    call = at.call()
    assert call.from_number == callers.kept(caller) and call.contact is None


def test_who_is_blocked_is_rejected_without_cost(cast: Any, phone: Any, line: Any) -> None:
    line(when_open="later")
    made(cast.acme, BlockedCaller, number=STRANGER)
    at = phone().dials()
    assert at.verbs == ["Reject"] and at.the("Reject").get("reason") == "rejected"
    assert at.events() == [missed.BLOCKED]
    at.hangs_up()
    assert phone(MARIA).dials().verbs == ["Say", "Hangup"]


def test_a_number_without_a_plan_rings_everyone(cast: Any, phone: Any, number: Any) -> None:
    with tenant_transaction(cast.acme.pk):
        Line.objects.all().delete()
    at = phone().dials()
    assert at.verbs == ["Enqueue"]
    with tenant_transaction(cast.acme.pk):
        group = Group.objects.get()
        assert Line.objects.get(number=number).when_open == f"group:{group.pk.hex}"
    assert at.call().caller.place == f"group:{group.pk.hex}"


# --- where it leads ----------------------------------------------------------------------------


def test_a_closed_line_says_so_and_takes_a_message(cast: Any, phone: Any, line: Any) -> None:
    box = made(cast.acme, VoicemailBox, name="Night", longest_seconds=60)
    line(hours=CLOSED, closed_text="We are closed.", when_closed=f"voicemail:{box.pk.hex}")
    at = phone().dials()
    assert at.hears == "We are closed." and at.events() == [missed.CLOSED]
    at.goes_on()
    assert at.verbs == ["Say", "Record", "Say", "Hangup"]
    record = at.the("Record")
    assert (record.get("maxLength"), record.get("playBeep")) == ("60", "true")
    at.ask(record.get("action"), RecordingSid=sid("RE"), RecordingDuration="4")
    assert "Thank you for your message" in at.hears
    assert at.events() == [missed.CLOSED, missed.TO_VOICEMAIL, missed.MESSAGE_LEFT]


# In 2026 the clocks of Los Angeles are set forward on 8 March and back on 1 November, at 2:00.
@pytest.mark.parametrize(
    ("at", "is_open"),
    [
        (datetime(2026, 3, 6, 16, 59, 59), False),  # Friday 8:59
        (datetime(2026, 3, 6, 17, 0), True),
        (datetime(2026, 3, 8, 8, 59, 59), False),  # Sunday 0:59
        (datetime(2026, 3, 8, 9, 59, 59), True),  # 1:59, and the next second it is 3:00
        (datetime(2026, 3, 8, 10, 0), False),
        (datetime(2026, 3, 9, 16, 0), True),  # Monday 9:00, which is an hour earlier now
        (datetime(2026, 3, 10, 0, 0), False),  # 17:00
        (datetime(2026, 10, 30, 16, 0), True),  # Friday 9:00
        (datetime(2026, 11, 1, 8, 30), True),  # Sunday 1:30
        (datetime(2026, 11, 1, 9, 30), True),  # 1:30 again
        (datetime(2026, 11, 1, 11, 0), False),  # 3:00
        (datetime(2026, 11, 2, 16, 59, 59), False),  # Monday 8:59
        (datetime(2026, 11, 2, 17, 0), True),
        (datetime(2026, 11, 3, 1, 0), False),  # 17:00
    ],
    ids=str,
)
def test_a_line_is_open_by_the_clock_on_its_wall_before_and_after_it_is_set(
    phone: Any, line: Any, monkeypatch: pytest.MonkeyPatch, at: datetime, is_open: bool
) -> None:
    line(
        hours={"zone": "America/Los_Angeles", "week": [[[540, 1020]]] * 6 + [[[60, 180]]]},
        greeting_text="Welcome.", closed_text="We are closed.",
        when_open="later", when_closed="later",
    )  # fmt: skip
    monkeypatch.setattr(timezone, "now", lambda: at.replace(tzinfo=UTC))
    caller = phone().dials()
    assert caller.hears == ("Welcome." if is_open else "We are closed.")
    caller.goes_on()
    stages = [missed.GREETED if is_open else missed.CLOSED, missed.TO_LATER]
    assert caller.events() == stages
    caller.hangs_up()
    assert caller.call().missed == ("greeted" if is_open else "closed")


@pytest.mark.parametrize("is_named", [True, False])
def test_the_recording_of_a_message_is_a_voicemail(
    cast: Any, phone: Any, line: Any, webhook: Any, is_named: bool
) -> None:
    """Told of by the recording's own callback, also at the address that names no call: that of
    when nothing could be read.
    """
    box = made(cast.acme, VoicemailBox, name="Night")
    line(when_open=f"voicemail:{box.pk.hex}")
    at = phone().dials()
    url = at.the("Record").get("recordingStatusCallback")
    url = url if is_named else addresses.message_status(cast.acme.pk)
    form = {
        "CallSid": at.form["CallSid"],
        "RecordingSid": sid("RE"),
        "RecordingStatus": "completed",
        "RecordingSource": "RecordVerb",
        "RecordingDuration": "3",
        "RecordingChannels": "1",
    }
    for _ in range(2):
        assert webhook(local(url.partition("#")[0]), **form).status_code == 204
    with tenant_transaction(cast.acme.pk):
        recording = Recording.objects.get()
        assert recording.is_voicemail and recording.state == "waiting"
    assert at.events().count(missed.MESSAGE_LEFT) == 1
    empty = form | {"RecordingSid": sid("RE"), "RecordingDuration": "0"}
    assert webhook(local(url.partition("#")[0]), **empty).status_code == 204
    with tenant_transaction(cast.acme.pk):
        assert Recording.objects.get(sid=empty["RecordingSid"]).state == "absent"
    assert at.events().count(missed.MESSAGE_LEFT) == 1


def test_an_empty_message_is_none(cast: Any, phone: Any, line: Any) -> None:
    box = made(cast.acme, VoicemailBox, name="Night")
    line(when_open=f"voicemail:{box.pk.hex}")
    at = phone().dials()
    at.ask(at.the("Record").get("action"), RecordingSid=sid("RE"), RecordingDuration="0")
    assert "didn’t hear" in at.hears and missed.MESSAGE_LEFT not in at.events()


def test_a_menu_leads_by_its_keys(cast: Any, phone: Any, line: Any) -> None:
    box = made(cast.acme, VoicemailBox, name="Night")
    menu = made(
        cast.acme,
        Menu,
        name="Main",
        prompt_text="Press 1.",
        keys=[["1", f"voicemail:{box.pk.hex}"], ["*", "later"]],
        no_key="later",
        tries=2,
        seconds=7,
    )
    line(when_open=f"menu:{menu.pk.hex}")
    at = phone().dials()
    gather = at.the("Gather")
    assert at.hears == "Press 1."
    asked = {name: gather.get(name) for name in ("numDigits", "timeout", "actionOnEmptyResult")}
    assert asked == {"numDigits": "1", "timeout": "7", "actionOnEmptyResult": "true"}
    assert at.presses("5").hears == "Press 1."
    assert at.presses("1").verbs == ["Say", "Record", "Say", "Hangup"]
    assert "later" in phone().dials().presses("*").hears
    silent = phone().dials().presses("")
    assert silent.verbs == ["Gather"] and "later" in silent.presses("").hears


def test_menus_in_a_circle_come_to_an_end(cast: Any, phone: Any, line: Any) -> None:
    menu = made(cast.acme, Menu, name="Main", prompt_text="Again.", no_key="later", tries=9)
    with tenant_transaction(cast.acme.pk):
        Menu.objects.update(keys=[["9", f"menu:{menu.pk.hex}"]])
    line(when_open=f"menu:{menu.pk.hex}")
    at, times = phone().dials(), 0
    while at.verbs == ["Gather"]:
        at.presses("9")
        times += 1
        assert times < 50
    assert "later" in at.hears


def test_what_is_gone_from_a_plan_loses_nobody(phone: Any, line: Any) -> None:
    line(when_open=f"menu:{uuid.uuid4().hex}")
    assert "later" in phone().dials().hears


# --- a group ------------------------------------------------------------------------------------


@pytest.fixture
def group(cast: Any) -> Group:
    box = made(cast.acme, VoicemailBox, name="Sales")
    group = made(cast.acme, Group, name="Sales", callback=True, box=box, unanswered="later")
    made(cast.acme, GroupMember, group=group, user=cast.bob.user)
    return group


def test_a_group_is_waited_for(cast: Any, phone: Any, line: Any, group: Group) -> None:
    line(when_open=f"group:{group.pk.hex}", greeting_text="Hello.")
    at = phone().dials().goes_on()
    queue = at.the("Enqueue")
    assert len(queue.text) <= 64 and at.events() == [missed.GREETED, missed.WAITING]
    at.ask(queue.get("waitUrl"))
    assert at.verbs == ["Gather", "Redirect"] and "next in line" in at.hears
    assert at.the("Gather/Play").text.endswith("/sounds/ringback-1.wav")
    at.goes_on()
    assert "press 1" in at.hears and "press 2" in at.hears and "line" not in at.hears
    at.presses("1")
    assert at.call().caller.wish == "callback" and at.verbs == ["Gather", "Redirect"]


def test_sounds_are_played_instead_of_texts(cast: Any, phone: Any, line: Any, group: Group) -> None:
    sound = made(cast.acme, Sound, name="Hello", path="x.wav", content_type="audio/wav", size=1)
    with tenant_transaction(cast.acme.pk):
        Group.objects.update(music_sound=sound, callback=False, box=None)
    line(when_open=f"group:{group.pk.hex}", greeting_sound=sound, greeting_text="Unheard.")
    url = addresses.sound(cast.acme.pk, sound.pk)
    at = phone().dials()
    assert at.verbs == ["Play", "Redirect"] and at.the("Play").text == url
    at.goes_on()
    at.ask(at.the("Enqueue").get("waitUrl")).goes_on()
    assert at.verbs == ["Play", "Pause", "Redirect"] and at.the("Play").text == url


def test_the_place_is_said_when_it_has_changed(
    cast: Any, phone: Any, line: Any, group: Group
) -> None:
    line(when_open=f"group:{group.pk.hex}")
    first, second = phone().dials(), phone().dials()
    second.ask(second.the("Enqueue").get("waitUrl"))
    assert "number 2 in line" in second.hears
    first.leaves_queue("hangup")
    assert "line" not in second.goes_on().hears  # it was said just now
    with tenant_transaction(cast.acme.pk):
        a_while_ago = timezone.now() - timedelta(minutes=1)
        Caller.objects.update(place_told_at=a_while_ago)
    assert "next in line" in second.goes_on().hears
    with tenant_transaction(cast.acme.pk):
        Caller.objects.update(place_told_at=a_while_ago)
    assert "line" not in second.goes_on().hears  # nor again


def test_who_hides_their_number_cannot_be_called_back(phone: Any, line: Any, group: Group) -> None:
    line(when_open=f"group:{group.pk.hex}")
    at = phone("anonymous").dials()
    at.ask(at.the("Enqueue").get("waitUrl")).goes_on()
    assert "message" in at.hears and "called back" not in at.hears
    assert at.presses("1").call().caller.wish == ""
    assert at.presses("2").call().caller.wish == "message"


def test_who_was_led_on_leaves_the_queue(cast: Any, phone: Any, line: Any, group: Group) -> None:
    line(when_open=f"group:{group.pk.hex}")
    at = phone().dials()
    queue = at.the("Enqueue")
    with tenant_transaction(cast.acme.pk):
        Caller.objects.update(place="later", moves=1, left_at=timezone.now())
    assert at.ask(queue.get("waitUrl")).verbs == ["Leave"]
    assert "later" in at.ask(queue.get("action"), QueueResult="leave").hears


def test_whoever_leads_on_is_waited_for_a_moment(
    cast: Any, phone: Any, line: Any, group: Group
) -> None:
    """Twilio is asked to move them: if they went by themselves, they would be interrupted there."""
    line(when_open=f"group:{group.pk.hex}")
    at = phone().dials()
    now = timezone.now()
    with tenant_transaction(cast.acme.pk):
        Caller.objects.update(place="later", moves=1, left_at=now, led_on_at=now)
    assert at.ask(at.the("Enqueue").get("waitUrl")).verbs == ["Pause", "Redirect"]
    with tenant_transaction(cast.acme.pk):
        Caller.objects.update(led_on_at=now - timedelta(seconds=10))
    assert at.goes_on().verbs == ["Leave"]
    at.ask(addresses.caller_step(cast.acme.pk, at.call().pk, "next"))
    assert "later" in at.hears and at.call().caller.led_on_at is None


def test_who_is_to_be_called_back_is_told_so(
    cast: Any, phone: Any, line: Any, group: Group
) -> None:
    line(when_open=f"group:{group.pk.hex}")
    at = phone().dials()
    at.ask(at.the("Enqueue").get("waitUrl")).presses("1")
    groups.tend(cast.acme.pk, group.pk, now=timezone.now())
    assert missed.CALLBACK_ASKED in at.events()
    at.ask(addresses.caller_step(cast.acme.pk, at.call().pk, "next"))
    assert "We’ll call you back" in at.hears and at.verbs == ["Say", "Hangup"]


def test_a_group_leads_on_to_the_next(cast: Any, phone: Any, line: Any, group: Group) -> None:
    """As nobody of it could be rung; there they wait anew."""
    second = made(cast.acme, Group, name="Second", unanswered="later")
    with tenant_transaction(cast.acme.pk):
        Group.objects.filter(pk=group.pk).update(nobody=f"group:{second.pk.hex}")
    line(when_open=f"group:{group.pk.hex}")
    at = phone().dials()
    assert groups.tend(cast.acme.pk, group.pk, now=timezone.now()).led_on == [at.call().pk]
    step = addresses.caller_step(cast.acme.pk, at.call().pk, "next")
    assert at.ask(step).the("Enqueue").text.endswith(second.pk.hex)
    assert at.ask(step).verbs == ["Enqueue"] and at.call().caller.left_at is None
    assert at.events()[-3:] == [missed.WAITING, missed.NOBODY_AVAILABLE, missed.WAITING]


@pytest.mark.parametrize("result", ["queue-full", "error", "system-error", "nonsense", ""])
def test_a_queue_that_fails_leads_on(phone: Any, line: Any, group: Group, result: str) -> None:
    line(when_open=f"group:{group.pk.hex}")
    at = phone().dials().leaves_queue(result)
    assert "later" in at.hears
    reason = missed.TOO_MANY_WAITING if result == "queue-full" else missed.NOBODY_ANSWERED
    assert reason in at.events()


def test_who_comes_out_of_a_queue_later_goes_back(phone: Any, line: Any, group: Group) -> None:
    line(when_open=f"group:{group.pk.hex}")
    at = phone().dials().leaves_queue("error", QueueTime="30")
    assert at.verbs == ["Enqueue"] and at.call().caller.left_at is None


@pytest.mark.parametrize("result", ["redirected", "redirected-from-bridged", "bridged", "hangup"])
def test_who_is_elsewhere_is_let_go(phone: Any, line: Any, group: Group, result: str) -> None:
    line(when_open=f"group:{group.pk.hex}")
    at = phone().dials().leaves_queue(result)
    assert at.verbs == ["Hangup"]
    assert (at.call().caller.left_at is not None) == (result == "hangup")


def test_who_is_claimed_comes_into_the_room(cast: Any, phone: Any, line: Any, group: Group) -> None:
    line(when_open=f"group:{group.pk.hex}")
    at = phone().dials()
    bridge = addresses.caller_step(cast.acme.pk, at.call().pk, "bridge")
    assert at.ask(bridge).verbs == ["Enqueue"]  # nobody has answered
    with tenant_transaction(cast.acme.pk):
        Caller.objects.update(claimed_at=timezone.now() - timedelta(seconds=1))
        Conference.objects.update(agent=cast.bob.user)
    room = at.ask(bridge).the("Dial/Conference")
    assert room.text == at.call().conference.name and room.get("endConferenceOnExit") == "true"


# --- an outside number -----------------------------------------------------------------------


def test_an_outside_number_is_dialled_from_the_line(cast: Any, phone: Any, line: Any) -> None:
    line(when_open="outside:+14155550177")
    at = phone().dials()
    dial = at.the("Dial")
    assert dial.get("callerId") == at.number.number and at.the("Dial/Number").text == "+14155550177"
    assert at.call().assumed_rate > 0
    assert at.events() == [missed.GREETED, missed.TO_OUTSIDE]
    at.ask(dial.get("action"), DialCallStatus="no-answer")
    assert "later" in at.hears and missed.NOBODY_ANSWERED in at.events()


def test_an_outside_number_that_answers(cast: Any, phone: Any, line: Any) -> None:
    line(when_open="outside:+14155550177")
    at, child = phone().dials(), sid("CA")
    told = {"DialCallStatus": "completed", "DialCallSid": child}
    action = at.the("Dial").get("action")
    assert at.ask(action, **told).verbs == ["Hangup"]
    at.ask(action, **told)
    assert at.events().count(missed.OUTSIDE_ANSWERED) == 1


def test_an_outside_number_is_heard_of_as_soon_as_it_answers(
    cast: Any, phone: Any, line: Any, webhook: Any
) -> None:
    line(when_open="outside:+14155550177")
    at, child = phone().dials(), sid("CA")
    url = local(at.the("Dial/Number").get("statusCallback").partition("#")[0])
    told = {"CallSid": child, "ParentCallSid": at.form["CallSid"], "CallStatus": "in-progress"}
    assert webhook(url, **told | {"ParentCallSid": sid("CA")}).status_code == 204  # kept aside
    assert missed.OUTSIDE_ANSWERED not in at.events()
    assert webhook(url, **told).status_code == 204
    at.ask(at.the("Dial").get("action"), DialCallStatus="completed", DialCallSid=child)
    assert at.events().count(missed.OUTSIDE_ANSWERED) == 1


def test_callers_who_were_led_outside_count_in_the_limits(cast: Any, phone: Any, line: Any) -> None:
    line(when_open="outside:+14155550177")
    with tenant_transaction(cast.acme.pk):
        policy = limits.chosen(lock=True)
        policy.calls_at_once = 1
        policy.save()
    first = phone().dials()
    assert first.verbs == ["Dial"]
    assert "later" in phone().dials().hears
    first.hangs_up()
    assert phone().dials().verbs == ["Dial"]
    with tenant_transaction(cast.acme.pk):
        policy.daily_spend = Decimal("0.5")  # for what two calls have cost by now, and the reserve
        policy.calls_at_once = 9
        policy.save()
    assert "later" in phone().dials().hears


def test_an_outside_number_beyond_the_limits_is_not_dialled(
    cast: Any, phone: Any, line: Any
) -> None:
    line(when_open="outside:+882165555555")
    at = phone().dials()
    assert "later" in at.hears and "Dial" not in at.verbs


# --- what goes wrong ----------------------------------------------------------------------------


def away(*_: Any, **__: Any) -> Any:
    raise OperationalError("the database is away")


def assert_takes_a_message(at: Phone) -> None:
    """In English, with addresses that name the workspace and need no rows."""
    assert at.verbs == ["Say", "Record", "Say", "Hangup"] and "can’t connect" in at.hears
    record = at.the("Record")
    tenant = f"tenant={at.tenant.pk.hex}"
    assert tenant in record.get("action") and tenant in record.get("recordingStatusCallback")


def test_without_a_database_a_message_is_taken(
    phone: Any, line: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    line(when_open="later")
    monkeypatch.setattr("calls.services.inbound.arriving.arrive", away)
    at = phone().dials()
    assert_takes_a_message(at)
    at.ask(at.the("Record").get("action"), RecordingSid=sid("RE"), RecordingDuration="3")
    assert "Thank you" in at.hears


def test_the_fallback_takes_a_message_whatever_is_away(
    cast: Any, phone: Any, django_assert_num_queries: Any
) -> None:
    at = phone()
    with django_assert_num_queries(0):
        at.ask(addresses.number_fallback(cast.acme.pk), ErrorCode="11205", ErrorUrl="https://x")
    assert_takes_a_message(at)


def test_a_message_of_a_call_without_rows_makes_them(cast: Any, phone: Any, line: Any) -> None:
    line(when_open="later")
    at = phone()
    for _ in range(2):
        at.ask(
            addresses.message_kept(cast.acme.pk),
            RecordingSid="RE" + "1" * 32,
            RecordingDuration="3",
        )
    assert at.events() == [missed.GREETED, missed.MESSAGE_LEFT]
    empty = phone().ask(
        addresses.message_kept(cast.acme.pk), RecordingSid=sid("RE"), RecordingDuration="0"
    )
    assert "didn’t hear" in empty.hears


def test_who_waits_goes_on_waiting_without_a_database(
    phone: Any, line: Any, group: Group, monkeypatch: pytest.MonkeyPatch
) -> None:
    line(when_open=f"group:{group.pk.hex}")
    at = phone().dials()
    queue = at.the("Enqueue")
    at.ask(queue.get("waitUrl")).goes_on()
    with monkeypatch.context() as broken:
        broken.setattr("calls.services.inbound.standing.find", away)
        for ask in (at.goes_on, lambda: at.ask(queue.get("waitUrl"))):
            ask()
            assert at.verbs == ["Play", "Pause", "Redirect"]
    assert at.goes_on().verbs == ["Gather", "Redirect"]
    with monkeypatch.context() as broken:
        broken.setattr("calls.services.inbound.standing.find", away)
        at.ask(queue.get("action"), QueueResult="error")
    assert_takes_a_message(at)


def test_an_address_that_names_no_workspace_takes_no_calls(phone: Any) -> None:
    bare = settings.PUBLIC_BASE_URL + "/api/twilio/voice-webhook"
    nobody = f"?step=called&tenant={uuid.uuid4()}"
    for query in ("?step=called", "?x=1", "?step=next&call=1", nobody):
        assert phone().ask(bare + query).hears == NOT_YET


odd = st.text(st.characters(codec="utf-8"), max_size=80) | st.sampled_from(
    ["", "0", "-1", "9" * 400, "RE" + "1" * 32, "completed", "leave", "error", "\0", "1", "#"]
)
_NAMES = ["From", "To", "Digits", "QueueResult", "QueueTime", "DialCallStatus", "DialCallSid"]
_NAMES += ["RecordingSid", "RecordingDuration", "CallStatus", "ErrorCode", "Direction"]


@pytest.fixture
def waiting_phone(phone: Any, line: Any, group: Group) -> Phone:
    line(when_open=f"group:{group.pk.hex}")
    return phone().dials()  # type: ignore[no-any-return] # a fixture's


@examples(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    step=st.sampled_from(sorted(inbound.STEPS)),
    form=st.dictionaries(st.sampled_from(_NAMES), odd, max_size=6),
    query=st.dictionaries(st.sampled_from(["menu", "turn"]), odd, max_size=2),
)
def test_whatever_is_said_is_answered(
    waiting_phone: Phone, step: str, form: dict[str, str], query: dict[str, str]
) -> None:
    """Never a 500, and always a document with an end or a next step; all examples are of one call,
    wherever the ones before have led it.
    """
    at, call_sid = waiting_phone, waiting_phone.form["CallSid"]
    call_id = at.call().pk
    if step in (inbound.CALLED, inbound.KEPT):
        at.form["CallSid"] = sid("CA")
        at.ask(addresses.number_called(at.tenant.pk).replace("=called", f"={step}"), **form)
    else:
        at.ask(addresses.caller_step(at.tenant.pk, call_id, step, **query), **form)
    at.form["CallSid"] = call_sid
    ends = {"Hangup", "Redirect", "Enqueue", "Record", "Dial", "Reject", "Leave", "Gather"}
    assert ends & {*at.verbs}
