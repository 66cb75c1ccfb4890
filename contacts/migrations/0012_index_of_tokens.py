from django.db import migrations, models, transaction

OPERATIONS = [
    migrations.AddIndex(
        "contacttoken",
        models.Index(
            fields=["tenant", "is_archived", "token", "sort_name", "contact"],
            name="contact_found",
        ),
    ),
    migrations.AddConstraint(
        "contacttoken",
        models.UniqueConstraint(fields=["tenant", "contact", "token"], name="contact_token_once"),
    ),
    migrations.RemoveConstraint("contacttoken", "contact_token"),
    migrations.RemoveIndex("contacttoken", "contact_token_of"),
]
FOUND = "INDEX CONCURRENTLY IF NOT EXISTS contact_found ON contacts_contacttoken"
ONCE = "UNIQUE INDEX CONCURRENTLY IF NOT EXISTS contact_token_once ON contacts_contacttoken"
STATE = """SELECT i.indisvalid, EXISTS (SELECT 1 FROM pg_constraint c WHERE c.conindid = i.indexrelid)
    FROM pg_index i WHERE i.indexrelid = to_regclass(%s)"""


def build(cursor, name, sql):
    """Whether it is a constraint's by now. What was left of a build that was broken off goes."""
    cursor.execute(STATE, [name])
    is_valid, is_constraint = cursor.fetchone() or (True, False)
    if not is_valid:
        cursor.execute(f"DROP INDEX CONCURRENTLY {name}")
    cursor.execute(f"CREATE {sql}")
    return is_constraint


def swap(connection):
    """While others read and write; so outside a transaction, and what is done already is left."""
    with connection.cursor() as cursor:
        # A build waits for whoever is at work, and nobody waits for it.
        cursor.execute("SET lock_timeout = 0")
        try:
            build(
                cursor,
                "contact_found",
                f"{FOUND} (tenant_id, is_archived, token, sort_name, contact_id)",
            )
            is_done = build(
                cursor, "contact_token_once", f"{ONCE} (tenant_id, contact_id, token)"
            )
        finally:
            cursor.execute("RESET lock_timeout")
        with transaction.atomic():
            table = "ALTER TABLE contacts_contacttoken"
            if not is_done:
                name = "contact_token_once"
                cursor.execute(f"{table} ADD CONSTRAINT {name} UNIQUE USING INDEX {name}")
            cursor.execute(f"{table} DROP CONSTRAINT IF EXISTS contact_token")
            cursor.execute("DROP INDEX IF EXISTS contact_token_of")


class Swap(migrations.SeparateDatabaseAndState):
    """The new indexes in the place of the old ones."""

    def __init__(self):
        super().__init__(OPERATIONS, OPERATIONS)

    def database_forwards(self, app_label, schema_editor, from_state, to_state):
        if schema_editor.connection.vendor == "postgresql":
            swap(schema_editor.connection)
        else:
            with transaction.atomic():
                super().database_forwards(app_label, schema_editor, from_state, to_state)


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("contacts", "0011_tell_tokens")]
    operations = [Swap()]
