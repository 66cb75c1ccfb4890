"""The Celery application: a worker process with Redis, threads of `./run` without."""

import gc
import logging.config
import os
import uuid
from typing import Any

from celery import Celery, signals
from django.conf import settings
from django.db import close_old_connections, connections
from kombu.transport import redis

from tenants.bricks import log_context
from voip_crm.checks import refuse_to_start_on_errors
from voip_crm.children import die_with_parent

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "voip_crm.settings")

app = Celery("voip_crm")
# The worker threads of ./run find the app by this; else retries go to a broker that is not there.
app.set_default()
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
# As long as Redis is away the worker asks again: one that gives up is a service that ends.
app.conf.broker_connection_max_retries = None


class _QoS(redis.QoS):
    """Of kombu 5.7: when Redis is lost while a task is held, it gives the task back, or says that
    it is done, only after it has closed its own way there, and the worker ends of an
    AttributeError. Such a task comes back by the visibility timeout, and the sweep does not wait
    for that; one that was done is done once more.
    """

    def restore_unacked(self, client: Any = None) -> None:
        if self._has_a_way:
            super().restore_unacked(client)

    def ack(self, delivery_tag: Any) -> None:
        if self._has_a_way:
            super().ack(delivery_tag)

    @property
    def _has_a_way(self) -> bool:
        return getattr(self.channel.connection, "client", None) is not None


redis.Channel.QoS = _QoS


@signals.celeryd_init.connect
def refuse_to_start(**_: Any) -> None:
    """A worker process; the threads of ./run are not one."""
    refuse_to_start_on_errors(several_processes=True)
    connections.close_all()  # the pool's processes open their own


@signals.worker_init.connect
def share_what_is_loaded(**_: Any) -> None:
    """With the processes of the pool: a collection would write to it, and so copy it."""
    gc.freeze()


@signals.worker_process_init.connect
def end_with_the_worker(**_: Any) -> None:
    """A process of the pool; of one that was killed it would keep a task's lease and its lock."""
    die_with_parent()


@signals.setup_logging.connect
def log_like_the_rest(**_: Any) -> None:
    logging.config.dictConfig(settings.LOGGING)


@signals.worker_ready.connect
def sweep_at_once(**_: Any) -> None:
    """What was left undone does not wait for beat; an embedded process may never live so long."""
    app.send_task("calls.tasks.sweep")


@signals.before_task_publish.connect
def send_request_id(headers: dict[str, Any], **_: Any) -> None:
    """Give a task the id of the request (or task) that queued it."""
    headers["request_id"] = log_context.facts().get("request_id") or uuid.uuid4().hex


@signals.task_prerun.connect
def begin_log(task: Any, args: Any, **_: Any) -> None:
    """The tenant comes first among the arguments of every task that has one (calls/tasks.py)."""
    log_context.begin(task=task.name, request_id=task.request.get("request_id"))
    log_context.bind(tenant=args[0] if args else None)


@signals.task_postrun.connect
def end_log(**_: Any) -> None:
    log_context.begin()


@signals.task_prerun.connect
def drop_broken_connections(**_: Any) -> None:
    """Celery keeps connections over CELERY_DB_REUSE_MAX tasks and never tests them: after a
    restart of the database each task would fail until the count is reached.
    """
    close_old_connections()
