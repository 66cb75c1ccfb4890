"""What is wrong with the environment is said at start, and nothing is served before it is right."""

from typing import Any

import pytest
from cryptography.fernet import Fernet

from voip_crm import checks

CREDENTIALS = {
    "TWILIO_ACCOUNT_SID": "AC" + "0" * 32,
    "TWILIO_AUTH_TOKEN": "token",
    "TWILIO_API_KEY_SID": "SK" + "0" * 32,
    "TWILIO_API_KEY_SECRET": "secret",
    "TWILIO_TWIML_APP_SID": "AP" + "0" * 32,
}
POSTGRESQL, SQLITE = "django.db.backends.postgresql", "django.db.backends.sqlite3"


@pytest.fixture
def given(settings: Any) -> Any:
    """Settings of a good production; `given(NAME=value)` changes them."""

    def give(**changed: Any) -> None:
        good = {"DEBUG": False, "PUBLIC_BASE_URL": "https://crm.example", "TWILIO_SANDBOX_URL": ""}
        good |= {"DATABASE_APPLICATION": {"ENGINE": POSTGRESQL}, "DATABASE_OWNER": {}}
        good |= {"RECORDINGS_SENT_BY": "x-accel-redirect"}
        for name, value in (good | CREDENTIALS | changed).items():
            setattr(settings, name, value)

    give()
    return give


def ids() -> list[str | None]:
    return [error.id for error in (*checks.check_twilio(), *checks.check_public_base_url())]


def test_a_good_environment_starts(given: Any) -> None:
    assert ids() == []
    checks.refuse_to_start_on_errors()


def test_missing_credentials_are_named(given: Any, capsys: Any) -> None:
    given(TWILIO_AUTH_TOKEN="", TWILIO_API_KEY_SECRET="")
    assert ids() == ["voip_crm.E001"]
    with pytest.raises(SystemExit) as refusal:
        checks.refuse_to_start_on_errors()
    assert "TWILIO_AUTH_TOKEN, TWILIO_API_KEY_SECRET" in str(refusal.value)
    assert "TWILIO_ACCOUNT_SID" not in str(refusal.value)


@pytest.mark.parametrize(
    "url",
    ["", "crm.example", "ftp://crm.example", "https://", "https://crm.example/app"]
    + ["https://crm.example?x=1", "https://me@crm.example", "https://crm.example:port"],
)
def test_a_malformed_public_address_is_refused(given: Any, url: str) -> None:
    given(PUBLIC_BASE_URL=url)
    assert ids() == ["voip_crm.E002"]


@pytest.mark.parametrize("url", ["http://localhost:8000", "https://crm.example:8443"])
def test_a_public_address_with_a_port_is_right(given: Any, url: str) -> None:
    given(PUBLIC_BASE_URL=url)
    assert ids() == []


@pytest.mark.parametrize("url", ["http://localhost:8000", "https://localhost:8443"])
def test_the_sandbox_is_refused_on_a_public_site_only(given: Any, url: str) -> None:
    given(TWILIO_SANDBOX_URL="http://127.0.0.1:8700")
    assert ids() == ["voip_crm.E003"]
    given(TWILIO_SANDBOX_URL="http://127.0.0.1:8700", PUBLIC_BASE_URL=url)
    assert ids() == []


def test_several_processes_need_redis(given: Any) -> None:
    given(REDIS_URL="")
    checks.refuse_to_start_on_errors()
    with pytest.raises(SystemExit, match=r"E005: REDIS_URL is not set: .* \./run"):
        checks.refuse_to_start_on_errors(several_processes=True, uses_database=False)
    given(REDIS_URL="", DEBUG=True, PUBLIC_BASE_URL="http://localhost:8000")
    checks.refuse_to_start_on_errors(several_processes=True, uses_database=False)
    given(REDIS_URL="redis://127.0.0.1/0")
    checks.refuse_to_start_on_errors(several_processes=True, uses_database=False)


def test_a_server_says_that_the_proxy_should_send_recordings(
    given: Any, caplog: pytest.LogCaptureFixture
) -> None:
    given(REDIS_URL="redis://127.0.0.1/0", RECORDINGS_SENT_BY="x-sendfile")
    checks.refuse_to_start_on_errors(several_processes=True, uses_database=False)
    given(REDIS_URL="redis://127.0.0.1/0", RECORDINGS_SENT_BY="web")
    checks.refuse_to_start_on_errors()  # ./run
    assert not caplog.messages
    checks.refuse_to_start_on_errors(several_processes=True, uses_database=False)
    assert "W001: RECORDINGS_SENT_BY is not set" in caplog.text


def test_a_server_refuses_the_owners_password(given: Any) -> None:
    given(REDIS_URL="redis://127.0.0.1/0", DATABASE_OWNER={"USER": "crm_owner"})
    checks.refuse_to_start_on_errors()  # what is no server may have it: migrate, ./test
    with pytest.raises(SystemExit, match="E009: DATABASE_OWNER_URL is set for a server"):
        checks.refuse_to_start_on_errors(several_processes=True, uses_database=False)


@pytest.mark.parametrize(
    ("only_here", "says"),
    [
        ({"PUBLIC_BASE_URL": "http://{host}"}, "PUBLIC_BASE_URL is plain http"),
        ({"DATABASE_APPLICATION": {"ENGINE": SQLITE}}, "DATABASE_URL is SQLite"),
        ({"DEBUG": True}, "DEBUG is true"),
    ],
)
def test_what_is_for_one_machine_alone_is_refused_on_a_public_site(
    given: Any, only_here: dict[str, Any], says: str
) -> None:
    def start(host: str, **how: bool) -> None:
        url = only_here.get("PUBLIC_BASE_URL", "https://{host}").format(host=host)
        given(REDIS_URL="redis://127.0.0.1/0", **only_here | {"PUBLIC_BASE_URL": url})
        checks.refuse_to_start_on_errors(uses_database=False, **how)

    for host in ("localhost:8000", "127.0.0.1", "[::1]:8000"):
        start(host, several_processes=True)
    with pytest.raises(SystemExit, match=f"^voip_crm.E010: {says} on a public site"):
        start("crm.example", several_processes=True)
    if "DEBUG" in only_here:  # not even in ./run, which may have the others
        with pytest.raises(SystemExit, match="E010"):
            start("crm.example")
    else:
        start("crm.example")


def test_a_sid_of_the_wrong_kind_is_refused(given: Any) -> None:
    given(TWILIO_API_KEY_SID=CREDENTIALS["TWILIO_ACCOUNT_SID"])
    assert ids() == ["voip_crm.E004"]


def test_servers_do_not_start_without_a_good_key(settings: Any) -> None:
    good = Fernet.generate_key().decode()
    settings.SECRETS_KEYS = [good]
    assert checks.check_secrets() == []
    for bad in ([], ["short"], [good, "short"]):
        settings.SECRETS_KEYS = bad
        assert [error.id for error in checks.check_secrets()] == ["voip_crm.E006"]
