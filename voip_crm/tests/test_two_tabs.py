"""Two tabs of one browser: one has the sound, the other shows the same call and steers it."""

import contextlib
import re
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Error, Page, expect

from contacts.models import Contact
from tenants.models import Session
from tenants.tests import database
from tenants.tests.signing_in.test_sign_in import PASSWORD
from voip_crm.tests import harness
from voip_crm.tests.test_flow import (
    contact_leg,
    dial,
    expect_status,
    harness_wait,
    is_live,
    panel,
    person,  # noqa: F401  # fixtures
    phone,  # noqa: F401
    sign_in,
    top_row,
)

pytestmark = pytest.mark.allow_console(r"status of 409")
NUMBER = "+14155550100"


def second_tab(page: Page, path: str = "/calls") -> Page:
    second = page.context.new_page()
    second.goto(path)
    return second


def toast(page: Page, text: str) -> Any:
    return page.locator("#toasts [data-toast]").filter(has_text=text)


def in_a_call(page: Page) -> Any:
    """The dialer's button, while there is nothing to offer."""
    return page.get_by_role("button", name="In a call", exact=True)


def is_over(site: harness.Site) -> bool:
    return not [c for c in site.sandbox.state()["calls"] if is_live(c)]


def test_an_open_tab_learns_of_the_call_and_steers_it(
    phone: Page,  # noqa: F811  # the fixture
    site: harness.Site,
) -> None:
    second = second_tab(phone, "/contacts")
    maria = second.get_by_role("button", name=re.compile("^Call Maria"))
    expect(maria).to_be_enabled()
    held: list[Any] = []
    phone.route("**/api/twilio/access-token", lambda route: held.append(route))
    with phone.expect_request("**/api/twilio/access-token"):
        dial(phone, NUMBER)
    # From connecting on neither tab offers another call.
    expect(in_a_call(phone)).to_be_disabled()
    expect(maria).to_be_disabled()
    expect(maria).to_have_accessible_description("In a call")
    held[0].continue_()
    expect_status(second, "In call")
    expect(panel(second)).to_contain_text("Sound is in another tab")
    expect(panel(phone)).not_to_contain_text("another")
    leg = contact_leg(site, NUMBER)
    harness_wait(phone, lambda: site.sandbox.heard(leg)["rms_last_second"] > 100)

    # Muted from the second tab, the far side hears nothing; both tabs say so.
    second.get_by_role("button", name="Mute", exact=True).click()
    expect(second.get_by_role("button", name="Unmute", exact=True)).to_be_visible()
    expect(phone.get_by_role("button", name="Unmute", exact=True)).to_be_visible()
    expect(toast(second, "Muted")).to_be_visible()
    harness_wait(second, lambda: site.sandbox.heard(leg)["rms_last_second"] < 5)
    # Unmuted in the first, the second follows.
    phone.get_by_role("button", name="Unmute", exact=True).click()
    expect(second.get_by_role("button", name="Mute", exact=True)).to_be_visible()
    harness_wait(second, lambda: site.sandbox.heard(leg)["rms_last_second"] > 100)

    second.get_by_role("button", name="Keypad", exact=True).click()
    for digit in "7#":
        second.get_by_role("button", name=digit, exact=True).click()
    harness_wait(second, lambda: site.sandbox.heard(leg)["digits"] == "7#")
    second.keyboard.press("Escape")

    second.get_by_role("button", name="End call").click()
    expect_status(second, "Call ended")
    expect_status(phone, "Call ended")
    expect(phone.get_by_role("button", name="Call", exact=True)).to_be_enabled()
    expect(maria).to_be_enabled()
    expect(maria).to_have_accessible_description("Call Maria of Acme")
    harness_wait(phone, lambda: is_over(site))


def test_dialling_in_another_tab_is_refused_while_a_call_is_up(
    phone: Page,  # noqa: F811  # the fixture
    site: harness.Site,
) -> None:
    second = second_tab(phone)
    dial(phone, NUMBER)
    expect_status(second, "In call")
    before = len(site.sandbox.state()["calls"])
    expect(in_a_call(second)).to_be_disabled()
    # A press that was on its way when the tab learned of the call.
    wish = {"contactId": None, "to": "+14155550101", "name": ""}
    second.evaluate(
        "detail => document.body.dispatchEvent("
        "new CustomEvent('phone:dial', {detail, bubbles: true}))",
        wish,
    )
    expect(toast(second, "under way in another tab")).to_be_visible()
    expect_status(second, "In call")
    assert len(site.sandbox.state()["calls"]) == before
    phone.get_by_role("button", name="End call").click()
    expect_status(second, "Call ended")
    # The lock went with the call: now the second tab may dial, and the first shows it.
    dial(second, "+14155550101")
    expect_status(second, "In call")
    expect_status(phone, "In call")
    expect(panel(phone)).to_contain_text("Sound is in another tab")
    second.get_by_role("button", name="End call").click()
    expect_status(phone, "Call ended")


