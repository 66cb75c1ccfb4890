"""What a server looks for at its database before it serves, even when the database comes later."""

from collections.abc import Callable
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.db import OperationalError, connection
from django.db.backends.signals import connection_created

Look = Callable[[Any], list[str]]
_put_off: list[Look] = []


class UnsafeDatabase(ImproperlyConfigured):
    """The database is not what production needs; the message says in what."""


def look_now_or_on_connect(look: Look) -> list[str]:
    """The faults that `look` finds through a cursor of PostgreSQL. While the database cannot be
    reached there are none to tell: then the first connection that can be made is looked at, and
    refused if it has any.
    """
    if connection.vendor != "postgresql":
        return []
    was_open = connection.connection is not None
    try:
        with connection.cursor() as cursor:
            return look(cursor)
    except OperationalError:
        _put_off.append(look)
        connection_created.connect(_look_first)
        return []
    finally:
        if not was_open:
            connection.close()  # a server forks after this


def _look_first(connection: Any, **_: Any) -> None:
    with connection.cursor() as cursor:
        found = [fault for look in _put_off for fault in look(cursor)]
    if found:
        connection.close()
        raise UnsafeDatabase(" ".join(found))
    connection_created.disconnect(_look_first)
    _put_off.clear()
