"""Mails to people: their texts in `templates/mails/`, sent beside the request that asks for them.

A mail that could not be sent after all is lost: whoever misses it asks for it again, or is given
the link another way.
"""

import hashlib
import logging
from collections.abc import Callable, Hashable
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.core.cache import cache
from django.core.mail import EmailMultiAlternatives
from django.db import DatabaseError
from django.template.loader import render_to_string
from redis.exceptions import RedisError

from tenants.bricks.breaker import NotAsked
from tenants.bricks.courier import redis
from tenants.bricks.lanes import Lane

logger = logging.getLogger(__name__)

# A mail server that refuses a message for now ("greylisting") wants it again after minutes.
_lane = Lane(
    "mails",
    threads=2,
    most=500,
    again=(2.0, 15.0, 60.0, 300.0),
    trouble=(OSError, DatabaseError),
    otherwise="not sent",
)


def soon(key: Hashable, work: Callable[[], None]) -> None:
    """Do what writes and sends a mail, in this process; again when the mail server is away. What it
    tells is looked up then, so that no link waits in a queue.
    """
    _lane.do(key, work)


def may(what: str, whose: str, *, most: int, within: timedelta) -> bool:
    """Whether `whose` may have another mail of the kind `what`; counts. While the cache is away
    everybody may.
    """
    key = f"mails:{what}:{hashlib.sha256(whose.encode()).hexdigest()}"
    try:
        with redis.asking(RedisError, OSError):
            cache.add(key, 0, timeout=int(within.total_seconds()))
            return int(cache.incr(key)) <= most
    except (NotAsked, RedisError, OSError, ValueError):  # ValueError: it ran out in between
        return True


def send(name: str, /, *to: str, **context: Any) -> None:
    """The mail `templates/mails/<name>`: a subject, a text and the same in HTML; to several people
    it is one mail, so that either it is sent or it is not. Raises `OSError`, of which smtplib's
    errors are.
    """
    context |= {"site": settings.PUBLIC_BASE_URL}
    subject, text, page = (
        render_to_string(f"mails/{name}{end}", context) for end in (".subject.txt", ".txt", ".html")
    )
    mail = EmailMultiAlternatives(
        subject=" ".join(subject.split()),  # a header is one line
        body=text,
        to=to,
        # So that no absence note comes back (RFC 3834).
        headers={"Auto-Submitted": "auto-generated"},
    )
    mail.attach_alternative(page, "text/html")
    mail.send()
    logger.info("The mail %s was handed over", name)
