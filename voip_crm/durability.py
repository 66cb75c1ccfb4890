"""Whether PostgreSQL keeps what it has committed. Twilio forgets an event that we answered 204."""

from typing import Any

# What a setting that is off means, and what to do.
LOSES = {
    "fsync": "fsync is off: a power cut can lose events that Twilio was told are stored, or the "
    "whole database. Turn it on in postgresql.conf.",
    # Our connections ask for it (settings.py), whatever role or database have by default.
    "synchronous_commit": "synchronous_commit is off: a crash of PostgreSQL can lose events that "
    "Twilio was told are stored. A pooler drops the options of our connections; let it pass them "
    "on, or ALTER ROLE … SET synchronous_commit = on.",
}


def losses(cursor: Any) -> list[str]:
    """Why what this cursor's session commits can be lost; empty when it cannot."""
    cursor.execute(
        "SELECT name FROM pg_settings WHERE name = ANY(%s) AND setting = 'off' ORDER BY name",
        [list(LOSES)],
    )
    return [LOSES[name] for (name,) in cursor.fetchall()]
