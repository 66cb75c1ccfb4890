"""Giving tasks to Celery."""

from typing import Any

from celery import Task
from django.db import transaction
from kombu.exceptions import OperationalError

from tenants.bricks import courier


def queue(task: Task, *arguments: Any, countdown: float = 0) -> None:
    """Queue a task once the present transaction is committed, for in `countdown` seconds; without a
    broker the sweep does it.

    The tenant's id comes first among the arguments, ids as text.
    """

    given = tuple(str(argument) for argument in arguments)

    def send() -> None:
        task.apply_async(given, countdown=countdown)

    transaction.on_commit(lambda: courier.give(send, (OperationalError, OSError)))
