from django.db import migrations, models

from tenants.fence.meanwhile import AddIndexMeanwhile

NOTED_BY = models.Index(
    condition=models.Q(("notes_by__isnull", False)),
    fields=["tenant", "notes_by"],
    name="call_noted_by",
)


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("calls", "0025_notes")]
    operations = [AddIndexMeanwhile(model_name="calllog", index=NOTED_BY)]
