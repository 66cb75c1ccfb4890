"""Tables as files, streamed a page of rows at a time."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain
from uuid import UUID

from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import render
from django.utils import timezone

from tenants.bricks import workbooks
from tenants.bricks.csv_cells import lines
from tenants.bricks.http import TenantRequest
from tenants.fence.context import tenant_transaction
from tenants.models import AuditEntry
from tenants.trail import audit

Row = Sequence[object]
# (rows after a cursor, the next cursor or "" at the end); "" is the beginning.
Pages = Callable[[str], tuple[Iterable[Row], str]]
MOST_EXPORTS = 10  # of one person within audit.SAME_LOOK


def download(
    request: TenantRequest, *, name: str, header: Row, pages: Pages
) -> StreamingHttpResponse:
    """A file `<workspace>-<name>-<day>`, made while it is sent: one page is in memory. It is CSV,
    with `as=xlsx` in the query an Excel workbook.
    """
    tenant, is_workbook = request.tenant, request.GET.get("as") == "xlsx"
    tables = chain([[header]], _tables(tenant.pk, pages))
    if is_workbook:
        pieces, content_type, ending = workbooks.workbook(tables), workbooks.CONTENT_TYPE, "xlsx"
    else:
        pieces, content_type, ending = _csv(tables), "text/csv; charset=utf-8", "csv"
    response = StreamingHttpResponse(pieces, content_type=content_type)
    file_name = f"{tenant.slug}-{name}-{timezone.now():%Y-%m-%d}.{ending}"
    response.headers["Content-Disposition"] = f'attachment; filename="{file_name}"'
    response.headers["Cache-Control"] = "private, no-store"
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response


def _csv(tables: Iterable[Iterable[Row]]) -> Iterator[bytes]:
    mark = "\ufeff"  # by which Excel knows UTF-8
    for rows in tables:
        yield (mark + lines(rows)).encode()
        mark = ""


def _tables(tenant_id: UUID, pages: Pages) -> Iterator[list[Row]]:
    cursor = ""
    while True:
        # The view is over by now, and with it its tenant: each page enters it anew and leaves it
        # before it is sent.
        with tenant_transaction(tenant_id):
            rows, cursor = pages(cursor)
            rows = list(rows)
        yield rows
        if not cursor:
            return


def refused(request: HttpRequest) -> HttpResponse | None:
    """A page that says so, when this person has exported too often lately."""
    lately = AuditEntry.objects.filter(
        at__gt=timezone.now() - audit.SAME_LOOK,
        person=request.user.pk,
        action__in=audit.EXPORTS,
    )
    if lately.count() < MOST_EXPORTS:
        return None
    return render(request, "too_many_exports.html", status=429)
