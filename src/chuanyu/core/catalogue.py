"""The service catalogue: every service folder read, and the services that come of it.

`folder` is laid out as chapter/service: service.yaml, documents.py, rules.py, examples.yaml (the last three where there
is something to say in them). What is long may stand in a module beside them, and what several services of a chapter share
in a module beside their folders. Python is read before it is run: a file that reaches for what it must not have is never
imported.
"""

import importlib
import importlib.util
import sys
import traceback
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from hashlib import sha256
from pathlib import Path
from types import MappingProxyType, ModuleType
from typing import Any

from chuanyu.core import sheet, source
from chuanyu.core.declaration import declared, examine
from chuanyu.core.documents import Document, Moment, Person, definition_errors
from chuanyu.core.grammar import CHAPTERS, EXAMPLES
from chuanyu.core.service import Declared, DocumentSpec, Rule, Service
from chuanyu.core.sheet import Finding, Sheet
from chuanyu.core.source import Source

__all__ = ["Catalogue", "CatalogueError", "Declared", "Draft", "Problem", "catalogue", "declared", "drafts", "load"]

ROLES = ("documents.py", "rules.py", "samples.py")  # what each Python file of a service is for; others help them
SERVICES = Path(__file__).resolve().parent.parent / "services"
OWN_DOCUMENTS: Mapping[str, type[Document]] = {"Person": Person, "Moment": Moment}  # classes every service has

Catalogue = Mapping[str, Service]


@dataclass(frozen=True, order=True)
class Problem:
    """One thing wrong with a service, where a person can go and mend it. `code`: see `checks.CODES`."""

    file: str
    line: int
    message: str
    code: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.message}"


class CatalogueError(Exception):
    """Services that can't be used: `problems` says all that is wrong."""

    def __init__(self, problems: list[Problem]):
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = problems


@dataclass
class Draft:
    """One service folder as far as it could be read, with everything found wrong while reading it.

    `classes` and `rules` are None where documents.py or rules.py could not be imported.
    """

    folder: Path
    sheet: Sheet
    examples_sheet: Sheet | None
    sources: dict[str, Source]
    declared: Declared | None = None
    examples: dict[str, Any] = field(default_factory=dict)
    classes: dict[str, type[Document]] | None = None
    rules: dict[str, Rule] | None = None
    problems: list[Problem] = field(default_factory=list)

    @property
    def key(self) -> str:
        return self.folder.name

    @property
    def chapter(self) -> str:
        return self.folder.parent.name

    def service(self) -> Service | None:
        """The service, or None where its declaration, its documents or its rules could not be read."""
        if self.declared is None or self.classes is None or self.rules is None:
            return None
        if any(definition_errors(cls) for cls in self.classes.values()):
            return None
        known = {**OWN_DOCUMENTS, **self.classes}
        view = {name: getattr(self.declared, name) for name in Declared.__dataclass_fields__ if name != "documents"}
        return Service(
            **view,
            key=self.key,
            chapter=self.chapter,
            folder=self.folder,
            documents={
                name: DocumentSpec(
                    name=name,
                    class_name=document.class_name,
                    by=document.by,
                    title=document.title,
                    register=document.register,
                    made=document.made,
                    explains=document.explains,
                    cls=known[document.class_name],
                )
                for name, document in self.declared.documents.items()
                if document.class_name in known
            },
            rules=self.rules,
            examples=self.examples,
            lines=self.sheet.lines,
        )

    def located(self, findings: Iterable[Finding], of: Sheet | None = None) -> list[Problem]:
        """Findings in service.yaml (or in `of`) as problems with file and line."""
        of = of or self.sheet
        return [Problem(shown(of.file), of.line(one.path), one.message, one.code) for one in findings]

    def add(self, findings: Iterable[Finding], of: Sheet | None = None) -> None:
        """Keep findings that were made while reading."""
        self.problems += self.located(findings, of)


@cache
def catalogue() -> Catalogue:
    """The services of this installation, read once. Raises CatalogueError."""
    return load()


def load(folder: Path | None = None) -> Catalogue:
    """Service key → Service of every folder below `folder` (default: the installed ones). Raises CatalogueError."""
    read = drafts(folder)
    problems = [problem for draft in read for problem in draft.problems]
    if problems:
        raise CatalogueError(sorted(problems))
    services = (draft.service() for draft in read)
    return MappingProxyType({service.key: service for service in services if service is not None})


def drafts(folder: Path | None = None) -> list[Draft]:
    """Every service folder at or below `folder`, read. Nothing is raised for what is wrong with a service."""
    root = (folder or SERVICES).resolve()
    found: list[Draft] = []
    keys: dict[str, Path] = {}
    for place in sorted(_folders(root)):
        draft = _draft(place)
        if place.parent.name not in CHAPTERS:
            where = f"{place.parent.name!r} is no chapter: {', '.join(CHAPTERS)}"
            draft.add([Finding("", "chapter", f"a service's folder lies in that of its chapter, and {where}")])
        if place.name in keys:
            message = f"there is a service {place.name!r} already: {shown(keys[place.name])}"
            draft.add([Finding("", "duplicate_service", message)])
        keys.setdefault(place.name, place)
        found.append(draft)
    return found


def shown(file: Path) -> str:
    """A path as people like to see it: below where they are, or whole."""
    try:
        return str(file.relative_to(Path.cwd()))
    except ValueError:
        return str(file)


