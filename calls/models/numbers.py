"""Our telephone numbers, and those that are being bought."""

import uuid

from django.db import models

from tenants.fence.scoping import TenantOwned


class PhoneNumber(TenantOwned):
    """A number of ours at Twilio: what calls are made from."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    number = models.CharField(max_length=16, help_text="E.164, like +14155550100.")
    label = models.CharField(max_length=60, blank=True)
    account_sid = models.CharField(max_length=34)
    twilio_sid = models.CharField(max_length=34, blank=True)
    is_default = models.BooleanField(default=False, help_text="Caller ID unless another is chosen.")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta(TenantOwned.Meta):
        ordering = ["-is_default", "number"]
        constraints = [
            *TenantOwned.Meta.constraints,
            # Twilio gives a number to one account, and we give it to one workspace.
            models.UniqueConstraint(fields=["account_sid", "number"], name="phone_number_once"),
        ]

    def __str__(self) -> str:
        return self.number


class NumberOrder(TenantOwned):
    """A number that Twilio was asked to sell: written before it is asked, removed when the outcome
    is known. What stays for a minute had its answer lost, and is looked for (`services.setup`).
    """

    number = models.CharField(max_length=16, help_text="E.164.")
    label = models.CharField(max_length=60, blank=True)
    account_sid = models.CharField(max_length=34)
    asked_at = models.DateTimeField(auto_now_add=True)

    class Meta(TenantOwned.Meta):
        ordering = ["asked_at", "id"]
        constraints = [
            *TenantOwned.Meta.constraints,
            # Two presses buy one number.
            models.UniqueConstraint(fields=["tenant", "number"], name="number_order_once"),
        ]

    def __str__(self) -> str:
        return self.number
