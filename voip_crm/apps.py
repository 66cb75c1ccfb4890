from django.apps import AppConfig


class VoipCrmConfig(AppConfig):
    name = "voip_crm"

    def ready(self) -> None:
        # Tasks bind to the default Celery app, so it exists before any of them is queued; the
        # system checks register themselves.
        from voip_crm import celery, checks  # noqa: F401
