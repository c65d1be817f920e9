"""What went wrong, as a page says it: a summary whose lines lead to the fields, or a sentence with a way on."""

from collections.abc import Iterable
from dataclasses import dataclass

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from chuanyu.cases.errors import CaseError
from chuanyu.core.documents import FieldError
from chuanyu.portal.forms import name_of
from chuanyu.portal.words import say


@dataclass(frozen=True)
class Problem:
    """A line of the error summary; `anchor` is the id of the field."""

    anchor: str
    message: str


def problems(errors: Iterable[FieldError]) -> list[Problem]:
    return [Problem(name_of(error.path), say(error.message)) for error in errors]


# which refusals mean "somebody was here before you", not "you typed something wrong"
CONFLICTS = {"moved_on", "duplicate", "no_such_step", "closed", "posting", "already_asked"}
OTHERS = {"not_yours": 403, "not_found": 404, "too_often": 429}


def refused(request: HttpRequest, error: CaseError, *, back: str, **more: object) -> HttpResponse:
    """An action said no: its sentence, the first case when this is a duplicate, and the way back.

    `more`: what the page says besides, such as `unsent` with its `case` and `to` (parts/unsent.html).
    """
    status = 409 if error.code in CONFLICTS else OTHERS.get(error.code, 422)
    return render(request, "portal/refused.html", {"error": error, "back": back, **more}, status=status)
