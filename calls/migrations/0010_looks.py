from datetime import timedelta

from django.db import migrations, models
from django.db.models import Q
from django.utils import timezone

import calls.models.rooms


def look_at_what_may_lack_something(apps, schema_editor):
    """What is open, and what ended a moment ago: all that the sweep would have looked at."""
    now = timezone.now()
    may_lack = Q(closed_at=None) | Q(closed_at__gte=now - timedelta(days=1))
    for tenant in apps.get_model("tenants", "Tenant").objects.all():
        rooms = apps.get_model("calls", "Conference").objects.filter(may_lack, tenant=tenant)
        rooms.update(next_look_at=now)


class Migration(migrations.Migration):
    dependencies = [("calls", "0009_events_kept_aside")]

    operations = [
        migrations.RemoveIndex(model_name="conference", name="conference_open"),
        # Empty for all the others, which a default would not leave them.
        migrations.AddField(
            model_name="conference",
            name="next_look_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.RunPython(look_at_what_may_lack_something, migrations.RunPython.noop),
        migrations.RemoveField(model_name="conference", name="checked_at"),
        migrations.AlterField(
            model_name="conference",
            name="next_look_at",
            field=models.DateTimeField(
                blank=True, null=True, default=calls.models.rooms.first_look
            ),
        ),
        migrations.AddIndex(
            model_name="conference",
            index=models.Index(
                fields=["tenant", "next_look_at"],
                name="conference_look",
                condition=Q(("next_look_at__isnull", False)),
            ),
        ),
    ]
