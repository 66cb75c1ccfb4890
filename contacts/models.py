"""Whom we call."""

import uuid
from typing import Any

from django.conf import settings
from django.core.validators import RegexValidator
from django.db import models

from contacts import search
from contacts.numbers import E164, LONGEST_EXTENSION, Number, display
from tenants.fence.scoping import TenantChild, TenantFence, TenantOwned, member_fence


class CollatedCharField(models.CharField):  # type: ignore[type-arg]
    """Text compared byte by byte on every database, so that ranges and indexes agree."""

    def db_parameters(self, connection: Any) -> Any:
        parameters = super().db_parameters(connection)
        if connection.vendor == "postgresql":
            parameters["collation"] = "C"
        return parameters


class Contact(TenantOwned):
    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=200)
    company = models.CharField(max_length=200, blank=True)
    email = models.EmailField(blank=True)
    # `name` as search and sorting see it, and `email` as imports know people again; see save().
    sort_name = CollatedCharField(max_length=200, editable=False)
    folded_email = CollatedCharField(max_length=254, editable=False, default="")
    # The member who takes care of them, also once that one is deactivated.
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
        db_index=False,
        db_constraint=False,
    )
    # Out of the list and of the search, but not of the calls' history.
    archived_at = models.DateTimeField(null=True, blank=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta(TenantOwned.Meta):
        ordering = ["sort_name", "id"]
        constraints = [*TenantOwned.Meta.constraints, member_fence("owner")]
        indexes = [
            models.Index(fields=["tenant", "sort_name", "id"], name="contact_by_name"),
            models.Index(
                fields=["tenant", "sort_name", "id"],
                name="contact_archived",
                condition=models.Q(archived_at__isnull=False),
            ),
            models.Index(fields=["tenant", "folded_email"], name="contact_by_email"),
            models.Index(
                fields=["tenant", "owner", "sort_name", "id"],
                name="contact_owned",
                condition=models.Q(owner__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def save(self, *args: Any, **kwargs: Any) -> None:
        self.fold()
        if (named := kwargs.get("update_fields")) is not None:
            folded = {"name": "sort_name", "email": "folded_email"}
            kwargs["update_fields"] = {*named, *(folded[name] for name in named if name in folded)}
        super().save(*args, **kwargs)

    def fold(self) -> None:
        """For what is stored in bulk; a database's own lower() would know fewer letters."""
        self.sort_name = search.normalise(self.name)[:200]
        self.folded_email = self.email.lower()[:254]


class ContactNumber(TenantChild):
    contact = models.ForeignKey(
        Contact,
        on_delete=models.CASCADE,
        related_name="numbers",
        db_index=False,
        db_constraint=False,
    )
    number = models.CharField(max_length=16, help_text="E.164, like +14155550100.")
    extension = models.CharField(
        max_length=LONGEST_EXTENSION,
        blank=True,
        db_default="",  # for who writes rows without knowing of it, while an upgrade is under way
        validators=[RegexValidator(r"^\d*\Z")],
    )
    label = models.CharField(max_length=40, blank=True)
    position = models.PositiveSmallIntegerField(default=0)

    class Meta(TenantChild.Meta):
        ordering = ["position", "id"]
        constraints = [
            *TenantChild.Meta.constraints,
            TenantFence("contact"),
            models.UniqueConstraint(
                fields=["tenant", "contact", "number", "extension"], name="contact_number_once"
            ),
            models.CheckConstraint(
                condition=models.Q(number__regex=E164),
                name="contact_number_e164",
            ),
        ]
        indexes = [models.Index(fields=["tenant", "number"], name="contact_by_number")]

    def __str__(self) -> str:
        return display(self.full)

    @property
    def full(self) -> str:
        """With its extension (contacts.numbers.Number)."""
        return str(Number(self.number, self.extension))


class ContactToken(TenantChild):
    """A word or an ending of a number under which a contact is found (contacts/search.py)."""

    token = CollatedCharField(max_length=search.LONGEST_TOKEN)
    contact = models.ForeignKey(
        Contact,
        on_delete=models.CASCADE,
        related_name="tokens",
        db_index=False,
        db_constraint=False,
    )
    # Of the contact, so that the index alone tells who is found, and in which order. The defaults
    # are for who writes rows without knowing of them, while an upgrade is under way.
    sort_name = CollatedCharField(max_length=200, db_default="")
    is_archived = models.BooleanField(db_default=False)

    class Meta(TenantChild.Meta):
        constraints = [
            *TenantChild.Meta.constraints,
            TenantFence("contact"),
            models.UniqueConstraint(
                fields=["tenant", "contact", "token"], name="contact_token_once"
            ),
        ]
        indexes = [
            models.Index(
                fields=["tenant", "is_archived", "token", "sort_name", "contact"],
                name="contact_found",
            )
        ]


class ContactImport(TenantOwned):
    """A file of contacts that somebody gave us, and how far it has come (contacts/imports/)."""

    class Stage(models.TextChoices):
        READING = "reading"
        UNREADABLE = "unreadable"  # `trouble` says why
        READY = "ready"  # read: what its columns mean is to be looked at
        IMPORTING = "importing"
        DONE = "done"
        BROKE_OFF = "broke_off"
        UNDOING = "undoing"
        UNDONE = "undone"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    file_name = models.CharField(max_length=100)
    stage = models.CharField(max_length=10, choices=Stage, default=Stage.READING)
    trouble = models.TextField(blank=True)  # also what else is to be said of it
    # The first row of the file, which names the columns if `is_headed`; a format that names them
    # itself has no such row.
    names = models.JSONField(default=list)
    is_headed = models.BooleanField(default=True)
    is_fixed = models.BooleanField(default=False)
    meanings = models.JSONField(default=list)  # of the columns (contacts/imports/columns.py)
    same_number_is_same_person = models.BooleanField(default=False)
    # What would come of it as the columns are now; null until that is known.
    preview = models.JSONField(null=True)
    rows = models.PositiveIntegerField(default=0)  # of the file, with its header
    added = models.PositiveIntegerField(default=0)
    completed = models.PositiveIntegerField(default=0)
    unchanged = models.PositiveIntegerField(default=0)
    skipped = models.PositiveIntegerField(default=0)
    kept = models.PositiveIntegerField(default=0)  # contacts that *Undo* left, changed since
    begun_at = models.DateTimeField(auto_now_add=True)
    # Until then one worker has it to itself; each part puts it off.
    taken_until = models.DateTimeField(null=True)
    failures = models.PositiveSmallIntegerField(default=0)  # in a row
    finished_at = models.DateTimeField(null=True)  # brought in, or broken off

    class Meta(TenantOwned.Meta):
        indexes = [
            models.Index(fields=["tenant", "-begun_at"], name="contact_imports"),
            models.Index(
                fields=["tenant"],
                name="contact_imports_under_way",
                condition=models.Q(stage__in=["reading", "ready", "importing", "undoing"]),
            ),
        ]

    def __str__(self) -> str:
        return self.file_name

    @property
    def contacts(self) -> int:
        """Rows of the file that are none but for the one that names the columns."""
        return self.rows - (self.is_headed and not self.is_fixed)

    @property
    def handled(self) -> int:
        return self.added + self.completed + self.unchanged + self.skipped


class ContactImportPiece(TenantChild):
    """A piece of such a file as it came, until it is read."""

    file = models.ForeignKey(
        ContactImport,
        on_delete=models.CASCADE,
        related_name="pieces",
        db_index=False,
        db_constraint=False,
    )
    position = models.PositiveIntegerField()
    packed = models.BinaryField()  # by zlib

    class Meta(TenantChild.Meta):
        constraints = [
            *TenantChild.Meta.constraints,
            TenantFence("file"),
            models.UniqueConstraint(fields=["tenant", "file", "position"], name="import_piece"),
        ]


class ContactImportPart(TenantChild):
    """Some rows of such a file, and what became of them."""

    file = models.ForeignKey(
        ContactImport,
        on_delete=models.CASCADE,
        related_name="parts",
        db_index=False,
        db_constraint=False,
    )
    position = models.PositiveIntegerField()
    rows = models.TextField()  # JSON: lists of contacts.imports.tables.Cells
    done = models.TextField(blank=True)  # JSON: contacts.imports.storing.Done
    has_reasons = models.BooleanField(default=False)  # why rows of it were skipped
    has_come = models.BooleanField(default=False)  # rows that added or completed a contact
    done_at = models.DateTimeField(null=True)
    undone_at = models.DateTimeField(null=True)

    class Meta(TenantChild.Meta):
        constraints = [
            *TenantChild.Meta.constraints,
            TenantFence("file"),
            models.UniqueConstraint(fields=["tenant", "file", "position"], name="import_part"),
        ]
