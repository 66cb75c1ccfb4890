"""Every route of the product: whom it is for, what a right request is, what the others hear.

A new route without an entry fails `test_matrix`. Paths and data name ids of the asker's workspace
(`world.Side.ids`) in braces; that is also how the proofs find which of them to replace by another
workspace's.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.contrib import admin
from django.urls import URLPattern, URLResolver, get_resolver

ROLES = ("agent", "supervisor", "admin")
# Who asks, beside the three roles of Acme: nobody; the admin of another workspace; an admin that
# was deactivated; a superuser who has picked Acme, and one who has picked another, in the admin.
ACTORS = ("anonymous", "outsider", "gone", *ROLES, "root", "root_elsewhere")

PUBLIC = frozenset(ACTORS)
MEMBERS, EXPORTERS, ADMINS = frozenset(ROLES), frozenset(ROLES[1:]), frozenset(ROLES[2:])
STAFF, SUPERUSERS = frozenset({"admin", "root"}), frozenset({"root"})
ANY_STAFF = frozenset({"admin", "gone", "root"})
NOBODY: frozenset[str] = frozenset()  # only Twilio, by its signature


@dataclass(frozen=True)
class Send:
    """A right request. `shows` the workspace's marker; `changes` a row of the workspace.

    `wrong` says how a field is answered that is given another workspace's id, if not by the
    general rule: refused with a 4xx, or without any effect.
    """

    status: int = 200
    query: Mapping[str, str] = field(default_factory=dict)
    form: Mapping[str, Any] | None = None
    json: Mapping[str, Any] | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    shows: bool = False
    changes: bool = False
    foreign: int = 0  # of another's object, if not as the kind of route says
    whom: frozenset[str] = frozenset()  # if not all who may see the page
    wrong: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Kind:
    """How a family of routes refuses: who has no session, no workspace, too small a role; what is
    another's; which status any other method has (0: that of GET).
    """

    anonymous: int
    gone: int
    lesser: int
    foreign: int
    other: int
    signs_in_first: bool = False  # so that who may not ask hears that before the method's 405


PAGE = Kind(302, 403, 403, 404, 405)
API = Kind(401, 403, 403, 404, 405, signs_in_first=True)
ADMIN_PAGE = Kind(302, 403, 403, 302, 0, signs_in_first=True)
HOOK = Kind(403, 403, 403, 403, 405)


@dataclass(frozen=True)
class Route:
    path: str
    whom: frozenset[str]
    kind: Kind
    sends: Mapping[str, Send]
    # Of one actor, or of an actor and a method: a status that is not as the kind says.
    but: Mapping[str | tuple[str, str], int] = field(default_factory=dict)
    options: int = 0  # the status of OPTIONS where a class-based view answers it
    other: int = -1  # that of other methods, if not as the kind says; 0: that of GET
    names_all: bool = False  # the page on which a superuser picks one of all workspaces

    def expected(self, actor: str, method: str) -> int:
        """The status for the actor's request on an object of Acme."""
        for key in ((actor, method), actor):
            if key in self.but:
                return self.but[key]
        known = method in self.sends
        if not known and not self.kind.signs_in_first:
            return self._unknown(method)
        if (refusal := self._refusal(actor, method)) is not None:
            return refusal
        if is_elsewhere(actor) and self.has_object and (known or not self._other):
            return (known and self.sends[method].foreign) or self.kind.foreign
        return self.sends[method].status if known else self._unknown(method)

    @property
    def _other(self) -> int:
        return self.kind.other if self.other < 0 else self.other

    def _unknown(self, method: str) -> int:
        if method == "OPTIONS" and self.options:
            return self.options
        return self._other or self.sends.get("GET", Send()).status

    def _refusal(self, actor: str, method: str) -> int | None:
        if self.may(actor, method):
            return None
        if actor == "anonymous":
            return self.kind.anonymous
        if self.kind is ADMIN_PAGE and actor in ("agent", "supervisor"):
            return 302  # they are no staff
        return self.kind.gone if actor == "gone" else self.kind.lesser

    def may(self, actor: str, method: str = "") -> bool:
        """Whether somebody of this role may, in their own workspace."""
        send = self.sends.get(method)
        whom = (send and send.whom) or self.whom
        return {"outsider": "admin", "root_elsewhere": "root"}.get(actor, actor) in whom

    @property
    def has_object(self) -> bool:
        return "{" in self.path


