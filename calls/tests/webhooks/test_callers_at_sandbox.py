"""Callers at the sandbox, which reads Twilio's contract by itself: every document that we give is
run there, with sound, and what is told of it comes back.
"""

from collections.abc import Callable
from typing import Any

import pytest
from django.conf import settings
from django.utils import timezone

from calls.facts.inbound import hours, written
from calls.gateway import numbers
from calls.gateway.accounts import account_of
from calls.models import (
    BlockedCaller,
    CallEvent,
    CallLog,
    Group,
    GroupMember,
    Line,
    Menu,
    PhoneNumber,
    Recording,
    VoicemailBox,
)
from calls.services import strays
from tenants.fence.context import tenant_transaction

CALLER = "+12125550123"
CLOSED = {"zone": "UTC", "week": [[]] * 7}


@pytest.fixture
def cast(committed_cast: Any) -> Any:
    """Committed, since the sandbox's requests come to another process."""
    return committed_cast


class Telephone:
    def __init__(self, cast: Any, sandbox: Any, eventually: Any) -> None:
        self.tenant, self.sandbox, self.eventually = cast.acme, sandbox, eventually
        with tenant_transaction(self.tenant.pk):
            ours = PhoneNumber.objects.filter(account_sid=settings.TWILIO_ACCOUNT_SID)
            self.number = ours.first()
        account = account_of(self.tenant.pk)
        held = numbers.find_number(account, self.number.number)
        assert held is not None
        numbers.point_number(account, held, self.tenant.pk)
        self.since = max((entry["n"] for entry in sandbox.wire()), default=0)

    def made(self, model: Any, **fields: Any) -> Any:
        with tenant_transaction(self.tenant.pk):
            return model.objects.create(**fields)

    def line(self, **fields: Any) -> None:
        always = written.hours_json(hours.always("UTC"))
        with tenant_transaction(self.tenant.pk):
            Line.objects.filter(number=self.number).delete()
            Line.objects.create(number=self.number, **{"hours": always} | fields)

    def rings(self, *script: dict[str, Any]) -> str:
        call = self.sandbox.incoming(to=self.number.number, caller=CALLER, script=list(script))
        return str(call["sid"])

    def heard(self, sid: str) -> list[str]:
        return [prompt["text"] for prompt in self.sandbox.call(sid)["prompts"]]

    def call(self, sid: str) -> CallLog | None:
        with tenant_transaction(self.tenant.pk):
            return CallLog.objects.filter(twilio_call_sid=sid).select_related("caller").first()

    def ended(self, sid: str) -> CallLog:
        """Once its end was told, and nothing is under way any more."""
        self.eventually(lambda: (found := self.call(sid)) and found.ended_at)
        self.eventually(self.sandbox.is_idle)
        found = self.call(sid)
        assert found is not None
        return found

    def events(self, sid: str) -> list[str]:
        with tenant_transaction(self.tenant.pk):
            found = CallEvent.objects.filter(leg__call_sid=sid, kind="local").order_by("sequence")
            return list(found.values_list("name", flat=True))

    def alerts(self) -> list[Any]:
        return [entry for entry in self.sandbox.wire(self.since) if entry["kind"] == "alert"]


@pytest.fixture
def phone(site: Any, cast: Any, sandbox: Any, eventually: Any) -> Telephone:
    return Telephone(cast, sandbox, eventually)


HANG_UP = {"hang_up": True}


def until(stage: str) -> dict[str, str]:
    return {"until": stage}


def hear(words: str) -> dict[str, str]:
    return {"hear": words}


def test_a_menu_leads_to_a_group_and_the_caller_gives_up(phone: Telephone, cast: Any) -> None:
    group = phone.made(Group, name="Sales", unanswered="later", unanswered_seconds=60)
    phone.made(GroupMember, group=group, user=cast.bob.user)
    menu = phone.made(
        Menu, name="Main", prompt_text="For sales press 2.", no_key="later",
        keys=[["2", f"group:{group.pk.hex}"]],
    )  # fmt: skip
    phone.line(greeting_text="Welcome to Acme.", when_open=f"menu:{menu.pk.hex}")
    sid = phone.rings(
        hear("press 2"), {"press": "2"}, until("queued"), hear("ringback"), {"wait": 1}, HANG_UP
    )
    call = phone.ended(sid)
    heard = phone.heard(sid)
    assert heard[:2] == ["Welcome to Acme.", "For sales press 2."]
    assert "You are next in line." in heard and "ringback-1" in heard[-1]
    assert phone.events(sid) == ["greeted", "greeted", "waiting"]
    assert (call.status, call.missed, call.direction) == ("no-answer", "waiting", "INBOUND")
    assert call.wait_seconds is not None and call.caller.left_at is not None
    assert not phone.alerts()


