"""When what is missing is looked for again, and for how long. Pure."""

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


LOOK = timedelta(seconds=30)  # the first look at a room of which nothing more was heard
SELDOM = timedelta(minutes=2)  # at the latest, while it is open
LATE = timedelta(minutes=2)  # after its end, when its recording should have been heard of
LONGEST_PAUSE = timedelta(hours=6)
MISSED = timedelta(days=7)  # then nothing is looked for any more


def next_look(created_at: datetime, closed_at: datetime | None, now: datetime) -> datetime | None:
    """When to look at a room again: while it is open the more seldom, the longer it has been; after
    its end, each pause twice the last, for a week. None: never again.
    """
    if closed_at is None:
        return now + min(max((now - created_at) / 10, LOOK), SELDOM)
    over_for = now - closed_at
    return None if over_for >= MISSED else now + min(max(over_for, LATE), LONGEST_PAUSE)
