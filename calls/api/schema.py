"""What the OpenAPI schema says beyond what the code says by itself: refusals, and the webhooks."""

from collections import defaultdict
from functools import cache
from typing import Any

from drf_spectacular.extensions import (
    OpenApiAuthenticationExtension,
    OpenApiSerializerExtension,
    OpenApiViewExtension,
)
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import OpenApiResponse, extend_schema

from calls.api.errors import HTTP_STATUS


@cache
def schema() -> dict[str, Any]:
    """OpenAPI 3.0; the same for everybody, so it is made once."""
    found: dict[str, Any] = SchemaGenerator().get_schema(request=None, public=True)
    return found


def resolved(part: dict[str, Any]) -> tuple[dict[str, Any], str]:
    """(a schema, or the component that it refers to; that component's name or "")."""
    reference = part.get("$ref", "")
    for each in part.get("allOf", ()):  # how OpenAPI 3.0 adds words to a reference
        reference = each.get("$ref", reference)
    if not reference:
        return part, ""
    name = reference.rpartition("/")[2]
    return schema()["components"]["schemas"][name], name


# Every endpoint that people ask may answer these.
_COMMON = "not_authenticated authentication_failed no_tenant not_acceptable throttled unavailable"
_POSTED = "parse_error unsupported_media_type forbidden"


def refusals(*codes: str, posts: bool = False) -> dict[int, OpenApiResponse]:
    """The error answers of an endpoint by status, each with the codes it can carry."""
    by_status: dict[int, list[str]] = defaultdict(list)
    for code in [*codes, *_COMMON.split(), *(_POSTED.split() if posts else ())]:
        by_status[HTTP_STATUS[code]].append(code)
    return {status: _refusal(found) for status, found in sorted(by_status.items())}


def _refusal(codes: list[str]) -> OpenApiResponse:
    error = {
        "type": "object",
        "required": ["code", "message", "details"],
        "additionalProperties": False,
        "properties": {
            "code": {"type": "string", "enum": codes},
            "message": {"type": "string", "description": "A plain sentence for people."},
            "details": {"type": "object", "additionalProperties": {}},
        },
    }
    body = {
        "type": "object",
        "required": ["error"],
        "additionalProperties": False,
        "properties": {"error": error},
    }
    return OpenApiResponse(body, description=", ".join(codes))


def without_slash(endpoints: list[tuple[str, str, str, Any]]) -> list[tuple[str, str, str, Any]]:
    """A hook of drf-spectacular: a final slash is accepted, the documented path has none."""
    return [(path.removesuffix("/"), *rest) for path, *rest in endpoints]  # type: ignore[misc]


class StrictRequest(OpenApiSerializerExtension):
    target_class = "calls.api.fields.StrictSerializer"
    match_subclasses = True

    def map_serializer(self, auto_schema: AutoSchema, direction: str) -> Any:
        mapped = auto_schema._map_serializer(self.target, direction, bypass_extensions=True)
        return mapped | {"additionalProperties": False}


class BearerScheme(OpenApiAuthenticationExtension):
    target_class = "calls.api.authentication.BearerAuthentication"
    name = "clerk"

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, Any]:
        return {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}


_SIGNED = "For Twilio only: refused without a valid X-Twilio-Signature."
_FORM = {"application/x-www-form-urlencoded": {"type": "object", "additionalProperties": True}}
_HEARD: dict[Any, Any] = {
    (200, "text/xml"): {"type": "string", "description": "TwiML, when Twilio asks what to do."},
    204: OpenApiResponse(description="Accepted (also if repeated)."),
    400: OpenApiResponse(description="The request's length cannot be read."),
    403: OpenApiResponse(description="The signature is missing or wrong."),
    413: OpenApiResponse(description="The form is larger than 64 KiB."),
    415: OpenApiResponse(description="The body isn’t a form."),
    503: OpenApiResponse(description="The database is unavailable. Try again."),
}


class Webhook(OpenApiViewExtension):
    target_class = "calls.webhooks.signed_posts.TwilioWebhook"
    match_subclasses = True

    def view_replacement(self) -> Any:
        described = extend_schema(request=_FORM, responses=_HEARD, description=_SIGNED)

        class Described(self.target):  # type: ignore[misc, name-defined]
            post = described(self.target.post)

        return Described
