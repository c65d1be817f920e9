"""The API of exchange: what a resident may read of the log."""

import msgspec
from django.http import HttpRequest, HttpResponse
from ninja import Router

from chuanyu.exchange import queries
from chuanyu.identity.access import actor

router = Router(tags=["exchange"])


@router.get("/accesses", url_name="accesses", openapi_extra={"x-zh": "谁问过或收到过登录者本人的材料，两地日志对照。"})
def accesses(request: HttpRequest) -> HttpResponse:
    """Who asked for or received documents about the signed-in resident, by the logs of both nodes."""
    who = actor(request)
    found = queries.accesses(who.person) if who.person else []
    return HttpResponse(msgspec.json.encode(found), content_type="application/json")
