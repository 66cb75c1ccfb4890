"""The API described: `GET /api/schema` for programs, `GET /api/docs` for people."""

from functools import cache
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import NotFound
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView


@cache
def schema() -> dict[str, Any]:
    """OpenAPI 3.0; the same for everybody, so it is made once."""
    found: dict[str, Any] = SchemaGenerator().get_schema(request=None, public=True)
    return found


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
    """The schema as a page: no script, so nothing for the content policy to forbid."""
    operations = [
        _operation(path, method, operation)
        for path, methods in schema()["paths"].items()
        for method, operation in methods.items()
    ]
    return render(request, "api_docs.html", {"operations": operations})


def _operation(path: str, method: str, operation: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": operation["operationId"],
        "title": f"{method.upper()} {path}",
        "description": operation.get("description", ""),
        "parameters": [
            {"name": each["name"], "type": _type(each["schema"]), "required": each.get("required")}
            for each in operation.get("parameters", ())
        ],
        "body": _fields(operation.get("requestBody", {}).get("content", {})),
        "answers": [
            {
                "status": status,
                "description": answer.get("description", ""),
                "fields": _fields(answer.get("content", {})) if int(status) < 300 else [],
            }
            for status, answer in sorted(operation["responses"].items())
        ],
    }


def _fields(content: dict[str, Any]) -> list[dict[str, Any]]:
    """The names of a body's fields, their types, and whether each must be there."""
    for media in content.values():
        found = _resolved(media["schema"])
        required = found.get("required", ())
        return [
            {"name": name, "type": _type(field), "required": name in required}
            for name, field in found.get("properties", {}).items()
        ]
    return []


def _resolved(part: dict[str, Any]) -> dict[str, Any]:
    """A schema, or the component that it refers to."""
    reference = part.get("$ref", "")
    for each in part.get("allOf", ()):  # how OpenAPI 3.0 adds words to a reference
        reference = each.get("$ref", reference)
    if not reference:
        return part
    component: dict[str, Any] = schema()["components"]["schemas"][reference.rpartition("/")[2]]
    return component


def _type(part: dict[str, Any]) -> str:
    """`string (uuid) or null`, `one of a, b`, `list of CallLog`: a field's type in words."""
    nothing = " or null" if part.get("nullable") else ""
    found = _resolved(part)
    if "enum" in found:
        return "one of " + ", ".join(str(value) for value in found["enum"]) + nothing
    if found.get("type") == "array":
        items = _resolved(found["items"])
        return "list of {" + ", ".join(items.get("properties", [_type(items)])) + "}" + nothing
    if "properties" in found:
        return "{" + ", ".join(found["properties"]) + "}" + nothing
    kind = found.get("type", "anything")
    return f"{kind} ({found['format']})" + nothing if "format" in found else kind + nothing
