"""Where sessions are kept (`SESSION_ENGINE`): as Django keeps them, and whose each is.

The statement that reads one finds out all that is to be known of whoever shows it.
"""

from typing import Any, cast

from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.backends import db

from tenants import doors
from tenants.models import Session


class SessionStore(db.SessionStore):
    person: doors.Person | None = None  # whose it is, as it was when it was read

    @classmethod
    def get_model_class(cls) -> type[Session]:
        return Session

    def load(self) -> dict[str, Any]:
        found = doors.person_of_session(self.session_key or "")
        if found is None:
            self._session_key = None
            return {}
        kept, self.person = found
        return self.decode(kept)

    def create_model_instance(self, data: dict[str, Any]) -> Session:
        row = cast(Session, super().create_model_instance(data))
        row.person = data.get(SESSION_KEY)
        return row

    @classmethod
    def clear_expired(cls) -> None:
        super().clear_expired()
        db.SessionStore.clear_expired()  # those of before there was this table
