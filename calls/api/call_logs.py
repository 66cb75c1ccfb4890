"""The call log as JSON: `GET call-logs` and `GET call-logs/{id}`. Contract: docs/api.md."""

from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.http import QueryDict
from django.urls import reverse
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.response import Response
from rest_framework.views import APIView

from calls.api.fields import AnyCaseChoiceField, DayOrMomentField, StrictSerializer, UtcField
from calls.api.schema import refusals
from calls.api.throttles import ReadThrottle
from calls.facts import states
from calls.facts.refusals import Refusal
from calls.models import CallEvent, CallLeg, CallLog, PossibleContact, Recording
from calls.selectors import call_logs
from contacts.models import Contact
from tenants.bricks.http import MemberRequest
from tenants.bricks.ids import read_uuid
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
        required=False, max_length=100, help_text="Words of the contact, or part of a number."
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


class CalledContactSerializer(serializers.Serializer[Contact]):
    id = serializers.UUIDField()
    name = serializers.CharField()
    phone = serializers.SerializerMethodField()

    def get_phone(self, contact: Contact) -> str | None:
        return next((each.number for each in contact.numbers.all()), None)


class PossibleContactSerializer(serializers.Serializer[PossibleContact]):
    id = serializers.UUIDField(source="contact_id")
    name = serializers.CharField(source="contact.name")


class CallLogSerializer(serializers.Serializer[call_logs.Entry]):
    """A call. Times are UTC, lengths whole seconds."""

    id = serializers.UUIDField(source="call.id")
    tenantId = serializers.UUIDField(source="call.tenant_id")
    userId = serializers.UUIDField(source="call.user_id", allow_null=True)
    contactId = serializers.UUIDField(source="call.contact_id", allow_null=True)
    direction = serializers.ChoiceField(CallLog.Direction.values, source="call.direction")
    fromNumber = serializers.CharField(source="call.from_number")
    toNumber = serializers.CharField(source="call.to_number")
    extension = serializers.CharField(source="call.extension")
    status = serializers.CharField(source="call.status")
    outcome = serializers.SerializerMethodField()
    duration = serializers.IntegerField(source="call.duration", allow_null=True)
    ringSeconds = serializers.IntegerField(source="ring_seconds", allow_null=True)
    waitSeconds = serializers.SerializerMethodField()
    holdSeconds = serializers.SerializerMethodField()
    recordingUrl = serializers.SerializerMethodField()
    recordingSid = serializers.SerializerMethodField()
    twilioCallSid = serializers.CharField(source="call.twilio_call_sid", allow_null=True)
    startedAt = UtcField(source="call.started_at")
    answeredAt = UtcField(source="call.answered_at", allow_null=True)
    endedAt = UtcField(source="call.ended_at", allow_null=True)
    createdAt = UtcField(source="call.created_at")
    updatedAt = UtcField(source="call.updated_at")
    user = PersonSerializer(source="call.user", allow_null=True)
    contact = CalledContactSerializer(source="call.contact", allow_null=True)
    possibleContacts = serializers.SerializerMethodField()

    @extend_schema_field(PossibleContactSerializer(many=True))
    def get_possibleContacts(self, entry: call_logs.Entry) -> Any:
        possible = entry.call.possible.all() if entry.call.is_in_doubt else []
        return [PossibleContactSerializer(each).data for each in possible]

    def get_outcome(self, entry: call_logs.Entry) -> str | None:
        return entry.call.outcome or None

    def get_waitSeconds(self, entry: call_logs.Entry) -> int | None:
        return None  # of callers who wait for an agent, and no call comes in yet

    def get_holdSeconds(self, entry: call_logs.Entry) -> int:
        return 0  # nobody can be put on hold yet

    def get_recordingUrl(self, entry: call_logs.Entry) -> str | None:
        return playback_url(entry.recording)

    def get_recordingSid(self, entry: call_logs.Entry) -> str | None:
        return entry.recording.sid if entry.recording else None


class LegSerializer(serializers.Serializer[CallLeg]):
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


class RecordingSerializer(serializers.Serializer[Recording]):
    id = serializers.UUIDField()
    recordingSid = serializers.CharField(source="sid")
    recordingUrl = serializers.SerializerMethodField()
    state = serializers.ChoiceField(Recording.State.values)
    duration = serializers.IntegerField(allow_null=True)
    channels = serializers.IntegerField()
    createdAt = UtcField(source="created_at")

    def get_recordingUrl(self, recording: Recording) -> str | None:
        return playback_url(recording)


class TimelineSerializer(serializers.Serializer[CallEvent]):
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


class NotYet(serializers.CharField):
    """What no issue has brought yet: always null."""

    def get_attribute(self, instance: Any) -> None:
        return None


class CallDetailSerializer(CallLogSerializer):
    """A call with all that is known of it."""

    legs = LegSerializer(many=True)
    recordings = RecordingSerializer(source="call.recordings.all", many=True)
    timeline = TimelineSerializer(source="events", many=True)
    notes = NotYet(allow_null=True)
    disposition = NotYet(allow_null=True)
    transcript = NotYet(allow_null=True)


class CallLogPageSerializer(serializers.Serializer[call_logs.Page]):
    data = CallLogSerializer(source="entries", many=True)  # type: ignore[assignment]
    total = serializers.IntegerField()
    totalCapped = serializers.BooleanField(source="total_is_capped")
    page = serializers.IntegerField(source="number")
    limit = serializers.IntegerField(source="size")
    hasMore = serializers.BooleanField(source="has_more")
    nextCursor = serializers.CharField(source="next_cursor", allow_null=True)


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
        zone = ZoneInfo(request.tenant.time_zone)
        asked = CallLogQuery(data=given, context={"zone": zone})
        asked.is_valid(raise_exception=True)
        wish = asked.validated_data
        found = call_logs.page(
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
        return Response(CallLogPageSerializer(found).data)


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
        return Response(CallDetailSerializer(found).data)


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
