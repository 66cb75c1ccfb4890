from django.apps import AppConfig
from django.contrib.staticfiles.apps import StaticFilesConfig


class VoipCrmConfig(AppConfig):
    name = "voip_crm"
    default = True

    def ready(self) -> None:
        # Tasks bind to the default Celery app, so it exists before any of them is queued; the
        # system checks register themselves.
        from voip_crm import celery, checks  # noqa: F401


class StaticFiles(StaticFilesConfig):
    """Not collected: Tabler as a whole, of which pages load the part in use, what tests use, and
    what others bring for pages that we do not have.
    """

    ignore_patterns = (
        *StaticFilesConfig.ignore_patterns,
        "vendor/tabler-*.min.css",
        "vendor/axe-core-*.min.js",
        "django_htmx",
        "rest_framework",
    )
