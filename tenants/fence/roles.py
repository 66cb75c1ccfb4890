"""The two roles of PostgreSQL: an owner makes and migrates the tables, the application uses them.

Row-level security applies to a role that owns nothing only, so the application signs in as such a
role (DATABASE_URL) and migrations run as the owner (DATABASE_OWNER_URL).
"""

import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.conf import settings
from django.db import connection
from django.db.models import Model
from psycopg import sql

from tenants.fence.append_only import AppendOnly
from tenants.fence.policies import TENANT_SETTING, DoorPolicy, TenantPolicy
from tenants.fence.scoping import TenantFence, tenant_models

LOGIN = ("USER", "PASSWORD", "HOST", "PORT")
# Its members read the tables' files, or run programs, as the server itself.
SERVER_ROLES = ["pg_execute_server_program", "pg_read_server_files", "pg_write_server_files"]


def application_role() -> str:
    """The user of DATABASE_URL; empty on SQLite."""
    return str(settings.DATABASE_APPLICATION.get("USER", ""))


@contextmanager
def as_owner() -> Iterator[None]:
    """Inside, the database connection is the owner's; without DATABASE_OWNER_URL, unchanged.

    Its statements may take their time, as the index of a big table does. A lock is waited for no
    longer than usual, since whoever else asks for the table waits behind.
    """
    if not settings.DATABASE_OWNER:
        yield
        return
    before = connection.settings_dict
    connection.close()
    options = before["OPTIONS"] | {
        "options": f"{before['OPTIONS']['options']} -c statement_timeout=0"
    }
    owner = {key: settings.DATABASE_OWNER[key] for key in LOGIN}
    connection.settings_dict = before | owner | {"OPTIONS": options}
    try:
        yield
    finally:
        connection.close()
        connection.settings_dict = before


def setup_statements() -> list[str]:
    """SQL that makes both roles, or corrects them; for a role that may make roles."""
    made = []
    for login in (settings.DATABASE_OWNER, settings.DATABASE_APPLICATION):
        name = {"name": sql.Literal(login["USER"]), "role": sql.Identifier(login["USER"])}
        make = sql.SQL(
            "DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = {name}) THEN "
            "CREATE ROLE {role} LOGIN; END IF; END $$"
        )
        made.append(make.format(**name).as_string())
        if login["PASSWORD"]:
            password = sql.SQL("ALTER ROLE {role} PASSWORD {password}")
            made.append(password.format(**name, password=login["PASSWORD"]).as_string())
    role = sql.Identifier(application_role())
    for setting, value in _asked_for().items():
        line = sql.SQL("ALTER ROLE {role} SET {setting} = {value}")
        names = {"role": role, "setting": sql.Identifier(setting)}
        made.append(line.format(**names, value=sql.Literal(value)).as_string())
    return made


def _asked_for() -> dict[str, str]:
    """What each connection of the application asks PostgreSQL for at its start."""
    options = settings.DATABASE_APPLICATION["OPTIONS"]["options"]
    return dict(re.findall(r"-c (\w+)=(\S+)", options))


def dropped(cursor: Any) -> list[str]:
    """Why the session of this cursor has not the limits that we ask for; empty when it has them."""
    wanted = _asked_for()
    wanted.pop("synchronous_commit", None)  # may be more; voip_crm/durability.py has it
    cursor.execute(
        "SELECT name, setting FROM pg_settings WHERE name = ANY(%s) ORDER BY name", [list(wanted)]
    )
    lost = [f"{name}={wanted[name]}" for name, value in cursor.fetchall() if value != wanted[name]]
    if not lost:
        return []
    return [
        f"Something between us and PostgreSQL drops what our connections ask for, and the role has "
        f"not got it: {', '.join(lost)}. Run what manage.py database_roles prints."
    ]


def grant() -> None:
    """Let the application use the tables, which is all it may; run as the owner."""
    if not settings.DATABASE_OWNER:
        return
    role = connection.ops.quote_name(application_role())
    with connection.cursor() as cursor:
        for statement in (
            "REVOKE CREATE ON SCHEMA public FROM PUBLIC",
            f"GRANT USAGE ON SCHEMA public TO {role}",
            f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {role}",
            f"GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {role}",
            f"REVOKE INSERT, UPDATE, DELETE ON django_migrations FROM {role}",
        ):
            cursor.execute(statement)


