"""A call as the API tells it (docs/api.md): JSON's types, out of one statement.

Written out, and by hand: with a serializer that walks its fields a row cost 0.8 ms. What stands in
an answer is declared by `calls.api.call_logs.CallLogSerializer`; tests hold the two together.
"""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from functools import cache
from typing import Any
from uuid import UUID

from django.conf import settings
from django.core.exceptions import EmptyResultSet
from django.db import connection
from django.db.models import QuerySet
from django.urls import reverse

from calls.models import CallEvent, CallLog, PossibleContact, Recording
from contacts.models import Contact, ContactNumber
from tenants.fence.columns import Columns, as_django
from tenants.fence.context import tenant_id_for_query
from tenants.models import User

# Of the contact's numbers the first; when their phone began to ring; of the call's recordings the
# latest that can be played, else the latest of which anything exists. As scalars, not as joins,
# each is looked for by an index for every row, however large its table is.
_STATEMENT = """
WITH page AS ({page})
SELECT {columns}, (
    SELECT n.number FROM contacts_contactnumber n
    WHERE n.tenant_id = l.tenant_id AND n.contact_id = l.contact_id
    ORDER BY n.position, n.id LIMIT 1
), (
    SELECT r.state || ' ' || r.sid || ' ' || CAST(r.id AS char(36)) FROM calls_recording r
    WHERE r.tenant_id = l.tenant_id AND r.call_id = l.id AND r.state <> 'absent'
    ORDER BY CASE r.state WHEN 'stored' THEN 0 ELSE 1 END, r.created_at DESC, r.id DESC LIMIT 1
), (
    SELECT MIN(e.at) FROM calls_callevent e
    JOIN calls_callleg leg ON leg.tenant_id = e.tenant_id AND leg.id = e.leg_id
    WHERE e.tenant_id = l.tenant_id AND e.conference_id = l.conference_id
        AND e.kind = 'call' AND e.name = 'ringing' AND leg.party = 'contact'
) FROM page
JOIN calls_calllog l ON l.id = page.id AND l.tenant_id = %s
LEFT JOIN tenants_user u ON u.id = l.user_id
LEFT JOIN contacts_contact c ON c.tenant_id = l.tenant_id AND c.id = l.contact_id
ORDER BY l.started_at DESC, l.id DESC
"""


@cache
def _parts() -> tuple[list[Columns], str]:
    """What `_told` takes, in its order, and the statement."""
    of_call = [
        *("id", "tenant", "user", "contact", "meant", "direction", "from_number"),
        *("to_number", "extension", "status", "outcome", "duration", "twilio_call_sid"),
        *("started_at", "answered_at", "ended_at", "created_at", "updated_at"),
    ]
    parts = [
        Columns(CallLog, "l", *of_call),
        Columns(User, "u", "name", "email"),
        Columns(Contact, "c", "name"),
        Columns(ContactNumber, "n", "number"),
        Columns(Recording, "r", "sid"),
        Columns(CallEvent, "e", "at"),
    ]
    columns = ", ".join(part.sql for part in parts[:3])
    return parts, _STATEMENT.replace("{columns}", columns)


def told(page: QuerySet[CallLog]) -> list[dict[str, Any]]:
    """The calls of this queryset, newest first. One statement, and one more for calls in doubt."""
    parts, statement = _parts()
    tenant = CallLog._meta.get_field("tenant").get_db_prep_value(tenant_id_for_query(), connection)
    try:
        sql, values = page.values("id").query.sql_with_params()
    except EmptyResultSet:  # a filter that nothing can match
        return []
    with connection.cursor() as cursor:
        cursor.execute(statement.replace("{page}", sql), [*values, tenant])
        rows = as_django(cursor.fetchall(), *parts)
    possible = _possible([row[0] for row in rows if row[3] is None and row[4] > 1])
    audio = settings.PUBLIC_BASE_URL + reverse("recording", args=[UUID(int=0)])
    return [_told(row, possible, audio.removesuffix(str(UUID(int=0)))) for row in rows]


def _told(row: Sequence[Any], possible: dict[UUID, Any], audio: str) -> dict[str, Any]:
    # fmt: off
    (
        call, tenant, user, contact, _, direction, from_number, to_number, extension, status,
        outcome, duration, call_sid, started_at, answered_at, ended_at, created_at, updated_at,
        user_name, user_email, contact_name, phone, recording, rang_at,
    ) = row
    # fmt: on
    state, _, rest = (recording or "").partition(" ")
    recording_sid, _, recording_id = rest.rpartition(" ")
    return {
        "id": str(call),
        "tenantId": str(tenant),
        "userId": str(user) if user else None,
        "contactId": str(contact) if contact else None,
        "direction": direction,
        "fromNumber": from_number,
        "toNumber": to_number,
        "extension": extension,
        "status": status,
        "outcome": outcome or None,
        "duration": duration,
        "ringSeconds": _seconds(rang_at, answered_at or ended_at),
        "waitSeconds": None,  # of callers who wait for an agent, and no call comes in yet
        "holdSeconds": 0,  # nobody can be put on hold yet
        "recordingUrl": f"{audio}{UUID(recording_id)}" if state == Recording.State.STORED else None,
        "recordingSid": recording_sid or None,
        "twilioCallSid": call_sid,
        "startedAt": moment(started_at),
        "answeredAt": moment(answered_at),
        "endedAt": moment(ended_at),
        "createdAt": moment(created_at),
        "updatedAt": moment(updated_at),
        "user": {"id": str(user), "name": user_name or user_email} if user else None,
        "contact": {"id": str(contact), "name": contact_name, "phone": phone} if contact else None,
        "possibleContacts": possible.get(call, []),
    }


def moment(at: datetime | None) -> str | None:
    """ISO 8601 with a Z (a “+” would be read as a space in a query string)."""
    return at.isoformat().replace("+00:00", "Z") if at else None


def _seconds(since: datetime | None, until: datetime | None) -> int | None:
    if since is None or until is None:
        return None
    return max(0, int((until - since).total_seconds()))


def _possible(in_doubt: Sequence[UUID]) -> dict[UUID, list[dict[str, str]]]:
    """Whom each of these calls may be with."""
    found: dict[UUID, list[dict[str, str]]] = defaultdict(list)
    if in_doubt:
        rows = PossibleContact.objects.filter(call_id__in=in_doubt).order_by("id")
        for call, contact, name in rows.values_list("call_id", "contact_id", "contact__name"):
            found[call].append({"id": str(contact), "name": name})
    return found
