"""Text as the database can store it."""

from typing import Any


def storable(value: Any) -> Any:
    """A text, or a list or a dict with texts in it, without the NUL characters that PostgreSQL does
    not take: each becomes U+FFFD.
    """
    match value:
        case str():
            return value.replace("\0", "\ufffd")
        case list():
            return [storable(each) for each in value]
        case dict():
            return {storable(name): storable(each) for name, each in value.items()}
    return value
