"""*Forgot password?*: a link by mail, which works once and for thirty minutes.

What is answered, and how long that takes, does not tell whether an address has an account.
"""

from datetime import timedelta
from functools import partial

from django.conf import settings
from django.contrib.auth.tokens import PasswordResetTokenGenerator
from django.db import transaction
from django.http import HttpRequest
from django.urls import reverse
from django.utils.encoding import force_bytes
from django.utils.http import base36_to_int, urlsafe_base64_encode

from tenants.bricks import mails
from tenants.models import User, UserManager
from tenants.signing_in import throttle

MINUTES = 30
LASTS = timedelta(minutes=MINUTES)
# Asked for from one address within an hour; and of one person while the links last.
MOST_OF_ADDRESS, MOST_OF_PERSON = 30, 3
AN_HOUR = timedelta(hours=1)


class ResetLinks(PasswordResetTokenGenerator):
    """A password that is set, and every sign-in, makes the link void."""

    key_salt = "tenants.signing_in.resetting"

    def check_token(self, user: User | None, token: str | None) -> bool:
        if not super().check_token(user, token) or token is None:
            return False
        made = base36_to_int(token.partition("-")[0])
        return bool(self._num_seconds(self._now()) - made <= LASTS.total_seconds())


links = ResetLinks()


def link(page: str, user: User, tokens: PasswordResetTokenGenerator) -> str:
    """The address of the page of this name on which its owner sets the user's password."""
    uid = urlsafe_base64_encode(force_bytes(user.pk))
    return settings.PUBLIC_BASE_URL + reverse(page, args=[uid, tokens.make_token(user)])


def ask(request: HttpRequest, email: str) -> int:
    """Send a link to whoever has this address; seconds to wait when that was asked too often."""
    email = UserManager.normalize_email(email)
    asker = throttle.address_of(request)
    if not mails.may("from address", asker, most=MOST_OF_ADDRESS, within=AN_HOUR):
        return int(AN_HOUR.total_seconds())
    if not mails.may("reset", email, most=MOST_OF_PERSON, within=LASTS):
        return int(LASTS.total_seconds())
    mails.soon(("reset", email), lambda: send(email))
    return 0


def send(email: str) -> None:
    """The link, to one who may sign in here; else nothing."""
    user = User.objects.filter(email=email, is_active=True).first()
    # Whoever signs in elsewhere has no password here, and does not get one by mail.
    if user is None or (user.clerk_user_id and not user.has_usable_password()):
        return
    address = link("reset_password", user, links)
    mails.send("reset", user.email, name=user.name, link=address, minutes=MINUTES)


def tell_changed(user: User) -> None:
    """Tell the person that their password was changed, in case it was not them."""
    to, name = user.email, user.name
    if settings.SENDS_MAIL:
        send = partial(mails.send, "password_changed", to, name=name)
        transaction.on_commit(lambda: mails.soon(("changed", to), send))
