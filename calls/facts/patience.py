"""How long what was kept aside is tried again. Pure."""

from datetime import datetime, timedelta

PAUSE = timedelta(seconds=30)  # the first one
KEPT = timedelta(days=7)  # then it is dropped: what it speaks of will not come any more
# A browser's leg is made while Twilio waits for our TwiML, which it does for seconds, or never.
KEPT_OF_BROWSER = timedelta(minutes=15)


def next_try(received_at: datetime, now: datetime) -> datetime:
    """When to try again: after as long as it has waited, so that each pause is twice the last, and
    a week has fifteen tries.
    """
    return now + max(PAUSE, now - received_at)
