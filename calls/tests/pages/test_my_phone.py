"""The page on which an agent sets up their own phone."""

from typing import Any

import pytest
from django.core.cache import cache
from django.utils import timezone

from calls.facts.inbound.queues import Availability
from calls.models import OwnPhone
from calls.services.inbound import availability
from calls.tests.services.test_own_phones import code_heard, phone_of
from tenants.fence.context import tenant_transaction

URL = "/account/phone"


@pytest.fixture(autouse=True)
def _nobody_was_called() -> None:
    cache.clear()


def shown(client: Any) -> str:
    return str(client.get(URL).content.decode())


def do(client: Any, what: str, **fields: str) -> Any:
    return client.post(URL, {"do": what, **fields})


def test_a_phone_is_set_up_turned_off_and_removed(shop: Any, cast: Any, signed_in: Any) -> None:
    client = signed_in(cast.bob)
    assert 'href="/account/phone"' in client.get("/account").content.decode()
    assert "Add your phone" in shown(client)
    assert do(client, "call", number="(415) 555-0120").status_code == 303
    page = shown(client)
    assert "Enter the code" in page and "(415) 555-0120" in page
    wrong = do(client, "confirm", code="12")
    assert wrong.status_code == 422
    page = wrong.content.decode()
    assert 'aria-invalid="true" aria-describedby="id_code_note"' in page
    assert "4 more tries" in page
    done = do(client, "confirm", code=code_heard(shop).replace(", ", ""))
    assert done.status_code == 303
    page = shown(client)
    assert "Calls ring here." in page and "Change number" in page and "(415) 555-0120" in page
    do(client, "off")
    assert "Calls don’t ring here." in shown(client)
    row = phone_of(cast.bob)
    assert row and not row.rings and row.number
    do(client, "on")
    assert "Calls ring here." in shown(client)
    do(client, "remove")
    assert "Add your phone" in shown(client) and phone_of(cast.bob) is None


def test_what_is_wrong_stands_at_the_field(shop: Any, cast: Any, signed_in: Any) -> None:
    client = signed_in(cast.bob)
    wrong = do(client, "call", number="911")
    page = wrong.content.decode()
    assert wrong.status_code == 422 and 'value="911"' in page
    assert 'aria-invalid="true" aria-describedby="id_number_note"' in page
    assert "Emergency numbers" in page
    for nonsense in ({"do": "explode"}, {}, {"do": "call", "number": "1" * 101}):
        assert client.post(URL, nonsense).status_code == 422
    assert do(client, "confirm", code="123456").status_code == 422


def test_a_page_that_is_behind_is_told_so(cast: Any, signed_in: Any) -> None:
    """What was shown there has gone in another tab."""
    client = signed_in(cast.bob)
    late = do(client, "confirm", code="123456")
    assert late.status_code == 422 and "hasn’t been called yet" in late.content.decode()
    for what in ("on", "off"):
        late = do(client, what)
        assert late.status_code == 422 and "Your phone was removed." in late.content.decode()


def test_a_number_that_is_not_confirmed_can_be_taken_back(
    shop: Any, cast: Any, signed_in: Any
) -> None:
    client = signed_in(cast.bob)
    do(client, "call", number="(415) 555-0120")
    again = do(client, "call", number="+14155550120")
    assert again.status_code == 422 and "Wait a minute" in again.content.decode()
    assert "Enter the code" in again.content.decode()
    do(client, "forget")
    assert "Add your phone" in shown(client)


def test_each_sees_their_own(cast: Any, signed_in: Any) -> None:
    with tenant_transaction(cast.acme.pk):
        OwnPhone.objects.create(
            user=cast.bob.user, number="+14155550120", confirmed_at=timezone.now()
        )
    client = signed_in(cast.alice)
    assert "555-0120" not in shown(client)
    for what in ("off", "remove"):
        do(client, what)  # of her own, and she has none
    row = phone_of(cast.bob)
    assert row and row.rings


def test_the_sidebar_says_where_calls_ring(cast: Any, signed_in: Any) -> None:
    client = signed_in(cast.bob)
    availability.choose(cast.bob, Availability.AVAILABLE, now=timezone.now())
    assert "Your phone rings, too." not in shown(client)
    with tenant_transaction(cast.acme.pk):
        OwnPhone.objects.create(
            user=cast.bob.user, number="+14155550120", confirmed_at=timezone.now()
        )
    assert "Your phone rings, too." in shown(client)
