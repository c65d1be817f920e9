"""Reading rows: one reader per declaration, which remembers what it has read, and the sentence an outcome comes to."""

from chuanyu.core.batch import Reader
from chuanyu.core.outcomes import Outcome
from chuanyu.core.service import Service
from chuanyu.core.text import Text

_readers: dict[str, Reader] = {}


def reader_of(service: Service) -> Reader:
    """A reader of its rows, which remembers what it has read."""
    if service.hash not in _readers:
        _readers[service.hash] = Reader(service)
    return _readers[service.hash]


def sentence(service: Service, outcome: Outcome) -> Text:
    """The reason, and what to do about it."""
    reason = service.reasons[outcome.reason]
    if reason.remedy is None:
        return reason.text
    return Text(reason.text.zh + reason.remedy.zh, f"{reason.text.en} {reason.remedy.en}")
