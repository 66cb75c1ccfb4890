"""Each index and each key of our tables, and why it is there: every write pays for all of them.

What is there the database itself tells: PostgreSQL, which the tests use, and an SQLite file that is
made by the same migrations, as `./run` does.
"""

import os
import sqlite3
import subprocess
import sys
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db import connection

from tenants.fence.scoping import tenant_models
from voip_crm.tests import harness, suite
from voip_crm.tests.catalog import Catalog, postgresql, sqlite

pytestmark = pytest.mark.django_db

# Every tenant table has it, whether a fence leads there yet or not.
TARGET = "for a fence to lead to; all rows of a workspace"
SWEPT = "what the sweep asks each half minute"
# Beside it the field has no key of its own, nor the tenant where the field is never empty.
FENCE = "the fence"
OF_TENANT = "its workspace exists"
PLAYED = "whether a sound is in use"

# By table; a generated name without its hash, a key as what leads where. Every table has its
# primary key besides, and the join tables that Django makes for a person's permissions are its own.
REASONS = {
    "tenants_tenant": {
        "tenant_slug_once": "commands name a workspace by it",
        "tenant_clerk_org_once": "one workspace of an organisation",
    },
    "tenants_user": {
        "user_email_once": "sign-in",
        "user_clerk_id_once": "sign-in by Clerk",
    },
    "tenants_session": {
        "tenants_session_expire_date": "what has expired goes",
        "session_of_person": "where somebody is signed in, the latest first",
    },
    "tenants_membership": {
        "tenants_membership_fenced": TARGET,
        "tenants_membership_once": "what the fence of a person leads to",
        "tenants_membership_user_id": "a person's workspaces, before one is known",
        "tenant_id → tenants_tenant": OF_TENANT,
        "user_id → tenants_user": "the person exists; every fence of a person relies on it",
    },
    "tenants_auditentry": {
        "tenants_auditentry_fenced": TARGET,
        "audit_trail": "the trail, page by page",
        "audit_trail_person": "… of one person",
        "audit_trail_action": "… of one kind",
        "tenant_id → tenants_tenant": OF_TENANT,
    },
    "contacts_contact": {
        "contacts_contact_fenced": TARGET,
        "contact_by_name": "the list, page by page",
        "contact_archived": "the list of the archive",
        "contact_by_email": "imports know people again",
        "contact_owned": "the list of a member's contacts",
        "tenant_id → tenants_tenant": OF_TENANT,
        "tenant_id, owner_id → tenants_membership": FENCE,
    },
    "contacts_contactimport": {
        "contacts_contactimport_fenced": TARGET,
        "contact_imports": "the latest files",
        "contact_imports_under_way": "what the sweep takes up again",
        "tenant_id → tenants_tenant": OF_TENANT,
    },
    "contacts_contactimportpart": {
        "contacts_contactimportpart_fenced": TARGET,
        "import_part": "the parts of a file, in their order",
        "tenant_id, file_id → contacts_contactimport": FENCE,
    },
    "contacts_contactimportpiece": {
        "contacts_contactimportpiece_fenced": TARGET,
        "import_piece": "the pieces of a file, in their order",
        "tenant_id, file_id → contacts_contactimport": FENCE,
    },
    "contacts_contactnumber": {
        "contacts_contactnumber_fenced": TARGET,
        "contact_number_once": "a contact's numbers, each once",
        "contact_by_number": "who calls; imports know people again",
        "tenant_id, contact_id → contacts_contact": FENCE,
    },
    "contacts_contacttoken": {
        "contacts_contacttoken_fenced": TARGET,
        "contact_found": "search by the beginning of a word, in its order",
        "contact_token_once": "a contact's tokens: the other words of a search; when it changes",
        "tenant_id, contact_id → contacts_contact": FENCE,
    },
    "calls_ownaccount": {
        "calls_ownaccount_fenced": TARGET,
        "own_account_once": "an account is of one workspace",
        "own_account_in_use": "one account at a time",
        "tenant_id → tenants_tenant": OF_TENANT,
    },
    "calls_numberorder": {
        "calls_numberorder_fenced": TARGET,
        "number_order_once": "two presses buy one number",
        "tenant_id → tenants_tenant": OF_TENANT,
    },
    "calls_phonenumber": {
        "calls_phonenumber_fenced": TARGET,
        "phone_number_once": "a number is of one workspace",
        "tenant_id → tenants_tenant": OF_TENANT,
    },
    "calls_conference": {
        "calls_conference_fenced": TARGET,
        "conference_once": "a wish to call is one room; an agent's rooms",
        "conference_look": SWEPT,
        "tenant_id → tenants_tenant": "its workspace exists: it may have no agent yet",
        "tenant_id, agent_id → tenants_membership": FENCE,
    },
    "calls_callleg": {
        "calls_callleg_fenced": TARGET,
        "leg_sid_once": "a webhook names its leg",
        "leg_of_agent": "how often an agent's browser connects; a member's legs",
        "calls_callleg_conference_id": "the legs of a room, with each webhook",
        "tenant_id, conference_id → calls_conference": FENCE,
        "tenant_id, user_id → tenants_membership": FENCE,
    },
    "calls_callevent": {
        "calls_callevent_fenced": TARGET,
        "call_event_once": "a webhook that comes twice is stored once",
        "calls_callevent_conference_id": "the events of a room, with each webhook",
        "calls_callevent_leg_id": "a leg's events, when it goes with its workspace",
        "tenant_id, conference_id → calls_conference": FENCE,
        "tenant_id, leg_id → calls_callleg": FENCE,
    },
    "calls_calllog": {
        "calls_calllog_fenced": TARGET,
        "call_sid_once": "a call of Twilio's is one row",
        "calls_calllog_conference_id_key": "the call of a room",
        "call_history": "the history, page by page; the limits",
        "call_history_direction": "… of one direction",
        "call_history_outcome": "… of one outcome",
        "call_history_recorded": "… of calls with a recording, and of those without one",
        "call_history_agent": "… of one agent; a member's calls",
        "call_history_contact": "… of one contact; its calls, when it goes",
        "call_history_to": "… of one number that was called",
        "call_history_from": "… of one number that called",
        "call_history_missed": "… of calls that were missed",
        "call_to_return": "how many have missed nobody called back; those of a number",
        "call_to_return_newest": "the history of those",
        "call_noted_by": "a member's, of those calls of which they wrote the note",
        "call_open": "the calls under way: the limits before each call, the panel, the history",
        "tenant_id → tenants_tenant": "its workspace exists: each of its fences may lead nowhere",
        "tenant_id, conference_id → calls_conference": FENCE,
        "tenant_id, contact_id → contacts_contact": FENCE,
        "tenant_id, notes_by_id → tenants_membership": FENCE,
        "tenant_id, user_id → tenants_membership": FENCE,
    },
    "calls_possiblecontact": {
        "calls_possiblecontact_fenced": TARGET,
        "possible_contact_once": "whom a call may be with, each once",
        "possible_contact_of": "calls that may be with a contact: the search; when it goes",
        "tenant_id, call_id → calls_calllog": FENCE,
        "tenant_id, contact_id → contacts_contact": FENCE,
    },
    "calls_recording": {
        "calls_recording_fenced": TARGET,
        "recording_sid_once": "a recording of Twilio's is one row",
        "recording_waiting": SWEPT,
        "calls_recording_call_id": "the recordings of a call",
        "recording_heard": "a member's, of those messages that were heard",
        "recording_to_tell": SWEPT,
        "tenant_id, call_id → calls_calllog": FENCE,
        "tenant_id, heard_by_id → tenants_membership": FENCE,
    },
    "calls_sound": {
        "calls_sound_fenced": TARGET,
        "tenant_id → tenants_tenant": OF_TENANT,
    },
    "calls_voicemailbox": {
        "calls_voicemailbox_fenced": TARGET,
        "voicemail_box_once": "a name is of one box",
        "calls_voicemailbox_greeting_sound_id": PLAYED,
        "tenant_id → tenants_tenant": OF_TENANT,
        "tenant_id, greeting_sound_id → calls_sound": FENCE,
    },
    "calls_voicemaillistener": {
        "calls_voicemaillistener_fenced": TARGET,
        "voicemail_listener_once": "the listeners of a box, each once",
        "voicemail_listener_of": "a member's boxes",
        "tenant_id, box_id → calls_voicemailbox": FENCE,
        "tenant_id, user_id → tenants_membership": FENCE,
    },
    "calls_menu": {
        "calls_menu_fenced": TARGET,
        "menu_once": "a name is of one menu",
        "calls_menu_prompt_sound_id": PLAYED,
        "tenant_id → tenants_tenant": OF_TENANT,
        "tenant_id, prompt_sound_id → calls_sound": FENCE,
    },
    "calls_group": {
        "calls_group_fenced": TARGET,
        "group_once": "a name is of one group",
        "group_look": SWEPT,
        "calls_group_music_sound_id": PLAYED,
        "calls_group_box_id": "whether a box is in use",
        "tenant_id → tenants_tenant": OF_TENANT,
        "tenant_id, music_sound_id → calls_sound": FENCE,
        "tenant_id, box_id → calls_voicemailbox": FENCE,
    },
    "calls_groupmember": {
        "calls_groupmember_fenced": TARGET,
        "group_member_once": "the members of a group, each once",
        "group_member_of": "an agent's groups",
        "tenant_id, group_id → calls_group": FENCE,
        "tenant_id, user_id → tenants_membership": FENCE,
    },
    "calls_line": {
        "calls_line_fenced": TARGET,
        "calls_line_number_id_key": "a number has one plan",
        "calls_line_greeting_sound_id": PLAYED,
        "calls_line_closed_sound_id": PLAYED,
        "tenant_id, number_id → calls_phonenumber": FENCE,
        "tenant_id, greeting_sound_id → calls_sound": FENCE,
        "tenant_id, closed_sound_id → calls_sound": FENCE,
    },
    "calls_blockedcaller": {
        "calls_blockedcaller_fenced": TARGET,
        "blocked_caller_once": "whether a caller is blocked",
        "tenant_id → tenants_tenant": OF_TENANT,
    },
    "calls_caller": {
        "calls_caller_fenced": TARGET,
        "calls_caller_call_id_key": "where a call is on its way",
        "caller_waiting": "who waits in a group",
        "caller_led_on": SWEPT,
        "tenant_id, call_id → calls_calllog": FENCE,
    },
    "calls_offer": {
        "calls_offer_fenced": TARGET,
        "offer_open_once": "a caller rings once at an agent",
        "offer_of_caller": "a caller's offers, oldest first",
        "offer_of_agent": "what rings at an agent; a member's offers",
        "tenant_id, caller_id → calls_caller": FENCE,
        "tenant_id, user_id → tenants_membership": FENCE,
    },
    "calls_agentavailability": {
        "calls_agentavailability_fenced": TARGET,
        "agent_availability_once": "one row of a member",
        "tenant_id, user_id → tenants_membership": FENCE,
    },
    "calls_pushsubscription": {
        "calls_pushsubscription_fenced": TARGET,
        "push_subscription_once": "a member's browsers, each session's once",
        "tenant_id, user_id → tenants_membership": FENCE,
    },
    "calls_ownphone": {
        "calls_ownphone_fenced": TARGET,
        "own_phone_once": "one phone of a member",
        "tenant_id, user_id → tenants_membership": FENCE,
    },
    "calls_codecall": {
        "calls_codecall_fenced": TARGET,
        "code_call_lately": "how often an agent had phones called with a code; a member’s calls",
        "tenant_id, user_id → tenants_membership": FENCE,
    },
    "calls_phonering": {
        "calls_phonering_fenced": TARGET,
        "calls_phonering_offer_id_key": "an offer rings a phone once",
        "ring_at_once": "a phone rings for one caller at a time; what is to be done now",
        "ring_of_agent": "a member’s rings",
        "ring_open": SWEPT,
        "ring_answered": "what talks on agents’ phones have cost today",
        "tenant_id, offer_id → calls_offer": FENCE,
        "tenant_id, user_id → tenants_membership": FENCE,
    },
    "calls_callingpolicy": {
        "calls_callingpolicy_fenced": TARGET,
        "calling_policy_once": "one row of a workspace",
        "tenant_id → tenants_tenant": OF_TENANT,
    },
    "calls_callingceiling": {
        "calls_callingceiling_fenced": TARGET,
        "calling_ceiling_once": "one row of a workspace",
        "tenant_id → tenants_tenant": OF_TENANT,
    },
    "calls_hoursum": {
        "calls_hoursum_fenced": TARGET,
        "hour_sum_once": "one row of an hour, which a call is added to as it ends",
        "tenant_id → tenants_tenant": OF_TENANT,
    },
    "calls_stoppedcall": {
        "calls_stoppedcall_fenced": TARGET,
        "stopped_call_once": "one row an hour; a member's rows",
        "stopped_call_latest": "the newest first",
        "tenant_id, user_id → tenants_membership": FENCE,
    },
    "calls_unroutedevent": {
        "unrouted_event_once": "a webhook that comes twice is kept once",
        "unrouted_due": "the sweep hears again what speaks of a workspace, longest due first",
    },
}
# What Django makes beside a key that is a text, for LIKE; the key is its, and nothing asks so.
FOR_LIKE = {"postgresql": {"tenants_session": ["tenants_session_session_key_5cd19f3d_like"]}}


