"""Celery: what talks to Twilio in the background. Every task can run twice, and none is needed:
the sweep finds in the rows what was never queued. (Except `remove_audio`: if that is lost, a file
stays that nothing names.)
"""

import logging
import random
import threading
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from functools import partial
from uuid import UUID

from celery import Task, shared_task
from django.db import DatabaseError, InterfaceError, transaction
from django.utils import timezone

from calls import gateway
from calls.facts.rooms import BRING_AGAIN, COME_BACK, Step
from calls.gateway import stores
from calls.gateway.accounts import TwilioNotConfigured
from calls.services import forgetting, reconcile, recordings, voicemail
from calls.services.inbound import (
    groups,
    knocking,
    leading,
    meeting,
    phones,
    phoning,
    plans,
)
from contacts.tasks import take_up_imports
from tenants import doors
from tenants.bricks import turns
from tenants.bricks.lanes import Lane
from tenants.bricks.queueing import queue
from tenants.fence.context import tenant_transaction
from tenants.signing_in.store import SessionStore

logger = logging.getLogger(__name__)

LOOKS_APART = 2  # seconds
# Seconds after which a sweep that says nothing any more is taken to be dead; a tenant takes ten.
LONGEST_SWEEP = 60
REMOVED_AGAIN = 300  # seconds
SESSIONS_GO = 3600  # seconds after which those that have expired are dropped again


# Somebody is talking to nobody, or pays for it: this does not wait for a broker or a worker.
_rooms = Lane(
    "rooms",
    threads=4,
    most=200,
    again=(0.5, 2.0, 5.0),
    trouble=(gateway.TwilioError, TwilioNotConfigured, DatabaseError, InterfaceError),
)


_LOOKED_AT_AFTER = {Step.HOLD: COME_BACK, Step.BRING: BRING_AGAIN}


def tend_now(tenant_id: UUID, room_id: UUID) -> None:
    """Do what a room needs, in this process, once the present transaction is committed."""
    transaction.on_commit(
        lambda: _rooms.do((tenant_id, room_id), lambda: _tend(tenant_id, room_id))
    )


def _tend(tenant_id: UUID, room_id: UUID) -> None:
    tended = meeting.tend(tenant_id, room_id)
    lead_on(tenant_id, tended.led_on)
    tend_groups(tenant_id, tended.groups)
    for step in tended.steps:
        if step in _LOOKED_AT_AFTER:
            # Nobody may come back, or in; then it is to be seen to, whether there is a worker or
            # not. If this process ends before, the sweep looks at the room.
            wait = _LOOKED_AT_AFTER[step].total_seconds() + 1
            _rooms.later(wait, (tenant_id, room_id), lambda: _tend(tenant_id, room_id))


# Somebody waits on the phone: nor does this. It asks the database alone, so that rings go on while
# Twilio hangs.
_groups = Lane(
    "groups",
    threads=4,
    most=500,
    again=(0.5, 2.0, 5.0),
    trouble=(DatabaseError, InterfaceError),
)
AT_ONCE = timedelta(milliseconds=50)
_wakes: dict[tuple[UUID, UUID], datetime] = {}  # when each group is looked at again, from here
_waking = threading.Lock()


def tend_groups(tenant_id: UUID, group_ids: Iterable[UUID]) -> None:
    """Offer, end offers and lead callers on (`groups.tend`), in this process, once the present
    transaction is committed, and again whenever it is time for it.
    """
    wanted = list(group_ids)

    def begin() -> None:
        for group_id in wanted:
            _groups.do((tenant_id, group_id), partial(_tend_group, tenant_id, group_id))

    transaction.on_commit(begin)


def tend_agent(tenant_id: UUID, user_id: UUID) -> None:
    """The same for all groups that an agent's news concerns."""
    work = partial(_tend_groups_of, tenant_id, user_id)
    transaction.on_commit(lambda: _groups.do((tenant_id, "agent", user_id), work))


def _tend_groups_of(tenant_id: UUID, user_id: UUID) -> None:
    with tenant_transaction(tenant_id):
        group_ids, ring_ids = groups.of_agent(user_id), phones.due(timezone.now())
    tend_groups(tenant_id, group_ids)
    tend_phones(tenant_id, ring_ids)


def _tend_group(tenant_id: UUID, group_id: UUID) -> None:
    tended = groups.tend(tenant_id, group_id, now=timezone.now())
    _wake(tenant_id, group_id, tended.look_again)
    lead_on(tenant_id, tended.led_on)
    for room_id in tended.left:  # whoever comes into it now, comes too late
        tend_now(tenant_id, room_id)
    for user_id, call_id in tended.knocks:
        work = partial(_knock, tenant_id, user_id, call_id)
        _knocks.do((tenant_id, user_id, call_id), work)
    tend_phones(tenant_id, tended.rings)


def _wake(tenant_id: UUID, group_id: UUID, at: datetime | None) -> None:
    """Tend a group then, if this process is there still; else another one does, or the sweep."""
    key, now = (tenant_id, group_id), timezone.now()
    with _waking:
        if at is None:
            _wakes.pop(key, None)
            return
        known = _wakes.get(key)
        # What is about to come, or comes a little early, is not relied upon.
        if known is not None and now + AT_ONCE < known <= at:
            return
        _wakes[key] = at
    wait = max(0.0, (at - now).total_seconds())
    _groups.later(wait, key, partial(_tend_group, tenant_id, group_id))


