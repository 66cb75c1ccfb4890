"""create_tenant and add_member, as an operator types them."""

import io
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from tenants.fence.context import tenant_transaction
from tenants.models import Membership, Tenant, User


def run(*arguments: str, stdin: str = "", monkeypatch: Any = None) -> str:
    out = io.StringIO()
    if monkeypatch:
        monkeypatch.setattr("sys.stdin", io.StringIO(stdin))
    call_command(*arguments, stdout=out)
    return out.getvalue()


def test_an_operator_creates_a_workspace(db: None) -> None:
    said = run("create_tenant", "Crane & Co", "--country", "de", "--time-zone", "Europe/Berlin")
    tenant = Tenant.objects.get()
    assert (tenant.slug, tenant.country, tenant.time_zone) == ("crane-co", "DE", "Europe/Berlin")
    assert str(tenant.pk) in said


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["Acme"], "slug"),
        (["New", "--country", "Germany"], "country"),
        (["New", "--time-zone", "Berlin"], "time_zone"),
        (["…"], "slug"),
    ],
)
def test_a_bad_workspace_is_refused_with_its_reason(
    cast: Any, arguments: list[str], says: str
) -> None:
    before = Tenant.objects.count()
    with pytest.raises(CommandError, match=says):
        run("create_tenant", *arguments)
    assert Tenant.objects.count() == before


def test_a_new_person_gets_a_password_from_standard_input(cast: Any, monkeypatch: Any) -> None:
    said = run(
        "add_member",
        "acme",
        "Dana@Acme.example",
        "--role=supervisor",
        stdin="a-fine-long-secret\n",
        monkeypatch=monkeypatch,
    )
    assert "New person dana@acme.example is Supervisor of Acme." in said
    assert User.objects.get(email="dana@acme.example").check_password("a-fine-long-secret")


def test_a_known_persons_password_stays_as_it_is(cast: Any) -> None:
    said = run("add_member", "borealis", "bob@acme.example", "--role=admin", "--account-is-theirs")
    assert said.startswith("Known person")
    assert User.objects.get(email="bob@acme.example").check_password("a-long-enough-password")
    with tenant_transaction(cast.borealis.pk):
        assert Membership.objects.get(user=cast.bob.user).role == "admin"


def test_adding_a_former_member_brings_them_back(cast: Any) -> None:
    with tenant_transaction(cast.acme.pk):
        cast.bob.is_active = False
        cast.bob.save()
    run("add_member", "acme", "bob@acme.example")
    with tenant_transaction(cast.acme.pk):
        cast.bob.refresh_from_db()
    assert cast.bob.is_active


@pytest.mark.parametrize(
    ("arguments", "stdin", "says"),
    [
        (["nowhere", "dana@acme.example"], "", "Known: acme, borealis"),
        (["acme", "dana@acme.example"], "short\n", "too short"),
        (["acme", "not-an-address"], "a-fine-long-secret\n", "valid email"),
    ],
)
def test_a_bad_member_is_refused_with_the_reason(
    cast: Any, monkeypatch: Any, arguments: list[str], stdin: str, says: str
) -> None:
    before = User.objects.count()
    with pytest.raises(CommandError, match=says):
        run("add_member", *arguments, stdin=stdin, monkeypatch=monkeypatch)
    assert User.objects.count() == before
