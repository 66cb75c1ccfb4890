"""Plans to test with: a company's, and any that could be drawn."""

import random

from calls.facts.inbound.hours import Hours, Interval, always
from calls.facts.inbound.plans import (
    LATER,
    Announcement,
    Box,
    Go,
    Group,
    Menu,
    Overflow,
    Plan,
    Strategy,
    Target,
)

OFFICE_HOURS = Hours(
    "Europe/Berlin",
    ((Interval(9 * 60, 12 * 60), Interval(13 * 60, 17 * 60 + 30)),) * 5 + ((), ()),
)
SALES = Group(
    "sales",
    "Sales",
    ("alice", "bob"),
    Overflow(
        Target(Go.VOICEMAIL, "office"),
        unanswered_seconds=60,
        nobody=Target(Go.GROUP, "support"),
        most_waiting=5,
        full=LATER,
    ),
    Strategy.OWNER_FIRST,
    callback=True,
    box="office",
)
SUPPORT = Group(
    "support",
    "Support",
    ("carol",),
    Overflow(Target(Go.OUTSIDE, "+493012345678"), unanswered_seconds=90),
)
MAIN = Menu(
    "main",
    "Main",
    Announcement("For sales, press 1. For support, press 2."),
    (("1", Target(Go.GROUP, "sales")), ("2", Target(Go.GROUP, "support"))),
    no_key=Target(Go.GROUP, "sales"),
)
OFFICE = Box("office", "Office", Announcement("Please leave a message."), tell=("alice",))
COMPANY = Plan(
    "en-US",
    OFFICE_HOURS,
    when_open=Target(Go.MENU, "main"),
    when_closed=Target(Go.VOICEMAIL, "office"),
    greeting=Announcement("Welcome to Acme."),
    closed_says=Announcement(sound="s1"),
    groups=(SALES, SUPPORT),
    menus=(MAIN,),
    boxes=(OFFICE,),
)

ENDS = (LATER, Target(Go.OUTSIDE, "+14155550100"), Target(Go.VOICEMAIL, "b1"))
GONE = (Target(Go.GROUP, "gone"), Target(Go.MENU, "g1"), Target(Go.VOICEMAIL), None)


def any_plan(seed: int, members: tuple[str, ...] = ("a", "b", "c")) -> Plan:
    """Any structure; what is said and counted in it is fine. Of each two, one is a plan that nobody
    would be lost in: there blocks lead on to later ones only, and back by keys.
    """
    chance = random.Random(seed)
    some, is_tidy = chance.choice, chance.random() < 0.5
    names = chance.sample(["g1", "g2", "g3", "m1", "m2", "m3"], chance.randint(1, 6))
    blocks = [Target(Go.GROUP if name[0] == "g" else Go.MENU, name) for name in names]

    def target(of: int, *, by_key: bool = False) -> Target | None:
        ahead = blocks if by_key or not is_tidy else blocks[of + 1 :]
        kinds = [ENDS, ahead, ahead] if is_tidy else [ENDS, ENDS, ENDS, ahead, ahead, GONE]
        return some(some(kinds) or ENDS)

    def maybe(of: int) -> Target | None:
        return some([None, target(of)])

    groups, menus = [], []
    for number, name in enumerate(names):
        if name[0] == "g":
            full = maybe(number)
            overflow = Overflow(
                target(number),
                some([5, 20, 45, 90]),
                maybe(number),
                None if full is None else chance.randint(1, 3),
                full,
            )
            who = tuple(chance.sample(members, chance.randint(0, len(members))))
            strategy, step, box = some([*Strategy]), some([5, 10, 20]), some(["", "", "b1"])
            callback = some([True, False])
            group = Group(name, name, who, overflow, strategy, step, callback=callback, box=box)
            groups.append(group)
        else:
            keys = [(key, target(number, by_key=True)) for key in "12"[: chance.randint(0, 2)]]
            out = [("3", some(ENDS))] if is_tidy or chance.random() < 0.6 else []
            found = tuple((key, led) for key, led in [*keys, *out] if led is not None)
            said = Announcement("Press a key.")
            menus.append(Menu(name, name, said, found, target(number), maybe(number)))
    return Plan(
        "en-US",
        always("UTC"),
        target(-1),
        target(-1),
        groups=tuple(groups),
        menus=tuple(menus),
        boxes=(Box("b1", "b1", Announcement("After the beep.")),),
    )
