"""An agency's own rooms: its lines of the compact, the keys that speak for it, how it keeps its terms, its messages."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from chuanyu.cases import queries as cases
from chuanyu.cases.shifts import WINDOW
from chuanyu.cases.views import LevelView
from chuanyu.core import days
from chuanyu.core.catalogue import catalogue
from chuanyu.core.service import Service
from chuanyu.core.text import Text
from chuanyu.exchange import queries as exchange
from chuanyu.exchange.grants import ATTACHMENT, BUILT_IN, OWN_DATA_BASIS, PORTALS, Grant
from chuanyu.identity.access import actor
from chuanyu.identity.actor import Actor
from chuanyu.identity.queries import agency_name
from chuanyu.portal import words
from chuanyu.portal.agency.agency import crumbs, rooms
from chuanyu.portal.counter.queue import word

ACTIONS = {
    "case.events": Text("移交办件和每一步", "hand over a case and each of its steps"),
    "case.attachment": Text("送附件", "send files"),
    "case.request": Text("请对方办一步", "ask the other side for a step"),
    "returned": Text("退回对方的报文", "return a message"),
    "clearing.window": Text("送清算期的签字", "send a window's signature"),
    "clearing.difference": Text("核对清算差异", "settle a difference between the books"),
    "clearing.order": Text("告知支付单的进展", "tell how a payment order stands"),
    "clearing.prepaid": Text("告知预付金的变动", "tell how a prepayment changed"),
    "clearing.page": Text("送一页记录", "send a page of rows"),
    "clearing.page_answer": Text("答复哪些记录收下了", "answer which rows were accepted"),
    "clearing.rows": Text("核对一期的记录", "compare the rows of a period"),
    "clearing.row_adjusted": Text("告知调整了的记录", "tell of a row that was adjusted"),
    "known_facts": Text("凭本人同意调取已知信息", "fetch what is known, on the person's consent"),
    "own_data": Text("问本人数据的使用记录", "ask who used a person's data"),
}
BASES = {
    OWN_DATA_BASIS: Text("《个人信息保护法》第45条", "Personal Information Protection Law, art. 45"),
    "consent": Text("本人同意", "The person's consent"),
}
ANSWERED = {
    "accepted": (Text("已收下", "Accepted"), "done"),
    "refused": (Text("拒绝", "Refused"), "stop"),
    "later": (Text("稍后再试", "Tried again later"), "ask"),
    "none": (Text("还没有答复", "No answer yet"), "wait"),
}


@dataclass(frozen=True)
class Line:
    """One grant in words."""

    id: str
    other: Text
    actions: list[Text]
    basis: list[Text]
    papers: list[Text]


@dataclass(frozen=True)
class Agreed:
    """What the compact says about the agency in one service."""

    key: str
    name: Text
    service: Service | None
    asks: list[Line]
    answers: list[Line]


def grants(request: HttpRequest) -> HttpResponse:
    """By service: what we may send and to whom, what we may be sent and answer for."""
    asks, answers = exchange.grants_of(_key(request))
    keys = dict.fromkeys(line.service for line in (*asks, *answers))
    known = catalogue()
    agreed = [
        Agreed(
            key,
            known[key].name if key in known else BUILT_IN.get(key, Text(key, key)),
            known.get(key),
            [_line(line, line.to) for line in asks if line.service == key],
            [_line(line, line.from_) for line in answers if line.service == key],
        )
        for key in keys
    ]
    return _room(
        request,
        "grants",
        Text("能问什么，要答什么", "What we may ask and answer for"),
        agreed=agreed,
        compact=exchange.compact_view(),
    )


def keys(request: HttpRequest) -> HttpResponse:
    """The keys of both nodes, and who signed the compact with which."""
    found = exchange.public_keys(timezone.now())
    mine = [key for key in found if key.node == actor(request).node]
    theirs = [key for key in found if key.node != actor(request).node]
    return _room(request, "keys", Text("密钥", "Keys"), mine=mine, theirs=theirs, compact=exchange.compact_view())


def levels(request: HttpRequest) -> HttpResponse:
    """How each step of ours keeps its term."""
    found = cases.levels(_key(request), days.today())
    by_service: dict[str, list[LevelView]] = {}
    for level in found:
        by_service.setdefault(level.service, []).append(level)
    done, on_time = sum(level.done for level in found), sum(level.on_time for level in found)
    return _room(
        request,
        "levels",
        Text("办理时限", "Service levels"),
        services=[(rows[0].name, rows) for rows in by_service.values()],
        done=done,
        share=Decimal(on_time) / done if done else None,
        late=sum(level.late for level in found),
        window=WINDOW,
    )


@require_safe
def messages(request: HttpRequest) -> HttpResponse:
    """Our messages: who, what, on which basis, and the answer. Their content stays closed."""
    who, given = actor(request), request.GET
    text = given.get("q", "").replace("\0", "").strip()[:80]
    answer = given.get("answer", "") if given.get("answer") in exchange.ANSWERS else ""
    service, day = word(given.get("service", "")), _day(given.get("day", ""))
    before = given.get("before", "")
    found = exchange.messages(
        who, answer=answer, service=service, day=day, among=_meant(who, text) if text else None,
        before=int(before) if before.isascii() and before.isdigit() and len(before) <= 18 else None,
    )  # fmt: skip
    rows = [
        (one, _other(one.to_agency if one.sent else one.from_agency), service_said(one.service), action_said(one.action),
         _papers(one.service, one.fields), _bases(one.service, one.basis))
        for one in found.rows
    ]  # fmt: skip
    return _room(
        request,
        "messages",
        Text("报文", "Messages"),
        rows=rows,
        page=found,
        older="before" in given,
        text=text,
        answer=answer,
        answers=[(key, ANSWERED[key][0]) for key in exchange.ANSWERS],
        answered=ANSWERED,
        service=service,
        services=[(key, known.name) for key, known in catalogue().items()],
        day=day,
        asked=bool(text or answer or service or day),
        link=exchange.link_state(),
        letters=len(exchange.dead_letters(who)),
    )


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def _meant(who: Actor, text: str) -> set[UUID]:
    """Messages by what was typed: a number of theirs, a trace, or the reference of a case of this agency."""
    try:
        return exchange.by_number(UUID(text))
    except ValueError:
        case = cases.referred(text, who)
    return exchange.by_stream(str(case)) if case else set()


def _room(request: HttpRequest, name: str, title: Text, **more: Any) -> HttpResponse:
    who = actor(request)
    context = {
        "title": title,
        "agency": agency_name(_key(request)),
        "agency_key": _key(request),
        "node": who.node,
        "rooms": rooms(request),
        "crumbs": crumbs(("", title)),
        **more,
    }
    return render(request, f"portal/agency/{name}.html", context)


def _key(request: HttpRequest) -> str:
    who = actor(request)
    return f"{who.node}/{who.agency}"


def _line(grant: Grant, other: str) -> Line:
    return Line(
        grant.id,
        _other(other),
        [action_said(action) for action in grant.actions],
        _bases(grant.service, grant.basis),
        _papers(grant.service, grant.fields),
    )


def _other(key: str) -> Text:
    """An agency by its key; the portals, which speak for residents, are none of the plan's."""
    return PORTALS.get(key) or agency_name(key)


def service_said(service: str) -> Text:
    known = catalogue().get(service)
    return known.name if known else BUILT_IN.get(service, Text(service, service))


def action_said(action: str) -> Text:
    return ACTIONS.get(action, Text(action, action))


def _bases(service: str, refs: Iterable[str]) -> list[Text]:
    """Legal bases by their numbers (文号)."""
    known = catalogue().get(service)
    found = []
    for ref in refs:
        said = words.source(known, ref) if known and ref.partition("#")[0] in known.basis else ""
        found.append(Text(said, said) if said else BASES.get(ref.partition(":")[0], Text(ref, ref)))
    return found


def _papers(service: str, names: Iterable[str]) -> list[Text]:
    """Documents by their titles."""
    known = catalogue().get(service)
    specs = known.documents if known else {}
    own = {ATTACHMENT: Text("申请人的文件", "the applicant's files")}
    return [specs[name].title if name in specs else own.get(name, Text(name, name)) for name in names]
