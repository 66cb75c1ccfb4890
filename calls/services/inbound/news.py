"""What an agent's pages are to fetch anew, told once the present transaction is committed."""

from collections.abc import Iterable
from uuid import UUID

from django.db import transaction

from tenants.bricks import live
from tenants.fence.context import current_tenant_id


def ring(agents: Iterable[UUID]) -> None:
    """What rings at these agents has changed."""
    _tell("ring", agents)


def availability(agents: Iterable[UUID]) -> None:
    """What others see of these agents has changed."""
    _tell("availability", agents)


def _tell(kind: str, agents: Iterable[UUID]) -> None:
    tenant_id, told = current_tenant_id(), dict.fromkeys(agents)
    messages = [{"type": kind, "agent": str(agent)} for agent in told]

    def publish() -> None:
        for message in messages:
            live.publish(tenant_id, message)

    if messages:
        transaction.on_commit(publish)
