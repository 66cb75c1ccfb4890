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
    Caller,
    CallEvent,
    CallLog,
    Group,
    GroupMember,
    Line,
    Offer,
    PhoneNumber,
    Recording,
    VoicemailBox,
)
from contacts.models import Contact
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
    top_row,
)
from voip_crm.tests.test_ringing_in_browser import control, press, region

pytestmark = pytest.mark.allow_console(r"status of 409")
HZ = 440
# Of what a player holds: how long it is, and the highest sample (0 to 1).
SOUND = """async (audio) => {
  const data = await (await fetch(audio.currentSrc || audio.src)).arrayBuffer();
  const sound = await new OfflineAudioContext(1, 1, 8000).decodeAudioData(data);
  const loudest = sound.getChannelData(0).reduce((most, one) => Math.max(most, Math.abs(one)), 0);
  return { seconds: sound.duration, loudest };
}"""
# What the live channel tells a page of calls that ring, and of who is there.
TOLD = """for (const name of ["live:ring", "live:presence", "live:call"])
  document.body.addEventListener(name, () => { window.told = [...(window.told ?? []), name]; });"""


class Switchboard:
    """Acme's number, which rings Alice and Bob, and then takes a message."""

    def __init__(self, cast: Any, site: harness.Site) -> None:
        self.cast, self.tenant, self.site = cast, cast.acme, site
        self.number = company.ACME_NUMBER
        account = account_of(self.tenant.pk)
        held = numbers.find_number(account, self.number)
        assert held is not None
        numbers.point_number(account, held, self.tenant.pk)
        with tenant_transaction(self.tenant.pk):
            self.box = VoicemailBox.objects.create(name="Office", greeting_text="Leave a message.")
            in_box = f"voicemail:{self.box.pk.hex}"
            self.group = Group.objects.create(
                name="Sales", step_seconds=30, unanswered=in_box, unanswered_seconds=60
            )
            for position, agent in enumerate((cast.alice, cast.bob)):
                GroupMember.objects.create(group=self.group, user=agent.user, position=position)
            Line.objects.update_or_create(  # the sweep may have made one, or be about to
                number=PhoneNumber.objects.get(number=self.number),
                defaults={
                    "hours": written.hours_json(hours.always("UTC")),
                    "when_open": f"group:{self.group.pk.hex}",
                    "when_closed": in_box,
                },
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

    def caller(self, sid: str) -> Caller:
        with tenant_transaction(self.tenant.pk):
            found: Caller = Caller.objects.get(call__twilio_call_sid=sid)
            return found

    def offers(self, sid: str) -> list[Offer]:
        """Oldest first."""
        with tenant_transaction(self.tenant.pk):
            rows = Offer.objects.filter(caller__call__twilio_call_sid=sid)
            return list(rows.select_related("user").order_by("offered_at"))

    def asked(self, sid: str) -> list[tuple[str, str]]:
        """Whom the call rang at, one after the other, and how each of them ended."""
        return [(offer.user.name, offer.end) for offer in self.offers(sid)]

    def events(self, sid: str) -> list[str]:
        """The stages of the caller's way."""
        with tenant_transaction(self.tenant.pk):
            found = CallEvent.objects.filter(leg__call_sid=sid, kind="local")
            return list(found.order_by("sequence").values_list("name", flat=True))

    def is_heard(self, sid: str) -> bool:
        return bool(self.site.sandbox.heard(sid)["rms_last_second"] > 100)


@pytest.fixture
def board(committed_cast: Any, site: harness.Site) -> Switchboard:
    return Switchboard(committed_cast, site)


def come(
    open_page: Callable[..., Page], name: str, password: str = company.PASSWORD, at: str = "acme"
) -> Page:
    page = open_page(permissions=["microphone", "notifications"])
    page.add_init_script(EARS)
    sign_in(page, f"{name}@{at}.example", password)
    is_available(page)
    return page


def is_available(page: Page) -> None:
    with page.expect_response("**/calls/seen"):
        control(page).select_option("Available")


def is_away(page: Page) -> None:
    control(page).select_option("Away")
    expect(page.locator("#availability")).to_have_attribute("data-state", "away")


def hears(page: Page) -> float:
    return float(page.evaluate(HEARD)["energy"])


def assert_both_hear(page: Page, site: harness.Site, sid: str) -> None:
    harness_wait(page, lambda: site.sandbox.heard(sid)["rms_last_second"] > 100)
    before = hears(page)
    harness_wait(page, lambda: hears(page) > before)


def end_call(page: Page) -> None:
    page.get_by_role("button", name="End call").click()
    expect_status(page, "Call ended")


def vanish(page: Page) -> None:
    """Answers, and is gone before its browser has come in."""
    for path in ("**/calls/access-token", "**/api/**/access-token"):
        page.route(path, lambda route: None)
    with page.expect_response("**/answer") as answered:
        press(page, "Answer")
    assert answered.value.status == 200
    page.context.close()


def lead_to(page: Page, place: str) -> None:
    """Whoever calls the demo's number."""
    page.goto("/settings/lines")
    page.get_by_role("link", name="(415) 555-0199", exact=True).click()
    page.get_by_role("link", name="Edit line").click()
    page.get_by_label("While open, calls go to", exact=True).select_option(place)
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_role("region", name="Plan")).to_contain_text(place)


