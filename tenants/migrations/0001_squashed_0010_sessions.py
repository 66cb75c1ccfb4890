import django.db.models.deletion
import django.utils.timezone
import tenants.fence.append_only
import tenants.fence.policies
import tenants.models
import uuid
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    replaces = [
        ('tenants', '0001_initial'),
        ('tenants', '0002_clerk_ids'),
        ('tenants', '0003_audit_trail'),
        ('tenants', '0004_row_level_security'),
        ('tenants', '0005_second_factor'),
        ('tenants', '0006_one_index_and_one_key_each'),
        ('tenants', '0007_known_countries'),
        ('tenants', '0008_closed_notice'),
        ('tenants', '0009_has_started'),
        ('tenants', '0010_sessions'),
    ]

    initial = True

    dependencies = [
        ('auth', '0012_alter_user_first_name_max_length'),
    ]

    operations = [
        migrations.CreateModel(
            name='Tenant',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('name', models.CharField(max_length=120)),
                ('slug', models.SlugField(db_index=False, max_length=60)),
                ('country', models.CharField(default='US', help_text='ISO 3166 code; numbers typed without a country are read as of this one.', max_length=2, validators=[tenants.models.validate_country])),
                ('time_zone', models.CharField(default='UTC', max_length=60, validators=[tenants.models.validate_time_zone])),
                ('records_calls', models.BooleanField(default=False)),
                ('notice', models.CharField(blank=True, help_text='One quiet line shown on the calls page until it is closed.', max_length=300)),
                ('is_active', models.BooleanField(default=True)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('clerk_org_id', models.CharField(blank=True, help_text="Clerk's id of this workspace's organisation, like org_2x….", max_length=64, null=True)),
                ('requires_second_factor', models.BooleanField(default=False, help_text='Members without one are led to set it up before anything else.')),
            ],
            options={
                'ordering': ['name'],
                'constraints': [models.UniqueConstraint(fields=('slug',), name='tenant_slug_once'), models.UniqueConstraint(fields=('clerk_org_id',), name='tenant_clerk_org_once')],
            },
        ),
        migrations.CreateModel(
            name='User',
            fields=[
                ('password', models.CharField(max_length=128, verbose_name='password')),
                ('last_login', models.DateTimeField(blank=True, null=True, verbose_name='last login')),
                ('is_superuser', models.BooleanField(default=False, help_text='Designates that this user has all permissions without explicitly assigning them.', verbose_name='superuser status')),
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('email', models.EmailField(max_length=254)),
                ('name', models.CharField(blank=True, max_length=120)),
                ('is_staff', models.BooleanField(default=False, verbose_name='may use the admin')),
                ('is_active', models.BooleanField(default=True)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('groups', models.ManyToManyField(blank=True, help_text='The groups this user belongs to. A user will get all permissions granted to each of their groups.', related_name='user_set', related_query_name='user', to='auth.group', verbose_name='groups')),
                ('user_permissions', models.ManyToManyField(blank=True, help_text='Specific permissions for this user.', related_name='user_set', related_query_name='user', to='auth.permission', verbose_name='user permissions')),
                ('clerk_user_id', models.CharField(blank=True, help_text="Clerk's id of this person, like user_2x….", max_length=64, null=True)),
                ('session_epoch', models.PositiveIntegerField(default=0, editable=False)),
            ],
            options={
                'abstract': False,
                'constraints': [models.UniqueConstraint(fields=('email',), name='user_email_once'), models.UniqueConstraint(fields=('clerk_user_id',), name='user_clerk_id_once')],
            },
        ),
        migrations.CreateModel(
            name='Membership',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('role', models.CharField(choices=[('admin', 'Admin'), ('supervisor', 'Supervisor'), ('agent', 'Agent')], default='agent', max_length=20)),
                ('is_active', models.BooleanField(default=True)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='memberships', to=settings.AUTH_USER_MODEL)),
                ('tenant', models.ForeignKey(db_index=False, editable=False, on_delete=django.db.models.deletion.CASCADE, to='tenants.tenant')),
                ('closed_notice', models.CharField(blank=True, db_default='', editable=False, max_length=300)),
                ('has_started', models.BooleanField(db_default=False, default=False, editable=False)),
            ],
            options={
                'abstract': False,
                'base_manager_name': 'objects',
                'default_manager_name': 'objects',
                'constraints': [models.UniqueConstraint(fields=('tenant', 'id'), name='tenants_membership_fenced'), models.UniqueConstraint(fields=('tenant', 'user'), name='tenants_membership_once'), tenants.fence.policies.TenantPolicy(name='tenants_membership_of_tenant'), tenants.fence.policies.DoorPolicy(field='user', name='tenants_membership_of_user', setting='app.user')],
            },
        ),
        migrations.CreateModel(
            name='AuditEntry',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('at', models.DateTimeField(default=django.utils.timezone.now)),
                ('action', models.CharField(max_length=40)),
                ('person', models.UUIDField(null=True)),
                ('name', models.CharField(max_length=200)),
                ('address', models.GenericIPAddressField(null=True)),
                ('object_type', models.CharField(blank=True, max_length=40)),
                ('object_id', models.CharField(blank=True, max_length=64)),
                ('object_label', models.CharField(blank=True, max_length=200)),
                ('details', models.JSONField(default=dict)),
                ('tenant', models.ForeignKey(db_index=False, editable=False, on_delete=django.db.models.deletion.CASCADE, to='tenants.tenant')),
            ],
            options={
                'abstract': False,
                'base_manager_name': 'objects',
                'default_manager_name': 'objects',
                'indexes': [models.Index(fields=['tenant', '-at', '-id'], name='audit_trail'), models.Index(fields=['tenant', 'person', '-at', '-id'], name='audit_trail_person'), models.Index(fields=['tenant', 'action', '-at', '-id'], name='audit_trail_action')],
                'constraints': [models.UniqueConstraint(fields=('tenant', 'id'), name='tenants_auditentry_fenced'), tenants.fence.policies.TenantPolicy(name='tenants_auditentry_of_tenant')],
            },
        ),
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
        migrations.AddConstraint(
            model_name='auditentry',
            constraint=tenants.fence.append_only.AppendOnly(name='tenants_auditentry_append_only'),
        ),
    ]
