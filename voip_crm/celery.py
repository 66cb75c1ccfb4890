"""The Celery application: a worker process with Redis, threads of `./run` without."""

import os
from typing import Any

from celery import Celery, signals
from django.db import close_old_connections

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "voip_crm.settings")

app = Celery("voip_crm")
# The worker threads of ./run find the app by this; else retries go to a broker that is not there.
app.set_default()
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@signals.task_prerun.connect
def drop_broken_connections(**_: Any) -> None:
    """Celery keeps connections over CELERY_DB_REUSE_MAX tasks and never tests them: after a
    restart of the database each task would fail until the count is reached.
    """
    close_old_connections()
