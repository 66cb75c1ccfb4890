from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore
from django.db import migrations, models
from django.utils import timezone


def take_over(apps, schema_editor):
    """Who is signed in stays so. The old rows go when they expire: until it is restarted, the
    version before this one still reads them.
    """
    before, session = apps.get_model("sessions", "Session"), apps.get_model("tenants", "Session")
    read = SessionStore().decode
    rows = before.objects.filter(expire_date__gt=timezone.now())
    session.objects.bulk_create(
        (
            session(
                session_key=row.session_key,
                session_data=row.session_data,
                expire_date=row.expire_date,
                person=read(row.session_data).get(SESSION_KEY),
            )
            for row in rows.iterator()
        ),
        batch_size=500,
    )


class Migration(migrations.Migration):

    dependencies = [
        ('sessions', '0001_initial'),
        ('tenants', '0009_has_started'),
    ]

    operations = [
        migrations.CreateModel(
            name='Session',
            fields=[
                ('session_key', models.CharField(max_length=40, primary_key=True, serialize=False, verbose_name='session key')),
                ('session_data', models.TextField(verbose_name='session data')),
                ('expire_date', models.DateTimeField(db_index=True, verbose_name='expire date')),
                ('person', models.UUIDField(editable=False, null=True)),
            ],
            options={
                'verbose_name': 'session',
                'verbose_name_plural': 'sessions',
                'abstract': False,
                'indexes': [models.Index(fields=['person', '-expire_date'], name='session_of_person')],
            },
        ),
        migrations.RunPython(take_over, migrations.RunPython.noop),
    ]
