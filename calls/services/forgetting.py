"""What is kept for a while only; the sweep drops it when its time is over."""

from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Q

from calls.facts.patience import KEPT, KEPT_OF_BROWSER
from calls.models import HourSum, OwnAccount, PhoneNumber, PushSubscription, UnroutedEvent
from calls.services.callbacks.routing import NOT_LET_IN

# For how long a retired account serves the calls and recordings that were made with it.
RETIRED_KEPT = timedelta(hours=48)
SUMS_KEPT = timedelta(hours=48)  # a limit is of the last 24


def forget_retired_accounts(now: datetime) -> None:
    """The present tenant's, secrets included, that were retired two days ago, and their numbers,
    which another workspace may bring along now.
    """
    retired = OwnAccount.objects.filter(retired_at__lte=now - RETIRED_KEPT)
    gone = list(retired.values_list("sid", flat=True))
    if gone:
        PhoneNumber.objects.filter(account_sid__in=gone).delete()
        OwnAccount.objects.filter(sid__in=gone).delete()


def forget_hour_sums(now: datetime) -> None:
    """The present tenant's, of hours that no limit asks for any more."""
    HourSum.objects.filter(hour__lt=now - SUMS_KEPT).delete()


def forget_browsers(now: datetime) -> None:
    """The present tenant's of which no session can last any more (`knocking`)."""
    longest = timedelta(seconds=settings.SESSION_LONGEST_SECONDS)
    PushSubscription.objects.filter(created_at__lt=now - longest).delete()


def forget_kept_aside(now: datetime) -> None:
    """Events, of no tenant, that will not be bound to a call any more."""
    refused = Q(reason=NOT_LET_IN, received_at__lte=now - KEPT_OF_BROWSER)
    UnroutedEvent.objects.filter(refused | Q(received_at__lte=now - KEPT)).delete()
