"""Files of rows 批量记录: hand one in, see how far it is and what became of every line, decide what was held, and how the two
nodes' pages and windows compare. The agency's own staff act; the office reads.
"""

import csv
import io
from collections.abc import Iterator
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.timezone import localtime
from django.utils.translation import gettext
from django.views.decorators.http import require_POST, require_safe

from chuanyu.clearing.actions import ClearingError
from chuanyu.clearing.files import intake, judging, paying, queries, reconcile, standing
from chuanyu.core.canonical import digest
from chuanyu.core.documents import DocumentError
from chuanyu.core.documents import fields as fields_of
from chuanyu.core.service import Service
from chuanyu.core.text import Text
from chuanyu.identity.access import actor
from chuanyu.identity.queries import agency_name, staff_names
from chuanyu.portal import tables, words
from chuanyu.portal.agency import sheets
from chuanyu.portal.agency.agency import FILES, crumbs, rooms
from chuanyu.portal.errors import Problem

LARGEST = 15 * 1024 * 1024  # bytes; the portal takes 16 MB of one request, the API takes larger files
SHOWN = 25  # uploads of a page
HELD = 50  # rows of a page that wait
NEWEST = 50  # pages that are listed besides those not paid
DECIDED = 50
HELD_TITLE, PAGES_TITLE = (
    Text("待核查的记录", "Rows that are held"),
    Text("清算页与逐行对账", "Pages and reconciliation"),
)


@require_safe
def uploads(request: HttpRequest) -> HttpResponse:
    """The files, newest first, with a form for the next one."""
    return _uploads(request, [])


def _uploads(request: HttpRequest, problems: list[str], *, chosen: str = "") -> HttpResponse:
    who, services = actor(request), queries.services(actor(request))
    before = _uuid(request.GET.get("before", ""))
    found = queries.uploads(who, before=before, limit=SHOWN + 1) if services else []
    shown = found[:SHOWN]
    looks = digest([[str(one.id), one.state, one.judged, one.held] for one in shown])[:16]
    part = request.headers.get("HX-Request") and request.GET.get("part") == "list"
    if part and request.GET.get("seen") == looks:
        return HttpResponse(status=204)  # nothing new: the focus stays where it is
    context = {
        "table": sheets.uploads(shown, {s.key: queries.unit(s.key) for s in services}, several=len(services) > 1),
        "looks": looks,
        "part": part,
        "reading": any(one.state == "reading" for one in shown),
        "older": shown[-1].id if len(found) > SHOWN else "",
        "later": before,
        "service": chosen or (services[0].key if services else ""),
        "columns": [(each, ",".join(_names(each))) for each in services],
        "may": _may_upload(request),
        "megabytes": LARGEST // 1024 // 1024,
        "problems": [Problem("file", each) for each in problems],
        "wrong": problems,
        **_standing(request, services),
    }
    template = "portal/agency/files_list.html" if part else "portal/agency/files.html"
    return _room(request, template, FILES, context, status=422 if problems else 200)


def _standing(request: HttpRequest, services: list[Service]) -> dict[str, Any]:
    """What waits for somebody, in all of these services."""
    who = actor(request)
    views = [one for each in services for one in standing.page_views(each.key, who, newest=0)]
    return {
        "held": sum(queries.held_count(each.key, who) for each in services),
        "to_pay": sum(one.ours and one.state == "unpaid" for one in views),
        "unpaid": len(views),
        "unlike": sum(len(standing.unlike(each.key, who)) for each in services),
    }


