"""Workspaces and people, made by the product's own models, and what their browsers send along."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from benchmarks.rows import multiply
from benchmarks.world import World


@dataclass
class Person:
    """A member with a session; `headers` are those of their browser."""

    user_id: UUID
    tenant_id: UUID
    identity: str
    headers: dict[str, str]

    @property
    def posting(self) -> dict[str, str]:
        return self.headers | {"X-CSRFToken": _token_in(self.headers["Cookie"])}


def _token_in(cookie: str) -> str:
    return cookie.rpartition("csrftoken=")[2]


def workspace(name: str) -> Any:
    """With one number, and limits that stop nobody."""
    from django.conf import settings

    from calls.facts import limits
    from calls.models import CallingCeiling, CallingPolicy, PhoneNumber
    from tenants.fence.context import tenant_transaction
    from tenants.people.services import create_tenant
    from voip_crm import demo

    tenant = create_tenant(name=name.title(), slug=name, country="US")
    with tenant_transaction(tenant.pk):
        number = f"+1415555{tenant.pk.int % 10_000:04}"
        PhoneNumber.objects.create(
            tenant=tenant,
            number=number,
            account_sid=settings.TWILIO_ACCOUNT_SID,
            twilio_sid=demo.number_sid(number),
            is_default=True,
        )
        counts = ("agent_calls_per_minute", "calls_per_minute", "agent_calls_at_once")
        most: dict[str, Any] = dict.fromkeys([*counts, "calls_at_once"], 1000)
        most |= {"agent_daily_spend": 999_999, "daily_spend": 999_999}
        most |= {"longest_minutes": limits.MAX_LONGEST_MINUTES}
        CallingPolicy.objects.create(tenant=tenant, **most)
        CallingCeiling.objects.create(tenant=tenant, **most)
    return tenant


def workspaces(world: World, count: int, of: Person) -> list[UUID]:
    """So many more, each with this person as its only member."""
    from tenants.models import Tenant

    new = [Tenant(name=f"Workspace {n}", slug=f"workspace-{n}") for n in range(count)]
    ids = [tenant.pk for tenant in Tenant.objects.bulk_create(new)]
    member = f"SELECT *, 0 AS k FROM tenants_membership WHERE user_id = '{of.user_id}'"
    changes = {"tenant_id": among(ids)}
    multiply(world, "tenants_membership", member, first=0, count=count, each=1, changes=changes)
    return ids


def among(tenants: list[UUID]) -> str:
    """In SQL, the tenant of the row `i`: each in turn."""
    listed = ", ".join(f"'{tenant}'" for tenant in tenants)
    return f"(ARRAY[{listed}]::uuid[])[1 + i % {len(tenants)}]"


def agents(tenant: Any, count: int) -> list[Person]:
    """New members, each signed in and *Available*."""
    from django.conf import settings
    from django.middleware.csrf import _get_new_csrf_string
    from django.test import Client
    from django.utils import timezone

    from calls.facts.inbound.queues import Availability
    from calls.services.inbound import availability
    from tenants.fence.context import tenant_transaction
    from tenants.models import Membership, User

    found = []
    for number in range(count):
        user = User.objects.create(
            email=f"agent{number}@{tenant.slug}.example", name=f"Agent {number}", password="!"
        )
        with tenant_transaction(tenant.pk):
            member = Membership.objects.create(tenant=tenant, user=user, has_started=True)
        availability.choose(member, Availability.AVAILABLE, now=timezone.now())
        client = Client()
        client.force_login(user, settings.AUTHENTICATION_BACKENDS[-1])
        session = client.cookies[settings.SESSION_COOKIE_NAME].value
        token = _get_new_csrf_string()
        headers = {
            "Cookie": f"{settings.SESSION_COOKIE_NAME}={session};"
            f" {settings.CSRF_COOKIE_NAME}={token}",
            "Accept-Encoding": "gzip, deflate, br",
            "User-Agent": "Mozilla/5.0 (X11; Linux x86_64) benchmarks",
        }
        found.append(Person(user.pk, tenant.pk, member.identity, headers))
    return found
