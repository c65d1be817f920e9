"""What is kept of files: uploads, rows, what was said of single rows, pages, and how windows compared row by row."""

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from chuanyu.core.ids import uuid7


class Upload(models.Model):
    """One file 上传批次. Its rows wait in parts on disk; `part` is the first that was not begun (see Setback).

    The same bytes again are answered with the first upload, so `sha256` is unique for its service and agency.
    """

    class State(models.TextChoices):
        READING = "reading"
        ASIDE = "aside"  # judged but for the parts that were set aside
        DONE = "done"

    id = models.UUIDField(primary_key=True, default=uuid7)
    service = models.CharField(max_length=64)
    agency = models.CharField(max_length=64, help_text='"chongqing/transport"')
    name = models.CharField(max_length=200, help_text="as its sender called it")
    by = models.CharField(max_length=64)
    sha256 = models.CharField(max_length=64, help_text="of the bytes as they came, compressed or not")
    size = models.BigIntegerField()
    state = models.CharField(max_length=8, choices=State, default=State.READING)
    parts = models.IntegerField()
    part = models.IntegerField(default=0)
    rows = models.BigIntegerField()
    counted = models.BigIntegerField(default=0)
    duplicates = models.BigIntegerField(default=0)
    refused = models.BigIntegerField(default=0)
    held = models.BigIntegerField(default=0, help_text="when it was judged; some may be decided since")
    total = models.BigIntegerField(default=0, help_text="of the rows that count, in the unit's smallest part")
    received = models.DateTimeField(auto_now_add=True)
    done = models.DateTimeField(null=True)

    class Meta:
        constraints = (models.UniqueConstraint(fields=["service", "agency", "sha256"], name="upload_once"),)
        indexes = (models.Index(fields=["id"], condition=Q(state="reading"), name="upload_reading"),)

    def __str__(self) -> str:
        return f"{self.service} {self.name}"


class Page(models.Model):
    """Up to some thousand rows that one transfer pays. Both nodes have it under one id, in the order it was made.

    `amount` and `accepted` are what the payer accepted of `total` and `rows`. `content` is what came, until it is checked.
    """

    class Side(models.TextChoices):
        PAYER = "payer"
        PAYEE = "payee"

    class State(models.TextChoices):
        SENT = "sent"  # at the payee: not answered yet
        RECEIVED = "received"  # at the payer: not checked yet
        ASIDE = "aside"  # at the payer: could not be checked, see Setback
        PAYING = "paying"  # checked; the ledger has not answered yet
        UNPAID = "unpaid"  # the payer's ledger refused; an officer pays it later
        PAID = "paid"

    number = models.BigAutoField(primary_key=True)
    id = models.UUIDField(unique=True)
    service = models.CharField(max_length=64)
    side = models.CharField(max_length=5, choices=Side)
    own = models.CharField(max_length=64)
    peer = models.CharField(max_length=64)
    day = models.DateField(help_text="the day its rows were judged on")
    state = models.CharField(max_length=8, choices=State)
    reason = models.CharField(max_length=32, blank=True, help_text="why the payer's ledger refused")
    rows = models.IntegerField()
    total = models.BigIntegerField()
    accepted = models.IntegerField(default=0)
    amount = models.BigIntegerField(default=0)
    transfer = models.UUIDField(null=True, db_index=True)
    period = models.CharField(max_length=10, blank=True, help_text="of the window it is settled in")
    digest = models.CharField(max_length=64, help_text="SHA-256 of its content")
    content = models.BinaryField(null=True)
    at = models.DateTimeField(auto_now_add=True)
    paid = models.DateTimeField(null=True)

    class Meta:
        indexes = (
            models.Index(fields=["number"], condition=Q(state__in=["received", "paying"]), name="page_open"),
            models.Index(fields=["service", "period"], name="page_period"),
        )

    def __str__(self) -> str:
        return f"{self.id} {self.state}"


class Setback(models.Model):
    """A part of an upload, or a page that came, which fails: tried again until `again` is null, then it is set aside.

    What is behind it goes on. `reason` is the program's own word, for a technician; the log has the whole of it.
    """

    upload = models.UUIDField(null=True)
    part = models.IntegerField(null=True)
    page = models.UUIDField(null=True)
    service = models.CharField(max_length=64)
    tries = models.IntegerField(default=0)
    reason = models.CharField(max_length=300)
    again = models.DateTimeField(null=True, help_text="when it is tried next; null: it is set aside")
    at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["upload", "part"], condition=Q(page=None), name="setback_part"),
            models.UniqueConstraint(fields=["page"], condition=Q(page__isnull=False), name="setback_page"),
        )

    def __str__(self) -> str:
        return f"{self.upload or self.page} {self.reason}"


