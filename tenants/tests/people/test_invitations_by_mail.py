"""Invitations by mail, beside the link that the admin sees."""

from typing import Any

import pytest
from django.core import mail
from django.core.cache import cache
from django.test import Client

from tenants.fence.context import tenant_transaction
from tenants.models import Membership, Tenant
from tenants.people import links, services
from tenants.tests.mails import both, path_in, sends_mail, the_mail
from tenants.tests.people.test_settings import MEMBERS, NEW, invite, member, set_password
from tenants.tests.signing_in.second_factors import is_in

__all__ = ["sends_mail"]


@pytest.fixture(autouse=True)
def counted_anew() -> None:
    cache.clear()


@pytest.fixture
def invited(
    cast: Any, signed_in: Any, sends_mail: None, django_capture_on_commit_callbacks: Any
) -> str:
    """Dora; the link that Alice sees."""
    with django_capture_on_commit_callbacks(execute=True):
        return invite(cast, signed_in, name="Dora\r\nBcc: x@y.example <b>&")


def test_the_invited_person_gets_a_link_of_their_own(invited: str) -> None:
    found = the_mail()
    assert found.to == ["dora@acme.example"] and found.subject == "Alice invited you to Acme"
    text, page = both(found)
    assert "Alice invited you to Acme," in text and "<b>Acme</b>" in page
    assert "Bcc: x@y.example <b>&," in text and "&lt;b&gt;&amp;," in page
    set_password(browser := Client(), path_in(found))
    assert is_in(browser)
    assert "This link has expired" in Client().get(invited, follow=True).content.decode()


def test_names_break_no_header_and_no_page(
    cast: Any, signed_in: Any, sends_mail: None, django_capture_on_commit_callbacks: Any
) -> None:
    Tenant.objects.filter(pk=cast.acme.pk).update(name="A & B <i>\r\nBcc: x@y.example")
    cast.alice.user.name = "Al\nice"
    cast.alice.user.save()
    with django_capture_on_commit_callbacks(execute=True):
        signed_in(cast.alice).post(f"{MEMBERS}/invite", NEW)
    found = the_mail()
    assert found.subject == "Al ice invited you to A & B <i> Bcc: x@y.example"
    assert "Bcc" not in found.message() and found.recipients() == ["dora@acme.example"]
    assert "<i>" not in both(found)[1]


def test_the_page_says_that_it_is_on_its_way(cast: Any, signed_in: Any, sends_mail: None) -> None:
    answer = signed_in(cast.alice).post(f"{MEMBERS}/invite", NEW)
    assert "emailing it to dora@acme.example" in answer.content.decode()


def test_a_new_link_is_mailed_too(
    cast: Any, signed_in: Any, invited: str, django_capture_on_commit_callbacks: Any
) -> None:
    dora = member(cast, "dora@acme.example")
    with django_capture_on_commit_callbacks(execute=True):
        signed_in(cast.alice).post(f"{MEMBERS}/{dora.pk}", {"do": "link"})
    assert [found.to for found in mail.outbox] == [["dora@acme.example"]] * 2


def test_who_may_have_none_by_the_time_it_is_written_gets_none(
    cast: Any, signed_in: Any, sends_mail: None
) -> None:
    invite(cast, signed_in)
    dora = member(cast, "dora@acme.example")
    with tenant_transaction(cast.acme.pk):
        services.set_active(dora, False)
    links.mail(cast.acme.pk, dora.pk, by="Alice")
    with tenant_transaction(cast.acme.pk):
        services.set_active(dora, True)
    links.mail(cast.borealis.pk, dora.pk, by="Charlie")
    services.add_member(cast.borealis, email="dora@acme.example")
    links.mail(cast.acme.pk, dora.pk, by="Alice")
    with tenant_transaction(cast.acme.pk):
        Membership.objects.filter(pk=dora.pk).delete()
    links.mail(cast.acme.pk, dora.pk, by="Alice")
    assert mail.outbox == []


def test_one_person_is_mailed_three_invitations_a_day(
    cast: Any, signed_in: Any, invited: str, django_capture_on_commit_callbacks: Any
) -> None:
    path = f"{MEMBERS}/{member(cast, 'dora@acme.example').pk}"
    with django_capture_on_commit_callbacks(execute=True):
        pages = [signed_in(cast.alice).post(path, {"do": "link"}) for _ in range(3)]
    assert len(mail.outbox) == 3
    said = ["emailing it" in page.content.decode() for page in pages]
    assert said == [True, True, False] and pages[2].context["link"], (
        "the link is shown all the same"
    )


def test_without_mail_the_link_is_shown_and_that_is_all(
    cast: Any,
    signed_in: Any,
    sends_mail: None,
    settings: Any,
    django_capture_on_commit_callbacks: Any,
) -> None:
    settings.SENDS_MAIL = False
    with django_capture_on_commit_callbacks(execute=True):
        answer = signed_in(cast.alice).post(f"{MEMBERS}/invite", NEW)
    assert "Send it to dora@acme.example. Don’t share it" in answer.content.decode()
    assert mail.outbox == []
