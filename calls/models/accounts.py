"""The workspace's own Twilio account."""

import uuid

from django.db import models
from django.db.models import Q

from tenants.bricks.secrets import EncryptedTextField
from tenants.fence.scoping import TenantOwned


class OwnAccount(TenantOwned):
    """A Twilio account of the workspace's own; without one it calls by the shared account.

    A retired one serves what was made with it for a while (`services.forgetting`).
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    # An account belongs to one workspace of all.
    sid = models.CharField(max_length=34)
    auth_token = EncryptedTextField()
    # Webhooks signed with the token before a rotation are believed until then.
    previous_auth_token = EncryptedTextField(null=True)
    previous_until = models.DateTimeField(null=True)
    api_key_sid = models.CharField(max_length=34)
    api_key_secret = EncryptedTextField()
    twiml_app_sid = models.CharField(max_length=34)
    retired_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta(TenantOwned.Meta):
        constraints = [
            *TenantOwned.Meta.constraints,
            models.UniqueConstraint(fields=["sid"], name="own_account_once"),
            models.UniqueConstraint(
                fields=["tenant"], condition=Q(retired_at=None), name="own_account_in_use"
            ),
        ]

    def __str__(self) -> str:
        return self.sid
