"""Pages of files on their way in: choosing one, its columns, what comes of it."""

from collections.abc import Iterator
from itertools import islice
from typing import Any
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.core.files.uploadedfile import UploadedFile
from django.http import Http404, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from contacts.exporting import SAMPLE
from contacts.imports import jobs, results
from contacts.imports.columns import Means
from contacts.imports.reading import cells_of, names_of, reader_of
from contacts.imports.tables import BadFile
from contacts.models import ContactImport
from contacts.pages.import_forms import ColumnsForm, ImportForm
from contacts.tasks import work_off_import
from tenants.bricks.access import export_required
from tenants.bricks.http import TenantRequest, see_other
from tenants.bricks.queueing import queue
from tenants.trail import audit, exports
from tenants.trail.audit import Action

CROWDED = "Several imports are already in progress. Try again when they’re done."
NAMED = 20  # rows of which the page says why they were skipped
SAMPLES = 3  # cells of a column that are shown
LONGEST_SAMPLE = 60  # characters
MEANINGS = [
    (Means.NAME, "Name"),
    (Means.FIRST, "First name"),
    (Means.MIDDLE, "Middle name"),
    (Means.LAST, "Last name"),
    (Means.COMPANY, "Company"),
    (Means.EMAIL, "Email"),
    (Means.PHONE, "Phone"),
    (Means.LABEL, "Phone label"),
    (Means.NOTHING, "Leave out"),
]
Stage = ContactImport.Stage


@require_http_methods(["GET", "POST"])
@login_required
@export_required
def choose(request: TenantRequest) -> HttpResponse:
    """Take a file; a worker reads it (`contacts.imports.jobs`)."""
    form = ImportForm(*((request.POST, request.FILES) if request.method == "POST" else ()))
    if form.is_bound and form.is_valid():
        if not jobs.is_crowded():
            upload: UploadedFile = form.cleaned_data["file"]
            chunks = upload.chunks(chunk_size=jobs.PIECE)
            file = jobs.take(request.tenant, name=str(upload.name), chunks=chunks)
            _queue(request, file)
            return see_other(request, _address(file))
        form.add_error("file", CROWDED)
    context = {"form": form, "earlier": jobs.latest()}
    return render(request, "contacts_import.html", context, status=422 if form.is_bound else 200)


@require_GET
@login_required
@export_required
def sample(request: TenantRequest) -> HttpResponseBase:
    """A file to begin with."""
    header, rows = SAMPLE
    return exports.download(request, name="sample", header=header, pages=lambda after: (rows, ""))


@require_GET
@login_required
@export_required
def show(request: TenantRequest, import_id: UUID) -> HttpResponse:
    """A file, wherever it is on its way; asked by a part of the page, only that."""
    return _page(request, _file(import_id))


@require_POST
@login_required
@export_required
def change(request: TenantRequest, import_id: UUID) -> HttpResponse:
    """Say what its columns mean (`look`), bring it in (`begin`), take it back (`undo`), or forget
    it (`discard`). Where it is further than that already, nothing happens.
    """
    file, does = _file(import_id, lock=True), request.POST.get("does")
    if does == "discard" and file.stage in (Stage.READING, Stage.READY, Stage.UNREADABLE):
        file.delete()
        return see_other(request, reverse("contacts_import"), f"{file.file_name} was discarded.")
    if does == "undo" and jobs.may_undo(file, timezone.now()):
        jobs.undo(file)
        audit.record(Action.IMPORT_UNDONE, file=file.file_name)
        _queue(request, file)
    if does in ("look", "begin") and file.stage == Stage.READY:
        form = ColumnsForm(request.POST, file=file)
        if not form.is_valid():
            wrong = (str(each) for errors in form.errors.values() for each in errors)
            return _page(request, file, trouble=" ".join(wrong), status=422)
        jobs.look_anew(
            file,
            meanings=form.meanings,
            is_headed=form.cleaned_data["is_headed"],
            is_same_person=form.is_same_person,
        )
        if does == "begin":
            try:
                jobs.begin(file)
            except BadFile as error:
                return _page(request, file, trouble=str(error), status=422)
            audit.record(Action.CONTACTS_IMPORTED, file=file.file_name)
        _queue(request, file)
    return _page(request, file) if request.htmx else redirect(_address(file))


@require_GET
@login_required
@export_required
def skipped(request: TenantRequest, import_id: UUID) -> HttpResponseBase:
    """The rows that were skipped or not taken whole, to be mended and imported again."""
    if refusal := exports.refused(request):
        return refusal
    file = _file(import_id)
    audit.record(Action.CONTACTS_EXPORTED, file=file.file_name, rows="skipped")
    header, pages = results.skipped_table(file)
    return exports.download(request, name="skipped", header=header, pages=pages)


def _page(
    request: TenantRequest, file: ContactImport, *, trouble: str = "", status: int = 200
) -> HttpResponse:
    country, target = request.tenant.country, request.htmx.target or "" if request.htmx else ""
    context: dict[str, Any] = {"import": file, "trouble": trouble}
    if file.stage == Stage.READY:
        context |= _preview(file, country)
        if "import-preview" in target:
            return render(request, "_import_preview.html", context, status=status)
        context |= {"columns": _columns(file), "meanings": MEANINGS}
    elif file.stage in (Stage.DONE, Stage.BROKE_OFF):
        after = request.GET.get("after", "")
        context["came"], context["next"] = results.came(file, country, after)
        if "import-came" in target:
            return render(request, "_import_came.html", context)
        context["may_undo"] = jobs.may_undo(file, timezone.now())
        context["reasons"] = [
            {"line": line, "reason": reason}
            for line, reason in islice(results.reasons(file), NAMED)
        ]
    if file.contacts:
        context["percent"] = min(100, file.handled * 100 // file.contacts)
    template = "_import.html" if "import" in target else "contact_import.html"
    response = render(request, template, context, status=status)
    if "import-" in target:  # a part of what is not there any more: somebody has gone on with it
        response.headers["HX-Retarget"] = "#import"
    return response


def _preview(file: ContactImport, country: str) -> dict[str, Any]:
    reader = reader_of(file, country)
    return {
        "preview": file.preview,
        "unused": reader.unused,
        "is_nameless": not reader.knows_a_name,
    }


def _columns(file: ContactImport) -> Iterator[dict[str, Any]]:
    first = file.parts.filter(position=0).first()
    rows = [cells.texts for cells in cells_of(file, first)] if first else []
    for place, (name, meaning) in enumerate(zip(names_of(file), file.meanings, strict=True)):
        cells = (row[place].strip() for row in rows if place < len(row))
        samples = list(dict.fromkeys(text[:LONGEST_SAMPLE] for text in cells if text))
        yield {"name": name, "meaning": meaning, "samples": samples[:SAMPLES]}


def _file(import_id: UUID, *, lock: bool = False) -> ContactImport:
    files = ContactImport.objects.filter(pk=import_id)
    file = (files.select_for_update() if lock else files).first()
    if file is None:
        raise Http404
    return file


def _address(file: ContactImport) -> str:
    return reverse("contact_import", args=[file.pk])


def _queue(request: TenantRequest, file: ContactImport) -> None:
    queue(work_off_import, request.tenant.pk, file.pk)