def is_elsewhere(actor: str) -> bool:
    """Whether they work in another workspace than Acme."""
    return actor in ("outsider", "root_elsewhere")


def gets(**options: Any) -> dict[str, Send]:
    return {"GET": Send(**options)}


def posts(form: Mapping[str, Any], status: int = 303, **options: Any) -> dict[str, Send]:
    return {"POST": Send(status=status, form=form, **({"changes": True} | options))}


def page(
    path: str, *sends: Mapping[str, Send], whom: frozenset[str] = MEMBERS, **more: Any
) -> Route:
    return Route(path, whom, PAGE, {k: v for each in sends for k, v in each.items()}, **more)


SHOWS = gets(shows=True)
CONTACT = {
    "name": "New {marker}",
    "company": "",
    "email": "",
    "owner": "{user}",
    "number": "{contact_e164}",
    "label": "desk",
}
OWNED_ELSEWHERE = {"owner": 422}
CAPS = {
    "agent_calls_per_minute": "5",
    "calls_per_minute": "20",
    "agent_calls_at_once": "2",
    "calls_at_once": "10",
    "agent_daily_spend": "10",
    "daily_spend": "50",
    "longest_minutes": "30",
}
TO_BUY = {"number": "+12125550123", "country": "US", "kind": "local"}
LIMITS = {**CAPS, "countries": "DE"}
LINE = {
    "language": "en-US",
    "zone": "Europe/Berlin",
    "week-0": "9–17",
    "greeting_text": "Welcome to {marker}",
    "greeting_sound": "{sound_hex}",
    "closed_says_text": "Closed",
    "closed_says_sound": "",
    "when_open": "group:{group_hex}",
    "when_closed": "voicemail:{box_hex}",
}
GROUP = {
    "name": "Group {marker}",
    "strategy": "everyone",
    "step_seconds": "20",
    "member-{agent_hex}": "1",
    "music_text": "",
    "music_sound": "{sound_hex}",
    "box": "{box_hex}",
    "unanswered": "voicemail:{box_hex}",
    "unanswered_seconds": "60",
    "nobody": "menu:{menu_hex}",
    "full": "",
    "most_waiting": "",
}
# The example of RFC 8291.
BROWSER = {
    "endpoint": "https://fcm.googleapis.com/fcm/send/{marker}",
    "p256dh": "BP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMo"  # pragma: allowlist secret
    "ZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A8",  # pragma: allowlist secret
    "auth": "BTBZMqHH6r4Tts7J_aSIgg",  # pragma: allowlist secret
}
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


def every(status: int = 200) -> dict[str, Send]:
    return {method: Send(status) for method in METHODS}


