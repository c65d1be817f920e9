"""May this organisation do this, for this purpose, on this basis, with these documents? Pure, from the compact alone.

Nobody is looked up here: a refusal says nothing about any person. It says which line of the compact refused and what
would allow the message, so that a person at the asking side can mend it without a telephone call.
"""

from collections.abc import Iterable

import msgspec

from chuanyu.core.text import Text
from chuanyu.exchange.compact import Compact
from chuanyu.exchange.envelope import Envelope
from chuanyu.exchange.errors import Refusal, refusal
from chuanyu.exchange.grants import CONSENT, Grant


class Allowed(msgspec.Struct, frozen=True):
    """The message may pass; `grant` is the id of the line that says so."""

    grant: str


def authorise(compact: Compact, envelope: Envelope) -> Allowed | Refusal:
    """Decide by organisation × service × action × purpose, then basis and fields. Takes a few microseconds.

    Refusal codes: unknown_agency, unknown_service, not_granted.
    """
    key = (envelope.from_agency, envelope.to_agency, envelope.service, envelope.action, envelope.purpose)
    for allowed, basis, fields in compact.index.get(key, ()):
        if fields.issuperset(envelope.fields) and _covered(envelope.basis, basis):
            return Allowed(allowed)
    return _explain(compact, envelope)


def _covered(cited: tuple[str, ...], granted: frozenset[str]) -> bool:
    """At least one basis is cited, and the grant knows every one ("gbf-2009-66#4" is an article of "gbf-2009-66")."""
    return bool(cited) and (granted.issuperset(cited) or granted.issuperset(_act(one) for one in cited))


def _act(cited: str) -> str:
    return CONSENT if cited.startswith("consent:") else cited.partition("#")[0]


def _explain(compact: Compact, envelope: Envelope) -> Refusal:
    for name in (envelope.from_agency, envelope.to_agency):
        if name not in compact.agencies:
            return refusal(
                "unknown_agency",
                Text(f"协议第 {compact.version} 版中没有单位 {name}。", f"Compact {compact.version} knows no {name}."),
                line=f"agencies: {name}",
                would_allow=f"a compact that lists {name}",
            )
    if envelope.service not in compact.services:
        return refusal(
            "unknown_service",
            Text(
                f"协议第 {compact.version} 版中没有服务 {envelope.service}。",
                f"Compact {compact.version} has no service {envelope.service}.",
            ),
            line=f"grants: {envelope.service}",
            would_allow=f"a compact with a grant for {envelope.service}",
        )
    between = [
        grant
        for grant in compact.grants
        if (grant.from_, grant.to, grant.service) == (envelope.from_agency, envelope.to_agency, envelope.service)
    ]
    if not between:
        who = f"{envelope.from_agency} → {envelope.to_agency}, {envelope.service}"
        return refusal(
            "not_granted",
            Text(
                f"协议没有就 {envelope.service} 授权 {envelope.from_agency} 向 {envelope.to_agency} 发送任何内容。",
                f"The compact grants {envelope.from_agency} nothing towards {envelope.to_agency} for "
                f"{envelope.service}.",
            ),
            line=f"grants: {who}",
            would_allow=f"a grant {who}, signed by both nodes",
        )
    # the line that comes closest tells the asker most
    failures = [_first_failure(grant, envelope) for grant in between]
    return max(failures, key=lambda failure: failure[0])[1]


def _first_failure(grant: Grant, envelope: Envelope) -> tuple[int, Refusal]:
    """How far the message came along this line (0 to 3), and what stopped it."""
    if envelope.action not in grant.actions:
        return 0, _not_granted(grant, "actions", "操作", "action", envelope.action, grant.actions)
    if envelope.purpose != grant.purpose:
        return 1, _not_granted(grant, "purpose", "目的", "purpose", envelope.purpose, (grant.purpose,))
    if not _covered(envelope.basis, frozenset(grant.basis)):
        wrong = [one for one in envelope.basis if _act(one) not in grant.basis]
        return 2, _not_granted(grant, "basis", "依据", "basis", ", ".join(wrong) or "-", grant.basis)
    wrong = [one for one in envelope.fields if one not in grant.fields]
    return 3, _not_granted(grant, "fields", "材料", "document", ", ".join(wrong), grant.fields)


def _not_granted(grant: Grant, part: str, zh: str, en: str, got: str, allowed: Iterable[str]) -> Refusal:
    listed = ", ".join(allowed) or "-"
    return refusal(
        "not_granted",
        Text(
            f"授权 {grant.id} 不包括{zh}“{got}”；可以的是：{listed}。",
            f"The grant {grant.id} does not cover the {en} “{got}”; it covers: {listed}.",
        ),
        line=f"{grant.id} {part}",
        would_allow=f"{part}: {listed}",
    )
