from uuid import UUID

from django.apps import AppConfig


class CallsConfig(AppConfig):
    name = "calls"

    def ready(self) -> None:
        from tenants.people.occupation import Occupation, register

        register(Occupation(of=_call_of, end=_end_calls_of))


# What they need is imported when it is needed: a command starts sooner.


def _call_of(user_id: UUID) -> str:
    from calls.selectors.panel import occupation_of

    return occupation_of(user_id)


def _end_calls_of(user_id: UUID) -> None:
    from calls.pages.controls import end_calls_of

    end_calls_of(user_id)
