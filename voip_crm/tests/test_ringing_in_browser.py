"""Calls ring in browsers: in all pages of each agent who is asked, and end in all of them."""

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from calls.models import AgentAvailability, Caller, CallLog, Conference, Group, Offer
from calls.models import GroupMember as Member
from calls.services.inbound import groups
from calls.tests.builders import a_missed_call, an_inbound_call
from tenants.fence.context import tenant_transaction
from voip_crm.tests import cast as company
from voip_crm.tests.test_flow import harness_wait, sign_in
from voip_crm.tests.test_pages_in_browser import NARROW, assert_accessible

# 409 is another's claim.
pytestmark = pytest.mark.allow_console(r"status of 409")
# What is played, in `rings`; nothing else of a page sounds here.
EARS = """
window.rings = new Set();
const play = HTMLMediaElement.prototype.play;
HTMLMediaElement.prototype.play = function () {
  return play.call(this).then(() => { rings.add(this); });
};
const pause = HTMLMediaElement.prototype.pause;
HTMLMediaElement.prototype.pause = function () { rings.delete(this); return pause.call(this); };
"""


class Office:
    """A group of Acme's in which Alice and Bob are, and its callers."""

    def __init__(self, cast: Any) -> None:
        self.cast, self.tenant = cast, cast.acme
        with tenant_transaction(self.tenant.pk):
            self.group = Group.objects.create(name="Sales", step_seconds=60, unanswered_seconds=120)
            for agent in (cast.alice, cast.bob):
                Member.objects.get_or_create(group=self.group, user=agent.user)

    def call(self, number: str = company.ACME_MARIA, **more: Any) -> Caller:
        known = {"contact": self.cast.acme_maria, "meant": 1} | more
        caller = an_inbound_call(self.tenant, from_number=number, **known)
        now = timezone.now()
        with tenant_transaction(self.tenant.pk):
            # The sweep would find out that Twilio has never heard of this call.
            looked_at = {"next_look_at": now + timedelta(hours=1)}
            Conference.objects.filter(pk=caller.call.conference_id).update(**looked_at)
            groups.enter(caller, self.group.pk, now=now)
        self.tend()
        return caller

    def tend(self) -> None:
        groups.tend(self.tenant.pk, self.group.pk, now=timezone.now())

    def hangs_up(self, caller: Caller) -> None:
        with tenant_transaction(self.tenant.pk):
            CallLog.objects.filter(pk=caller.call_id).update(
                ended_at=timezone.now(), status="completed", outcome="no-answer"
            )
            groups.leave(Caller.objects.get(pk=caller.pk), now=timezone.now())

    def offers(self, caller: Caller) -> dict[str, Offer]:
        with tenant_transaction(self.tenant.pk):
            rows = Offer.objects.filter(caller=caller).select_related("user")
            return {str(row.user): row for row in rows}

    def row(self, member: Any) -> AgentAvailability:
        with tenant_transaction(self.tenant.pk):
            return AgentAvailability.objects.get(user=member.user)


@pytest.fixture
def office(committed_cast: Any, site: Any) -> Office:
    return Office(committed_cast)


def come(open_page: Callable[..., Page], name: str, **options: Any) -> Page:
    """An agent's page, who is *Available*, and of whom that is known."""
    granted = {"permissions": ["microphone", "notifications"]}
    page = open_page(**granted | options)
    page.context.add_init_script(EARS)
    sign_in(page, f"{name}@acme.example", company.PASSWORD)
    with page.expect_response("**/calls/seen"):
        control(page).select_option("Available")
    return page


def control(page: Page) -> Any:
    return page.get_by_role("combobox", name="Availability")


def region(page: Page) -> Any:
    return page.get_by_role("region", name="Incoming call")


def press(page: Page, name: str) -> None:
    region(page).get_by_role("button", name=name, exact=True).click()


def is_ringing(page: Page) -> bool:
    return bool(page.evaluate("rings.size"))


def wait_for_ring(*pages: Page) -> None:
    for page in pages:
        harness_wait(page, lambda page=page: is_ringing(page))


