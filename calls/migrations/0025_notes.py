import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

from calls.models.recordings import KeepsHasRecording
from tenants.fence.scoping import TenantFence


class Migration(migrations.Migration):
    dependencies = [
        ("calls", "0024_own_phones"),
        ("tenants", "0010_sessions"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]
    operations = [
        # SQLite makes the table of calls anew, which this one's trigger names.
        migrations.RemoveConstraint("recording", "calls_recording_kept"),
        migrations.AddField(
            "calllog", "notes", models.TextField(blank=True, db_default="", default="")
        ),
        migrations.AddField(
            "calllog", "notes_at", models.DateTimeField(blank=True, editable=False, null=True)
        ),
        migrations.AddField(
            "calllog",
            "notes_by",
            models.ForeignKey(
                blank=True,
                db_constraint=False,
                db_index=False,
                editable=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddConstraint(
            "calllog",
            TenantFence(
                field="notes_by",
                name="calls_calllog_notes_by_fence",
                via="tenants.Membership",
                via_field="user",
            ),
        ),
        migrations.AddConstraint("recording", KeepsHasRecording(name="calls_recording_kept")),
    ]
