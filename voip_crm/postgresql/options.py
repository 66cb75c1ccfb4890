"""How each connection to PostgreSQL is made."""

from typing import Any

from voip_crm.environment import Environment

# A webhook must fail in time for Twilio to try again (it waits 15 s at most), and what it was told
# is stored must be, whatever the role, the database or the server have by default. A statement for
# which nobody waits any more (voip_crm/answers.py) is given up within a second.
_SERVER = {
    "statement_timeout": "10000",
    "lock_timeout": "2000",
    "synchronous_commit": "on",
    "client_connection_check_interval": "1000",
}
_CONNECTION: dict[str, str | int] = {
    "options": " ".join(f"-c {name}={value}" for name, value in _SERVER.items()),
    "connect_timeout": 2,  # seconds
    # A server that is gone without a word is noticed by TCP, however long its own patience is.
    "tcp_user_timeout": 5000,  # milliseconds
    "keepalives_idle": 10,
    "keepalives_interval": 3,
    "keepalives_count": 3,
}


def options(env: Environment, database: dict[str, Any]) -> dict[str, Any]:
    """Django's OPTIONS for this database: what its address says, and ours, which win.

    Planning takes longer than most of our statements, so that a connection which sends one again
    has it prepared; Django's own backend prepares nothing. Values are always sent beside a
    statement, prepared or not: PostgreSQL reads it the same way.
    """
    prepares = env.bool("PREPARED_STATEMENTS", True)
    statements = {"server_side_binding": True, "prepare_threshold": 1 if prepares else None}
    return database.get("OPTIONS", {}) | _CONNECTION | statements
