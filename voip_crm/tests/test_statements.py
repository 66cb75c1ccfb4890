"""The statement guard itself: what it lets through and what it stops."""

from pathlib import Path
from uuid import uuid4

import pytest

from tenants import doors
from tenants.models import Membership
from voip_crm.tests import statements
from voip_crm.tests.statements import fault, logged

CALL, CONTACT, NUMBER = "calls_calllog", "contacts_contact", "contacts_contactnumber"

GOOD = [
    f"SELECT * FROM {CONTACT} WHERE tenant_id = 'a'",
    f'SELECT * FROM "{CONTACT}" WHERE ("{CONTACT}"."tenant_id" = \'a\' AND name = \'x\')',
    f"SELECT c.id FROM {CONTACT} c WHERE 'a' = c.tenant_id",
    f"SELECT * FROM {CONTACT} WHERE (tenant_id = 'a' AND (name = 'x' OR name = 'y'))",
    f"SELECT count(*) FROM (SELECT id FROM {CONTACT} WHERE tenant_id = 'a') AS inside",
    f"SELECT * FROM {NUMBER} n JOIN {CONTACT} c ON n.contact_id = c.id WHERE n.tenant_id = 'a'",
    f"SELECT * FROM {NUMBER} n JOIN {CONTACT} c ON n.contact_id = c.id WHERE c.tenant_id = 'a'",
    f"SELECT * FROM {CALL} l LEFT JOIN {CONTACT} c ON l.contact_id = c.id WHERE l.tenant_id = 'a'",
    f"SELECT * FROM {CALL} l JOIN {CONTACT} c ON l.tenant_id = c.tenant_id AND c.tenant_id = 'a'",
    f"SELECT * FROM {CONTACT} c WHERE tenant_id = 'a' AND EXISTS"
    f" (SELECT 1 FROM {NUMBER} n WHERE n.contact_id = c.id)",
    f"SELECT * FROM {CONTACT} WHERE tenant_id = current_setting('app.tenant')::uuid",
    f"(SELECT id FROM {CONTACT} WHERE tenant_id = 'a') UNION"
    f" (SELECT id FROM {CALL} WHERE tenant_id = 'a')",
    f"INSERT INTO {CONTACT} (id, tenant_id, name) VALUES (1, 'a', 'x')",
    f"INSERT INTO {CONTACT} (id, tenant_id) VALUES (1, 'a') ON CONFLICT DO NOTHING RETURNING id",
    f"UPDATE {CONTACT} SET name = 'x' WHERE id = 1 AND tenant_id = 'a'",
    f"DELETE FROM {CALL} WHERE tenant_id = 'a' AND id IN (1, 2)",
    f"DELETE FROM {CONTACT} WHERE ({CONTACT}.id IN (1, 2))",
    f"DELETE FROM {CALL} WHERE id IN (1, 2)",
    f"WITH found AS (SELECT id FROM {CONTACT} WHERE tenant_id = 'a') SELECT * FROM found",
    "SELECT * FROM tenants_membership m JOIN tenants_user u ON m.user_id = u.id"
    " WHERE m.user_id = 1",
    "WITH said AS (SELECT person FROM tenants_session WHERE session_key = 'a')"
    " SELECT * FROM said LEFT JOIN tenants_membership m ON m.user_id = said.person",
    "SELECT * FROM tenants_tenant",
    f"TRUNCATE {CONTACT}",
]
BAD = [
    f"SELECT * FROM {CONTACT}",
    f"SELECT tenant_id FROM {CONTACT} WHERE id = 1",
    f"SELECT * FROM {CONTACT} WHERE tenant_id = 'a' OR name = 'x'",
    f"SELECT * FROM {CONTACT} WHERE NOT tenant_id = 'a'",
    f"SELECT * FROM {CONTACT} WHERE tenant_id <> 'a'",
    f"SELECT * FROM {CONTACT} WHERE tenant_id IS NOT NULL",
    f"SELECT * FROM {CONTACT} WHERE tenant_id = tenant_id",
    f"SELECT * FROM {CONTACT} WHERE tenant_id IN (SELECT id FROM tenants_tenant)",
    f"SELECT * FROM {CONTACT} WHERE tenant_id = (SELECT id FROM tenants_tenant LIMIT 1)",
    f"SELECT * FROM {CONTACT} WHERE name = 'tenant_id = 1'",
    f"SELECT * FROM {CONTACT} ORDER BY tenant_id",
    f"SELECT * FROM {CALL} l JOIN {CONTACT} c ON l.to_number = c.name WHERE l.tenant_id = 'a'",
    f"SELECT * FROM {CALL} l JOIN {CONTACT} c ON l.contact_id = c.id",
    f"SELECT * FROM {CALL} l, {CONTACT} c WHERE l.tenant_id = 'a'",
    f"SELECT * FROM {CONTACT} c LEFT JOIN {CALL} l ON c.tenant_id = 'a'",
    f"SELECT * FROM tenants_tenant t WHERE EXISTS (SELECT 1 FROM {CONTACT} WHERE name = 'x')",
    f"SELECT 1 FROM {CONTACT} WHERE tenant_id = 'a' UNION SELECT 1 FROM {CALL}",
    f"SELECT * FROM {CONTACT} WHERE tenant_id = 'a' AND id IN (SELECT contact_id FROM {NUMBER})",
    f"INSERT INTO {CONTACT} (id, name) VALUES (1, 'x')",
    f"INSERT INTO {CONTACT} VALUES (1, 'x')",
    f"UPDATE {CONTACT} SET tenant_id = 'b' WHERE id = 1",
    f"DELETE FROM {CONTACT} WHERE id IN (SELECT contact_id FROM {CALL})",
    f"DELETE FROM {CONTACT} WHERE name IN ('x')",
    f"WITH found AS (SELECT id FROM {CONTACT}) SELECT * FROM found WHERE 'a' = 'a'",
    "SELECT * FROM tenants_membership WHERE role = 'admin'",
    "SELECT * FROM tenants_session s JOIN tenants_membership m ON m.user_id = s.person",
    "WITH said AS (SELECT person FROM tenants_session)"
    " SELECT * FROM said JOIN tenants_membership m ON m.role = said.person",
    f"WITH said AS (SELECT person FROM tenants_session) SELECT * FROM said JOIN {CALL} c"
    " ON c.user_id = said.person",
]


