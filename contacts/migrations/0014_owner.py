import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

from tenants.fence.scoping import TenantFence


class Migration(migrations.Migration):
    dependencies = [
        ("contacts", "0013_learn_sizes"),
        ("tenants", "0010_sessions"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]
    operations = [
        migrations.AddField(
            "contact",
            "owner",
            models.ForeignKey(
                blank=True,
                db_constraint=False,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddConstraint(
            "contact",
            TenantFence(
                "owner",
                via="tenants.Membership",
                via_field="user",
                name="contacts_contact_owner_fence",
            ),
        ),
    ]
