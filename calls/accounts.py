"""Which Twilio account serves which tenant, and by which secrets its webhooks are known."""

from dataclasses import dataclass
from uuid import UUID

from django.conf import settings


@dataclass(frozen=True)
class TwilioAccount:
    """An account and the secrets to act for it. `auth_tokens` sign webhooks, the first one now."""

    sid: str
    auth_tokens: tuple[str, ...]
    api_key_sid: str
    api_key_secret: str
    twiml_app_sid: str

    def __repr__(self) -> str:
        return f"TwilioAccount({self.sid})"


class TwilioNotConfigured(Exception):
    """No Twilio account is set up. See docs/going-live.md."""


def environment_account() -> TwilioAccount:
    """The account of the environment, complete or not: for the doctor, who says what is missing."""
    return TwilioAccount(
        sid=settings.TWILIO_ACCOUNT_SID,
        auth_tokens=(settings.TWILIO_AUTH_TOKEN,),
        api_key_sid=settings.TWILIO_API_KEY_SID,
        api_key_secret=settings.TWILIO_API_KEY_SECRET,
        twiml_app_sid=settings.TWILIO_TWIML_APP_SID,
    )


def shared_account() -> TwilioAccount:
    """The account of the environment. Raises `TwilioNotConfigured` when it is incomplete."""
    account = environment_account()
    complete = account.sid and account.auth_tokens[0] and account.api_key_sid
    if not (complete and account.api_key_secret and account.twiml_app_sid):
        raise TwilioNotConfigured
    return account


def account_of(tenant_id: UUID) -> TwilioAccount:
    """The account that serves a tenant. Raises `TwilioNotConfigured`."""
    return shared_account()


def account_by_sid(sid: str) -> TwilioAccount | None:
    """The account that a webhook names, or None when it is not one of ours."""
    try:
        account = shared_account()
    except TwilioNotConfigured:
        return None
    return account if account.sid == sid else None


def serves(account: TwilioAccount, tenant_id: UUID) -> bool:
    """Whether webhooks signed for `account` may speak of `tenant_id`."""
    return account_of(tenant_id).sid == account.sid
