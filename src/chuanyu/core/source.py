"""The Python files of a service, read but not run: what they import, call and name.

Decisions are pure: the same input gives the same answer at both nodes, in ten years too. So `rules.py` may import the
pure part of core, a little of the standard library, and modules beside it that keep to the same: in the service's own
folder, and in that of its chapter. No file, no network, no clock, no chance.
"""

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from chuanyu.core.parameters import RESERVED

STDLIB = (
    *("__future__", "typing", "datetime", "decimal", "collections", "dataclasses"),
    *("functools", "itertools", "math", "fractions", "enum"),
)
CORE = ("days", "divisions", "documents", "money", "numbers", "outcomes", "parameters", "rules", "text")
ALSO = {"documents.py": ("msgspec",), "samples.py": ("random", "string")}  # beyond that, by file

_IO = ("open", "print", "input", "exec", "eval", "compile", "__import__", "globals", "locals", "vars", "breakpoint")
_CLOCK = ("now", "today", "utcnow", "fromtimestamp")
# which argument of an outcome is a reason, which a ref: position and keyword
_REASON = {
    "refuse": (0, "reason"),
    "ask": (0, "evidence"),
    "hold": (0, "review"),
    "elsewhere": (0, "where"),
    "stale": (0, "why"),
}
_REF = dict.fromkeys(("refuse", "ask", "hold", "elsewhere", "stale", "value"), 1) | {"accept": 0}


@dataclass(frozen=True)
class SourceFinding:
    """Something wrong on a line of a Python file."""

    line: int
    code: str
    message: str


@dataclass
class Source:
    """What one Python file says of itself. `classes`, `fields` (Class.field) and `functions`: name → line."""

    file: Path
    findings: list[SourceFinding] = field(default_factory=list)
    classes: dict[str, int] = field(default_factory=dict)
    fields: dict[str, int] = field(default_factory=dict)
    functions: dict[str, int] = field(default_factory=dict)
    reasons: dict[str, int] = field(default_factory=dict)  # reason → the first line that gives it
    refs: dict[str, int] = field(default_factory=dict)
    parameters: dict[str, int] = field(default_factory=dict)  # p.<name> → line
    outcomes: dict[str, dict[str, int]] = field(default_factory=dict)  # function → outcome → line

    @property
    def parsed(self) -> bool:
        """Whether the file is Python at all."""
        return not any(finding.code == "syntax" for finding in self.findings)

    @property
    def runs(self) -> bool:
        """Whether the file may be imported: it can be parsed and reaches for nothing it must not have."""
        return not any(finding.code in ("syntax", "import", "io") for finding in self.findings)


def read(file: Path, package: str) -> Source:
    """Read one file of a service (or of a chapter); `package` is the dotted name the modules of its folder are imported under."""
    source = Source(file)
    try:
        tree = ast.parse(file.read_bytes(), filename=str(file))
    except (SyntaxError, ValueError) as error:
        line = getattr(error, "lineno", None) or 1
        source.findings.append(SourceFinding(line, "syntax", f"is not Python: {getattr(error, 'msg', error)}"))
        return source
    _Scan(source, tree, package).run()
    return source


