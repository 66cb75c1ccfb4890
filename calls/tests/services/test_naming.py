"""A contact's name on its calls, and the pages that show it."""

from typing import Any

import pytest

from calls.tests.builders import an_outbound_call
from contacts.services import update_contact
from tenants.bricks import live
from tenants.fence.context import tenant_transaction


def test_open_pages_hear_of_a_name_by_the_contacts_latest_call(
    cast: Any, monkeypatch: pytest.MonkeyPatch, django_capture_on_commit_callbacks: Any
) -> None:
    said: list[Any] = []
    monkeypatch.setattr(live, "publish", lambda *message: said.append(message))
    maria = cast.acme_maria

    def rename(name: str) -> None:
        with django_capture_on_commit_callbacks(execute=True), tenant_transaction(cast.acme.pk):
            numbers = [(row.number, row.label) for row in maria.numbers.all()]
            update_contact(maria, name=name, company="", email="", numbers=numbers)

    rename("Nobody has called her")
    assert said == []
    an_outbound_call(cast.acme, contact=maria)
    latest = an_outbound_call(cast.acme, contact=maria)
    rename("Maria Two")
    assert said == [(cast.acme.pk, {"type": "call", "id": str(latest.pk)})]
