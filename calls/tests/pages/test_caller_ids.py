"""Labels of our numbers, and which of them is called from."""

import json
import re
import uuid
from typing import Any

import pytest
from django.conf import settings as conf

from calls.models import PhoneNumber
from tenants.fence.context import tenant_transaction
from tenants.tests import database

PATH = "/settings/caller-ids"


@pytest.fixture
def ours(cast: Any) -> list[PhoneNumber]:
    """Acme's two numbers; the first is the default."""
    with tenant_transaction(cast.acme.pk):
        PhoneNumber.objects.create(number="+14155550198", account_sid=conf.TWILIO_ACCOUNT_SID)
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
        ({"default": foreign.pk, f"label-{foreign.pk}": "Mine"}, "one of your numbers"),
        ({"default": "x"}, "one of your numbers"),
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


def test_a_dialer_without_a_number_or_an_account_says_whom_to_ask(
    cast: Any, signed_in: Any, settings: Any
) -> None:
    def lacking(member: Any) -> tuple[str, str]:
        page = signed_in(member).get("/calls").content.decode()
        (lacks,) = re.findall(r'data-lacks="(\w*)"', page)
        return lacks, " ".join(re.sub(r"<[^>]+>", " ", page).split())

    assert lacking(cast.bob)[0] == ""
    with tenant_transaction(cast.acme.pk):
        PhoneNumber.objects.all().delete()
    lacks, page = lacking(cast.bob)
    assert lacks == "caller_id" and "None yet Ask an admin of your workspace." in page
    assert "Find one under Numbers" in lacking(cast.alice)[1]
    refused = signed_in(cast.bob).post("/calls/dial", DIAL)
    assert refused.status_code == 422 and "Ask an admin to add one." in refused.content.decode()
    settings.TWILIO_API_KEY_SID = ""
    lacks, page = lacking(cast.bob)
    assert lacks == "account" and "Not set up Ask an admin of your workspace." in page
    assert "Connect one under Telephone account" in lacking(cast.alice)[1]


def test_agents_may_not(cast: Any, ours: list[PhoneNumber], signed_in: Any) -> None:
    before = state()
    for answer in (signed_in(cast.bob).get(PATH), signed_in(cast.bob).post(PATH, {})):
        assert answer.status_code == 403
        assert "This page is for admins" in answer.content.decode()
    assert state() == before


# --- one for each call -----------------------------------------------------------------------

DIAL = {"q": "+14155550101"}


def dialled_from(answer: Any) -> str:
    assert answer.status_code == 204
    return str(json.loads(answer.headers["HX-Trigger"])["phone:dial"]["fromNumberId"])


def offered(client: Any) -> list[tuple[str, bool, str]]:
    """(id, whether it is chosen, text) of the dialer's choice."""
    page = client.get("/calls").content.decode()
    found = re.findall(r'<option value="([0-9a-f-]{36})"( selected)?>([^<]*)</option>', page)
    return [(pk, bool(chosen), text) for pk, chosen, text in found if "555" in text]


def test_several_numbers_are_a_choice_and_one_is_none(
    cast: Any, ours: list[PhoneNumber], signed_in: Any
) -> None:
    first, second = ours
    with tenant_transaction(cast.acme.pk):
        PhoneNumber.objects.filter(pk=second.pk).update(label="Sales")
    bob = signed_in(cast.bob)
    assert offered(bob) == [
        (str(first.pk), False, "(415) 555-0199"),
        (str(second.pk), False, "Sales, (415) 555-0198"),
    ]
    with tenant_transaction(cast.acme.pk):
        second.delete()
    assert offered(bob) == []
    assert dialled_from(bob.post("/calls/dial", DIAL)) == str(first.pk)


def test_a_call_is_made_from_the_number_that_is_sent_remembered_or_the_default(
    cast: Any, ours: list[PhoneNumber], signed_in: Any
) -> None:
    first, second = (str(each.pk) for each in ours)
    bob = signed_in(cast.bob)
    assert dialled_from(bob.post("/calls/dial", DIAL)) == first
    assert dialled_from(bob.post("/calls/dial", DIAL | {"from_number_id": second})) == second
    bob.cookies[f"caller-id-{cast.bob.pk}"] = second
    assert dialled_from(bob.post("/calls/dial", DIAL)) == second
    assert [pk for pk, chosen, _ in offered(bob) if chosen] == [second]
    assert dialled_from(bob.post("/calls/dial", DIAL | {"from_number_id": first})) == first
    # Of one person, not of all who use this browser.
    alice = signed_in(cast.alice)
    alice.cookies[f"caller-id-{cast.bob.pk}"] = second
    assert dialled_from(alice.post("/calls/dial", DIAL)) == first


def test_a_remembered_number_that_is_gone_or_foreign_is_the_default(
    cast: Any, ours: list[PhoneNumber], signed_in: Any
) -> None:
    with tenant_transaction(cast.borealis.pk):
        foreign = PhoneNumber.objects.get()
    bob = signed_in(cast.bob)
    for remembered in (foreign.pk, uuid.uuid4(), "x", ""):
        bob.cookies[f"caller-id-{cast.bob.pk}"] = str(remembered)
        assert dialled_from(bob.post("/calls/dial", DIAL)) == str(ours[0].pk)
        assert not any(chosen for _, chosen, _ in offered(bob))


def test_a_sent_number_that_is_gone_or_foreign_is_refused_at_its_field(
    cast: Any, ours: list[PhoneNumber], signed_in: Any
) -> None:
    with tenant_transaction(cast.borealis.pk):
        foreign = PhoneNumber.objects.get()
    bob, said = signed_in(cast.bob), set()
    for sent in (foreign.pk, uuid.uuid4(), "x"):
        answer = bob.post("/calls/dial", DIAL | {"from_number_id": str(sent)})
        page = answer.content.decode()
        assert answer.status_code == 422 and foreign.number not in page
        said |= set(re.findall(r'id="dial_error"[^>]*data-wrong="dial_from">([^<]+)<', page))
    assert said == {"You can’t call from this number anymore. Choose another one."}
