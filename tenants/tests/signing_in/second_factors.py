"""What a person's authenticator app does, for tests."""

import time
from base64 import b32decode
from typing import Any

from django_otp.oath import totp
from django_otp.plugins.otp_totp.models import TOTPDevice

from tenants.models import User
from tenants.signing_in import second_factor
from tenants.tests.signing_in.test_sign_in import PASSWORD


def code_of(user: User, steps: int = 0) -> str:
    """The digits that the app shows; `steps` half minutes later, for each is good once."""
    return code_for(TOTPDevice.objects.get(user=user).bin_key, steps)


def code_for(key: bytes, steps: int = 0, *, seconds: float = 0.5) -> str:
    """A code that is good for `seconds` at least: by one that has just ended, the device would
    take the app's clock to be late from then on.
    """
    left = 30 - time.time() % 30
    if left < seconds:
        time.sleep(left)
    return f"{totp(key, t0=-30 * steps, drift=0):06}"


def give(user: User) -> list[str]:
    """A second factor whose codes are all unused; the backup codes."""
    TOTPDevice.objects.create(user=user, name="Authenticator app")
    return second_factor.renew_backup_codes(user)


def verify(client: Any, user: User) -> Any:
    """The step after the password."""
    answer = client.post("/sign-in/code", {"code": code_of(user)})
    assert answer.status_code == 302, answer.content
    return client


def set_up(client: Any) -> list[str]:
    """As a person does it; the backup codes."""
    page = client.get("/sign-in/second-factor")
    secret = page.context["secret"].replace(" ", "")
    given = {"code": code_for(b32decode(secret)), "password": PASSWORD}
    done = client.post("/sign-in/second-factor", given)
    assert done.status_code == 200, done.context["form"].errors
    return list(done.context["codes"])


def is_in(client: Any) -> bool:
    return bool(client.get("/calls").status_code == 200)
