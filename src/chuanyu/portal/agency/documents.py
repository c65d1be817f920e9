"""The catalogue of documents: who makes each, what is in it, and the schema another system validates against."""

import json
from collections.abc import Iterator
from dataclasses import dataclass

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext

from chuanyu.core.catalogue import catalogue
from chuanyu.core.documents import Field, fields, json_schema
from chuanyu.core.money import Money
from chuanyu.core.service import DocumentSpec, Service
from chuanyu.core.text import Text
from chuanyu.identity.here import here
from chuanyu.portal import river
from chuanyu.portal.agency.agency import crumbs, rooms
from chuanyu.portal.words import say

CATALOGUE = Text("材料目录", "Documents")
KINDS = {
    "text": Text("文字", "text"),
    "longtext": Text("多行文字", "several lines of text"),
    "money": Text("金额（元，两位小数的字符串）", "amount in yuan (a string with two decimals)"),
    "integer": Text("整数", "whole number"),
    "decimal": Text("小数（字符串）", "decimal (a string)"),
    "date": Text("日期（ISO 8601）", "date (ISO 8601)"),
    "choice": Text("选项", "choice"),
    "flag": Text("是或否", "yes or no"),
    "division": Text("行政区划代码", "division code"),
    "group": Text("一组", "group"),
    "list": Text("列表", "list"),
}


@dataclass(frozen=True)
class Line:
    """One field as a programmer reads it; `depth` says how far inside lists and groups it lies."""

    field: Field
    path: str
    depth: int

    @property
    def kind(self) -> Text:
        return KINDS[self.field.kind]

    @property
    def bounds(self) -> str:
        """What a value must keep to, in words of the page."""
        return gettext("；").join(_bounds(self.field))


def documents(request: HttpRequest) -> HttpResponse:
    """Every service with its documents."""
    services = [
        (service, [(spec, owners.get(spec.by), len(fields(spec.cls))) for spec in service.documents.values()])
        for service in catalogue().values()
        for owners in [_owners(service)]
    ]
    context = {"services": services, "rooms": rooms(request), "crumbs": crumbs(("", CATALOGUE))}
    return render(request, "portal/agency/documents.html", context)


def document(request: HttpRequest, key: str, name: str) -> HttpResponse:
    """One document: its fields as a table and its JSON Schema; `?as=json` is the schema alone."""
    service = catalogue().get(key)
    spec = service.documents.get(name) if service else None
    if service is None or spec is None:
        raise Http404
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"{key}.{name}",
        **json_schema(spec.cls),
    }
    text = json.dumps(schema, ensure_ascii=False, indent=2)
    if request.GET.get("as") == "json":
        answer = HttpResponse(text + "\n", content_type="application/schema+json; charset=utf-8")
        answer["Content-Disposition"] = f'attachment; filename="{key}.{name}.schema.json"'
        return answer
    context = {
        "service": service,
        "spec": spec,
        "owner": _owners(service).get(spec.by),
        "lines": list(_lines(fields(spec.cls), "", 0)),
        "schema": text,
        "used": list(_used(service, spec)),
        "rooms": rooms(request),
        "crumbs": crumbs((reverse("portal:documents"), CATALOGUE), ("", spec.title)),
    }
    return render(request, "portal/agency/document.html", context)


def _owners(service: Service) -> dict[str, Text]:
    return river.owners(service.procedure, here()) if service.procedure else {}


def _lines(known: tuple[Field, ...], path: str, depth: int) -> Iterator[Line]:
    for each in known:
        where = f"{path}.{each.name}" if path else each.name
        yield Line(each, where + ("[]" if each.kind == "list" else ""), depth)
        yield from _lines(each.item, where + ("[]" if each.kind == "list" else ""), depth + 1)


def _bounds(field: Field) -> Iterator[str]:
    if field.kind == "choice":
        yield gettext("、").join(
            f"{value}（{say(title)}）" if say(title) != value else value for value, title in field.choices
        )
    if field.kind in ("integer", "decimal", "money"):
        if field.ge is not None and abs(_number(field.ge)) < 10**12:
            yield gettext("不小于 %(bound)s") % {"bound": field.ge}
        if field.le is not None and abs(_number(field.le)) < 10**12:
            yield gettext("不大于 %(bound)s") % {"bound": field.le}
    if field.kind in ("text", "longtext") and field.max_length:
        yield gettext("最多 %(count)s 个字") % {"count": field.max_length}
    if field.kind == "list" and field.max_length:
        yield gettext("%(least)s 到 %(most)s 项") % {"least": field.min_length or 0, "most": field.max_length}
    if field.pattern:
        yield gettext("格式 %(pattern)s") % {"pattern": field.pattern}


def _number(bound: object) -> int:
    return bound.fen // 100 if isinstance(bound, Money) else int(str(bound).partition(".")[0])


def _used(service: Service, spec: DocumentSpec) -> Iterator[tuple[Text, Text]]:
    """Where the procedure takes the document: state and step; filing stands first."""
    procedure = service.procedure
    if procedure is None:
        return
    if spec.name in procedure.start_takes:
        yield Text("提交", "Filing"), procedure.states[procedure.start_state].title
    for state in procedure.states.values():
        for act in state.does.values():
            if spec.name in act.takes:
                yield act.title, state.title
