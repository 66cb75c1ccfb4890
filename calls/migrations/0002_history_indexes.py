
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('calls', '0001_initial'),
        ('contacts', '0002_archive'),
        ('tenants', '0001_initial'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddIndex(
            model_name='calllog',
            index=models.Index(fields=['tenant', 'outcome', '-started_at', '-id'], name='call_history_outcome'),
        ),
        migrations.AddIndex(
            model_name='calllog',
            index=models.Index(fields=['tenant', 'user', '-started_at', '-id'], name='call_history_agent'),
        ),
        migrations.AddIndex(
            model_name='calllog',
            index=models.Index(fields=['tenant', 'contact', '-started_at', '-id'], name='call_history_contact'),
        ),
        migrations.AddIndex(
            model_name='calllog',
            index=models.Index(condition=models.Q(('direction', 'OUTBOUND')), fields=['tenant', 'to_number', '-started_at', '-id'], name='call_history_to'),
        ),
        migrations.AddIndex(
            model_name='calllog',
            index=models.Index(condition=models.Q(('direction', 'INBOUND')), fields=['tenant', 'from_number', '-started_at', '-id'], name='call_history_from'),
        ),
    ]
