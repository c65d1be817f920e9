"""What pages outside clearing show of it."""

from typing import Any

from django import template

from chuanyu.portal.office.clearing import overview

register = template.Library()


@register.inclusion_tag("portal/office/clearing/alarms.html", takes_context=True)
def clearing_alarms(context: dict[str, Any]) -> dict[str, Any]:
    """Prepayments at their alarms and differences nobody has resolved, one line each; nothing when there are none."""
    return {"alarms": overview.alarms(context["request"])}
