"""Tables as CSV files, streamed a page of rows at a time."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from uuid import UUID

from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import render
from django.utils import timezone

from tenants.bricks.csv_cells import lines
from tenants.fence.context import tenant_transaction
from tenants.models import AuditEntry, Tenant
from tenants.trail import audit

Row = Sequence[object]
# (rows after a cursor, the next cursor or "" at the end); "" is the beginning.
Pages = Callable[[str], tuple[Iterable[Row], str]]
MOST_EXPORTS = 10  # of one person within audit.SAME_LOOK


def download(tenant: Tenant, *, name: str, header: Row, pages: Pages) -> StreamingHttpResponse:
    """A file `<workspace>-<name>-<day>.csv`, made while it is sent: one page is in memory."""
    response = StreamingHttpResponse(
        _stream(tenant.pk, header, pages), content_type="text/csv; charset=utf-8"
    )
    file_name = f"{tenant.slug}-{name}-{timezone.now():%Y-%m-%d}.csv"
    response.headers["Content-Disposition"] = f'attachment; filename="{file_name}"'
    response.headers["Cache-Control"] = "private, no-store"
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response


def _stream(tenant_id: UUID, header: Row, pages: Pages) -> Iterator[bytes]:
    # Excel knows UTF-8 by this mark.
    yield ("\ufeff" + lines([header])).encode()
    cursor = ""
    while True:
        # The view is over by now, and with it its tenant: each page enters it anew and leaves it
        # before it is sent.
        with tenant_transaction(tenant_id):
            rows, cursor = pages(cursor)
            text = lines(rows)
        yield text.encode()
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
