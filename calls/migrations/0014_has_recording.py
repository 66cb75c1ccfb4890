import calls.models.recordings
from django.db import migrations, models


class Migration(migrations.Migration):
    """Those of before come with 0015, while others read and write."""

    dependencies = [("calls", "0013_hour_sums")]

    operations = [
        migrations.AddField(
            model_name="calllog",
            name="has_recording",
            field=models.BooleanField(db_default=False, default=False, editable=False),
        ),
        migrations.AddConstraint(
            model_name="recording",
            constraint=calls.models.recordings.KeepsHasRecording(name="calls_recording_kept"),
        ),
    ]
