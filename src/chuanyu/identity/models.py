"""What is stored: users, agencies, staff, people (sealed), every look at a sealed person; who may act for whom, what a
person agreed to, and what somebody has begun to fill in (sealed)."""

import uuid

from django.contrib.auth.models import AbstractUser
from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from chuanyu.core.service import NODES

NODE_CHOICES = [(node, node) for node in NODES]


class Person(models.Model):
    """One human being. `id` is random and used everywhere; the number is only in `sealed`, found only by `lookup`."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    lookup = models.BinaryField(max_length=32, unique=True)  # HMAC-SHA256(lookup key, id type | number)
    sealed = models.BinaryField()  # version byte, nonce, AES-256-GCM of {number, name, household}; see vault.py
    created = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return str(self.id)


class Reveal(models.Model):
    """One decryption: who looked at whom, what for. Rows are only ever added (by privilege, see the migration)."""

    person = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="reveals")
    actor = models.CharField(max_length=200)
    purpose = models.CharField(max_length=100)
    trace = models.CharField(max_length=100, blank=True)  # the message, case or request it belongs to
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        indexes = (
            models.Index(fields=["person", "at"]),
            BrinIndex(fields=["at"], name="reveal_day", autosummarize=True),  # rows only ever come in the order of time
        )

    def __str__(self) -> str:
        return f"{self.actor} → {self.person_id} ({self.purpose})"


class Search(models.Model):
    """One search for a person by number, found (`person`) or not; the number itself is not kept. Rows are only ever added."""

    actor = models.CharField(max_length=200)
    purpose = models.CharField(max_length=100)
    person = models.ForeignKey(Person, null=True, on_delete=models.PROTECT, related_name="searches")
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        indexes = (models.Index(fields=["actor", "at"], name="search_by_actor"),)

    def __str__(self) -> str:
        return f"{self.actor} ({self.purpose})"


class Agency(models.Model):
    """A lead unit of the plan, at its node. Every node knows the agencies of both."""

    node = models.CharField(max_length=20, choices=NODE_CHOICES)
    code = models.SlugField(max_length=20)
    name_zh = models.CharField(max_length=100)
    name_en = models.CharField(max_length=150)
    uscc = models.CharField(max_length=18, blank=True)  # unified social credit code, GB 32100; blank = not on record

    class Meta:
        constraints = (models.UniqueConstraint(fields=["node", "code"], name="agency_once_per_node"),)
        ordering = ("node", "id")

    def __str__(self) -> str:
        return f"{self.node}/{self.code}"


class User(AbstractUser):
    """A sign-in. A resident's is tied to a person; staff sign in as staff, never as themselves."""

    class Kind(models.TextChoices):
        RESIDENT = "resident", _("居民")
        STAFF = "staff", _("工作人员")

    kind = models.CharField(max_length=10, choices=Kind)
    person = models.ForeignKey(Person, null=True, blank=True, on_delete=models.PROTECT, related_name="users")
    display = models.CharField(max_length=60, blank=True)  # what the header shows; a resident's surname is masked
    messages_seen = models.DateTimeField(null=True, blank=True)  # when a resident last read their messages

    class Meta:
        constraints = (
            models.CheckConstraint(
                name="resident_has_person_staff_has_none",
                condition=Q(kind="resident", person__isnull=False) | Q(kind="staff", person__isnull=True),
            ),
        )


class Staff(models.Model):
    """One job of one sign-in: clerk (窗口), officer (审核、管理) or office (专班) of an agency of this node."""

    class Role(models.TextChoices):
        CLERK = "clerk", _("窗口人员")
        OFFICER = "officer", _("经办负责人")
        OFFICE = "office", _("专班")

    user = models.OneToOneField(User, on_delete=models.CASCADE, related_name="staff")
    agency = models.ForeignKey(Agency, on_delete=models.PROTECT, related_name="staff")
    role = models.CharField(max_length=10, choices=Role)

    def __str__(self) -> str:
        return f"{self.user} ({self.role}, {self.agency})"


class Delegation(models.Model):
    """One person lets another act for them, in some services, until a day. It counts once the other one has accepted.

    `delegate` is null where the number is nobody's here, or the name typed is not theirs: such an offer looks like any
    other and is never accepted, so that nobody learns from it who is known here.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    principal = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="given")
    delegate = models.ForeignKey(Person, null=True, on_delete=models.PROTECT, related_name="received")
    named = models.CharField(max_length=60)  # the name the principal typed, masked
    principal_name = models.CharField(max_length=60)  # masked: what the header says while the delegate acts
    relation = models.CharField(max_length=10)  # see delegations.Relation
    services = models.JSONField(null=True)  # keys of services; null: every one
    until = models.DateField()
    offered = models.DateTimeField(auto_now_add=True)
    accepted = models.DateTimeField(null=True)
    ended = models.DateTimeField(null=True)
    ended_by = models.CharField(max_length=10, blank=True)  # principal | delegate

    class Meta:
        indexes = (
            models.Index(fields=["delegate"], condition=Q(ended=None), name="delegation_received"),
            models.Index(fields=["principal"], name="delegation_given"),
        )

    def __str__(self) -> str:
        return f"{self.principal_id} → {self.delegate_id}"


class Consent(models.Model):
    """A person agreed that an agency may ask the other node for named facts, for one service, until a day."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    person = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="consents")
    purpose = models.CharField(max_length=64)  # a service's key, as in the compact
    service = models.CharField(max_length=64)
    agency = models.CharField(max_length=64)  # who may ask: "sichuan/hrss"
    source = models.CharField(max_length=20, choices=NODE_CHOICES)  # who is asked
    fields = models.JSONField()  # which facts: ["person.household"]
    given = models.DateTimeField(auto_now_add=True)
    until = models.DateField()
    withdrawn = models.DateTimeField(null=True)
    used = models.PositiveIntegerField(default=0)
    last_used = models.DateTimeField(null=True)

    class Meta:
        indexes = (models.Index(fields=["person", "service"], name="consent_of_person"),)

    def __str__(self) -> str:
        return f"{self.person_id} {self.purpose}"


class Draft(models.Model):
    """What somebody has begun to fill in, sealed, so that it outlives their session. Deleted when it is filed, or with age."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="drafts")
    person = models.ForeignKey(Person, on_delete=models.CASCADE, related_name="drafts")  # for whom
    service = models.CharField(max_length=64)
    sealed = models.BinaryField()
    changed = models.DateTimeField(db_index=True)

    class Meta:
        constraints = (models.UniqueConstraint(fields=["user", "person", "service"], name="one_draft_each"),)

    def __str__(self) -> str:
        return f"{self.service} {self.changed:%Y-%m-%d}"
