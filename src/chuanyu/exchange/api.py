"""The API of exchange: what a resident may read of the log."""

import msgspec
from django.http import HttpRequest, HttpResponse
from ninja import Router

from chuanyu.exchange import queries
from chuanyu.identity.access import actor

router = Router(tags=["exchange"])


ANSWER = [
    {
        "at": "2025-03-03T01:25:00Z", "message_id": "0193d0e5-7c00-7000-8000-0000000000c3", "direction": "sent",
        "from_agency": "sichuan/hrss", "to_agency": "chongqing/hrss", "service": "pension_transfer",
        "action": "case.events", "purpose": "pension_transfer", "basis": ["gbf-2009-66"], "fields": ["application"],
        "here": True, "there": True,
    }
]  # fmt: skip
DESCRIBED = {
    "x-zh": "谁问过或收到过登录者本人的材料，两地日志对照。",
    "responses": {200: {"content": {"application/json": {"example": ANSWER}}}},
}


@router.get("/accesses", url_name="accesses", openapi_extra=DESCRIBED)
def accesses(request: HttpRequest) -> HttpResponse:
    """Who asked for or received documents about the signed-in resident, by the logs of both nodes."""
    who = actor(request)
    found = queries.accesses(who.person) if who.person else []
    return HttpResponse(msgspec.json.encode(found), content_type="application/json")
