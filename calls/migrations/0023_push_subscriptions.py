import django.db.models.deletion
import django.db.models.functions.datetime
from django.conf import settings
from django.db import migrations, models

import tenants.fence.policies
import tenants.fence.scoping


class Migration(migrations.Migration):
    dependencies = [
        ("calls", "0022_to_return"),
        ("tenants", "0010_sessions"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]
    operations = [
        migrations.AddField(
            "agentavailability", "knocked_at", models.DateTimeField(blank=True, null=True)
        ),
        migrations.CreateModel(
            name="PushSubscription",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("session", models.CharField(max_length=40)),
                ("endpoint", models.CharField(max_length=1000)),
                ("p256dh", models.CharField(max_length=88)),
                ("auth", models.CharField(max_length=24)),
                (
                    "created_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now()),
                ),
                (
                    "tenant",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        editable=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        to="tenants.tenant",
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "abstract": False,
                "base_manager_name": "objects",
                "default_manager_name": "objects",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("tenant", "id"), name="calls_pushsubscription_fenced"
                    ),
                    tenants.fence.policies.TenantPolicy(name="calls_pushsubscription_of_tenant"),
                    tenants.fence.scoping.TenantFence(
                        field="user",
                        name="calls_pushsubscription_user_fence",
                        via="tenants.Membership",
                        via_field="user",
                    ),
                    models.UniqueConstraint(
                        fields=("tenant", "user", "session"), name="push_subscription_once"
                    ),
                ],
            },
        ),
    ]
