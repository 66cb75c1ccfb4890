from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from calls.gateway import TwilioError
from calls.gateway.accounts import TwilioNotConfigured, account_of
from calls.services.setup.numbers import NumberNotOwned, NumberTaken, assign_number, free_numbers
from contacts.numbers import NumberError, parse_own
from tenants.management.workspaces import workspace_named
from tenants.trail import audit


class Command(BaseCommand):
    help = (
        "Give a workspace a phone number to call from. Twilio is asked whether the account "
        "owns it. Doing it again changes only what is given: label, default."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("workspace", help="the workspace's slug")
        parser.add_argument(
            "number",
            nargs="?",
            default=settings.TWILIO_PHONE_NUMBER,
            help="with its country code, like +14155550100; else TWILIO_PHONE_NUMBER; without "
            "either, the account's free numbers are listed",
        )
        parser.add_argument("--label", help="what people see beside it, like “Sales”")
        parser.add_argument(
            "--default", action="store_true", help="call from it unless another is chosen"
        )
        parser.add_argument(
            "--account", help="SID (AC…) of the Twilio account; by default the workspace's"
        )

    @audit.acting(audit.OPERATOR)
    def handle(self, *args: Any, **options: Any) -> None:
        tenant = workspace_named(options["workspace"])
        label = options["label"]
        if label is not None and len(label) > 60:
            raise CommandError("The label is longer than 60 characters.")
        try:
            account = account_of(tenant.pk)
            if (wanted := options["account"]) and wanted != account.sid:
                raise CommandError(f"{tenant.slug} is served by {account.sid}, not by {wanted}.")
            if not options["number"]:
                free = ", ".join(free_numbers(tenant, account=account)) or "none"
                raise CommandError(
                    "Name the number, or set TWILIO_PHONE_NUMBER. "
                    f"Numbers of {account.sid} that no workspace has: {free}."
                )
            number = parse_own(options["number"], tenant.country)
            row, is_new = assign_number(
                tenant, number=number, account=account, label=label, is_default=options["default"]
            )
        except NumberError as error:
            raise CommandError(error.message) from None
        except TwilioNotConfigured:
            raise CommandError(
                "No Twilio account is set up; manage.py twilio_doctor says what is missing."
            ) from None
        except (NumberNotOwned, NumberTaken) as error:
            raise CommandError(str(error)) from None
        except TwilioError as error:
            raise CommandError(
                f"Twilio could not be asked ({type(error).__name__} {error}). "
                "Nothing was changed; manage.py twilio_doctor looks for the reason."
            ) from None
        had = "" if is_new else "already had "
        default = ", its default" if row.is_default else ""
        self.stdout.write(f"{tenant.slug}: {had}{row.number} ({row.twilio_sid}){default}.")
