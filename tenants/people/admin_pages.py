"""Pages of the admin's lists: as quick for a million rows as for a hundred."""

from collections.abc import Iterable
from typing import Any

from django.contrib import messages
from django.contrib.admin import ModelAdmin, SimpleListFilter
from django.core.paginator import Paginator
from django.http import HttpRequest
from django.utils.functional import cached_property

MOST_ROWS = 500  # that can be paged through; beyond them one searches or filters


class CappedPaginator(Paginator):  # type: ignore[type-arg]  # of any rows
    """Counts no further than a person pages, so that none of its pages is far from the first."""

    @cached_property
    def count(self) -> int:
        rows: Any = self.object_list
        return int(rows.order_by()[:MOST_ROWS].count())


class CappedAdmin(ModelAdmin):  # type: ignore[type-arg]  # of any model
    """Lists in pages, of which none is far from the first."""

    paginator = CappedPaginator
    list_per_page = 50
    show_full_result_count = False

    def response_action(
        self, request: HttpRequest, queryset: Any, *args: Any, **kwargs: Any
    ) -> Any:
        """“Select all” means the rows that there are, and so only as many as can be looked at."""
        is_all = request.POST.get("select_across") == "1"
        if is_all and queryset.order_by()[: MOST_ROWS + 1].count() > MOST_ROWS:
            messages.error(
                request,
                f"There are more than {MOST_ROWS} of them. Search or filter first, "
                "then select all.",
            )
            return None
        return super().response_action(request, queryset, *args, **kwargs)


def among(field: str, values: Iterable[str]) -> type[SimpleListFilter]:
    """A filter by a field whose values are known: Django's would read all rows to find them."""

    class Among(SimpleListFilter):
        title = parameter_name = field

        def lookups(self, request: Any, model_admin: Any) -> list[tuple[str, str]]:
            return [(value, value) for value in values]

        def queryset(self, request: Any, queryset: Any) -> Any:
            return queryset.filter(**{field: self.value()}) if self.value() else queryset

    return Among
