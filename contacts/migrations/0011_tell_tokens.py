from django.db import migrations, transaction
from django.db.models import OuterRef, Subquery

AT_A_TIME = 500  # contacts, with some thousands of tokens


def tell(apps, schema_editor):
    """Each token the name by which its contact is sorted, and whether it is archived. Part by part,
    so that it may be broken off and begun again, and others may write meanwhile. What servers of
    before write after that, `manage.py reindex_contacts` mends once they are gone.
    """
    for tenant in apps.get_model("tenants", "Tenant").objects.all():
        contacts = apps.get_model("contacts", "Contact").objects.filter(tenant=tenant)
        tokens = apps.get_model("contacts", "ContactToken").objects.filter(tenant=tenant)
        name = Subquery(contacts.filter(pk=OuterRef("contact")).values("sort_name")[:1])
        last = None
        while True:
            rest = contacts.filter(pk__gt=last) if last else contacts
            ids = list(rest.order_by("pk").values_list("pk", flat=True)[:AT_A_TIME])
            if not ids:
                break
            last = ids[-1]
            with transaction.atomic():
                # Whoever changes one of them waits, and then tells its tokens what is true.
                list(contacts.filter(pk__in=ids).order_by("pk").select_for_update().values("pk"))
                its = tokens.filter(contact__in=ids)
                its.exclude(sort_name=name).update(sort_name=name)
                archived = contacts.filter(pk__in=ids, archived_at__isnull=False)
                archived = list(archived.values_list("pk", flat=True))
                its.filter(contact__in=archived, is_archived=False).update(is_archived=True)
                its.filter(is_archived=True).exclude(contact__in=archived).update(is_archived=False)


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("contacts", "0010_found_in_order")]
    operations = [migrations.RunPython(tell, migrations.RunPython.noop, elidable=True)]
