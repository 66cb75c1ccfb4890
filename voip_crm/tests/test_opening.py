"""A workspace's transaction says whose it is with its BEGIN, and no other says so."""

from typing import Any

import pytest
from django.conf import settings
from django.db import OperationalError, connection, transaction

from contacts.models import Contact
from tenants.fence.context import tenant_context, tenant_transaction
from tenants.fence.policies import TENANT_SETTING, USER_SETTING
from voip_crm.tests.round_trips import counted

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(not settings.DATABASE_OWNER, reason="SQLite is told nothing"),
]


def said() -> tuple[Any, Any]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT current_setting(%s, true), current_setting(%s, true)",
            [TENANT_SETTING, USER_SETTING],
        )
        tenant, person = cursor.fetchone()
        return tenant or "", person or ""


def test_it_takes_one_message_and_ends_with_the_transaction(committed_cast: Any) -> None:
    acme, borealis = committed_cast.acme.pk, committed_cast.borealis.pk
    with counted() as cost, tenant_transaction(acme):
        pass
    assert (cost.statements, cost.round_trips) == (2, 2)  # the other one is COMMIT
    with tenant_transaction(acme):
        assert said() == (str(acme), "")
        with tenant_transaction(acme):  # a savepoint
            assert said() == (str(acme), "")
    assert said() == ("", "")
    with tenant_transaction(borealis):
        assert said() == (str(borealis), "") and Contact.objects.get().tenant_id == borealis


def test_what_fails_in_it_is_undone(committed_cast: Any) -> None:
    with pytest.raises(ZeroDivisionError), tenant_transaction(committed_cast.acme.pk):
        Contact.objects.create(name="Eve")
        raise ZeroDivisionError
    assert said() == ("", "") and connection.get_autocommit()
    with tenant_transaction(committed_cast.acme.pk):
        assert not Contact.objects.filter(name="Eve").exists()


@pytest.mark.parametrize("fails", ["ensure_connection", "_start_transaction_under_autocommit"])
def test_one_that_could_not_begin_leaves_nothing_to_the_next(
    committed_cast: Any, monkeypatch: pytest.MonkeyPatch, fails: str
) -> None:
    def fail() -> None:
        raise OperationalError("away")

    with monkeypatch.context() as away:
        away.setattr(connection, fails, fail)
        with pytest.raises(OperationalError), tenant_transaction(committed_cast.acme.pk):
            pass
    with transaction.atomic():
        assert said() == ("", "")


def test_nothing_but_an_id_is_written_into_it(committed_cast: Any) -> None:
    wrong: Any = f"{committed_cast.acme.pk}', true); SELECT set_config('x.y', 'z"
    with pytest.raises((AttributeError, TypeError)), tenant_context(wrong), tenant_transaction():
        pass
    assert said() == ("", "")
