from uuid import UUID

from django.db import migrations, models, transaction
from tenants.fence.meanwhile import AddIndexMeanwhile

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


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("calls", "0014_has_recording"), ("tenants", "0010_sessions")]
    operations = [
        migrations.RunPython(of_before, migrations.RunPython.noop),
        AddIndexMeanwhile(model_name="calllog", index=INDEX),
    ]