class FileRow(models.Model):
    """A row that was a row: what it costs and what became of it. `cells` is its text, by the fields' order, as JSON."""

    class State(models.TextChoices):
        COUNTED = "counted"
        HELD = "held"
        DROPPED = "dropped"  # held, and an officer said no
        DISPUTED = "disputed"  # it counts where it was made, and the payer did not accept it

    id = models.BigAutoField(primary_key=True)
    service = models.CharField(max_length=64)
    key = models.TextField()
    by = models.CharField(max_length=16)
    payer = models.CharField(max_length=16)
    subject = models.TextField()
    day = models.DateField()
    cells = models.TextField()
    state = models.CharField(max_length=8, choices=State)
    amount = models.BigIntegerField(null=True)
    upload = models.UUIDField(null=True, help_text="null: the other node sent it")
    line = models.IntegerField(null=True)
    page = models.UUIDField(null=True)

    class Meta:
        constraints = (models.UniqueConstraint(fields=["service", "key"], name="filerow_once"),)
        indexes = (
            models.Index(fields=["service", "subject", "day"], name="filerow_subject"),
            models.Index(fields=["upload", "line"], condition=Q(upload__isnull=False), name="filerow_upload"),
            models.Index(fields=["page"], condition=Q(page__isnull=False), name="filerow_page"),
            models.Index(fields=["service", "id"], condition=Q(state="held"), name="filerow_held"),
            models.Index(fields=["service", "id"], condition=Q(state="disputed"), name="filerow_disputed"),
        )

    def __str__(self) -> str:
        return f"{self.service} {self.key}"


class RowNote(models.Model):
    """What was said of one row: why it does not count, why it waits, what an officer decided."""

    class Kind(models.TextChoices):
        REFUSED = "refused"
        DUPLICATE = "duplicate"
        HELD = "held"
        RELEASED = "released"
        DROPPED = "dropped"
        DISPUTED = "disputed"
        ADJUSTED = "adjusted"

    id = models.BigAutoField(primary_key=True)
    upload = models.UUIDField(null=True)
    page = models.UUIDField(null=True)
    line = models.IntegerField(null=True)
    key = models.TextField(blank=True)
    kind = models.CharField(max_length=9, choices=Kind)
    field = models.TextField(blank=True)
    code = models.TextField()
    zh = models.TextField()
    en = models.TextField()
    by = models.CharField(max_length=64, blank=True)
    at = models.DateTimeField(db_default=Now())

    class Meta:
        indexes = (
            models.Index(fields=["upload", "line"], condition=Q(upload__isnull=False), name="rownote_upload"),
            models.Index(fields=["page"], condition=Q(page__isnull=False), name="rownote_page"),
            # what officers decided is little among very much
            models.Index(fields=["id"], condition=Q(kind__in=["released", "dropped"]), name="rownote_decided"),
            models.Index(fields=["id"], condition=Q(kind="adjusted", field="waiting"), name="rownote_adjusting"),
        )

    def __str__(self) -> str:
        return f"{self.kind} {self.code}"


class Reconciliation(models.Model):
    """One direction of a closed window, row by row, as both nodes have it. `differences` counts the lines that are not alike."""

    window = models.BigIntegerField(help_text="clearing.Window")
    service = models.CharField(max_length=64)
    period = models.CharField(max_length=10)
    payer = models.CharField(max_length=64)
    rows = models.BigIntegerField()
    total = models.BigIntegerField()
    sha256 = models.CharField(max_length=64)
    their_rows = models.BigIntegerField()
    their_total = models.BigIntegerField()
    their_sha256 = models.CharField(max_length=64)
    at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = (models.UniqueConstraint(fields=["window", "payer"], name="reconciliation_once"),)

    def __str__(self) -> str:
        return f"{self.service} {self.period} {self.payer}"

    @property
    def equal(self) -> bool:
        """Rows, sum and hash are the same at both nodes."""
        return (self.rows, self.total, self.sha256) == (self.their_rows, self.their_total, self.their_sha256)


class RowDifference(models.Model):
    """A row of a closed window that two nodes do not have alike: what each says it costs, null where it is missing."""

    window = models.BigIntegerField()
    page = models.UUIDField()
    key = models.TextField()
    payer = models.CharField(max_length=64)
    ours = models.BigIntegerField(null=True)
    theirs = models.BigIntegerField(null=True)
    found = models.DateTimeField(auto_now_add=True)
    resolved = models.DateTimeField(null=True)
    transfer = models.UUIDField(null=True, help_text="the adjustment that resolved it")
    by = models.CharField(max_length=64, blank=True)
    note = models.TextField(blank=True)

    class Meta:
        constraints = (models.UniqueConstraint(fields=["window", "page", "key"], name="rowdifference_once"),)

    def __str__(self) -> str:
        return f"{self.key}: {self.ours} / {self.theirs}"
