"""Why something that was asked for is not done: a code for programs, a sentence for people."""

from typing import Any
from uuid import UUID


class Refusal(Exception):
    """`code` is one of docs/api.md's; `details` goes into the API's error body. `closing` is the
    room that must be ended because of it, `waiting` one of which something should have been heard.
    """

    closing: UUID | None = None
    waiting: UUID | None = None

    def __init__(self, code: str, message: str, **details: Any) -> None:
        super().__init__(f"{code}: {message}")
        self.code, self.message, self.details = code, message, details
