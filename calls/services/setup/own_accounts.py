"""A workspace's own Twilio account: connected, its token rotated, disconnected.

All but `disconnect` ask Twilio, so they run outside any transaction.
"""

from dataclasses import replace

from django.conf import settings
from django.db import IntegrityError
from django.utils import timezone

from calls import gateway
from calls.facts import rotation
from calls.gateway import addresses
from calls.gateway.accounts import TwilioAccount, account_of
from calls.models import OwnAccount
from calls.services.setup import numbers
from tenants.bricks.secrets import SecretsError
from tenants.fence.context import tenant_transaction
from tenants.models import Tenant
from tenants.trail import audit
from tenants.trail.audit import Action

APPLICATION_NAME = "VoIP CRM"


class NotAccepted(Exception):
    """What was given is wrong: `field` (sid, auth_token, api_key_sid, api_key_secret) and why."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field, self.message = field, message


def connect(
    tenant: Tenant, *, sid: str, auth_token: str, api_key_sid: str, api_key_secret: str
) -> OwnAccount:
    """Let the workspace call by its own account from now on, with all of the account's numbers.

    Everything is tried at Twilio first. Raises `NotAccepted` and `gateway.TwilioError`; nothing is
    changed here then. SIDs must be of the right form. The same account again takes new secrets.
    """
    if sid == settings.TWILIO_ACCOUNT_SID:
        raise NotAccepted("sid", "This is the shared account of this installation.")
    account = TwilioAccount(sid, (auth_token,), api_key_sid, api_key_secret, "", tenant.pk)
    _try_token(account, must_be_primary=True)
    _try_key(account)
    account = replace(account, twiml_app_sid=_application(account))
    try:
        row = _keep(tenant, account)
    except IntegrityError:
        raise NotAccepted("sid", "This account is connected to another workspace.") from None
    numbers.adopt_numbers(tenant, account=account)
    return row


def rotate_token(tenant: Tenant, *, auth_token: str) -> OwnAccount:
    """Take the account's new token; the one before stays good in webhooks for a day.

    The new one may still be the secondary token: so both are known when it is promoted. Raises
    `NotAccepted`, `gateway.TwilioError`, `OwnAccount.DoesNotExist`.
    """
    account = account_of(tenant.pk)
    if account.tenant_id is None:
        raise OwnAccount.DoesNotExist
    _try_token(replace(account, auth_tokens=(auth_token,)), must_be_primary=False)
    with tenant_transaction(tenant.pk):
        row = OwnAccount.objects.select_for_update().get(sid=account.sid, retired_at=None)
        _give_token(row, auth_token)
        row.save()
        audit.record(Action.TWILIO_TOKEN_CHANGED, on=row)
    return row


def disconnect(tenant: Tenant) -> None:
    """Call by the shared account again. What was made with the own one is served for two days."""
    with tenant_transaction(tenant.pk):
        if OwnAccount.objects.filter(retired_at=None).update(retired_at=timezone.now()):
            audit.record(Action.TWILIO_DISCONNECTED)


def application_settings(account: TwilioAccount) -> gateway.ApplicationSettings:
    """What an account's TwiML application must know of us."""
    return gateway.ApplicationSettings(
        addresses.voice_requests(account.tenant_id),
        "POST",
        addresses.agent_status(account.tenant_id),
        "POST",
    )


def note_application(tenant: Tenant, sid: str) -> None:
    with tenant_transaction(tenant.pk):
        OwnAccount.objects.filter(retired_at=None).update(twiml_app_sid=sid)


def _keep(tenant: Tenant, account: TwilioAccount) -> OwnAccount:
    with tenant_transaction(tenant.pk):
        row = OwnAccount.objects.select_for_update().filter(sid=account.sid).first()
        OwnAccount.objects.exclude(sid=account.sid).filter(retired_at=None).update(
            retired_at=timezone.now()
        )
        if row is None:
            row = OwnAccount(tenant=tenant, sid=account.sid, auth_token=account.auth_tokens[0])
        _give_token(row, account.auth_tokens[0])
        row.api_key_sid, row.api_key_secret = account.api_key_sid, account.api_key_secret
        row.twiml_app_sid, row.retired_at = account.twiml_app_sid, None
        row.save()
        audit.record(Action.TWILIO_CONNECTED, on=row)
    return row


def _give_token(row: OwnAccount, auth_token: str) -> None:
    try:
        if row.auth_token == auth_token:
            return
        row.previous_auth_token, row.previous_until = row.auth_token, timezone.now() + rotation.OWN
    except SecretsError:
        # Connecting again is how secrets are mended whose key is lost.
        row.previous_auth_token = row.previous_until = None
    row.auth_token = auth_token


def _try_token(account: TwilioAccount, *, must_be_primary: bool) -> None:
    try:
        facts = gateway.fetch_account(account)
    except gateway.TwilioRefused as refusal:
        if refusal.status not in (401, 403, 404):
            raise
        message = "Twilio rejected this token for this account. Copy both again."
        raise NotAccepted("auth_token", message) from refusal
    if facts.status != "active":
        raise NotAccepted("sid", f"Twilio says that this account is {facts.status}.")
    if must_be_primary and facts.primary_token not in ("", account.auth_tokens[0]):
        message = "This is the secondary token. Enter the primary one; Twilio signs with it."
        raise NotAccepted("auth_token", message)


def _try_key(account: TwilioAccount) -> None:
    if not gateway.api_key_is_of(account):
        raise NotAccepted("api_key_sid", "This account has no such API key.")
    try:
        gateway.use_api_key(account)
    except gateway.TwilioRefused as refusal:
        if refusal.status not in (401, 403):
            raise
        message = "Twilio rejected this secret for the key. Create a new standard key."
        raise NotAccepted("api_key_secret", message) from refusal


def _application(account: TwilioAccount) -> str:
    """The account's TwiML application that has our addresses; made when there is none."""
    wanted = application_settings(account)
    for found in gateway.applications(account):
        if found.settings == wanted:
            return found.sid
    return gateway.create_application(account, APPLICATION_NAME, wanted)
