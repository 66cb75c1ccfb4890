"""`{% kept %}`: drawn once for the same values, and of nothing but these."""

from typing import Any
from uuid import UUID

import pytest
from django.template import Context, Template, TemplateSyntaxError
from django.utils.safestring import mark_safe
from hypothesis import given
from hypothesis import strategies as st

from tenants.bricks.kept import Kept

NAMES = Template("{% kept name=name %}<b>{{ name }}</b>{% endkept %}")


def draw(template: Template, **values: Any) -> str:
    return template.render(Context(values))


def drawn(template: Template) -> int:
    """How often its kept part was."""
    part: Any
    (part,) = template.nodelist.get_nodes_by_type(Kept)
    return int(part._kept.cache_info().misses)


def test_it_is_drawn_once_for_the_same_values_and_anew_for_others() -> None:
    before = drawn(NAMES)
    assert [draw(NAMES, name=name) for name in ("Ada", "Bob", "Ada")] == [
        "<b>Ada</b>",
        "<b>Bob</b>",
        "<b>Ada</b>",
    ]
    assert drawn(NAMES) - before == 2


def test_nothing_but_its_values_is_known_inside() -> None:
    """Neither who asks, nor their token, nor what stands around it."""
    part = Template(
        "{% with near=1 %}{% kept a=a %}{{ a }},{{ b }},{{ near }},{{ request }},{{ user }},"
        "{{ csrf_token }},{% csrf_token %}{% endkept %}{% endwith %}"
    )
    known = {"b": 2, "request": "r", "user": "u", "csrf_token": "secret"}
    assert draw(part, a="1", **known) == "1,,,,,,"


def test_what_equals_a_value_and_is_drawn_otherwise_is_another() -> None:
    for name, shown in [("<i>", "&lt;i&gt;"), (mark_safe("<i>"), "<i>"), ("<i>", "&lt;i&gt;")]:
        assert draw(NAMES, name=name) == f"<b>{shown}</b>"
    assert [draw(NAMES, name=name) for name in (1, True, 0, False)] == [
        *("<b>1</b>", "<b>True</b>", "<b>0</b>", "<b>False</b>")
    ]
    assert [draw(NAMES, name=((one,),)) for one in (1, True)] == [
        *("<b>((1,),)</b>", "<b>((True,),)</b>")
    ]


@pytest.mark.parametrize("changing", [["Ada"], ("Ada", ["Bob"]), {"a": 1}, object(), 1.0])
def test_by_what_may_change_nothing_is_kept(changing: Any) -> None:
    before = drawn(NAMES)
    assert "<b>" in draw(NAMES, name=changing) and drawn(NAMES) == before
    if isinstance(changing, list):
        changing.append("Bob")
        assert "Bob" in draw(NAMES, name=changing)


PLAIN = st.one_of(
    st.text(max_size=3),
    st.text(max_size=3).map(mark_safe),
    st.booleans(),
    st.integers(-2, 2),
    st.none(),
    st.just(UUID(int=1)),
)
SHOWN = "{% if a %}{{ a }}{% endif %}|{{ b|default:'-' }}{% for each in c %}{{ each }}{% endfor %}"


@given(a=PLAIN, b=PLAIN, c=st.lists(PLAIN, max_size=2).map(tuple))
def test_it_is_what_would_be_drawn_without_it(a: Any, b: Any, c: Any) -> None:
    assert draw(PART, a=a, b=b, c=c) == draw(WHOLE, a=a, b=b, c=c)


PART, WHOLE = Template(f"{{% kept a=a b=b c=c %}}{SHOWN}{{% endkept %}}"), Template(SHOWN)


def test_a_value_needs_a_name() -> None:
    with pytest.raises(TemplateSyntaxError, match="without a name, member"):
        Template("{% kept a=a member %}{% endkept %}")
