"""What ended calls took, summed up by the hour, so that the day's need not be added up for each."""

from collections.abc import Sequence
from uuid import UUID

from django.db import models

from tenants.fence.constraints import TableTriggers
from tenants.fence.scoping import TenantOwned

NOBODY = UUID(int=0)


class HourSum(TenantOwned):
    """The outbound calls that began in an hour, are over and were not refused, of one person at one
    rate. The database itself keeps it (`SummedByHour`), whoever writes the calls.
    """

    hour = models.DateTimeField(help_text="The hour's beginning.")
    person = models.UUIDField(help_text="Who called; zero for nobody.")  # a sum outlives them
    rate = models.DecimalField(max_digits=7, decimal_places=4)
    calls = models.IntegerField()
    length = models.BigIntegerField(help_text="Together, microseconds.")

    class Meta(TenantOwned.Meta):
        constraints = [
            *TenantOwned.Meta.constraints,
            models.UniqueConstraint(
                fields=["tenant", "hour", "person", "rate"], name="hour_sum_once"
            ),
        ]


# A call is taken away as it was and added as it is, within the transaction that writes it: of two
# that end at once one waits for the other, and what is rolled back was never added. Where the hour
# is forgotten already, nothing is taken away.
_COUNTS = """{row}.direction = 'OUTBOUND' AND {row}.submission <> 'refused'
    AND {row}.ended_at IS NOT NULL"""
_VALUES = "{row}.tenant_id, {hour}, COALESCE({row}.user_id, {nobody}), {row}.assumed_rate"
_TAKEN = """UPDATE calls_hoursum SET calls = calls - 1, length = length - {length}
    WHERE tenant_id = {row}.tenant_id AND hour = {hour}
        AND person = COALESCE({row}.user_id, {nobody}) AND rate = {row}.assumed_rate"""
_INTO = "INSERT INTO calls_hoursum (tenant_id, hour, person, rate, calls, length) SELECT "
_OR_ADDED_TO = """ON CONFLICT (tenant_id, hour, person, rate) DO UPDATE
    SET calls = calls_hoursum.calls + 1, length = calls_hoursum.length + excluded.length"""
_ADDED = f"{_INTO} {_VALUES}, 1, {{length}} WHERE {_COUNTS} {_OR_ADDED_TO}"
# Those of before the triggers, when they come.
_OF_BEFORE = (
    f"{_INTO} {_VALUES}, COUNT(*), SUM({{length}}) FROM calls_calllog c"
    f" WHERE c.tenant_id = %s AND {_COUNTS} AND c.started_at >= %s GROUP BY 1, 2, 3, 4"
)
_COLUMNS = "started_at, ended_at, submission, assumed_rate, user_id, direction"


def of_before(vendor: str) -> str:
    """The statement for a migration; its values: a tenant, and since when."""
    return _filled(_OF_BEFORE, "c", vendor)


def length_of(row: str, vendor: str) -> str:
    """How long a call took that is over, in SQL, microseconds."""
    if vendor == "postgresql":
        return f"(EXTRACT(EPOCH FROM {row}.ended_at - {row}.started_at) * 1000000)::bigint"
    return f"django_timestamp_diff({row}.ended_at, {row}.started_at)"  # as Django computes it


def _filled(template: str, row: str, vendor: str) -> str:
    if vendor == "postgresql":
        parts = {
            "hour": f"date_trunc('hour', {row}.started_at, 'UTC')",
            "nobody": f"'{NOBODY}'::uuid",
        }
    else:  # as Django keeps times and UUIDs there
        parts = {
            "hour": f"substr({row}.started_at, 1, 13) || ':00:00'",
            "nobody": f"'{NOBODY.hex}'",
        }
    return template.format(row=row, length=length_of(row, vendor), **parts)


class SummedByHour(TableTriggers):
    """Triggers on the calls that keep `HourSum`.

    SQLite remakes a table to change it, and refuses while a trigger of another names it: a
    migration that changes `HourSum` takes this from the calls first, and adds it again afterwards.
    """

    default_name = "%(app_label)s_%(class)s_summed"

    def templates(self, vendor: str) -> Sequence[str]:
        taken, added = _filled(_TAKEN, "OLD", vendor), _filled(_ADDED, "NEW", vendor)
        counted = _COUNTS.format(row="OLD")
        if vendor == "postgresql":
            return [
                "CREATE OR REPLACE FUNCTION sum_call_by_hour() RETURNS trigger"
                f" LANGUAGE plpgsql AS $$ BEGIN"
                f" IF TG_OP <> 'INSERT' AND {counted} THEN {taken}; END IF;"
                f" IF TG_OP <> 'DELETE' THEN {added}; END IF; RETURN NULL; END $$;"
                f" CREATE TRIGGER %(name)s AFTER INSERT OR DELETE OR UPDATE OF {_COLUMNS}"
                " ON %(table)s FOR EACH ROW EXECUTE FUNCTION sum_call_by_hour()"
            ]
        taken = f"{taken} AND {counted};"
        return [
            f"CREATE TRIGGER %(name)s_{name} AFTER {event} ON %(table)s BEGIN {does} END"
            for name, event, does in (
                ("insert", "INSERT", f"{added};"),
                ("update", f"UPDATE OF {_COLUMNS}", f"{taken} {added};"),
                ("delete", "DELETE", taken),
            )
        ]
