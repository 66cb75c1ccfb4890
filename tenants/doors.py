"""The only ways into a tenant: every look-up that happens before a tenant is known.

Nothing else may use `unscoped`; a test holds the list.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple
from uuid import UUID

from django.db import connection
from django.utils import timezone
from django_otp.plugins.otp_static.models import StaticDevice
from django_otp.plugins.otp_totp.models import TOTPDevice

from tenants.fence.columns import Columns, as_django
from tenants.fence.context import door, shut_again, tenant_transaction
from tenants.fence.policies import USER_SETTING
from tenants.models import Membership, Session, Tenant, User

MOST = 20  # memberships that are read of somebody who has more
_IDENTITY = re.compile(r"t([0-9a-f]{32})_u([0-9a-f]{32})")


@dataclass(frozen=True)
class Person:
    """Somebody, where they belong, and what they prove it with. `memberships`: those that are
    active, oldest first and no more than `MOST`, each with its user and tenant; `devices`: the
    confirmed second factors, of which nothing but the id is loaded.
    """

    user: User
    memberships: Sequence[Membership]
    devices: Sequence[TOTPDevice | StaticDevice]

    def membership(self, *, preferred_tenant_id: str | None = None) -> Membership | None:
        """The one they work in: of the preferred tenant, or else their oldest; None without any."""
        for each in self.memberships:
            if str(each.tenant_id) == preferred_tenant_id:
                return each
        further = None
        if preferred_tenant_id and len(self.memberships) == MOST:
            further = _member(UUID(preferred_tenant_id), self.user.pk)
        return further or next(iter(self.memberships), None)


def person(user_id: UUID) -> Person | None:
    found = _found("person", User._meta.pk.get_db_prep_value(user_id, connection))
    return found[1] if found else None


def person_of_session(key: str) -> tuple[str, Person | None] | None:
    """What a session keeps, encoded, and whose it is, if anybody's; None once it has ended."""
    expires = Session._meta.get_field("expire_date")
    now = expires.get_db_prep_value(timezone.now(), connection)
    return _found("session", key, now)


def membership_of(user_id: UUID, *, preferred_tenant_id: str | None = None) -> Membership | None:
    """The active membership that a signed-in person works in (`Person.membership`)."""
    found = person(user_id)
    return found.membership(preferred_tenant_id=preferred_tenant_id) if found else None


def membership_by_clerk(clerk_user_id: str, clerk_org_id: str | None) -> Membership | None:
    """The active membership that a checked Clerk token stands for; without an organisation the
    person's oldest one.
    """
    found = _found("clerk", clerk_user_id)
    known = found[1] if found else None
    if known is None or clerk_org_id is None:
        return known.membership() if known else None
    for membership in known.memberships:
        if membership.tenant.clerk_org_id == clerk_org_id:
            return membership
    tenant = None
    if len(known.memberships) == MOST:
        tenant = Tenant.objects.filter(clerk_org_id=clerk_org_id).first()
    return _member(tenant.pk, known.user.pk) if tenant else None


class Named(NamedTuple):
    """Somebody of a tenant, as a Voice client identity names them, be they a member or not."""

    tenant_id: UUID
    user_id: UUID


def named_by(identity: str) -> Named | None:
    """Whom a Voice client identity speaks of; nothing is read."""
    match = _IDENTITY.fullmatch(identity)
    return Named(UUID(match[1]), UUID(match[2])) if match else None


def tenant_named_by(identity: str) -> UUID | None:
    """The tenant that it speaks of."""
    named = named_by(identity)
    return named.tenant_id if named else None


def membership_by_identity(identity: str) -> Membership | None:
    """The active membership behind a Voice client identity, or None."""
    named = named_by(identity)
    return _member(*named) if named else None


def _member(tenant_id: UUID, user_id: UUID) -> Membership | None:
    """Their active membership of this tenant."""
    with tenant_transaction(tenant_id):
        return (
            Membership.objects.filter(
                user_id=user_id, is_active=True, user__is_active=True, tenant__is_active=True
            )
            .select_related("tenant", "user")
            .first()
        )


def is_member_elsewhere(member: Membership) -> bool:
    """Whether the person belongs, or once belonged, to a workspace beside this one."""
    with door(USER_SETTING, member.user_id):
        own = Membership.unscoped.filter(user_id=member.user_id)
        return own.exclude(tenant_id=member.tenant_id).exists()


def tenant_by_id(tenant_id: UUID) -> Tenant | None:
    """A tenant named by an id that we gave away ourselves (a callback URL, a task argument)."""
    return Tenant.objects.filter(pk=tenant_id).first()


