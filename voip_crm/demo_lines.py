"""The lines of the demo. Acme's rings everyone at any hour but on holidays, so that whoever tries
it is answered; groups and a menu are at hand for a larger plan.
"""

from dataclasses import replace
from datetime import date

from django.utils import timezone

from calls.facts.inbound.hours import ClosedDays, Interval, Opening, always
from calls.facts.inbound.plans import (
    LATER,
    Announcement,
    Box,
    Go,
    Group,
    Menu,
    Overflow,
    Strategy,
    Target,
)
from calls.models import PhoneNumber
from calls.selectors.plans import plan_of
from calls.services.inbound import saving
from calls.services.inbound.plans import ensure_line
from tenants.fence.context import tenant_transaction
from tenants.models import Membership, Tenant


def lay(tenant: Tenant) -> None:
    """Each of the workspace's numbers gets its line."""
    with tenant_transaction(tenant.pk):
        for number in PhoneNumber.objects.all():
            ensure_line(number)


def furnish(tenant: Tenant, agents: list[Membership]) -> None:
    """All kinds of blocks, and holidays for the workspace's first number, after `lay`."""
    with tenant_transaction(tenant.pk):
        saving.lock(tenant.pk)
        line = ensure_line(PhoneNumber.objects.all()[0])
        everyone = plan_of(line).when_open
        who = tuple(agent.user_id.hex for agent in agents)
        box = Box(
            saving.new_id(),
            "Front desk",
            Announcement(
                f"This is {tenant.name}. Please leave your name and number after the tone."
            ),
            longest_seconds=120,
            tell=who[:1],
        )
        to_box = Target(Go.VOICEMAIL, box.id)
        sales = Group(
            saving.new_id(),
            "Sales",
            who,
            Overflow(to_box, 45, nobody=to_box, most_waiting=5, full=LATER),
            Strategy.OWNER_FIRST,
            callback=True,
            box=box.id,
        )
        support = Group(
            saving.new_id(), "Support", who[::-1], Overflow(to_box, 90), Strategy.LONGEST_IDLE
        )
        menu_id = saving.new_id()
        menu = Menu(
            menu_id,
            "Main",
            Announcement(
                "For sales, press 1. For support, press 2. To hear this again, press star."
            ),
            (
                ("1", Target(Go.GROUP, sales.id)),
                ("2", Target(Go.GROUP, support.id)),
                ("*", Target(Go.MENU, menu_id)),
            ),
            no_key=everyone,
        )
        for block in (box, sales, support, menu):
            saving.save_block(block)
        summer = timezone.now().year + 1  # far enough away for a demo
        plan = replace(
            plan_of(line),
            hours=replace(
                always(tenant.time_zone),
                closed=(ClosedDays(date(summer, 7, 1), date(summer, 7, 4), "Summer break"),),
                openings=(Opening(date(summer, 7, 2), (Interval(9 * 60, 13 * 60),), "Sale"),),
            ),
            closed_says=Announcement(f"{tenant.name} is closed right now."),
            when_closed=to_box,
        )
        saving.save_line(line, plan)
