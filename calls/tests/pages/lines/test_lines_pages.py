"""Lines and their blocks as admins see and change them: what is kept, what is refused and why."""

import html
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from calls.facts.inbound.hours import ClosedDays, Interval, Opening, is_open
from calls.facts.inbound.plans import Announcement, Go, Strategy, Target
from calls.models import Caller, CallLog, Group, Line, Menu, PhoneNumber, Sound, VoicemailBox
from calls.services.inbound.plans import ensure_line
from calls.tests.builders import an_outbound_call
from calls.tests.pages.lines.conftest import LINES, Office, error_of, fields, told
from tenants.fence.context import tenant_transaction
from tenants.models import AuditEntry, Role
from tenants.people.services import add_member, set_active


def block_path(row: Any, kind: str) -> str:
    return f"{LINES}/{kind}/{row.pk.hex}"


def entries(office: Office, action: str) -> list[dict[str, Any]]:
    with tenant_transaction(office.cast.acme.pk):
        found = AuditEntry.objects.filter(action=action).order_by("at")
        return [entry.details for entry in found]


# --- what is seen ------------------------------------------------------------------------------


def test_the_list_says_of_each_number_whether_it_is_open_and_where_calls_go(
    office: Office,
) -> None:
    page = office.client.get(LINES).content.decode()
    assert "(415) 555-0199" in page and "Group Everyone" in page
    assert re.search(r">Open\s*</span>", page)
    settings = office.client.get("/settings").content.decode()
    assert f'href="{LINES}"' in settings


def test_more_lines_and_blocks_cost_no_more_queries(
    office: Office, django_assert_max_num_queries: Any
) -> None:
    def asked(path: str) -> int:
        with django_assert_max_num_queries(40) as queries:
            assert office.client.get(path).status_code == 200
        return len(queries)

    paths = (LINES, office.path, f"{office.path}/edit", block_path(office.group, "group"))
    before = [asked(path) for path in paths]
    with tenant_transaction(office.cast.acme.pk):
        for serial in range(5):
            number = f"+1415555018{serial}"
            ensure_line(PhoneNumber.objects.create(number=number, account_sid="AC0"))
            Group.objects.create(name=f"{serial}", unanswered="later")
            Menu.objects.create(name=f"{serial}")
            VoicemailBox.objects.create(name=f"{serial}")
    assert [asked(path) for path in paths] == before


def test_a_line_shows_its_whole_plan_and_what_happens_on_sunday_at_ten(office: Office) -> None:
    week = {f"week-{day}": "" for day in range(7)} | {"week-0": "9–17"}
    assert office.save(f"{office.path}/edit", zone="Europe/Berlin", **week).status_code == 303
    page = html.unescape(office.client.get(office.path).content.decode())
    assert "No one answers within 1 minute" in page and ">Voicemail</a>" in page
    assert "Mon 9:00–17:00" in page and "Central European Time" in page
    asked = office.client.get(office.path, {"day": "2026-12-06", "clock": "10:00"})
    told_then = html.unescape(asked.content.decode())
    assert "Sunday 10:00 in Berlin: the line is closed until Monday 9:00." in told_then
    assert "The call goes to voicemail." in told_then
    wrong = office.client.get(office.path, {"day": "soon", "clock": "10:00"})
    assert wrong.status_code == 422 and "Enter a day like" in wrong.content.decode()


def test_the_telephone_of_the_sandbox_is_at_hand_where_there_is_one(
    office: Office, settings: Any
) -> None:
    settings.TWILIO_SANDBOX_URL = ""
    with tenant_transaction(office.cast.acme.pk):
        number = PhoneNumber.objects.get().number
    for url, is_there in (("", False), ("http://127.0.0.1:8700", True)):
        settings.TWILIO_SANDBOX_URL = url
        page = office.client.get(office.path).content.decode()
        assert ("from the telephone" in page) is is_there
        assert (f'href="http://127.0.0.1:8700/#{number}"' in page) is is_there
        calls = office.client.get("/calls").content.decode()
        assert ('href="http://127.0.0.1:8700/"' in calls) is is_there