def _folders(root: Path) -> list[Path]:
    """The service folders of a folder of chapters, of one chapter, or of one service."""
    if (root / "service.yaml").is_file():
        return [root]
    inner = [place for place in root.iterdir() if place.is_dir() and place.name[0] not in "._"]
    if any((place / "service.yaml").is_file() for place in inner):
        return inner
    return [place for chapter in inner for place in chapter.iterdir() if place.is_dir() and place.name[0] not in "._"]


def _draft(folder: Path) -> Draft:
    file, examples = folder / "service.yaml", folder / "examples.yaml"
    package = _package(folder)
    draft = Draft(
        folder=folder,
        sheet=sheet.read(file) if file.is_file() else Sheet(file),
        examples_sheet=sheet.read(examples) if examples.is_file() else None,
        sources={file.name: source.read(file, package) for file in sorted(folder.glob("*.py"))} | _shared(folder),
    )
    if not file.is_file():
        draft.add([Finding("", "no_declaration", "the folder of a service has a service.yaml")])
    if draft.sheet.data is not None:
        draft.declared, found = examine(draft.sheet.data)
        draft.sheet.find(found)
    draft.add(draft.sheet.findings)
    if draft.examples_sheet is not None:
        if draft.examples_sheet.data is not None:
            found = []
            draft.examples = EXAMPLES.fit(draft.examples_sheet.data, "", "the examples", found)
            draft.examples_sheet.find(found)
        draft.add(draft.examples_sheet.findings, draft.examples_sheet)
    for read in draft.sources.values():
        draft.problems += [Problem(shown(read.file), one.line, one.message, one.code) for one in read.findings]
    _import(draft, package)
    return draft


def _shared(folder: Path) -> dict[str, Source]:
    """The modules that the services of a chapter have together, by their path from a service's folder."""
    if not folder.is_relative_to(SERVICES):
        return {}
    chapter = folder.parent
    return {f"../{file.name}": source.read(file, _package(chapter)) for file in sorted(chapter.glob("*.py"))}


def _import(draft: Draft, package: str) -> None:
    """Run documents.py and rules.py, if they may be run, and keep what they define."""
    documents = _module(draft, package, "documents")
    if documents is not None:
        draft.classes = {
            name: item
            for name, item in vars(documents).items()
            if isinstance(item, type) and issubclass(item, Document) and not item.__module__.startswith("chuanyu.core.")
        }
        draft.problems += _written(draft, draft.classes)
        draft.add(_classes(draft, draft.classes))
    rules = _module(draft, package, "rules") if documents is not None else None
    if rules is not None:
        marked = (getattr(item, "__rule__", None) for item in vars(rules).values())
        draft.rules = {
            rule.name: rule for rule in marked if isinstance(rule, Rule) and rule.function.__module__ == rules.__name__
        }


def _written(draft: Draft, classes: Mapping[str, type[Document]]) -> Iterator[Problem]:
    """Document classes that are not written as documents are."""
    for name, cls in classes.items():
        read = draft.sources["documents.py"]
        for error in definition_errors(cls):
            line = read.fields.get(f"{name}.{error.field}", read.classes.get(name, 1))
            yield Problem(shown(read.file), line, str(error), error.code)


def _classes(draft: Draft, classes: Mapping[str, type[Document]]) -> Iterator[Finding]:
    """Declared documents without a class, or with one that is no Document."""
    defined = draft.sources["documents.py"].classes if "documents.py" in draft.sources else {}
    for name, document in draft.declared.documents.items() if draft.declared else ():
        cls = document.class_name
        if cls and cls not in classes and cls not in OWN_DOCUMENTS:
            why = "is no Document" if cls in defined else "is not in documents.py"
            yield Finding(f"documents.{name}.class", "document_class", f"class {cls!r} of document {name!r} {why}")


def _module(draft: Draft, package: str, name: str) -> ModuleType | None:
    """One module of a service, imported; an empty one where there is no file; None where it can't be."""
    read = draft.sources.get(f"{name}.py")
    if read is None:
        return ModuleType(f"{package}.{name}")
    if not read.runs or not all(each.runs for name, each in draft.sources.items() if name not in ROLES):
        return None
    try:
        return importlib.import_module(f"{package}.{name}")
    except Exception as error:  # whatever a module does while it is imported, it is that service's problem alone
        lines = [
            frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(read.file)
        ]
        message = f"can't be imported: {type(error).__name__}: {error}"
        line = lines[-1] if lines else getattr(error, "lineno", None)
        draft.problems.append(Problem(shown(read.file), line or 1, message, "import_fails"))
        return None


def _package(folder: Path) -> str:
    """The dotted name a service's modules are imported under. A folder from elsewhere gets a package made for it."""
    if folder.is_relative_to(SERVICES):
        return ".".join(("chuanyu.services", *folder.relative_to(SERVICES).parts))
    name = f"chuanyu_service_{sha256(str(folder).encode()).hexdigest()[:16]}"
    for module in [loaded for loaded in sys.modules if loaded == name or loaded.startswith(name + ".")]:
        del sys.modules[module]  # a folder read again may have changed
    spec = importlib.util.spec_from_loader(name, loader=None, is_package=True)
    assert spec is not None
    spec.submodule_search_locations = [str(folder)]
    sys.modules[name] = importlib.util.module_from_spec(spec)
    importlib.invalidate_caches()
    return name
