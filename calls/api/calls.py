"""The JSON endpoints that a browser asks. Contract: docs/api.md."""

from datetime import UTC, datetime, timedelta
from typing import Any

from django.utils.decorators import method_decorator
from drf_spectacular.utils import OpenApiResponse, extend_schema, extend_schema_field
from rest_framework import serializers, status
from rest_framework.response import Response
from rest_framework.views import APIView

from calls import gateway, tasks
from calls.api.errors import unavailable
from calls.api.fields import StrictSerializer, UtcField
from calls.api.schema import refusals
from calls.api.throttles import CallThrottle, TokenThrottle
from calls.facts.refusals import Refusal
from calls.gateway.accounts import account_of
from calls.models import CallLog
from calls.services import dialing
from tenants.bricks import log_context
from tenants.bricks.gates import Crowded, Gate
from tenants.bricks.http import MemberRequest
from tenants.middleware import short_transactions


class AccessTokenRequest(StrictSerializer):
    deviceId = serializers.RegexField(r"^d_[0-9A-Za-z_-]{1,64}$", required=False)


class AccessTokenAnswer(serializers.Serializer[Any]):
    token = serializers.CharField()
    identity = serializers.CharField()
    expiresIn = serializers.IntegerField(help_text="Seconds.")
    expiresAt = UtcField()
    edge = serializers.CharField()


class AccessTokenView(APIView):
    """A short-lived Voice token for the agent's browser.

    It lets the browser's phone connect, and nothing else.
    """

    throttle_classes = [TokenThrottle]

    @extend_schema(
        request=AccessTokenRequest,
        responses={
            200: AccessTokenAnswer,
            **refusals("invalid_request", "twilio_not_configured", posts=True),
        },
    )
    def post(self, request: MemberRequest) -> Response:
        AccessTokenRequest(data=request.data).is_valid(raise_exception=True)
        member = request.member
        answer = {
            "token": gateway.access_token(account_of(member.tenant_id), member.identity),
            "identity": member.identity,
            "expiresIn": gateway.TOKEN_TTL,
            "expiresAt": datetime.now(UTC) + timedelta(seconds=gateway.TOKEN_TTL),
            "edge": "roaming",
        }
        return Response(AccessTokenAnswer(answer).data)


REFUSED_CALLS = """
invalid_request invalid_number contact_not_found twilio_not_configured no_caller_id
agent_not_connected agent_busy duplicate_in_progress number_mismatch emergency_blocked
premium_blocked country_not_allowed spend_cap call_rate_cap concurrent_cap not_supported
rate_limited twilio_error submission_unknown
""".split()


class MakeCallRequest(StrictSerializer):
    to = serializers.CharField(
        required=False,
        allow_blank=True,
        allow_null=True,
        max_length=64,
        help_text="A number; without a country code it is local to the workspace.",
    )
    contactId = serializers.UUIDField(
        required=False,
        allow_null=True,
        help_text="A contact, whose first number is called. Give this, to, or both.",
    )
    fromNumberId = serializers.UUIDField(
        required=False, allow_null=True, help_text="Which of your numbers calls."
    )
    clientRequestId = serializers.UUIDField(help_text="The room where the browser waits.")
    agentMode = serializers.ChoiceField(["browser", "phone"], required=False)
    related = serializers.JSONField(required=False, allow_null=True, help_text="Not used yet.")


class NamedContact(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    name = serializers.CharField()


class RecordingPlan(serializers.Serializer[Any]):
    mode = serializers.ChoiceField(["off", "on"])
    consent = serializers.ChoiceField(["none", "announce", "ask"])


class MakeCallAnswer(serializers.Serializer[CallLog]):
    callSid = serializers.CharField(source="twilio_call_sid", allow_null=True)
    callLogId = serializers.UUIDField(source="id")
    status = serializers.CharField()
    direction = serializers.ChoiceField(CallLog.Direction.values)
    fromNumber = serializers.CharField(source="from_number")
    toNumber = serializers.CharField(source="to_number")
    contact = NamedContact(allow_null=True)
    startedAt = UtcField(source="started_at")
    recording = serializers.SerializerMethodField()

    @extend_schema_field(RecordingPlan)
    def get_recording(self, call: CallLog) -> dict[str, str]:
        return {"mode": "on" if call.is_recorded else "off", "consent": "none"}


# A dial waits for Twilio, at worst for seconds: pages and webhooks keep the other threads.
_dials = Gate(3)


@method_decorator(short_transactions, name="dispatch")
class MakeCallView(APIView):
    """Call someone into the room where the agent's browser waits.

    First the browser connects with an id of its own making,
    device.connect({params: {clientRequestId}}); then the same id asks to dial. The same id again is
    the same call: no one is rung twice. Until the browser is there, the answer is
    agent_not_connected.
    """

    throttle_classes = [CallThrottle]

    @extend_schema(
        request=MakeCallRequest,
        responses={
            201: MakeCallAnswer,
            200: OpenApiResponse(MakeCallAnswer, description="The same request again."),
            **refusals(*REFUSED_CALLS, posts=True),
        },
    )
    def post(self, request: MemberRequest) -> Response:
        asked = MakeCallRequest(data=request.data)
        asked.is_valid(raise_exception=True)
        data = asked.validated_data
        if data.get("agentMode") == "phone" or data.get("related") is not None:
            raise Refusal("not_supported", "agentMode “phone” and “related” do not exist yet.")
        member = request.member
        try:
            with _dials.passing():
                placed = dialing.place_call(
                    request.tenant,
                    agent=member,
                    client_request_id=data["clientRequestId"],
                    to=data.get("to") or "",
                    contact_id=data.get("contactId"),
                    from_number_id=data.get("fromNumberId"),
                )
        except Crowded:
            raise unavailable(retry_after=1) from None
        except Refusal as refusal:
            if refusal.closing:
                tasks.tend_now(member.tenant_id, refusal.closing)
            if refusal.waiting:
                tasks.look_now(member.tenant_id, refusal.waiting)
            raise
        log_context.bind(call=placed.call.pk, call_sid=placed.call.twilio_call_sid)
        if placed.closing is not None:
            tasks.tend_now(member.tenant_id, placed.closing.pk)
        answer = MakeCallAnswer(placed.call).data
        return Response(answer, status.HTTP_200_OK if placed.is_replay else status.HTTP_201_CREATED)
