"""Who a session signs in, by what the statement that read it has found (`tenants.doors`).

Django and django-otp would ask for the person and the device again. What is not plainly so, they
decide.
"""

from functools import partial
from typing import Any

from django.contrib import auth
from django.contrib.auth.middleware import AuthenticationMiddleware
from django.http import HttpRequest
from django.utils.crypto import constant_time_compare
from django.utils.functional import SimpleLazyObject
from django_otp import DEVICE_ID_SESSION_KEY
from django_otp.middleware import OTPMiddleware

from tenants import doors

BACKEND = "django.contrib.auth.backends.ModelBackend"  # the only one that signs in


class PersonMiddleware(AuthenticationMiddleware):
    """Sets `request.user`, as Django does."""

    def process_request(self, request: HttpRequest) -> None:
        super().process_request(request)
        request.user = SimpleLazyObject(partial(_user, request))  # type: ignore[assignment]  # lazy, as Django's


class DeviceMiddleware(OTPMiddleware):
    """Sets `request.user.otp_device` and `is_verified()`, as django-otp does."""

    def _verify_user_sync(self, request: HttpRequest, user: Any) -> Any:
        found = person_of(request, user) if user.is_authenticated else None
        if found is None:
            return super()._verify_user_sync(request, user)
        self._init_user_fields(user)
        named = request.session.get(DEVICE_ID_SESSION_KEY)
        device = next((each for each in found.devices if each.persistent_id == named), None)
        user.otp_device = self._finalize_device(request, user, device)
        return user


def person_of(request: HttpRequest, user: Any) -> doors.Person | None:
    """What is known of the request's user. Only whom something else than their session has signed
    in, as at a change of SECRET_KEY, is looked up.
    """
    known: doors.Person | None = request.session.person  # type: ignore[attr-defined]  # our store's
    return known if known and known.user.pk == user.pk else doors.person(user.pk)


def _user(request: HttpRequest) -> Any:
    """As `django.contrib.auth.get_user` says; only a plain yes is said here."""
    session: Any = request.session
    signed, known = session.get(auth.HASH_SESSION_KEY), session.person
    is_plain = (
        signed
        and known is not None
        and known.user.is_active
        and session.get(auth.SESSION_KEY) == str(known.user.pk)
        and session.get(auth.BACKEND_SESSION_KEY) == BACKEND
        and constant_time_compare(signed, known.user.get_session_auth_hash())
    )
    return known.user if is_plain else auth.get_user(request)
