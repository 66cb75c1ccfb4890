from django.db import migrations, models

import contacts.models


class Migration(migrations.Migration):
    dependencies = [("contacts", "0009_extensions")]
    operations = [
        migrations.AddField(
            "contacttoken",
            "sort_name",
            contacts.models.CollatedCharField(max_length=200, db_default=""),
        ),
        migrations.AddField("contacttoken", "is_archived", models.BooleanField(db_default=False)),
    ]
