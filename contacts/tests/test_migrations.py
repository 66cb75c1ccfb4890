"""Migrations that are run while others work, and may be broken off."""

from importlib import import_module
from typing import Any

import pytest
from django.db import IntegrityError, connection

from contacts.services import create_contact
from tenants.fence.context import tenant_transaction
from tenants.tests.database import everything_visible

INDEXES = """SELECT indexrelid::regclass::text, indisvalid, indisunique,
    pg_get_indexdef(indexrelid), EXISTS (SELECT 1 FROM pg_constraint WHERE conindid = indexrelid)
    FROM pg_index WHERE indrelid = 'contacts_contacttoken'::regclass ORDER BY 1"""


def indexes() -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(INDEXES)
        return list(cursor.fetchall())


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("left", ["nothing", "an invalid index"])
def test_the_index_of_tokens_is_built_beside_the_old_one_and_again_where_it_broke_off(
    cast: Any, left: str
) -> None:
    if connection.vendor != "postgresql":
        pytest.skip("SQLite builds them in one go")
    with tenant_transaction(cast.acme.pk):
        create_contact(cast.acme, name="Adam Ant")
    swap = import_module("contacts.migrations.0012_index_of_tokens").swap
    built = indexes()
    assert ("contact_token_once", True, True, True) in [(*row[:3], row[4]) for row in built]
    with everything_visible():
        try:
            with connection.cursor() as cursor:
                table = "ALTER TABLE contacts_contacttoken"
                cursor.execute(f"{table} DROP CONSTRAINT contact_token_once")
                cursor.execute("DROP INDEX contact_found")
                cursor.execute(f"{table} ADD CONSTRAINT contact_token UNIQUE (token, id)")
                if left != "nothing":
                    for name in ("contact_token_once", "contact_found"):
                        with pytest.raises(IntegrityError):
                            cursor.execute(
                                f"CREATE UNIQUE INDEX CONCURRENTLY {name}"
                                " ON contacts_contacttoken ((tenant_id IS NULL))"
                            )
                    invalid = [row[0] for row in indexes() if not row[1]]
                    assert invalid == ["contact_found", "contact_token_once"]
        finally:
            for _ in range(2):
                swap(connection)
                assert indexes() == built
