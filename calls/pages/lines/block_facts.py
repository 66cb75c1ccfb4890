"""Groups, menus and voicemail boxes as their forms show them, and what a new one begins with."""

from django.http import QueryDict

from calls.facts.inbound import plans, written
from calls.facts.inbound.plans import KEYS, Block, Go, Group, Menu
from calls.pages.lines.fields import Offered, data_of, facts_of_says


def facts_of(block: Block) -> dict[str, str | int | bool | None]:
    """As its form shows it."""
    facts: dict[str, str | int | bool | None] = {"name": block.name}
    if isinstance(block, Group):
        overflow = block.overflow
        facts |= facts_of_says("music", block.music)
        facts |= {
            "strategy": block.strategy.value,
            "step_seconds": str(block.step_seconds),
            "says_place": block.says_place,
            "callback": block.callback,
            "box": block.box,
            "unanswered": written.place(overflow.unanswered),
            "unanswered_seconds": str(overflow.unanswered_seconds),
            "nobody": written.place(overflow.nobody),
            "most_waiting": "" if overflow.most_waiting is None else str(overflow.most_waiting),
            "full": written.place(overflow.full),
        }
        facts |= {f"member-{member}": True for member in block.members}
    elif isinstance(block, Menu):
        facts |= facts_of_says("prompt", block.prompt)
        facts |= {"tries": str(block.tries), "seconds": str(block.seconds)}
        facts |= {
            "no_key": written.place(block.no_key),
            "wrong_key": written.place(block.wrong_key),
        }
        for place, key in enumerate(KEYS):
            facts[f"key-{place}"] = written.place(block.target_of(key))
    else:
        facts |= facts_of_says("greeting", block.greeting)
        facts["longest_seconds"] = str(block.longest_seconds)
        facts |= {f"tell-{user}": True for user in block.tell}
    return facts


def beginning(go: Go, offered: Offered) -> QueryDict:
    """A new block's form, with what suits most."""
    in_box = f"voicemail:{offered.boxes[0][0]}" if offered.boxes else "later"
    if go == Go.GROUP:
        overflow = plans.Overflow(written.target(in_box))
        return data_of(facts_of(Group("", "", (), overflow)))
    if go == Go.MENU:
        return data_of(facts_of(Menu("", "", plans.Announcement(), (), None)))
    greeting = plans.Announcement("Please leave a message after the tone.")
    return data_of(facts_of(plans.Box("", "", greeting)))


def rearranged(data: QueryDict, change: str) -> QueryDict:
    """The members in another order, with one more or one less."""
    verb, _, who = change.partition("-")
    members = [key for key in data if key.startswith("member-") and data[key]]
    chosen, key = data.get("new_member", ""), f"member-{who}"
    if verb == "add" and chosen and f"member-{chosen}" not in members:
        members.append(f"member-{chosen}")
    elif verb == "remove" and key in members:
        members.remove(key)
    elif verb == "up" and key in members[1:]:
        place = members.index(key)
        members[place - 1 : place + 1] = [key, members[place - 1]]
    else:
        return data
    fresh = QueryDict(mutable=True)
    for name, values in data.lists():
        if not name.startswith("member-") and not (verb == "add" and name == "new_member"):
            fresh.setlist(name, values)
    for name in members:
        fresh[name] = "1"
    return fresh
