"""What there is already of the first steps."""

from collections.abc import Sequence

from django.db.models import Exists

from calls.facts import states
from calls.facts.first_steps import Found
from calls.models import CallLog, PhoneNumber
from contacts.models import Contact
from tenants.models import Membership, Role

MOST_NAMES = 3


def found(member: Membership, *, account_sid: str) -> Found:
    """One statement, whatever there is. `account_sid`: of the account that calls are made with."""
    calls = CallLog.objects.exclude(outcome=states.FAILED)
    row = (
        Membership.objects.filter(pk=member.pk)
        .values_list(
            Exists(PhoneNumber.objects.filter(account_sid=account_sid)),
            Exists(Contact.objects.all()),
            Exists(Membership.objects.filter(is_active=True).exclude(pk=member.pk)),
            Exists(calls),
            Exists(calls.filter(user_id=member.user_id)),
        )
        .get()
    )
    return Found(*row)


def admins() -> Sequence[str]:
    """Whom to ask, by name: the first of the workspace's admins."""
    found = Membership.objects.filter(role=Role.ADMIN, is_active=True, user__is_active=True)
    return [str(member.user) for member in found.select_related("user").order_by("id")[:MOST_NAMES]]
