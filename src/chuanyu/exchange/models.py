"""What exchange stores. `actions`, `inbox`, `register` write it; the gateway its log, answers and inbox rows, in SQL.

Every column the gateway fills has a database default where one makes sense, so its plain INSERTs stay short.
"""

from django.db import models
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import Now


class Outbox(models.Model):
    """A message on its way to the peer, written in the transaction that caused it.

    Positions are 1, 2, 3 … without a gap in each stream. A row may leave when it is `waiting`, not held, its `next_try`
    has come, and every row of its stream before it is `sent` or `dropped`. So a held or dead row stops its stream only.
    """

    WAITING, SENT, DEAD, DROPPED = "waiting", "sent", "dead", "dropped"
    STATES = ((WAITING, "waiting"), (SENT, "sent"), (DEAD, "dead"), (DROPPED, "dropped"))

    id = models.UUIDField(primary_key=True)  # the message id, UUIDv7
    stream = models.TextField()
    position = models.BigIntegerField()
    to_node = models.TextField()
    envelope = models.BinaryField()  # the exact body that is sent and signed
    state = models.TextField(choices=STATES, default=WAITING, db_default=WAITING)
    tries = models.IntegerField(default=0, db_default=0)
    next_try = models.DateTimeField(db_default=Now())
    last_error = models.JSONField(null=True)  # a refusal body, or {"error": …} when nobody answered
    receipt = models.JSONField(null=True)  # the peer's signed receipt
    answered = models.BooleanField(default=False, db_default=False)  # the peer gave a final answer to this id
    told = models.BooleanField(default=False, db_default=False)  # the `returned` handler has run for this dead row
    created = models.DateTimeField(db_default=Now())
    sent = models.DateTimeField(null=True)
    closed_by = models.TextField(default="", db_default="")  # who dropped or resent it last
    closed_why = models.TextField(default="", db_default="")

    class Meta:
        constraints = (models.UniqueConstraint(fields=["stream", "position"], name="outbox_stream_position"),)
        indexes = (
            models.Index(
                fields=["state", "next_try"],
                name="outbox_state_next",
                condition=~models.Q(state__in=["sent", "dropped"]),
            ),
            # what the courier asks of a stream: is anything before this row still unfinished?
            models.Index(
                fields=["stream", "position"],
                name="outbox_unfinished",
                condition=~models.Q(state__in=["sent", "dropped"]),
            ),
            models.Index(
                KeyTextTransform("trace", "last_error"),
                name="outbox_trace",
                condition=models.Q(last_error__isnull=False),
            ),
        )

    def __str__(self) -> str:
        return f"{self.id} {self.state}"


class Inbox(models.Model):
    """A message the gateway accepted. A worker applies it once; what could not be applied stays for an officer."""

    NEW, PARKED, APPLIED, REFUSED, DEAD, DROPPED = "new", "parked", "applied", "refused", "dead", "dropped"
    STATES = (
        (NEW, "new"),
        (PARKED, "parked"),  # came too early; tried again when something changes
        (APPLIED, "applied"),
        (REFUSED, "refused"),  # a handler said no, for good; the sender was told
        (DEAD, "dead"),  # failed too often for a reason nobody foresaw
        (DROPPED, "dropped"),
    )

    id = models.UUIDField(primary_key=True)
    stream = models.TextField(default="", db_default="")  # the envelope's; "" = a stream of its own
    envelope = models.BinaryField()
    received = models.DateTimeField(db_default=Now())
    state = models.TextField(choices=STATES, default=NEW, db_default=NEW)
    error = models.JSONField(null=True)  # {"code", "text": {"zh", "en"}, "trace"}
    tries = models.IntegerField(default=0, db_default=0)
    next_try = models.DateTimeField(db_default=Now())
    applied = models.DateTimeField(null=True)
    closed_by = models.TextField(default="", db_default="")
    closed_why = models.TextField(default="", db_default="")

    class Meta:
        indexes = (
            models.Index(fields=["state", "next_try"], name="inbox_state", condition=~models.Q(state="applied")),
            models.Index(
                fields=["stream", "received", "id"],
                name="inbox_open",
                condition=models.Q(state__in=["new", "parked", "dead"]),
            ),
            models.Index(fields=["stream"], name="inbox_stream", condition=~models.Q(stream="")),
            models.Index(
                KeyTextTransform("trace", "error"), name="inbox_trace", condition=models.Q(error__isnull=False)
            ),
        )

    def __str__(self) -> str:
        return f"{self.id} {self.state}"


