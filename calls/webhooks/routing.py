"""Whose event it is: from a signed address or a client's identity to a tenant, and stored there."""

from uuid import UUID

from django.db import IntegrityError
from django.http.request import QueryDict

from calls import tasks
from calls.gateway import accounts
from calls.gateway.accounts import TwilioAccount
from calls.models import Conference
from calls.services.rooms import progress
from calls.services.rooms.progress import Heard, UnknownCall
from calls.webhooks.aside import keep_aside
from calls.webhooks.signed_posts import Form
from tenants import doors
from tenants.bricks import log_context
from tenants.bricks.ids import read_uuid
from tenants.models import Membership


def store(account: TwilioAccount, form: Form, query: QueryDict, heard: Heard) -> None:
    """Route an event to its tenant and store it there, or keep it aside."""
    tenant_id, room_id, leg_id = (read_uuid(query.get(name)) for name in ("tenant", "room", "leg"))
    if tenant_id is None:
        # A TwiML app's callback has one address for everybody: the client's identity tells.
        member = member_behind(account, form.get("From", ""))
        tenant_id = member.tenant_id if member else None
    if tenant_id is None or not belongs(account, tenant_id):
        keep_aside(account, form, "no such tenant")
        return
    log_context.bind(tenant=tenant_id, room=room_id, leg=leg_id)
    try:
        closing: Conference | None = progress.hear(tenant_id, heard, room_id=room_id, leg_id=leg_id)
    except (UnknownCall, IntegrityError) as error:
        keep_aside(account, form, str(error))
        return
    if closing is not None:
        tasks.queue(tasks.tend_room, tenant_id, closing.pk)


def member_behind(account: TwilioAccount, caller: str) -> Membership | None:
    """The member behind `client:…`, of a tenant that this account serves."""
    identity = caller.removeprefix("client:")
    if not accounts.serves(account, doors.tenant_named_by(identity)):
        return None
    return doors.membership_by_identity(identity)


def belongs(account: TwilioAccount, tenant_id: UUID) -> bool:
    """The signature proves the account; the tenant must be one that this account serves."""
    return accounts.serves(account, tenant_id) and doors.tenant_by_id(tenant_id) is not None