def test_who_calls_a_closed_line_leaves_a_message_with_sound(phone: Telephone) -> None:
    box = phone.made(VoicemailBox, name="Night", greeting_text="Leave a message.")
    phone.line(
        hours=CLOSED, closed_text="We are closed.", when_closed=f"voicemail:{box.pk.hex}",
        language="de-DE",
    )  # fmt: skip
    sid = phone.rings(
        hear("beep"), until("recording"), {"speak": 700, "seconds": 2}, {"press": "#"}
    )
    call = phone.ended(sid)
    assert phone.heard(sid)[:2] == ["We are closed.", "Leave a message."]
    assert "Vielen Dank für Ihre Nachricht" in phone.heard(sid)[-1]
    assert phone.events(sid) == ["closed", "to-voicemail", "message-left"]
    assert (call.status, call.missed) == ("no-answer", "voicemail")

    def stored() -> Any:
        with tenant_transaction(phone.tenant.pk):
            return Recording.objects.filter(call=call, state="stored").first()

    recording = phone.eventually(stored)
    assert recording.is_voicemail and recording.duration in (1, 2, 3) and recording.size > 16000
    assert not phone.alerts()


def test_who_says_nothing_leaves_no_message(phone: Telephone) -> None:
    box = phone.made(VoicemailBox, name="Night", greeting_text="Leave a message.")
    phone.line(when_open=f"voicemail:{box.pk.hex}")
    sid = phone.rings(hear("beep"), until("recording"), {"wait": 60})
    call = phone.ended(sid)
    assert "We didn’t hear a message. Goodbye." in phone.heard(sid)
    assert call.missed == "greeted" and "message-left" not in phone.events(sid)
    with tenant_transaction(phone.tenant.pk):
        assert [each.state for each in Recording.objects.filter(call=call)] == ["absent"]


def test_who_presses_a_key_in_line_leaves_a_message(phone: Telephone, cast: Any) -> None:
    """Their group leads them on: Twilio is asked to move them out of the queue."""
    box = phone.made(VoicemailBox, name="Sales", greeting_text="Leave a message.")
    group = phone.made(Group, name="Sales", unanswered="later", box=box, callback=True)
    phone.made(GroupMember, group=group, user=cast.bob.user)
    phone.line(when_open=f"group:{group.pk.hex}")
    sid = phone.rings(
        hear("press 2"), {"press": "2"}, hear("beep"), until("recording"),
        {"speak": 700, "seconds": 2}, {"press": "#"},
    )  # fmt: skip
    call = phone.ended(sid)
    assert (call.missed, call.caller.wish) == ("voicemail", "message")
    assert phone.events(sid) == ["greeted", "waiting", "to-voicemail", "message-left"]
    assert not phone.alerts()


def test_who_asks_to_be_called_back_is_told_so(phone: Telephone, cast: Any) -> None:
    group = phone.made(Group, name="Sales", unanswered="later", callback=True)
    phone.made(GroupMember, group=group, user=cast.bob.user)
    phone.line(when_open=f"group:{group.pk.hex}")
    sid = phone.rings(hear("press 1"), {"press": "1"}, hear("We’ll call you back"))
    call = phone.ended(sid)
    assert call.missed == "callback" and phone.heard(sid)[-1].startswith("Thank you")


def test_nobody_takes_a_call_and_the_next_group_ends_it(phone: Telephone, cast: Any) -> None:
    """Nobody of the first can be rung; in the second, the time is over."""
    second = phone.made(Group, name="Second", unanswered="later", unanswered_seconds=2)
    first = phone.made(
        Group, name="First", nobody=f"group:{second.pk.hex}", unanswered="later"
    )  # fmt: skip
    for group in (first, second):
        phone.made(GroupMember, group=group, user=cast.bob.user)
    phone.line(when_open=f"group:{first.pk.hex}")
    sid = phone.rings(hear("call again later"))
    call = phone.ended(sid)
    assert call.missed == "nobody-answered" and call.caller.moves == 2
    told = ["greeted", "waiting", "nobody-available", "waiting", "nobody-answered", "to-later"]
    assert phone.events(sid) == told and not phone.alerts()


def test_who_is_blocked_hears_nothing(phone: Telephone) -> None:
    phone.made(BlockedCaller, number=CALLER)
    phone.line(when_open="later")
    sid = phone.rings()
    call = phone.ended(sid)
    assert phone.heard(sid) == [] and phone.sandbox.call(sid)["stages"].count("answered") == 0
    assert call.missed == "" and call.answered_at is None and phone.events(sid) == ["blocked"]


