import django.db.models.deletion
from django.db import migrations, models
from django.db.models import F

import tenants.fence.policies
import tenants.fence.scoping


def stages(apps, schema_editor):
    """What is on its way breaks off: its text is gone with the column. Who imports the file again
    finds what was there already.
    """
    imports = apps.get_model("contacts", "ContactImport").objects
    for tenant in apps.get_model("tenants", "Tenant").objects.all():
        ours = imports.filter(tenant=tenant)
        ended = ours.exclude(finished_at=None)
        ended.filter(broke_off=False).update(stage="done")
        ended.filter(broke_off=True).update(stage="broke_off")
        ours.filter(finished_at=None).update(
            stage="broke_off", finished_at=F("begun_at"), taken_until=None
        )


class Migration(migrations.Migration):

    dependencies = [
        ('contacts', '0007_spellings'),
        ('tenants', '0006_one_index_and_one_key_each'),
    ]

    operations = [
        migrations.RemoveIndex(model_name='contactimport', name='contact_imports_under_way'),
        migrations.RenameField('contactimport', 'created', 'added'),
        migrations.RenameField('contactimport', 'refused', 'skipped'),
        migrations.RenameField('contactimport', 'lines', 'rows'),
        migrations.AlterField(
            model_name='contactimport',
            name='rows',
            field=models.PositiveIntegerField(default=0),
        ),
        migrations.AddField(
            model_name='contactimport',
            name='stage',
            field=models.CharField(
                choices=[
                    ('reading', 'Reading'), ('unreadable', 'Unreadable'), ('ready', 'Ready'),
                    ('importing', 'Importing'), ('done', 'Done'), ('broke_off', 'Broke Off'),
                    ('undoing', 'Undoing'), ('undone', 'Undone'),
                ],
                default='reading',
                max_length=10,
            ),
        ),
        migrations.RunPython(stages, migrations.RunPython.noop, elidable=True),
        migrations.RemoveField(model_name='contactimport', name='content'),
        migrations.RemoveField(model_name='contactimport', name='ignored'),
        migrations.RemoveField(model_name='contactimport', name='reasons'),
        migrations.RemoveField(model_name='contactimport', name='broke_off'),
        migrations.AddField(
            model_name='contactimport', name='trouble', field=models.TextField(blank=True, default=''), preserve_default=False
        ),
        migrations.AddField(
            model_name='contactimport', name='names', field=models.JSONField(default=list)
        ),
        migrations.AddField(
            model_name='contactimport', name='is_headed', field=models.BooleanField(default=True)
        ),
        migrations.AddField(
            model_name='contactimport', name='is_fixed', field=models.BooleanField(default=False)
        ),
        migrations.AddField(
            model_name='contactimport', name='meanings', field=models.JSONField(default=list)
        ),
        migrations.AddField(
            model_name='contactimport',
            name='same_number_is_same_person',
            field=models.BooleanField(default=False),
        ),
        migrations.AddField(
            model_name='contactimport', name='preview', field=models.JSONField(null=True)
        ),
        migrations.AddField(
            model_name='contactimport', name='kept', field=models.PositiveIntegerField(default=0)
        ),
        migrations.AddIndex(
            model_name='contactimport',
            index=models.Index(
                condition=models.Q(('stage__in', ['reading', 'ready', 'importing', 'undoing'])),
                fields=['tenant'],
                name='contact_imports_under_way',
            ),
        ),
        migrations.CreateModel(
            name='ContactImportPiece',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('position', models.PositiveIntegerField()),
                ('packed', models.BinaryField()),
                ('file', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='pieces', to='contacts.contactimport')),
                ('tenant', models.ForeignKey(db_constraint=False, db_index=False, editable=False, on_delete=django.db.models.deletion.CASCADE, to='tenants.tenant')),
            ],
            options={'abstract': False, 'base_manager_name': 'objects', 'default_manager_name': 'objects'},
        ),
        migrations.CreateModel(
            name='ContactImportPart',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('position', models.PositiveIntegerField()),
                ('rows', models.TextField()),
                ('done', models.TextField(blank=True)),
                ('has_reasons', models.BooleanField(default=False)),
                ('has_come', models.BooleanField(default=False)),
                ('done_at', models.DateTimeField(null=True)),
                ('undone_at', models.DateTimeField(null=True)),
                ('file', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='parts', to='contacts.contactimport')),
                ('tenant', models.ForeignKey(db_constraint=False, db_index=False, editable=False, on_delete=django.db.models.deletion.CASCADE, to='tenants.tenant')),
            ],
            options={'abstract': False, 'base_manager_name': 'objects', 'default_manager_name': 'objects'},
        ),
        *(
            migrations.AddConstraint(model_name=model, constraint=constraint)
            for model, once in (('contactimportpiece', 'import_piece'), ('contactimportpart', 'import_part'))
            for constraint in (
                models.UniqueConstraint(fields=('tenant', 'id'), name=f'contacts_{model}_fenced'),
                tenants.fence.policies.TenantPolicy(name=f'contacts_{model}_of_tenant'),
                tenants.fence.scoping.TenantFence(field='file', name=f'contacts_{model}_file_fence'),
                models.UniqueConstraint(fields=('tenant', 'file', 'position'), name=once),
            )
        ),
    ]
