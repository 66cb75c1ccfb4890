"""For how long the auth token before a rotation is believed in webhooks.

Free of models: the checks before a server's start read it, too.
"""

from datetime import datetime, timedelta

from django.conf import settings
from django.utils.dateparse import parse_datetime

LONGEST_SHARED = timedelta(days=7)  # from a start of ours on
OWN = timedelta(hours=24)


def shared_until() -> datetime | None:
    """Until when the shared account's token before its rotation is believed; None: it is not."""
    try:
        until = parse_datetime(settings.TWILIO_AUTH_TOKEN_PREVIOUS_UNTIL)
    except ValueError:
        return None
    return until if until is not None and until.tzinfo else None
