"""A file becomes an upload: spooled as it comes, read once, its rows sorted into parts on disk.

Rows that follow on each other (one card's) are in one part, and a part is small enough to be judged in one transaction. The
upload's row is written last, when the parts are safe on disk: who is killed before has received nothing, and sends again.
"""

import contextlib
import csv
import fcntl
import gzip
import hashlib
import io
import itertools
import os
import shutil
import time
import zlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import IO, Any, Self
from uuid import UUID

import msgspec
from django.db import IntegrityError, transaction

from chuanyu.clearing import actions
from chuanyu.clearing.actions import ClearingError
from chuanyu.clearing.files import words
from chuanyu.clearing.models import Upload
from chuanyu.core.batch import Reader, plain_cells
from chuanyu.core.catalogue import catalogue
from chuanyu.core.documents import DocumentError
from chuanyu.core.documents.decoding import unknown
from chuanyu.core.ids import uuid7
from chuanyu.core.service import Service
from chuanyu.core.text import Text
from chuanyu.identity.actor import Actor
from chuanyu.identity.here import here, home

LIMIT = 256 * 1024 * 1024  # bytes as they come
UNPACKED = 1024 * 1024 * 1024  # bytes of text
LONGEST = 64 * 1024  # characters of one line
ROWS = 5_000_000  # of one file
WRITTEN = 2 * UNPACKED  # bytes of all parts together
NOT_THIS = 10_000  # lines that can't be read, from which on most of those before must be readable
PART = 1024 * 1024  # bytes of text, about: some ten thousand rows
PARTS = 256  # at most: that many files are open at once
ABANDONED = 60.0  # seconds after which a folder that nobody holds, and no upload names, is nobody's


class Line(msgspec.Struct, frozen=True, array_like=True):
    """One line of a part: its number in the file, and its cells or what is wrong with it, a code and perhaps a field."""

    number: int
    cells: tuple[str, ...] = ()
    wrong: str = ""
    field: str = ""


def service_of(key: str) -> Service:
    """The service, if it takes files. Raises ClearingError."""
    service = catalogue().get(key)
    if service is None or service.batch is None:
        raise words.NO_SERVICE
    return service


def agency_of(service: Service, node: str) -> str:
    """ "chongqing/transport"."""
    assert service.batch is not None
    return f"{node}/{service.batch.agency}"


def may_upload(service: Service, actor: Actor) -> None:
    """Raises ClearingError for anybody but the service's agency at this node, its system, and the node itself."""
    assert service.batch is not None
    if not (actor.is_system or actor.serves(service.batch.agency, here())) or actor.node != here():
        raise words.NOT_YOURS


def folder(upload: UUID) -> Path:
    """Where an upload's file and its parts are."""
    return home() / "uploads" / str(upload)


class Spool:
    """A file on its way in: `write` what comes, then `take`. Leaving the block without `take` leaves nothing behind."""

    def __init__(self) -> None:
        self.id = uuid7()
        self.folder = folder(self.id)
        self.size = 0
        self._sum = hashlib.sha256()
        self._kept = False

    def __enter__(self) -> Self:
        self.folder.mkdir(parents=True, mode=0o700)
        self._file = (self.folder / "file").open("wb")
        fcntl.flock(self._file, fcntl.LOCK_EX)  # a kill lets go of it: see `sweep`
        return self

    def __exit__(self, *_: object) -> None:
        if not self._kept:
            shutil.rmtree(self.folder, ignore_errors=True)
        self._file.close()

    def write(self, chunk: bytes) -> None:
        """Raises ClearingError when it is too much."""
        self.size += len(chunk)
        if self.size > LIMIT:
            raise words.TOO_LARGE
        self._sum.update(chunk)
        self._file.write(chunk)

    def take(self, *, service: Service, actor: Actor, name: str) -> tuple[Upload, bool]:
        """The upload, and whether it is new: the same bytes again are the first upload. Raises ClearingError, DocumentError."""
        self._file.flush()
        os.fsync(self._file.fileno())
        may_upload(service, actor)
        agency, sha256 = agency_of(service, here()), self._sum.hexdigest()
        same = Upload.objects.filter(service=service.key, agency=agency, sha256=sha256)
        if (first := same.first()) is not None:
            return first, False
        parts, rows = _sort(self.folder, Reader(service), self.size)
        try:
            with transaction.atomic():
                made = Upload.objects.create(
                    pk=self.id, service=service.key, agency=agency, name=_name(name), by=actor.id, sha256=sha256,
                    size=self.size, parts=parts, rows=rows,
                )  # fmt: skip
                actions.wake()
        except IntegrityError:  # somebody else sent the same at the same time
            return same.get(), False
        self._kept = True
        return made, True


