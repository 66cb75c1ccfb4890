"""What admins fill in about groups, menus and voicemail boxes."""

from collections.abc import Callable
from typing import Any

from django import forms
from django.http import QueryDict

from calls.facts.inbound import checking, plans, written
from calls.facts.inbound.plans import KEYS, Block, Box, Go, Group, Menu, Strategy
from calls.pages.lines.block_facts import facts_of, rearranged
from calls.pages.lines.fields import (
    NEW,
    THIS,
    Offered,
    Person,
    PlanForm,
)
from tenants.bricks import merging

STRATEGIES = {
    Strategy.EVERYONE: ("Everyone at once", "Every available member’s phone rings."),
    Strategy.LONGEST_IDLE: (
        "Longest idle first",
        "One phone rings at a time, first that of the member who has been free for longest.",
    ),
    Strategy.IN_ORDER: (
        "In this order",
        "One phone rings at a time, from the top of the list of members to its end.",
    ),
    Strategy.OWNER_FIRST: (
        "The contact’s owner first",
        "A contact’s owner is rung first, then everyone at once.",
    ),
}
_NAME = {"required": "Enter a name."}
_LONGEST_NAME = 60


class BlockForm(PlanForm):
    name = forms.CharField(max_length=_LONGEST_NAME, error_messages=_NAME)

    def __init__(
        self,
        data: QueryDict,
        *,
        offered: Offered,
        judges: bool = True,
        change: str = "",
        this: bool = False,
    ) -> None:
        super().__init__(data, offered=offered, judges=judges and not change, this=this)

    def block(self, block_id: str) -> Block:
        """What a valid form says."""
        raise NotImplementedError

    def facts(self, block_id: str) -> merging.Facts:
        return facts_of(self.block(block_id))

    def people(self, prefix: str) -> list[Person]:
        """Those that are chosen, in the order in which they were sent."""
        found = [self.offered.person(key.removeprefix(prefix)) for key in self._chosen(prefix)]
        return [person for person in found if person is not None]

    def _chosen(self, prefix: str) -> list[str]:
        return [key for key in self.given if key.startswith(prefix) and self.given[key]]

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        for prefix in ("member-", "tell-"):
            if len(self.people(prefix)) != len(self._chosen(prefix)):
                self.add_error(None, "Someone you chose is not a member here. Look again.")
        return cleaned


class GroupForm(BlockForm):
    places = ("unanswered", "nobody", "full")
    says = ("music",)
    optional = {"nobody": "Keep waiting", "full": "Nowhere: there is no limit"}
    numbers = {
        "step_seconds": checking.STEP_SECONDS,
        "unanswered_seconds": checking.UNANSWERED_SECONDS,
    }

    strategy = forms.ChoiceField(
        choices=[(each.value, name) for each, (name, _) in STRATEGIES.items()],
        error_messages=dict.fromkeys(("required", "invalid_choice"), "Choose one of these."),
    )
    says_place = forms.BooleanField(required=False)
    callback = forms.BooleanField(required=False)
    takes_new_members = forms.BooleanField(required=False)
    new_member = forms.ChoiceField(
        required=False, error_messages={"invalid_choice": "Choose a member of your workspace."}
    )
    box = forms.ChoiceField(
        required=False, error_messages={"invalid_choice": "This is no longer there."}
    )
    most_waiting = forms.IntegerField(
        required=False,
        min_value=checking.MOST_WAITING[0],
        max_value=checking.MOST_WAITING[1],
        error_messages=dict.fromkeys(
            ("invalid", "min_value", "max_value"),
            "Enter a number from {} to {}, or nothing.".format(*checking.MOST_WAITING),
        ),
    )

    def __init__(self, data: QueryDict, *, change: str = "", **more: Any) -> None:
        """`change` (`add`, `up-<id>`, `remove-<id>`) rearranges the members and judges nothing."""
        data = rearranged(data, change)
        super().__init__(data, change=change, **more)
        box: Any = self.fields["box"]
        box.choices = [
            ("", "Not offered"),
            *self.offered.boxes,
            (f"{NEW}:{Go.VOICEMAIL}", "New voicemail box…"),
        ]
        new: Any = self.fields["new_member"]
        new.choices = [
            ("", "Choose a member…"),
            *((each.id, each.name) for each in self.others),
        ]

    @property
    def members(self) -> list[Person]:
        return self.people("member-")

    @property
    def others(self) -> list[Person]:
        there = {each.id for each in self.members}
        return [each for each in self.offered.people if each.is_active and each.id not in there]

    @property
    def strategies(self) -> list[tuple[str, str, str]]:
        return [(each.value, *words) for each, words in STRATEGIES.items()]

    def block(self, block_id: str) -> Group:
        given = self.cleaned_data
        members = [each.id for each in self.members]
        # Chosen, but not added by its button.
        members += [given["new_member"]] * bool(given["new_member"])
        overflow = plans.Overflow(
            self.targets["unanswered"],
            given["unanswered_seconds"],
            self.targets["nobody"],
            given["most_waiting"],
            self.targets["full"],
        )
        return Group(
            block_id,
            given["name"],
            tuple(members),
            overflow,
            Strategy(given["strategy"]),
            given["step_seconds"],
            self.announcement("music"),
            given["says_place"],
            given["callback"],
            given["box"],
        )

    def facts(self, block_id: str) -> merging.Facts:
        is_taking = self.cleaned_data["takes_new_members"]
        return {**super().facts(block_id), "takes_new_members": is_taking}


