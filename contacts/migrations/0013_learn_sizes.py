from django.db import migrations

# ANALYZE is the owner's alone; whoever imports may ask for it, of these tables, when it is due.
MAKE = """
CREATE FUNCTION contacts_learn_sizes() RETURNS void LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog AS $$
DECLARE it regclass;
BEGIN
    FOR it IN
        SELECT oid::regclass FROM pg_class WHERE oid IN (
            'public.contacts_contact'::regclass,
            'public.contacts_contactnumber'::regclass,
            'public.contacts_contacttoken'::regclass
        ) AND pg_relation_size(oid) > 2 * relpages * current_setting('block_size')::bigint
    LOOP
        EXECUTE format('ANALYZE (SKIP_LOCKED) %s', it);
    END LOOP;
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
