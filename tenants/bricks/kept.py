"""`{% kept name=value … %}…{% endkept %}`: a part of a template that a process draws once for the
same values.

Inside, nothing is known but these values, so that what is kept can depend on nothing else: on
nobody who asks, and no session, unless a value says so.
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any
from uuid import UUID

from django.template import Context, Engine, Library, Node, NodeList, Template, TemplateSyntaxError
from django.template.base import FilterExpression, Parser, Token, token_kwargs
from django.utils.safestring import SafeString

MOST = 500  # that are kept of each such part: those last used
_PLAIN = {str, SafeString, bool, int, type(None), UUID}

register = Library()


class Kept(Node):
    def __init__(self, nodelist: NodeList, values: Mapping[str, FilterExpression]) -> None:
        self.nodelist, self.values = nodelist, values
        self._kept = lru_cache(MOST)(self._draw)

    def render(self, context: Context) -> SafeString:
        values = tuple([value.resolve(context) for value in self.values.values()])
        kind, engine = kind_of(values), context.template.engine  # type: ignore[union-attr]  # bound
        return self._draw(engine, values) if kind is None else self._kept(engine, values, kind)

    def _draw(self, engine: Engine, values: tuple[Any, ...], kind: Any = None) -> SafeString:
        context = Context(dict(zip(self.values, values, strict=True)))
        with context.bind_template(Template("", engine=engine)):
            return self.nodelist.render(context)


def kind_of(value: Any) -> Any:
    """What tells a value from those that equal it: `True` is `1`, and what is safe as HTML equals
    what is not. None of what may change, by which nothing can be kept.
    """
    kind = type(value)
    if kind in _PLAIN:
        return kind
    if not isinstance(value, tuple):
        return None
    kinds = [kind_of(each) for each in value]
    return None if None in kinds else (kind, *kinds)


@register.tag
def kept(parser: Parser, token: Token) -> Kept:
    name, *bits = token.split_contents()
    values = token_kwargs(bits, parser)
    if bits:
        raise TemplateSyntaxError(f"{name}: a value without a name, {bits[0]}")
    nodelist = parser.parse(("endkept",))
    parser.delete_first_token()
    return Kept(nodelist, values)
