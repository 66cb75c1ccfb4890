"""How long a session lasts, and what ends with it.

A session ends twelve hours after its last request (an open page asks now and then, so it counts as
used) and seven days after its sign-in, whatever happens. Django ends all sessions of a person whose
password changes; `User.session_epoch` does so for the second factor.
"""

import time
from functools import partial
from typing import Any

from django.conf import settings
from django.contrib.auth import HASH_SESSION_KEY, logout
from django.contrib.auth.signals import user_logged_in
from django.db import transaction
from django.db.models.signals import post_save
from django.dispatch import receiver
from django.http import HttpRequest
from django.utils.crypto import constant_time_compare

from tenants import doors
from tenants.bricks import live
from tenants.models import Membership, Tenant, User
from tenants.signing_in import browsers, second_factor
from tenants.signing_in.store import SessionStore
from tenants.trail import audit
from tenants.trail.audit import Action

RENEW_SECONDS = 900  # no oftener is a session written only because it is used
FRESH_SECONDS = 300  # so long after it a sign-in counts for the password
BEGUN, SEEN, BROWSER = "signed_in_at", "seen_at", "browser"


def keep_or_end(request: HttpRequest) -> None:
    """Sign out whose session has lasted too long; else remember, now and then, that it is used."""
    now = int(time.time())
    if now - request.session.setdefault(BEGUN, now) >= settings.SESSION_LONGEST_SECONDS:
        logout(request)
    elif now - request.session.get(SEEN, 0) >= RENEW_SECONDS:
        request.session[SEEN] = now
        request.session[BROWSER] = _browser_of(request)


def member_of(key: str) -> Membership | None:
    """Who is signed in by a session, and where they work by it; None once it has ended. For what is
    done while nobody asks: not renewed by it, and what a second factor is asked for is not known.
    """
    session = SessionStore(key)
    kept = session.load()
    person, began = session.person, kept.get(BEGUN, 0)
    if person is None or int(time.time()) - began >= settings.SESSION_LONGEST_SECONDS:
        return None
    signed = kept.get(HASH_SESSION_KEY, "")
    if not constant_time_compare(signed, person.user.get_session_auth_hash()):
        return None
    return person.membership(preferred_tenant_id=kept.get("tenant_id"))


def is_fresh(request: HttpRequest) -> bool:
    """Whether the password was shown a moment ago: a stolen session is seldom that young."""
    begun: int = request.session.get(BEGUN, 0)
    return int(time.time()) - begun < FRESH_SECONDS


def _browser_of(request: HttpRequest) -> str:
    return browsers.name(request.headers.get("User-Agent", ""))


@receiver(user_logged_in)
def _begin(sender: Any, request: Any, **_: Any) -> None:
    request.session[BEGUN] = request.session[SEEN] = int(time.time())
    request.session[BROWSER] = _browser_of(request)


@receiver(user_logged_in)
def _note(sender: Any, request: HttpRequest | None, user: User, **_: Any) -> None:
    member = doors.membership_of(user.pk)
    is_last_step = not second_factor.has(user) and not second_factor.is_required(
        user, member.tenant if member else None
    )
    if is_last_step:
        audit.note_of(Action.SIGNED_IN, request, user)


_DOORS = {"is_active", "requires_second_factor"}  # of a workspace

# Whoever or whatever changed may have been deactivated: the open streams end, and each page asks
# for a new ticket, which only a member gets.


@receiver(post_save, sender=User)
def _user_saved(sender: Any, instance: User, created: bool, **more: Any) -> None:
    if not created and more.get("update_fields") != frozenset(["last_login"]):
        transaction.on_commit(partial(live.end_streams, instance.pk))


@receiver(post_save, sender=Membership)
def _membership_saved(sender: Any, instance: Membership, created: bool, **_: Any) -> None:
    if not created:
        transaction.on_commit(partial(live.end_streams, instance.user_id))


@receiver(post_save, sender=Tenant)
def _tenant_saved(sender: Any, instance: Tenant, created: bool, **more: Any) -> None:
    changed = more.get("update_fields")
    if not created and (changed is None or not changed.isdisjoint(_DOORS)):
        transaction.on_commit(partial(live.end_streams, instance.pk))
