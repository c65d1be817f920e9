"""What clearing stores beside the ledger itself (ledger.sql): what is to be posted, and the payment orders that follow."""

from django.db import models
from django.db.models import Q


class Instruction(models.Model):
    """A transfer a case asked for. It commits with the case's event; the poster executes it; its id is the transfer's id at both nodes."""

    class Side(models.TextChoices):
        PAYER = "payer"
        PAYEE = "payee"

    class Status(models.TextChoices):
        WAITING = "waiting"
        POSTED = "posted"
        REFUSED = "refused"

    id = models.UUIDField(primary_key=True)
    case = models.UUIDField(db_index=True)
    sequence = models.PositiveIntegerField(help_text="of the event it commits with")
    service = models.CharField(max_length=64)
    name = models.CharField(max_length=64, help_text="the posting's name in the service")
    side = models.CharField(max_length=5, choices=Side)
    payer = models.CharField(max_length=64, help_text='"chongqing/hrss"')
    payee = models.CharField(max_length=64)
    amount = models.BigIntegerField(help_text="in the unit's smallest part: fen")
    unit = models.CharField(max_length=16)
    cycle = models.CharField(max_length=8)
    status = models.CharField(max_length=8, choices=Status, default=Status.WAITING)
    reason = models.CharField(max_length=32, blank=True)
    at = models.DateTimeField(auto_now_add=True)
    settled = models.DateTimeField(null=True)

    class Meta:
        indexes = (models.Index(fields=["at"], condition=Q(status="waiting"), name="instruction_waiting"),)

    def __str__(self) -> str:
        return f"{self.id} {self.status}"


class Order(models.Model):
    """A payment order to the payer's bank: one per transfer where the cycle is gross (全额)."""

    instruction = models.OneToOneField(Instruction, on_delete=models.PROTECT, related_name="order")
    issued = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return self.number

    @property
    def number(self) -> str:
        """Payer's node, the day of issue and a running number: "CQ20261123-000007"."""
        node = {"chongqing": "CQ", "sichuan": "SC"}[self.instruction.payer.partition("/")[0]]
        return f"{node}{self.issued:%Y%m%d}-{self.pk:06d}"
