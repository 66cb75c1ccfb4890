"""Requests and answers as the API's page shows them. Their fields are the schema's; only what
stands in a field is written here.
"""

import json
from typing import Any
from urllib.parse import urlencode

from django.conf import settings

from calls.api.schema import resolved

_CALL, _CONTACT = "8c5b1e0a-3c0f-4f6e-9a51-0d6f2f4f7a10", "1f0d6a5e-7b7c-4b0e-8d57-3a3f0a9c4e21"
_USER, _TENANT = "5a2f9d3c-0b1e-4c77-a1f0-6f0c8e2b9d32", "3d7e4b1a-9f58-4e2d-b6c3-7a1d5e8f0b43"
_LEG, _RECORDING = "b4c8a7d2-6e3f-4a19-8c05-2f9e1d7b6a54", "e6f1c3b8-2d4a-4f70-9b8e-5c0a7d3f1e65"
_CALL_SID = "CA0f3c6a9d2e5b8174c0f3a6d9e2b58147"  # pragma: allowlist secret
_RECORDING_SID = "RE1a4d7b0e3c6f9258d1a4b7e0c3f69258"  # pragma: allowlist secret

# By a field's name, or by its component's and its own. What may be null and stands in none is null.
VALUES: dict[str, Any] = {
    "token": "eyJhbGciOiJIUzI1NiJ9.…",  # nosec B105: the beginning of one
    "identity": f"t{_TENANT.replace('-', '')}_u{_USER.replace('-', '')}",
    "expiresIn": 600,
    "edge": "roaming",
    "clientRequestId": "7c9e6679-7425-40de-944b-e07fc1f90ae7",
    "to": "+14155550100",
    "callSid": _CALL_SID,
    "callLogId": _CALL,
    "id": _CALL,
    "tenantId": _TENANT,
    "userId": _USER,
    "contactId": _CONTACT,
    "direction": "OUTBOUND",
    "fromNumber": "+14155550142",
    "toNumber": "+14155550100",
    "extension": "",
    "status": "completed",
    "MakeCallAnswer.status": "queued",
    "outcome": "completed",
    "duration": 124,
    "ringSeconds": 8,
    "holdSeconds": 0,
    "recordingUrl": f"{settings.PUBLIC_BASE_URL}/recordings/{_RECORDING}",
    "recordingSid": _RECORDING_SID,
    "twilioCallSid": _CALL_SID,
    "startedAt": "2026-11-22T18:05:09.120000Z",
    "answeredAt": "2026-11-22T18:05:18Z",
    "joinedAt": "2026-11-22T18:05:18Z",
    "leftAt": "2026-11-22T18:07:22Z",
    "endedAt": "2026-11-22T18:07:22Z",
    "createdAt": "2026-11-22T18:05:09.120000Z",
    "updatedAt": "2026-11-22T18:07:31.480000Z",
    "expiresAt": "2026-11-22T18:15:09.120000Z",
    "at": "2026-11-22T18:05:18Z",
    "Person.id": _USER,
    "Person.name": "Alice Ames",
    "name": "Maria Gonzalez",
    "phone": "+14155550100",
    "CalledContact.id": _CONTACT,
    "NamedContact.id": _CONTACT,
    "possibleContacts": [],  # it is known with whom this call is
    "mode": "on",
    "consent": "none",
    "Leg.id": _LEG,
    "Leg.user": None,
    "party": "contact",
    "Recording.id": _RECORDING,
    "state": "stored",
    "channels": 2,
    "isVoicemail": False,
    "legId": _LEG,
    "kind": "call",
    "Timeline.name": "in-progress",
    "Timeline.duration": None,
    "total": 1,
    "totalCapped": False,
    "page": 1,
    "limit": 20,
    "hasMore": False,
}

# Of an operation, the fields of its request that an example gives.
GIVEN = {"make_call_create": ("clientRequestId", "to"), "call_logs": ("direction", "dateFrom")}


def sample(part: dict[str, Any], name: str = "", owner: str = "") -> Any:
    """What a schema, or the field `name` of a component, may look like, as JSON's types."""
    for key in (f"{owner}.{name}", name):
        if key in VALUES:
            return VALUES[key]
    found, component = resolved(part)
    if "properties" in found:
        return {key: sample(each, key, component) for key, each in found["properties"].items()}
    if "items" in found:
        return [sample(found["items"], "", component)]
    return found.get("example")


def body_of(operation: dict[str, Any]) -> Any:
    """The JSON that an example of a request sends; None when it sends none."""
    media = operation.get("requestBody", {}).get("content", {}).get("application/json")
    if media is None:
        return None
    fields, component = resolved(media["schema"])
    given = GIVEN.get(operation["operationId"], ())
    return {name: sample(fields["properties"][name], name, component) for name in given}


def query_of(operation: dict[str, Any]) -> dict[str, Any]:
    given = GIVEN.get(operation["operationId"], ())
    parameters = {each["name"]: each for each in operation.get("parameters", ())}
    return {name: sample(parameters[name]["schema"], name) for name in given if name in parameters}


def curl(path: str, method: str, operation: dict[str, Any]) -> str:
    """The request as a command of several lines. `TOKEN` and what stands in the path's braces are
    variables of the shell.
    """
    body, query = body_of(operation), urlencode(query_of(operation))
    address = settings.PUBLIC_BASE_URL + path.replace("{", "$").replace("}", "")
    for each in operation.get("parameters", ()):
        address = address.replace(f"${each['name']}", f"${each['name'].upper()}")
    lines = [f'curl -X {method.upper()} "{address}{"?" if query else ""}{query}"']
    lines.append('-H "Authorization: Bearer $TOKEN"')
    if body is not None:
        lines += ['-H "Content-Type: application/json"', f"-d '{json.dumps(body)}'"]
    return " \\\n  ".join(lines)


def answer_of(operation: dict[str, Any]) -> tuple[str, Any]:
    """(status, JSON) of a request that is met; ("", None) when its answer is no JSON."""
    # A dial says 201, and 200 to the same again.
    for status in sorted(operation["responses"], reverse=True):
        media = operation["responses"][status].get("content", {}).get("application/json")
        if status < "300" and media:
            return status, sample(media["schema"])
    return "", None


def written(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False)