def test_only_admins_come_here(office: Office) -> None:
    office.client.force_login(office.cast.bob.user)
    assert office.client.get(LINES).status_code == 403
    assert office.client.get(office.path).status_code == 403


# --- a line ------------------------------------------------------------------------------------


def test_a_line_takes_hours_special_days_and_sayings(office: Office) -> None:
    saved = office.save(
        f"{office.path}/edit",
        **{"week-0": "9-12, 1pm-5:30pm", "week-6": ""},
        **{"closed-0-first": "2026-12-24", "closed-0-last": "2026-12-26"},
        **{"closed-0-name": "Christmas", "opening-3-day": "2026-12-27", "opening-3-hours": "10–12"},
        greeting_text="Welcome.",
        closed_says_text="We are closed.",
        language="en-GB",
        when_closed="outside",
        **{"when_closed-number": "(212) 555-0100"},
    )
    assert saved.status_code == 303
    plan = office.plan()
    assert plan.hours.week[0] == (Interval(540, 720), Interval(780, 1050))
    assert plan.hours.week[6] == () and plan.hours.week[1]
    (closed,), (opening,) = plan.hours.closed, plan.hours.openings
    assert isinstance(closed, ClosedDays) and closed.name == "Christmas"
    assert isinstance(opening, Opening) and opening.intervals == (Interval(600, 720),)
    assert plan.greeting == Announcement("Welcome.")
    assert (plan.language, plan.when_closed) == ("en-GB", Target(Go.OUTSIDE, "+12125550100"))
    (changes,) = entries(office, "line_changed")
    assert changes["greeting"] == ["", "Welcome."]
    assert changes["when_closed"] == ["Voicemail", "+12125550100"]


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("week-0", "9–25", "isn’t a time of day"),
        ("week-0", "nine to five", "Write hours like"),
        ("week-1", "9–12, 11–13", "9:00–12:00 and 11:00–13:00 overlap."),
        ("when_open", "", "Choose where calls go while the line is open."),
        ("when_open", f"group:{'0' * 32}", "This is no longer there."),
        ("language", "tlh", "Choose a language."),
        ("zone", "Mars/Olympus", "Choose a time zone."),
        ("greeting_text", "x" * 1001, "at most 1000 characters"),
        ("greeting_sound", "0" * 32, "This is no longer there."),
    ],
)
def test_what_is_wrong_with_a_line_is_said_at_its_field_and_what_was_typed_stays(
    office: Office, field: str, value: str, message: str
) -> None:
    before = office.plan()
    answer = office.save(f"{office.path}/edit", **{field: value, "closed_says_text": "Typed"})
    at = field.replace("_sound", "_text")
    assert message in error_of(answer, at)
    again = fields(answer)
    assert again["closed_says_text"] == "Typed"
    if field.startswith("week"):
        assert again[field] in (value, "9:00–12:00, 11:00–13:00")
    assert office.plan() == before


@pytest.mark.parametrize(
    ("number", "message"),
    [
        ("", "Enter a number"),
        ("911", "mergency numbers"),
        ("12", "too short"),
        ("+1 900 555 0100", "remium"),
    ],
)
def test_an_outside_number_must_be_one_that_may_be_called(
    office: Office, number: str, message: str
) -> None:
    answer = office.save(f"{office.path}/edit", when_open="outside", **{"when_open-number": number})
    assert message in error_of(answer, "when_open")
    assert fields(answer)["when_open-number"] == number


def test_a_line_does_not_lead_to_a_number_of_its_own_workspace(office: Office) -> None:
    """Which could lead back: each time as a call that is paid for."""
    number = office.line.number.number
    answer = office.save(f"{office.path}/edit", when_open="outside", **{"when_open-number": number})
    assert "one of your own numbers" in error_of(answer, "when_open")


def test_a_country_that_the_calling_limits_refuse_is_refused_here_too(office: Office) -> None:
    answer = office.save(
        f"{office.path}/edit", when_open="outside", **{"when_open-number": "+5511955550100"}
    )
    assert "Calls to Brazil are not allowed here." in error_of(answer, "when_open")


