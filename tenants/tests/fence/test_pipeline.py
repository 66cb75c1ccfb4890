"""Written-out SQL of a tenant: one transaction, on SQLite and PostgreSQL alike."""

from functools import partial
from typing import Any

import pytest
from django.db import DataError, IntegrityError, OperationalError, connection, transaction

from tenants.fence.columns import Columns
from tenants.fence.context import TenantNotSet, current_tenant_id
from tenants.fence.pipeline import ask, pipelined, rows
from tenants.models import AuditEntry, Membership, Tenant
from tenants.tests.database import everything_visible

ROW = Columns(Membership, "m", "user_id", "tenant_id", "role", "is_active", "created_at")
READ = f"SELECT 1, {ROW.sql} FROM tenants_membership m WHERE m.tenant_id = %s ORDER BY created_at"
WRITE = "UPDATE tenants_membership SET role = %s WHERE tenant_id = %s AND user_id = %s"


def read(tenant: Any) -> Any:
    with pipelined(tenant.pk):
        return rows(ask(READ, [current_tenant_id()]), ROW)


@pytest.mark.parametrize("is_alone", [True, False])
def test_rows_are_what_the_models_say(committed_cast: Any, is_alone: bool) -> None:
    with everything_visible():
        members = Membership.unscoped.filter(tenant=committed_cast.acme).order_by("created_at")
        expected = [(1, *row) for row in members.values_list(*(f.attname for f in ROW.fields))]
    if is_alone:
        found = read(committed_cast.acme)
    else:
        with transaction.atomic():
            found = read(committed_cast.acme)
    assert found == expected and len(expected) > 1


def test_it_is_all_or_nothing(committed_cast: Any) -> None:
    acme, bob = committed_cast.acme, committed_cast.bob

    def write(*, fail: bool) -> None:
        with pipelined(acme.pk):
            ask(WRITE, ["supervisor", acme.pk, bob.user_id])
            if fail:
                assert rows(ask(READ, [acme.pk]), ROW)  # it has been sent
                raise KeyError

    with pytest.raises(KeyError):
        write(fail=True)
    assert "supervisor" not in [row[3] for row in read(acme)]
    write(fail=False)
    assert "supervisor" in [row[3] for row in read(acme)]


@pytest.mark.parametrize("when", ["at once", "at the end", "with the commit"])
def test_what_fails_undoes_all_and_the_next_one_works(committed_cast: Any, when: str) -> None:
    acme, bob = committed_cast.acme, committed_cast.bob
    nobody = "0" * 32
    with pytest.raises((IntegrityError, OperationalError)), pipelined(acme.pk):
        ask(WRITE, ["supervisor", acme.pk, bob.user_id])
        if when == "with the commit":  # fences are looked at then
            ask(
                "UPDATE tenants_membership SET user_id = %s WHERE tenant_id = %s AND user_id = %s",
                [nobody, acme.pk, bob.user_id],
            )
        else:
            twice = ask(
                "UPDATE tenants_membership SET user_id = %s WHERE tenant_id = %s",
                [bob.user_id, acme.pk],
            )
            if when == "at once":
                rows(twice)
    assert {"supervisor"}.isdisjoint(row[3] for row in read(acme))
    assert bob.user_id in [row[1] for row in read(acme)]


def test_a_statement_that_was_skipped_after_a_failure_is_prepared_anew(committed_cast: Any) -> None:
    acme, bob = committed_cast.acme, committed_cast.bob
    connection.close()
    assert read(acme)
    with pytest.raises((IntegrityError, OperationalError)), pipelined(acme.pk):
        ask(
            "UPDATE tenants_membership SET user_id = %s WHERE tenant_id = %s",
            [bob.user_id, acme.pk],
        )
        rows(ask(READ, [acme.pk]), ROW)  # for the second time, and so to be prepared
    assert read(acme) and read(acme)


@pytest.mark.parametrize("does", ["reads", "writes"])
def test_what_psycopg_has_thrown_away_is_prepared_anew(committed_cast: Any, does: str) -> None:
    acme, bob = committed_cast.acme, committed_cast.bob
    write = partial(ask, WRITE, ["supervisor", acme.pk, bob.user_id])
    before = read(acme)
    with pipelined(acme.pk):
        write()
    with transaction.atomic():
        with pytest.raises(KeyError), transaction.atomic():
            for _ in range(3):  # so that psycopg itself has prepared something, too
                Tenant.objects.get(pk=acme.pk)
            raise KeyError  # which rolls a savepoint back
        assert Tenant.objects.filter(pk=acme.pk).exists()
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1 FROM pg_prepared_statements WHERE name ~ '^exchange_'")
            assert cursor.fetchall() == []
    if does == "reads":
        assert len(read(acme)) == len(before)
    with pipelined(acme.pk):
        write()
    assert "supervisor" in [row[3] for row in read(acme)]


def test_without_prepared_statements_it_is_the_same(
    committed_cast: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    acme, bob = committed_cast.acme, committed_cast.bob
    expected = read(acme)
    if connection.vendor == "postgresql":
        monkeypatch.setattr(connection.connection, "prepare_threshold", None)
    assert read(acme) == expected
    with pipelined(acme.pk):
        ask(WRITE, ["supervisor", acme.pk, bob.user_id])
    assert "supervisor" in [row[3] for row in read(acme)]


def test_a_text_that_postgresql_would_cut_short_is_refused(committed_cast: Any) -> None:
    if connection.vendor == "sqlite":
        pytest.skip("SQLite keeps it whole")
    acme = committed_cast.acme
    before = read(acme)
    with pytest.raises(DataError), pipelined(acme.pk):
        ask(WRITE, ["super\0visor", acme.pk, committed_cast.bob.user_id])
    assert read(acme) == before


def test_many_statements_and_long_values_go_out_together(committed_cast: Any) -> None:
    acme, long = committed_cast.acme, "x" * 100_000
    with pipelined(acme.pk):
        asked = [ask(f"SELECT {n}, %s || %s", [long, long]) for n in range(50)]
        assert [cursor.fetchall() for cursor in asked] == [[(n, long * 2)] for n in range(50)]


def test_the_managers_refuse_and_no_other_tenant_is_seen(committed_cast: Any) -> None:
    if connection.vendor == "sqlite":
        pytest.skip("there it is a transaction like any other, without policies")
    with pipelined(committed_cast.acme.pk), pytest.raises(TenantNotSet):
        AuditEntry.objects.count()
    with pipelined(committed_cast.acme.pk):
        assert rows(ask(READ, [committed_cast.borealis.pk]), ROW) == []
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('app.tenant', true)")
        assert cursor.fetchone() == ("",)