PAGES = {
    "home": Route("/", PUBLIC, PAGE, every(302)),
    # Whoever is signed in is sent on.
    "sign_in": Route(
        "/sign-in",
        PUBLIC,
        PAGE,
        every(302),
        but={
            ("anonymous", method): 405 if method in ("PATCH", "DELETE") else 200
            for method in METHODS
        },
    ),
    "sign_out": Route("/sign-out", PUBLIC, PAGE, {"POST": Send(302, form={})}, options=200),
    # Whoever has no code to give is sent on.
    "sign_in_code": Route(
        "/sign-in/code", PUBLIC, PAGE, {"GET": Send(302), "POST": Send(302, form={"code": "1"})}
    ),
    "second_factor": Route(
        "/sign-in/second-factor",
        PUBLIC,
        PAGE,
        {"GET": Send(), "POST": Send(422, form={"code": "123456"})},
        but={("anonymous", "GET"): 302, ("anonymous", "POST"): 302},
    ),
    "csrf_token": Route("/csrf-token", PUBLIC, PAGE, gets()),
    "robots": Route("/robots.txt", PUBLIC, PAGE, gets()),
    "well_known_password": Route("/.well-known/change-password", PUBLIC, PAGE, gets(status=302)),
    "change_password": page(
        "/account/password",
        gets(),
        {"POST": Send(422, form={"password": "", "new_password1": "y", "new_password2": "y"})},
        whom=PUBLIC,
        but={("anonymous", "GET"): 302, ("anonymous", "POST"): 302},
    ),
    "account": page(
        "/account",
        gets(),
        {"POST": Send(form={"do": "off", "password": "x", "code": "123456"})},
        whom=PUBLIC,
        but={("anonymous", "GET"): 302, ("anonymous", "POST"): 302},
    ),
    "my_phone": page("/account/phone", gets(), posts({"do": "off"}), whom=MEMBERS),
    # A person's own sessions, and nobody else's: their colleagues' neither.
    "end_session": page(
        "/account/sessions/{session}",
        posts({}),
        whom=frozenset({"agent"}),
        but={(actor, "POST"): 404 for actor in ACTORS if actor not in ("anonymous", "agent")},
    ),
    "end_other_sessions": page(
        "/account/sessions",
        posts({}, changes=False),
        whom=PUBLIC,
        but={("anonymous", "POST"): 302},
    ),
    # A link that is none.
    "set_password": Route("/set-password/x/y", PUBLIC, PAGE, every()),
    "reset_password": Route("/reset-password/x/y", PUBLIC, PAGE, every()),
    # No mail is sent here, nor kept.
    "forgot_password": Route(
        "/forgot-password", PUBLIC, PAGE, gets() | {"POST": Send(form={"email": "x@y.example"})}
    ),
    "mailbox": Route("/mails", PUBLIC, PAGE, gets(status=404)),
    "audit_trail": page("/settings/audit-trail", SHOWS, whom=ADMINS),
    "audit_export": page(
        "/settings/audit-trail/export", gets(shows=True, changes=True), whom=ADMINS
    ),
    "settings": page(
        "/settings",
        SHOWS,
        posts({"name": "Renamed {marker}", "country": "US", "time_zone": "UTC"}),
        whom=ADMINS,
    ),
    "close_notice": page("/notice/close", posts({"text": "Notice of {marker}"}, 302)),
    "close_first_steps": page("/first-steps/close", posts({}, 302)),
    "first_steps": page("/calls/first-steps", gets()),
    "members": page("/settings/members", SHOWS, whom=ADMINS),
    "invite": page(
        "/settings/members/invite",
        posts({"email": "new@example.com", "name": "New", "role": "agent"}, 200, shows=True),
        whom=ADMINS,
    ),
    "change_member": page(
        "/settings/members/{member}", posts({"do": "role", "role": "supervisor"}), whom=ADMINS
    ),
    "contacts": page("/contacts", gets(shows=True, query={"q": "{marker}"})),
    "contact_suggest": page("/contacts/suggest", gets(shows=True, query={"q": "{marker}"})),
    "contacts_export": page("/contacts/export", gets(shows=True, changes=True), whom=EXPORTERS),
    "contacts_import": page(
        "/contacts/import",
        SHOWS,
        posts({"file": "name,phone\nImported,{contact_e164}\n"}),
        whom=EXPORTERS,
    ),
    "contacts_sample": page("/contacts/import/sample", gets(), whom=EXPORTERS),
    "contact_import": page("/contacts/imports/{import}", SHOWS, whom=EXPORTERS),
    "contact_import_change": page(
        "/contacts/imports/{import}/change",
        posts({"does": "begin", "meaning": ["name", "email"], "is_headed": "on"}, 302),
        whom=EXPORTERS,
    ),
    "contact_import_skipped": page(
        "/contacts/imports/{import_done}/skipped",
        gets(shows=True, changes=True),
        whom=EXPORTERS,
    ),
    "contact_alike": page(
        "/contacts/alike", gets(shows=True, query={"number": "{contact_e164}", "of": ""})
    ),
    "contact_new": page("/contacts/new", gets(), posts(CONTACT, wrong=OWNED_ELSEWHERE)),
    "contact_edit": page("/contacts/{contact}/edit", SHOWS, posts(CONTACT, wrong=OWNED_ELSEWHERE)),
    "contact_archive": page("/contacts/{contact}/archive", posts({})),
    "calls": page(
        "/calls", gets(shows=True, query={"agent": "{user}", "contact": "{contact}", "q": ""})
    ),
    "call": page("/calls/{past_call}", SHOWS),
    "choose_contact": page(
        "/calls/{past_call}/contact",
        posts({"contact": "{contact}", "seen": "{archived}"}, wrong={"seen": 303}),
    ),
    "note": page("/calls/{past_call}/note", posts({"notes": "Of {marker}", "seen": ""})),
    "missed_done": page("/calls/missed/done", posts({"call": "{missed_call}"})),
    "block_caller": page("/calls/{missed_call}/block", posts({"note": "Blocked of {marker}"})),
    "heard": page("/recordings/{voicemail}/heard", {"POST": Send(204, form={}, changes=True)}),
    "blocked_callers": page(
        "/settings/blocked-callers", SHOWS, posts({"unblock": "{archived_e164}"}), whom=ADMINS
    ),
    "contact": page("/contacts/{contact}", SHOWS),
    "numbers": page(
        "/settings/numbers",
        SHOWS,
        posts({"do": "point", "number": "{number}"}),
        whom=ADMINS,
    ),
    "search_numbers": page(
        "/settings/numbers/search",
        gets(query={"country": "US", "kind": "local", "area_code": "", "digits": "55"}),
        whom=ADMINS,
    ),
    "buy_number": page(
        "/settings/numbers/buy",
        gets(query=TO_BUY),
        posts({**TO_BUY, "label": "", "address_sid": "", "bundle_sid": ""}),
        whom=ADMINS,
    ),
    "release_number": page(
        "/settings/numbers/{number}/release",
        SHOWS,
        posts({"typed": "0191"}),
        whom=ADMINS,
    ),
    "caller_ids": page(
        "/settings/caller-ids",
        SHOWS,
        posts(
            {"default": "{second_number}", "label-{number}": "A", "label-{second_number}": "B"},
            wrong={"label-{number}": 303, "label-{second_number}": 303},
        ),
        whom=ADMINS,
    ),
    "telephone_account": page(
        "/settings/telephone-account",
        gets(),
        posts({"do": "disconnect"}),
        whom=ADMINS,
    ),
    "lines": page("/settings/lines", SHOWS, whom=ADMINS),
    "line": page("/settings/lines/{line}", SHOWS, whom=ADMINS),
    "line_edit": page("/settings/lines/{line}/edit", SHOWS, posts(LINE), whom=ADMINS),
    "line_closing": page("/settings/lines/{line}/closing", posts({"until": "hour"}), whom=ADMINS),
    "block_new": page(
        "/settings/lines/group/new", SHOWS, posts({**GROUP, "name": "New {marker}"}), whom=ADMINS
    ),
    "block": page("/settings/lines/group/{group}", SHOWS, posts(GROUP), whom=ADMINS),
    "block_remove": page("/settings/lines/voicemail/{spare}/remove", posts({}), whom=ADMINS),
    "sound_new": page(
        "/settings/lines/sounds/new",
        gets(),
        {"POST": Send(422, form={"name": "Sound of {marker}", "file": "no sound"})},
        whom=ADMINS,
    ),
    "sound_page": page(
        "/settings/lines/sounds/{sound}",
        SHOWS,
        posts({"name": "Renamed {marker}", "was": "Sound of {marker}"}),
        whom=ADMINS,
    ),
    "sound_audio": page("/settings/lines/sounds/{sound}/audio", SHOWS, whom=ADMINS),
    "sound_remove": page("/settings/lines/sounds/{unheard}/remove", posts({}), whom=ADMINS),
    "calling_limits": page("/settings/calling-limits", SHOWS, posts(LIMITS), whom=ADMINS),
    "calls_export": page(
        "/calls/export",
        gets(shows=True, changes=True, query={"agent": "{user}", "contact": "{contact}"}),
        whom=EXPORTERS,
    ),
    "dial": page(
        "/calls/dial",
        {
            "POST": Send(
                204,
                form={
                    "contact_id": "{contact}",
                    "to": "{contact_e164}",
                    "from_number_id": "{second_number}",
                },
            )
        },
    ),
    "active_call": page("/calls/active", gets(query={"request": "{request}"})),
    "end_call": page("/calls/end", {"POST": Send(204, form={"request": "{request}"})}),
    "sound_lost": page(
        "/calls/sound-lost",
        {"POST": Send(204, form={"request": "{request}", "number": "1", "ago": "0"})},
    ),
    "extension": page("/calls/extension", {"POST": Send(form={"request": "{request}"})}),
    "rejoin": page("/calls/rejoin", {"POST": Send(204, form={"request": "{request}"})}),
    "availability": page("/calls/availability", posts({"availability": "away"}, 302)),
    "seen": page(
        "/calls/seen", {"POST": Send(204, form={"call": "{past_call}"}, wrong={"call": 204})}
    ),
    "incoming": page("/calls/incoming", gets()),
    "presence": page("/calls/presence", gets(), whom=ADMINS),
    # A call that is over.
    "answer": page("/calls/{past_call}/answer", {"POST": Send(409, form={})}),
    "decline": page("/calls/{past_call}/decline", {"POST": Send(form={})}),
    "knocked": page("/calls/{past_call}/knocked", gets(status=302)),
    "push": page("/calls/push", {"POST": Send(204, form=BROWSER, changes=True)}),
    "live_ticket": page("/calls/live-ticket", {"POST": Send(form={})}),
    "recording": page("/recordings/{recording}", SHOWS),
    "fetch_recording": page("/recordings/{recording}/fetch", {"POST": Send(302, form={})}),
    # An address that we never gave away. One that we did is for whoever has it (`test_sounds`).
    "sound": Route("/sounds/x.y", PUBLIC, PAGE, gets(status=404)),
    "healthz": Route("/healthz", PUBLIC, PAGE, every()),
    "readyz": Route("/readyz", PUBLIC, PAGE, every()),
}


