import json
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from calls.management.asking import add_workspace, asking, named
from calls.services.setup.holding import Ours, survey


class Command(BaseCommand):
    help = (
        "List a workspace's numbers with whom their callers reach, those that are being bought, "
        "and those that its Twilio account has and that it may take."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        add_workspace(parser)
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        with asking():
            tenant, account = named(options)
            found = survey(tenant, account=account)
        if options["json"]:
            said = {
                "workspace": tenant.slug,
                "account": account.sid,
                "numbers": [_as_json(ours) for ours in found.ours],
                "being_bought": [order.number for order in found.ordered],
                "free": [{"number": each.number, "leads_to": each.target} for each in found.free],
            }
            self.stdout.write(json.dumps(said, indent=1))
            return
        for row, held, leads in found.ours:
            whom = f"callers: {leads}" if held else f"{account.sid} no longer has it"
            if leads == "elsewhere" and held:
                whom += f" ({held.target})"
            notes = [whom, *(["default"] if row.is_default else []), row.label]
            self.stdout.write("  ".join([row.number, *filter(None, notes)]))
        for order in found.ordered:
            self.stdout.write(f"{order.number}  being bought, not confirmed yet")
        for each in found.free:
            self.stdout.write(f"{each.number}  free: manage.py point_number {tenant.slug} …")
        if not (found.ours or found.ordered or found.free):
            self.stdout.write(f"{tenant.slug} has no number, and {account.sid} no free one.")


def _as_json(ours: Ours) -> dict[str, Any]:
    row, held, leads = ours
    return {
        "number": row.number,
        "label": row.label,
        "is_default": row.is_default,
        "sid": row.twilio_sid,
        "is_held": held is not None,
        "callers": leads,
        "leads_to": held.target if held else None,
    }
