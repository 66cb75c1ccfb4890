from django.db import migrations
from django.db.models import Q

from contacts import search

# What is found under other words than before.
AFFECTED = r"[^\x01-\x7f]|\w['-]\w"


def reindex(apps, schema_editor):
    """As `contacts.services.reindex`, contact by contact; it may be broken off and begun again."""
    contacts, numbers, tokens = (
        apps.get_model("contacts", name).objects
        for name in ("Contact", "ContactNumber", "ContactToken")
    )
    for tenant in apps.get_model("tenants", "Tenant").objects.all():
        affected = contacts.filter(tenant=tenant).filter(
            Q(name__regex=AFFECTED) | Q(company__regex=AFFECTED) | Q(email__regex=AFFECTED)
        )
        for contact in affected.iterator():
            wanted = search.tokens(
                (contact.name, contact.company, contact.email),
                numbers.filter(tenant=tenant, contact=contact).values_list("number", flat=True),
            )
            own = tokens.filter(tenant=tenant, contact=contact)
            present = set(own.values_list("token", flat=True))
            own.filter(token__in=present - wanted).delete()
            tokens.bulk_create(
                tokens.model(tenant=tenant, contact=contact, token=token)
                for token in wanted - present
            )
            contacts.filter(tenant=tenant, pk=contact.pk).update(
                sort_name=search.normalise(contact.name)[:200]
            )


class Migration(migrations.Migration):
    dependencies = [("contacts", "0006_imports")]
    operations = [migrations.RunPython(reindex, migrations.RunPython.noop, elidable=True)]