def upload(*, service: str, actor: Actor, name: str, chunks: Iterable[bytes]) -> tuple[Upload, bool]:
    """Take a file in. See `Spool.take`."""
    found = service_of(service)
    may_upload(found, actor)
    with Spool() as spool:
        for chunk in chunks:
            spool.write(chunk)
        return spool.take(service=found, actor=actor, name=name)


def part(upload: Upload, number: int) -> list[Line]:
    """The rows of one part. Parts that were lost are made again: they come out the same."""
    file = folder(upload.pk) / f"{number:03d}"
    if not file.exists():
        _sort(folder(upload.pk), Reader(service_of(upload.service)), upload.size, parts=upload.parts)
    try:
        return [_LINE.decode(line) for line in file.read_bytes().splitlines()]
    except msgspec.DecodeError:  # written by an earlier version of the program
        _sort(folder(upload.pk), Reader(service_of(upload.service)), upload.size, parts=upload.parts)
        return [_LINE.decode(line) for line in file.read_bytes().splitlines()]


def said(line: Line, reader: Reader) -> Text:
    """What is wrong with a line, in a sentence."""
    return unknown(line.field, reader.names) if line.wrong == "unknown" else words.LINES[line.wrong]


def rows_of_part(upload: UUID, number: int) -> int:
    """How many rows wait in a part; 0 where it was lost (it is made again when it is tried)."""
    try:
        with (folder(upload) / f"{number:03d}").open("rb") as lines:
            return sum(1 for _ in lines)
    except FileNotFoundError:
        return 0


def forget_parts(upload: UUID) -> None:
    """They have been judged; the file itself stays."""
    for file in folder(upload).glob("[0-9][0-9][0-9]"):
        file.unlink(missing_ok=True)


def sweep() -> int:
    """Delete what a kill left between the first byte of a file and its upload's row. Returns how many folders."""
    place = home() / "uploads"
    found = {}
    for each in place.iterdir() if place.is_dir() else ():
        with contextlib.suppress(ValueError, FileNotFoundError):
            newest = max(part.stat().st_mtime for part in (each, *each.iterdir()))
            if time.time() - newest > ABANDONED:
                found[UUID(each.name)] = each
    found = {id_: place for id_, place in found.items() if not _held(place)}
    known = set(Upload.objects.filter(pk__in=found).values_list("pk", flat=True))
    for id_ in found.keys() - known:
        shutil.rmtree(found[id_], ignore_errors=True)
    return len(found.keys() - known)


def _held(place: Path) -> bool:
    """Whether somebody is still taking this file in."""
    try:
        with (place / "file").open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except FileNotFoundError:
        return False
    return False


_LINE = msgspec.json.Decoder(Line)
_encode = msgspec.json.Encoder().encode


