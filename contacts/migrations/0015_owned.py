from django.db import migrations, models

from tenants.fence.meanwhile import AddIndexMeanwhile

OWNED = models.Index(
    condition=models.Q(("owner__isnull", False)),
    fields=["tenant", "owner", "sort_name", "id"],
    name="contact_owned",
)


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("contacts", "0014_owner")]
    operations = [AddIndexMeanwhile(model_name="contact", index=OWNED)]
