"""Which Twilio account serves which workspace, and by which secrets its webhooks are known.

A workspace has its own account, or shares the environment's with the others. Rooms, recordings and
numbers carry the SID of the account that they were made with, and are served by that one for ever:
`account_for(tenant_id, row.account_sid)`. `account_of` is for what begins now.
"""

import logging
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.conf import settings
from django.utils import timezone

from calls.facts.rotation import believed_until
from calls.facts.sids import ACCOUNT, is_sid
from calls.models import OwnAccount
from tenants.bricks.secrets import SecretsError
from tenants.fence.columns import Columns
from tenants.fence.context import tenant_reading
from tenants.fence.pipeline import ask, reading, rows

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class TwilioAccount:
    """An account and the secrets to act for it. `auth_tokens` sign webhooks, the first one now.

    `tenant_id` is the workspace whose own it is, the only one it may speak of; None: shared.
    """

    sid: str
    auth_tokens: tuple[str, ...]
    api_key_sid: str
    api_key_secret: str
    twiml_app_sid: str
    tenant_id: UUID | None = None

    def __repr__(self) -> str:
        return f"TwilioAccount({self.sid})"


class TwilioNotConfigured(Exception):
    """No Twilio account is set up, or its secrets cannot be read. See docs/going-live.md."""


class AccountGone(TwilioNotConfigured):
    """The workspace has no such account, or no longer."""


def environment_account() -> TwilioAccount:
    """The account of the environment, complete or not: for the doctor, who says what is missing."""
    return TwilioAccount(
        sid=settings.TWILIO_ACCOUNT_SID,
        auth_tokens=_tokens(
            settings.TWILIO_AUTH_TOKEN,
            settings.TWILIO_AUTH_TOKEN_PREVIOUS,
            believed_until(settings.TWILIO_AUTH_TOKEN_PREVIOUS_UNTIL),
        ),
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
    """The account with which a workspace calls now. Raises `TwilioNotConfigured`."""
    with tenant_reading(tenant_id):
        own = OwnAccount.objects.filter(retired_at=None).first()
    return shared_account() if own is None else _legible(own)


def sid_of(tenant_id: UUID) -> str:
    """The SID of that account, without its secrets; "" when there is none."""
    with tenant_reading(tenant_id):
        return sid_in_use()


def sid_in_use() -> str:
    """The same, inside a transaction of the workspace."""
    return in_use(OwnAccount.objects.filter(retired_at=None).values_list("sid", flat=True).first())


def in_use(own_sid: str | None) -> str:
    """The same, of a workspace whose own account is this one, or that has none."""
    return own_sid or settings.TWILIO_ACCOUNT_SID


def account_for(tenant_id: UUID, sid: str) -> TwilioAccount:
    """The account `sid`, by which something of this workspace was made, be it a former one.

    Raises `AccountGone`, or `TwilioNotConfigured` when the secrets cannot be read.
    """
    account = webhook_account(sid, tenant_id)
    if account is None:
        raise AccountGone(f"{sid} is not connected to this workspace.")
    return account


# Written out, as each webhook of such an account asks it.
_OWN = Columns(OwnAccount, "o")
_BY_SID = f"SELECT {_OWN.sql} FROM calls_ownaccount o WHERE o.tenant_id = %s AND o.sid = %s"  # noqa: S608 # nosec B608 # our names


def webhook_account(sid: str | None, tenant_id: UUID | None) -> TwilioAccount | None:
    """The account that a webhook names, as far as its address names that account's workspace.

    Nothing is read for the shared account, and no other table than that of the accounts else: all
    this happens before the signature is checked. Raises `TwilioNotConfigured` when the secrets of
    an own account cannot be read.
    """
    if sid == settings.TWILIO_ACCOUNT_SID:
        try:
            return shared_account()
        except TwilioNotConfigured:
            return None
    if sid is None or tenant_id is None or not is_sid(sid, ACCOUNT):
        return None
    with reading(tenant_id):
        found = rows(ask(_BY_SID, [tenant_id, sid]), _OWN)
    return _legible(_OWN.instance(found[0])) if found else None


def serves(account: TwilioAccount, tenant_id: UUID | None) -> bool:
    """Whether webhooks signed for `account` may speak of `tenant_id`; of its rows, those that were
    made with this account only.
    """
    return account.tenant_id in (None, tenant_id)


def _legible(own: OwnAccount) -> TwilioAccount:
    try:
        return TwilioAccount(
            sid=own.sid,
            auth_tokens=_tokens(own.auth_token, own.previous_auth_token, own.previous_until),
            api_key_sid=own.api_key_sid,
            api_key_secret=own.api_key_secret,
            twiml_app_sid=own.twiml_app_sid,
            tenant_id=own.tenant_id,
        )
    except SecretsError as error:
        logger.error("The Twilio account %s of workspace %s: %s", own.sid, own.tenant_id, error)
        raise TwilioNotConfigured(str(error)) from error


def _tokens(token: str, previous: str | None, until: datetime | None) -> tuple[str, ...]:
    if previous and until is not None and timezone.now() < until:
        return token, previous
    return (token,)