def endpoint(path: str, sends: Mapping[str, Send], **more: Any) -> Route:
    if "GET" in sends:
        sends = {**sends, "HEAD": Send(query=sends["GET"].query)}
    return Route(path, MEMBERS, API, {**sends, "OPTIONS": Send(foreign=200)}, **more)


CALL = {"contactId": "{contact}", "fromNumberId": "{number}", "clientRequestId": "{waiting}"}
ENDPOINTS = {
    "access_token": endpoint("/api/twilio/access-token", {"POST": Send(json={})}),
    "make_call": endpoint(
        "/api/twilio/make-call",
        {"POST": Send(201, json=CALL, shows=True, changes=True)},
        # Their browsers do not wait in this room.
        but={("agent", "POST"): 409, ("supervisor", "POST"): 409},
    ),
    "call_logs": endpoint(
        "/api/twilio/call-logs",
        gets(shows=True, query={"userId": "{user}", "contactId": "{contact}"}),
    ),
    "call_log": endpoint("/api/twilio/call-logs/{past_call}", SHOWS),
}
WEBHOOKS = {
    name: Route(
        f"/api/twilio/{name.replace('_', '-')}",
        NOBODY,
        HOOK,
        {"POST": Send(form={"AccountSid": "{account_sid}"})},
    )
    for name in ("voice_webhook", "voice_fallback", "hold_music", "call_status", "recording_status")
}
DESCRIPTIONS = {
    "api_schema": Route(
        "/api/schema", PUBLIC, API, {m: Send() for m in ("GET", "HEAD", "OPTIONS")}
    ),
    "api_docs": Route("/api/docs", PUBLIC, PAGE, {m: Send() for m in ("GET", "HEAD")}),
    "no_such_endpoint": Route("/api/nothing", PUBLIC, API, every(404)),
}

