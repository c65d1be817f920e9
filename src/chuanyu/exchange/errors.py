"""Every way a message can be refused, with its HTTP status and its sentence in both languages. There are no others."""

from typing import Any, NamedTuple

import msgspec

from chuanyu.core.text import Text


class Code(NamedTuple):
    """`final`: the refusal is remembered, the same id gets it again. Not final: the sender tries again later."""

    status: int
    final: bool
    text: Text


CODES: dict[str, Code] = {
    "too_large": Code(413, True, Text("报文过大。", "The message is too large.")),
    "bad_json": Code(400, True, Text("报文不是有效的 JSON。", "The message is not valid JSON.")),
    "bad_envelope": Code(400, True, Text("报文信封不符合格式。", "The envelope does not fit its format.")),
    "bad_signature": Code(401, True, Text("签名不正确。", "The signature is wrong.")),
    "unknown_key": Code(401, True, Text("签名密钥不在现行协议中。", "The signing key is not in the compact in force.")),
    "digest_mismatch": Code(400, True, Text("内容与其摘要不符。", "The content does not match its digest.")),
    "stale_date": Code(401, True, Text("签名时间不在允许范围内。", "The signature's time is outside the limits.")),
    "unknown_agency": Code(403, True, Text("协议中没有这个单位。", "The compact knows no such agency.")),
    "unknown_service": Code(403, True, Text("协议中没有这项服务。", "The compact knows no such service.")),
    "not_granted": Code(403, True, Text("协议没有授权这次请求。", "The compact does not grant this request.")),
    "bad_subject": Code(
        403, True, Text("当事人标识无法在此目的下打开。", "The subject cannot be opened for this purpose.")
    ),
    "not_for_us": Code(403, True, Text("收件单位不在本节点。", "The addressed agency is not at this node.")),
    "no_answer": Code(404, True, Text("没有可以提供的内容。", "There is nothing that can be given.")),
    "id_reused": Code(
        409, True, Text("这个报文编号已用于其他内容。", "This message id was already used for other content.")
    ),
    "not_yet": Code(
        425, False, Text("此报文到得太早，请稍后再发。", "This message came too early; send it again later.")
    ),
    "busy": Code(503, False, Text("节点繁忙，请稍后再发。", "The node is busy; send it again later.")),
}


class Refusal(msgspec.Struct, frozen=True, kw_only=True):
    """A refusal as the other side reads it. `line` is the line of the compact or of the message that refused."""

    code: str
    text: Text
    line: str = ""
    would_allow: str = ""

    @property
    def status(self) -> int:
        """The HTTP status that goes with the code."""
        return CODES[self.code].status

    @property
    def final(self) -> bool:
        """Whether the answer is remembered under the message's id."""
        return CODES[self.code].final

    def body(self, *, node: str, trace: str) -> dict[str, Any]:
        """The refusal body on the wire; `trace` finds the reason at the refusing node."""
        return {
            "refused": self.code,
            "text": {"zh": self.text.zh, "en": self.text.en},
            "line": self.line,
            "would_allow": self.would_allow,
            "node": node,
            "trace": trace,
        }


def refusal(code: str, text: Text | None = None, *, line: str = "", would_allow: str = "") -> Refusal:
    """A refusal with the code's own sentence, unless a more telling one is given."""
    return Refusal(code=code, text=text or CODES[code].text, line=line, would_allow=would_allow)


def no_answer() -> Refusal:
    """The one answer to "unknown", "no consent" and "not permitted for this person": the asker can't tell them apart.

    The true reason goes to this node's own log under the trace id, never over the wire.
    """
    return refusal("no_answer")


class ExchangeError(Exception):
    """Something exchange will not do. `text` is for the person who asked; `code` for programs."""

    def __init__(self, code: str, text: Text) -> None:
        super().__init__(f"{code}: {text.en}")
        self.code = code
        self.text = text


class CompactError(ExchangeError):
    """A compact that is not proposed, signed or installed, and why."""


class SubjectError(ExchangeError):
    """A subject token that cannot be made or opened here."""


class RegisterError(ExchangeError):
    """A register entry or import that does not fit. `rows` lists every wrong line and field of an import."""

    def __init__(self, code: str, text: Text, rows: "tuple[RowError, ...]" = ()) -> None:
        super().__init__(code, text)
        self.rows = rows


class RowError(msgspec.Struct, frozen=True):
    """One wrong cell of an import. `line` counts from 1 with the header; `field` is a column or a document path."""

    line: int
    field: str
    text: Text


class Unreachable(ExchangeError):
    """The other node did not answer in time. Nothing is known about what it did."""

    def __init__(self, detail: str = "") -> None:
        super().__init__(
            "unreachable",
            Text("对方节点暂时联系不上，请稍后再试。", "The other node cannot be reached now; try again later."),
        )
        self.detail = detail


class AskRefused(ExchangeError):
    """The other node (or our own gateway) refused a question."""