@pytest.mark.parametrize("site", ["embedded"], indirect=True)
def test_in_run_callers_choose_are_answered_and_leave_messages(
    open_page: Any, site: harness.Site
) -> None:
    """`./run`: one process and SQLite. First its main line rings everyone; then it has a menu whose
    second key rings who has been idle longest.
    """
    alice, bob = (come(open_page, name, demo.PASSWORD) for name in ("alice", "bob"))

    def rings(*script: dict[str, Any], caller: str = company.ACME_MARIA, **more: Any) -> str:
        number = demo.NUMBERS["acme"][0][0]
        said = {"script": list(script)} if script else {}
        call = site.sandbox.incoming(to=number, caller=caller, **said, **more)
        return str(call["sid"])

    sid = rings(voice=HZ)
    for page in (alice, bob):
        expect(region(page)).to_contain_text("Maria Gonzalez")
    press(alice, "Answer")
    expect(region(bob)).to_contain_text("Answered by Alice Ames")
    expect_status(alice, "In call")
    assert_both_hear(alice, site, sid)
    end_call(alice)

    lead_to(alice, "Menu Main")
    support = ({"hear": "press 2"}, {"press": "2"})
    sid = rings(*support, voice=HZ)
    expect(region(bob)).to_contain_text("Maria Gonzalez")  # Alice has just talked
    assert region(alice).count() == 0
    press(bob, "Decline")
    expect(region(bob)).to_have_count(0)
    expect(region(alice)).to_contain_text("Maria Gonzalez")
    alice.reload()
    press(alice, "Answer")
    expect_status(alice, "In call")
    assert_both_hear(alice, site, sid)
    site.sandbox.hangup(sid)
    expect_status(alice, "Call ended")

    sid = rings(*support, voice=HZ, caller="+12125550177")  # whom nobody knows
    expect(region(bob)).to_contain_text("(212) 555-0177")
    vanish(bob)
    expect(region(alice)).to_contain_text("(212) 555-0177")
    press(alice, "Answer")
    expect_status(alice, "In call")
    expect(panel(alice).locator(".who")).to_have_text("(212) 555-0177")
    expect(panel(alice).locator(".number")).to_be_empty()
    assert_both_hear(alice, site, sid)
    end_call(alice)

    is_away(alice)  # so that nobody is there
    message = ({"until": "recording"}, {"speak": 600, "seconds": 2}, {"press": "#"})
    rings({"hear": "press 1"}, {"press": "1"}, {"hear": "beep"}, *message)
    alice.goto("/calls")
    top = top_row(alice)
    expect(top).to_contain_text("Not heard yet")
    top.get_by_role("button", name="Play voicemail").click()
    expect(top).not_to_contain_text("Not heard yet")
    heard = top.locator("audio").evaluate(SOUND)
    assert heard["seconds"] > 1 and heard["loudest"] > 0.01, heard
    # The next test has the same line, and the same Bob.
    lead_to(alice, "Group Everyone")
    bob = open_page()
    sign_in(bob, "bob@acme.example", demo.PASSWORD)
    is_away(bob)


def test_two_are_rung_one_answers_and_both_ends_hear(open_page: Any, board: Switchboard) -> None:
    alice, bob = come(open_page, "alice"), come(open_page, "bob")
    sid = board.rings(voice=HZ)
    for page in (alice, bob):
        expect(region(page)).to_contain_text("Maria of Acme")
    press(bob, "Answer")
    expect(region(alice)).to_contain_text("Answered by Bob")
    expect_status(bob, "In call")
    expect(panel(bob)).to_contain_text("Maria of Acme")
    assert_both_hear(bob, board.site, sid)
    call = board.call(sid)
    assert (call.status, call.direction, call.missed) == ("in-progress", "INBOUND", "")
    assert call.user is not None and call.user.name == "Bob" and call.wait_seconds is not None
    end_call(bob)
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
    # So it is when the caller gives up as they are being brought to who has answered.
    board.site.sandbox.fault("twiml-delay", match="step=bridge", seconds=2)
    sid = board.rings(voice=HZ)
    press(bob, "Answer")
    harness_wait(bob, lambda: "bringing" in board.events(sid))
    board.site.sandbox.hangup(sid)
    expect_status(bob, "Call ended")
    harness_wait(bob, lambda: board.call(sid).missed == "waiting")
    assert board.call(sid).user is None
    again = board.rings(voice=HZ)
    expect(region(bob)).to_contain_text("Maria of Acme")
    press(bob, "Answer")
    expect_status(bob, "In call")
    harness_wait(bob, lambda: board.is_heard(again))


