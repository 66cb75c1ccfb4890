from django.db import migrations, transaction
from django.db.models import Exists, OuterRef, Q, Subquery

AT_A_TIME = 500  # contacts, with some thousands of tokens


def tell(apps, schema_editor):
    """Each token the name by which its contact is sorted, and whether it is archived. Part by part,
    so that it may be broken off and begun again, and others may write meanwhile.
    """
    for tenant in apps.get_model("tenants", "Tenant").objects.all():
        contacts = apps.get_model("contacts", "Contact").objects.filter(tenant=tenant)
        tokens = apps.get_model("contacts", "ContactToken").objects.filter(tenant=tenant)
        own = contacts.filter(pk=OuterRef("contact"))
        last = None
        while True:
            rest = contacts.filter(pk__gt=last) if last else contacts
            ids = list(rest.order_by("pk").values_list("pk", flat=True)[:AT_A_TIME])
            if not ids:
                break
            last = ids[-1]
            with transaction.atomic():
                # Whoever changes one of them waits, and then tells its tokens what is true.
                archived = contacts.filter(pk__in=ids, archived_at__isnull=False)
                list(contacts.filter(pk__in=ids).order_by("pk").select_for_update().values("pk"))
                untold = tokens.filter(contact__in=ids).filter(Q(sort_name=""))
                untold.update(sort_name=Subquery(own.values("sort_name")[:1]))
                told = tokens.filter(contact__in=list(archived.values_list("pk", flat=True)))
                told.filter(is_archived=False).update(is_archived=True)


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("contacts", "0010_found_in_order")]
    operations = [migrations.RunPython(tell, migrations.RunPython.noop, elidable=True)]
