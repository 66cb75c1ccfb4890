"""The JSON endpoints that a browser asks. Contract: docs/api.md."""

from datetime import UTC, datetime, timedelta
from typing import Any

from django.utils.decorators import method_decorator
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from calls import gateway, tasks
from calls.accounts import account_of
from calls.api_fields import StrictSerializer
from calls.api_throttles import CallThrottle, TokenThrottle
from calls.models import CallLog
from calls.refusals import Refusal
from calls.services import dialing
from tenants.context import tenant_transaction
from tenants.middleware import short_transactions


class AccessTokenRequest(StrictSerializer):
    deviceId = serializers.RegexField(r"^d_[0-9A-Za-z_-]{1,64}$", required=False)


class AccessTokenView(APIView):
    """A short-lived Voice token for the signed-in agent's browser."""

    throttle_classes = [TokenThrottle]

    def post(self, request: Request) -> Response:
        AccessTokenRequest(data=request.data).is_valid(raise_exception=True)
        member = request.member  # type: ignore[attr-defined]
        token = gateway.access_token(account_of(member.tenant_id), member.identity)
        expires_at = datetime.now(UTC) + timedelta(seconds=gateway.TOKEN_TTL)
        return Response(
            {
                "token": token,
                "identity": member.identity,
                "expiresIn": gateway.TOKEN_TTL,
                "expiresAt": utc(expires_at),
                "edge": "roaming",
            }
        )


class MakeCallRequest(StrictSerializer):
    to = serializers.CharField(required=False, allow_blank=True, allow_null=True, max_length=64)
    contactId = serializers.UUIDField(required=False, allow_null=True)
    fromNumberId = serializers.IntegerField(required=False, allow_null=True, min_value=1)
    clientRequestId = serializers.UUIDField()
    agentMode = serializers.ChoiceField(["browser", "phone"], required=False)
    related = serializers.JSONField(required=False, allow_null=True)


@method_decorator(short_transactions, name="dispatch")
class MakeCallView(APIView):
    """Ring a contact into the room in which the agent's browser waits."""

    throttle_classes = [CallThrottle]

    def post(self, request: Request) -> Response:
        asked = MakeCallRequest(data=request.data)
        asked.is_valid(raise_exception=True)
        data = asked.validated_data
        if data.get("agentMode") == "phone" or data.get("related") is not None:
            raise Refusal("not_supported", "agentMode “phone” and “related” do not exist yet.")
        member = request.member  # type: ignore[attr-defined]
        try:
            placed = dialing.place_call(
                request.tenant,  # type: ignore[attr-defined]
                agent=member,
                client_request_id=data["clientRequestId"],
                to=data.get("to") or "",
                contact_id=data.get("contactId"),
                from_number_id=data.get("fromNumberId"),
            )
        except Refusal as refusal:
            if refusal.closing:
                tasks.queue(tasks.tend_room, member.tenant_id, refusal.closing)
            raise
        if placed.closing is not None:
            tasks.queue(tasks.tend_room, member.tenant_id, placed.closing.pk)
        with tenant_transaction(member.tenant_id):
            answer = call_answer(placed.call)
        return Response(answer, status.HTTP_200_OK if placed.is_replay else status.HTTP_201_CREATED)


def call_answer(call: CallLog) -> dict[str, Any]:
    contact = call.contact
    return {
        "callSid": call.twilio_call_sid,
        "callLogId": str(call.pk),
        "status": call.status,
        "direction": call.direction,
        "fromNumber": call.from_number,
        "toNumber": call.to_number,
        "contact": {"id": str(contact.pk), "name": contact.name} if contact else None,
        "startedAt": utc(call.started_at),
        "recording": {"mode": "on" if call.is_recorded else "off", "consent": "none"},
    }


def utc(moment: datetime | None) -> str | None:
    """ISO 8601 with a Z, as every time in the API."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z") if moment else None
