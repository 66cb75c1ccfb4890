"""Which numbers of ours a workspace may call from, and which of them one call is made from."""

from uuid import UUID

from django.db.models import QuerySet

from calls.facts.refusals import Refusal
from calls.gateway.accounts import sid_of
from calls.models import PhoneNumber
from tenants.models import Tenant


def usable(tenant: Tenant, *, account_sid: str = "") -> QuerySet[PhoneNumber]:
    """Those of the account `account_sid`, by default the one in use. The first is the one that is
    called from unless another is chosen.
    """
    account = account_sid or sid_of(tenant.pk)
    ours: QuerySet[PhoneNumber] = PhoneNumber.objects.filter(account_sid=account)
    return ours.order_by("-is_default", "number")


def choose_caller_id(
    tenant: Tenant, *, number_id: UUID | None = None, account_sid: str = ""
) -> PhoneNumber:
    """The number to call from: the chosen one, or the first. Another workspace's, and one of
    another account, do not exist. Raises `Refusal`.
    """
    ours = usable(tenant, account_sid=account_sid)
    if number_id is not None:
        ours = ours.filter(pk=number_id)
    if (found := ours.first()) is not None:
        return found
    raise no_caller_id(is_chosen=number_id is not None)


def no_caller_id(*, is_chosen: bool) -> Refusal:
    if is_chosen:
        message = "You can’t call from this number anymore. Choose another one."
    else:
        message = "Your workspace has no phone number yet. Ask an admin to add one."
    return Refusal("no_caller_id", message)
