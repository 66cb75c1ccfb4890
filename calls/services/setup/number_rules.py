"""What the doctor makes of numbers. Pure: facts in, findings out."""

from dataclasses import asdict

from calls.facts.numbers import Leads
from calls.gateway import NumberFacts, NumberSettings
from calls.services.setup.findings import Finding, Verdict

RIGHT, WRONG, UNKNOWN = Verdict.RIGHT, Verdict.WRONG, Verdict.UNKNOWN


def judge_number(
    workspace: str, number: str, found: NumberFacts | None, *, is_noted: bool
) -> Finding:
    """Whether calls can be made from it. `is_noted`: our row names the same account and SID."""
    if found is None:
        says = f"{workspace}: the account does not own {number}."
        why = "Twilio refuses it as caller ID (21210), so calls from it fail."
        do = f"Buy or move it, or manage.py release_number {workspace} {number} --yes."
        return Finding("number", WRONG, says, why, do)
    if not found.can_call:
        says = f"{workspace}: {number} cannot make voice calls."
        do = "Use a number with the voice capability."
        return Finding("number", WRONG, says, "Twilio refuses it as caller ID.", do)
    if not is_noted:
        says = f"{workspace}: {number} is noted under another account or SID than {found.sid}."
        why = "The dialer offers only numbers that are noted under the account in use."
        return Finding("number", WRONG, says, why, "Note it anew.")
    return Finding("number", RIGHT, f"{workspace}: {number} can be called from.")


def judge_callers(
    workspace: str, found: NumberFacts, wanted: NumberSettings, leads: Leads
) -> Finding:
    """Whom the number's callers reach: voice URL, fallback and status callback."""
    number, do = found.number, f"manage.py point_number {workspace} {found.number}"
    if leads is Leads.HERE:
        says = f"{workspace}: who calls {number} reaches the workspace."
        return Finding("callers", RIGHT, says)
    if leads is Leads.ELSEWHERE:
        # It may be meant so: nothing takes it away from there unasked.
        says = f"{workspace}: who calls {number} reaches {found.target}, not this site."
        return Finding("callers", UNKNOWN, says, do=f"If they should come here: {do}")
    if leads is Leads.PARTLY:
        have, want = asdict(found.settings), asdict(wanted)
        wrong = [f"{name} is “{have[name]}”" for name in want if have[name] != want[name]]
        says = f"{workspace}: {number} leads here, but {'; '.join(wrong)}."
        why = "Calls would be lost when this site is away, or their end would not be told."
    else:
        whom = "nothing" if leads is Leads.NOWHERE else "another workspace"
        says = f"{workspace}: who calls {number} reaches {whom}."
        why = "People who call back the number they saw reach no one there."
    return Finding("callers", WRONG, says, why, do)


def judge_no_number(workspace: str) -> Finding:
    return Finding(
        "number",
        WRONG,
        f"{workspace} has no number.",
        "Its people cannot call: there is no caller ID.",
        f"manage.py assign_number {workspace} +…, or buy_number",
    )