class MenuForm(BlockForm):
    places = ("no_key", "wrong_key", *(f"key-{place}" for place in range(len(KEYS))))
    says = ("prompt",)
    optional = {
        "wrong_key": "Same as for no key",
        **{f"key-{place}": "Not used" for place in range(len(KEYS))},
    }
    numbers = {"tries": checking.TRIES, "seconds": checking.KEY_SECONDS}

    @property
    def keys(self) -> list[tuple[str, dict[str, Any]]]:
        return [(key, self.put[f"key_{place}"]) for place, key in enumerate(KEYS)]

    def block(self, block_id: str) -> Menu:
        given = self.cleaned_data
        pressed = ((key, self.targets[f"key-{place}"]) for place, key in enumerate(KEYS))
        return Menu(
            block_id,
            given["name"],
            self.announcement("prompt"),
            tuple((key, self._own(target, block_id)) for key, target in pressed if target),
            self.targets["no_key"] and self._own(self.targets["no_key"], block_id),
            self.targets["wrong_key"] and self._own(self.targets["wrong_key"], block_id),
            given["tries"],
            given["seconds"],
        )

    @staticmethod
    def _own(target: plans.Target, block_id: str) -> plans.Target:
        return plans.Target(Go.MENU, block_id) if target == written.target(THIS) else target

    def field_of(self, field: str) -> str | None:
        if field == "keys":
            return "key-0"
        if field.startswith("keys."):
            return f"key-{KEYS.index(field[-1])}"
        return super().field_of(field)


class BoxForm(BlockForm):
    says = ("greeting",)
    numbers = {"longest_seconds": checking.LONGEST_MESSAGE_SECONDS}

    @property
    def listeners(self) -> list[tuple[Person, bool]]:
        """Who could be told, and whether they are; of those who have left only who still is."""
        told = {each.id for each in self.people("tell-")}
        return [
            (each, each.id in told)
            for each in self.offered.people
            if each.is_active or each.id in told
        ]

    def block(self, block_id: str) -> Box:
        given = self.cleaned_data
        told = {each.id for each in self.people("tell-")}
        return Box(
            block_id,
            given["name"],
            self.announcement("greeting"),
            given["longest_seconds"],
            tuple(each.id for each in self.offered.people if each.id in told),
        )


FORMS: dict[Go, Callable[..., BlockForm]] = {
    Go.GROUP: GroupForm,
    Go.MENU: MenuForm,
    Go.VOICEMAIL: BoxForm,
}
