"""Messages that need a person: sent again, or dropped with a reason that stays on record."""

from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext

from chuanyu.core.text import Text
from chuanyu.exchange import actions, queries
from chuanyu.exchange.errors import ExchangeError
from chuanyu.identity.access import actor
from chuanyu.identity.queries import agency_name
from chuanyu.portal import words
from chuanyu.portal.agency.mine import action_said, service_said


def letters(request: HttpRequest) -> HttpResponse:
    if request.method == "POST":
        return _mend(request)
    context = {
        "letters": [
            (
                one,
                agency_name(one.from_agency),
                agency_name(one.to_agency),
                service_said(one.service),
                action_said(one.action),
            )
            for one in queries.dead_letters(actor(request))
        ],
        "link": queries.link_state(),
        "crumbs": [("", Text("未送达的消息", "Undelivered messages"))],
    }
    return render(request, "portal/office/letters.html", context)


def _mend(request: HttpRequest) -> HttpResponse:
    who, drop = actor(request), request.POST.get("do") == "drop"
    try:
        message = UUID(request.POST.get("message", ""))
        if drop:
            actions.drop(message, who, request.POST.get("why", ""))
            messages.success(request, gettext("已放弃，理由留在记录里。"))
        else:
            actions.resend(message, who)
            messages.success(request, gettext("已重新发送。"))
    except ValueError:
        messages.error(request, gettext("没有这封待处理的报文。"))
    except ExchangeError as error:
        messages.error(request, words.say(error.text))
    return redirect("portal:letters")
