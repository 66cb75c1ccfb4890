"""Where sessions are kept (`SESSION_ENGINE`): as Django keeps them, and whose each is."""

from typing import Any, cast

from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.backends import db

from tenants.models import Session


class SessionStore(db.SessionStore):
    @classmethod
    def get_model_class(cls) -> type[Session]:
        return Session

    def create_model_instance(self, data: dict[str, Any]) -> Session:
        row = cast(Session, super().create_model_instance(data))
        row.person = data.get(SESSION_KEY)
        return row

    @classmethod
    def clear_expired(cls) -> None:
        super().clear_expired()
        db.SessionStore.clear_expired()  # those of before there was this table
