"""What a node stores about the public's verdict: one rating per case, and what was done about a bad one."""

import uuid

from django.db import models
from django.db.models import Q


class Rating(models.Model):
    """One rating. `token` says that a case was rated without saying which: nobody finds the case from it without the key.

    `case` is there only where the person gave it; of an anonymous rating not even the hour is kept.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    token = models.CharField(max_length=32, unique=True)
    service = models.CharField(max_length=64)
    agency = models.CharField(max_length=64, help_text='who took the case in: "sichuan/hrss"')
    level = models.CharField(max_length=20)
    bad = models.BooleanField()
    comment = models.TextField(blank=True)
    case = models.UUIDField(null=True)
    on = models.DateField()
    due = models.DateField(null=True, help_text="until when somebody must have looked into a bad one")
    provisional = models.BooleanField(default=False)
    done = models.DateTimeField(null=True)
    done_by = models.CharField(max_length=160, blank=True)
    result = models.CharField(max_length=12, blank=True)
    answer = models.TextField(blank=True)

    class Meta:
        indexes = (
            models.Index(fields=["agency", "due"], condition=Q(bad=True, done=None), name="rating_call_backs"),
            models.Index(fields=["service", "on"], name="rating_of_service"),
        )

    def __str__(self) -> str:
        return f"{self.service} {self.level}"