def all_tenants() -> Iterator[Tenant]:
    """Every tenant, for sweeps and commands that enter them one after the other."""
    return Tenant.objects.order_by("created_at", "id").iterator()


# --- somebody, in one statement -----------------------------------------------------------------

# Every request asks it, so it is written out: Django would make five of it, and take longer to
# write one than the database to answer it. `said` is whom the session, token or id stands for.
_SAID = {
    "session": "SELECT session_data AS kept, person FROM tenants_session"
    " WHERE session_key = %s AND expire_date > %s",
    "clerk": "SELECT '' AS kept, id AS person FROM tenants_user WHERE clerk_user_id = %s",
    "person": "SELECT '' AS kept, id AS person FROM tenants_user WHERE id = %s",
}
# On PostgreSQL the statement itself opens the door to that person's memberships
# (`tenants.fence.context.door`), and before they are looked at: they are looked for by what the
# opening returned, which LATERAL and LIMIT keep from being planned otherwise. Were it ever not so,
# nobody would be found.
_OLDEST = f"""FROM tenants_membership w
JOIN tenants_tenant v ON v.id = w.tenant_id AND v.is_active
WHERE w.user_id = said.person AND w.is_active
ORDER BY w.created_at, w.id LIMIT {MOST}"""
_DOOR = {
    "postgresql": (
        "SELECT kept, NULLIF(set_config(%s, COALESCE(person::text, ''), true), '')::uuid AS person"
        " FROM ({said}) found",
        f"LATERAL (SELECT w.* {_OLDEST}) m ON TRUE",
    ),
    "sqlite": (
        "{said}",
        f"tenants_membership m ON m.user_id = said.person AND m.id IN (SELECT w.id {_OLDEST})",
    ),
}
_STATEMENT = """
WITH said AS ({said})
SELECT said.kept, totp.id, static.id, {columns} FROM said
LEFT JOIN tenants_user u ON u.id = said.person
LEFT JOIN {memberships}
LEFT JOIN tenants_tenant t ON t.id = m.tenant_id
LEFT JOIN otp_totp_totpdevice totp ON totp.user_id = said.person AND totp.confirmed
LEFT JOIN otp_static_staticdevice static ON static.user_id = said.person AND static.confirmed
"""
_BEFORE = 3  # columns, before those of the models


class _Part(Columns):
    """A model's columns in the statement, and its instances out of the rows."""

    def __init__(self, model: Any, alias: str, start: int) -> None:
        super().__init__(model, alias)
        self.start, self.end = start, start + len(self)
        self.key = start + self.names.index(model._meta.pk.attname)

    def of(self, row: Sequence[Any]) -> Any:
        """None where the statement found none."""
        if row[self.key] is None:
            return None
        return self.model.from_db(connection.alias, self.names, row[self.start : self.end])


@cache
def _parts() -> tuple[_Part, _Part, _Part]:
    user = _Part(User, "u", _BEFORE)
    membership = _Part(Membership, "m", user.end)
    return user, membership, _Part(Tenant, "t", membership.end)


@cache
def _statement(by: str) -> str:
    said, memberships = _DOOR[connection.vendor]
    return _STATEMENT.format(
        said=said.format(said=_SAID[by]),
        memberships=memberships,
        columns=", ".join(part.sql for part in _parts()),
    )


def _found(by: str, *values: Any) -> tuple[str, Person | None] | None:
    """What the session keeps ("" without one), and the person; None when nothing stands for one."""
    settings = (USER_SETTING,) if connection.vendor == "postgresql" else ()
    with connection.cursor() as cursor:
        cursor.execute(_statement(by), [*settings, *values])
        rows = as_django(cursor.fetchall(), *_parts())
    if settings:
        shut_again(USER_SETTING)
    return (rows[0][0], _person(rows)) if rows else None


def _person(rows: Sequence[Sequence[Any]]) -> Person | None:
    """Out of each membership, times each device."""
    of_user, of_membership, of_tenant = _parts()
    user: User | None = of_user.of(rows[0])
    if user is None:
        return None
    found: dict[Any, Membership] = {}
    for row in rows:
        if row[of_membership.key] not in found and (membership := of_membership.of(row)):
            membership.user, membership.tenant = user, of_tenant.of(row)
            found[membership.pk] = membership
    devices = [
        model.from_db(connection.alias, ["id", "user_id", "confirmed"], [key, user.pk, True])
        for place, model in ((1, TOTPDevice), (2, StaticDevice))
        for key in dict.fromkeys(row[place] for row in rows)
        if key is not None
    ]
    memberships = sorted(found.values(), key=lambda each: (each.created_at, each.pk))
    return Person(user, memberships if user.is_active else [], devices)
