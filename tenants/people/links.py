"""The link with which an invited person sets a password: shown to the admin, and sent by mail."""

from datetime import timedelta
from uuid import UUID

from django.conf import settings
from django.contrib.auth.tokens import default_token_generator

from tenants import doors
from tenants.bricks import mails
from tenants.fence.context import tenant_transaction
from tenants.models import Membership, User, is_above_workspaces
from tenants.signing_in import resetting

MOST_TO_PERSON, MOST_OF_WORKSPACE = 3, 200
A_DAY = timedelta(days=1)


def may_have_link(member: Membership) -> bool:
    """A link makes whoever has it this person: only while they have set no password, belong to no
    other workspace, whose doors it would open too, and have no door to the admin.
    """
    return (
        member.is_active
        and not member.user.has_usable_password()
        and not is_above_workspaces(member.user)
        and not doors.is_member_elsewhere(member)
    )


def link(user: User) -> str:
    """Valid once (a password that is set makes it void) and for PASSWORD_RESET_TIMEOUT."""
    return resetting.link("set_password", user, default_token_generator)


def days() -> int:
    return settings.PASSWORD_RESET_TIMEOUT // 86400


def may_mail(member: Membership) -> bool:
    """Whether another one may be mailed to the member: the name and the words are a stranger's."""
    who, where = member.user.email, str(member.tenant_id)
    return mails.may("invited", who, most=MOST_TO_PERSON, within=A_DAY) and mails.may(
        "invites", where, most=MOST_OF_WORKSPACE, within=A_DAY
    )


def mail(tenant_id: UUID, member_id: int, *, by: str) -> None:
    """Send the link to the member, in the name of `by`, if they may still have one."""
    with tenant_transaction(tenant_id):
        found = Membership.objects.select_related("user", "tenant").filter(pk=member_id).first()
        if found is None or not may_have_link(found):
            return
        to, where, address = found.user, found.tenant.name, link(found.user)
    mails.send(
        "invitation", to.email, name=to.name, by=by, workspace=where, link=address, days=days()
    )