# Push services are others' machines: they keep nobody waiting but those whom they serve. What comes
# too late for its caller is not worth a word.
_knocks = Lane(
    "knocks", threads=4, most=200, again=(), trouble=(DatabaseError,), otherwise="dropped"
)


def _knock(tenant_id: UUID, user_id: UUID, call_id: UUID) -> None:
    if knocking.knock(tenant_id, user_id, call_id, now=timezone.now()):
        tend_agent(tenant_id, user_id)  # whose callers wait for nobody, perhaps


def lead_on(tenant_id: UUID, call_ids: Iterable[UUID]) -> None:
    """Send callers whom a group has led on to where they go."""
    for call_id in call_ids:
        work = partial(leading.send_on, tenant_id, call_id)
        _rooms.do((tenant_id, "lead", call_id), work)


# Fifty telephones may ring for one caller: who is to be brought to somebody does not wait for them.
_phones = Lane(
    "phones",
    threads=4,
    most=500,
    again=(0.5, 2.0, 5.0),
    trouble=(gateway.TwilioError, TwilioNotConfigured, DatabaseError, InterfaceError),
)


def tend_phones(
    tenant_id: UUID, ring_ids: Iterable[UUID], do: Callable[..., UUID | None] = phoning.tend
) -> None:
    """Ring agents' own telephones, or stop it, in this process, once the present transaction is
    committed.
    """
    wanted = list(ring_ids)

    def work(ring_id: UUID) -> None:
        user_id = do(tenant_id, ring_id)
        if user_id is not None:
            tend_agent(tenant_id, user_id)

    def begin() -> None:
        for ring_id in wanted:
            _phones.do((tenant_id, ring_id), partial(work, ring_id))

    transaction.on_commit(begin)


@shared_task(bind=True)
def fetch_recording(self: Task, tenant_id: str, recording_id: str) -> None:
    try:
        wait = recordings.fetch_recording(UUID(tenant_id), UUID(recording_id), now=timezone.now())
    except recordings.Deleted as error:
        queue(remove_audio, tenant_id, error.path)
        return
    if wait is None:
        queue(tell_listeners, tenant_id, recording_id)
    if wait is not None and wait <= 60:
        queue(self, tenant_id, recording_id, countdown=wait)


@shared_task
def tell_listeners(tenant_id: str, recording_id: str) -> None:
    """Of a voicemail, if it is one of which nobody was told."""
    voicemail.tell(UUID(tenant_id), UUID(recording_id), now=timezone.now())


@shared_task(bind=True)
def remove_audio(self: Task, tenant_id: str, path: str) -> None:
    """The file of a recording whose row is gone, at last."""
    try:
        stores.recordings().remove(path)
    except OSError as error:
        logger.warning("The file %s could not be removed yet: %s", path, error)
        queue(self, tenant_id, path, countdown=REMOVED_AGAIN)


def look_now(tenant_id: UUID, room_id: UUID) -> None:
    """Ask Twilio about a room for which somebody waits, in this process; at most now and then."""
    if turns.take(f"look:{room_id}", seconds=LOOKS_APART):
        _rooms.do(("look", tenant_id, room_id), lambda: _look(tenant_id, room_id))


def _look(tenant_id: UUID, room_id: UUID) -> None:
    reconcile.look_at(tenant_id, room_id, now=timezone.now())


def _sweep_groups(tenant_id: UUID) -> None:
    """What no process has kept in mind: groups, and callers who were not sent on."""
    now = timezone.now()
    with tenant_transaction(tenant_id):
        group_ids, call_ids = groups.due(now), leading.overdue(now)
        ring_ids = phones.overdue(now)
    for group_id in group_ids:
        _tend_group(tenant_id, group_id)
    lead_on(tenant_id, call_ids)
    tend_phones(tenant_id, ring_ids, phoning.look)


@shared_task
def sweep() -> None:
    """Each half minute, every tenant in turn; one tenant's trouble is not another's. One sweep at a
    time: what a slow one has not come to is not asked for by a second one meanwhile.
    """
    with turns.taken("sweep", seconds=LONGEST_SWEEP) as turn:
        if turn is None:
            logger.info("The sweep before this one is still under way")
            return
        tenants = list(doors.all_tenants())
        random.shuffle(tenants)  # if there is not enough time for all, it is not always the same
        for tenant in tenants:
            if not turn.keep():
                logger.warning("A sweep was so slow that another has begun")
                return
            try:
                take_up_imports(tenant.pk)
                plans.ensure_lines(tenant.pk)
                _sweep_groups(tenant.pk)
                for recording_id in reconcile.sweep_tenant(tenant.pk, now=timezone.now()):
                    queue(fetch_recording, tenant.pk, recording_id)
                for message_id in voicemail.due(tenant.pk, now=timezone.now()):
                    queue(tell_listeners, tenant.pk, message_id)
            except TwilioNotConfigured:
                continue  # another may have an account of its own
            except Exception:
                logger.exception("The sweep of tenant %s failed", tenant.pk)
        forgetting.forget_kept_aside(timezone.now())
        if turns.take("sessions", seconds=SESSIONS_GO):
            try:
                SessionStore.clear_expired()
            except DatabaseError:  # in an hour again
                logger.exception("Sessions that have expired could not be dropped")
