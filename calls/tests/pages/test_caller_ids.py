"""Labels of our numbers, and which of them is called from."""

from typing import Any

import pytest
from django.conf import settings

from calls.models import PhoneNumber
from tenants.fence.context import tenant_transaction
from tenants.tests import database

PATH = "/settings/caller-ids"


@pytest.fixture
def ours(cast: Any) -> list[PhoneNumber]:
    """Acme's two numbers; the first is the default."""
    with tenant_transaction(cast.acme.pk):
        PhoneNumber.objects.create(number="+14155550198", account_sid=settings.TWILIO_ACCOUNT_SID)
        return list(PhoneNumber.objects.order_by("-is_default"))


def state() -> list[Any]:
    return database.rows(PhoneNumber)


def test_an_admin_names_the_numbers_and_chooses_one(
    cast: Any, ours: list[PhoneNumber], signed_in: Any
) -> None:
    first, second = ours
    sent = {f"label-{first.pk}": "Main", f"label-{second.pk}": "Sales", "default": second.pk}
    answer = signed_in(cast.alice).post(PATH, sent, follow=True)
    assert "The caller IDs are saved." in answer.content.decode()
    with tenant_transaction(cast.acme.pk):
        found = PhoneNumber.objects.order_by("created_at").values_list("pk", "label", "is_default")
        assert set(found) == {(first.pk, "Main", False), (second.pk, "Sales", True)}


def test_a_foreign_number_or_a_bad_label_is_refused_and_nothing_is_written(
    cast: Any, ours: list[PhoneNumber], signed_in: Any
) -> None:
    with tenant_transaction(cast.borealis.pk):
        foreign = PhoneNumber.objects.get()
    before, client = state(), signed_in(cast.alice)
    for sent, said in (
        ({"default": foreign.pk, f"label-{foreign.pk}": "Mine"}, "none of your numbers"),
        ({"default": "x"}, "none of your numbers"),
        ({}, "Choose the number"),
        ({"default": ours[0].pk, f"label-{ours[1].pk}": "x" * 61}, "at most 60"),
    ):
        answer = client.post(PATH, sent)
        assert answer.status_code == 422 and said in answer.content.decode()
    assert state() == before


def test_a_workspace_without_numbers_is_told_so(cast: Any, signed_in: Any) -> None:
    with tenant_transaction(cast.acme.pk):
        PhoneNumber.objects.all().delete()
    page = signed_in(cast.alice).get(PATH).content.decode()
    assert "No phone number yet." in page


def test_agents_may_not(cast: Any, ours: list[PhoneNumber], signed_in: Any) -> None:
    before = state()
    for answer in (signed_in(cast.bob).get(PATH), signed_in(cast.bob).post(PATH, {})):
        assert answer.status_code == 403
        assert "This page is for admins" in answer.content.decode()
    assert state() == before