def test_whom_a_call_rings_at_first_is_for_its_group_to_say(
    open_page: Any, board: Switchboard
) -> None:
    """In each order; *Decline* asks the next at once. Nobody of another workspace hears of it."""
    charlie = come(open_page, "charlie", at="borealis")
    alice, bob = come(open_page, "alice"), come(open_page, "bob")
    charlie.evaluate(TOLD)
    board.change(strategy="in-order")
    in_order = board.rings()
    expect(region(alice)).to_contain_text("Maria of Acme")
    assert region(bob).count() == 0
    press(alice, "Decline")
    expect(region(bob)).to_contain_text("Maria of Acme")
    board.site.sandbox.hangup(in_order)
    expect(region(bob)).to_contain_text("no longer waiting")

    board.change(strategy="owner-first")
    with tenant_transaction(board.tenant.pk):
        Contact.objects.filter(pk=board.cast.acme_maria.pk).update(owner=board.cast.bob.user)
    owners = board.rings()
    expect(region(bob).get_by_role("button", name="Decline")).to_be_visible()
    assert region(alice).count() == 0
    press(bob, "Decline")
    expect(region(alice)).to_contain_text("Maria of Acme")
    board.site.sandbox.hangup(owners)
    expect(region(alice)).to_contain_text("no longer waiting")

    board.change(strategy="longest-idle")
    is_away(alice)
    is_available(alice)  # so that she is idle since now
    first = board.rings(voice=HZ)
    press(bob, "Answer")
    expect_status(bob, "In call")
    assert_both_hear(bob, board.site, first)
    end_call(bob)
    second = board.rings()
    expect(region(alice).get_by_role("button", name="Answer")).to_be_visible()
    board.site.sandbox.hangup(second)
    harness_wait(alice, lambda: board.asked(second) == [("Alice", "left")])
    assert board.asked(in_order) == [("Alice", "declined"), ("Bob", "left")]
    assert board.asked(owners) == [("Bob", "declined"), ("Alice", "left")]
    assert board.asked(first) == [("Bob", "claimed")]
    assert charlie.evaluate("window.told") is None and region(charlie).count() == 0


@pytest.mark.allow_console(r"ERR_FAILED|status of 409|htmx:error: timeout")
def test_pages_that_confirm_nothing_keep_no_caller_waiting(
    open_page: Any, board: Switchboard
) -> None:
    """The receipts of one are cut off; the other stands still, as a tab that a browser freezes."""
    alice, bob = come(open_page, "alice"), come(open_page, "bob")
    board.change(strategy="in-order", nobody=f"voicemail:{board.box.pk.hex}")
    alice.route("**/calls/seen", lambda route: route.abort())
    browser = bob.context.new_cdp_session(bob)
    browser.send("Debugger.enable")
    browser.send("Debugger.pause")
    sid = board.rings({"hear": "beep"}, {"wait": 1}, {"hang_up": True})
    expect(region(alice)).to_contain_text("Maria of Acme")
    harness_wait(alice, lambda: board.asked(sid)[-1] == ("Bob", "unconfirmed"))
    assert board.asked(sid) == [("Alice", "unconfirmed"), ("Bob", "unconfirmed")]
    for offer in board.offers(sid):
        assert offer.confirmed_at is None and offer.ended_at is not None
        assert 2 <= (offer.ended_at - offer.offered_at).total_seconds() < 3.5
    harness_wait(alice, lambda: "to-voicemail" in board.events(sid), 5)
    expect(region(alice)).to_have_count(0)
    browser.send("Debugger.disable")


def test_who_crashes_after_winning_gives_the_caller_to_the_other(
    open_page: Any, board: Switchboard
) -> None:
    alice, bob = come(open_page, "alice"), come(open_page, "bob")
    sid = board.rings(voice=HZ)
    expect(region(alice)).to_be_visible()
    vanish(bob)
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


@pytest.mark.allow_console(r"ERR_FAILED|status of 409")
def test_a_reload_while_it_rings_brings_it_back_and_it_can_be_answered(
    open_page: Any, board: Switchboard
) -> None:
    """Also after an answer that came to nothing: the caller is back in line at once."""
    bob = come(open_page, "bob")
    bob.route("**/api/**/access-token", lambda route: route.abort())
    sid = board.rings(voice=HZ)
    press(bob, "Answer")
    harness_wait(bob, lambda: board.caller(sid).returned_at)
    (won,) = board.offers(sid)
    back = board.caller(sid).returned_at
    assert back and won.ended_at and (back - won.ended_at).total_seconds() < 3
    bob.unroute("**/api/**/access-token")
    bob.reload()
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
