"""The API of exchange: what a resident may read of the log."""

import msgspec
from django.http import HttpRequest, HttpResponse
from ninja import Router

from chuanyu.exchange import queries
from chuanyu.exchange.queries import Used
from chuanyu.identity.access import actor

router = Router(tags=["exchange"])


_PENSION = "pension_transfer"
ANSWER = {
    "accesses": [
        {
            "at": "2025-03-03T01:25:00Z", "message_id": "0193d0e5-7c00-7000-8000-0000000000c3", "direction": "sent",
            "from_agency": "sichuan/hrss", "to_agency": "chongqing/hrss", "service": _PENSION,
            "action": "case.events", "purpose": _PENSION, "basis": ["gbf-2009-66"], "fields": ["application"],
            "here": True, "there": True,
        }
    ],
    "looks": [
        {
            "node": "sichuan", "by": "staff", "agency": "sichuan/hrss", "purpose": _PENSION,
            "trace": "0193d0e5-7c00-7000-8000-0000000000a1", "first": "2025-03-03T01:21:00Z",
            "last": "2025-03-03T01:24:00Z", "times": 2,
        }
    ],
    "there": True,
}  # fmt: skip
(_SCHEMA,), _COMPONENTS = msgspec.json.schema_components([Used], ref_template="#/components/schemas/{name}")
DESCRIBED = {
    "x-zh": "谁传递过登录者本人的材料（两地日志对照），谁打开过其身份信息。",
    "x-components": _COMPONENTS,
    "responses": {200: {"content": {"application/json": {"schema": _SCHEMA, "example": ANSWER}}}},
}


@router.get("/accesses", url_name="accesses", openapi_extra=DESCRIBED)
def accesses(request: HttpRequest) -> HttpResponse:
    """Who passed documents about the signed-in resident, by the logs of both nodes, and who opened their record."""
    who = actor(request)
    found = queries.used(who.person) if who.person else Used(accesses=[], looks=[], there=True)
    return HttpResponse(msgspec.json.encode(found), content_type="application/json")
