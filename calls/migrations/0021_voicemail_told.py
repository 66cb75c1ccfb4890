from django.db import migrations, models

from calls.models.recordings import KeepsHasRecording


class Migration(migrations.Migration):
    dependencies = [("calls", "0020_number_orders")]
    operations = [
        migrations.RemoveConstraint("recording", "calls_recording_kept"),
        migrations.AddField(
            "recording", "tell_at", models.DateTimeField(blank=True, editable=False, null=True)
        ),
        migrations.AddConstraint("recording", KeepsHasRecording(name="calls_recording_kept")),
    ]