def test_a_call_rings_at_both_one_answers_and_the_other_is_told_by_whom(
    open_page: Any, office: Office
) -> None:
    alice, bob = come(open_page, "alice"), come(open_page, "bob")
    alice.goto("/contacts")  # every page
    expect(control(alice)).to_have_value("available")
    alice.get_by_role("heading", name="Contacts", level=1).click()
    caller = office.call()
    for page in (alice, bob):
        expect(region(page)).to_contain_text("Maria of Acme")
        expect(region(page)).to_contain_text("Incoming call")
        expect(region(page).get_by_role("timer")).to_have_text(re.compile(r"0:0\d"))
        expect(page).to_have_title("Incoming: Maria of Acme")
    wait_for_ring(alice, bob)
    harness_wait(alice, lambda: all(row.confirmed_at for row in office.offers(caller).values()))
    press(bob, "Answer")
    expect(region(alice)).to_contain_text("Answered by Bob")
    expect(region(alice).get_by_role("button", name="Answer")).to_have_count(0)
    expect(alice).not_to_have_title(re.compile("Incoming"))
    harness_wait(alice, lambda: not is_ringing(alice))
    expect(region(bob)).to_have_count(0)
    expect(bob.get_by_role("region", name="Active call")).to_contain_text("Maria of Acme")
    expect(bob).not_to_have_title(re.compile("Incoming"))
    harness_wait(bob, lambda: not is_ringing(bob))
    expect(region(alice)).to_have_count(0)  # a moment later
    with tenant_transaction(office.tenant.pk):
        assert Conference.objects.get(call=caller.call_id).agent_id == office.cast.bob.user_id


def test_who_declines_is_left_in_peace_in_all_their_tabs_and_the_others_ring_on(
    open_page: Any, office: Office
) -> None:
    alice, bob = come(open_page, "alice"), come(open_page, "bob")
    second = bob.context.new_page()
    second.goto("/contacts")
    caller = office.call()
    for page in (bob, second, alice):
        expect(region(page)).to_contain_text("Maria of Acme")
    wait_for_ring(alice)
    # Of two tabs one rings.
    harness_wait(bob, lambda: is_ringing(bob) or is_ringing(second))
    assert [is_ringing(bob), is_ringing(second)].count(True) == 1
    press(second, "Decline")
    expect(region(second)).to_have_count(0)
    expect(region(bob)).to_have_count(0)
    harness_wait(bob, lambda: not is_ringing(bob) and not is_ringing(second))
    office.tend()
    expect(region(alice)).to_contain_text("Maria of Acme")
    assert is_ringing(alice)
    assert office.offers(caller)["Bob"].end == "declined"
    office.hangs_up(caller)
    expect(region(alice)).to_contain_text("no longer waiting")
    harness_wait(alice, lambda: not is_ringing(alice))


def test_a_reload_brings_it_back_and_several_ring_the_oldest_first(
    open_page: Any, office: Office
) -> None:
    bob = come(open_page, "bob")
    office.call()
    expect(region(bob)).to_contain_text("Maria of Acme")
    office.call("anonymous", contact=None, meant=0)
    who = region(bob).locator(".who")
    expect(who).to_have_text(["Maria of Acme", "Hidden number"])
    bob.reload()
    expect(who).to_have_text(["Maria of Acme", "Hidden number"])
    expect(bob).to_have_title("Incoming: Maria of Acme")
    region(bob).get_by_role("button", name="Decline").first.click()
    expect(who).to_have_text(["Hidden number"])
    expect(bob).to_have_title("Incoming: Hidden number")


@pytest.mark.allow_console(r"ERR_FAILED|Failed to fetch")
def test_what_rings_again_is_confirmed_and_heard_again(open_page: Any, office: Office) -> None:
    bob = come(open_page, "bob")
    bob.route("**/calls/incoming", lambda route: route.abort(), times=1)  # is asked for again
    caller = office.call()
    harness_wait(bob, lambda: office.offers(caller)["Bob"].confirmed_at)
    first = office.offers(caller)["Bob"]
    with tenant_transaction(office.tenant.pk):
        minute = timedelta(minutes=1)
        Caller.objects.update(entered_at=first.offered_at - minute)
        Offer.objects.filter(pk=first.pk).update(offered_at=first.offered_at - minute)
    office.tend()  # it has rung to its end, and rings anew at once
    assert office.offers(caller)["Bob"].pk != first.pk
    harness_wait(bob, lambda: office.offers(caller)["Bob"].confirmed_at)
    # Nor does what was said of a ring that has ended take the next one away.
    with tenant_transaction(office.tenant.pk):
        groups.leave(Caller.objects.get(pk=caller.pk), now=timezone.now())
    expect(region(bob)).to_contain_text("no longer waiting")
    with tenant_transaction(office.tenant.pk):
        groups.enter(Caller.objects.get(pk=caller.pk), office.group.pk, now=timezone.now())
    office.tend()
    expect(region(bob).get_by_role("button", name="Answer")).to_be_visible()
    bob.wait_for_timeout(6000)
    expect(region(bob).get_by_role("button", name="Answer")).to_be_visible()
    assert office.offers(caller)["Bob"].confirmed_at
    assert is_ringing(bob)


