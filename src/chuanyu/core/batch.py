"""Rows of files, purely: a row of text becomes a document, and the service's rules say whether it counts and what it costs.

Files are long, so what repeats is read once: the value of a cell, the parameters of a day. The readers and the rules are the
same that everything else uses.
"""

import re
from bisect import bisect_left, bisect_right, insort
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any

import msgspec

from chuanyu.core.documents import Document, DocumentError, FieldError, fields
from chuanyu.core.documents.decoding import cell, unknown
from chuanyu.core.money import Money
from chuanyu.core.outcomes import Outcome
from chuanyu.core.parameters import Parameters
from chuanyu.core.rules import RuleError, outcome_of
from chuanyu.core.service import Rule, Service
from chuanyu.core.text import Text

_WHOLE = re.compile("-?[0-9]{1,16}")
_REMEMBERED = 50_000  # values of one field that are kept read; a card's number is soon not among them

Cells = Sequence[str]  # one text for each field of the document, in its order


class Row(msgspec.Struct, frozen=True, gc=False):
    """A row that is what it should be. `key` identifies it; rows of one `chain` follow on each other, in the order of `place`."""

    key: str
    by: str
    payer: str  # "" where nobody pays
    subject: str
    day: date
    chain: str
    place: str  # day, time and key, so that texts compare as the rows happened
    document: Document
    cells: tuple[str, ...]


class Reader:
    """Reads the rows of one service's files. Not to be shared between threads."""

    def __init__(self, service: Service) -> None:
        assert service.batch is not None
        self.batch = service.batch
        self.cls = service.documents[self.batch.document].cls
        self.fields = fields(self.cls)
        self.names = [field.name for field in self.fields]
        posting = service.postings.get(self.batch.posts or "")
        self._payer = posting.payer if posting else None
        self._subject = self.names.index(self.batch.subject)
        self._known: list[dict[str, Any]] = [{} for _ in self.fields]

    def header(self, names: Sequence[str]) -> list[int | None]:
        """Where in a line each field stands; None for one that is left out. Raises DocumentError for an unknown, double or missing one."""
        errors = [
            FieldError(name[:60], unknown(name[:60], self.names), "unknown") for name in names if name not in self.names
        ]
        errors += [
            _said(name, "twice", "出现了两次。", " stands there twice.") for name in {*names} if names.count(name) > 1
        ]
        for field in self.fields:
            if field.required and field.name not in names:
                errors.append(_said(field.name, "required", "这一列缺少。", ": the column is missing."))
        if errors:
            raise DocumentError(errors)
        return [list(names).index(name) if name in names else None for name in self.names]

    def read(self, cells: Cells) -> Row:
        """A row from the text of its cells. Raises DocumentError with one error per field."""
        values: dict[str, Any] = {}
        errors: list[FieldError] = []
        for known, field, text in zip(self._known, self.fields, cells, strict=True):
            if text in known:
                values[field.name] = known[text]
                continue
            before = len(errors)
            value = cell(field, _plain(field.kind, text), errors)
            values[field.name] = value
            if len(errors) == before and len(known) < _REMEMBERED:
                known[text] = value
        if errors:
            raise DocumentError(errors)
        batch, day = self.batch, values[self.batch.day]
        key = "|".join([str(values[name]) for name in batch.key])
        by, subject = str(values[batch.by]), str(values[batch.subject])
        payer = str(values[self._payer]) if self._payer else ""
        time = values[batch.time] if batch.time else ""
        chain, place = f"{by} {payer} {subject}", f"{day} {time} {key}"
        return Row(key, by, payer, subject, day, chain, place, self.cls(**values), tuple(cells))

    def group(self, cells: Cells) -> str:
        """What decides which rows must be looked at together, before they are read."""
        return cells[self._subject]


def _plain(kind: str, text: str) -> Any:
    """A cell as JSON would give it."""
    if kind == "integer" and _WHOLE.fullmatch(text):
        return int(text)
    if kind == "flag" and text in ("true", "false"):
        return text == "true"
    return text


def _said(name: str, code: str, zh: str, en: str) -> FieldError:
    return FieldError(name[:60], Text(f"“{name[:60]}”{zh}", f"“{name[:60]}”{en}"), code)