@pytest.fixture(scope="module")
def sqlite_file(tmp_path_factory: Any) -> Path:
    file: Path = tmp_path_factory.mktemp("catalog") / "db.sqlite3"
    if not harness.copy_migrated(file):
        subprocess.run(
            [sys.executable, "manage.py", "migrate", "--verbosity=0"],
            cwd=settings.BASE_DIR,
            env=os.environ | suite.on_sqlite(file),
            check=True,
        )
    return file


@pytest.fixture(params=["postgresql", "sqlite"])
def catalog(request: Any) -> Catalog:
    if request.param == "sqlite":
        return sqlite(request.getfixturevalue("sqlite_file"))
    if connection.vendor != "postgresql":
        pytest.skip("the tests use SQLite: use ./test")
    return postgresql()


def test_each_index_and_each_key_is_there_for_a_reason(catalog: Catalog, request: Any) -> None:
    extra = FOR_LIKE.get(request.node.callspec.params["catalog"], {})
    there = {
        table: sorted([*(index.name for index in found.indexes), *(key.name for key in found.keys)])
        for table, found in catalog.items()
    }
    assert there == {
        table: sorted([*reasons, *extra.get(table, [])]) for table, reasons in REASONS.items()
    }


def test_no_index_is_the_beginning_of_another(catalog: Catalog) -> None:
    """It would serve nothing that the longer one, or the unique one, does not.

    That is why unique texts are a `UniqueConstraint`: PostgreSQL would get a second index of a
    `unique=True`, for LIKE, which nothing here asks.
    """
    spare = [
        index.name
        for table in catalog.values()
        for index in table.indexes
        for other in table.indexes
        if other is not index
        and other.columns[: len(index.columns)] == index.columns
        and not (index.is_unique or index.condition or other.condition)
    ]
    assert spare == []


