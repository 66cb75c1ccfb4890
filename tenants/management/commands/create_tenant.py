from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.text import slugify

from tenants.people.services import create_tenant


class Command(BaseCommand):
    help = "Create a workspace: one company's people, contacts and calls. Prints its id and slug."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", help="name members see, such as “Crane & Co”")
        parser.add_argument("--slug", help="short name for commands; default: from the name")
        parser.add_argument("--country", default="US", help="ISO 3166 code of its numbers")
        parser.add_argument("--time-zone", default="UTC", help="such as Europe/Berlin")
        parser.add_argument("--record-calls", action="store_true", help="record every call")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            tenant = create_tenant(
                name=options["name"],
                slug=options["slug"] or slugify(options["name"]),
                country=options["country"].upper(),
                time_zone=options["time_zone"],
                records_calls=options["record_calls"],
            )
        except ValidationError as error:
            lines = [f"{name}: {' '.join(texts)}" for name, texts in error.message_dict.items()]
            raise CommandError("The workspace was not created.\n" + "\n".join(lines)) from None
        self.stdout.write(f"{tenant.pk} {tenant.slug}")