def test_news_that_comes_faster_than_answers_does_not_keep_a_call_from_ringing(
    open_page: Any, office: Office
) -> None:
    bob = come(open_page, "bob")
    bob.evaluate(
        """() => {
            const { fetch } = window;
            window.fetch = async (what, ...more) => {
                const isSlow = String(what.url ?? what).includes("/calls/incoming");
                if (isSlow) await new Promise((done) => setTimeout(done, 500));
                return fetch.call(window, what, ...more);
            };
            const news = () => new CustomEvent("live:ring", { detail: {} });
            setInterval(() => document.body.dispatchEvent(news()), 200);
        }"""
    )
    office.call()
    expect(region(bob)).to_contain_text("Maria of Acme")


@pytest.mark.allow_console(r"ERR_FAILED")
def test_who_answered_and_was_not_connected_is_rung_again(open_page: Any, office: Office) -> None:
    bob = come(open_page, "bob")
    caller = office.call()
    bob.route("**/api/twilio/access-token", lambda route: route.abort())
    # News of the call may come while the panel that says why is still on its way.
    bob.evaluate(
        """() => document.body.addEventListener("phone:changed", ({ detail }) => {
            if (!detail.error) return;
            document.getElementById("active_call").replaceChildren();
            const news = { detail: { request: detail.request }, bubbles: true };
            document.body.dispatchEvent(new CustomEvent("live:mine", news));
        })"""
    )
    with bob.expect_response(f"**/calls/{caller.call_id}/answer"):
        press(bob, "Answer")
    expect(bob.get_by_role("region", name="Active call")).to_contain_text("Call failed")

    def is_back() -> bool:
        with tenant_transaction(office.tenant.pk):
            return Caller.objects.filter(pk=caller.pk, returned_at__isnull=False).exists()

    def is_asked() -> bool:
        office.tend()
        return not office.offers(caller)["Bob"].end

    harness_wait(bob, is_back)  # the page says so at once, and that it is there
    harness_wait(bob, is_asked)
    expect(region(bob).get_by_role("button", name="Answer")).to_be_visible()
    harness_wait(bob, lambda: office.offers(caller)["Bob"].confirmed_at)
    wait_for_ring(bob)


def test_two_answers_have_one_winner_and_the_other_hears_nothing(
    open_page: Any, office: Office
) -> None:
    alice, bob = come(open_page, "alice"), come(open_page, "bob")
    caller = office.call()
    expect(region(bob)).to_be_visible()
    expect(region(alice)).to_be_visible()
    # Alice's page does not know of it when she presses.
    alice.route("**/calls/incoming", lambda route: route.fulfill(status=204))
    with bob.expect_response(f"**/calls/{caller.call_id}/answer"):
        region(bob).get_by_role("button", name="Answer").dblclick()
    expect(bob.get_by_role("region", name="Active call")).to_be_visible()
    alice.unroute("**/calls/incoming")
    asked: list[str] = []
    alice.on("request", lambda request: asked.append(request.url))
    press(alice, "Answer")
    expect(region(alice)).to_contain_text("Answered by Bob")
    assert any("/answer" in url for url in asked)
    assert not [url for url in asked if "access-token" in url]
    harness_wait(alice, lambda: not is_ringing(alice))


