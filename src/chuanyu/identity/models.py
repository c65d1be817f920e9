"""What is stored: users, agencies, staff, people (sealed), and every look at a sealed person."""

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
