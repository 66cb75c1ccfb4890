"""What the API's requests and answers are made of: strict reading, times with a Z."""

from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from io import BytesIO
from typing import Any
from zoneinfo import ZoneInfo

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.exceptions import ParseError
from rest_framework.parsers import JSONParser

LONGEST_BODY = 64 * 1024

# ISO 8601 with a Z, whatever time zone a request works in.
UtcField = partial(serializers.DateTimeField, default_timezone=UTC)


class BoundedJSONParser(JSONParser):
    """JSON of a size and depth that no honest request exceeds."""

    def parse(self, stream: Any, media_type: Any = None, parser_context: Any = None) -> Any:
        body = stream.read(LONGEST_BODY + 1)
        if len(body) > LONGEST_BODY:
            raise ParseError(f"The body is larger than {LONGEST_BODY // 1024} KiB.")
        try:
            return super().parse(BytesIO(body), media_type, parser_context)
        except RecursionError:
            raise ParseError("The body is nested too deeply.") from None


class StrictSerializer(serializers.Serializer[Any]):
    """Refuses fields that it does not know instead of ignoring them."""

    def to_internal_value(self, data: Any) -> Any:
        unknown = set(data) - set(self.fields) if isinstance(data, dict) else set()
        if unknown:
            # Escaped, since a name in JSON can hold what UTF-8 cannot (a lone surrogate).
            names = [str(name).encode("utf-8", "backslashreplace").decode() for name in unknown]
            raise serializers.ValidationError(dict.fromkeys(names, ["There is no such field."]))
        return super().to_internal_value(data)


class AnyCaseChoiceField(serializers.ChoiceField):
    """One of some upper-case words, written in any case."""

    def to_internal_value(self, data: Any) -> Any:
        return super().to_internal_value(data.upper() if isinstance(data, str) else data)


@extend_schema_field({"type": "string", "example": "2026-11-22"})
class DayOrMomentField(serializers.Field):  # type: ignore[type-arg]
    """A day (`2026-11-22`, of the workspace's time zone, from the context's `zone`) as its first
    moment, or with `ends=True` that of the next day; or a moment with its offset (`…T10:00:00Z`).
    """

    default_error_messages = {
        "invalid": "Give a day (2026-11-22) or a moment with its offset (2026-11-22T10:00:00Z)."
    }

    def __init__(self, *, ends: bool = False, **options: Any) -> None:
        super().__init__(**options)
        self._ends = ends

    def to_internal_value(self, data: Any) -> datetime:
        zone: ZoneInfo = self.context["zone"]
        try:
            if len(data) == len("2026-11-22"):
                day = date.fromisoformat(data) + timedelta(days=int(self._ends))
                return datetime.combine(day, time.min, zone).astimezone(UTC)
            moment = datetime.fromisoformat(data)
            if moment.tzinfo is not None:
                return moment.astimezone(UTC)
        except (TypeError, ValueError, OverflowError):
            pass
        self.fail("invalid")
