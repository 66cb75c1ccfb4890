"""What the forms of a workspace's plans can choose from."""

from calls.facts import limits as rules
from calls.models import Group, Menu, PhoneNumber, Sound, VoicemailBox
from calls.pages.lines.fields import Offered, Person
from calls.selectors import limits
from contacts.numbers import country_of
from tenants.bricks.places import countries
from tenants.models import Membership, Tenant


def offered(tenant: Tenant) -> Offered:
    def named(table: type[Group | Menu | VoicemailBox | Sound]) -> list[tuple[str, str]]:
        return [(key.hex, name) for key, name in table.objects.values_list("pk", "name")]

    def refusal(number: str) -> str:
        """By the calling limits: who is called outside is paid for by the workspace, too. Its own
        numbers are not outside: their lines could lead back here, call after call.
        """
        if PhoneNumber.objects.filter(number=number).exists():
            return "This is one of your own numbers. Choose where its calls go instead."
        country = country_of(number, tenant.country)
        name = dict(countries()).get(country, "")
        stop = rules.stop_country(limits.policy_of(tenant), country, name)
        return stop.message if stop else ""

    members = Membership.objects.select_related("user").order_by("user__name", "pk")
    people = [Person(each.user_id.hex, str(each.user), each.is_active) for each in members]
    return Offered(
        country=tenant.country,
        refusal=refusal,
        groups=named(Group),
        menus=named(Menu),
        boxes=named(VoicemailBox),
        sounds=named(Sound),
        people=people,
    )
