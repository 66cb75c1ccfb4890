from django.db import migrations, models
from tenants.fence.meanwhile import AddIndexMeanwhile

MISSED = models.Index(
    condition=models.Q(("missed", ""), _negated=True),
    fields=["tenant", "-started_at", "-id"],
    name="call_history_missed",
)
TO_RETURN = models.Index(
    condition=models.Q(("missed_done_at", None), models.Q(("missed", ""), _negated=True)),
    fields=["tenant", "from_number"],
    name="call_to_return",
)


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("calls", "0016_lines")]
    operations = [
        AddIndexMeanwhile(model_name="calllog", index=MISSED),
        AddIndexMeanwhile(model_name="calllog", index=TO_RETURN),
    ]
