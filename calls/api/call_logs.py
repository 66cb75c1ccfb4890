"""The call log as JSON: `GET call-logs` and `GET call-logs/{id}`. Contract: docs/api.md."""

from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.http import QueryDict
from django.urls import reverse
from django.utils.decorators import method_decorator
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.response import Response
from rest_framework.views import APIView

from calls.api.fields import AnyCaseChoiceField, DayOrMomentField, StrictSerializer, UtcField
from calls.api.schema import refusals
from calls.api.throttles import ReadThrottle
from calls.facts import states
from calls.facts.refusals import Refusal
from calls.models import CallEvent, CallLog, Recording
from calls.selectors import call_logs
from tenants.bricks.http import MemberRequest
from tenants.bricks.ids import read_uuid
from tenants.middleware import short_transactions
from tenants.models import User
from tenants.trail import audit
from tenants.trail.audit import Action

LARGEST_PAGE = 100
OUTCOMES = sorted(states.TERMINAL | {"declined"})


class CallLogQuery(StrictSerializer):
    """The parameters of a listing. An empty one does not narrow, as in an unfilled form."""

    direction = AnyCaseChoiceField(CallLog.Direction.values, required=False)
    status = serializers.ChoiceField(list(states.STATUSES), required=False)
    outcome = serializers.ChoiceField(OUTCOMES, required=False)
    userId = serializers.UUIDField(required=False)
    contactId = serializers.UUIDField(required=False)
    q = serializers.CharField(
        required=False,
        max_length=100,
        help_text="Words of the contact, or part of their number.",
    )
    dateFrom = DayOrMomentField(
        required=False, help_text="A day in the workspace’s time zone, or a moment with its offset."
    )
    dateTo = DayOrMomentField(ends=True, required=False, help_text="That day included.")
    hasRecording = serializers.BooleanField(
        required=False, help_text="Whether there is one to play."
    )
    page = serializers.IntegerField(default=1, min_value=1, max_value=call_logs.COUNT_CAP)
    limit = serializers.IntegerField(default=20, min_value=1, max_value=LARGEST_PAGE)
    before = serializers.CharField(
        required=False, max_length=100, help_text="A nextCursor: only what comes after it."
    )

    def validate_before(self, cursor: str) -> str:
        try:
            call_logs.read_cursor(cursor)
        except call_logs.BadCursor:
            raise serializers.ValidationError("This isn’t a nextCursor from a response.") from None
        return cursor

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if attrs["page"] * attrs["limit"] > call_logs.COUNT_CAP:
            raise serializers.ValidationError(
                {"page": [f"Pages cover {call_logs.COUNT_CAP:,} calls; continue with before."]}
            )
        return attrs


class PersonSerializer(serializers.Serializer[User]):
    id = serializers.UUIDField()
    name = serializers.CharField(source="__str__")


class CalledContactSerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    name = serializers.CharField()
    phone = serializers.CharField(allow_null=True)


class PossibleContactSerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    name = serializers.CharField()


class CallLogSerializer(serializers.Serializer[Any]):
    """A call. Times are UTC, lengths whole seconds."""

    # What `calls.selectors.call_rows` tells; nothing is made by these fields.
    id = serializers.UUIDField()
    tenantId = serializers.UUIDField()
    userId = serializers.UUIDField(allow_null=True)
    contactId = serializers.UUIDField(allow_null=True)
    direction = serializers.ChoiceField(CallLog.Direction.values)
    fromNumber = serializers.CharField()
    toNumber = serializers.CharField()
    extension = serializers.CharField()
    status = serializers.CharField()
    outcome = serializers.CharField(allow_null=True)
    duration = serializers.IntegerField(allow_null=True)
    ringSeconds = serializers.IntegerField(allow_null=True)
    waitSeconds = serializers.IntegerField(allow_null=True)
    missed = serializers.CharField(allow_null=True)
    missedDoneAt = UtcField(allow_null=True)
    holdSeconds = serializers.IntegerField()
    recordingUrl = serializers.CharField(allow_null=True)
    recordingSid = serializers.CharField(allow_null=True)
    twilioCallSid = serializers.CharField(allow_null=True)
    startedAt = UtcField()
    answeredAt = UtcField(allow_null=True)
    endedAt = UtcField(allow_null=True)
    createdAt = UtcField()
    updatedAt = UtcField()
    user = PersonSerializer(allow_null=True)
    contact = CalledContactSerializer(allow_null=True)
    possibleContacts = PossibleContactSerializer(many=True)


class LegSerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    party = serializers.CharField()
    user = PersonSerializer(allow_null=True)
    twilioCallSid = serializers.CharField(source="call_sid", allow_null=True)
    status = serializers.CharField()
    duration = serializers.IntegerField(allow_null=True)
    answeredAt = UtcField(source="answered_at", allow_null=True)
    joinedAt = UtcField(source="joined_at", allow_null=True)
    leftAt = UtcField(source="left_at", allow_null=True)
    endedAt = UtcField(source="ended_at", allow_null=True)
    sipCode = serializers.IntegerField(source="sip_code", allow_null=True)
    errorCode = serializers.IntegerField(source="error_code", allow_null=True)


class RecordingSerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    recordingSid = serializers.CharField(source="sid")
    recordingUrl = serializers.SerializerMethodField()
    state = serializers.ChoiceField(Recording.State.values)
    duration = serializers.IntegerField(allow_null=True)
    channels = serializers.IntegerField()
    isVoicemail = serializers.BooleanField(source="is_voicemail")
    heardAt = UtcField(source="heard_at", allow_null=True)
    createdAt = UtcField(source="created_at")

    def get_recordingUrl(self, recording: Recording) -> str | None:
        return playback_url(recording)


class TimelineSerializer(serializers.Serializer[Any]):
    """One event. `kind` and `name` are those of `facts.states`; `legId` null: of the room."""

    at = UtcField()
    kind = serializers.CharField()
    name = serializers.CharField()
    legId = serializers.UUIDField(source="leg_id", allow_null=True)
    party = serializers.SerializerMethodField()
    duration = serializers.IntegerField(allow_null=True)
    sipCode = serializers.IntegerField(source="sip_code", allow_null=True)
    errorCode = serializers.IntegerField(source="error_code", allow_null=True)

    def get_party(self, event: CallEvent) -> str | None:
        return event.leg.party if event.leg else None


class CallDetailSerializer(CallLogSerializer):
    """A call with all that is known of it."""

    legs = LegSerializer(many=True)
    recordings = RecordingSerializer(many=True)
    timeline = TimelineSerializer(many=True)
    notes = serializers.CharField(allow_null=True)
    disposition = serializers.CharField(allow_null=True)
    transcript = serializers.CharField(allow_null=True)


class CallLogPageSerializer(serializers.Serializer[Any]):
    data = CallLogSerializer(many=True)  # type: ignore[assignment]  # a field, named so
    total = serializers.IntegerField()
    totalCapped = serializers.BooleanField()
    page = serializers.IntegerField()
    limit = serializers.IntegerField()
    hasMore = serializers.BooleanField()
    nextCursor = serializers.CharField(allow_null=True)


@method_decorator(short_transactions, name="dispatch")
class CallLogsView(APIView):
    """The workspace's calls, newest first.

    To read all of them, follow nextCursor as before until it is null.
    """

    throttle_classes = [ReadThrottle]

    @extend_schema(
        operation_id="call_logs",
        parameters=[CallLogQuery],
        responses={200: CallLogPageSerializer, **refusals("invalid_request")},
    )
    def get(self, request: MemberRequest) -> Response:
        given = {name: value for name, value in once(request.query_params).items() if value}
        wish = asked_of(tuple(given.items()), request.tenant.time_zone)
        found = call_logs.page(
            request.tenant.pk,
            call_logs.Filters(
                direction=wish.get("direction", ""),
                status=wish.get("status", ""),
                outcome=wish.get("outcome", ""),
                user_id=wish.get("userId"),
                contact_id=wish.get("contactId"),
                text=wish.get("q", ""),
                since=wish.get("dateFrom"),
                until=wish.get("dateTo"),
                has_recording=wish.get("hasRecording"),
            ),
            number=wish["page"],
            size=wish["limit"],
            before=wish.get("before", ""),
        )
        return Response(
            {
                "data": found.calls,
                "total": found.total,
                "totalCapped": found.total_is_capped,
                "page": found.number,
                "limit": found.size,
                "hasMore": found.has_more,
                "nextCursor": found.next_cursor,
            }
        )


class CallLogView(APIView):
    """One call, with its participants, recordings and timeline."""

    throttle_classes = [ReadThrottle]

    @extend_schema(
        operation_id="call_log",
        parameters=[OpenApiParameter("call_id", str, "path")],
        responses={200: CallDetailSerializer, **refusals("call_not_found")},
    )
    def get(self, request: MemberRequest, call_id: str) -> Response:
        known = read_uuid(call_id)
        found = call_logs.detail(known) if known else None
        if found is None:
            raise Refusal("call_not_found", "There is no such call.")
        audit.record_look(Action.CALL_VIEWED, on=found.call)
        return Response(
            found.told
            | {
                "legs": LegSerializer(found.legs, many=True).data,
                "recordings": RecordingSerializer(found.recordings, many=True).data,
                "timeline": TimelineSerializer(found.events, many=True).data,
                "notes": found.call.notes or None,
                # What nothing has brought yet.
                "disposition": None,
                "transcript": None,
            }
        )


@lru_cache(1000)
def asked_of(given: tuple[tuple[str, str], ...], zone: str) -> Mapping[str, Any]:
    """What these parameters ask for, in a workspace of this time zone. Pure, so that it is found
    out once: to look at each field took a tenth of a request. Raises `ValidationError`.
    """
    asked = CallLogQuery(data=dict(given), context={"zone": ZoneInfo(zone)})
    asked.is_valid(raise_exception=True)
    return MappingProxyType(asked.validated_data)


def once(parameters: QueryDict) -> dict[str, str]:
    """The parameters, each given once. Raises `ValidationError` naming one given twice."""
    for name, values in parameters.lists():
        if len(values) > 1:
            raise serializers.ValidationError({name: ["Give this parameter once."]})
    return {name: str(value) for name, value in parameters.items()}


def playback_url(recording: Recording | None) -> str | None:
    """Our own, tenant-checked address of the audio, once there is a copy of it."""
    if recording is None or recording.state != Recording.State.STORED:
        return None
    return settings.PUBLIC_BASE_URL + reverse("recording", args=[recording.pk])
