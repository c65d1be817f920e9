"""What clearing stores beside the ledger itself (ledger.sql): what is to be posted, and what windows become of."""

from uuid import UUID

from django.db import models
from django.db.models import Q

# Django finds an app's models from here
from chuanyu.clearing.files.models import FileRow as FileRow
from chuanyu.clearing.files.models import Page as Page
from chuanyu.clearing.files.models import Reconciliation as Reconciliation
from chuanyu.clearing.files.models import RowDifference as RowDifference
from chuanyu.clearing.files.models import RowNote as RowNote
from chuanyu.clearing.files.models import Setback as Setback
from chuanyu.clearing.files.models import Upload as Upload

NO_CASE = UUID(int=0)


class Window(models.Model):
    """What two agencies owe each other for one service and one period. Both nodes have it, each with the other as peer.

    `number` and `name` are the window's in the ledger, in the book of `own`. `statement` is what this node says was moved,
    `theirs` what the peer says, each with a signature over its canonical bytes. It closes when both are the same.
    """

    class State(models.TextChoices):
        OPEN = "open"
        CLOSING = "closing"  # nothing new is paid in it; the payee still mirrors what is on its way
        CLOSED = "closed"  # both nodes have signed the same
        SETTLED = "settled"  # every payment order was carried out
        RECONCILED = "reconciled"  # and the receiving banks have the money

    book = models.CharField(max_length=128, help_text='"nhsa/medical_settlement"')
    number = models.IntegerField()
    name = models.CharField(max_length=160)
    service = models.CharField(max_length=64)
    period = models.CharField(max_length=10, help_text='"2025-03" or "2025-03-05"')
    own = models.CharField(max_length=64, help_text='"chongqing/nhsa"')
    peer = models.CharField(max_length=64)
    unit = models.CharField(max_length=16)
    cycle = models.CharField(max_length=8, help_text="gross: an order each way; net: one")
    state = models.CharField(max_length=10, choices=State, default=State.OPEN)
    statement = models.JSONField(null=True)
    signature = models.JSONField(null=True)
    theirs = models.JSONField(null=True)
    their_signature = models.JSONField(null=True)
    compared = models.CharField(
        max_length=64, blank=True, help_text="digest of the two statements last compared by line"
    )
    cleared_out = models.BooleanField(default=False, help_text="what we owed is booked as paid")
    cleared_in = models.BooleanField(default=False, help_text="what they owed is booked as received")
    opened = models.DateTimeField(auto_now_add=True)
    closing = models.DateTimeField(null=True)
    closed = models.DateTimeField(null=True)
    settled = models.DateTimeField(null=True)
    reconciled = models.DateTimeField(null=True)

    class Meta:
        constraints = (models.UniqueConstraint(fields=["book", "name"], name="window_name"),)
        indexes = (models.Index(fields=["state"], condition=~Q(state="reconciled"), name="window_unfinished"),)

    def __str__(self) -> str:
        return self.name


