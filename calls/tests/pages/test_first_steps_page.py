"""The list of first steps: it ticks itself by what there is, and goes for good."""

import re
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from calls.models import CallLog, PhoneNumber
from calls.tests.builders import an_outbound_call
from contacts.services import create_contact
from tenants.fence.context import tenant_transaction
from tenants.models import Membership, Role
from tenants.people.services import add_member, create_tenant, set_active

PATH = "/calls/first-steps"


@pytest.fixture
def empty(cast: Any) -> tuple[Membership, Membership]:
    """(admin, agent) of a workspace in which nothing is, beside Acme, where everything is."""
    tenant = create_tenant(name="Cygnus", slug="cygnus")
    admin, _ = add_member(tenant, email="dana@cygnus.example", name="Dana Diaz", role=Role.ADMIN)
    agent, _ = add_member(tenant, email="eve@cygnus.example", name="Eve")
    return admin, agent


def steps(client: Any, path: str = PATH) -> dict[str, bool]:
    """What is shown, and whether it is ticked."""
    page = client.get(path).content.decode()
    found = re.findall(r'<li data-step="(\w+)"( data-done)?>', page)
    return {step: bool(is_done) for step, is_done in found}


def dialled(member: Membership, outcome: str = "completed") -> None:
    an_outbound_call(member.tenant, user=member.user, outcome=outcome)


def test_it_leads_the_admin_of_an_empty_workspace(
    empty: tuple[Membership, Membership], signed_in: Any, settings: Any
) -> None:
    admin, agent = empty
    with tenant_transaction(admin.tenant_id):
        set_active(agent, False)  # no colleague any more
    client = signed_in(admin)
    expected = dict.fromkeys(("number", "contacts", "colleague", "microphone", "call"), False)
    assert steps(client) == steps(client, "/calls") == expected
    page = client.get("/calls").content.decode()
    for path in ("/settings/caller-ids", "/contacts/import", "/settings/members"):
        assert f'class="btn" href="{path}"' in page and client.get(path).status_code == 200

    with tenant_transaction(admin.tenant_id):
        number = PhoneNumber.objects.create(
            tenant=admin.tenant, number="+14155550177", account_sid="AC" + "9" * 32
        )
        assert not steps(client)["number"]  # of another account: nobody can call with it
        number.account_sid = settings.TWILIO_ACCOUNT_SID
        number.save()
        create_contact(admin.tenant, name="Ada", numbers=[])
        set_active(agent, True)
    expected |= dict.fromkeys(("number", "contacts", "colleague"), True)
    assert steps(client) == expected
    dialled(admin, "failed")
    assert steps(client) == expected
    dialled(agent)
    assert steps(client) == {} != expected


def test_it_goes_by_itself_and_never_comes_back(
    empty: tuple[Membership, Membership], signed_in: Any
) -> None:
    _, agent = empty
    client = signed_in(agent)
    dialled(agent)
    page = client.get("/calls").content.decode()
    assert 'hx-post="/first-steps/close" hx-trigger="load"' in page
    client.post("/first-steps/close", headers={"HX-Request": "true"})
    with tenant_transaction(agent.tenant_id):
        CallLog.objects.all().delete()
    assert 'id="first_steps"' not in client.get("/calls").content.decode()


def test_who_has_closed_it_is_not_asked_again_but_others_are(cast: Any, signed_in: Any) -> None:
    assert steps(signed_in(cast.bob), "/calls") == {"microphone": False, "call": False}
    answer = signed_in(cast.bob).post("/first-steps/close")
    assert (answer.status_code, answer.headers["Location"]) == (302, "/calls")
    assert 'id="first_steps"' not in signed_in(cast.bob).get("/calls").content.decode()
    # What is open in another tab takes itself away.
    assert steps(signed_in(cast.bob)) == {}
    done = {"number": True, "contacts": True, "colleague": True}
    todo = {"microphone": False, "call": False}
    assert steps(signed_in(cast.alice), "/calls") == done | todo


def test_an_agent_without_a_number_hears_whom_to_ask(
    empty: tuple[Membership, Membership], signed_in: Any
) -> None:
    admin, agent = empty
    client = signed_in(agent)
    assert list(steps(client)) == ["number", "microphone", "call"]
    assert "Ask Dana Diaz to add one." in client.get(PATH).content.decode()
    add_member(admin.tenant, email="fred@cygnus.example", name="Fred", role=Role.ADMIN)
    assert "Ask Dana Diaz or Fred to add one." in client.get(PATH).content.decode()


def test_it_costs_nothing_where_all_is_set_up_and_two_statements_elsewhere(
    cast: Any, signed_in: Any
) -> None:
    client = signed_in(cast.alice)

    def cost() -> int:
        client.get("/calls")
        with CaptureQueriesContext(connection) as queries:
            client.get("/calls")
        return sum("calls_" in query["sql"] for query in queries)

    dialled(cast.bob, "failed")
    few = cost()
    with tenant_transaction(cast.acme.pk):
        for n in range(20):
            create_contact(cast.acme, name=f"Ada {n}", numbers=[])
    for _ in range(20):
        dialled(cast.bob, "failed")
    assert cost() == few
    client.post("/first-steps/close")
    assert cost() == few - 2