# --- the admin -------------------------------------------------------------------------------


def staff_page(path: str, *sends: Mapping[str, Send], **more: Any) -> Route:
    whom = more.pop("whom", STAFF)
    made = {key: send for each in sends for key, send in each.items()}
    return Route(f"/admin/{path}", whom, ADMIN_PAGE, made, **more)


ADMIN = {
    "admin:pick_workspace": staff_page(
        "workspace/",
        gets(),
        posts({"workspace": "{tenant}"}, 302),
        whom=SUPERUSERS,
        names_all=True,
        but={"gone": 404, "admin": 404, "outsider": 404},
    ),
    "admin:index": staff_page("", gets(), but={"gone": 200}),
    "admin:login": staff_page(
        "login/", every(302), whom=PUBLIC, but={"agent": 403, "supervisor": 403}
    ),
    "admin:logout": staff_page(
        "logout/",
        posts({}, 302, changes=False, whom=PUBLIC),
        whom=ANY_STAFF,
        other=405,
        options=200,
    ),
    "admin:password_change": staff_page(
        "password_change/",
        {method: Send() for method in ("GET", "HEAD", "POST", "PUT")},
        whom=ANY_STAFF,
        other=405,
        options=200,
    ),
    "admin:password_change_done": staff_page(
        "password_change/done/", gets(), {"HEAD": Send()}, other=405, options=200, whom=ANY_STAFF
    ),
    "admin:autocomplete": staff_page(
        "autocomplete/",
        gets(status=403),
        {"HEAD": Send(403)},
        other=405,
        options=200,
        whom=ANY_STAFF,
    ),
    "admin:jsi18n": staff_page(
        "jsi18n/", gets(), {"HEAD": Send()}, other=405, options=200, whom=ANY_STAFF
    ),
    # No object of ours has a page that the admin knows.
    "admin:view_on_site": staff_page("r/1/x/", gets(status=404), whom=ANY_STAFF),
    "admin:app_list": staff_page("contacts/", gets(shows=False), but={"gone": 404}),
    "admin:*": staff_page("nothing", gets(status=404), whom=ANY_STAFF),
}
ROWS = {
    "numbers-TOTAL_FORMS": "1",
    "numbers-INITIAL_FORMS": "1",
    "numbers-0-id": "{contact_number}",
    "numbers-0-contact": "{contact}",
    "numbers-0-number": "{contact_e164}",
    "numbers-0-label": "desk",
    "numbers-0-position": "0",
}
NO_ROWS = {"numbers-TOTAL_FORMS": "0", "numbers-INITIAL_FORMS": "0"}
WORKSPACE = {"name": "Made {marker}", "country": "US", "time_zone": "UTC"}
YES = {"post": "yes"}


