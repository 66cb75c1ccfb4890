"""What a workspace may call: its own caps, the operator's ceiling, and what was stopped by them."""

from decimal import Decimal
from typing import Any

import phonenumbers
from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models

from calls.facts import limits
from tenants.fence.scoping import TenantChild, TenantOwned, member_fence


def _count(help_text: str = "", most: int = 1000) -> Any:
    bounds = [MinValueValidator(1), MaxValueValidator(most)]
    return models.PositiveSmallIntegerField(validators=bounds, help_text=help_text)


def _spend(help_text: str = "") -> Any:
    bounds = [MinValueValidator(Decimal(0))]
    return models.DecimalField(
        max_digits=9, decimal_places=2, validators=bounds, help_text=help_text
    )


def _rate(default: Decimal, help_text: str) -> Any:
    return models.DecimalField(
        max_digits=7,
        decimal_places=4,
        default=default,
        validators=[MinValueValidator(Decimal("0.0001"))],
        help_text=help_text,
    )


def validate_countries(codes: object) -> None:
    """A list of ISO codes; a word would be taken for its letters."""
    if not isinstance(codes, list) or not set(map(str, codes)) <= phonenumbers.SUPPORTED_REGIONS:
        raise ValidationError('Give a list of ISO codes, like ["CU", "SO"].')


class _Caps(TenantOwned):
    """The columns of `limits.Caps`."""

    agent_calls_per_minute = _count()
    calls_per_minute = _count("By all agents together.")
    agent_calls_at_once = _count()
    calls_at_once = _count("By all agents together.")
    agent_daily_spend = _spend()
    daily_spend = _spend("By all agents together.")
    longest_minutes = _count(most=limits.MAX_LONGEST_MINUTES)

    class Meta(TenantOwned.Meta):
        abstract = True


class CallingPolicy(_Caps):
    """What the workspace's admins have chosen. Placing a call locks the row, so that calls that are
    placed at once are counted one after the other; without a row, a new workspace's values hold.
    """

    countries = models.JSONField(
        default=list,
        blank=True,
        validators=[validate_countries],
        help_text="ISO codes; the home country is besides.",
    )

    class Meta(_Caps.Meta):
        verbose_name_plural = "calling policies"
        constraints = [
            *TenantOwned.Meta.constraints,
            models.UniqueConstraint(fields=["tenant"], name="calling_policy_once"),
        ]

    def __str__(self) -> str:
        return "Calling policy"


class CallingCeiling(_Caps):
    """What the workspace's admins cannot exceed, set by who runs the installation; without a row,
    `limits.CEILING` holds.
    """

    refused_countries = models.JSONField(
        default=list,
        blank=True,
        validators=[validate_countries],
        help_text="ISO codes; no admin of the workspace can allow them.",
    )
    domestic_rate = _rate(limits.DOMESTIC_RATE, "What a minute is taken to cost at home.")
    international_rate = _rate(limits.INTERNATIONAL_RATE, "… and to any other country.")
    currency = models.CharField(
        max_length=3,
        default=limits.CURRENCY,
        validators=[RegexValidator(r"^[A-Z]{3}$", "Three capital letters, like USD.")],
        help_text="The Twilio account's.",
    )

    class Meta(_Caps.Meta):
        constraints = [
            *TenantOwned.Meta.constraints,
            models.UniqueConstraint(fields=["tenant"], name="calling_ceiling_once"),
        ]

    def __str__(self) -> str:
        return "Calling ceiling"


class StoppedCall(TenantChild):
    """That a rule stopped somebody: one row an hour for each person and rule, however often."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, db_index=False, db_constraint=False
    )
    rule = models.CharField(max_length=24, choices=list(limits.RULES.items()))
    hour = models.DateTimeField(help_text="The hour's beginning.")
    count = models.PositiveIntegerField(default=0)
    last_at = models.DateTimeField()
    last_number = models.CharField(max_length=40, blank=True)
    message = models.CharField(max_length=300, help_text="What the person was told.")

    class Meta(TenantChild.Meta):
        ordering = ["-last_at"]
        constraints = [
            *TenantChild.Meta.constraints,
            member_fence("user"),
            models.UniqueConstraint(
                fields=["tenant", "user", "rule", "hour"], name="stopped_call_once"
            ),
        ]
        indexes = [models.Index(fields=["tenant", "-last_at"], name="stopped_call_latest")]

    def __str__(self) -> str:
        return f"{self.get_rule_display()}: {self.last_number}"