def test_rows_are_added_and_removed_and_nothing_else_is_judged(office: Office) -> None:
    typed = office.form(f"{office.path}/edit") | {"week-0": "not yet", "change": "add-closed"}
    answer = office.client.post(f"{office.path}/edit", typed)
    assert answer.status_code == 200
    again = fields(answer)
    assert again["week-0"] == "not yet" and again["closed-0-first"] == ""
    filled = again | {"closed-0-first": "2026-12-24", "change": "add-closed"}
    two = fields(office.client.post(f"{office.path}/edit", filled))
    assert two["closed-0-first"] == "2026-12-24" and two["closed-1-first"] == ""
    one = fields(office.client.post(f"{office.path}/edit", two | {"change": "remove-closed-0"}))
    assert "closed-0-first" not in one and one["closed-1-first"] == ""
    copied = office.client.post(
        f"{office.path}/edit", one | {"week-0": "8–16", "change": "copy-week"}
    )
    assert [fields(copied)[f"week-{day}"] for day in (0, 4, 5)] == ["8–16", "8–16", "all day"]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ({"closed-0-first": "2026-12-26", "closed-0-last": "2026-12-24"}, "before the first"),
        ({"closed-0-first": "", "closed-0-name": "Why"}, "Enter the first day"),
        ({"opening-0-day": "2026-12-26", "opening-0-hours": ""}, "Say from when to when"),
        (
            {"opening-0-day": "2026-12-26", "opening-0-hours": "9-10"}
            | {"opening-1-day": "2026-12-26", "opening-1-hours": "9-10"},
            "opening hours of its own already",
        ),
        ({"closed-0-first": "2926-12-24"}, "Enter a day from 2000 to"),
        ({"closed-0-first": "2026-12-24", "closed-0-last": "9999-12-31"}, "Enter a day from"),
        ({"opening-0-day": "0001-01-01", "opening-0-hours": "9-10"}, "Enter a day from"),
    ],
)
def test_special_days_are_judged_at_their_row(
    office: Office, rows: dict[str, str], message: str
) -> None:
    page = told(office.save(f"{office.path}/edit", **rows))
    assert re.search(rf'class="field-error" id="\w+_[01]_note">[^<]*{message}', page)


@pytest.mark.parametrize("day", ["0001-01-01", "9999-12-31", "2926-01-01"])
def test_no_call_is_told_of_on_a_day_beyond_all_plans(office: Office, day: str) -> None:
    answer = office.client.get(office.path, {"day": day, "clock": "00:00"})
    assert answer.status_code == 422
    assert "Enter a day from 2000 to" in answer.content.decode()


# --- closed by a switch ------------------------------------------------------------------------


def closing(office: Office, **form: str) -> Any:
    page = office.client.get(office.path).content.decode()
    was = re.search(r'name="was" value="([^"]*)"', page)
    assert was
    return office.client.post(f"{office.path}/closing", {"was": was[1], **form})


def test_a_line_is_closed_for_an_hour_and_opened_again(office: Office) -> None:
    assert closing(office, until="hour").status_code == 303
    hours, now = office.plan().hours, timezone.now()
    assert not is_open(hours, now) and is_open(hours, now + timedelta(minutes=61))
    assert "closed by hand" in office.client.get(LINES).content.decode()
    assert closing(office, do="open").status_code == 303
    assert is_open(office.plan().hours, timezone.now())
    assert len(entries(office, "line_closed")) == len(entries(office, "line_opened")) == 1


def test_it_is_closed_until_a_moment_on_the_clock_of_its_own_zone(office: Office) -> None:
    office.save(f"{office.path}/edit", zone="Asia/Tokyo")
    day = (timezone.now() + timedelta(days=30)).date()
    assert closing(office, until="chosen", day=f"{day}", clock="09:00").status_code == 303
    until = office.plan().hours.closed_until
    assert until == datetime(day.year, day.month, day.day, tzinfo=UTC)