@dataclass(frozen=True)
class Table:
    """A table of the admin: an object's id, who sees it, and what may be posted by whom."""

    key: str
    see: frozenset[str] = STAFF
    add: tuple[frozenset[str], Mapping[str, str]] = (NOBODY, {})
    change: tuple[frozenset[str], Mapping[str, str]] = (NOBODY, {})
    delete: frozenset[str] = NOBODY
    action: Mapping[str, str] = field(default_factory=dict)


TABLES = {
    "tenants_tenant": Table(
        "{tenant}",
        SUPERUSERS,
        (SUPERUSERS, {**WORKSPACE, "slug": "made-here"}),
        (SUPERUSERS, {**WORKSPACE, "slug": "{slug}"}),
    ),
    "tenants_user": Table(
        "{user}", SUPERUSERS, change=(SUPERUSERS, {"email": "{email}", "name": "Renamed {marker}"})
    ),
    "tenants_membership": Table(
        "{member}",
        add=(
            SUPERUSERS,
            {"email": "new@example.com", "name": "New", "role": "agent", "account_is_theirs": "on"},
        ),
        change=(SUPERUSERS, {"role": "supervisor", "is_active": "on"}),
    ),
    "contacts_contact": Table(
        "{contact}",
        STAFF,
        (STAFF, {"name": "Added {marker}", **NO_ROWS}),
        (STAFF, {"name": "Changed {marker}", **ROWS}),
        STAFF,
        {"action": "archive", "_selected_action": "{contact}"},
    ),
    "calls_phonenumber": Table(
        "{number}",
        STAFF,
        (STAFF, {"number": "+14155550180", "label": ""}),
        (STAFF, {"label": "Changed"}),
        STAFF,
        {"action": "use_by_default", "_selected_action": "{second_number}"},
    ),
    "calls_callingpolicy": Table(
        "{policy}", SUPERUSERS, change=(SUPERUSERS, {**CAPS, "countries": "[]"})
    ),
    "calls_callingceiling": Table(
        "{ceiling}",
        SUPERUSERS,
        change=(
            SUPERUSERS,
            {
                **CAPS,
                "refused_countries": "[]",
                "domestic_rate": "0.05",
                "international_rate": "0.5",
                "currency": "USD",
            },
        ),
    ),
    "calls_line": Table("{line}"),
    "calls_group": Table("{group}"),
    "calls_menu": Table("{menu}"),
    "calls_voicemailbox": Table("{box}"),
    "calls_sound": Table("{sound}"),
    "calls_stoppedcall": Table("{stopped}"),
    "calls_calllog": Table("{past_call}"),
    "calls_callleg": Table("{leg}"),
    "calls_callevent": Table("{event}"),
    "calls_recording": Table("{recording}"),
    "calls_unroutedevent": Table("{unrouted}", SUPERUSERS),
}


