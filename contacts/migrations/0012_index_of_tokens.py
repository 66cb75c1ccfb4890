from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("contacts", "0011_tell_tokens")]
    operations = [
        migrations.AddIndex(
            "contacttoken",
            models.Index(
                fields=["tenant", "is_archived", "token", "sort_name", "contact"],
                name="contact_found",
            ),
        ),
        migrations.AddConstraint(
            "contacttoken",
            models.UniqueConstraint(
                fields=["tenant", "contact", "token"], name="contact_token_once"
            ),
        ),
        migrations.RemoveConstraint("contacttoken", "contact_token"),
        migrations.RemoveIndex("contacttoken", "contact_token_of"),
    ]
