"""Ids as other people write them."""

from uuid import UUID


def read_uuid(text: str | None) -> UUID | None:
    """The id that a text is; None when it is none."""
    try:
        return UUID(text or "")
    except ValueError:
        return None
