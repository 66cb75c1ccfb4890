from django.db import migrations, transaction
from django.db.models import Q

from contacts import search

# What is found under other words than before.
AFFECTED = r"[^\x01-\x7f]|\w['`-]\w"


def reindex(apps, schema_editor):
    """As `contacts.services.reindex`, each contact by itself: it may be broken off and begun again,
    and others may write meanwhile.
    """
    for tenant in apps.get_model("tenants", "Tenant").objects.all():
        contacts = apps.get_model("contacts", "Contact").objects.filter(tenant=tenant)
        affected = contacts.filter(
            Q(name__regex=AFFECTED) | Q(company__regex=AFFECTED) | Q(email__regex=AFFECTED)
        )
        for pk in list(affected.values_list("pk", flat=True)):
            with transaction.atomic():
                reindex_one(apps, tenant, contacts.select_for_update().filter(pk=pk).first())


def reindex_one(apps, tenant, contact):
    if contact is None:
        return
    numbers, tokens = (
        apps.get_model("contacts", name).objects.filter(tenant=tenant, contact=contact)
        for name in ("ContactNumber", "ContactToken")
    )
    texts = contact.name, contact.company, contact.email
    wanted = search.tokens(texts, numbers.values_list("number", flat=True))
    present = set(tokens.values_list("token", flat=True))
    tokens.filter(token__in=present - wanted).delete()
    tokens.bulk_create(
        [tokens.model(tenant=tenant, contact=contact, token=token) for token in wanted - present],
        ignore_conflicts=True,
    )
    type(contact).objects.filter(tenant=tenant, pk=contact.pk).update(
        sort_name=search.normalise(contact.name)[:200]
    )


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("contacts", "0006_imports")]
    operations = [migrations.RunPython(reindex, migrations.RunPython.noop, elidable=True)]
