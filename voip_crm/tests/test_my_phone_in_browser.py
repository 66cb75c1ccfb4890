"""An agent sets up their own phone, takes a call on it, and ends it in a page."""

import re
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from voip_crm.tests import harness
from voip_crm.tests.cast import PASSWORD
from voip_crm.tests.test_answering_in_browser import Switchboard, board  # noqa: F401
from voip_crm.tests.test_flow import expect_status, panel, sign_in
from voip_crm.tests.test_pages_in_browser import assert_accessible
from voip_crm.tests.test_ringing_in_browser import control, region

pytestmark = pytest.mark.allow_console(r"status of 422")
NUMBER = "+14155553103"  # rings until somebody answers


def newest(site: harness.Site, status: str) -> str:
    """The call to the phone that is so."""
    found = [call for call in site.sandbox.state()["calls"] if call["to"] == NUMBER]
    return next((call["sid"] for call in found if call["status"] == status), "")


def heard(site: harness.Site, sid: str) -> str:
    return " ".join(each["text"] for each in site.sandbox.call(sid)["prompts"])


def press(page: Page, name: str) -> None:
    page.get_by_role("main").get_by_role("button", name=name, exact=True).click()


def test_a_phone_is_set_up_rings_and_takes_a_call(
    page: Page,
    board: Switchboard,  # noqa: F811
    site: harness.Site,
    eventually: Any,
) -> None:
    sign_in(page, "bob@acme.example", PASSWORD)
    page.goto("/account")
    page.get_by_role("link", name="Set up my phone").click()
    expect(page.get_by_role("heading", name="My phone", level=1)).to_be_focused()
    field = page.get_by_label("Phone number")
    field.fill("911")
    press(page, "Call me with a code")
    expect(page.get_by_text("Emergency numbers can’t be called")).to_be_visible()
    expect(field).to_have_attribute("aria-invalid", "true")
    assert_accessible(page)

    field.fill("(415) 555-3103")
    field.press("Enter")
    expect(page.get_by_role("heading", name="Enter the code")).to_be_visible()
    assert_accessible(page)
    sid = eventually(lambda: newest(site, "ringing"))
    site.sandbox.answer(sid)
    code = eventually(lambda: re.findall(r"(?:\d, ){5}\d", heard(site, sid)))[0]
    page.get_by_label("Code", exact=True).fill(code.replace(", ", " "))
    press(page, "Confirm")
    expect(page.get_by_text("Calls ring here.")).to_be_visible()
    control(page).select_option("Available")
    expect(page.get_by_text("Your phone rings, too.")).to_be_visible()
    assert_accessible(page)
    eventually(lambda: not newest(site, "in-progress"))

    caller = board.rings()
    expect(region(page)).to_contain_text("Maria")
    phone = eventually(lambda: newest(site, "ringing"))
    site.sandbox.answer(phone)
    eventually(lambda: "Press 1" in heard(site, phone))
    site.sandbox.digits(phone, "1")
    expect_status(page, "In call")
    expect(panel(page)).to_contain_text("On your phone")
    expect(panel(page)).to_contain_text("Maria")
    expect(panel(page).get_by_role("button", name="Mute")).to_have_count(0)
    expect(region(page).get_by_role("button", name="Answer")).to_have_count(0)
    assert_accessible(page)
    page.reload()
    expect(panel(page)).to_contain_text("On your phone")
    panel(page).get_by_role("button", name="End call").click()
    expect_status(page, "Call ended")
    eventually(lambda: newest(site, "completed") and not newest(site, "in-progress"))
    eventually(lambda: board.call(caller).ended_at)
    assert str(board.call(caller).user) == "Bob"

    page.goto("/account/phone")
    press(page, "Stop ringing")
    expect(page.get_by_text("Calls don’t ring here.")).to_be_visible()
    press(page, "Remove")
    expect(page.get_by_role("heading", name="Add your phone")).to_be_visible()
