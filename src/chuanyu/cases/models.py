"""What a node stores about cases: the declaration they began under, the case as it stands, and how it came to be so."""

from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.db.models import Q


class Declaration(models.Model):
    """service.yaml as plain data, by its hash. A running case keeps the one it began under, at both nodes."""

    hash = models.CharField(max_length=64, primary_key=True)
    service = models.CharField(max_length=64)
    body = models.JSONField()
    since = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return f"{self.service} {self.hash[:12]}"


class Case(models.Model):
    """Where a case stands at this node: the sum of its events. The due columns are the truth; jobs only look at them.

    `due` counts from `received`, the moment the owner got the case, and only where the owner is this node.
    `shipped` is the last event the other node has been sent (or sent us); 0 while it knows nothing of the case.
    """

    id = models.UUIDField(primary_key=True)
    reference = models.CharField(max_length=24, unique=True)
    service = models.CharField(max_length=64)
    declaration = models.ForeignKey(Declaration, on_delete=models.PROTECT)
    person = models.UUIDField()
    parties = models.JSONField(help_text='{"receiving": "sichuan/hrss", …}')
    filed_at = models.CharField(max_length=16)
    origin = models.CharField(
        max_length=6,
        blank=True,
        default="",
        help_text="county of the household registration, known where it was filed; a province elsewhere; for flows only",
    )
    filed = models.DateTimeField()
    many = models.BooleanField(
        default=False,
        db_default=False,
        help_text="a person may have more than one open case of the service, as declared",
    )
    state = models.CharField(max_length=64)
    final = models.BooleanField(default=False)
    owner = models.CharField(max_length=64, blank=True, help_text='"sichuan/hrss"; empty when final')
    since = models.DateTimeField(help_text="when the state was entered")
    sequence = models.PositiveIntegerField()
    head = models.CharField(max_length=64, help_text="hash of the last event")
    shipped = models.PositiveIntegerField(default=0)
    posting = models.BooleanField(
        default=False, help_text="a transfer waits for the ledger; no step until it is settled"
    )
    files = models.PositiveSmallIntegerField(
        default=0, help_text="attachments, so that a case without any is not searched for them"
    )
    received = models.DateTimeField(null=True)
    due = models.DateField(null=True)
    provisional = models.BooleanField(default=False)
    escalated = models.DateTimeField(null=True)
    acts_at = models.DateTimeField(
        null=True, help_text="when this node does the state's automatic step; the worker looks here"
    )

    asked = False  # set where a case is locked: someone's request waits to be decided

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=["service", "person", "filed_at"], condition=Q(final=False, many=False), name="one_open_case"
            ),
        )
        indexes = (
            models.Index(fields=["person"], name="case_person"),
            models.Index(fields=["acts_at"], condition=Q(acts_at__isnull=False), name="case_acts_at"),
            models.Index(fields=["owner", "due", "since"], condition=Q(final=False), name="case_worklist"),
        )

    def __str__(self) -> str:
        return self.reference


class Event(models.Model):
    """One step of a case. `body` is what is hashed and sent; `actor` stays at the node where the person acted."""

    case = models.ForeignKey(Case, on_delete=models.PROTECT, related_name="events")
    sequence = models.PositiveIntegerField()
    hash = models.CharField(max_length=64)
    body = models.JSONField()
    actor = models.CharField(max_length=160, blank=True)
    stored = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = (models.UniqueConstraint(fields=["case", "sequence"], name="event_sequence"),)
        indexes = (
            BrinIndex(fields=["stored"], name="event_day", autosummarize=True),
        )  # rows only ever come in the order of time

    def __str__(self) -> str:
        return f"{self.case_id} {self.sequence}"


class CaseDocument(models.Model):
    """A document as an event took it. The newest of a name is the one in force; none is ever changed."""

    case = models.ForeignKey(Case, on_delete=models.PROTECT, related_name="documents")
    sequence = models.PositiveIntegerField()
    name = models.CharField(max_length=64)
    digest = models.CharField(max_length=64)
    body = models.JSONField()

    class Meta:
        constraints = (models.UniqueConstraint(fields=["case", "name", "sequence"], name="document_of_event"),)

    def __str__(self) -> str:
        return f"{self.case_id} {self.name}"


class Attachment(models.Model):
    """A file that came with a case. Its SHA-256 stands in the next event; the bytes cross with the next hand-over."""

    id = models.UUIDField(primary_key=True)
    case = models.ForeignKey(Case, on_delete=models.PROTECT, related_name="attachments")
    filename = models.CharField(max_length=200)
    media_type = models.CharField(max_length=64)
    size = models.PositiveIntegerField()
    sha256 = models.CharField(max_length=64)
    content = models.BinaryField()
    by = models.CharField(max_length=64)
    actor = models.CharField(
        max_length=160, blank=True, default="", db_default="", help_text="who added it, at this node"
    )
    node = models.CharField(max_length=16)
    at = models.DateTimeField()
    sequence = models.PositiveIntegerField(null=True, help_text="of the event that sealed its hash")
    removed = models.DateTimeField(
        null=True,
        help_text="when who added it took it back, before any event: its bytes are gone, that it was there is not",
    )
    shipped = models.BooleanField(default=False)

    def __str__(self) -> str:
        return self.filename


class Request(models.Model):
    """A step asked of the owner by someone who is not: it is decided where the owner is, once."""

    class Status(models.TextChoices):
        WAITING = "waiting"
        DONE = "done"
        REFUSED = "refused"

    id = models.UUIDField(primary_key=True)
    case = models.ForeignKey(Case, on_delete=models.PROTECT, related_name="requests")
    act = models.CharField(max_length=64)
    documents = models.JSONField(default=dict)
    note = models.TextField(blank=True)
    by = models.CharField(max_length=64, help_text='"applicant" or a party')
    node = models.CharField(max_length=16, help_text="where it was made")
    at = models.DateTimeField()
    asked = models.CharField(max_length=64, blank=True, help_text="the owner at the other node it was sent to")
    status = models.CharField(max_length=8, choices=Status, default=Status.WAITING)
    reason = models.CharField(max_length=64, blank=True)

    class Meta:
        indexes = (models.Index(fields=["case"], condition=Q(status="waiting"), name="request_waiting"),)

    def __str__(self) -> str:
        return f"{self.case_id} {self.act} {self.status}"
