"""The envelope: who asks whom, about whom, for what, on which basis. It is the whole body of a message, signed with it.

Both nodes read it before they know anything else, so every field has a limit and a shape, and a wrong one is answered
with its path. What the document inside means is for the handler of the action.
"""

import re
from datetime import UTC, datetime
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from chuanyu.core.text import Text

VERSION = "1"

_WORD = r"[a-z][a-z0-9_]{0,63}"
Id = Annotated[str, Meta(pattern=r"^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}\Z")]
AgencyCode = Annotated[str, Meta(pattern=rf"^{_WORD}/{_WORD}\Z")]
Word = Annotated[str, Meta(pattern=rf"^{_WORD}\Z")]
DottedWord = Annotated[str, Meta(pattern=rf"^{_WORD}(\.{_WORD}){{0,3}}\Z")]
Token = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]{1,512}\Z")]  # base64url without padding
Stream = Annotated[str, Meta(pattern=r"^[A-Za-z0-9._:/-]{0,64}\Z")]
Basis = Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:#/-]{0,127}\Z")]


class Envelope(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One message. The peer keeps its final answer under `id`: the same id gets the same answer.

    `subject` is the person, sealed for `purpose` and for this pair of nodes (None: about nobody).
    `basis` names the legal acts or the consent; `fields` the documents carried ([]: none).
    Messages of one `stream` arrive and are applied in the order they were sent ("": a stream of its own).
    `dry_run` asks only what the compact would say; nothing is executed and nothing remembered.
    """

    id: Id
    version: str = VERSION
    from_agency: AgencyCode
    to_agency: AgencyCode
    service: Word
    action: DottedWord
    subject: Token | None = None
    purpose: DottedWord
    basis: Annotated[tuple[Basis, ...], Meta(max_length=32)]
    sent: Annotated[datetime, Meta(tz=True)]
    fields: Annotated[tuple[DottedWord, ...], Meta(max_length=64)] = ()
    stream: Stream = ""
    dry_run: bool = False
    document: Any = None

    @property
    def from_node(self) -> str:
        """The node of the sending agency, e.g. "sichuan"."""
        return self.from_agency.partition("/")[0]

    @property
    def to_node(self) -> str:
        """The node of the receiving agency."""
        return self.to_agency.partition("/")[0]


class BadJson(ValueError):
    """The bytes are no JSON text in UTF-8."""


class BadEnvelope(ValueError):
    """A field of the envelope is wrong: `path` is where ("$.basis[0]"), `text` says what was expected."""

    def __init__(self, path: str, detail: str) -> None:
        super().__init__(f"{path}: {detail}")
        self.path = path
        self.text = Text(
            zh=f"报文的 {path} 不符合格式：{detail}", en=f"The envelope does not fit its format at {path}: {detail}"
        )


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Envelope)
_AT = re.compile(r"^(.*?)(?: - at `([^`]*)`)?$", re.DOTALL)


def encode(envelope: Envelope) -> bytes:
    """The body as it is sent, signed and logged. Once made, the bytes are kept: nobody encodes them a second time."""
    return _encoder.encode(envelope)


def decode(body: bytes) -> Envelope:
    """Read a body. Raises BadJson, or BadEnvelope with the path of the first wrong field."""
    try:
        envelope = _decoder.decode(body)
    except msgspec.ValidationError as error:
        match = _AT.match(str(error))
        detail, path = match.groups() if match else (str(error), None)
        raise BadEnvelope(path or "$", detail) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadJson(str(error)) from None
    if envelope.version != VERSION:
        raise BadEnvelope("$.version", f'expected "{VERSION}"')
    return envelope


def now() -> datetime:
    """The time of sending: UTC, whole milliseconds are enough for a log people read."""
    moment = datetime.now(UTC)
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)
