"""The agency's door: what its own system can join with, and, signed in, what the agency may ask and how it is doing."""

from dataclasses import dataclass

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse

from chuanyu.clearing.files import queries
from chuanyu.core.catalogue import catalogue
from chuanyu.core.text import Text
from chuanyu.identity.access import visitor
from chuanyu.identity.actor import Actor

DOOR, FILES = Text("单位", "Agency"), Text("批量文件", "Files of rows")


@dataclass(frozen=True)
class Room:
    """One page behind the door."""

    page: str
    icon: str
    name: Text
    says: Text


OPEN = (
    Room(
        "portal:documents",
        "paper",
        Text("材料目录", "Documents"),
        Text(
            "各事项传递的每一份材料：由谁出、有哪些字段、JSON Schema。",
            "What services exchange: who makes each document, its fields, its JSON schema.",
        ),
    ),
    Room(
        "portal:reference",
        "link",
        Text("接口", "API"),
        Text(
            "普通的 HTTPS 和 JSON：地址、参数、回答、出错时怎么说。",
            "Plain HTTPS and JSON: addresses, parameters, answers, and what an error says.",
        ),
    ),
)
OURS = (
    Room(
        "portal:grants",
        "agency",
        Text("能问什么，要答什么", "What we may ask and answer for"),
        Text(
            "两地协议里关于本单位的每一条：对谁、为什么、凭什么、带哪些材料。",
            "The lines of the compact about us: to whom, for what, on which basis, with what.",
        ),
    ),
    Room(
        "portal:keys",
        "key",
        Text("密钥", "Keys"),
        Text(
            "谁的签名代表我们，什么时候换，协议由谁签过。",
            "Whose signature speaks for us, when it changes, who signed the compact.",
        ),
    ),
    Room(
        "portal:levels",
        "wait",
        Text("办理时限", "Service levels"),
        Text(
            "每一环节按期办了多少，中位数几天，现在压着多少。",
            "How much of each step was on time, the median of days, what is open now.",
        ),
    ),
    Room(
        "portal:exchanged",
        "mail",
        Text("报文", "Messages"),
        Text(
            "本单位收发的每条报文和答复，按编号、办件、日期查；只读，不含内容。",
            "All our messages and their answers, found by number, case or day; read only, without content.",
        ),
    ),
    Room(
        "portal:uploads",
        "plus",
        FILES,
        Text(
            "成批的记录，如公交刷卡：上传、逐行处理、待核查、清算页、两地逐行对账。",
            "Rows in bulk, such as taps: upload, what became of each, what is held, pages, reconciliation row by row.",
        ),
    ),
)


def agency(request: HttpRequest) -> HttpResponse:
    """Two rooms anyone may enter, the others for the agency's own staff."""
    context = {
        "open": OPEN,
        "ours": _ours(visitor(request)),
        "services": len(catalogue()),
        "crumbs": [("", DOOR)],
    }
    return render(request, "portal/agency/agency.html", context)


def crumbs(*last: tuple[str, Text]) -> list[tuple[str, Text]]:
    """The trail of a page behind the door."""
    return [(reverse("portal:agency"), DOOR), *last]


def rooms(request: HttpRequest) -> list[tuple[Room, bool]]:
    """The rooms this visitor may enter, with the one they are in marked."""
    who = visitor(request)
    current = request.resolver_match.view_name if request.resolver_match else ""
    found = OPEN + (_ours(who) if who is not None and who.kind == "staff" else ())
    return [(room, room.page == current) for room in found]


def _ours(who: Actor | None) -> tuple[Room, ...]:
    """All of them; to staff whose agency takes no files, without that room."""
    files = who is None or who.kind != "staff" or bool(queries.services(who))
    return OURS if files else tuple(room for room in OURS if room.page != "portal:uploads")
