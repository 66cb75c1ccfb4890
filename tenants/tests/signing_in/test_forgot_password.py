"""*Forgot password?*: who gets a link, what it opens, and for how long."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.tokens import PasswordResetTokenGenerator, default_token_generator
from django.core import mail
from django.core.cache import cache
from django.test import Client
from django.utils.encoding import force_bytes
from django.utils.http import urlsafe_base64_encode
from redis.exceptions import ConnectionError as RedisAway

from tenants.fence.context import tenant_transaction
from tenants.models import AuditEntry, User
from tenants.people.services import add_member
from tenants.tests.mails import both, path_in, sends_mail, the_mail
from tenants.tests.people.test_settings import set_password
from tenants.tests.signing_in.second_factors import give, is_in, verify
from tenants.tests.signing_in.test_sign_in import PASSWORD, sign_in

__all__ = ["sends_mail"]
pytestmark = pytest.mark.usefixtures("sends_mail")

PAGE, BOB, NEW = "/forgot-password", "bob@acme.example", "a-better-password-77"


@pytest.fixture(autouse=True)
def counted_anew() -> None:
    cache.clear()


def ask(email: str = BOB, address: str = "203.0.113.7") -> Any:
    """The page that is seen afterwards."""
    return Client(REMOTE_ADDR=address).post(PAGE, {"email": email}, follow=True)


def opens(path: str) -> bool:
    """Whether the link leads to a form, for somebody who just has the link."""
    page = Client().get(path, follow=True).content.decode()
    assert ("New password" in page) != ("This link has expired" in page)
    return "New password" in page


def test_whoever_forgot_it_gets_a_link_sets_another_and_is_in(
    cast: Any, django_capture_on_commit_callbacks: Any
) -> None:
    old = Client()
    sign_in(old, BOB)
    assert (
        '<a href="/forgot-password">Forgot password?</a>'
        in Client().get("/sign-in").content.decode()
    )
    page = ask(" Bob@Acme.Example ").content.decode()
    assert "If that address has an account here" in page and "30 minutes" in page
    found = the_mail()
    assert (found.to, found.subject) == ([BOB], "Reset your password")
    assert found.extra_headers == {"Auto-Submitted": "auto-generated"}
    assert all("Hello Bob," in part and "for 30 minutes" in part for part in both(found))
    browser = Client()
    with django_capture_on_commit_callbacks(execute=True):
        welcome = set_password(browser, path_in(found), NEW)
    assert "Your password is set." in welcome.content.decode() and is_in(browser)
    assert not is_in(old), "every other session ends"
    assert sign_in(Client(), BOB, PASSWORD).status_code == 200
    assert sign_in(Client(), BOB, NEW).status_code == 302
    with tenant_transaction(cast.acme.pk):
        noted = AuditEntry.objects.filter(action="password_set").values_list("name", flat=True)
        assert list(noted) == ["Bob"]
    told = mail.outbox[1]
    assert (told.to, told.subject) == ([BOB], "Your password was changed")


def test_a_link_is_good_once(cast: Any) -> None:
    ask()
    ask()
    first, second = (path_in(found) for found in mail.outbox)
    set_password(Client(), first, NEW)
    assert not opens(first) and not opens(second), "whoever has set a password needs none of them"


def test_a_link_grows_too_old_within_half_an_hour(cast: Any, monkeypatch: Any) -> None:
    ask()
    path = path_in(the_mail())

    def after(minutes: int) -> bool:
        later = datetime.now() + timedelta(minutes=minutes)
        monkeypatch.setattr(PasswordResetTokenGenerator, "_now", lambda self: later)
        return opens(path)

    assert [after(29), after(31)] == [True, False]
    assert "Ask for a new one" in Client().get(path).content.decode()


def test_a_link_that_is_open_when_it_grows_too_old_sets_nothing(
    cast: Any, monkeypatch: Any
) -> None:
    ask()
    browser = Client()
    where = browser.get(path_in(the_mail()), follow=True).redirect_chain[-1][0]
    later = datetime.now() + timedelta(minutes=31)
    monkeypatch.setattr(PasswordResetTokenGenerator, "_now", lambda self: later)
    page = browser.post(where, {"new_password1": NEW, "new_password2": NEW})
    assert "This link has expired" in page.content.decode()
    assert sign_in(Client(), BOB, NEW).status_code == 200


def test_nobody_elses_link_and_no_invitation_is_one(cast: Any) -> None:
    ask()
    token = path_in(the_mail()).rpartition("/")[2]
    uid = {
        who: urlsafe_base64_encode(force_bytes(getattr(cast, who).user_id))
        for who in ("alice", "bob")
    }
    assert opens(f"/reset-password/{uid['bob']}/{token}")
    assert not opens(f"/reset-password/{uid['alice']}/{token}")
    assert not opens(f"/set-password/{uid['bob']}/{token}")
    invitation = default_token_generator.make_token(cast.bob.user)
    assert not opens(f"/reset-password/{uid['bob']}/{invitation}")
    for nonsense in ("/reset-password/x/y", "/reset-password/AA/a-b", "/reset-password/%00/x"):
        assert Client().get(nonsense).status_code in (200, 404)


def test_signing_in_makes_a_link_void(cast: Any) -> None:
    ask()
    sign_in(Client(), BOB)
    assert not opens(path_in(the_mail()))


def test_an_address_without_an_account_hears_the_same_and_nothing_is_sent(cast: Any) -> None:
    known, unknown = ask(BOB), ask("nobody@acme.example")
    assert known.status_code == unknown.status_code == 200
    assert known.content == unknown.content
    assert known.redirect_chain == [("/forgot-password?sent=1", 303)], "loaded again it sends none"
    assert the_mail().to == [BOB]


def test_who_may_not_sign_in_by_password_gets_none(cast: Any) -> None:
    User.objects.filter(email=BOB).update(is_active=False)
    clerks, _ = add_member(cast.acme, email="clerk@acme.example", name="Clerk")
    User.objects.filter(pk=clerks.user_id).update(clerk_user_id="user_2x")
    for email in (BOB, "clerk@acme.example"):
        assert ask(email).status_code == 200
    assert mail.outbox == []


def test_clerks_people_who_have_a_password_get_one_too(cast: Any) -> None:
    User.objects.filter(email=BOB).update(clerk_user_id="user_2x")
    ask()
    assert the_mail().to == [BOB]


def test_who_is_shut_out_after_asking_has_no_use_for_the_link(cast: Any) -> None:
    ask()
    path = path_in(the_mail())
    User.objects.filter(email=BOB).update(is_active=False)
    assert not opens(path)


def test_who_lost_their_invitation_sets_a_first_password(cast: Any) -> None:
    add_member(cast.acme, email="dora@acme.example", name="Dora")
    ask("dora@acme.example")
    assert is_in(browser := Client()) is False
    set_password(browser, path_in(the_mail()), NEW)
    assert is_in(browser)


def test_a_second_factor_is_still_asked_for(cast: Any) -> None:
    give(cast.bob.user)
    ask()
    browser = Client()
    set_password(browser, path_in(the_mail()), NEW)
    assert not is_in(browser)
    assert is_in(verify(browser, cast.bob.user))


def test_a_person_is_written_to_three_times_and_the_answer_does_not_tell(
    cast: Any,
) -> None:
    for email in (BOB, "nobody@acme.example"):
        answers = [ask(email, f"198.51.100.{serial}") for serial in range(4)]
        assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
        assert "in 30 minutes, or use the latest link" in answers[-1].content.decode()
        assert answers[-1].headers["Retry-After"] == "1800", "as long as the latest is good"
    assert len(mail.outbox) == 3
    assert ask("alice@acme.example").status_code == 200


def test_one_address_asks_for_thirty_people_an_hour(cast: Any) -> None:
    answers = [ask(f"{serial}@acme.example").status_code for serial in range(31)]
    assert answers == [200] * 30 + [429]
    refused = [ask(BOB).status_code for _ in range(3)]
    assert refused == [429] * 3 and len(mail.outbox) == 0
    assert ask(BOB, "198.51.100.9").status_code == 200, "and keeps nobody else from it"
    assert the_mail().to == [BOB]


def test_without_a_cache_everybody_may(cast: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: Any, **__: Any) -> None:
        raise RedisAway("away")

    monkeypatch.setattr(cache, "add", away)
    assert ask().status_code == 200 and the_mail().to == [BOB]


@pytest.mark.parametrize("email", ["", "bob", "b@" + "x" * 260 + ".example", "a\x00@b.example"])
def test_what_is_no_address_is_refused_at_its_field(cast: Any, email: str) -> None:
    answer = ask(email)
    assert answer.status_code == 422 and 'id="email_error"' in answer.content.decode()
    assert mail.outbox == []


def test_without_mail_the_page_says_whom_to_ask(cast: Any, settings: Any) -> None:
    settings.SENDS_MAIL = False
    for answer in (Client().get(PAGE), ask()):
        assert "sends no email" in answer.content.decode() and answer.status_code == 200
    assert mail.outbox == []


def test_whoever_changes_a_password_is_told_by_mail(
    cast: Any, signed_in: Any, django_capture_on_commit_callbacks: Any
) -> None:
    sent = {"password": PASSWORD, "new_password1": NEW, "new_password2": NEW}
    with django_capture_on_commit_callbacks(execute=True):
        signed_in(cast.bob).post("/account/password", sent)
    found = the_mail()
    assert found.subject == "Your password was changed" and found.to == [BOB]
    assert all("/forgot-password" in part for part in both(found))
