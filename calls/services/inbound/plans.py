"""Lines that are there from the beginning, and groups that whoever joins a workspace joins, too."""

from uuid import UUID

from django.db import transaction

from calls.facts.inbound import hours, written
from calls.facts.inbound.plans import Go, Target
from calls.models import Group, GroupMember, Line, PhoneNumber, VoicemailBox
from tenants.fence.context import tenant_transaction
from tenants.models import Membership, Tenant
from tenants.trail import audit
from tenants.trail.audit import Action

EVERYONE, VOICEMAIL = "Everyone", "Voicemail"
GREETING = "Sorry, no one can take your call right now. Please leave a message after the tone."
# The accent in which our own English texts are read out, where it is not the American one.
_ACCENTS = {"GB": "en-GB", "IE": "en-GB", "AU": "en-AU", "NZ": "en-AU", "IN": "en-IN"}


@transaction.atomic
def ensure_line(number: PhoneNumber) -> Line:
    """The number's line. One that has none gets it: open always, it rings everyone, and then takes
    a message. Callers of a workspace's numbers share the group and the box, which are found again
    by their names. Runs within a transaction of the workspace; twice, or at once, does no harm.
    """
    # One at a time in a workspace, so that the group is made once for all its numbers.
    tenant = Tenant.objects.select_for_update(no_key=True).get(pk=number.tenant_id)
    line = Line.objects.filter(number=number).first()
    if line is not None:
        return line
    box, _ = VoicemailBox.objects.get_or_create(
        name=VOICEMAIL, defaults={"greeting_text": GREETING}
    )
    in_box = written.place(Target(Go.VOICEMAIL, box.pk.hex))
    group, is_new = Group.objects.get_or_create(
        name=EVERYONE, defaults={"unanswered": in_box, "box": box, "takes_new_members": True}
    )
    if is_new:
        members = Membership.objects.filter(is_active=True).order_by("created_at", "pk")
        for position, user_id in enumerate(members.values_list("user_id", flat=True)):
            GroupMember.objects.create(group=group, user_id=user_id, position=position)
    line = Line.objects.create(
        number=number,
        language=_ACCENTS.get(tenant.country, "en-US"),
        hours=written.hours_json(hours.always(tenant.time_zone)),
        when_open=written.place(Target(Go.GROUP, group.pk.hex)),
        when_closed=in_box,
    )
    audit.record(Action.LINE_MADE, on=line)
    return line


def ensure_lines(tenant_id: UUID) -> None:
    """Of all the workspace's numbers, for the sweep: one may have come by the admin."""
    with tenant_transaction(tenant_id):
        for number in PhoneNumber.objects.filter(line=None):
            ensure_line(number)


def join_groups(member: Membership) -> None:
    """Who has just become a member comes last in the groups that take new members."""
    for group in Group.objects.filter(takes_new_members=True):
        position = group.members.count()
        GroupMember.objects.get_or_create(
            group=group, user_id=member.user_id, defaults={"position": position}
        )
