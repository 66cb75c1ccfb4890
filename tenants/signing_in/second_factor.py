"""The second factor of a sign-in: six digits of an authenticator app (TOTP), or a backup code.

django-otp keeps the devices and compares the codes; here is who must have one, and what a code
that is refused means. Whoever's second factor changes is signed out everywhere else.
"""

import re
from base64 import b32encode
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from math import ceil
from typing import Any
from uuid import UUID

import django_otp
import segno
from django.conf import settings
from django.contrib.auth import update_session_auth_hash
from django.db import transaction
from django.db.models import F
from django.http import HttpRequest
from django.utils import timezone
from django_otp.plugins.otp_static.models import StaticDevice, StaticToken
from django_otp.plugins.otp_totp.models import TOTPDevice, default_key

from tenants.doors import Person
from tenants.models import Tenant, User

BACKUP_CODES = 10
# A device's pause doubles with each wrong code. Whoever has only the password must not shut the
# owner out for days: from the 11th on it is 17 minutes, 85 guesses of a million codes a day.
MOST_DOUBLINGS = 11
_NEW_KEY = "new_second_factor"


class Step(StrEnum):
    """What a session has still to do, and the name of the page for it."""

    CODE = "sign_in_code"
    SET_UP = "second_factor"


@dataclass(frozen=True)
class Pending:
    """Somebody who has shown a password and must do one step more; nobody until then."""

    user: User
    step: Step


class WrongCode(Exception):
    """The code is not accepted; the message is for the person. `seconds`: to wait, or 0."""

    def __init__(self, message: str, seconds: int = 0) -> None:
        super().__init__(message)
        self.seconds = seconds


def has(user: User) -> bool:
    return TOTPDevice.objects.filter(user=user, confirmed=True).exists()


def of_them(user_ids: Iterable[UUID]) -> set[UUID]:
    """Those of the people who have one."""
    devices = TOTPDevice.objects.filter(user__in=list(user_ids), confirmed=True)
    return set(devices.values_list("user_id", flat=True))


def is_required(user: User, tenant: Tenant | None) -> bool:
    """By the workspace of its members; by a public site of all who may use the admin."""
    by_tenant = tenant is not None and tenant.requires_second_factor
    return by_tenant or (user.is_staff and settings.ADMIN_NEEDS_SECOND_FACTOR)


def step_of(user: Any, person: Person, tenant: Tenant | None) -> Step | None:
    """What the session of this `request.user`, who works in `tenant`, has still to do."""
    if user.is_verified():
        return None
    if any(isinstance(device, TOTPDevice) for device in person.devices):
        return Step.CODE
    return Step.SET_UP if is_required(user, tenant) else None


def new_device(request: HttpRequest, user: User) -> TOTPDevice:
    """A device that is not saved yet. Its secret stays the same for this session until `add`."""
    key = request.session.setdefault(_NEW_KEY, default_key())
    return TOTPDevice(user=user, key=key, name="Authenticator app")


def picture(device: TOTPDevice) -> str:
    """The QR code for an authenticator app, as a data URI of black on white."""
    return str(segno.make(device.config_url, error="m").png_data_uri(scale=6, border=3))


def readable_secret(device: TOTPDevice) -> str:
    """For typing it into the app: groups of four letters and digits."""
    text = b32encode(device.bin_key).decode().rstrip("=")
    return " ".join(text[start : start + 4] for start in range(0, len(text), 4))


@transaction.atomic
def add(request: HttpRequest, user: User, code: str) -> list[str]:
    """Make the new device the person's, and this session verified by it; the backup codes.

    Raises `WrongCode` and keeps nothing when the code is not of that device.
    """
    device = new_device(request, user)
    # One person, one device: whoever resets it must know that nothing is left.
    User.objects.select_for_update().get(pk=user.pk)
    if has(user):
        raise WrongCode("Two-factor sign-in is already on.")
    device.save()
    if not device.verify_token(_digits(code)):
        raise WrongCode("Wrong code. Enter the one your app shows now.")
    del request.session[_NEW_KEY]
    codes = renew_backup_codes(user)
    _end_sessions(user)
    keep_session(request, user)
    django_otp.login(request, device)
    return codes


def renew_backup_codes(user: User) -> list[str]:
    """Ten codes, good once each; the old ones are void."""
    device, _ = StaticDevice.objects.get_or_create(user=user, defaults={"name": "Backup codes"})
    device.token_set.all().delete()
    codes = [StaticToken.random_token() for _ in range(BACKUP_CODES)]
    StaticToken.objects.bulk_create(StaticToken(device=device, token=code) for code in codes)
    return codes


def backup_codes_left(user: User) -> int:
    return StaticToken.objects.filter(device__user=user).count()


@transaction.atomic
def remove(user: User) -> None:
    """The person signs in by password alone; their sessions end."""
    TOTPDevice.objects.filter(user=user).delete()
    StaticDevice.objects.filter(user=user).delete()
    _end_sessions(user)


def check(user: User, code: str) -> Any:
    """The device that takes the code. Raises `WrongCode`; each failure makes the pause longer."""
    digits = _digits(code)
    model: Any = TOTPDevice if re.fullmatch(r"\d{6}", digits) else StaticDevice
    device = model.objects.filter(user=user, confirmed=True).first()
    if device is None:
        raise WrongCode("Wrong code.")
    _refuse_in_pause(device)
    if django_otp.verify_token(user, device.persistent_id, digits) is not None:
        return device
    # Bounded; two at once can only make it shorter by one.
    model.objects.filter(pk=device.pk, throttling_failure_count__gt=MOST_DOUBLINGS).update(
        throttling_failure_count=MOST_DOUBLINGS
    )
    raise WrongCode("Wrong code, or already used. Wait for the next one.")


def keep_session(request: HttpRequest, user: User) -> None:
    """When the person's sessions were ended, this one goes on, under a new key."""
    request.user = user
    update_session_auth_hash(request, user)  # type: ignore[arg-type]


def _end_sessions(user: User) -> None:
    user.session_epoch = F("session_epoch") + 1
    user.save(update_fields=["session_epoch"])
    user.refresh_from_db(fields=["session_epoch"])


def _refuse_in_pause(device: Any) -> None:
    allowed, why = device.verify_is_allowed()
    if not allowed:
        until: datetime = why["locked_until"]
        seconds = max(1, ceil((until - timezone.now()).total_seconds()))
        raise WrongCode("", seconds)


def _digits(code: str) -> str:
    return re.sub(r"[\s-]", "", code).lower()