class Answer(models.Model):
    """The final answer given to a message id: asked again it is repeated; with other content the id is refused."""

    id = models.UUIDField(primary_key=True)  # the message id
    digest = models.TextField()  # hex SHA-256 of the request body
    status = models.SmallIntegerField()
    body = models.BinaryField()
    at = models.DateTimeField(db_default=Now())

    def __str__(self) -> str:
        return f"{self.id} {self.status}"


class Log(models.Model):
    """One message or answer that crossed. Append-only: the node's role may only read it (see the next migration)."""

    idx = models.BigIntegerField(primary_key=True)  # 0, 1, 2 … without a gap: the leaf's place in the tree
    at = models.DateTimeField()
    direction = models.TextField()  # sent | received | answer_sent | answer_received
    message = models.UUIDField()
    peer = models.TextField()
    from_agency = models.TextField()
    to_agency = models.TextField()
    service = models.TextField()
    action = models.TextField()
    purpose = models.TextField()
    basis = models.JSONField()  # list of keys of the service's basis, or consent ids
    fields = models.JSONField()  # names of the documents carried; [] = none
    subject = models.TextField(null=True)  # noqa: DJ001  the sealed token, never the number; null = about nobody
    digest = models.TextField()  # hex SHA-256 of the body
    signature = models.TextField()
    key_id = models.TextField()
    status = models.SmallIntegerField()  # HTTP status of the answer; 0 for a message still unanswered
    code = models.TextField()  # refusal code, "" when none
    leaf = models.BinaryField()  # 32 bytes, RFC 9162 leaf hash

    class Meta:
        indexes = (
            models.Index(fields=["subject", "idx"], name="log_subject_idx"),
            models.Index(fields=["message"], name="log_message"),
            models.Index(  # an agency's messages by time, for its console
                models.Case(models.When(direction="sent", then="from_agency"), default="to_agency"),
                "at",
                "idx",
                name="log_console",
                condition=models.Q(direction__in=["sent", "received"]),
            ),
        )

    def __str__(self) -> str:
        return f"{self.idx} {self.direction} {self.message}"


class Compact(models.Model):
    """A compact this node installed. The one with the highest version is in force; the others are kept as evidence."""

    version = models.IntegerField(primary_key=True)
    body = models.TextField()  # canonical JSON
    signatures = models.JSONField()  # {node: {"key": key id, "signature": base64}}
    since = models.DateTimeField(db_default=Now())  # when this node installed it

    def __str__(self) -> str:
        return f"compact {self.version}"


class RegisterEntry(models.Model):
    """Front register 前置库: a typed document an agency of this node holds about a person, and when it is valid."""

    agency = models.TextField()
    document = models.TextField()  # "service.document", e.g. "pension_transfer.account_record"
    person = models.UUIDField()
    body = models.JSONField()
    valid_from = models.DateField()
    valid_to = models.DateField(null=True)  # the last valid day; null = open
    source = models.TextField()  # the file or system it came from
    digest = models.TextField()  # hex SHA-256 of the canonical body
    entered = models.DateTimeField(db_default=Now())

    class Meta:
        indexes = (
            models.Index(fields=["person", "agency", "document", "-valid_from"], name="register_person"),
            models.Index(fields=["document", "digest"], name="register_body"),  # who holds a wallet of this number
        )

    def __str__(self) -> str:
        return f"{self.agency} {self.document} {self.valid_from}"
