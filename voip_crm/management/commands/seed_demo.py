from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction

from voip_crm import demo


class Command(BaseCommand):
    help = (
        "Create the demo: two workspaces with people, contacts and some weeks of calls. Its "
        "numbers are those of the sandbox's pretend phones; never load it beside real data."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--if-empty", action="store_true", help="do nothing where a workspace already exists"
        )

    @transaction.atomic
    def handle(self, *args: Any, **options: Any) -> None:
        try:
            if options["if_empty"]:
                loaded = demo.load_if_empty()
            else:
                demo.load()
                loaded = True
        except ValidationError as error:
            raise CommandError("The demo was not created: " + "; ".join(error.messages)) from None
        self.stdout.write(
            "Demo created." if loaded else "Workspaces already exist; nothing was changed."
        )
