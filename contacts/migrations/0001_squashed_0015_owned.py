from importlib import import_module

import contacts.models
import django.core.validators
import django.db.models.deletion
import tenants.fence.policies
import tenants.fence.scoping
import uuid
from django.conf import settings
from django.db import migrations, models

learn_sizes = import_module("contacts.migrations.0013_learn_sizes")


class Migration(migrations.Migration):

    replaces = [
        ('contacts', '0001_initial'),
        ('contacts', '0002_archive'),
        ('contacts', '0003_by_email'),
        ('contacts', '0004_row_level_security'),
        ('contacts', '0005_one_index_and_one_key_each'),
        ('contacts', '0006_imports'),
        ('contacts', '0007_spellings'),
        ('contacts', '0008_imports_in_parts'),
        ('contacts', '0009_extensions'),
        ('contacts', '0010_found_in_order'),
        ('contacts', '0011_tell_tokens'),
        ('contacts', '0012_index_of_tokens'),
        ('contacts', '0013_learn_sizes'),
        ('contacts', '0014_owner'),
        ('contacts', '0015_owned'),
    ]

    initial = True

    dependencies = [
        ('tenants', '0010_sessions'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='Contact',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('name', models.CharField(max_length=200)),
                ('company', models.CharField(blank=True, max_length=200)),
                ('email', models.EmailField(blank=True, max_length=254)),
                ('sort_name', contacts.models.CollatedCharField(editable=False, max_length=200)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('updated_at', models.DateTimeField(auto_now=True)),
                ('tenant', models.ForeignKey(db_index=False, editable=False, on_delete=django.db.models.deletion.CASCADE, to='tenants.tenant')),
                ('archived_at', models.DateTimeField(blank=True, editable=False, null=True)),
                ('folded_email', contacts.models.CollatedCharField(default='', editable=False, max_length=254)),
                ('owner', models.ForeignKey(blank=True, db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'ordering': ['sort_name', 'id'],
                'abstract': False,
                'base_manager_name': 'objects',
                'default_manager_name': 'objects',
                'indexes': [models.Index(fields=['tenant', 'sort_name', 'id'], name='contact_by_name'), models.Index(condition=models.Q(('archived_at__isnull', False)), fields=['tenant', 'sort_name', 'id'], name='contact_archived'), models.Index(fields=['tenant', 'folded_email'], name='contact_by_email'), models.Index(condition=models.Q(('owner__isnull', False)), fields=['tenant', 'owner', 'sort_name', 'id'], name='contact_owned')],
                'constraints': [models.UniqueConstraint(fields=('tenant', 'id'), name='contacts_contact_fenced'), tenants.fence.policies.TenantPolicy(name='contacts_contact_of_tenant'), tenants.fence.scoping.TenantFence(field='owner', name='contacts_contact_owner_fence', via='tenants.Membership', via_field='user')],
            },
        ),
        migrations.CreateModel(
            name='ContactNumber',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('number', models.CharField(help_text='E.164, like +14155550100.', max_length=16)),
                ('label', models.CharField(blank=True, max_length=40)),
                ('position', models.PositiveSmallIntegerField(default=0)),
                ('contact', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='numbers', to='contacts.contact')),
                ('tenant', models.ForeignKey(db_constraint=False, db_index=False, editable=False, on_delete=django.db.models.deletion.CASCADE, to='tenants.tenant')),
                ('extension', models.CharField(blank=True, db_default='', max_length=12, validators=[django.core.validators.RegexValidator('^\\d*\\Z')])),
            ],
            options={
                'ordering': ['position', 'id'],
                'abstract': False,
                'base_manager_name': 'objects',
                'default_manager_name': 'objects',
                'indexes': [models.Index(fields=['tenant', 'number'], name='contact_by_number')],
                'constraints': [models.UniqueConstraint(fields=('tenant', 'id'), name='contacts_contactnumber_fenced'), tenants.fence.scoping.TenantFence(field='contact', name='contacts_contactnumber_contact_fence'), models.CheckConstraint(condition=models.Q(('number__regex', '^\\+[1-9][0-9]{6,14}$')), name='contact_number_e164'), tenants.fence.policies.TenantPolicy(name='contacts_contactnumber_of_tenant'), models.UniqueConstraint(fields=('tenant', 'contact', 'number', 'extension'), name='contact_number_once')],
            },
        ),
        migrations.CreateModel(
            name='ContactToken',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('token', contacts.models.CollatedCharField(max_length=40)),
                ('contact', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='tokens', to='contacts.contact')),
                ('tenant', models.ForeignKey(db_constraint=False, db_index=False, editable=False, on_delete=django.db.models.deletion.CASCADE, to='tenants.tenant')),
                ('sort_name', contacts.models.CollatedCharField(db_default='', max_length=200)),
                ('is_archived', models.BooleanField(db_default=False)),
            ],
            options={
                'abstract': False,
                'base_manager_name': 'objects',
                'default_manager_name': 'objects',
                'indexes': [models.Index(fields=['tenant', 'is_archived', 'token', 'sort_name', 'contact'], name='contact_found')],
                'constraints': [models.UniqueConstraint(fields=('tenant', 'id'), name='contacts_contacttoken_fenced'), tenants.fence.scoping.TenantFence(field='contact', name='contacts_contacttoken_contact_fence'), tenants.fence.policies.TenantPolicy(name='contacts_contacttoken_of_tenant'), models.UniqueConstraint(fields=('tenant', 'contact', 'token'), name='contact_token_once')],
            },
        ),
        migrations.CreateModel(
            name='ContactImport',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('file_name', models.CharField(max_length=100)),
                ('completed', models.PositiveIntegerField(default=0)),
                ('unchanged', models.PositiveIntegerField(default=0)),
                ('begun_at', models.DateTimeField(auto_now_add=True)),
                ('taken_until', models.DateTimeField(null=True)),
                ('failures', models.PositiveSmallIntegerField(default=0)),
                ('finished_at', models.DateTimeField(null=True)),
                ('tenant', models.ForeignKey(db_index=False, editable=False, on_delete=django.db.models.deletion.CASCADE, to='tenants.tenant')),
                ('added', models.PositiveIntegerField(default=0)),
                ('skipped', models.PositiveIntegerField(default=0)),
                ('rows', models.PositiveIntegerField(default=0)),
                ('stage', models.CharField(choices=[('reading', 'Reading'), ('unreadable', 'Unreadable'), ('ready', 'Ready'), ('importing', 'Importing'), ('done', 'Done'), ('broke_off', 'Broke Off'), ('undoing', 'Undoing'), ('undone', 'Undone')], default='reading', max_length=10)),
                ('trouble', models.TextField(blank=True)),
                ('names', models.JSONField(default=list)),
                ('is_headed', models.BooleanField(default=True)),
                ('is_fixed', models.BooleanField(default=False)),
                ('meanings', models.JSONField(default=list)),
                ('same_number_is_same_person', models.BooleanField(default=False)),
                ('preview', models.JSONField(null=True)),
                ('kept', models.PositiveIntegerField(default=0)),
            ],
            options={
                'abstract': False,
                'base_manager_name': 'objects',
                'default_manager_name': 'objects',
                'indexes': [models.Index(fields=['tenant', '-begun_at'], name='contact_imports'), models.Index(condition=models.Q(('stage__in', ['reading', 'ready', 'importing', 'undoing'])), fields=['tenant'], name='contact_imports_under_way')],
                'constraints': [models.UniqueConstraint(fields=('tenant', 'id'), name='contacts_contactimport_fenced'), tenants.fence.policies.TenantPolicy(name='contacts_contactimport_of_tenant')],
            },
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
            options={
                'abstract': False,
                'base_manager_name': 'objects',
                'default_manager_name': 'objects',
                'constraints': [models.UniqueConstraint(fields=('tenant', 'id'), name='contacts_contactimportpiece_fenced'), tenants.fence.policies.TenantPolicy(name='contacts_contactimportpiece_of_tenant'), tenants.fence.scoping.TenantFence(field='file', name='contacts_contactimportpiece_file_fence'), models.UniqueConstraint(fields=('tenant', 'file', 'position'), name='import_piece')],
            },
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
            options={
                'abstract': False,
                'base_manager_name': 'objects',
                'default_manager_name': 'objects',
                'constraints': [models.UniqueConstraint(fields=('tenant', 'id'), name='contacts_contactimportpart_fenced'), tenants.fence.policies.TenantPolicy(name='contacts_contactimportpart_of_tenant'), tenants.fence.scoping.TenantFence(field='file', name='contacts_contactimportpart_file_fence'), models.UniqueConstraint(fields=('tenant', 'file', 'position'), name='import_part')],
            },
        ),
        migrations.RunPython(learn_sizes.make, learn_sizes.drop),
    ]
