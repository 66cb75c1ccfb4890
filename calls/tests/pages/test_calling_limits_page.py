"""The workspace's calling limits, as its admin chooses them and the operator bounds them."""

from decimal import Decimal
from typing import Any

import pytest
from django.test import Client

from calls.facts import limits
from calls.models import CallingCeiling, CallingPolicy, StoppedCall
from calls.selectors import limits as rows
from tenants.fence.context import tenant_transaction
from tenants.models import Tenant

PATH = "/settings/calling-limits"
ADMIN = "/admin/calls/callingceiling/"
GOOD = {
    "agent_calls_per_minute": "5",
    "calls_per_minute": "20",
    "agent_calls_at_once": "2",
    "calls_at_once": "10",
    "agent_daily_spend": "12.50",
    "daily_spend": "100",
    "longest_minutes": "45",
    "countries": ["BR", "DE"],
}


def policies() -> list[Any]:
    found: list[Any] = []
    for tenant in Tenant.objects.order_by("slug"):
        with tenant_transaction(tenant.pk):
            for model in (CallingPolicy, CallingCeiling, StoppedCall):
                found += model.objects.order_by("pk").values()
    return found


def test_an_admin_chooses_limits_for_the_own_workspace(cast: Any, signed_in: Any) -> None:
    client = signed_in(cast.alice)
    page = client.get(PATH).content.decode()
    assert "United States, your workspace’s own country" in page
    assert "None in the last 30 days." in page
    assert "We count 0.05 per minute for domestic calls and 0.2 for international" in page
    assert policies() == [], "looking writes nothing"
    assert "The calling limits are saved." in client.post(PATH, GOOD, follow=True).content.decode()
    with tenant_transaction(cast.acme.pk):
        policy = rows.policy_of(cast.acme)
    assert policy.caps == limits.Caps(5, 20, 2, 10, Decimal("12.50"), Decimal(100), 45)
    assert policy.countries == {"BR", "DE"} and policy.home == "US"
    with tenant_transaction(cast.borealis.pk):
        assert rows.policy_of(cast.borealis).caps == limits.STANDARD
    page = client.get(PATH).content.decode()
    assert 'value="BR" checked' in page and 'value="FR" checked' not in page
    assert 'value="CU"' not in page, "what the operator refuses is not offered"


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"calls_per_minute": "61"}, "Enter 60 or less, your system administrator’s limit."),
        ({"daily_spend": "500.01"}, "Enter 500 or less"),
        ({"longest_minutes": "241"}, "Enter 240 or less"),
        ({"longest_minutes": "0"}, "Enter 1 or more."),
        ({"agent_daily_spend": "-1"}, "Enter 0 or more."),
        ({"agent_daily_spend": "1.001"}, "no more than 2 decimal places"),
        ({"agent_daily_spend": "NaN"}, "Enter a number like 12.50."),
        ({"calls_at_once": "many"}, "Enter a whole number."),
        ({"calls_at_once": ""}, "Enter a number."),
        ({"countries": ["CU"]}, "Calls there can’t be allowed: CU."),
        ({"countries": ["XX"]}, "Calls there can’t be allowed: XX."),
    ],
)
def test_what_exceeds_the_ceiling_or_makes_no_sense_is_said_at_its_field(
    cast: Any, signed_in: Any, change: dict[str, Any], says: str
) -> None:
    answer = signed_in(cast.alice).post(PATH, GOOD | change)
    assert answer.status_code == 422 and says in answer.content.decode()
    assert policies() == []


def test_others_of_the_workspace_are_told_that_it_is_for_admins(cast: Any, signed_in: Any) -> None:
    for answer in (signed_in(cast.bob).get(PATH), signed_in(cast.bob).post(PATH, GOOD)):
        assert answer.status_code == 403 and "for admins" in answer.content.decode()
    assert policies() == []


def test_admins_see_who_was_stopped_in_their_workspace_and_agents_do_not(
    cast: Any, signed_in: Any
) -> None:
    notice = "A calling limit blocked a call"
    assert notice not in signed_in(cast.alice).get("/calls").content.decode()
    for _ in range(2):
        signed_in(cast.bob).post("/calls/dial", {"q": "+5352345678"})
    signed_in(cast.charlie).post("/calls/dial", {"q": "999"})
    assert notice not in signed_in(cast.bob).get("/calls").content.decode()
    assert notice in signed_in(cast.alice).get("/calls").content.decode()
    page = signed_in(cast.alice).get(PATH).content.decode()
    for words in ("Country not allowed", "Bob, 2 times", "+53 5 2345678", "Calls to Cuba"):
        assert words in page, words
    assert "Emergency number<" not in page and "Charlie" not in page


def test_what_was_typed_into_the_field_cannot_become_markup(cast: Any, signed_in: Any) -> None:
    signed_in(cast.bob).post("/calls/dial", {"q": "911 <script>alert(1)</script>"})
    signed_in(cast.bob).post("/calls/dial", {"q": "911#" + "<b>" * 40})
    page = signed_in(cast.alice).get(PATH).content.decode()
    assert "<script>alert" not in page and "<b><b>" not in page


# --- the operator -----------------------------------------------------------------------------


def ceiling_form(**change: Any) -> dict[str, Any]:
    caps = {name: str(value) for name, value in vars(limits.CEILING).items()}
    more = {"refused_countries": '["CU"]', "domestic_rate": "0.03", "international_rate": "0.5"}
    return caps | more | {"currency": "EUR"} | change


@pytest.fixture
def operator(cast: Any, client: Client) -> Client:
    """Alice, as a superuser."""
    cast.alice.user.is_staff = cast.alice.user.is_superuser = True
    cast.alice.user.save()
    client.force_login(cast.alice.user)
    return client


def test_the_operator_sets_a_ceiling_that_holds_at_once(operator: Client, cast: Any) -> None:
    assert 'value="60"' in operator.get(f"{ADMIN}add/").content.decode(), "what holds is shown"
    answer = operator.post(f"{ADMIN}add/", ceiling_form(calls_per_minute="7"))
    assert answer.status_code == 302
    with tenant_transaction(cast.acme.pk):
        policy = rows.policy_of(cast.acme)
    assert policy.caps.calls_per_minute == 7, "whatever the workspace has chosen"
    assert policy.refused_countries == {"CU"} and policy.money(Decimal(1)) == "1.00 EUR"
    assert operator.get(f"{ADMIN}add/").status_code == 403, "one is enough"
    assert "Enter 7 or less" in operator.post(PATH, GOOD).content.decode()


@pytest.mark.parametrize("codes", ['"CU"', '["CUBA"]', '{"CU": 1}', "[1]"])
def test_a_list_of_countries_that_is_none_is_refused(
    operator: Client, cast: Any, codes: str
) -> None:
    answer = operator.post(f"{ADMIN}add/", ceiling_form(refused_countries=codes))
    assert answer.status_code == 200 and "list of ISO codes" in answer.content.decode()
    assert policies() == []


def test_staff_of_a_workspace_cannot_touch_its_ceiling(cast: Any, staff: Client) -> None:
    for table in ("callingceiling", "callingpolicy"):
        for answer in (
            staff.get(f"/admin/calls/{table}/"),
            staff.get(f"/admin/calls/{table}/add/"),
            staff.post(f"/admin/calls/{table}/add/", ceiling_form()),
        ):
            assert answer.status_code == 403
    assert staff.get("/admin/calls/stoppedcall/").status_code == 200
    assert staff.post("/admin/calls/stoppedcall/add/", {}).status_code == 403
    assert policies() == []
