"""The fixed cast of the tests: Alice (admin) and Bob (agent) of Acme, Charlie (agent) of Borealis.

Both workspaces have a number to call from and a contact; both contacts are called Maria.
"""

from dataclasses import dataclass
from functools import cache

from django.conf import settings
from django.contrib.auth.hashers import make_password

from calls.models import PhoneNumber
from contacts.models import Contact
from contacts.services import create_contact
from tenants.fence.context import tenant_transaction
from tenants.models import Membership, Role, Tenant, User
from tenants.people.services import add_member, create_tenant
from voip_crm import demo
from voip_crm.tests.replay import Replay

PASSWORD = "a-long-enough-password"
ACME_NUMBER, BOREALIS_NUMBER = demo.NUMBERS["acme"][0][0], demo.NUMBERS["borealis"][0][0]
ACME_MARIA, BOREALIS_MARIA = "+14155550100", "+442079460100"


@dataclass
class Cast:
    acme: Tenant
    borealis: Tenant
    alice: Membership
    bob: Membership
    charlie: Membership
    acme_maria: Contact
    borealis_maria: Contact


def _build() -> Cast:
    acme = create_tenant(name="Acme", slug="acme", country="US", records_calls=True)
    borealis = create_tenant(name="Borealis", slug="borealis", country="GB", records_calls=True)
    alice = _member(acme, "Alice", Role.ADMIN)
    bob = _member(acme, "Bob", Role.AGENT)
    charlie = _member(borealis, "Charlie", Role.AGENT)
    return Cast(
        acme,
        borealis,
        alice,
        bob,
        charlie,
        _furnish(acme, ACME_NUMBER, ACME_MARIA),
        _furnish(borealis, BOREALIS_NUMBER, BOREALIS_MARIA),
    )


_replay = Replay(_build)


def build() -> Cast:
    made: Cast = _replay()
    people = [member.user for member in (made.alice, made.bob, made.charlie)]
    for user in people:
        user.password = password_hash()
    User.objects.bulk_update(people, ["password"])
    return made


def _member(tenant: Tenant, name: str, role: str) -> Membership:
    member, _ = add_member(
        tenant, email=f"{name.lower()}@{tenant.slug}.example", role=role, name=name
    )
    return member


def password_hash() -> str:
    """Of `PASSWORD`, as people's are kept now."""
    return _hash(settings.PASSWORD_HASHERS[0])


@cache
def _hash(hasher: str) -> str:
    return make_password(PASSWORD)  # slow on purpose, so once for all tests


def _furnish(tenant: Tenant, ours: str, theirs: str) -> Contact:
    with tenant_transaction(tenant.pk):
        PhoneNumber.objects.create(
            tenant=tenant,
            number=ours,
            account_sid=settings.TWILIO_ACCOUNT_SID,
            twilio_sid=demo.number_sid(ours),
            is_default=True,
        )
        return create_contact(
            tenant,
            name=f"Maria of {tenant.name}",
            company="Sunrise Foods",
            numbers=[(theirs, "work")],
        )