def test_a_hidden_tab_rings_shows_a_notification_and_is_seen(
    open_page: Any, office: Office
) -> None:
    bob = come(open_page, "bob")
    bob.evaluate(
        "Object.defineProperty(document, 'hidden', {get: () => true});"
        "Object.defineProperty(document, 'visibilityState', {get: () => 'hidden'});"
    )
    caller = office.call()
    expect(bob).to_have_title("Incoming: Maria of Acme")
    wait_for_ring(bob)
    harness_wait(bob, lambda: office.offers(caller)["Bob"].confirmed_at)
    said = """async () => {
        const [found] = await navigator.serviceWorker.getRegistrations();
        return (await found?.getNotifications() ?? []).map(({ title, tag }) => [title, tag]);
    }"""
    told = ["Incoming: Maria of Acme", str(caller.call_id)]
    # Chromium's engine without a window lets nobody show any.
    shows = bob.evaluate("Notification.permission") == "granted"
    harness_wait(bob, lambda: not shows or bob.evaluate(said) == [told])
    assert office.row(office.cast.bob).seen_at is not None
    office.hangs_up(caller)
    expect(bob).not_to_have_title(re.compile("Incoming"))
    harness_wait(bob, lambda: not is_ringing(bob) and not bob.evaluate(said))


def test_a_choice_holds_in_both_tabs_and_over_a_reload(open_page: Any, office: Office) -> None:
    bob = come(open_page, "bob")
    second = bob.context.new_page()
    second.goto("/contacts")
    expect(control(second)).to_have_value("available")
    control(second).select_option("Do not disturb")
    expect(control(bob)).to_have_value("do-not-disturb")
    bob.reload()
    expect(control(bob)).to_have_value("do-not-disturb")
    expect(bob.locator("#availability_note")).to_be_empty()


def test_who_is_set_away_is_told_on_the_spot(open_page: Any, office: Office) -> None:
    bob = come(open_page, "bob")
    with tenant_transaction(office.tenant.pk):
        AgentAvailability.objects.filter(user=office.cast.bob.user).update(missed_in_a_row=2)
    caller = office.call()
    expect(control(bob)).to_have_value("away")
    told = bob.locator("#toasts [data-toast]").filter(has_text="You missed several calls")
    expect(told).to_be_visible()
    assert office.offers(caller) == {}


def test_who_is_there_is_said_beside_each_name(open_page: Any, office: Office) -> None:
    alice, bob = open_page(), come(open_page, "bob")
    sign_in(alice, "alice@acme.example", company.PASSWORD)
    alice.goto("/settings/members")
    row = alice.locator(f"#member_{office.cast.bob.pk}")
    expect(row).to_contain_text("Available")
    control(bob).select_option("Do not disturb")
    expect(row).to_contain_text("Do not disturb")


def test_blocked_notifications_are_said_calmly(open_page: Any, office: Office) -> None:
    page = open_page()
    page.add_init_script(
        "Notification.requestPermission = async () => { window.asked = true; return 'denied'; };"
        "Object.defineProperty(Notification, 'permission', {get: () => 'denied'});"
    )
    sign_in(page, "bob@acme.example", company.PASSWORD)
    assert not page.evaluate("window.asked"), "never at load"
    control(page).select_option("Available")
    expect(page.locator("#availability_note")).to_contain_text("blocks notifications")
    assert page.evaluate("window.asked")


@pytest.mark.parametrize("width", [1280, 768, 390])
def test_what_rings_is_accessible(open_page: Any, office: Office, width: int) -> None:
    options = NARROW if width == 390 else {"viewport": {"width": width, "height": 800}}
    a_missed_call(office.tenant, contact=office.cast.acme_maria, notes="Wants an offer. " * 9)
    bob = come(open_page, "bob", **options)
    assert_accessible(bob)
    first = office.call()
    expect(region(bob)).to_contain_text("Wants an offer.")
    lines = region(bob).locator(".who").evaluate("(who) => who.clientHeight / 1.35 / 16")
    assert lines < 1.6, "nothing takes the name's place"
    office.call("+14155550177", contact=None, meant=0)
    expect(region(bob).locator(".who")).to_have_count(2)
    assert_accessible(bob)
    office.hangs_up(first)
    expect(region(bob)).to_contain_text("no longer waiting")
    assert_accessible(bob)


def test_without_scripts_it_is_chosen_as_well(open_page: Any, office: Office) -> None:
    page = open_page(java_script_enabled=False)
    sign_in(page, "bob@acme.example", company.PASSWORD)
    page.goto("/contacts")
    control(page).select_option("Available")
    page.locator("#availability").get_by_role("button", name="Save").click()
    expect(page).to_have_url(re.compile("/contacts$"))
    expect(control(page)).to_have_value("available")