class Instruction(models.Model):
    """A transfer a case asked for. It commits with the case's event; the poster executes it; its id is the transfer's id at both nodes."""

    class Side(models.TextChoices):
        PAYER = "payer"
        PAYEE = "payee"

    class Kind(models.TextChoices):
        PLAIN = "plain"
        PENDING = "pending"
        POST = "post"
        VOID = "void"
        REVERSE = "reverse"
        ADJUST = "adjust"  # undoes a transfer that only one node has, by an officer's decision

    class Status(models.TextChoices):
        WAITING = "waiting"
        POSTED = "posted"  # done; of a pending: reserved
        REFUSED = "refused"
        EXPIRED = "expired"  # a reservation that ran out of time and was given back

    id = models.UUIDField(primary_key=True)
    case = models.UUIDField(db_index=True, help_text="NO_CASE: an officer or a program of this node asked")
    sequence = models.PositiveIntegerField(help_text="of the event it commits with")
    service = models.CharField(max_length=64)
    name = models.CharField(max_length=64, help_text="the posting's name in the service")
    side = models.CharField(max_length=5, choices=Side)
    kind = models.CharField(max_length=7, choices=Kind, default=Kind.PLAIN)
    of = models.UUIDField(
        null=True, db_index=True, help_text="the transfer it posts, voids, reverses, adjusts or (plain) pays anew"
    )
    payer = models.CharField(max_length=64, help_text='"chongqing/hrss"')
    payee = models.CharField(max_length=64)
    source = models.CharField(max_length=64, default="fund", help_text='of the payer: fund, prepayment or "person/…"')
    target = models.CharField(max_length=64, default="fund", help_text='of the payee: fund or "person/…"')
    amount = models.BigIntegerField(help_text="in the unit's smallest part: fen")
    unit = models.CharField(max_length=16)
    cycle = models.CharField(max_length=8)
    window = models.ForeignKey(Window, on_delete=models.PROTECT, null=True, related_name="instructions")
    expires = models.DateTimeField(null=True, help_text="of a pending: then it is given back")
    status = models.CharField(max_length=8, choices=Status, default=Status.WAITING)
    reason = models.CharField(max_length=32, blank=True)
    ended = models.CharField(max_length=7, blank=True, help_text="of a pending: what resolved it: post | void | expire")
    at = models.DateTimeField(auto_now_add=True)
    settled = models.DateTimeField(null=True)

    class Meta:
        indexes = (
            models.Index(fields=["at"], condition=Q(status="waiting"), name="instruction_waiting"),
            models.Index(
                fields=["expires"],
                condition=Q(kind="pending", status="posted", ended="", expires__isnull=False),
                name="instruction_reserved",
            ),
            # the totals of a day: what was settled between two moments for the payer's and for the payee's side
            models.Index(
                fields=["payer", "settled"],
                condition=Q(side="payer", status="posted", sequence__gt=0),
                name="instruction_day_payer",
            ),
            models.Index(
                fields=["payee", "settled"],
                condition=Q(side="payee", status="posted", sequence__gt=0),
                name="instruction_day_payee",
            ),
        )

    def __str__(self) -> str:
        return f"{self.id} {self.status}"

    @property
    def own(self) -> str:
        """The agency in whose book it is posted."""
        return self.payer if self.side == self.Side.PAYER else self.payee

    @property
    def peer(self) -> str:
        """The other agency."""
        return self.payee if self.side == self.Side.PAYER else self.payer

    @property
    def book(self) -> str:
        """The payer's side posts to the payer's book, the payee's side to the payee's: "hrss/pension_transfer"."""
        return f"{self.own.partition('/')[2]}/{self.service}"

    @property
    def period(self) -> str:
        """The window's period, as it travels to the other node: "2025-03"; "" without a window."""
        return self.window.period if self.window else ""


class Difference(models.Model):
    """One line of a window that the two nodes do not have alike. `ours`, `theirs`: the signed amount, null where it is missing."""

    class How(models.TextChoices):
        ARRIVED = "arrived"  # it had been on its way
        ADJUSTED = "adjusted"

    window = models.ForeignKey(Window, on_delete=models.PROTECT, related_name="differences")
    transfer = models.UUIDField()
    mirror = models.BooleanField(help_text="the peer pays: here it is a mirror")
    ours = models.BigIntegerField(null=True)
    theirs = models.BigIntegerField(null=True)
    found = models.DateTimeField(auto_now_add=True)
    resolved = models.DateTimeField(null=True)
    how = models.CharField(max_length=8, choices=How, blank=True)
    by = models.CharField(max_length=64, blank=True)
    note = models.TextField(blank=True)

    class Meta:
        constraints = (models.UniqueConstraint(fields=["window", "transfer", "mirror"], name="difference_once"),)

    def __str__(self) -> str:
        return f"{self.window} {self.transfer}: {self.ours} / {self.theirs}"


