"""Where else a person is signed in: their sessions, as they see them and end them.

A session that is ended is no row any more, so that its next request is nobody's.
"""

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any

from django.conf import settings
from django.contrib.auth import HASH_SESSION_KEY
from django.core.signing import BadSignature, Signer
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.crypto import constant_time_compare, salted_hmac
from django_otp import DEVICE_ID_SESSION_KEY

from tenants.bricks import live
from tenants.models import Session, User
from tenants.signing_in import browsers
from tenants.signing_in.sessions import BEGUN, BROWSER, SEEN

MOST_SHOWN = 50
_MOST_READ = 4 * MOST_SHOWN  # some are good for nothing since the password changed


@dataclass(frozen=True)
class SignedIn:
    """A session. `used_at` is up to `sessions.RENEW_SECONDS` too early."""

    name: str  # for `end`
    browser: str
    since: datetime
    used_at: datetime
    is_this: bool


class NotAnother(Exception):
    """No other session of this person has, or had, this name."""


def signed_in(request: HttpRequest, user: User, *, by_code: bool) -> list[SignedIn]:
    """The person's sessions, this one first, then by their last use; at most `MOST_SHOWN`.
    `by_code`: whoever has only shown the password is not in.
    """
    rows = _of(user).filter(expire_date__gt=timezone.now()).order_by("-expire_date")[:_MOST_READ]
    found = [
        SignedIn(
            name=name_of(user, row.session_key),
            browser=said.get(BROWSER, browsers.UNKNOWN),
            since=datetime.fromtimestamp(said[BEGUN], UTC),
            used_at=datetime.fromtimestamp(said[SEEN], UTC),
            is_this=row.session_key == request.session.session_key,
        )
        for row in rows
        if _is_good(said := row.get_decoded(), user)
        and (not by_code or DEVICE_ID_SESSION_KEY in said)
    ]
    return sorted(found, key=lambda each: not each.is_this)[:MOST_SHOWN]


def name_of(user: User, session_key: str) -> str:
    """What may be shown of a session to its person: it does not tell the key."""
    return _signer(user).sign(_digest(session_key))


def end(request: HttpRequest, user: User, name: str) -> str:
    """End the person's other session of this name: its browser, or "" when it had ended already.
    Raises `NotAnother`.
    """
    try:
        digest = _signer(user).unsign(name)
    except BadSignature:
        raise NotAnother from None
    row = next((row for row in _of(user) if _digest(row.session_key) == digest), None)
    if row is None:
        return ""
    if row.session_key == request.session.session_key:
        raise NotAnother
    browser: str = row.get_decoded().get(BROWSER, browsers.UNKNOWN)
    return browser if _end(user, _of(user).filter(pk=row.pk)) else ""


def end_others(request: HttpRequest, user: User) -> bool:
    """End all of the person's sessions but this one; whether there were any."""
    return _end(user, _of(user).exclude(pk=request.session.session_key))


def _of(user: User) -> QuerySet[Session]:
    theirs: QuerySet[Session] = Session.objects.filter(person=user.pk)
    return theirs


def _end(user: User, rows: QuerySet[Session]) -> bool:
    ended, _ = rows.delete()
    if ended:  # the pages of those that stay come back by themselves
        transaction.on_commit(partial(live.end_streams, user.pk))
    return bool(ended)


def _is_good(said: dict[str, Any], user: User) -> bool:
    """Whether what a session says still signs this person in."""
    is_young = time.time() - said.get(BEGUN, 0) < settings.SESSION_LONGEST_SECONDS
    return is_young and constant_time_compare(
        said.get(HASH_SESSION_KEY, ""), user.get_session_auth_hash()
    )


def _digest(session_key: str) -> str:
    return salted_hmac(__name__, session_key, algorithm="sha256").hexdigest()[:32]


def _signer(user: User) -> Signer:
    """Tells what has ended from what never was this person's."""
    return Signer(salt=f"{__name__}.{user.pk}")