def _table(name: str, table: Table) -> Iterator[tuple[str, Route]]:
    path, name = name.replace("_", "/", 1), f"admin:{name}"

    def posted(form: Mapping[str, str], whom: frozenset[str]) -> dict[str, Send]:
        return posts(form, 302, whom=whom or frozenset({"nobody"}))

    see, (adds, added), (change, changed) = table.see, table.add, table.change
    action = posted(table.action, see) if table.action else {}
    yield f"{name}_changelist", staff_page(f"{path}/", gets(shows=True), action, whom=see)
    yield (
        f"{name}_add",
        staff_page(f"{path}/add/", gets(), posted(added, adds), whom=adds),
    )
    # The object is looked for before the role is, and another's is not there.
    sought = {} if see == STAFF else {"outsider": 302}
    yield (
        f"{name}_history",
        staff_page(f"{path}/{table.key}/history/", gets(), whom=see, but=sought),
    )
    yield (
        f"{name}_delete",
        staff_page(
            f"{path}/{table.key}/delete/", gets(), posted(YES, table.delete), whom=table.delete
        ),
    )
    yield (
        f"{name}_change",
        staff_page(
            f"{path}/{table.key}/change/", gets(shows=True), posted(changed, change), whom=see
        ),
    )
    yield (
        f"{name}_*",
        staff_page(f"{path}/{table.key}/", gets(status=302), whom=ANY_STAFF, but={"gone": 302}),
    )


ROUTES: dict[str, Route] = {
    **PAGES,
    **ENDPOINTS,
    **WEBHOOKS,
    **DESCRIPTIONS,
    **ADMIN,
    **{key: route for item in TABLES.items() for key, route in _table(*item)},
    "admin:auth_user_password_change": staff_page(
        "tenants/user/{user}/password/",
        gets(),
        posts({"password1": "{marker}-Xy81-long", "password2": "{marker}-Xy81-long"}, 302),
        whom=SUPERUSERS,
        but={"root_elsewhere": 404},
    ),
}


def walk(patterns: Any = None, prefix: str = "", before: str = "") -> Iterator[str]:
    """The name of every route of the resolver; the admin's nameless ones by their place."""
    for pattern in get_resolver().url_patterns if patterns is None else patterns:
        route = before + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            inner = f"{pattern.namespace}:" if pattern.namespace else prefix
            yield from walk(pattern.url_patterns, inner, route)
        elif isinstance(pattern, URLPattern):
            if pattern.name:
                yield prefix + pattern.name
                continue
            place = route.partition("<path:object_id>")[0].removeprefix("admin/").strip("/")
            table = place.replace("/", "_")
            known = {m._meta.label_lower.replace(".", "_") for m in admin.site._registry}
            yield f"{prefix}{table}_*" if table in known else f"{prefix}*"
