import json
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from calls import gateway
from calls.facts.numbers import AREA_CODES, KINDS, search_problem
from calls.gateway import TwilioError
from calls.management.asking import add_workspace, asking, named


class Command(BaseCommand):
    help = "Search numbers that Twilio sells to a workspace's account. Only those for calls."

    def add_arguments(self, parser: CommandParser) -> None:
        add_workspace(parser)
        parser.add_argument("--country", help="ISO code; by default the workspace's")
        parser.add_argument("--kind", choices=list(KINDS), default="local")
        parser.add_argument("--area-code", default="", help="three digits; US and Canada only")
        parser.add_argument("--contains", default="", help="digits or letters, like 2255 or CALL")
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        area_code, contains, kind = options["area_code"], options["contains"], options["kind"]
        with asking():
            tenant, account = named(options)
            country = (options["country"] or tenant.country).upper()
            if len(country) != 2 or not country.isalpha():
                raise CommandError("--country is a code of two letters, like US.")
            if area_code and country not in AREA_CODES:
                raise CommandError("Only US and Canadian numbers have an area code.")
            if contains and (problem := search_problem(contains)):
                raise CommandError(f"--contains: {problem}")
            found = gateway.search_numbers(
                account, country=country, kind=kind, area_code=area_code, contains=contains
            )
        if not found:
            none = "has no such numbers" if found is None else "found none that match"
            raise CommandError(f"Twilio {none} ({KINDS[kind][2].lower()}, {country}).")
        try:
            price = gateway.monthly_prices(account, country).get(kind)
        except TwilioError:  # it is only shown
            price = None
        if options["json"]:
            said = {"monthly_price": str(price) if price else None}
            self.stdout.write(json.dumps(said | {"numbers": [asdict(each) for each in found]}))
            return
        for each in found:
            needs = "needs an address" if each.needs_address else ""
            self.stdout.write("  ".join(filter(None, [each.number, each.place, needs])))
        cost = f"{price} a month each" if price else "Twilio does not tell the price"
        self.stdout.write(f"{cost}. To buy one: manage.py buy_number {tenant.slug} +…")