@pytest.mark.parametrize(
    ("form", "message"),
    [
        ({"until": "chosen"}, "Enter the day on which it opens again."),
        ({"until": "chosen", "day": "2020-01-01"}, "That is over already."),
        ({"until": "chosen", "day": "2199-01-01"}, "within a year"),
        ({"until": "chosen", "day": "soon"}, "Enter a day like"),
        ({"until": "never"}, "Choose until when."),
    ],
)
def test_a_wrong_moment_is_refused(office: Office, form: dict[str, str], message: str) -> None:
    answer = closing(office, **form)
    assert answer.status_code == 422 and message in html.unescape(answer.content.decode())
    assert office.plan().hours.closed_until is None


def test_who_closes_what_somebody_has_closed_meanwhile_is_told(office: Office) -> None:
    assert closing(office, until="hour").status_code == 303
    first = office.plan().hours.closed_until
    answer = office.client.post(f"{office.path}/closing", {"until": "today", "was": ""})
    assert answer.status_code == 422 and "in the meantime" in answer.content.decode()
    assert office.plan().hours.closed_until == first


# --- groups ------------------------------------------------------------------------------------


def test_a_group_has_members_in_an_order(office: Office) -> None:
    path, cast = block_path(office.group, "group"), office.cast
    alice, bob = cast.alice.user_id.hex, cast.bob.user_id.hex
    shown = office.form(path)
    assert [key for key in shown if key.startswith("member-")] == [
        f"member-{alice}",
        f"member-{bob}",
    ]
    moved = fields(office.client.post(path, shown | {"change": f"up-{bob}"}))
    assert office.client.post(path, moved | {"strategy": "in-order"}).status_code == 303
    group = office.block(Group, "Everyone")
    assert (group.members, group.strategy) == ((bob, alice), Strategy.IN_ORDER)  # type: ignore[union-attr]
    (changes,) = entries(office, "block_changed")
    assert changes["strategy"] == ["everyone", "in-order"] and "members" in changes


def test_who_was_chosen_and_not_added_by_the_button_is_added_all_the_same(office: Office) -> None:
    dana, _ = add_member(office.cast.acme, email="dana@acme.example", role=Role.AGENT, name="Dana")
    with tenant_transaction(office.cast.acme.pk):
        sales = Group.objects.create(name="Sales", unanswered="later")
    path = block_path(sales, "group")
    assert office.save(path, new_member=dana.user_id.hex).status_code == 303
    assert office.block(Group, "Sales").members == (dana.user_id.hex,)  # type: ignore[union-attr]


def test_deactivated_members_are_shown_as_such_and_kept(office: Office) -> None:
    with tenant_transaction(office.cast.acme.pk):
        set_active(office.cast.bob, False)
    path = block_path(office.group, "group")
    assert "Deactivated: not rung" in office.client.get(path).content.decode()
    assert office.save(path, name="All of us").status_code == 303
    assert len(office.block(Group, "All of us").members) == 2  # type: ignore[union-attr]


def test_people_of_another_workspace_are_no_members(office: Office) -> None:
    path, charlie = block_path(office.group, "group"), office.cast.charlie.user_id.hex
    before = office.block(Group, "Everyone")
    assert "not a member here" in told(office.save(path, **{f"member-{charlie}": "1"}))
    assert "Choose a member of your workspace." in told(office.save(path, new_member=charlie))
    assert office.block(Group, "Everyone") == before


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("name", "", "Enter a name."),
        ("name", "Sales", "Another group has this name."),
        ("unanswered", "", "Choose where callers go when no one answers."),
        ("step_seconds", "4", "Enter a number from 5 to 120."),
        ("unanswered_seconds", "soon", "Enter a number from 5 to 3600."),
        ("most_waiting", "0", "Enter a number from 1 to 500, or nothing."),
        ("most_waiting", "3", "Choose where callers go when too many are waiting."),
        ("strategy", "roulette", "Choose one of these."),
        ("box", "0" * 32, "This is no longer there."),
    ],
)
def test_what_is_wrong_with_a_group_is_said_and_what_was_typed_stays(
    office: Office, field: str, value: str, message: str
) -> None:
    with tenant_transaction(office.cast.acme.pk):
        Group.objects.create(name="Sales", unanswered="later")
    before = office.block(Group, "Everyone")
    answer = office.save(block_path(office.group, "group"), **{"music_text": "Typed", field: value})
    page = told(answer)
    assert re.search(rf'class="field-error"[^>]*>{re.escape(message)}', page)
    assert fields(answer)["music_text"] == "Typed"
    assert office.block(Group, "Everyone") == before