def faults(cursor: Any) -> list[str]:
    """Why the session of this cursor is not held by row-level security; empty when it is."""
    # CREATEROLE makes itself a member of the owner (until PostgreSQL 15), a replica gets every row.
    cursor.execute(
        "SELECT rolname FROM pg_roles WHERE"
        " (rolsuper OR rolbypassrls OR rolcreaterole OR rolreplication OR rolname = ANY(%s))"
        " AND (pg_has_role(session_user, oid, 'MEMBER') OR pg_has_role(oid, 'MEMBER'))"
        " ORDER BY rolname",
        [SERVER_ROLES],
    )
    if free := [name for (name,) in cursor.fetchall()]:
        # Whoever is above all rights has every other fault, too.
        return [f"The role is, or may become, one above row-level security: {', '.join(free)}."]
    cursor.execute("SELECT has_schema_privilege('public', 'CREATE')")
    may_create = cursor.fetchone()[0]
    found = ["The role may create objects in schema public."] if may_create else []
    of_tables: dict[str, list[str]] = {}
    for model in tenant_models():
        for fault in _faults_of_table(cursor, model):
            of_tables.setdefault(fault, []).append(model._meta.db_table)
    found += [f"{fault}: {', '.join(tables)}." for fault, tables in of_tables.items()]
    return found + _unlike_policies(cursor)


def _unlike_policies(cursor: Any) -> list[str]:
    """One rule for all tables: how PostgreSQL writes it differs by version, so that they are
    compared with each other, and the rule of a door with theirs.
    """
    cursor.execute(
        "SELECT polrelid::regclass::text, polname::text, pg_get_expr(polqual, polrelid),"
        " pg_get_expr(polwithcheck, polrelid), polcmd::text FROM pg_policy"
    )
    rules = {(table, name): tuple(rule) for table, name, *rule in cursor.fetchall()}
    made = [
        (model, policy, rules[model._meta.db_table, policy.name])
        for model in tenant_models()
        for policy in model._meta.constraints
        if (model._meta.db_table, policy.name) in rules
    ]
    of_tenants = Counter(rule for _, policy, rule in made if isinstance(policy, TenantPolicy))
    usual = [rule[0] for rule, _ in of_tenants.most_common(1) if f"'{TENANT_SETTING}'" in rule[0]]
    odd = {
        model._meta.db_table
        for model, policy, rule in made
        if rule not in [_wanted(model, policy, using) for using in usual]
    }
    return [f"A policy is not what its model says: {', '.join(sorted(odd))}."] if odd else []


def _wanted(model: Any, policy: Any, using: str) -> tuple[Any, ...]:
    """Its rule (using, check, command), when those of tenants are written `using`."""
    if isinstance(policy, TenantPolicy):
        return using, using, "*"
    column = model._meta.get_field(policy.field).column
    return using.replace("tenant_id", column).replace(TENANT_SETTING, policy.setting), None, "r"


def _faults_of_table(cursor: Any, model: type[Model]) -> list[str]:
    cursor.execute(
        "SELECT relrowsecurity,"
        " pg_has_role(session_user, relowner, 'MEMBER') OR pg_has_role(relowner, 'MEMBER'),"
        " has_table_privilege(oid, 'TRUNCATE'),"
        " ARRAY(SELECT polname::text FROM pg_policy WHERE polrelid = pg_class.oid),"
        " ARRAY(SELECT conname::text FROM pg_constraint WHERE conrelid = pg_class.oid"
        "       AND contype = 'f' AND convalidated),"
        " ARRAY(SELECT tgname::text FROM pg_trigger WHERE tgrelid = pg_class.oid"
        "       AND tgenabled <> 'D')"
        " FROM pg_class WHERE oid = to_regclass(quote_ident(%s))",
        [model._meta.db_table],
    )
    row = cursor.fetchone()
    if row is None:
        return []  # not migrated yet: there is nothing to be seen
    is_secured, is_owner, may_truncate, policies, fences, triggers = row
    found = []
    if is_owner:
        found.append("The role owns, or may become the owner of")
    if may_truncate:
        found.append("The role may empty (TRUNCATE)")
    if not is_secured:
        found.append("Row-level security is off")
    wanted = {c.name for c in model._meta.constraints if isinstance(c, TenantPolicy | DoorPolicy)}
    if wanted != set(policies):
        named = ", ".join(sorted(wanted ^ set(policies)))
        found.append(f"A policy is missing, or there is one too many ({named})")
    wanted = {c.name for c in model._meta.constraints if isinstance(c, TenantFence)}
    if missing := wanted - set(fences):
        found.append(f"A fence is missing ({', '.join(sorted(missing))})")
    wanted = {c.name for c in model._meta.constraints if isinstance(c, AppendOnly)}
    if wanted - set(triggers):
        found.append("Rows may be changed that are written once")
    return found
