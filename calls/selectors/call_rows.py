"""A call as the API tells it (docs/api.md): JSON's types, out of one statement.

Written out, and by hand: with a serializer that walks its fields a row cost 0.8 ms. The database
writes ids and times as text, since to make objects of them, and text of those, took half of what
was left. What stands in an answer is declared by `calls.api.call_logs.CallLogSerializer`; tests
hold the two together.
"""

from collections import defaultdict
from collections.abc import Sequence
from functools import cache
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connection
from django.urls import reverse

from calls.models import PossibleContact, Recording
from tenants.fence.context import tenant_reading
from tenants.fence.pipeline import ask, reading

# Of the contact's numbers the first; of the call's recordings the latest that can be played, else
# the latest of which anything exists; for how long the contact's phone rang. As scalars, not as
# joins, each is looked for by an index for every row, however large its table is. There is a row
# with the total alone where there is no call.
_STATEMENT = """
WITH page AS ({page}), counted AS (SELECT {total} AS total)
SELECT counted.total, l.meant, {id}, {user}, {contact}, l.direction, l.from_number, l.to_number,
l.extension, l.status, l.outcome, l.duration, l.wait_seconds, l.missed, {missed_done_at},
l.twilio_call_sid, {started_at}, {answered_at}, {ended_at}, {created_at}, {updated_at},
u.name, u.email, c.name, (
    SELECT n.number FROM contacts_contactnumber n
    WHERE n.tenant_id = l.tenant_id AND n.contact_id = l.contact_id
    ORDER BY n.position, n.id LIMIT 1
), (
    SELECT r.state || ' ' || r.sid || ' ' || {recording} FROM calls_recording r
    WHERE r.tenant_id = l.tenant_id AND r.call_id = l.id AND r.state <> 'absent'
    ORDER BY CASE r.state WHEN 'stored' THEN 0 ELSE 1 END, r.created_at DESC, r.id DESC LIMIT 1
), (
    SELECT {rang} FROM calls_callevent e
    JOIN calls_callleg leg ON leg.tenant_id = e.tenant_id AND leg.id = e.leg_id
    WHERE e.tenant_id = l.tenant_id AND e.conference_id = l.conference_id
        AND e.kind = 'call' AND e.name = 'ringing' AND leg.party = 'contact'
) FROM counted LEFT JOIN page ON TRUE
LEFT JOIN calls_calllog l ON l.tenant_id = %s AND l.id = page.id
LEFT JOIN tenants_user u ON u.id = l.user_id
LEFT JOIN contacts_contact c ON c.tenant_id = l.tenant_id AND c.id = l.contact_id
ORDER BY l.started_at DESC, l.id DESC
"""
_TIMES = (
    *("started_at", "answered_at", "ended_at", "created_at", "updated_at"),
    "missed_done_at",
)
Asked = tuple[str, Sequence[Any]]


def _id(column: str, vendor: str) -> str:
    if vendor == "postgresql":
        return f"CAST({column} AS text)"
    parts = (f"substr({column}, {at}, {size})" for at, size in _GROUPS)
    return " || '-' || ".join(parts)


_GROUPS = ((1, 8), (9, 4), (13, 4), (17, 4), (21, 12))


def _moment(column: str, vendor: str) -> str:
    """ISO 8601 with a Z (a “+” would be read as a space in a query string)."""
    if vendor == "postgresql":
        written = f"to_char({column} AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US')"
        return f"replace({written}, '.000000', '') || 'Z'"
    return f"replace({column}, ' ', 'T') || 'Z'"


def _seconds(since: str, until: str, vendor: str) -> str:
    if vendor == "postgresql":
        return f"CAST(trunc(extract(epoch FROM {until} - {since})) AS integer)"
    return f"django_timestamp_diff({until}, {since}) / 1000000"


@cache
def _statement(vendor: str) -> str:
    ids = {"id": "l.id", "user": "l.user_id", "contact": "l.contact_id", "recording": "r.id"}
    parts = {name: _id(column, vendor) for name, column in ids.items()}
    parts |= {name: _moment(f"l.{name}", vendor) for name in _TIMES}
    parts["rang"] = _seconds("MIN(e.at)", "COALESCE(l.answered_at, l.ended_at)", vendor)
    return _STATEMENT.format(page="{page}", total="{total}", **parts)


def told(
    tenant_id: UUID, page: Asked, total: Asked = ("0", ())
) -> tuple[list[dict[str, Any]], int]:
    """(the calls of a tenant whose `id` the statement `page` finds, newest first; what the
    expression `total` says). One statement, and one more for calls in doubt.
    """
    statement = _statement(connection.vendor).replace("{page}", page[0])
    statement = statement.replace("{total}", total[0])
    with reading(tenant_id):
        rows = ask(statement, [*page[1], *total[1], tenant_id]).fetchall()
    tenant, nobody = str(tenant_id), str(UUID(int=0))
    audio = settings.PUBLIC_BASE_URL + reverse("recording", args=[nobody]).removesuffix(nobody)
    calls = [_told(row, tenant, audio) for row in rows if row[2] is not None]
    if in_doubt := [call for call, row in zip(calls, rows, strict=False) if _is_in_doubt(row)]:
        possible = _possible(tenant_id, [call["id"] for call in in_doubt])
        for call in in_doubt:
            call["possibleContacts"] = possible.get(UUID(call["id"]), [])
    return calls, rows[0][0]


def _is_in_doubt(row: Sequence[Any]) -> bool:
    return row[4] is None and (row[1] or 0) > 1


def _told(row: Sequence[Any], tenant: str, audio: str) -> dict[str, Any]:
    # fmt: off
    (
        _, _, call, user, contact, direction, from_number, to_number, extension, status, outcome,
        duration, waited, missed, missed_done_at, call_sid, started_at, answered_at,
        ended_at, created_at, updated_at,
        user_name, user_email, contact_name, phone, recording, rang,
    ) = row
    # fmt: on
    state, _, rest = (recording or "").partition(" ")
    recording_sid, _, recording_id = rest.rpartition(" ")
    return {
        "id": call,
        "tenantId": tenant,
        "userId": user,
        "contactId": contact,
        "direction": direction,
        "fromNumber": from_number,
        "toNumber": to_number,
        "extension": extension,
        "status": status,
        "outcome": outcome or None,
        "duration": duration,
        "ringSeconds": rang if rang is None else max(0, rang),
        "waitSeconds": waited,
        "missed": missed or None,
        "missedDoneAt": missed_done_at,
        "holdSeconds": 0,  # nobody can be put on hold yet
        "recordingUrl": audio + recording_id if state == Recording.State.STORED else None,
        "recordingSid": recording_sid or None,
        "twilioCallSid": call_sid,
        "startedAt": started_at,
        "answeredAt": answered_at,
        "endedAt": ended_at,
        "createdAt": created_at,
        "updatedAt": updated_at,
        "user": {"id": user, "name": user_name or user_email} if user else None,
        "contact": {"id": contact, "name": contact_name, "phone": phone} if contact else None,
        "possibleContacts": [],
    }


def _possible(tenant_id: UUID, in_doubt: Sequence[str]) -> dict[UUID, list[dict[str, str]]]:
    """Whom each of these calls may be with."""
    found: dict[UUID, list[dict[str, str]]] = defaultdict(list)
    with tenant_reading(tenant_id):
        rows = PossibleContact.objects.filter(call_id__in=in_doubt).order_by("id")
        for call, contact, name in rows.values_list("call_id", "contact_id", "contact__name"):
            found[call].append({"id": str(contact), "name": name})
    return found
