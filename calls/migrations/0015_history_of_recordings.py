from uuid import UUID

from django.db import migrations, models, transaction

AT_ONCE = 2000
STORED = """SELECT id, call_id FROM calls_recording
    WHERE tenant_id = %s AND state = 'stored' AND id > %s ORDER BY id LIMIT %s"""
LOCK = """SELECT id FROM calls_calllog
    WHERE tenant_id = %s AND id = ANY(%s) ORDER BY id FOR NO KEY UPDATE"""
NOTE = """UPDATE calls_calllog SET has_recording = TRUE
    WHERE tenant_id = %s AND NOT has_recording AND EXISTS (
        SELECT 1 FROM calls_recording r WHERE r.tenant_id = calls_calllog.tenant_id
        AND r.call_id = calls_calllog.id AND r.state = 'stored'
    )"""
INDEX = models.Index(
    fields=["tenant", "has_recording", "-started_at", "-id"], name="call_history_recorded"
)
IS_VALID = "SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass(%s)"


def of_before(apps, schema_editor):
    connection = schema_editor.connection
    tenants = apps.get_model("tenants", "Tenant")
    for tenant in tenants.objects.values_list("pk", flat=True):
        with connection.cursor() as cursor:
            if connection.vendor == "postgresql":
                note_by_and_by(cursor, tenant)
            else:
                cursor.execute(NOTE, [tenants._meta.pk.get_db_prep_value(tenant, connection)])


def note_by_and_by(cursor, tenant):
    """Some at a time, so that nobody waits long for a call; run again, it begins anew."""
    last = UUID(int=0)
    while True:
        cursor.execute(STORED, [tenant, last, AT_ONCE])
        found = cursor.fetchall()
        if not found:
            return
        last, calls = found[-1][0], sorted({call for _, call in found})
        with transaction.atomic():
            cursor.execute(LOCK, [tenant, calls])
            cursor.execute(f"{NOTE} AND id = ANY(%s)", [tenant, calls])


class AddIndexMeanwhile(migrations.AddIndex):
    """While others read and write; what was left of a build that was broken off goes first."""

    atomic = False

    def database_forwards(self, app_label, schema_editor, from_state, to_state):
        if schema_editor.connection.vendor != "postgresql":
            super().database_forwards(app_label, schema_editor, from_state, to_state)
            return
        model = to_state.apps.get_model(app_label, self.model_name)
        with schema_editor.connection.cursor() as cursor:
            # A build waits for whoever is at work, and nobody waits for it.
            cursor.execute("SET lock_timeout = 0")
            try:
                cursor.execute(IS_VALID, [self.index.name])
                is_valid = (cursor.fetchone() or [None])[0]
                if is_valid is False:
                    cursor.execute(f"DROP INDEX CONCURRENTLY {self.index.name}")
                if not is_valid:
                    made = self.index.create_sql(model, schema_editor, concurrently=True)
                    cursor.execute(str(made))
            finally:
                cursor.execute("RESET lock_timeout")


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("calls", "0014_has_recording"), ("tenants", "0010_sessions")]
    operations = [
        migrations.RunPython(of_before, migrations.RunPython.noop),
        AddIndexMeanwhile(model_name="calllog", index=INDEX),
    ]
