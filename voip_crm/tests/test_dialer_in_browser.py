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
    leg = contact_leg(site, company.ACME_MARIA)
    assert [c["from"] for c in site.sandbox.state()["calls"] if c["sid"] == leg] == [ours]
    phone.get_by_role("button", name="End call").click()
    expect_status(phone, "Call ended")