def _sort(place: Path, reader: Reader, size: int, parts: int = 0) -> tuple[int, int]:
    """Write the parts; (how many, how many rows). Raises ClearingError, DocumentError."""
    with (place / "file").open("rb") as raw:
        packed = raw.read(2) == b"\x1f\x8b"
    parts = parts or min(PARTS, max(1, size * (6 if packed else 1) // PART))
    files: list[IO[bytes]] = [(place / f"{number:03d}").open("wb", buffering=64 * 1024) for number in range(parts)]
    rows = wrong = written = 0
    try:
        for line in _read(place / "file", packed, reader):
            rows += 1
            if line.wrong:
                wrong += 1
                if wrong >= NOT_THIS and wrong * 2 > rows:
                    raise words.NOT_THIS_FILE
            group = reader.group(line.cells) if line.cells else ""
            coded = _encode(line) + b"\n"
            written += len(coded)
            if rows > ROWS or written > WRITTEN:
                raise words.TOO_LARGE
            files[zlib.crc32(group.encode("utf-8", "replace")) % parts].write(coded)
        if not rows:
            raise words.EMPTY
        for file in files:
            file.flush()
            os.fsync(file.fileno())
    finally:
        for file in files:
            file.close()
    return parts, rows


def _read(file: Path, packed: bool, reader: Reader) -> Iterator[Line]:
    raw: Any = gzip.open(file, "rb") if packed else file.open("rb")  # noqa: SIM115  the wrapper closes it
    # what is no UTF-8 is refused with its row; surrogates stand for it until then
    with io.TextIOWrapper(raw, encoding="utf-8-sig", errors="surrogateescape", newline="") as text:
        lines = _Lines(text)
        try:
            first = next(iter(lines), "")
            if first.startswith("{"):
                yield from _json(itertools.chain([first], lines), reader)
            else:
                yield from _csv(itertools.chain([first], lines), reader)
        except (EOFError, zlib.error, gzip.BadGzipFile):
            raise words.BAD_GZIP from None


class _Lines:
    """The lines of a file, none longer than can be held: the rest of a longer one is skipped."""

    def __init__(self, text: IO[str]) -> None:
        self._text = text
        self._size = 0

    def __iter__(self) -> Iterator[str]:
        while line := self._text.readline(LONGEST):
            self._size += len(line)
            if self._size > UNPACKED:
                raise words.TOO_LARGE
            if len(line) == LONGEST and not line.endswith("\n"):
                while (rest := self._text.readline(LONGEST)) and not rest.endswith("\n"):
                    self._size += len(rest)
                    if self._size > UNPACKED:
                        raise words.TOO_LARGE
                line = "\x00\n"  # no row can hold it
            yield line


def _csv(lines: Iterable[str], reader: Reader) -> Iterator[Line]:
    """Every line is a row: a quote that is not closed spoils its own line, and no line after it."""
    numbered = enumerate(lines, start=1)
    header = _cells(next(numbered, (1, ""))[1])
    if header is None or any(not name.isprintable() for name in header):
        raise words.NOT_TEXT
    if not any(header):
        raise words.EMPTY
    places = reader.header([name.strip() for name in header])
    width = len(header)
    pick: Callable[[list[str]], tuple[str, ...]] = lambda cells: tuple(  # noqa: E731
        ["" if place is None else cells[place] for place in places]
    )
    for number, line in numbered:
        cells = _cells(line)
        if cells is None:
            yield Line(number, (), "unreadable")
        elif len(cells) == width:
            yield Line(number, _clean(pick(cells)))
        elif cells:  # an empty line is nothing
            yield Line(number, (), "width")


def _cells(line: str) -> list[str] | None:
    """The cells of one line; None where its quotes are wrong."""
    line = line.rstrip("\r\n")
    if '"' not in line:
        return line.split(",") if line else []
    try:
        return next(csv.reader((line,), strict=True))
    except csv.Error:
        return None


def _json(lines: Iterable[str], reader: Reader) -> Iterator[Line]:
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            found = msgspec.json.decode(line.encode("utf-8", "replace"))
            if not isinstance(found, dict):
                raise msgspec.DecodeError
            yield Line(number, _clean(tuple(plain_cells(reader, found))))
        except (msgspec.DecodeError, RecursionError):
            yield Line(number, (), "unreadable")
        except DocumentError as error:
            first = error.errors[0]
            yield Line(number, (), first.code, first.path)


def _clean(cells: tuple[str, ...]) -> tuple[str, ...]:
    """A cell that is no UTF-8 becomes a character no field takes."""
    if "".join(cells).isascii():
        return cells
    return tuple(["\x00" if any("\ud800" <= letter <= "\udfff" for letter in cell) else cell for cell in cells])


def _name(name: str) -> str:
    return "".join(letter for letter in name if letter.isprintable())[:200] or "-"


__all__ = ["ClearingError", "Line", "Spool", "agency_of", "may_upload", "part", "service_of", "upload"]
