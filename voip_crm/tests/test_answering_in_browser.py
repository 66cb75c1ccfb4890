"""Whoever calls is answered: a caller at the sandbox, agents in their browsers, real sound."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from playwright.sync_api import Page, expect

from calls.facts.inbound import hours, written
from calls.gateway import numbers
from calls.gateway.accounts import account_of
from calls.models import (
    CallLog,
    Group,
    GroupMember,
    Line,
    PhoneNumber,
    Recording,
    VoicemailBox,
)
from tenants.fence.context import tenant_transaction
from voip_crm import demo
from voip_crm.tests import cast as company
from voip_crm.tests import harness
from voip_crm.tests.test_flow import (
    EARS,
    HEARD,
    expect_status,
    harness_wait,
    loudness,
    panel,
    sign_in,
)
from voip_crm.tests.test_ringing_in_browser import control, press, region

pytestmark = pytest.mark.allow_console(r"status of 409")
HZ = 440


class Switchboard:
    """Acme's number, which rings Alice and Bob, and then takes a message."""

    def __init__(self, cast: Any, site: harness.Site) -> None:
        self.tenant, self.site, self.number = cast.acme, site, company.ACME_NUMBER
        account = account_of(self.tenant.pk)
        held = numbers.find_number(account, self.number)
        assert held is not None
        numbers.point_number(account, held, self.tenant.pk)
        with tenant_transaction(self.tenant.pk):
            box = VoicemailBox.objects.create(name="Office", greeting_text="Leave a message.")
            in_box = f"voicemail:{box.pk.hex}"
            self.group = Group.objects.create(
                name="Sales", step_seconds=30, unanswered=in_box, unanswered_seconds=60
            )
            for agent in (cast.alice, cast.bob):
                GroupMember.objects.create(group=self.group, user=agent.user)
            Line.objects.filter(number__number=self.number).delete()
            Line.objects.create(
                number=PhoneNumber.objects.get(number=self.number),
                hours=written.hours_json(hours.always("UTC")),
                when_open=f"group:{self.group.pk.hex}",
                when_closed=in_box,
            )

    def change(self, **fields: Any) -> None:
        with tenant_transaction(self.tenant.pk):
            Group.objects.filter(pk=self.group.pk).update(**fields)

    def rings(self, *script: dict[str, Any], **more: Any) -> str:
        if script:
            more["script"] = list(script)
        call = self.site.sandbox.incoming(to=self.number, caller=company.ACME_MARIA, **more)
        return str(call["sid"])

    def call(self, sid: str) -> CallLog:
        with tenant_transaction(self.tenant.pk):
            found: CallLog = CallLog.objects.select_related("user").get(twilio_call_sid=sid)
            return found

    def is_heard(self, sid: str) -> bool:
        return bool(self.site.sandbox.heard(sid)["rms_last_second"] > 100)


@pytest.fixture
def board(committed_cast: Any, site: harness.Site) -> Switchboard:
    return Switchboard(committed_cast, site)


def come(open_page: Callable[..., Page], name: str) -> Page:
    page = open_page(permissions=["microphone", "notifications"])
    page.add_init_script(EARS)
    sign_in(page, f"{name}@acme.example", company.PASSWORD)
    with page.expect_response("**/calls/seen"):
        control(page).select_option("Available")
    return page


@pytest.mark.parametrize("site", ["embedded"], indirect=True)
def test_in_the_demo_whoever_calls_is_answered(open_page: Any, site: harness.Site) -> None:
    page = open_page(permissions=["microphone", "notifications"])
    page.add_init_script(EARS)
    sign_in(page, "bob@acme.example", demo.PASSWORD)
    with page.expect_response("**/calls/seen"):
        control(page).select_option("Available")
    number = demo.NUMBERS["acme"][0][0]
    call = site.sandbox.incoming(to=number, caller=company.ACME_MARIA, voice=HZ)
    expect(region(page)).to_contain_text("Maria")
    press(page, "Answer")
    expect_status(page, "In call")
    harness_wait(page, lambda: site.sandbox.heard(call["sid"])["rms_last_second"] > 100)
    before = hears(page)
    harness_wait(page, lambda: hears(page) > before)
    page.get_by_role("button", name="End call").click()
    expect_status(page, "Call ended")
    with page.expect_response("**/calls/availability"):  # the next test has the same Bob
        control(page).select_option("Away")


def hears(page: Page) -> float:
    return float(page.evaluate(HEARD)["energy"])


