"""Ways from where people look: to a contact from its calls, to the API's page, to the admin."""

from typing import Any

from django.utils import timezone

from calls.tests.builders import an_outbound_call
from contacts.models import Contact
from contacts.services import set_archived
from tenants.fence.context import tenant_transaction
from tenants.models import User

ADMIN, API = 'href="/admin/"', 'href="/api/docs"'


def test_a_contact_and_its_calls_lead_to_one_another(cast: Any, signed_in: Any) -> None:
    bob, maria = signed_in(cast.bob), cast.acme_maria
    call = an_outbound_call(cast.acme, contact=maria)
    nobodys = an_outbound_call(cast.acme, to_number="+14155550144")
    contact, page = f'href="/contacts/{maria.pk}"', f'href="/calls/{call.pk}"'
    with tenant_transaction(cast.acme.pk):
        set_archived(Contact.objects.get(pk=maria.pk), True, now=timezone.now())
    history = bob.get("/calls").content.decode()
    assert history.count(contact) == history.count(page) == 1
    assert f'href="/calls/{nobodys.pk}"' in history
    assert contact in bob.get(f"/calls/{call.pk}").content.decode()
    # Its own page has no way to itself.
    own = bob.get(f"/contacts/{maria.pk}").content.decode()
    assert page in own and contact not in own and f"/calls?contact={maria.pk}" in own


def test_the_apis_page_is_found_by_everybody_the_admin_by_who_may_enter_it(
    cast: Any, signed_in: Any
) -> None:
    for staff in (False, True):
        User.objects.filter(pk=cast.alice.user_id).update(is_staff=staff)
        cast.alice.user.refresh_from_db()
        alice = signed_in(cast.alice)
        for path in ("/account", "/calls", "/settings"):
            page = alice.get(path).content.decode()
            assert API in page and (ADMIN in page) is staff, path
        assert alice.get("/admin/").status_code == (200 if staff else 302)
        bob = signed_in(cast.bob)
        page = bob.get("/account").content.decode()
        assert API in page and ADMIN not in page
