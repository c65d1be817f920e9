"""The message catalogues: every Chinese sentence of an app's code and templates with its English one.

`python -m chuanyu.portal.messages` brings each app's locale/en/LC_MESSAGES/django.po up to date: new sentences come in
with an empty English text, those that are gone leave. Babel does it; GNU gettext is not needed. A test fails while an
English text is missing.
"""

from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import DEFAULT_KEYWORDS, extract
from babel.messages.pofile import read_po, write_po
from django.conf import settings
from django.utils.translation.template import templatize

SOURCE = Path(__file__).resolve().parents[1]
KEYWORDS = {**DEFAULT_KEYWORDS, "gettext_lazy": None, "ngettext_lazy": (1, 2), "pgettext_lazy": ((1, "c"), 2)}
HEADER = "# English texts of {app}. The Chinese ones are in the code; see chuanyu/portal/messages.py.\n"


def apps() -> list[str]:
    """The folders of src/chuanyu that have something to translate."""
    return sorted(folder.name for folder in SOURCE.iterdir() if folder.is_dir() and len(sentences(folder.name)))


def sentences(app: str) -> Catalog:
    """Everything in the app that is marked for translation, without its translations."""
    found = Catalog(locale="en", fuzzy=False)
    for file in sorted((SOURCE / app).rglob("*")):
        if file.suffix not in (".py", ".html", ".txt") or "__pycache__" in file.parts:
            continue
        where = str(file.relative_to(SOURCE))
        for message, context in _extracted(file):
            found.add(message, locations=[(where, 0)], context=context)
    return found


def kept(app: str) -> Catalog:
    """The catalogue as it is in the repository; empty where there is none."""
    file = place(app)
    if not file.exists():
        return Catalog(locale="en")
    with file.open("rb") as source:
        return read_po(source, locale="en", abort_invalid=True)


def place(app: str) -> Path:
    return SOURCE / app / "locale" / "en" / "LC_MESSAGES" / "django.po"


def refresh(app: str) -> int:
    """Bring the app's catalogue up to date; returns how many English texts are missing."""
    catalogue = kept(app)
    catalogue.header_comment = HEADER.format(app=app).strip()
    made = catalogue.creation_date
    catalogue.update(sentences(app), no_fuzzy_matching=True)
    catalogue.creation_date = made  # a refresh that changes no sentence changes no line
    catalogue.obsolete.clear()
    out = BytesIO()
    write_po(out, catalogue, omit_header=False, no_location=False, include_lineno=False, sort_output=True, width=110)
    place(app).parent.mkdir(parents=True, exist_ok=True)
    place(app).write_bytes(out.getvalue())
    return len(list(missing(catalogue)))


def missing(catalogue: Catalog) -> Iterator[str]:
    """Sentences without a whole English text."""
    for message in catalogue:
        texts = message.string if isinstance(message.string, tuple | list) else [message.string]
        if message.id and (message.fuzzy or not all(texts)):
            yield str(message.id)


def _extracted(file: Path) -> Iterator[tuple[str | tuple[str, ...], str | None]]:
    text = file.read_text(encoding="utf-8")
    if file.suffix != ".py":
        # what is left of a template between its calls keeps its indentation, which no Python file may have
        text = "\n".join(line.strip() for line in templatize(text, origin=str(file)).splitlines())
    for _, message, _, context in extract("python", BytesIO(text.encode()), keywords=KEYWORDS):
        yield message, context


if __name__ == "__main__":
    if not settings.configured:
        settings.configure()
    for name in apps():
        print(f"{name}: {refresh(name)} missing")