def test_two_are_rung_one_answers_and_both_ends_hear(open_page: Any, board: Switchboard) -> None:
    alice, bob = come(open_page, "alice"), come(open_page, "bob")
    sid = board.rings(voice=HZ)
    for page in (alice, bob):
        expect(region(page)).to_contain_text("Maria of Acme")
    press(bob, "Answer")
    expect(region(alice)).to_contain_text("Answered by Bob")
    expect_status(bob, "In call")
    expect(panel(bob)).to_contain_text("Maria of Acme")
    harness_wait(bob, lambda: board.is_heard(sid))
    before = hears(bob)
    harness_wait(bob, lambda: hears(bob) > before)
    call = board.call(sid)
    assert (call.status, call.direction, call.missed) == ("in-progress", "INBOUND", "")
    assert call.user is not None and call.user.name == "Bob" and call.wait_seconds is not None
    bob.get_by_role("button", name="End call").click()
    expect_status(bob, "Call ended")
    harness_wait(bob, lambda: board.call(sid).ended_at)
    call = board.call(sid)
    assert (call.status, call.outcome, call.missed) == ("completed", "completed", "")
    # It was recorded, as outbound calls are.
    harness_wait(bob, lambda: board.call(sid).has_recording, 60)


def test_the_caller_ends_it_and_the_agent_is_free_again(open_page: Any, board: Switchboard) -> None:
    bob = come(open_page, "bob")
    sid = board.rings(voice=HZ)
    press(bob, "Answer")
    expect_status(bob, "In call")
    board.site.sandbox.hangup(sid)
    expect_status(bob, "Call ended")
    again = board.rings(voice=HZ)
    expect(region(bob)).to_contain_text("Maria of Acme")
    press(bob, "Answer")
    expect_status(bob, "In call")
    harness_wait(bob, lambda: board.is_heard(again))


def test_who_crashes_after_winning_gives_the_caller_to_the_other(
    open_page: Any, board: Switchboard
) -> None:
    alice, bob = come(open_page, "alice"), come(open_page, "bob")
    sid = board.rings(voice=HZ)
    expect(region(alice)).to_be_visible()
    # It has won, and goes before it has come in.
    bob.route("**/calls/access-token", lambda route: route.abort())
    bob.route("**/api/**/access-token", lambda route: route.abort())
    with bob.expect_response("**/answer") as answered:
        press(bob, "Answer")
    assert answered.value.status == 200
    bob.context.close()
    expect(region(alice)).to_contain_text("Answered by Bob")
    expect(region(alice).get_by_role("button", name="Answer")).to_be_visible(timeout=20_000)
    press(alice, "Answer")
    expect_status(alice, "In call")
    harness_wait(alice, lambda: board.is_heard(sid))
    call = board.call(sid)
    assert call.user is not None and call.user.name == "Alice"


def test_nobody_answers_a_message_is_left_and_heard(open_page: Any, board: Switchboard) -> None:
    bob = come(open_page, "bob")
    board.change(step_seconds=5, unanswered_seconds=6)
    sid = board.rings(
        {"hear": "beep"}, {"until": "recording"}, {"speak": 600, "seconds": 3}, {"press": "#"}
    )
    expect(region(bob)).to_contain_text("Maria of Acme")
    harness_wait(bob, lambda: board.call(sid).missed == "voicemail", 60)
    harness_wait(bob, lambda: board.call(sid).has_recording, 60)
    history = bob.get_by_role("region", name="Call history")
    expect(history).to_contain_text("Not heard yet", timeout=20_000)
    history.get_by_role("button", name="Play voicemail").click()
    expect(history).not_to_contain_text("Not heard yet")
    with tenant_transaction(board.tenant.pk):
        message = Recording.objects.get(call__twilio_call_sid=sid)
        assert message.is_voicemail and message.heard_by is not None
        assert message.heard_by.name == "Bob"
        audio = Path(settings.RECORDINGS_DIR, message.path).read_bytes()
    assert max(loudness(audio)) > 100


def test_a_reload_while_it_rings_brings_it_back_and_it_can_be_answered(
    open_page: Any, board: Switchboard
) -> None:
    bob = come(open_page, "bob")
    sid = board.rings(voice=HZ)
    expect(region(bob)).to_contain_text("Maria of Acme")
    bob.reload()
    expect(region(bob)).to_contain_text("Maria of Acme")
    press(bob, "Answer")
    expect_status(bob, "In call")
    harness_wait(bob, lambda: board.is_heard(sid))


def test_who_gives_up_while_it_rings_is_missed(open_page: Any, board: Switchboard) -> None:
    bob = come(open_page, "bob")
    sid = board.rings(voice=HZ)
    expect(region(bob)).to_contain_text("Maria of Acme")
    board.site.sandbox.hangup(sid)
    expect(region(bob).get_by_role("button", name="Answer")).to_have_count(0)
    harness_wait(bob, lambda: board.call(sid).missed == "waiting")


def test_an_agent_who_is_lost_comes_back_to_the_caller(open_page: Any, board: Switchboard) -> None:
    bob = come(open_page, "bob")
    sid = board.rings(voice=HZ)
    press(bob, "Answer")
    expect_status(bob, "In call")
    harness_wait(bob, lambda: board.is_heard(sid))
    # Twilio says times in whole seconds: who is lost in the first has met nobody.
    expect(panel(bob).get_by_role("timer")).to_have_text(re.compile("0:0[2-9]"))
    bob.reload()
    bob.get_by_role("button", name="Rejoin").click()
    expect_status(bob, "In call")
    harness_wait(bob, lambda: board.is_heard(sid))
