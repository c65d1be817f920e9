"""What gateways say to each other, and what the gateway says to its own node at the loopback door.

A message that was taken in is answered by a receipt, a question by a document, anything else by a refusal:

    {"receipt": message id, "log": index of the message in the receiver's log}
    {"answers": message id, "document": …}
    {"refused": code, "text": {"zh", "en"}, "line", "would_allow", "node", "trace"}
    {"granted": grant id, "dry_run": true}

The loopback door `POST /local/ask` (header `authorization: Bearer <local token>`) takes a `Question` and answers with
the peer's body as it is, under the peer's status; or, when there is none to pass on, with status 502 and a refusal
`unreachable` (nobody answered) or `bad_answer` (what came is not the peer's answer to this question).
"""

from typing import Any

import msgspec

from chuanyu.core.text import Text
from chuanyu.exchange.envelope import AgencyCode, Basis, DottedWord, Token, Word
from chuanyu.exchange.errors import CODES, Refusal

_encode = msgspec.json.Encoder().encode

# What can only be said on this side of the wire; never sent to the peer, never remembered.
UNREACHABLE = Text(zh="对方节点暂时联系不上，请稍后再试。", en="The other node cannot be reached now; try again later.")
BAD_ANSWER = Text(
    zh="对方的回复无法验证，未予采用。", en="The other node's answer could not be verified and was not used."
)
FAILED = Text(zh="节点出错，已记录，请稍后再试。", en="The node failed; this was recorded. Try again later.")


class Question(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the loopback door takes: an envelope without id and time. `subject` is sealed already."""

    from_agency: AgencyCode
    to_agency: AgencyCode
    service: Word
    action: DottedWord
    subject: Token | None = None
    purpose: DottedWord
    basis: tuple[Basis, ...]
    fields: tuple[DottedWord, ...] = ()
    dry_run: bool = False
    document: Any = None


def receipt(message: str, index: int) -> bytes:
    """The message is in the inbox, and entry `index` of the receiver's log."""
    return _encode({"receipt": message, "log": index})


def document(message: str, content: Any) -> bytes:
    """The answer to a question."""
    return _encode({"answers": message, "document": content})


def granted(grant: str) -> bytes:
    """The answer to a dry run that the compact allows."""
    return _encode({"granted": grant, "dry_run": True})


def refused(refusal: Refusal, *, node: str, trace: str) -> bytes:
    """A refusal on the wire. `trace` finds it in this node's own log."""
    return _encode(refusal.body(node=node, trace=trace))


def failed(code: str, text: Text, *, node: str, trace: str) -> bytes:
    """A refusal that is none of the peer's making: `error`, `unreachable`, `bad_answer`. Never final."""
    return _encode(
        {
            "refused": code,
            "text": {"zh": text.zh, "en": text.en},
            "line": "",
            "would_allow": "",
            "node": node,
            "trace": trace,
        }
    )


class Answer(msgspec.Struct, frozen=True):
    """The peer's verified answer: HTTP status and body."""

    status: int
    body: dict[str, Any]

    @property
    def code(self) -> str:
        """The refusal code; "" when it is no refusal."""
        return str(self.body.get("refused", ""))

    @property
    def final(self) -> bool:
        """Whether asking again can change anything. A code we do not know yet is judged by its status."""
        if self.code in CODES:
            return CODES[self.code].final
        return self.status < 500 and self.status not in (408, 425, 429)


def read(status: int, body: bytes) -> Answer:
    """A verified body as an answer. ValueError when it is no JSON object or neither answer nor refusal."""
    try:
        content = msgspec.json.decode(body, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ValueError(f"the answer is no JSON object: {error}") from None
    if status == 200 and not ({"receipt", "document", "granted"} & content.keys()):
        raise ValueError("the answer is neither receipt nor document")
    if status != 200 and not isinstance(content.get("refused"), str):
        raise ValueError(f"status {status} without a refusal")
    return Answer(status, content)
