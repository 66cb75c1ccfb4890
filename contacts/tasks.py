"""Celery: what is brought in in the background. The sweep finds what was never queued."""

from uuid import UUID

from celery import Task, shared_task
from django.utils import timezone

from contacts.imports import jobs
from tenants.bricks.queueing import queue
from tenants.fence.context import tenant_transaction


@shared_task(bind=True)
def work_off_import(self: Task, tenant_id: str, import_id: str) -> None:
    wait = jobs.work_off(UUID(tenant_id), UUID(import_id))
    if wait is not None:
        queue(self, tenant_id, import_id, countdown=wait)


def take_up_imports(tenant_id: UUID) -> None:
    """Those at which nobody works: their task or its worker was lost."""
    now = timezone.now()
    with tenant_transaction(tenant_id):
        jobs.forget_old(now)
        for import_id in jobs.to_take_up(now):
            queue(work_off_import, tenant_id, import_id)