@pytest.mark.parametrize("leaves", ["closes", "reloads"])
def test_the_tab_with_the_sound_goes_and_the_other_rejoins(
    phone: Page,  # noqa: F811  # the fixture
    site: harness.Site,
    leaves: str,
) -> None:
    second = second_tab(phone)
    dial(phone, NUMBER)
    expect_status(second, "In call")
    leg = contact_leg(site, NUMBER)
    if leaves == "closes":
        phone.close(run_before_unload=False)
    else:
        phone.on("dialog", lambda dialog: dialog.accept())
        phone.reload()
        expect_status(phone, "On hold")
    expect_status(second, "On hold")
    expect(panel(second)).not_to_contain_text("Sound is in")
    second.get_by_role("button", name="Rejoin").click()
    expect_status(second, "In call")
    assert contact_leg(site, NUMBER) == leg
    harness_wait(second, lambda: site.sandbox.heard(leg)["rms_last_second"] > 100)
    if leaves == "reloads":
        expect_status(phone, "In call")
        expect(panel(phone)).to_contain_text("Sound is in another tab")
        phone.get_by_role("button", name="Mute", exact=True).click()
        harness_wait(second, lambda: site.sandbox.heard(leg)["rms_last_second"] < 5)
    second.get_by_role("button", name="End call").click()
    expect_status(second, "Call ended")
    harness_wait(second, lambda: is_over(site))


def test_a_crashed_tab_leaves_no_lock_behind(
    phone: Page,  # noqa: F811  # the fixture
    site: harness.Site,
) -> None:
    second = second_tab(phone)
    dial(phone, NUMBER)
    expect_status(second, "In call")
    with contextlib.suppress(Error):  # the page cannot answer any more
        phone.goto("chrome://crash", timeout=3000)
    expect_status(second, "On hold")
    held = "navigator.locks.query().then(now => now.held.map(lock => lock.name))"
    assert second.evaluate(held) == []
    second.get_by_role("button", name="Rejoin").click()
    expect_status(second, "In call")
    second.get_by_role("button", name="End call").click()
    expect_status(second, "Call ended")


def test_a_busy_browser_that_takes_its_time_is_no_other_tab(
    page: Page,
    person: tuple[str, str],  # noqa: F811  # the fixture
    site: harness.Site,
) -> None:
    page.add_init_script(
        """
        const ask = navigator.locks.request.bind(navigator.locks);
        navigator.locks.request = (...wish) => new Promise((done, fail) =>
          setTimeout(() => ask(...wish).then(done, fail), 700));
        """
    )
    sign_in(page, *person)
    dial(page, NUMBER)
    expect_status(page, "In call")
    page.get_by_role("button", name="End call").click()
    expect_status(page, "Call ended")
    dial(page, NUMBER)  # the sound was let go
    expect_status(page, "In call")
    page.get_by_role("button", name="End call").click()
    expect_status(page, "Call ended")


def test_a_colleagues_panel_is_not_touched_by_others_calls(
    phone: Page,  # noqa: F811  # the fixture
    site: harness.Site,
    open_page: Any,
) -> None:
    from voip_crm.tests import cast as company

    alice = open_page()
    sign_in(alice, "alice@acme.example", company.PASSWORD)
    alice.wait_for_timeout(1500)  # what each page asks for at its start is over
    asked: list[str] = []
    alice.on("request", lambda request: asked.append(request.url))
    dial(phone, NUMBER)
    expect_status(phone, "In call")
    expect(top_row(alice)).to_contain_text("In call")
    site.sandbox.hangup(contact_leg(site, NUMBER))
    expect_status(phone, "Call ended")
    expect(top_row(alice).get_by_role("button", name="Play")).to_be_visible()
    assert not [url for url in asked if "/calls/active" in url]
    assert [url for url in asked if urlsplit(url).path == "/calls"]


def sign_in_again(page: Page, email: str) -> None:
    """In a tab of its own, once the session has ended; the token of the others is void then."""
    Session.objects.all().delete()
    tab = page.context.new_page()
    tab.goto("/sign-in")
    tab.get_by_label("Email").fill(email)
    tab.get_by_label("Password").fill(PASSWORD)
    tab.get_by_role("button", name="Sign in").click()
    tab.wait_for_url("**/calls")
    tab.close()


@pytest.mark.allow_console(r"status of 403")
def test_old_tabs_go_on_after_signing_in_again_in_another(
    phone: Page,  # noqa: F811  # the fixture
    site: harness.Site,
) -> None:
    form = second_tab(phone, "/contacts/new")
    form.get_by_label("Name", exact=True).fill("Zoë Müller")
    sign_in_again(phone, "bob@acme.example")
    with form.expect_response(lambda answer: answer.status == 403):
        form.get_by_role("button", name="Save contact").click()
    expect(form.get_by_role("heading", name="Zoë Müller", level=1)).to_be_visible()
    expect(toast(form, "didn’t work")).to_have_count(0)
    with phone.expect_response(lambda answer: answer.status == 403):
        dial(phone, NUMBER)
    expect_status(phone, "In call")
    panel(phone).get_by_role("button", name="End").click()
    harness_wait(phone, lambda: is_over(site))


@pytest.mark.allow_console(r"status of 403")
def test_an_old_tab_does_nothing_in_the_name_of_somebody_else(
    phone: Page,  # noqa: F811  # the fixture
) -> None:
    form = second_tab(phone, "/contacts/new")
    form.get_by_label("Name", exact=True).fill("Zoë Müller")
    sign_in_again(phone, "charlie@borealis.example")
    form.get_by_role("button", name="Save contact").click()
    expect(toast(form, "You signed in as someone else in another tab.")).to_be_visible()
    expect(form.get_by_label("Name", exact=True)).to_have_value("Zoë Müller")
    assert "Zoë Müller" not in [row["name"] for row in database.rows(Contact)]
