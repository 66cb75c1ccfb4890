"""Fences and policies, as SQL and as migrations know them."""

from typing import Any

import pytest
from django.apps import apps
from django.core.management import call_command
from django.db import connection

from tenants.fence.policies import DoorPolicy, TenantPolicy
from tenants.fence.scoping import TenantFence, member_fence

ContactNumber = apps.get_model("contacts.ContactNumber")
CallLog = apps.get_model("calls.CallLog")
FENCE = TenantFence("contact", name="fence")
PERSON = member_fence("user")
POLICY = TenantPolicy(name="policy")
DOOR = DoorPolicy(name="door", field="contact", setting="app.one")
OF_TENANT = """tenant_id = (SELECT NULLIF(current_setting('app.tenant', true), '')::uuid)"""


class Editor:
    """What a constraint asks of Django's schema editor."""

    def __init__(self, vendor: str = "postgresql") -> None:
        self.connection = type("Connection", (), {"vendor": vendor})
        self.quote_name = connection.ops.quote_name
        self.deferred_sql: list[str] = []


@pytest.mark.parametrize(
    ("constraint", "made", "dropped"),
    [
        (
            FENCE,
            'ALTER TABLE "contacts_contactnumber" ADD CONSTRAINT "fence"'
            ' FOREIGN KEY ("tenant_id", "contact_id")'
            ' REFERENCES "contacts_contact" ("tenant_id", "id") DEFERRABLE INITIALLY DEFERRED',
            'ALTER TABLE "contacts_contactnumber" DROP CONSTRAINT "fence"',
        ),
        (
            POLICY,
            'ALTER TABLE "contacts_contactnumber" ENABLE ROW LEVEL SECURITY;'
            ' CREATE POLICY "policy" ON "contacts_contactnumber"'
            f" USING ({OF_TENANT}) WITH CHECK ({OF_TENANT})",
            'DROP POLICY "policy" ON "contacts_contactnumber"',
        ),
        (
            DOOR,
            'CREATE POLICY "door" ON "contacts_contactnumber" FOR SELECT USING'
            """ ("contact_id" = (SELECT NULLIF(current_setting('app.one', true), '')::uuid))""",
            'DROP POLICY "door" ON "contacts_contactnumber"',
        ),
    ],
)
def test_a_constraint_is_this_sql(constraint: Any, made: str, dropped: str) -> None:
    editor = Editor()
    assert constraint.create_sql(ContactNumber, editor) == made
    assert constraint.remove_sql(ContactNumber, editor) == dropped
    within = constraint.constraint_sql(ContactNumber, editor)
    if constraint is FENCE:
        assert made.endswith(f" ADD {within}") and editor.deferred_sql == []
    else:  # there is no place for it within CREATE TABLE: it is made after
        assert within is None and editor.deferred_sql == [made]


def test_a_person_is_fenced_by_their_membership() -> None:
    sql = PERSON.constraint_sql(CallLog, Editor())
    assert (
        '("tenant_id", "user_id") REFERENCES "tenants_membership" ("tenant_id", "user_id")' in sql
    )


@pytest.mark.parametrize("policy", [POLICY, DOOR])
def test_sqlite_has_no_policies(policy: Any) -> None:
    editor = Editor("sqlite")
    assert policy.create_sql(ContactNumber, editor) is None
    assert policy.constraint_sql(ContactNumber, editor) is None
    assert policy.remove_sql(ContactNumber, editor) is None
    assert editor.deferred_sql == []


CONSTRAINTS = [
    FENCE,
    TenantFence("agent", name="fence"),
    TenantFence("contact", name="other"),
    TenantFence("contact", name="fence", via="tenants.Membership"),
    TenantFence("contact", name="fence", via="tenants.Membership", via_field="user"),
    PERSON,
    POLICY,
    TenantPolicy(name="other"),
    DOOR,
    DoorPolicy(name="other", field="contact", setting="app.one"),
    DoorPolicy(name="door", field="user", setting="app.one"),
    DoorPolicy(name="door", field="contact", setting="app.two"),
    TenantFence("contact", name="fence", violation_error_code="said"),
    TenantPolicy(name="policy", violation_error_code="said", violation_error_message="So."),
    DoorPolicy(name="door", field="contact", setting="app.one", violation_error_code="said"),
    TenantFence("contact", name="fence", violation_error_message="So."),
    DoorPolicy(name="door", field="contact", setting="app.one", violation_error_message="So."),
]


@pytest.mark.parametrize("constraint", CONSTRAINTS)
def test_a_migration_writes_a_constraint_down_as_it_is(constraint: Any) -> None:
    path, args, kwargs = constraint.deconstruct()
    assert path == f"{type(constraint).__module__}.{type(constraint).__name__}" and args == ()
    again = type(constraint)(**kwargs)
    assert again == constraint and hash(again) == hash(constraint)
    assert again.deconstruct() == constraint.deconstruct()
    assert [other for other in CONSTRAINTS if other == constraint] == [constraint]
    assert constraint != "policy" and constraint != object()


def test_a_fence_is_named_by_its_field() -> None:
    assert FENCE.deconstruct()[2] == {"field": "contact", "name": "fence"}
    assert TenantFence("contact").name == "%(app_label)s_%(class)s_contact_fence"
    assert (PERSON.via, PERSON.via_field) == ("tenants.Membership", "user")
    assert TenantPolicy().name == "%(app_label)s_%(class)s_of_tenant"


def test_the_migrations_make_what_the_models_say(db: None) -> None:
    call_command("makemigrations", check_changes=True, dry_run=True, verbosity=0)


def test_no_form_is_stopped_by_them() -> None:
    for constraint in (FENCE, POLICY, DOOR):
        assert constraint.validate(ContactNumber, ContactNumber()) is None
