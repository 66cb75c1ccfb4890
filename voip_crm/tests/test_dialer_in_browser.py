"""The dialer: from which number a call is made, and what a press of Call says at once."""

import re
from typing import Any

import pytest
from django.conf import settings
from playwright.sync_api import Page, expect

from calls.models import PhoneNumber
from tenants.fence.context import tenant_transaction
from voip_crm.tests import cast as company
from voip_crm.tests import harness
from voip_crm.tests.test_flow import (
    contact_leg,
    expect_status,
    person,  # noqa: F401  # fixtures
    phone,  # noqa: F401
)

pytestmark = pytest.mark.allow_console(r"status of 409")


def test_the_number_that_is_chosen_is_called_from_by_every_button(
    phone: Page,  # noqa: F811  # the fixture
    site: harness.Site,
    committed_cast: Any,
) -> None:
    ours = company.BOREALIS_NUMBER  # the sandbox's account has no third one
    with tenant_transaction(committed_cast.borealis.pk):
        PhoneNumber.objects.all().delete()
    with tenant_transaction(committed_cast.acme.pk):
        sales = PhoneNumber.objects.create(
            number=ours, label="Sales", account_sid=settings.TWILIO_ACCOUNT_SID
        )
    phone.reload()
    phone.locator("#dial_from").select_option(label="Sales, +44 20 7946 0199")
    phone.reload()
    expect(phone.locator("#dial_from")).to_have_value(str(sales.pk))
    phone.get_by_role("link", name="Contacts").click()
    phone.get_by_role("button", name=re.compile("^Call Maria")).click()
    expect_status(phone, "In call")
    # What is off while a call is up says why when it is pressed all the same.
    box = phone.get_by_role("button", name=re.compile("^Call Maria")).bounding_box()
    assert box
    phone.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    expect(phone.locator("#toasts")).to_contain_text("already in a call")
    leg = contact_leg(site, company.ACME_MARIA)
    assert [c["from"] for c in site.sandbox.state()["calls"] if c["sid"] == leg] == [ours]
    phone.get_by_role("button", name="End call").click()
    expect_status(phone, "Call ended")


# --- ready, or why not -----------------------------------------------------------------------


def summary(page: Page) -> Any:
    return page.locator("#readiness summary")


def press_call(page: Page) -> None:
    page.get_by_role("combobox", name="Search contacts or enter a number").fill("+14155550100")
    page.get_by_role("button", name="Call", exact=True).click()


@pytest.mark.allow_console("ERR_BLOCKED_BY_CLIENT|status of 422")
def test_what_makes_calls_impossible_is_said_instead_of_ready_and_by_call_itself(
    phone: Page,  # noqa: F811  # the fixture
    committed_cast: Any,
) -> None:
    expect(summary(phone)).to_contain_text("Ready")
    asked: list[str] = []
    phone.on("request", lambda r: asked.append(r.url) if r.url.endswith("/dial") else None)
    error = phone.locator("#dial_error")

    phone.route("**/twilio-voice-sdk*", lambda route: route.abort("blockedbyclient"))
    phone.reload()
    expect(summary(phone)).to_contain_text("Phone blocked")
    for _ in range(2):  # a second press, too
        press_call(phone)
        expect(error).to_contain_text("A content blocker")
    summary(phone).click()
    expect(phone.locator("#readiness")).to_contain_text("press Call again")
    phone.unroute_all()
    press_call(phone)  # which fetches it once more
    expect(summary(phone)).to_contain_text("Ready")

    phone.add_init_script("delete window.RTCPeerConnection")
    with tenant_transaction(committed_cast.acme.pk):
        PhoneNumber.objects.all().delete()
    phone.reload()
    expect(summary(phone)).to_contain_text("WebRTC is off")
    press_call(phone)
    expect(error).to_contain_text("Calls need it.")
    assert asked == []
    expect(phone.locator("#readiness")).to_contain_text("Ask an admin of your workspace.")


def test_a_test_of_the_connection_measures_both_ways_and_rings_no_one(
    phone: Page,  # noqa: F811  # the fixture
    site: harness.Site,
    committed_cast: Any,
) -> None:
    from calls.models import CallLog, Conference

    before = {call["sid"] for call in site.sandbox.state()["calls"]}
    summary(phone).click()
    phone.get_by_role("button", name="Test the connection").click()
    expect(phone.locator("[data-phone-tested]")).to_contain_text("Heard you")
    (made,) = [c for c in site.sandbox.state()["calls"] if c["sid"] not in before]
    assert made["from"].startswith("client:")
    assert site.sandbox.heard(made["sid"])["rms"] > 50  # what was measured is true
    with tenant_transaction(committed_cast.acme.pk):
        assert not CallLog.objects.exists() and not Conference.objects.exists()


# --- at once ---------------------------------------------------------------------------------

# What is shown one frame after a press, with nothing heard of the server.
A_FRAME_AFTER = """async (selector) => {
  const pressed = document.querySelector(selector);
  pressed.click();
  await new Promise(requestAnimationFrame);
  return [pressed.innerText.trim(), document.getElementById("dock_dials").innerText];
}"""


@pytest.mark.allow_console("ERR_FAILED|status of 422|Failed to fetch")
def test_a_press_is_shown_before_any_network_and_taken_back(
    phone: Page,  # noqa: F811  # the fixture
) -> None:
    expect(summary(phone)).to_contain_text("Ready")
    held: list[Any] = []
    phone.route("**/calls/dial", lambda route: held.append(route))
    field = phone.get_by_role("combobox", name="Search contacts or enter a number")
    line, error = phone.locator("#dock_dials"), phone.locator("#dial_error")
    call = phone.get_by_role("button", name="Call", exact=True)

    def press_and_hold() -> Any:
        with phone.expect_request("**/calls/dial"):
            shown = phone.evaluate(A_FRAME_AFTER, ".dialer .btn-call")
        assert shown == ["Calling…", f"Calling {field.input_value()}…"]
        return held.pop()

    field.fill("911")
    waits = press_and_hold()
    phone.get_by_role("button", name="Calling…").click()  # nothing more is sent, and it says so
    expect(error).to_have_text("Calling 911 already. Wait a moment.")
    assert held == []
    waits.continue_()
    expect(error).to_contain_text("Emergency")
    expect(call).to_be_enabled()
    expect(line).to_be_empty()

    field.fill("+14155550100")
    press_and_hold().abort()
    expect(phone.locator("#toasts")).to_contain_text("No answer from the server.")
    expect(call).to_be_enabled()
    expect(line).to_be_empty()

    # A page that is slow to come.
    phone.route("**/contacts", lambda route: held.append(route))
    contacts, calls = (phone.get_by_role("link", name=name) for name in ("Contacts", "Calls"))
    with phone.expect_request("**/contacts"):
        contacts.click()
    expect(contacts).to_have_attribute("aria-current", "page")
    expect(calls).not_to_have_attribute("aria-current", "page")
    expect(phone.locator("html")).to_have_attribute("data-going", "")
    held.pop().abort()
    expect(calls).to_have_attribute("aria-current", "page")
    expect(contacts).not_to_have_attribute("aria-current", "page")
    expect(phone.locator("html")).not_to_have_attribute("data-going", "")