def test_a_group_without_members_and_without_a_way_out_is_refused(office: Office) -> None:
    alone = {"name": "Empty", "strategy": "everyone", "step_seconds": "20"}
    answer = office.client.post(f"{LINES}/group/new", alone | {"unanswered_seconds": "60"})
    assert error_of(answer, "unanswered").startswith("No one is in this group.")


def test_callers_are_not_led_in_a_circle_through_a_group_of_another_line(office: Office) -> None:
    """Two lines use the group that the change would make a circle of."""
    with tenant_transaction(office.cast.acme.pk):
        number = PhoneNumber.objects.create(number="+14155550188", account_sid="AC0")
        ensure_line(number)
        second = Group.objects.create(name="Second", unanswered=f"group:{office.group.pk.hex}")
    answer = office.save(block_path(office.group, "group"), unanswered=f"group:{second.pk.hex}")
    assert "Callers would go in a circle: " in told(answer)
    with tenant_transaction(office.cast.acme.pk):
        office.group.refresh_from_db()
    assert office.group.unanswered.startswith("voicemail:")


# --- menus and boxes ---------------------------------------------------------------------------


def menu(**more: str) -> dict[str, str]:
    return {
        "name": "Main",
        "prompt_text": "For sales, press 1.",
        "key-0": "later",
        "no_key": "later",
        "tries": "2",
        "seconds": "5",
    } | more


def test_a_new_menu_can_say_itself_again(office: Office) -> None:
    saved = office.client.post(f"{LINES}/menu/new", menu(**{"key-10": "menu:this"}))
    assert saved.status_code == 303
    made = office.block(Menu, "Main")
    assert dict(made.keys) == {"1": Target(Go.LATER), "*": Target(Go.MENU, made.id)}  # type: ignore[union-attr]
    assert len(entries(office, "block_made")) == 1


@pytest.mark.parametrize(
    ("change", "at", "message"),
    [
        ({"prompt_text": ""}, "prompt_text", "Enter what callers hear"),
        ({"key-0": ""}, "key-0", "Add a key: this menu leads nowhere."),
        ({"key-0": "menu:this"}, "key-0", "All keys lead to menus and back."),
        ({"no_key": ""}, "no_key", "Choose where callers go who press no key."),
        ({"no_key": "menu:this"}, "no_key", "Callers would go in a circle: Main → Main."),
        ({"tries": "9"}, "tries", "Enter a number from 1 to 5."),
    ],
)
def test_a_menu_that_would_lose_a_caller_is_refused(
    office: Office, change: dict[str, str], at: str, message: str
) -> None:
    answer = office.client.post(f"{LINES}/menu/new", menu(**change))
    assert message in error_of(answer, at)
    assert fields(answer)["name"] == "Main"
    with tenant_transaction(office.cast.acme.pk):
        assert not Menu.objects.exists()


def test_a_voicemail_box_needs_a_greeting_and_tells_whom_it_shall(office: Office) -> None:
    path, bob = block_path(office.box, "voicemail"), office.cast.bob.user_id.hex
    assert "before the beep" in error_of(office.save(path, greeting_text=""), "greeting_text")
    assert office.save(path, **{f"tell-{bob}": "1"}, longest_seconds="60").status_code == 303
    box = office.block(VoicemailBox, "Voicemail")
    assert (box.tell, box.longest_seconds) == ((bob,), 60)  # type: ignore[union-attr]
    without = office.form(path)
    del without[f"tell-{bob}"]
    assert office.client.post(path, without).status_code == 303
    assert office.block(VoicemailBox, "Voicemail").tell == ()  # type: ignore[union-attr]


# --- removing ----------------------------------------------------------------------------------


def test_what_is_in_use_is_not_removed_and_says_by_what(office: Office) -> None:
    answer = office.client.post(f"{block_path(office.box, 'voicemail')}/remove")
    page = html.unescape(answer.content.decode())
    assert answer.status_code == 422
    assert "Voicemail is used by the line +14155550199 and group Everyone." in page
    assert "Used by" in office.client.get(block_path(office.box, "voicemail")).content.decode()


