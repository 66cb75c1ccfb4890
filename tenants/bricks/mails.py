"""Mails to people: their texts in `templates/mails/`, sent beside the request that asks for them.

A mail that could not be sent after all is lost: whoever misses it asks for it again, or is given
the link another way.
"""

import logging
from collections.abc import Callable, Hashable
from typing import Any

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.db import DatabaseError
from django.template.loader import render_to_string

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


def send(name: str, to: str, /, **context: Any) -> None:
    """The mail `templates/mails/<name>`: a subject, a text and the same in HTML. Raises
    `OSError`, of which smtplib's errors are.
    """
    context |= {"site": settings.PUBLIC_BASE_URL}
    subject, text, page = (
        render_to_string(f"mails/{name}{end}", context) for end in (".subject.txt", ".txt", ".html")
    )
    mail = EmailMultiAlternatives(
        subject=" ".join(subject.split()),  # a header is one line
        body=text,
        to=[to],
        # So that no absence note comes back (RFC 3834).
        headers={"Auto-Submitted": "auto-generated"},
    )
    mail.attach_alternative(page, "text/html")
    mail.send()
    logger.info("The mail %s was handed over", name)
