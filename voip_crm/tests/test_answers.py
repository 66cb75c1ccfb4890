"""What is answered when the database cannot, and to what is too large."""

import io
import re
import select
import socket
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg.errors
import pytest
from django.db import InternalError, OperationalError, connection
from django.test import Client

from contacts.pages.import_forms import LARGEST_FILE
from voip_crm.answers import FILES, LARGEST_BODY

LOGS = "/api/twilio/call-logs"
PAGES = ["/calls", "/contacts", "/settings"]
AWAY = OperationalError("the connection is lost")


def failing(error: Exception, when: str) -> Callable[..., Any]:
    """A database that fails at each statement with this word."""

    def execute(run: Any, sql: Any, *rest: Any) -> Any:
        if when in str(sql):
            raise error
        return run(sql, *rest)

    return execute


def read_only() -> InternalError:
    error = InternalError("cannot execute UPDATE in a read-only transaction")
    error.__cause__ = psycopg.errors.ReadOnlySqlTransaction()
    return error


@pytest.fixture
def bob(cast: Any, signed_in: Any) -> Client:
    client: Client = signed_in(cast.alice)
    client.raise_request_exception = False
    return client


@pytest.mark.parametrize("when", ["tenants_session", "tenants_user", "calls_calllog"])
def test_a_program_is_told_in_its_own_words_that_the_database_is_away(
    bob: Client, when: str
) -> None:
    with connection.execute_wrapper(failing(AWAY, when)):
        response = bob.get(LOGS)
    assert response.status_code == 503, response.content
    assert response.json()["error"]["code"] == "unavailable"
    assert response.json()["error"]["details"] == {"retryAfter": 5}
    assert response.headers["Retry-After"] == "5"


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize("when", ["tenants_session", "tenants_user", "tenants_membership"])
def test_a_person_is_told_on_a_page(bob: Client, path: str, when: str) -> None:
    with connection.execute_wrapper(failing(AWAY, when)):
        response = bob.get(path)
    assert response.status_code == 503, response.content
    assert "We can’t answer right now" in response.content.decode()
    assert response.headers["Retry-After"] == "5"


def test_a_session_that_cannot_be_saved_is_no_fault_of_the_person(bob: Client) -> None:
    """A read-only database, as behind a failover: pages save the session now and then."""
    session = bob.session
    session["seen_at"] = 0
    session.save()
    with connection.execute_wrapper(failing(read_only(), 'UPDATE "tenants_session"')):
        page, answer = bob.get("/calls"), bob.get(LOGS)
    assert (page.status_code, answer.status_code) == (503, 503)
    assert answer.json()["error"]["code"] == "unavailable"


def test_what_cannot_be_written_is_told_the_same_way(bob: Client) -> None:
    with connection.execute_wrapper(failing(read_only(), "INSERT INTO")):
        response = bob.post("/contacts/new", {"name": "Zoe"})
    assert response.status_code == 503


def test_a_fault_of_ours_stays_one(bob: Client) -> None:
    with connection.execute_wrapper(failing(ZeroDivisionError(), "calls_calllog")):
        page, answer = bob.get("/calls"), bob.get(LOGS)
    assert (page.status_code, answer.status_code) == (500, 500)
    assert answer.json()["error"]["code"] == "internal_error"
    assert "ZeroDivision" not in answer.content.decode()


def test_readiness_asks_nobody_who_asks(bob: Client) -> None:
    with connection.execute_wrapper(failing(AWAY, "")):
        response = bob.get("/readyz")
        assert bob.get("/healthz").status_code == 200
    assert (response.status_code, response.json()["database"]) == (503, False)


class Unread(io.BytesIO):
    """A body that must not be read."""

    is_read = False

    def read(self, *_: Any) -> bytes:
        self.is_read = True
        return b""

    readline = read


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("path", "length"),
    [("/sign-in", 300 * 1024**2), (LOGS, 3 * 1024**2), ("/contacts/import", LARGEST_BODY + 1)],
)
def test_what_is_too_large_is_not_read(client: Client, path: str, length: int) -> None:
    body = Unread()
    response = client.generic(
        "POST",
        path,
        content_type="multipart/form-data; boundary=x",
        CONTENT_LENGTH=str(length),
        **{"wsgi.input": body},  # type: ignore[arg-type]  # of the environment
    )
    assert response.status_code == 413 and not body.is_read
    if path == LOGS:
        assert response.json()["error"]["code"] == "too_large"


def test_a_file_that_is_a_little_too_large_is_told_of_at_its_field(bob: Client) -> None:
    from django.core.files.uploadedfile import SimpleUploadedFile

    file = SimpleUploadedFile("people.csv", b"name\n" + b"x" * LARGEST_FILE)
    response = bob.post("/contacts/import", {"file": file})
    assert response.status_code == 422
    assert "larger than 50 MB" in response.content.decode()


@pytest.mark.parametrize("how", ["announced", "in chunks"])
def test_what_is_too_large_is_not_kept_by_a_server_of_asgi_either(how: str, site: Any) -> None:
    """It stops reading long before the end; and is there for the next one."""
    piece, length = b"x" * 65536, 300 * 1024**2
    server = urlsplit(site.url)
    says = "Transfer-Encoding: chunked" if how == "in chunks" else f"Content-Length: {length}"
    head = f"POST /sign-in HTTP/1.1\r\nHost: {server.netloc}\r\n{says}\r\n\r\n"
    sent = 0
    with socket.create_connection((server.hostname or "", server.port or 0), 30) as connection:
        connection.sendall(head.encode())
        answered = False
        while not answered and sent < length:
            part = b"%x\r\n%b\r\n" % (len(piece), piece) if how == "in chunks" else piece
            connection.sendall(part)
            sent += len(piece)
            answered = bool(select.select([connection], [], [], 0)[0])
        assert connection.recv(100).startswith(b"HTTP/1.1 413 ")
    assert sent < length / 2
    with urllib.request.urlopen(f"{site.url}/sign-in", timeout=30) as page:
        assert page.status == 200


@pytest.mark.parametrize("example", ["nginx.conf", "Caddyfile"])
def test_the_proxies_of_the_examples_let_files_through(example: str) -> None:
    text = (Path(__file__).resolve().parents[2] / "docs" / example).read_text()
    first, *others = FILES
    of_files = re.search(rf"(?:location|@files).*{first[1:]}.*", text)
    assert of_files and all(path[1:] in of_files[0] for path in others)
    place = text[of_files.end() :]
    most = re.search(r"(?:client_max_body_size|max_size) (\d+)(?:m|MiB)\b", place)
    assert most and int(most[1]) * 1024 * 1024 >= LARGEST_BODY