class _Scan:
    def __init__(self, source: Source, tree: ast.Module, package: str):
        self.source = source
        self.tree = tree
        self.beside = {f"{package}.{file.stem}" for file in source.file.parent.glob("*.py")}
        self.package = package
        above = package.rpartition(".")[0]
        self.chapter = above if above.startswith("chuanyu.services.") else ""  # a folder from elsewhere has none
        if self.chapter:
            self.beside |= {f"{above}.{file.stem}" for file in source.file.parent.parent.glob("*.py")}
        self.constants = {
            target.id: node.value.value
            for node in tree.body
            if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)
            for target in node.targets
            if isinstance(target, ast.Name) and isinstance(node.value.value, str)
        }

    def run(self) -> None:
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                for name in node.names:
                    self.imported(node, name.name)
            elif isinstance(node, ast.ImportFrom):
                self.imported_from(node)
            elif isinstance(node, ast.Call):
                self.call(node)
            elif isinstance(node, ast.Attribute):
                self.attribute(node)
        for top in self.tree.body:
            if isinstance(top, ast.ClassDef):
                self.classed(top)
            elif isinstance(top, ast.FunctionDef | ast.AsyncFunctionDef):
                self.source.functions[top.name] = top.lineno
                self.source.outcomes[top.name] = dict(self.given(top))

    def find(self, node: ast.stmt | ast.expr, code: str, message: str) -> None:
        self.source.findings.append(SourceFinding(node.lineno, code, message))

    def imported(self, node: ast.stmt, name: str) -> None:
        top = name.partition(".")[0]
        core = name.removeprefix("chuanyu.core.").partition(".")[0]
        allowed = (
            top in STDLIB
            or top in ALSO.get(self.source.file.name, ())
            or (name.startswith("chuanyu.core.") and core in CORE)
            or name in self.beside
        )
        if not allowed:
            message = f"imports {name!r}: a service may use the pure part of chuanyu.core, modules beside its own and little else"
            self.find(node, "import", message)

    def imported_from(self, node: ast.ImportFrom) -> None:
        names = [name.name for name in node.names]
        if node.level:
            for name in [node.module or name for name in names]:
                if node.level > 1 or f"{self.package}.{name}" not in self.beside:
                    there = "." * node.level + name
                    self.find(node, "import", f"imports {there!r}: no module of its own folder")
        elif node.module in ("chuanyu.core", self.package, self.chapter):
            for name in names:
                self.imported(node, f"{node.module}.{name}")
        else:
            self.imported(node, node.module or "")
            if node.module == "chuanyu.core.days" and {"today", "moment"} & set(names):
                self.find(node, "clock", "reads the clock: a rule is given 'day'")

    def call(self, node: ast.Call) -> None:
        name = _called(node)
        if isinstance(node.func, ast.Name) and name in _IO:
            self.find(node, "io", f"calls {name}(): a rule reads and writes nothing")
        if name == "Outcome":
            self.find(node, "reason_literal", "makes an Outcome by hand: use accept, refuse, ask, hold, …")
        if name in _REASON:
            self.strings(node, *_REASON[name], self.source.reasons, "reason")
        if name in _REF:
            self.strings(node, _REF[name], "ref", self.source.refs, "ref")

    def strings(self, call: ast.Call, position: int, keyword: str, into: dict[str, int], what: str) -> None:
        """Collect the text of an argument; it must be written out, so that it can be checked and shown."""
        given = next((item.value for item in call.keywords if item.arg == keyword), None)
        if given is None and len(call.args) > position:
            given = call.args[position]
        if given is None:
            return
        texts = self.literal(given)
        if texts is None:
            self.find(call, "reason_literal", f"the {what} of {_called(call)}() must be written out as a text")
            return
        for text in texts:
            into.setdefault(text, call.lineno)

    def literal(self, node: ast.expr) -> list[str] | None:
        """The texts an expression can be: a literal, a constant of the module, or one of two by a condition."""
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            return [node.value]
        if isinstance(node, ast.Name) and node.id in self.constants:
            return [self.constants[node.id]]
        if isinstance(node, ast.IfExp):
            first, second = self.literal(node.body), self.literal(node.orelse)
            return None if first is None or second is None else first + second
        return None

    def attribute(self, node: ast.Attribute) -> None:
        if node.attr in _CLOCK and not (isinstance(node.value, ast.Name) and node.value.id == "p"):
            self.find(node, "clock", f"reads the clock (.{node.attr}): a rule is given 'day'")
        if isinstance(node.value, ast.Name) and node.value.id == "p" and node.attr not in RESERVED:
            self.source.parameters.setdefault(node.attr, node.lineno)

    def classed(self, node: ast.ClassDef) -> None:
        self.source.classes[node.name] = node.lineno
        for inner in node.body:
            if isinstance(inner, ast.AnnAssign) and isinstance(inner.target, ast.Name):
                self.source.fields[f"{node.name}.{inner.target.id}"] = inner.lineno

    def given(self, function: ast.AST) -> Iterator[tuple[str, int]]:
        """Which outcomes a function itself makes, with a line each."""
        for node in ast.walk(function):
            if isinstance(node, ast.Call) and _called(node) in (*_REASON, "accept", "duplicate", "no_basis"):
                yield _called(node), node.lineno


def _called(node: ast.Call) -> str:
    if isinstance(node.func, ast.Name):
        return node.func.id
    return node.func.attr if isinstance(node.func, ast.Attribute) else ""
