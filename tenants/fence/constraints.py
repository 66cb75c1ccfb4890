"""What the guards of a table have in common that migrations make and drop."""

from typing import Any

from django.db.models.constraints import BaseConstraint


class TableGuard(BaseConstraint):
    """A constraint on a whole table: nothing that a form could say, the database has the last word.

    Two are the same when they deconstruct alike. `default_name` names one that is given no name.
    """

    default_name: str

    def __init__(
        self,
        *,
        name: str = "",
        violation_error_code: str | None = None,
        violation_error_message: Any = None,
    ) -> None:
        super().__init__(
            name=name or self.default_name,
            violation_error_code=violation_error_code,
            violation_error_message=violation_error_message,
        )

    def validate(self, *args: Any, **kwargs: Any) -> None:
        """Left to the database."""

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, TableGuard):
            return NotImplemented
        return self.deconstruct() == other.deconstruct()

    def __hash__(self) -> int:
        return hash(self.name)
