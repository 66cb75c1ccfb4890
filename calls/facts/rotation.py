"""For how long the auth token before a rotation is believed in webhooks. Pure."""

from datetime import datetime, timedelta

LONGEST_SHARED = timedelta(days=7)  # from a start of ours on
OWN = timedelta(hours=24)


def believed_until(text: str) -> datetime | None:
    """Until when the token before a rotation is believed, as a setting says it in ISO 8601 with an
    offset; None: it is not, or the setting says nothing that can be read.
    """
    try:
        until = datetime.fromisoformat(text)
    except ValueError:
        return None
    return until if until.tzinfo else None
