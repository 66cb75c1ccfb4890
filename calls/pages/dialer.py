"""What the dialer offers beside the number to call: from which of ours, if there is one."""

from typing import Any
from uuid import UUID

from calls.gateway.accounts import TwilioNotConfigured, account_of, shared_account
from calls.models import PhoneNumber
from calls.selectors.caller_ids import offered
from calls.services import caller_ids
from contacts.numbers import display
from tenants.bricks.http import TenantRequest
from tenants.bricks.ids import read_uuid


def dialer(request: TenantRequest) -> dict[str, Any]:
    """The context of `_dialer.html`. There is something to choose only among several. `lacks` is
    what no call can be made without: `account`, `caller_id`, or "".
    """
    numbers = offered()
    try:
        if numbers and not numbers[0].is_of_own_account:
            shared_account()
        else:  # none, or with secrets that must be legible
            account_of(request.tenant.pk)
    except TwilioNotConfigured:
        return {"lacks": "account"}
    remembered = _remembered(request)
    chosen = next((each for each in numbers if each.id == remembered), None)
    country = request.tenant.country
    return {
        "lacks": "" if numbers else "caller_id",
        "caller_ids": [
            {
                "id": each.id,
                "text": ", ".join(filter(None, (each.label, display(each.number, country)))),
                "is_chosen": each is chosen,
            }
            for each in numbers
        ]
        if len(numbers) > 1
        else [],
        "caller_id_cookie": _cookie(request),
    }


def caller_id(request: TenantRequest) -> PhoneNumber:
    """The number that a wish is called from: the one sent with it, else the one that this person
    has chosen in this browser as long as it is there, else the default. Raises `Refusal`.
    """
    tenant = request.tenant
    if sent := request.POST.get("from_number_id", ""):
        # What is no id is no number's, either.
        return caller_ids.choose_caller_id(tenant, number_id=read_uuid(sent) or UUID(int=0))
    if remembered := _remembered(request):
        found: PhoneNumber | None = caller_ids.usable(tenant).filter(pk=remembered).first()
        if found is not None:
            return found
    return caller_ids.choose_caller_id(tenant)


def _remembered(request: TenantRequest) -> UUID | None:
    return read_uuid(request.COOKIES.get(_cookie(request), ""))


def _cookie(request: TenantRequest) -> str:
    """Of one person in one workspace; combobox.js writes it when another number is chosen. It is
    believed as far as it names one of the workspace's numbers.
    """
    return f"caller-id-{request.member.pk}"