def test_no_key_is_implied_by_a_fence(catalog: Catalog) -> None:
    """A fence is asked when none of its columns is empty; then it holds what a key of one would."""
    implied = [
        f"{name}: {key.name}"
        for name, table in catalog.items()
        for key in table.keys
        for fence in table.keys
        if set(key.columns) < set(fence.columns)
        and set(fence.columns) - set(key.columns) <= table.required
    ]
    assert implied == []


def test_each_row_of_a_workspace_is_held_to_it(catalog: Catalog) -> None:
    """By keys that no empty column suspends, from table to table, to the workspace itself."""

    def is_held(name: str) -> bool:
        table = catalog[name]
        return any(
            key.target == "tenants_tenant" or is_held(key.target)
            for key in table.keys
            if key.is_of_tenant() and set(key.columns) <= table.required
        )

    tables = [model._meta.db_table for model in tenant_models()]
    assert [name for name in tables if not is_held(name)] == []


def test_what_goes_is_found_by_an_index_wherever_a_key_leads_to_it(catalog: Catalog) -> None:
    """The database asks each table that leads to a row, before that row may go."""
    unfound = [
        f"{name}: {key.name}"
        for name, table in catalog.items()
        for key in table.keys
        if not table.is_found(key)
    ]
    assert unfound == []


def test_sqlite_keeps_the_triggers_when_it_makes_a_table_anew(sqlite_file: Path) -> None:
    """It does so whenever a column changes; keys and indexes are compared above."""
    with closing(sqlite3.connect(sqlite_file)) as database:
        triggers = database.execute("SELECT tbl_name FROM sqlite_master WHERE type = 'trigger'")
        found = Counter(table for (table,) in triggers)
    # Of UPDATE and DELETE; of INSERT, too, where others than the table are kept up to date.
    assert found == {"tenants_auditentry": 2, "calls_calllog": 3, "calls_recording": 3}
