"""Commands about numbers: the workspace and its account, and what goes wrong as one line."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.core.management.base import CommandError, CommandParser

from calls.facts.numbers import refusal
from calls.gateway import OutcomeUnknown, TwilioError, TwilioRefused
from calls.gateway.accounts import AccountGone, TwilioAccount, TwilioNotConfigured, account_of
from calls.models import PhoneNumber
from calls.services.setup.numbers import NumberNotOwned, NumberTaken
from contacts.numbers import NumberError, parse_own
from tenants.fence.context import tenant_transaction
from tenants.management.workspaces import workspace_named
from tenants.models import Tenant


def add_workspace(parser: CommandParser) -> None:
    parser.add_argument("workspace", help="the workspace's slug")


def add_number(parser: CommandParser) -> None:
    parser.add_argument("number", help="with its country code, like +14155550100")


@contextmanager
def asking() -> Iterator[None]:
    """Turn what may go wrong into a `CommandError`, which goes to stderr and ends with 1."""
    try:
        yield
    except NumberError as error:
        raise CommandError(error.message) from None
    except AccountGone as error:
        raise CommandError(str(error)) from None
    except TwilioNotConfigured:
        raise CommandError(
            "No Twilio account is set up; manage.py twilio_doctor says what is missing."
        ) from None
    except (NumberNotOwned, NumberTaken) as error:
        raise CommandError(str(error)) from None
    except TwilioRefused as error:
        raise CommandError(refusal(error.code, error.message)) from None
    except OutcomeUnknown as error:
        raise CommandError(
            f"Twilio's answer was lost ({error}), so it may be done or not. Look with "
            "manage.py list_numbers; doing it again does no harm."
        ) from None
    except TwilioError as error:
        raise CommandError(
            f"Twilio could not be asked ({type(error).__name__} {error}). "
            "Nothing was changed; manage.py twilio_doctor looks for the reason."
        ) from None


def named(options: dict[str, Any]) -> tuple[Tenant, TwilioAccount]:
    """The workspace, and the account that it calls by."""
    tenant = workspace_named(options["workspace"])
    return tenant, account_of(tenant.pk)


def number_in(options: dict[str, Any], tenant: Tenant) -> str:
    return parse_own(options["number"], tenant.country)


def row_of(tenant: Tenant, number: str, account_sid: str) -> PhoneNumber:
    """The workspace's number; under its account, or under a former one."""
    with tenant_transaction(tenant.pk):
        rows = {row.account_sid: row for row in PhoneNumber.objects.filter(number=number)}
    if not rows:
        raise CommandError(f"{tenant.slug} has no number {number}.")
    return rows.get(account_sid) or next(iter(rows.values()))
