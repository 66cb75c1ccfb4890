"""Two workspaces with an account each call at the same time; neither's account knows the other."""

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from calls.gateway.accounts import account_of
from calls.gateway.client import rest
from calls.models import CallLog, Recording, UnroutedEvent
from calls.services.setup import own_accounts
from tenants.fence.context import tenant_transaction
from voip_crm.tests import cast as company
from voip_crm.tests import harness

# make-call answers 409 until the agent's leg is in its room; the shim asks again.
pytestmark = pytest.mark.allow_console(r"status of 409")
OWN = harness.OWN_ACCOUNT
MARIAS = {"acme": company.ACME_MARIA, "borealis": company.BOREALIS_MARIA}


def start_call(page: Page, email: str, number: str) -> None:
    page.goto("/")
    page.get_by_label("Email").fill(email)
    page.get_by_label("Password").fill(company.PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("combobox", name="Search contacts or enter a number").fill(number)
    page.get_by_role("button", name="Call", exact=True).click()


def test_each_workspace_calls_and_records_by_its_own_account(
    committed_cast: Any,
    site: harness.Site,
    open_page: Callable[..., Page],
    eventually: Callable[..., Any],
) -> None:
    acme, borealis = committed_cast.acme, committed_cast.borealis
    own_accounts.connect(
        borealis,
        sid=OWN["sid"],
        auth_token=OWN["auth_token"],
        api_key_sid=OWN["api_keys"][0]["sid"],
        api_key_secret=OWN["api_keys"][0]["secret"],
    )
    accounts = {tenant.slug: account_of(tenant.pk) for tenant in (acme, borealis)}
    assert accounts["acme"].sid != accounts["borealis"].sid == OWN["sid"]
    since = max((entry["n"] for entry in site.sandbox.wire()), default=0)

    pages = {"acme": open_page(), "borealis": open_page()}
    start_call(pages["acme"], "bob@acme.example", MARIAS["acme"])
    start_call(pages["borealis"], "charlie@borealis.example", MARIAS["borealis"])
    for page in pages.values():
        panel = page.get_by_role("region", name="Active call")
        expect(panel.get_by_role("status")).to_contain_text("In call")

    seen = {}
    for slug, account in accounts.items():
        seen[slug] = {call.sid: call.to for call in rest(account).calls.list()}
        assert MARIAS[slug] in seen[slug].values()
    assert not set(seen["acme"]) & set(seen["borealis"])
    assert MARIAS["acme"] not in seen["borealis"].values()
    assert MARIAS["borealis"] not in seen["acme"].values()

    for page in pages.values():
        page.get_by_role("button", name="End call").click()

    def is_recorded(tenant: Any) -> bool:
        with tenant_transaction(tenant.pk):
            found = Recording.objects.first()
            return found is not None and found.state == Recording.State.STORED

    for tenant in (acme, borealis):
        eventually(lambda tenant=tenant: is_recorded(tenant), seconds=30)
    eventually(site.sandbox.is_idle, seconds=30)  # the last news of a call follows its recording
    for tenant in (acme, borealis):
        account = accounts[tenant.slug]
        with tenant_transaction(tenant.pk):
            call = CallLog.objects.select_related("conference").get()
            assert call.outcome == "completed" and call.twilio_call_sid in seen[tenant.slug]
            assert call.conference and call.conference.account_sid == account.sid
            assert Recording.objects.get().account_sid == account.sid
    told = [entry for entry in site.sandbox.wire(since) if entry["kind"] == "webhook"]
    assert {entry["params"]["AccountSid"] for entry in told} == {
        account.sid for account in accounts.values()
    }
    for entry in told:
        # What a leg was to do next is not waited for once it has gone, nor for long at all.
        answers = {each["status"] for each in entry["attempts"] if not each["failure"]}
        assert answers <= {200, 204}, entry
    assert UnroutedEvent.objects.count() == 0
