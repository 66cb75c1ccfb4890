"""The admin in Chromium: nothing on its pages breaks the content security policy (a violation is
a console error, and `page` fails on those).
"""

from pathlib import Path
from typing import Any

from playwright.sync_api import Page, expect

from tenants.models import User
from voip_crm import demo
from voip_crm.tests.cast import PASSWORD

AXE = Path(__file__).resolve().parents[2] / "static" / "vendor" / "axe-core-4.14.1.min.js"
TABLES = {
    "tenants": ["tenant", "user", "membership"],
    "contacts": ["contact"],
    "calls": ["phonenumber", "calllog", "callleg", "callevent", "recording"],
}
ADDED = ["tenants/tenant", "tenants/membership", "contacts/contact", "calls/phonenumber"]


def test_every_page_of_the_admin_obeys_the_policy(
    page: Page, transactional_db: None, settings: Any, tmp_path: Path
) -> None:
    settings.RECORDINGS_DIR = tmp_path
    demo.load()
    User.objects.create_superuser("root@example.com", PASSWORD)
    page.goto("/admin/login/?next=/admin/")
    page.get_by_label("Email").fill("root@example.com")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_label("Workspace").select_option(label="Acme")
    page.get_by_role("button", name="Look into it").click()
    expect(page.get_by_text("Workspace: Acme")).to_be_visible()
    expect(page.get_by_role("link", name="Contacts", exact=True).first).to_be_visible()

    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]  # one of the two words
        page.goto("/admin/calls/calllog/")
        page.evaluate(AXE.read_text())
        found = page.evaluate("axe.run({ runOnly: ['color-contrast'] })")["violations"]
        assert not [node["html"] for each in found for node in each["nodes"]], scheme

    for app, tables in TABLES.items():
        for table in tables:
            page.goto(f"/admin/{app}/{table}/")
            expect(page.locator("#changelist")).to_be_visible()
            first = page.locator("#result_list tbody th a").first
            if first.count():
                first.click()
                expect(page.locator("#content form").first).to_be_visible()
    for path in ADDED:
        page.goto(f"/admin/{path}/add/")
        expect(page.locator("[name=_save]")).to_be_visible()
    # The admin's scripts work under the policy: a row is added, a slug follows its name.
    page.goto("/admin/contacts/contact/add/")
    page.get_by_text("Add another Contact number").click()
    expect(page.locator("[name=numbers-1-number]")).to_be_visible()
    page.goto("/admin/tenants/tenant/add/")
    page.get_by_label("Name:").press_sequentially("Crane Co")
    expect(page.get_by_label("Slug:")).to_have_value("crane-co")


def test_the_policy_is_on_the_admins_pages(client: Any, db: None) -> None:
    policy = client.get("/admin/login/").headers["Content-Security-Policy"]
    assert "script-src 'self'" in policy and "unsafe" not in policy