class Order(models.Model):
    """A payment order to the payer's bank, known at both nodes: for a window, or for one transfer that settles alone."""

    class State(models.TextChoices):
        ISSUED = "issued"
        PAID = "paid"  # the payer's bank says so
        RECEIVED = "received"  # the payee's bank has it

    number = models.CharField(max_length=32, unique=True, help_text='"CQ20261123-000007"')
    instruction = models.OneToOneField(Instruction, on_delete=models.PROTECT, related_name="order", null=True)
    window = models.ForeignKey(Window, on_delete=models.PROTECT, related_name="orders", null=True)
    payer = models.CharField(max_length=64)
    payee = models.CharField(max_length=64)
    service = models.CharField(max_length=64)
    amount = models.BigIntegerField(help_text="in the unit's smallest part: fen")
    unit = models.CharField(max_length=16)
    state = models.CharField(max_length=8, choices=State, default=State.ISSUED)
    issued = models.DateTimeField()
    paid = models.DateTimeField(null=True)
    received = models.DateTimeField(null=True)

    class Meta:
        constraints = (models.UniqueConstraint(fields=["window", "payer"], name="order_once"),)

    def __str__(self) -> str:
        return self.number


class BankLine(models.Model):
    """One line of a bank's answer. A line that fits no order, or not its amount, is kept with the problem.

    A reference is the bank's own: on one day it stands for one line of an agency's account, and not in every bank for the same.
    """

    reference = models.CharField(max_length=64, help_text="the bank's own")
    account = models.CharField(
        max_length=64, blank=True, help_text="whose: the order's agency of this node; blank: no order"
    )
    number = models.CharField(max_length=32, help_text="of the order")
    direction = models.CharField(max_length=3, choices=(("out", "paid"), ("in", "received")))
    amount = models.BigIntegerField()
    day = models.DateField()
    order = models.ForeignKey(Order, on_delete=models.PROTECT, null=True, related_name="bank_lines")
    problem = models.CharField(
        max_length=32, blank=True, help_text="unknown_order | amount_differs | wrong_direction | twice | reference_used"
    )
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=["reference", "number", "direction", "amount", "day"], name="bank_line_once"
            ),
            models.UniqueConstraint(
                fields=["account", "day", "reference"], condition=Q(problem=""), name="bank_reference_once"
            ),
        )

    def __str__(self) -> str:
        return self.reference


class Prepayment(models.Model):
    """Money a payer keeps with a payee in advance. `opening` is what it was last brought to; alarms by the share that is used."""

    book = models.CharField(max_length=128)
    service = models.CharField(max_length=64)
    own = models.CharField(max_length=64)
    peer = models.CharField(max_length=64)
    side = models.CharField(max_length=5, choices=Instruction.Side, help_text="ours: payer or payee")
    unit = models.CharField(max_length=16)
    opening = models.BigIntegerField(default=0)
    yellow = models.DecimalField(max_digits=5, decimal_places=4)
    red = models.DecimalField(max_digits=5, decimal_places=4)

    class Meta:
        constraints = (models.UniqueConstraint(fields=["book", "peer", "side", "unit"], name="prepayment_once"),)

    def __str__(self) -> str:
        return f"{self.own} with {self.peer}"


class Deed(models.Model):
    """What somebody did with money by hand, and why. Rows are added, never changed: the node's role can't."""

    class What(models.TextChoices):
        FUND = "fund"  # money put into a fund
        PREPAY = "prepay"  # a prepayment opened or raised without a rule's figure
        CLOSE = "close"  # an account closed
        AGAIN = "again"  # what was adjusted, paid anew

    what = models.CharField(max_length=8, choices=What)
    own = models.CharField(max_length=64, help_text='whose book: "chongqing/nhsa"')
    service = models.CharField(max_length=64)
    account = models.CharField(max_length=160)
    transfer = models.UUIDField(null=True, help_text="what was posted, or is to be")
    amount = models.BigIntegerField(default=0, help_text="in the unit's smallest part: fen")
    unit = models.CharField(max_length=16)
    by = models.CharField(max_length=160)
    why = models.TextField()
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        indexes = (models.Index(fields=["own", "at"], name="deed_of_agency"),)

    def __str__(self) -> str:
        return f"{self.by}: {self.what} {self.own} {self.account}"