def test_an_outside_number_answers(phone: Telephone) -> None:
    phone.line(when_open="outside:+14155550100")
    sid = phone.rings(until("bridged"), {"wait": 1}, HANG_UP)
    call = phone.ended(sid)
    assert (call.status, call.missed) == ("completed", "")
    assert call.answered_at and call.duration is not None
    assert phone.events(sid) == ["greeted", "to-outside", "outside-answered"]


def test_who_gives_up_while_an_outside_number_rings_is_missed(phone: Telephone) -> None:
    phone.line(when_open="outside:+14155550103")
    sid = phone.rings(until("answered"), {"wait": 1.5}, HANG_UP)
    call = phone.ended(sid)
    assert (call.status, call.missed) == ("no-answer", "nobody-answered")
    assert phone.events(sid)[:2] == ["greeted", "to-outside"]
    assert not [c for c in phone.sandbox.state()["calls"] if c["status"] == "ringing"]


def test_who_hangs_up_while_they_speak_has_left_a_message(phone: Telephone) -> None:
    box = phone.made(VoicemailBox, name="Night", greeting_text="Leave a message.")
    phone.line(when_open=f"voicemail:{box.pk.hex}")
    sid = phone.rings(hear("beep"), until("recording"), {"speak": 700, "seconds": 2}, HANG_UP)
    call = phone.ended(sid)
    assert call.missed == "voicemail" and "message-left" in phone.events(sid)

    def stored() -> bool:
        with tenant_transaction(phone.tenant.pk):
            return Recording.objects.filter(call=call, state="stored", is_voicemail=True).exists()

    phone.eventually(stored)


def test_an_outside_number_is_busy(phone: Telephone) -> None:
    phone.line(when_open="outside:+14155550102")
    sid = phone.rings(hear("call again later"))
    call = phone.ended(sid)
    assert (call.status, call.missed) == ("no-answer", "nobody-answered")


@pytest.mark.parametrize(
    ("script", "why"),
    [
        ([HANG_UP], "greeted"),
        ([hear("Welcome"), HANG_UP], "greeted"),
        ([hear("press 2"), HANG_UP], "greeted"),
        ([hear("press 2"), {"press": "2"}, until("queued"), HANG_UP], "waiting"),
        ([hear("press 2"), {"press": "1"}, hear("beep"), HANG_UP], "greeted"),
    ],
    ids=["before the answer", "greeting", "menu", "queue", "voicemail"],
)
def test_whoever_hangs_up_is_missed_where_they_were(
    phone: Telephone, cast: Any, script: list[Any], why: str
) -> None:
    group = phone.made(Group, name="Sales", unanswered="later")
    phone.made(GroupMember, group=group, user=cast.bob.user)
    box = phone.made(VoicemailBox, name="Night", greeting_text="Leave a message.")
    places = [["1", f"voicemail:{box.pk.hex}"], ["2", f"group:{group.pk.hex}"]]
    menu = phone.made(Menu, name="Main", prompt_text="press 2", no_key="later", keys=places)
    phone.line(greeting_text="Welcome.", when_open=f"menu:{menu.pk.hex}")
    call = phone.ended(phone.rings(*script))
    assert (call.outcome in ("no-answer", "canceled"), call.missed) == (True, why)


# --- while nothing can be written down -------------------------------------------------------


def test_a_message_left_while_we_are_away_is_filed(
    phone: Telephone, eventually: Callable[..., Any]
) -> None:
    """Our first answer, and all that follows but the apology, is lost."""
    phone.line(when_open="later")
    phone.sandbox.fault("twiml-drop", match="step=called", times=5)
    phone.sandbox.fault("twiml-drop", match="step=kept", times=5)
    sid = phone.rings(
        hear("beep"), until("recording"), {"speak": 700, "seconds": 2}, {"press": "#"}, {"wait": 1}
    )
    eventually(phone.sandbox.is_idle)
    assert "leave a message" in phone.heard(sid)[0]

    def filed() -> CallLog | None:
        """By this sweep or the worker's own."""
        strays.look_for(phone.tenant.pk, now=timezone.now())
        found = phone.call(sid)
        return found if found and found.missed else None

    call = eventually(filed, seconds=90)
    assert (call.missed, call.from_number) == ("voicemail", CALLER)
    assert call.to_number == phone.number.number and call.ended_at is not None


def test_a_message_left_just_before_we_are_back_is_written_down_at_once(phone: Telephone) -> None:
    phone.line(when_open="later")
    phone.sandbox.fault("twiml-drop", match="step=called", times=5)
    sid = phone.rings(
        hear("beep"), until("recording"), {"speak": 700, "seconds": 2}, {"press": "#"}
    )
    call = phone.ended(sid)
    assert call.missed == "voicemail" and "Thank you" in phone.heard(sid)[-1]
