"""What templates ask for by name. Words come from `words`; pieces of page that repeat come from `parts/`."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_FLOOR, Decimal
from functools import cache, lru_cache
from typing import Any

import segno
from django import template
from django.templatetags.static import static
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext

from chuanyu.cases.views import CaseView
from chuanyu.core import days
from chuanyu.core.catalogue import catalogue
from chuanyu.core.service import Service
from chuanyu.core.text import Text
from chuanyu.identity.locking import POLL
from chuanyu.portal import river, steps, words

register = template.Library()
for reader in (words.say, words.day, words.moment, words.money, words.count):
    register.filter(reader.__name__, reader)


@register.simple_tag
@cache
def icon(name: str) -> SafeString:
    """One of static/icons.svg; decoration, so the words beside it must say the same."""
    href = f"{static('icons.svg')}#{name}"
    return format_html('<svg class="icon" aria-hidden="true" focusable="false"><use href="{}"></use></svg>', href)


@register.simple_tag
def place(node: str) -> SafeString:
    """A province: colour, shape and word."""
    if node not in words.NODES:
        return format_html("<span>{}</span>", node)
    return format_html(
        '<span class="place {}" data-sign="{}">{}</span>', node, words.SIGNS[node].zh, words.say(words.NODES[node])
    )


@register.simple_tag
def sign(node: str) -> SafeString:
    """The province's sign alone, where the words beside it name the province anyway."""
    if node not in words.NODES:
        return mark_safe("")
    return format_html('<span class="place {}" data-sign="{}" aria-hidden="true"></span>', node, words.SIGNS[node].zh)


@register.filter
def node(name: str) -> str:
    """The name of a node's province."""
    return words.say(words.NODES[name]) if name in words.NODES else name


@register.filter
def sources(service: Service, refs: Any) -> str:
    """The titles of one "key#article" or of several."""
    several = [refs] if isinstance(refs, str) else refs
    return gettext("；").join(filter(None, (words.source(service, ref) for ref in several)))


@register.simple_tag
def amount(value: Any, unit: str, service: Service | None = None) -> str:
    return words.amount(value, unit, service)


@register.simple_tag
def certainty(name: str) -> SafeString:
    """Nothing for what is sure: only doubt is worth a mark."""
    if name in ("", "sure"):
        return mark_safe("")
    text = words.CERTAINTY.get(name)
    return format_html('<span class="certainty {}">{}</span>', name, words.say(text) if text else name)


@register.simple_tag(takes_context=True)
def query(context: dict[str, Any], **changes: Any) -> str:
    """The address of this page with some of its query changed; None takes a key away. A link is a person's: none polls."""
    values = context["request"].GET.copy()
    values.pop(POLL, None)
    for key, value in changes.items():
        values.pop(key, None)
        if value not in (None, ""):
            values[key] = str(value)
    return f"?{values.urlencode()}" if values else "?"


SHAPES = {"wait": "wait", "ask": "ask", "done": "check", "stop": "cross", "quiet": "dash", "late": "late"}
OUTCOMES = {
    "refuse": (Text("不予办理", "Refused"), "stop"),
    "ask": (Text("需补正", "More is needed"), "ask"),
    "hold": (Text("待核查", "On hold for review"), "ask"),
    "duplicate": (Text("重复", "Duplicate"), "quiet"),
    "elsewhere": (Text("应到别处办", "Belongs elsewhere"), "ask"),
    "stale": (Text("已失效", "Out of date"), "stop"),
    "no_basis": (Text("无依据", "No basis"), "stop"),
}
DELEGATIONS = {
    "waiting": (Text("等对方接受", "Waiting for their answer"), "wait"),
    "in_force": (Text("生效中", "In force"), "done"),
    "declined": (Text("对方没有接受", "Declined"), "quiet"),
    "ended": (Text("已结束", "Ended"), "quiet"),
    "expired": (Text("已到期", "Run out"), "quiet"),
}
TRANSFERS = {
    "posting": (Text("正在记账", "Being posted"), "wait"),
    "posted": (Text("已入账", "Posted"), "done"),
    "refused": (Text("未划出", "Not paid"), "stop"),
    "reserved": (Text("已预留", "Reserved"), "wait"),
    "used": (Text("预留已使用", "Reservation used"), "quiet"),
    "released": (Text("预留已退回", "Reservation given back"), "quiet"),
    "expired": (Text("预留到期退回", "Reservation ran out"), "quiet"),
    "reversed": (Text("已冲正", "Reversed"), "quiet"),
    "adjusted": (Text("已调账", "Adjusted"), "quiet"),
}


@register.simple_tag
def tag(tone: str, text: Any) -> SafeString:
    """A state in colour, shape and word, so that none of the three has to be enough."""
    return _tag(tone, words.say(text))


@lru_cache(maxsize=1024)
def _tag(tone: str, said: str) -> SafeString:
    return format_html('<span class="tag {}">{}{}</span>', tone, icon(SHAPES[tone]), said)


