"""What a log line is about (request, tenant, user, call), collected on the way through the rooms.

`voip_crm.logs` begins it for each request and task and writes it into every line.
"""

import contextlib
from contextvars import ContextVar

from tenants.fence.context import TenantNotSet, current_tenant_id

_facts: ContextVar[dict[str, str] | None] = ContextVar("log_facts", default=None)


def begin(**facts: object) -> None:
    """Forget what was known and start anew; without facts nothing is collected until the next."""
    _facts.set({name: str(value) for name, value in facts.items()} or None)


def bind(**facts: object) -> None:
    """Add what has become known; empty values say nothing. Outside a request or task: nothing."""
    known = _facts.get()
    if known is not None:
        # In place, so that the outer middleware, whose context this is not, sees it as well.
        known.update({name: str(value) for name, value in facts.items() if value})


def facts() -> dict[str, str]:
    known = dict(_facts.get() or {})
    with contextlib.suppress(TenantNotSet):
        known.setdefault("tenant", str(current_tenant_id()))
    return known
