"""Our own look at a signature says yes to nothing that the library refuses."""

from hypothesis import given
from hypothesis import strategies as st
from twilio.request_validator import RequestValidator

from calls.gateway.tokens import is_plainly_signed

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
FORMS = st.dictionaries(TEXT, TEXT, max_size=30)
HOSTS = st.sampled_from(["crm.example.com", "localhost:8000", "crm.example:443", "h:80"])
QUERY = st.text("abz09=&?#;%/ +:@\t\né", max_size=20)
URLS = st.builds(
    "{}://{}{}{}{}".format,
    st.sampled_from(["https", "http", "HTTPS"]),
    HOSTS,
    st.sampled_from(["/", "/api/twilio/call-status"]),
    st.sampled_from(["", "?"]),
    QUERY,
)


@given(URLS, FORMS, st.sampled_from(["as it is", "without", "with", "another", "none"]), st.data())
def test_it_agrees_with_the_library(
    url: str, form: dict[str, str], over: str, data: st.DataObject
) -> None:
    validator = RequestValidator("token")
    signed = {
        "without": url.replace(":8000", "").replace(":443", ""),
        "with": url.replace("crm.example.com", "crm.example.com:443"),
        "another": data.draw(URLS),
    }.get(over, url)
    signature = "" if over == "none" else validator.compute_signature(signed, form)
    if is_plainly_signed("token", url, form, signature):
        assert validator.validate(url, form, signature)
    assert not is_plainly_signed("another token", url, form, signature)


def test_what_twilio_sends_is_told_without_the_library() -> None:
    form = {"CallSid": "CA1", "CallStatus": "ringing", "From": "+14155550100", "Ü": ""}
    for site in ("https://crm.example.com", "http://localhost:8000"):
        url = f"{site}/api/twilio/call-status?leg=1&tenant=2"
        signature = RequestValidator("token").compute_signature(url, form)
        assert is_plainly_signed("token", url, form, signature)
        assert not is_plainly_signed("token", url, form | {"CallStatus": "busy"}, signature)
        assert not is_plainly_signed("token", url + "&x=", form, signature)