class History:
    """The rows that count so far, by chain; a rule sees those of the days before a row and up to it."""

    def __init__(self, service: Service) -> None:
        assert service.batch is not None
        self.wanted = service.batch.history
        self.days = timedelta(days=self.wanted.days if self.wanted else 0)
        self._chains: dict[str, tuple[list[str], dict[str, Any]]] = {}
        if self.wanted:
            document = service.documents[self.wanted.document]
            (listed,) = (field for field in fields(document.cls) if field.name == self.wanted.field)
            assert listed.cls is not None
            self._cls, self._item, self._most = document.cls, listed.cls, listed.max_length or 0
            self._names = [field.name for field in listed.item]

    def add(self, row: Row) -> None:
        """From now on it is one of those before."""
        if not self.wanted:
            return
        found = self._chains.get(row.chain)
        if found is None:
            found = self._chains[row.chain] = ([], {})
        places, items = found
        insort(places, row.place)
        items[row.place] = row.document

    def before(self, row: Row) -> Document | None:
        """The document a rule takes: the newest ones, as many as it can hold; None where there are none."""
        known = self._chains.get(row.chain)
        if self.wanted is None or known is None:
            return None
        places, items = known
        last = bisect_right(places, row.place)
        first = bisect_left(places, (row.day - self.days).isoformat(), hi=last)
        found = places[max(first, last - self._most) : last]
        if not found:
            return None
        for place in found:
            item = items[place]
            if type(item) is not self._item:  # most rows are nobody's past: they become an item when they are
                items[place] = self._item(**{name: getattr(item, name) for name in self._names})
        return self._cls(**{self.wanted.field: tuple([items[place] for place in found])})


class Kept(Parameters):
    """The parameters of one day at one node, each read once. `used` then names all that were read so far."""

    def __getattr__(self, key: str) -> Any:
        value = super().__getattr__(key)
        self.__dict__[key] = value
        return value


class Judge:
    """Runs a service's rules on rows. `today` is the day they are judged on."""

    def __init__(self, service: Service, today: date) -> None:
        assert service.batch is not None
        self.service, self.today, self.batch = service, today, service.batch
        self._counts = service.rules[self.batch.counts]
        self._posts = service.rules[self.batch.posts] if self.batch.posts else None
        self._parameters: dict[tuple[date, str], Kept] = {}

    def counts(self, row: Row, history: Document | None) -> Outcome:
        """accept, refuse, hold or duplicate. Raises RuleError, NoParameter."""
        return outcome_of(self._counts, self._run(self._counts, row, history))

    def amount(self, row: Row, history: Document | None) -> int:
        """What it costs, in the unit's smallest part; 0 where nobody pays. Raises RuleError, NoParameter."""
        if self._posts is None:
            return 0
        found = outcome_of(self._posts, self._run(self._posts, row, history)).value
        amount = found.fen if isinstance(found, Money) else found
        if type(amount) is not int or amount < 0:
            raise RuleError(f"rule {self._posts.name} gave {found!r}, which is no amount to pay")
        return amount

    def _run(self, rule: Rule, row: Row, history: Document | None) -> Any:
        day = row.day if rule.on == "event" else self.today
        given: dict[str, Any] = {}
        for name in rule.documents:
            if name == self.batch.document:
                given[name] = row.document
            elif history is not None and self.batch.history is not None and name == self.batch.history.document:
                given[name] = history
        if rule.wants_parameters:
            kept = self._parameters.get((day, row.by))
            if kept is None:
                kept = self._parameters[day, row.by] = Kept(self.service.parameters, day, row.by)
            given["p"] = kept
        if rule.wants_day:
            given["day"] = day
        return rule.function(**given)


def plain_cells(reader: Reader, row: Mapping[str, Any]) -> list[str]:
    """A row of JSON as the texts a CSV cell would have held."""
    errors = [
        FieldError(str(k)[:60], unknown(str(k)[:60], reader.names), "unknown") for k in row if k not in reader.names
    ]
    if errors:
        raise DocumentError(errors)
    words = {True: "true", False: "false", None: ""}
    found = []
    for name in reader.names:
        value = row.get(name)
        found.append(words[value] if value is None or isinstance(value, bool) else str(value))
    return found
