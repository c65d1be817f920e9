"""Two operators of transit cards at two nodes: files of taps, workers that run until nothing moves, and what came of it."""

import gzip
import os
from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any
from uuid import UUID

from chuanyu.clearing import actions, audit, differences, posting, queries, windows
from chuanyu.clearing.files import intake, judging, paying, reconcile
from chuanyu.clearing.files import queries as files
from chuanyu.clearing.models import FileRow, Page, Upload
from chuanyu.core.money import Money
from chuanyu.core.service import NODES
from chuanyu.exchange import inbox
from chuanyu.exchange.models import Inbox
from chuanyu.identity.actor import SYSTEM, Actor
from chuanyu.identity.here import other
from link import Link

SERVICE, AGENCY = "transit_card", "transport"
BOOK = f"{AGENCY}/{SERVICE}"
FIELDS = ("card", "issuer", "operator", "terminal", "counter", "day", "time", "fare", "mode")
DAY = "2025-06-10"


def tap(
    counter: int,
    *,
    card: str = "8A01F0C3",
    issuer: str = "chongqing",
    operator: str = "sichuan",
    terminal: str = "B-101",
    day: str = DAY,
    time: str = "08:00:00",
    fare: str = "2.00",
    mode: str = "bus",
) -> tuple[str, ...]:
    """One row of a file."""
    return (card, issuer, operator, terminal, str(counter), day, time, fare, mode)


def csv_of(rows: Iterable[Sequence[str]], *, fields: Sequence[str] = FIELDS, end: str = "\n") -> bytes:
    """A file of rows."""
    return "".join(",".join(row) + end for row in (fields, *rows)).encode()


class Depot:
    """Both nodes with money in the operators' funds."""

    def __init__(self, link: Link, *, fund: str = "1000000.00") -> None:
        self.link = link
        self.turn(DAY)
        for node in NODES if fund else ():
            with self.at(node):
                actions.fund(agency=AGENCY, service=SERVICE, amount=Money.parse(fund))

    def at(self, node: str) -> Any:
        return self.link.at(node)

    def turn(self, day: str) -> None:
        """It is that legal day at both nodes."""
        os.environ["CHUANYU_TODAY"] = day

    def clerk(self, node: str, role: str = "clerk", agency: str = AGENCY) -> Actor:
        return Actor(kind="staff", user=f"{role}-{agency}", node=node, agency=agency, roles=frozenset({role}))

    def upload(
        self, node: str, content: bytes | list[tuple[str, ...]], *, name: str = "taps.csv", **who: Any
    ) -> Upload:
        """Upload at a node; judged later, by `work`."""
        made, _ = self.uploaded(node, content, name=name, **who)
        return made

    def uploaded(
        self,
        node: str,
        content: bytes | list[tuple[str, ...]],
        *,
        name: str = "taps.csv",
        packed: bool = False,
        **who: Any,
    ) -> tuple[Upload, bool]:
        body = csv_of(content) if isinstance(content, list) else content
        body = gzip.compress(body) if packed else body
        chunks = [body[i : i + 1000] for i in range(0, len(body), 1000)]
        with self.at(node):
            return intake.upload(service=SERVICE, actor=self.clerk(node, **who), name=name, chunks=chunks)

    def step(self, node: str) -> int:
        """One round of the worker's jobs that matter here."""
        with self.at(node):
            moved = judging.work() + paying.work() + posting.work() + reconcile.tell()
            Inbox.objects.filter(state=Inbox.PARKED).update(next_try="2020-01-01T00:00Z")
            applied = inbox.work()
            return moved + max(0, applied - Inbox.objects.filter(state=Inbox.PARKED).count()) + windows.work()

    def work(self) -> None:
        """Let everything happen that can, until nothing moves."""
        for _ in range(200):
            moved = self.link.deliver()
            for node in NODES:
                moved += self.step(node)
            if not moved:
                return
        raise AssertionError("it never comes to rest")

    def next_day(self) -> None:
        """The day is over: its windows close, and are compared row by row."""
        day = date.fromisoformat(os.environ["CHUANYU_TODAY"])
        self.turn(date.fromordinal(day.toordinal() + 1).isoformat())
        self.work()
        for node in NODES:
            with self.at(node):
                reconcile.work()

    # --- looking ------------------------------------------------------------------------------------------------------

    def seen(self, node: str, upload: Upload) -> files.UploadView:
        with self.at(node):
            return files.upload(upload.pk, SYSTEM(node))

    def codes(self, node: str, upload: Upload) -> list[tuple[int | None, str, str]]:
        """(line, field, code) of everything that was said."""
        return [(n.line, n.field, n.code) for n in self.seen(node, upload).notes]

    def rows(self, node: str, **where: Any) -> dict[str, tuple[str, int | None]]:
        with self.at(node):
            found = FileRow.objects.filter(service=SERVICE, **where)
            return {row.key: (row.state, row.amount) for row in found}

    def pages(self, node: str) -> list[Page]:
        with self.at(node):
            return list(Page.objects.order_by("number"))

    def window(self, node: str, period: str = DAY) -> queries.Window:
        with self.at(node):
            (found,) = [w for w in queries.windows(unfinished=False) if w.period == period and w.service == SERVICE]
        return found

    def balances(self, node: str) -> dict[str, int]:
        with self.at(node):
            return {a.name: a.balance for a in queries.accounts(BOOK)}

    def reconciled(self) -> list[tuple[bool, int, int]]:
        """(equal, rows, total) of every direction at both nodes."""
        found = []
        for node in NODES:
            with self.at(node):
                found += [(r.equal, r.rows, r.total) for r in files.reconciliations()]
        return found

    def sound(self) -> None:
        """The audit finds nothing, every row is on one page, and both nodes have the same pages."""
        for node in NODES:
            with self.at(node):
                assert audit.whole(lambda line: None) == []
        for node in NODES:
            mine = {p.id: p for p in self.pages(node) if p.side == "payee"}
            theirs = {p.id: p for p in self.pages(other(node)) if p.side == "payer"}
            assert mine.keys() == theirs.keys()
            for id_, page in mine.items():
                there = theirs[id_]
                assert (page.transfer, page.amount, page.accepted, page.state) == (
                    there.transfer, there.amount, there.accepted, there.state,
                )  # fmt: skip
                rows = self.rows(node, page=id_)
                assert rows == self.rows(other(node), page=id_)
                assert sum(a or 0 for s, a in rows.values() if s == "counted") == page.amount

    def tamper(self, node: str, statement: str) -> None:
        """As the owner of the tables, past every function."""
        import psycopg

        with psycopg.connect(self.link.nodes.places[node].owner_url, autocommit=True) as owner:
            owner.execute(statement)  # type: ignore[call-overload]


def differences_of(depot: Depot, node: str, window: int) -> list[UUID]:
    with depot.at(node):
        return [line.transfer for line in differences.compare(windows.Window.objects.get(pk=window))]
