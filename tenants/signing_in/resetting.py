"""*Forgot password?*: a link by mail, which works once and for thirty minutes.

What is answered, and how long that takes, does not tell whether an address has an account.
"""

import hashlib
from datetime import timedelta

from django.conf import settings
from django.contrib.auth.tokens import PasswordResetTokenGenerator
from django.core.cache import cache
from django.http import HttpRequest
from django.urls import reverse
from django.utils.encoding import force_bytes
from django.utils.http import base36_to_int, urlsafe_base64_encode
from redis.exceptions import RedisError

from tenants.bricks import mails
from tenants.bricks.breaker import NotAsked
from tenants.bricks.courier import redis
from tenants.models import User, UserManager
from tenants.signing_in import throttle

LASTS = timedelta(minutes=30)
PER = timedelta(hours=1)
MOST_OF_PERSON, MOST_OF_ADDRESS = 3, 30  # mails asked for within it


class ResetLinks(PasswordResetTokenGenerator):
    """A password that is set, and every sign-in, makes the link void."""

    key_salt = "tenants.signing_in.resetting"

    def check_token(self, user: User | None, token: str | None) -> bool:
        if not super().check_token(user, token) or token is None:
            return False
        made = base36_to_int(token.partition("-")[0])
        return bool(self._num_seconds(self._now()) - made <= LASTS.total_seconds())


links = ResetLinks()


def ask(request: HttpRequest, email: str) -> int:
    """Send a link to whoever has this address; seconds to wait when that was asked too often."""
    email = UserManager.normalize_email(email)
    if not (
        _may("person", email, MOST_OF_PERSON)
        and _may("address", throttle.address_of(request), MOST_OF_ADDRESS)
    ):
        return int(PER.total_seconds())
    mails.soon(("reset", email), lambda: send(email))
    return 0


def send(email: str) -> None:
    """The link, to one who may sign in here; else nothing."""
    user = User.objects.filter(email=email, is_active=True).first()
    # Whoever signs in elsewhere has no password here, and does not get one by mail.
    if user is None or (user.clerk_user_id and not user.has_usable_password()):
        return
    uid = urlsafe_base64_encode(force_bytes(user.pk))
    path = reverse("reset_password", args=[uid, links.make_token(user)])
    link = settings.PUBLIC_BASE_URL + path
    minutes = int(LASTS.total_seconds() / 60)
    mails.send("reset", user.email, name=user.name, link=link, minutes=minutes)


def tell_changed(user: User) -> None:
    """Tell the person that their password was changed, in case it was not them."""
    to, name = user.email, user.name
    if settings.SENDS_MAIL:
        mails.soon(("changed", to), lambda: mails.send("password_changed", to, name=name))


def _may(what: str, whose: str, most: int) -> bool:
    """Counts; while the cache is away everybody may."""
    key = f"reset:{what}:{hashlib.sha256(whose.encode()).hexdigest()}"
    try:
        with redis.asking(RedisError, OSError):
            cache.add(key, 0, timeout=int(PER.total_seconds()))
            return int(cache.incr(key)) <= most
    except (NotAsked, RedisError, OSError, ValueError):  # ValueError: it ran out in between
        return True
