from django.db import migrations, models

from tenants.fence.meanwhile import AddIndexMeanwhile

TO_TELL = models.Index(
    condition=models.Q(("tell_at__isnull", False)),
    fields=["tenant", "tell_at"],
    name="recording_to_tell",
)
NEWEST = models.Index(
    condition=models.Q(("missed_done_at", None), models.Q(("missed", ""), _negated=True)),
    fields=["tenant", "-started_at", "-id"],
    name="call_to_return_newest",
)


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("calls", "0021_voicemail_told")]
    operations = [
        AddIndexMeanwhile(model_name="recording", index=TO_TELL),
        AddIndexMeanwhile(model_name="calllog", index=NEWEST),
    ]
