"""What a clerk did on one day: by step and outcome, case by case, and whose records they opened. On the page and as CSV."""

import csv
from collections import Counter
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from io import StringIO

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.timezone import localtime
from django.utils.translation import gettext

from chuanyu.cases import queries
from chuanyu.cases.views import DoneView
from chuanyu.core import days
from chuanyu.core.text import Text
from chuanyu.identity.access import actor
from chuanyu.identity.queries import looks
from chuanyu.portal import purposes, words
from chuanyu.portal.tables import harmless
from chuanyu.portal.templatetags.portal import outcome_words
from chuanyu.portal.words import say

OLDEST = 31  # days back that can be asked for


@dataclass(frozen=True)
class Line:
    """So many steps of one kind with one outcome."""

    name: Text
    title: Text
    outcome: str
    count: int


def shift(request: HttpRequest) -> HttpResponse:
    """Today, or the `day` asked for."""
    who, day = actor(request), _day(request.GET.get("day", ""))
    since = datetime.combine(day, datetime.min.time(), days.SHANGHAI)
    done = queries.done_by(who, since, since + timedelta(days=1))
    if request.GET.get("as") == "csv":
        return _csv(done, day)
    today = days.today()
    context = {
        "day": day,
        "is_today": day == today,
        "before": day - timedelta(days=1) if day > today - timedelta(days=OLDEST) else None,
        "after": day + timedelta(days=1) if day < today else None,
        "done": done,
        "lines": _lines(done),
        "cases": len({each.case for each in done}),
        "looks": [(purposes.said(purpose), people) for purpose, people in looks(who, since, since + timedelta(days=1))],
        "crumbs": [("", Text("今天办的", "Today's work") if day == today else Text(*(words.day(day),) * 2))],
    }
    return render(request, "portal/counter/shift.html", context)


def _lines(done: list[DoneView]) -> list[Line]:
    """By service and step, in the order of the catalogue's words; the most frequent outcome first."""
    counts = Counter((each.name, each.title, each.outcome) for each in done)
    found = [Line(name, title, outcome, n) for (name, title, outcome), n in counts.items()]
    return sorted(found, key=lambda line: (line.name.zh, line.title.zh, -line.count, line.outcome))


def _csv(done: list[DoneView], day: date) -> HttpResponse:
    """For a spreadsheet: UTF-8 with its mark, as office programs want it. It holds no name and no number."""
    out = StringIO()
    table = csv.writer(out)
    table.writerow(
        [gettext("时间"), gettext("办件"), gettext("事项"), gettext("步骤"), gettext("结果"), gettext("办后状态")]
    )
    for each in reversed(done):
        when = f"{localtime(each.at):%Y-%m-%d %H:%M:%S}"
        said = [say(each.name), say(each.title), outcome_words(each.outcome), say(each.state_title)]
        table.writerow([when, each.reference, *map(harmless, said)])
    answer = HttpResponse("\ufeff" + out.getvalue(), content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="shift-{day.isoformat()}.csv"'
    return answer


def _day(text: str) -> date:
    today = days.today()
    try:
        asked = date.fromisoformat(text)
    except ValueError:
        return today
    return asked if today - timedelta(days=OLDEST) <= asked <= today else today
