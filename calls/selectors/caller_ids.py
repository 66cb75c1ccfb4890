"""Our numbers that a workspace may call from, as the dialer offers them."""

from typing import Any, NamedTuple
from uuid import UUID

from django.conf import settings
from django.db import connection

from calls.models import OwnAccount, PhoneNumber
from tenants.fence.columns import Columns, as_django
from tenants.fence.context import tenant_id_for_query


class CallerId(NamedTuple):
    id: UUID
    number: str  # E.164
    label: str
    is_of_own_account: bool  # of the workspace's, not of the shared one


_NUMBER = Columns(PhoneNumber, "n", "id", "number", "label")
_OWN = Columns(OwnAccount, "o", "sid")
# Those of the account in use, in the order of services.caller_ids; written out, as every calls page
# asks.
_READ = """
SELECT {columns} FROM calls_phonenumber n
LEFT JOIN calls_ownaccount o ON o.tenant_id = n.tenant_id AND o.retired_at IS NULL
WHERE n.tenant_id = %s AND n.account_sid = COALESCE(o.sid, %s)
ORDER BY n.is_default DESC, n.number
"""


def offered() -> list[CallerId]:
    """The first is called from unless another is chosen."""
    field: Any = PhoneNumber._meta.get_field("tenant")
    tenant = field.get_db_prep_value(tenant_id_for_query(), connection)
    with connection.cursor() as cursor:
        statement = _READ.format(columns=f"{_NUMBER.sql}, {_OWN.sql}")
        cursor.execute(statement, [tenant, settings.TWILIO_ACCOUNT_SID])
        rows = as_django(cursor.fetchall(), _NUMBER, _OWN)
    return [CallerId(pk, number, label, bool(own)) for pk, number, label, own in rows]
