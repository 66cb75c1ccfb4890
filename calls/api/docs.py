"""The API described: `GET /api/schema` for programs, `GET /api/docs` for people."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe
from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import NotFound
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from calls.api import examples
from calls.api.schema import resolved, schema


@extend_schema(exclude=True)
class SchemaView(APIView):
    authentication_classes = ()
    permission_classes = (AllowAny,)

    def get(self, request: Request) -> Response:
        return Response(schema())


@extend_schema(exclude=True)
class NoSuchEndpoint(APIView):
    """Unknown addresses below /api/ answer in the API's own words."""

    authentication_classes = ()
    permission_classes = (AllowAny,)

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        raise NotFound("There is no such endpoint; /api/schema lists them.")


@require_safe
def docs(request: HttpRequest) -> HttpResponse:
    """The schema as a page, with examples: for members in their shell, for everybody else plain."""
    operations = [
        _operation(path, method, operation)
        for path, methods in schema()["paths"].items()
        for method, operation in methods.items()
    ]
    context = {
        "parent": "base.html" if getattr(request, "member", None) else "layout.html",
        "operations": [each for each in operations if not each["is_webhook"]],
        "webhooks": [each for each in operations if each["is_webhook"]],
        "site": settings.PUBLIC_BASE_URL,
        "takes_tokens": bool(settings.CLERK_ISSUER),
    }
    return render(request, "api_docs.html", context)


def _operation(path: str, method: str, operation: dict[str, Any]) -> dict[str, Any]:
    status, answer = examples.answer_of(operation)
    body, command = examples.body_of(operation), examples.curl(path, method, operation)
    said = operation.get("description", "")
    return {
        "id": operation["operationId"],
        "method": method.upper(),
        "path": path,
        # Twilio's requests carry its signature in place of a person's.
        "is_webhook": not operation.get("security"),
        "description": said,
        "summary": said.partition("\n")[0],
        "parameters": [
            _field(each["name"], each["schema"] | each, each.get("required"))
            for each in operation.get("parameters", ())
        ],
        "body": _fields(operation.get("requestBody", {}).get("content", {})),
        "responses": [
            {
                "status": status,
                "description": answer.get("description", ""),
                "fields": _fields(answer.get("content", {})) if int(status) < 300 else [],
            }
            for status, answer in sorted(operation["responses"].items())
        ],
        "curl": command,
        "curl_lines": command.count("\n") + 1,
        "body_example": "" if body is None else examples.written(body),
        "answer_status": status,
        "answer_example": examples.written(answer) if status else "",
    }


def _fields(content: dict[str, Any]) -> list[dict[str, Any]]:
    """Of a body: its fields as `_field` says them."""
    for media in content.values():
        found, _ = resolved(media["schema"])
        required = found.get("required", ())
        return [
            _field(name, field, name in required)
            for name, field in found.get("properties", {}).items()
        ]
    return []


def _field(name: str, field: dict[str, Any], required: bool | None) -> dict[str, Any]:
    """Its name, its type in words, whether it must be there, and what is to be said of it."""
    said = field.get("description", "")
    # Of a choice the schema lists the words once more.
    said = "" if said.startswith("* `") else said
    return {"name": name, "type": _type(field), "required": required, "said": said}


def _type(part: dict[str, Any]) -> str:
    """`string (uuid) or null`, `one of a, b`, `list of CallLog`: a field's type in words."""
    nothing = " or null" if part.get("nullable") else ""
    found, _ = resolved(part)
    if "enum" in found:
        return "one of " + ", ".join(str(value) for value in found["enum"]) + nothing
    if found.get("type") == "array":
        items, _ = resolved(found["items"])
        return "list of {" + ", ".join(items.get("properties", [_type(items)])) + "}" + nothing
    if "properties" in found:
        return "{" + ", ".join(found["properties"]) + "}" + nothing
    kind = found.get("type", "anything")
    return f"{kind} ({found['format']})" + nothing if "format" in found else kind + nothing
