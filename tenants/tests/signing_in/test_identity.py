"""Who asks is learnt by one statement, which says what the rows say."""

from itertools import takewhile
from typing import Any

import pytest
from django.db import connection, transaction
from django.forms.models import model_to_dict
from django.test import Client
from django.test.utils import CaptureQueriesContext

from tenants import doors
from tenants.fence.context import tenant_transaction
from tenants.models import Membership, Tenant, User
from tenants.people.services import add_member
from tenants.tests.signing_in.second_factors import give
from tenants.tests.signing_in.test_sign_in import sign_in


def asked_first(client: Client, path: str, **headers: str) -> list[str]:
    """The statements before the view's own transaction. (That the door is shut again is said only
    where, as here, a transaction is around them all.)
    """
    with CaptureQueriesContext(connection) as queries:
        assert client.get(path, headers=headers).status_code == 200
    sent = [query["sql"] for query in queries]
    assert not [sql for sql in sent[1:] if "tenants_session" in sql or "otp_" in sql]
    before = takewhile(lambda sql: not sql.startswith("SAVEPOINT"), sent)
    return [sql for sql in before if not sql.startswith("SELECT set_config")]


@pytest.mark.parametrize("by_code", [False, True], ids=["password", "code"])
@pytest.mark.parametrize(
    ("path", "headers"),
    [("/calls", {}), ("/calls", {"HX-Request": "true"}), ("/api/twilio/call-logs", {})],
    ids=["page", "fragment", "api"],
)
def test_one_statement_says_who_asks(
    cast: Any, bob: User, path: str, headers: dict[str, str], by_code: bool
) -> None:
    codes = give(bob) if by_code else []
    client = Client()
    sign_in(client, bob.email)
    if by_code:
        client.post("/sign-in/code", {"code": codes[0]})
    assert len(asked_first(client, path, **headers)) == 1


def test_whoever_is_nobody_costs_no_statement(db: None, client: Client) -> None:
    assert asked_first(client, "/sign-in") == []


def fields(row: Any) -> dict[str, Any]:
    """All of a row's values."""
    return {field.attname: getattr(row, field.attname) for field in row._meta.concrete_fields}


def test_it_says_what_the_rows_say(cast: Any, bob: User) -> None:
    second, _ = add_member(cast.borealis, email=bob.email, account_is_theirs=True)
    give(bob)
    found = doors.person(bob.pk)
    assert found is not None and fields(found.user) == fields(User.objects.get(pk=bob.pk))
    assert [each.pk for each in found.memberships] == [cast.bob.pk, second.pk]
    for each in found.memberships:
        with tenant_transaction(each.tenant_id):
            row = type(each).objects.select_related("tenant").get(pk=each.pk)
        assert fields(each) == fields(row) and fields(each.tenant) == fields(row.tenant)
        assert each.user is found.user and not each._state.adding
    assert sorted(model_to_dict(device)["user"] for device in found.devices) == [bob.pk] * 2


def test_who_belongs_to_many_workspaces_is_found_in_each(cast: Any, bob: User) -> None:
    User.objects.filter(pk=bob.pk).update(clerk_user_id="user_bob")
    tenants = [
        Tenant(name=f"W{n}", slug=f"w{n}", clerk_org_id=f"org_{n}") for n in range(doors.MOST + 3)
    ]
    for tenant in Tenant.objects.bulk_create(tenants):
        with tenant_transaction(tenant.pk):
            Membership.objects.create(tenant=tenant, user=bob)
    Tenant.objects.filter(pk=tenants[-1].pk).update(is_active=False)
    found = doors.person(bob.pk)
    assert found is not None and len(found.memberships) == doors.MOST
    assert found.memberships[0].pk == cast.bob.pk
    for tenant in (tenants[0], tenants[-2]):
        member = doors.membership_of(bob.pk, preferred_tenant_id=str(tenant.pk))
        assert member is not None and member.tenant == tenant
        assert doors.membership_by_clerk("user_bob", tenant.clerk_org_id) == member
    closed = doors.membership_of(bob.pk, preferred_tenant_id=str(tenants[-1].pk))
    assert closed is not None and closed.pk == cast.bob.pk
    assert doors.membership_by_clerk("user_bob", tenants[-1].clerk_org_id) is None
    assert doors.membership_by_clerk("user_bob", "org_unknown") is None


@pytest.mark.parametrize("planned", ["enable_nestloop", "enable_indexscan", "enable_hashjoin"])
def test_the_door_is_open_before_the_memberships_are_looked_at_however_it_is_planned(
    committed_cast: Any, planned: str
) -> None:
    cast = committed_cast
    if connection.vendor != "postgresql":
        pytest.skip("only PostgreSQL has row-level security: use ./test")
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"SET LOCAL {planned} = off")
        found = doors.person(cast.bob.user_id)
        assert found is not None and [each.pk for each in found.memberships] == [cast.bob.pk]
        cursor.execute("SELECT current_setting('app.user', true)")
        assert cursor.fetchone() == ("",)  # and shut behind it
    assert doors.person(cast.bob.user_id) == found  # outside of a transaction
