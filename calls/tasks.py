"""Celery: what talks to Twilio in the background. Every task can run twice, and none is needed:
the sweep finds in the rows what was never queued.
"""

import logging
from typing import Any
from uuid import UUID

from celery import Task, shared_task
from django.db import transaction
from django.utils import timezone
from kombu.exceptions import OperationalError

from calls import gateway
from calls.facts.rooms import COME_BACK, Step
from calls.gateway.accounts import TwilioNotConfigured
from calls.services import reconcile, recordings
from calls.services.callbacks import aside
from calls.services.rooms import tending
from tenants import doors

logger = logging.getLogger(__name__)


def queue(task: Task, *arguments: Any) -> None:
    """Queue a task once the present transaction is committed; without a broker the sweep does it.

    The tenant's id comes first among the arguments, ids as text.
    """

    def send() -> None:
        try:
            task.apply_async(tuple(str(argument) for argument in arguments))
        except (OperationalError, OSError) as error:
            logger.warning("%s was not queued: %s", task.name, error)

    transaction.on_commit(send)


@shared_task(bind=True)
def tend_room(self: Task, tenant_id: str, room_id: str) -> None:
    try:
        step = tending.tend_room(UUID(tenant_id), UUID(room_id))
    except (gateway.TwilioError, TwilioNotConfigured) as error:
        # The room is still open in its row, so the sweep comes back to it.
        logger.warning("Room %s could not be tended: %s", room_id, error)
        return
    if step is Step.HOLD:
        # Nobody may come back; then the call has to end.
        seconds = COME_BACK.total_seconds() + 1
        self.apply_async((tenant_id, room_id), countdown=seconds)


@shared_task(bind=True)
def fetch_recording(self: Task, tenant_id: str, recording_id: str) -> None:
    wait = recordings.fetch_recording(UUID(tenant_id), UUID(recording_id), now=timezone.now())
    if wait is not None and wait <= 60:
        self.apply_async((tenant_id, recording_id), countdown=wait)


@shared_task
def sweep() -> None:
    """Each half minute, every tenant in turn; one tenant's trouble is not another's."""
    for tenant in doors.all_tenants():
        try:
            for recording_id in reconcile.sweep_tenant(tenant.pk, now=timezone.now()):
                queue(fetch_recording, tenant.pk, recording_id)
        except TwilioNotConfigured:
            continue  # another may have an account of its own
        except Exception:
            logger.exception("The sweep of tenant %s failed", tenant.pk)
    aside.forget_old(timezone.now())
