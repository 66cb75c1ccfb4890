from django.db import migrations

# ANALYZE is the owner's alone; whoever imports may ask for it, of these tables, while
# they are small: later what comes in changes little of what is known.
MAKE = """
CREATE FUNCTION contacts_learn_sizes() RETURNS void LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog AS $$
BEGIN
    IF pg_relation_size('public.contacts_contact') < 4 * 1024 * 1024 THEN
        ANALYZE (SKIP_LOCKED) public.contacts_contact, public.contacts_contactnumber,
            public.contacts_contacttoken;
    END IF;
END $$
"""


def make(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(MAKE, params=None)


def drop(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute("DROP FUNCTION contacts_learn_sizes()")


class Migration(migrations.Migration):
    dependencies = [("contacts", "0012_index_of_tokens")]
    operations = [migrations.RunPython(make, drop)]