def test_what_nothing_uses_is_removed(office: Office) -> None:
    with tenant_transaction(office.cast.acme.pk):
        spare = VoicemailBox.objects.create(name="Spare", greeting_text="Hello")
    path = block_path(spare, "voicemail")
    assert office.client.post(f"{path}/remove").status_code == 303
    assert office.client.get(path).status_code == 404
    assert len(entries(office, "block_removed")) == 1


def test_a_group_in_which_somebody_waits_stays(office: Office) -> None:
    with tenant_transaction(office.cast.acme.pk):
        spare = Group.objects.create(name="Spare", unanswered="later")
        call = an_outbound_call(office.cast.acme, user=office.cast.bob.user)
        Caller.objects.create(call=call, place=f"group:{spare.pk.hex}")
    answer = office.client.post(f"{block_path(spare, 'group')}/remove")
    assert (
        answer.status_code == 422 and "A caller is in Spare right now." in answer.content.decode()
    )


def test_who_has_hung_up_there_holds_nothing_back(office: Office) -> None:
    """Also where the process ended that was to write that they have left."""
    with tenant_transaction(office.cast.acme.pk):
        spare = VoicemailBox.objects.create(name="Spare", greeting_text="Hello.")
        call = an_outbound_call(office.cast.acme, user=office.cast.bob.user)
        CallLog.objects.filter(pk=call.pk).update(ended_at=timezone.now())
        Caller.objects.create(call=call, place=f"voicemail:{spare.pk.hex}")
    assert office.client.post(f"{block_path(spare, 'voicemail')}/remove").status_code == 303


# --- what is made on the way -------------------------------------------------------------------


def test_a_group_is_made_from_where_it_is_chosen_and_nothing_typed_is_lost(office: Office) -> None:
    begun = office.save(f"{office.path}/edit", greeting_text="Typed", when_open="new:group")
    assert begun.status_code == 200 and "New group" in begun.content.decode()
    group = fields(begun) | {"name": "Sales", "unanswered": "new:voicemail"}
    boxed = office.client.post(f"{LINES}/group/new", group)
    box = fields(boxed) | {"name": "Sales box", "greeting_text": "Please speak."}
    saved = office.client.post(f"{LINES}/voicemail/new", box)
    assert saved.status_code == 303 and saved.headers["Location"] == office.path
    sales, plan = office.block(Group, "Sales"), office.plan()
    assert plan.greeting == Announcement("Typed")
    assert plan.when_open == Target(Go.GROUP, sales.id)
    made = office.block(VoicemailBox, "Sales box")
    assert sales.overflow.unanswered == Target(Go.VOICEMAIL, made.id)  # type: ignore[union-attr]


def test_who_goes_back_finds_what_they_typed(office: Office) -> None:
    begun = office.save(f"{office.path}/edit", greeting_text="Typed", when_open="new:menu")
    back = office.client.post(f"{LINES}/menu/new", fields(begun) | {"change": "leave"})
    assert back.status_code == 200
    assert fields(back)["greeting_text"] == "Typed" and fields(back)["when_open"] == ""
    with tenant_transaction(office.cast.acme.pk):
        assert not Menu.objects.exists()


def test_a_new_block_that_is_wrong_keeps_the_form_that_waits(office: Office) -> None:
    begun = office.save(f"{office.path}/edit", greeting_text="Typed", when_open="new:menu")
    wrong = office.client.post(f"{LINES}/menu/new", fields(begun))
    assert "Enter a name." in told(wrong)
    saved = office.client.post(f"{LINES}/menu/new", fields(wrong) | menu())
    assert saved.status_code == 303 and office.plan().greeting == Announcement("Typed")


@pytest.mark.parametrize(
    "drafts",
    [
        "not json",
        "[1]",
        '[{"path": "/"}]',
        "[" * 5000,
        '[{"path": "/nowhere", "field": "x", "data": "", "title": "x"}]',
        '[{"path": "/settings/members/invite", "field": "x", "data": "", "title": "x"}]',
    ],
)
def test_a_draft_that_is_none_of_ours_leads_to_the_list(office: Office, drafts: str) -> None:
    saved = office.client.post(f"{LINES}/menu/new", menu(drafts=drafts))
    assert (saved.status_code, saved.headers["Location"]) == (303, LINES)