@register.simple_tag
def state_tag(case: Any) -> SafeString:
    """The state of a case or of a row of a list."""
    return tag(river.tone(catalogue().get(case.service), case.state), case.title)


@register.simple_tag
def tag_of(message: Any) -> SafeString:
    """The state a message tells of."""
    return tag(river.tone(catalogue().get(message.service), message.state), message.state_title)


@register.simple_tag
def delegation_tag(status: str) -> SafeString:
    text, tone = DELEGATIONS.get(status, (status, "quiet"))
    return tag(tone, text)


@register.simple_tag
def tone_of(service: Service | None, state: str) -> str:
    return river.tone(service, state)


@register.simple_tag
def outcome_tag(outcome: str) -> SafeString:
    text, tone = OUTCOMES.get(outcome, (outcome, "quiet"))
    return tag(tone, text)


@register.simple_tag
def transfer_tag(status: str) -> SafeString:
    text, tone = TRANSFERS.get(status, (status, "quiet"))
    return tag(tone, text)


@register.filter
def mode(service: Service) -> str:
    """How the service is carried out over the border."""
    return words.say(words.MODES.get(service.mode, service.mode))


@register.filter
def mode_hint(service: Service) -> str:
    return words.say(words.MODE_HINTS.get(service.mode))


@register.simple_tag
def term(service: Service, key: str, node: str) -> str:
    """A state's term in words, as of today at that node: 15 个工作日内."""
    parameter = service.parameters.get(key)
    value = parameter.value_on(days.today(), node) if parameter else None
    if parameter is None or value is None:
        return ""
    return gettext("%(term)s内") % {"term": words.amount(value.value, parameter.unit)}


@dataclass(frozen=True)
class Used:
    """A parameter a decision read, in words."""

    title: str
    value: str
    source: str
    certainty: str


@register.filter
def used(parameters: dict[str, dict[str, Any]], service: Service | None) -> list[Used]:
    """The parameters an event carries. Those the service no longer declares keep their key as title."""
    found = []
    for key, read in parameters.items():
        declared = service.parameters.get(key) if service else None
        title = words.say(declared.title) if declared else key
        value = words.amount(read["value"], declared.unit, service) if declared else str(read["value"])
        source = words.source(service, read["ref"]) if service else read["ref"]
        found.append(Used(title, value, source, read["certainty"]))
    return found


@register.simple_tag
def qr(address: str, words: str) -> SafeString:
    """A QR code as inline SVG, dark on light in every theme; `words` say what it holds to those who cannot scan it."""
    drawn = segno.make(address, error="m", micro=False)
    width = drawn.symbol_size(border=4)[0]
    path = drawn.svg_inline(border=4, light="#fff", dark="#000", omitsize=True, svgclass=None, lineclass=None)
    inner = path[path.index(">") + 1 : path.rindex("</svg>")]
    return format_html(
        '<svg class="qr" viewBox="0 0 {0} {0}" role="img" aria-label="{1}">{2}</svg>', width, words, mark_safe(inner)
    )


@register.filter
def mendable(case: CaseView, service: Service | None) -> list[tuple[Text, list[tuple[str, Text]]]]:
    """What of the papers of a case the applicant can be asked to mend."""
    return steps.mendable(case, service)


@register.filter
def percent(share: Decimal) -> str:
    """0.953 → 95.3%; whole percents without a decimal. Rounded down: 99.96 % is not all."""
    tenths = (share * 1000).to_integral_value(ROUND_FLOOR)
    return f"{tenths / 10:f}%".replace(".0%", "%")


@register.filter
def quoted(text: str) -> str:
    """What people wrote or a paper says, as it stands there: Chinese on an English page is marked as Chinese."""
    foreign = words.language().startswith("en") and any("\u4e00" <= c <= "\u9fff" for c in text)
    return format_html('<span lang="zh-Hans">{}</span>', text) if foreign else text


@register.filter
def short(id_: Any) -> str:
    """The end of an id: enough to tell one from another on a page."""
    return str(id_)[-8:]


@register.filter
def get(mapping: Mapping[Any, Any] | None, key: Any) -> Any:
    """What a mapping holds under a key that is no word; None without one."""
    return mapping.get(key) if mapping else None


@register.filter
def left(due: date | None) -> int | None:
    """Working days left until `due`; negative when it has passed."""
    return None if due is None else days.working_days_between(days.today(), due)


@register.filter
def outcome_words(outcome: str) -> str:
    """An outcome of a decision as the procedure's table says it."""
    if outcome in ("accept", "value"):
        return gettext("通过")
    return words.say(OUTCOMES[outcome][0]) if outcome in OUTCOMES else outcome


@register.filter
def late_by(due: date) -> int:
    """Working days past `due`."""
    return -days.working_days_between(days.today(), due)