@require_POST
def take(request: HttpRequest) -> HttpResponse:
    """A file from the page: kept and judged, or refused with what is wrong with it."""
    key, file = request.POST.get("service", ""), request.FILES.get("file")
    if file is None:
        return _uploads(request, [gettext("请选择要上传的文件。")], chosen=key)
    if file.size is None or file.size > LARGEST:
        said = gettext("文件过大：这里一次最多 %(most)s MB。请压缩（gzip）、按日或按线路拆分，或用接口上传。")
        return _uploads(request, [said % {"most": LARGEST // 1024 // 1024}], chosen=key)
    try:
        made, new = intake.upload(service=key, actor=actor(request), name=file.name or "", chunks=file.chunks())
    except ClearingError as error:
        return _uploads(request, [words.say(error.text)], chosen=key)
    except DocumentError as error:
        return _uploads(request, [words.say(one.message) for one in error.errors], chosen=key)
    if new:
        messages.success(request, gettext("已收下 %(rows)s 行，正在逐行处理。") % {"rows": f"{made.rows:,}"})
    else:
        when = words.moment(made.received)
        messages.warning(request, gettext("同一个文件在%(when)s已经上传过，没有再计一次。") % {"when": when})
    return redirect("portal:upload", made.pk)


@require_safe
def upload(request: HttpRequest, id: UUID) -> HttpResponse:
    """One file: how far it is, what became of its rows, what fails."""
    who = actor(request)
    try:
        found = queries.upload(id, who)
    except ClearingError:
        raise Http404 from None
    looks = digest([found.state, found.judged, [one.tries for one in found.setbacks]])[:16]
    part = request.headers.get("HX-Request") and request.GET.get("part") == "state"
    if part and request.GET.get("seen") == looks:
        return HttpResponse(status=204)
    service = {each.key: each for each in queries.services(who)}.get(found.service)
    unit = queries.unit(found.service) if service else ""
    context = {
        "upload": found,
        "looks": looks,
        "part": part,
        "state": sheets.UPLOADS[found.state][0],
        "progress": sheets.progress(found),
        "name": service.name if service else Text(found.service, found.service),
        "by": sheets.who(found.by, staff_names([found.by])),
        "total": sheets.money(found.total, unit).text,
        "left": queries.held_count(found.service, who, upload=id) if service else 0,
        "aside": any(one.again is None for one in found.setbacks),
        "notes": sheets.notes(found.notes),
        "more": len(found.notes) >= queries.SAID,
    }
    template = "portal/agency/file_state.html" if part else "portal/agency/file.html"
    return _room(request, template, Text(found.name, found.name), context, (reverse("portal:uploads"), FILES))


@require_safe
def upload_lines(request: HttpRequest, id: UUID) -> StreamingHttpResponse:
    """Every line something was said of, with the reason, as CSV: to be mended and sent again."""
    try:
        found = queries.results_said(id, actor(request))
    except ClearingError:
        raise Http404 from None
    response = StreamingHttpResponse(_csv(found), content_type=tables.CSV)
    response["Content-Disposition"] = f'attachment; filename="{id}-lines.csv"'
    return response


def _csv(found: Iterator[queries.Said]) -> Iterator[str]:
    heads = (gettext("行"), gettext("结果"), gettext("字段"), gettext("代码"), gettext("原因"), gettext("编号"),
             gettext("谁"), gettext("时间"))  # fmt: skip
    yield "\ufeff" + _row(list(heads))
    for line, kind, key, field, code, why, by, at in found:
        result, when = words.say(sheets.KINDS[kind][0]), f"{localtime(at):%Y-%m-%d %H:%M:%S}"
        cells = [str(line or ""), result, field, code, words.say(why), key, sheets.who(by, {}) if by else "", when]
        yield _row([tables.harmless(cell) for cell in cells])


def _row(cells: list[str]) -> str:
    out = io.StringIO()
    csv.writer(out).writerow(cells)
    return out.getvalue()


# --- what is held -----------------------------------------------------------------------------------------------------


@require_safe
def held(request: HttpRequest) -> HttpResponse:
    """The rows that wait for an officer, the oldest first, and what was decided of late by whom."""
    return _held(request, request.GET, {})


def _held(request: HttpRequest, asked: Any, wrong: dict[str, str]) -> HttpResponse:
    who, services = actor(request), queries.services(actor(request))
    service = _chosen(services, asked.get("service", ""))
    one, after = _uuid(asked.get("upload", "")), _number(asked.get("after", ""))
    rows = queries.held(service.key, who, upload=one, after=after, limit=HELD + 1) if service else []
    shown = rows[:HELD]
    names = {upload.id: upload.name for upload in queries.named(row.upload for row in shown)}
    done = queries.decided(service.key, who, limit=DECIDED) if service else []
    context = {
        "services": services,
        "service": service,
        "rows": [(row, names.get(row.upload) if row.upload else None, _cells(service, row)) for row in shown]
        if service
        else [],
        "ids": ",".join(str(row.id) for row in shown),
        "count": queries.held_count(service.key, who, upload=one) if service else 0,
        "upload": one,
        "after": after,
        "next": shown[-1].id if len(rows) > HELD else 0,
        "ticked": asked.getlist("row"),
        "all": asked.get("all", ""),
        "reason": asked.get("reason", ""),
        "may": service is not None and _is_officer(request, service),
        "wrong": wrong,
        "problems": [Problem(key, text) for key, text in wrong.items()],
        "decided": sheets.decided(done, staff_names(row.by for row in done)),
    }
    status = 422 if wrong else 200
    return _room(
        request, "portal/agency/held.html", HELD_TITLE, context, (reverse("portal:uploads"), FILES), status=status
    )


def _cells(service: Service, row: queries.HeldView) -> list[tuple[str, str]]:
    """The row as it came, by the titles of its fields."""
    assert service.batch is not None
    found = []
    for field in fields_of(service.documents[service.batch.document].cls):
        text = row.cells.get(field.name, "")
        if text:
            found.append((words.say(field.title), words.say(dict(field.choices).get(text, text))))
    return found


@require_POST
def decide(request: HttpRequest) -> HttpResponse:
    """Let rows count, or drop them, with the reason and the officer's name."""
    post = request.POST
    ids = post.get("shown", "").split(",") if post.get("all") else post.getlist("row")
    rows, reason, wrong = [int(each) for each in ids if _number(each)], post.get("reason", "").strip(), {}
    if not rows:
        wrong["all"] = gettext("请先选出要处理的记录。")
    if not reason:
        wrong["reason"] = gettext("请写明原因，会和您的名字一起留在记录里。")
    if wrong:
        return _held(request, post, wrong)
    release = post.get("do") == "release"
    try:
        judging.decide(service=post.get("service", ""), rows=rows, release=release, actor=actor(request), reason=reason)
    except ClearingError as error:
        messages.error(request, words.say(error.text))
    else:
        count = {"count": len(rows)}
        said = gettext("已放行 %(count)s 行，计入清算。") if release else gettext("已剔除 %(count)s 行，不再计入。")
        messages.success(request, said % count)
    kept = {key: post[key] for key in ("service", "upload") if post.get(key)}
    return redirect(f"{reverse('portal:held')}?{urlencode(kept)}")


# --- between the nodes ------------------------------------------------------------------------------------------------


@require_safe
def compared(request: HttpRequest) -> HttpResponse:
    """Pages of both directions, how closed windows compared row by row, and the rows that are not alike."""
    return _compared(request, request.GET, "", "")


def _compared(request: HttpRequest, asked: Any, wrong: str, text: str) -> HttpResponse:
    who, services = actor(request), queries.services(actor(request))
    service = _chosen(services, asked.get("service", ""))
    found = standing.page_views(service.key, who, newest=NEWEST) if service else []
    context = {
        "services": services,
        "service": service,
        "pages": sheets.pages(found),
        "to_pay": [(one, sheets.money(one.amount, one.unit).text, sheets.refusal(one)) for one in found
                   if one.ours and one.state == "unpaid"],
        "reconciled": sheets.reconciled(standing.reconciled(service.key, who)) if service else None,
        "unlike": sheets.owed(standing.unlike(service.key, who)) if service else [],
        "may": service is not None and _is_officer(request, service),
        "wrong": wrong,
        "problems": [Problem(wrong, text)] if wrong else [],
        "said": text,
    }  # fmt: skip
    status = 422 if wrong else 200
    return _room(
        request, "portal/agency/pages.html", PAGES_TITLE, context, (reverse("portal:uploads"), FILES), status=status
    )


@require_POST
def settle(request: HttpRequest) -> HttpResponse:
    """Pay a page the ledger had refused, or what one row differs by."""
    post, page = request.POST, _uuid(request.POST.get("page", ""))
    if page is None:
        raise Http404
    try:
        if post.get("do") == "pay":
            paying.pay(page=page, actor=actor(request))
            messages.success(request, gettext("这一页已重新提交付款。"))
        else:
            note = post.get("note", "").strip()
            if not note:
                said = gettext("请写明原因，会和您的名字一起留在两边的记录里。")
                return _compared(request, post, f"note-{post.get('at', '')}", said)
            reconcile.adjust(page=page, key=post.get("key", ""), actor=actor(request), note=note)
            messages.success(request, gettext("已提交补付，记在当前清算期。"))
    except ClearingError as error:
        messages.error(request, words.say(error.text))
    return redirect(f"{reverse('portal:pages')}?{urlencode({'service': post.get('service', '')})}")


# --- inside -----------------------------------------------------------------------------------------------------------


def _room(
    request: HttpRequest,
    template: str,
    title: Text,
    more: dict[str, Any],
    *above: tuple[str, Text],
    status: int = 200,
) -> HttpResponse:
    who = actor(request)
    context = {
        "title": title,
        "agency": agency_name(f"{who.node}/{who.agency}") if who.agency else None,
        "rooms": rooms(request),
        "crumbs": crumbs(*above, ("", title)),
        **more,
    }
    return render(request, template, context, status=status)


def _names(service: Service) -> list[str]:
    assert service.batch is not None
    return [field.name for field in fields_of(service.documents[service.batch.document].cls)]


def _may_upload(request: HttpRequest) -> bool:
    return not actor(request).roles.isdisjoint({"clerk", "officer"})


def _is_officer(request: HttpRequest, service: Service) -> bool:
    who = actor(request)
    assert service.batch is not None
    return "officer" in who.roles and who.serves(service.batch.agency, who.node)


def _chosen(services: list[Service], key: str) -> Service | None:
    return next((each for each in services if each.key == key), services[0] if services else None)


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 18 else 0