@pytest.mark.parametrize("sql", GOOD)
def test_a_statement_of_one_tenant_passes(sql: str) -> None:
    assert fault(sql) is None


@pytest.mark.parametrize("sql", BAD)
def test_a_statement_that_may_reach_another_tenant_is_stopped(sql: str) -> None:
    assert fault(sql) is not None


def test_what_cannot_be_read_is_stopped() -> None:
    assert "cannot be read" in str(fault(f"SELECT FROM WHERE ( {CONTACT}"))


def test_the_product_is_heard_in_a_test_and_the_test_itself_is_not(cast: object) -> None:
    """A door is the one place of the product that looks across; here its exception is off."""
    list(Membership.unscoped.all())
    assert statements.faults == []
    statements.fault.cache_clear()
    exceptions, statements.EXCEPTIONS = statements.EXCEPTIONS, set()
    try:
        doors.membership_of(uuid4())
    finally:
        statements.EXCEPTIONS = exceptions
        statements.fault.cache_clear()
    assert [each.split(":")[0] for each in statements.faults] == [
        "tenants_membership is not restricted by its tenant"
    ]
    statements.faults.clear()


def test_the_processes_statements_are_read_from_the_log(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text(
        "product|LOG:  statement: SELECT 'a'\n"
        "psql|LOG:  statement: SELECT 'b'\n"
        "product|LOG:  execute <unnamed>: SELECT\n\t'it''s' AS d\n"
        "product|ERROR:  no such thing\n"
        "product|STATEMENT:  SELECT e\n"
        "product|LOG:  statement: SELECT f"
    )
    assert [" ".join(each.split()) for each in logged(log, "product")] == [
        "SELECT '?'",
        "SELECT '?' AS d",
        "SELECT f",
    ]