# --- two admins --------------------------------------------------------------------------------


@pytest.fixture
def ada(office: Office) -> Client:
    member, _ = add_member(office.cast.acme, email="ada@acme.example", name="Ada", role=Role.ADMIN)
    client = Client()
    client.force_login(member.user)
    return client


def test_two_admins_change_different_parts_of_a_line(office: Office, ada: Client) -> None:
    path = f"{office.path}/edit"
    hers, mine = fields(ada.get(path)), office.form(path)
    first = hers | {"greeting_text": "Hers", "closed-0-first": "2026-12-24"}
    assert ada.post(path, first).status_code == 303
    second = mine | {"week-0": "9–17", "closed-0-first": "2026-12-31"}
    assert office.client.post(path, second).status_code == 303
    plan = office.plan()
    assert plan.greeting == Announcement("Hers") and plan.hours.week[0] == (Interval(540, 1020),)
    assert [each.first.day for each in plan.hours.closed] == [24, 31]


def test_what_both_changed_of_a_line_is_asked(office: Office, ada: Client) -> None:
    path = f"{office.path}/edit"
    hers, mine = fields(ada.get(path)), office.form(path)
    assert ada.post(path, hers | {"week-0": "8–12", "when_closed": "later"}).status_code == 303
    answer = office.client.post(path, mine | {"week-0": "9–17", "greeting_text": "Mine"})
    assert "Someone changed this to “8:00–12:00” in the meantime." in error_of(answer, "week-0")
    assert office.plan().hours.week[0] == (Interval(480, 720),)
    again = fields(answer)
    assert (again["week-0"], again["greeting_text"]) == ("9:00–17:00", "Mine")
    assert again["when_closed"] == "later"
    assert office.client.post(path, again).status_code == 303
    assert office.plan().hours.week[0] == (Interval(540, 1020),)


def test_two_admins_at_one_group(office: Office, ada: Client) -> None:
    path, bob = block_path(office.group, "group"), office.cast.bob.user_id.hex
    hers, mine = fields(ada.get(path)), office.form(path)
    del hers[f"member-{bob}"]
    assert ada.post(path, hers | {"unanswered": "later"}).status_code == 303
    assert office.client.post(path, mine | {"step_seconds": "30"}).status_code == 303
    group = office.block(Group, "Everyone")
    assert bob not in group.members and group.step_seconds == 30  # type: ignore[union-attr]
    answer = office.client.post(path, mine | {"unanswered": f"group:{'0' * 32}"})
    assert answer.status_code == 422
    outside = {"unanswered": "outside", "unanswered-number": "2125550100"}
    said = error_of(office.client.post(path, mine | outside), "unanswered")
    assert said.startswith("Someone changed this to ““Please call later”” in the meantime.")


def test_the_second_of_two_who_remove_and_change_is_told(office: Office, ada: Client) -> None:
    with tenant_transaction(office.cast.acme.pk):
        spare = VoicemailBox.objects.create(name="Spare", greeting_text="Hello")
    path = block_path(spare, "voicemail")
    mine = office.form(path)
    assert ada.post(f"{path}/remove").status_code == 303
    assert office.client.post(path, mine).status_code == 404


def test_sounds_are_offered_of_this_workspace_alone(office: Office) -> None:
    with tenant_transaction(office.cast.borealis.pk):
        theirs = Sound.objects.create(name="Theirs", path="x", content_type="audio/wav", size=1)
        line = ensure_line(PhoneNumber.objects.get())
    page = office.client.get(f"{office.path}/edit").content.decode()
    assert "Theirs" not in page
    answer = office.save(f"{office.path}/edit", greeting_sound=theirs.pk.hex)
    assert error_of(answer, "greeting_text") == "This is no longer there. Choose another."
    assert office.client.get(f"{LINES}/{line.pk}").status_code == 404
    with tenant_transaction(office.cast.acme.pk):
        assert Line.objects.get().greeting_sound_id is None
