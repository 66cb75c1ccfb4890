"""Voicemail: who has heard a message first, and the e-mail that tells of a new one.

A message that is to be told of is a row with a time (`Recording.tell_at`): a task is queued to be
quick, and the sweep finds what is left.
"""

import logging
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from django.conf import settings
from django.urls import reverse

from calls.facts.inbound import written
from calls.facts.inbound.plans import Go
from calls.models import CallLog, PhoneNumber, Recording, VoicemailListener
from calls.selectors import presentation
from calls.selectors.doubt import load_possible, name_of
from calls.selectors.lines import far_side
from calls.services.rooms.progress import announce_call
from tenants.bricks import mails
from tenants.bricks.ids import read_uuid
from tenants.fence.context import tenant_transaction
from tenants.models import Membership, Tenant

logger = logging.getLogger(__name__)

# For which one process has a message to itself, and after which it is tried again.
LEASE, AGAIN = timedelta(minutes=10), timedelta(minutes=2)
WORTH_TELLING = timedelta(days=1)
AT_ONCE = 100  # messages of a workspace in one sweep


def note_heard(recording_id: UUID, *, by: Membership, now: datetime) -> bool:
    """Write down who hears a message first, and when. Whether there is such a message."""
    message = Recording.objects.filter(
        pk=recording_id, is_voicemail=True, state=Recording.State.STORED
    )
    if message.filter(heard_at=None).update(heard_at=now, heard_by=by.user_id):
        announce_call(message.values_list("call_id", flat=True).get())
        return True
    return message.exists()


def due(tenant_id: UUID, *, now: datetime) -> list[UUID]:
    """The messages of a tenant that are to be told of now."""
    with tenant_transaction(tenant_id):
        waiting = Recording.objects.filter(tell_at__lte=now).order_by("tell_at")
        return list(waiting.values_list("pk", flat=True)[:AT_ONCE])


class _Mail(NamedTuple):
    to: list[str]
    said: dict[str, str]


def tell(tenant_id: UUID, recording_id: UUID, *, now: datetime) -> None:
    """Mail the listeners of its box that a message was left: one mail, and where the sound is, but
    not the sound. Talks to the mail server, so it must run outside any transaction; a second
    process finds the lease taken.
    """
    with tenant_transaction(tenant_id):
        mine = Recording.objects.filter(pk=recording_id, tell_at__lte=now)
        if not mine.update(tell_at=now + LEASE):
            return
        message = Recording.objects.select_related("call__contact").get(pk=recording_id)
        mail = _mail(message)
    try:
        if mail.to and settings.SENDS_MAIL:
            mails.send("voicemail", *mail.to, **mail.said)
        then = None
    except OSError as error:
        is_late = now - (message.stored_at or now) > WORTH_TELLING
        logger.warning("A mail about the voicemail %s could not be sent: %s", message.sid, error)
        then = None if is_late else now + AGAIN
    with tenant_transaction(tenant_id):
        Recording.objects.filter(pk=recording_id).update(tell_at=then)


def _mail(message: Recording) -> _Mail:
    call = message.call
    load_possible([call])
    tenant = Tenant.objects.get(pk=call.tenant_id)
    _, number = far_side(call.from_number, tenant.country, came_in=True)
    name = name_of(call)
    said = {
        "who": f"{name}, {number}" if name else number,
        "line": _line(call),
        "length": presentation.spoken(message.duration) if message.duration else "",
        "link": settings.PUBLIC_BASE_URL + reverse("call", args=[call.pk]),
        "workspace": tenant.name,
    }
    return _Mail(_listeners(call), said)


def _listeners(call: CallLog) -> list[str]:
    """The addresses of those whom its box tells, as far as they are still active."""
    caller = getattr(call, "caller", None)
    box = written.target(caller.place) if caller else None
    box_id = read_uuid(box.to) if box and box.go == Go.VOICEMAIL else None
    if box_id is None:  # of no box (`way.NO_PLAN`)
        return []
    active = Membership.objects.filter(is_active=True, user__is_active=True)
    listeners = VoicemailListener.objects.filter(box=box_id, user_id__in=active.values("user_id"))
    return list(listeners.order_by("id").values_list("user__email", flat=True))


def _line(call: CallLog) -> str:
    label = PhoneNumber.objects.filter(number=call.to_number).values_list("label", flat=True)
    return label.first() or ""
