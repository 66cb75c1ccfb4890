from typing import Any
from uuid import UUID

from django.apps import AppConfig
from django.contrib.auth.signals import user_logged_out
from django.db.models.signals import post_delete, post_save
from django.utils import timezone


class CallsConfig(AppConfig):
    name = "calls"

    def ready(self) -> None:
        from contacts.signals import contact_saved
        from tenants.people.occupation import Occupation, register

        register(Occupation(of=_call_of, end=_end_calls_of, presences=_presences))
        contact_saved.connect(_name_calls)
        post_delete.connect(_remove_audio, sender="calls.Recording")
        post_delete.connect(_remove_audio, sender="calls.Sound")
        post_save.connect(_join_groups, sender="tenants.Membership")
        post_save.connect(_ring_others, sender="tenants.Membership")
        user_logged_out.connect(_forget_browser)


# What they need is imported when it is needed: a command starts sooner.


def _call_of(user_id: UUID) -> str:
    from calls.selectors.panel import occupation_of

    return occupation_of(user_id)


def _presences() -> dict[UUID, tuple[str, str]]:
    from calls.selectors.ringing import presences

    return presences(now=timezone.now())


def _name_calls(**said: Any) -> None:
    from calls.services.naming import name_calls

    name_calls(**said)


def _remove_audio(instance: Any, **said: Any) -> None:
    from calls.tasks import remove_audio
    from tenants.bricks.queueing import queue

    if instance.path:
        queue(remove_audio, instance.tenant_id, instance.path)


def _join_groups(instance: Any, created: bool, **said: Any) -> None:
    from calls.services.inbound.plans import join_groups

    if created:
        join_groups(instance)


def _ring_others(instance: Any, created: bool, **said: Any) -> None:
    """What rings at who has been deactivated, rings at others; their browsers hear no more."""
    if not created and not instance.is_active:
        from calls.services.inbound.knocking import forget
        from calls.tasks import tend_agent

        forget(instance.user_id)
        tend_agent(instance.tenant_id, instance.user_id)


def _forget_browser(request: Any, **said: Any) -> None:
    """Of who signs out. Whose session ends otherwise is told nothing more either (`knocking`)."""
    member = getattr(request, "member", None)
    if member is not None and request.session.session_key:
        from calls.services.inbound.knocking import forget
        from tenants.fence.context import tenant_transaction

        with tenant_transaction(member.tenant_id):
            forget(member.user_id, session=request.session.session_key)


def _end_calls_of(user_id: UUID) -> None:
    from calls.pages.controls import end_calls_of

    end_calls_of(user_id)
