"""What happens before a tenant is known."""

import re
import uuid
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.utils import timezone

from tenants import doors
from tenants.fence.context import tenant_transaction
from tenants.models import Tenant

# Every use of `unscoped` outside the tests, and why it may.
MAY_LOOK_ACROSS = {
    "tenants/fence/scoping.py": "defines it",
    "tenants/doors.py": "chooses a person's workspace",
}


def test_only_the_listed_places_look_across_tenants() -> None:
    users = {
        str(path.relative_to(settings.BASE_DIR))
        for room in ("tenants", "contacts", "calls", "voip_crm")
        for path in Path(settings.BASE_DIR, room).rglob("*.py")
        if "tests" not in path.parts and re.search(r"\bunscoped\b", path.read_text())
    }
    assert users == set(MAY_LOOK_ACROSS)


def test_a_person_works_in_the_preferred_workspace_if_they_are_its_member(cast: Any) -> None:
    bob = cast.bob.user
    assert doors.membership_of(bob.pk) == cast.bob
    assert doors.membership_of(bob.pk, preferred_tenant_id=str(cast.borealis.pk)) == cast.bob
    from tenants.people.services import add_member

    second, is_new = add_member(cast.borealis, email=bob.email, account_is_theirs=True)
    assert not is_new
    assert doors.membership_of(bob.pk, preferred_tenant_id=str(cast.borealis.pk)) == second
    assert doors.membership_of(bob.pk, preferred_tenant_id="nonsense") == cast.bob


@pytest.mark.parametrize("what", ["membership", "user", "tenant"])
def test_whoever_is_deactivated_comes_in_nowhere(cast: Any, what: str) -> None:
    identity = cast.bob.identity
    assert doors.membership_by_identity(identity) == cast.bob
    row = {"membership": cast.bob, "user": cast.bob.user, "tenant": cast.acme}[what]
    row.is_active = False
    with tenant_transaction(cast.acme.pk):
        row.save()
    assert doors.membership_of(cast.bob.user_id) is None
    assert doors.membership_by_identity(identity) is None


def test_an_identity_is_opaque_and_of_one_tenant(cast: Any) -> None:
    identity = cast.bob.identity
    assert re.fullmatch(r"[A-Za-z0-9_]{1,121}", identity)
    assert doors.tenant_named_by(identity) == cast.acme.pk
    mixed = f"t{cast.borealis.pk.hex}_u{cast.bob.user_id.hex}"
    for unknown in ("", "bob", identity.upper(), identity + "x", mixed, f"t{uuid.uuid4().hex}_u0"):
        assert doors.membership_by_identity(unknown) is None
        named = cast.borealis.pk if unknown == mixed else None
        assert doors.tenant_named_by(unknown) == named


def test_a_workspace_is_found_by_its_id_and_all_of_them_oldest_first(cast: Any) -> None:
    assert doors.tenant_by_id(cast.acme.pk) == cast.acme
    assert doors.tenant_by_id(cast.borealis.pk) == cast.borealis
    assert doors.tenant_by_id(uuid.uuid4()) is None
    Tenant.objects.filter(pk=cast.borealis.pk).update(created_at=timezone.now() - timedelta(days=1))
    assert list(doors.all_tenants()) == [cast.borealis, cast.acme]
