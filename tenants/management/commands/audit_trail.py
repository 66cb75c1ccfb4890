import json
from typing import Any
from zoneinfo import ZoneInfo

from django.core.management.base import BaseCommand, CommandParser

from tenants.bricks import csv_cells
from tenants.fence.context import tenant_transaction
from tenants.management.workspaces import workspace_named
from tenants.models import AuditEntry
from tenants.trail import reading


class Command(BaseCommand):
    help = "Print a workspace's audit trail, newest first, as CSV or as a JSON object a line."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("workspace", help="the workspace's slug")
        parser.add_argument("--json", action="store_true", help="JSON lines; times are UTC")

    def handle(self, *args: Any, **options: Any) -> None:
        tenant = workspace_named(options["workspace"])
        zone = ZoneInfo(tenant.time_zone)
        if not options["json"]:
            self.stdout.write(csv_cells.lines([reading.HEADER]), ending="")
        cursor, more = "", True
        while more:
            with tenant_transaction(tenant.pk):
                rows = AuditEntry.objects.all()
                found, cursor = reading.page(rows, cursor, reading.EXPORT_PAGE)
            for entry in found:
                line = _json(entry) if options["json"] else _csv(entry, zone)
                self.stdout.write(line, ending="")
            more = bool(cursor)


def _csv(entry: AuditEntry, zone: ZoneInfo) -> str:
    return csv_cells.lines([reading.row(entry, zone)])


def _json(entry: AuditEntry) -> str:
    fields = [field.name for field in AuditEntry._meta.concrete_fields if field.name != "tenant"]
    return json.dumps({name: getattr(entry, name) for name in fields}, default=str) + "\n"
