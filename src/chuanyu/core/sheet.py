"""A YAML file as plain data, with the line of everything in it.

YAML 1.2, and less than it allows: no floats (they are not exact), no aliases, no tags, no duplicate keys. Dates become
ISO texts, so that the data is JSON and can be hashed.
"""

import re
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from yaml import CollectionEndEvent, CollectionStartEvent, MappingNode, Node, ScalarNode, SequenceNode
from yaml.cyaml import CParser  # type: ignore[attr-defined]  # libyaml's: every process reads every service
from yaml.error import MarkedYAMLError, YAMLError
from yaml.resolver import BaseResolver

_TAG = "tag:yaml.org,2002:"
DEEPEST = 100  # levels
_INTEGER = re.compile(r"-?(?:0|[1-9][0-9]{0,15})")


class _Loader(CParser, BaseResolver):
    """libyaml's parser with the plain words of YAML 1.2: `no`, `on` and 12:30 are texts."""

    def __init__(self, text: str) -> None:
        CParser.__init__(self, text)
        BaseResolver.__init__(self)


for _name, _form, _begins in (
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("null", r"~|null|Null|NULL|", "~nN"),
    ("int", r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+", "-+0123456789"),
    (
        "float",
        r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)",
        "-+0123456789.",
    ),
    ("timestamp", r"[0-9]{4}-[0-9]{2}-[0-9]{2}", "0123456789"),
):
    _Loader.add_implicit_resolver(
        _TAG + _name, re.compile(f"^(?:{_form})$"), [*_begins, *([""] if _name == "null" else [])]
    )


@dataclass(frozen=True)
class Finding:
    """Something wrong at a dotted path of a sheet: "cases.states.applied.does.accept"."""

    path: str
    code: str
    message: str


@dataclass
class Sheet:
    """`data` is plain (dict, list, str, int, bool, None), or None where the file can't be read. `lines`: path → line."""

    file: Path
    data: Any = None
    lines: dict[str, int] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)

    def line(self, path: str) -> int:
        """The line of a path, or of the nearest thing around it that is in the file."""
        while path and path not in self.lines:
            path = path.rpartition(".")[0]
        return self.lines.get(path, 1)

    def find(self, findings: list[Finding]) -> None:
        """Add what is wrong with the data; where a value could not be read, nothing more is said of it."""
        unread = {finding.path for finding in self.findings}
        self.findings += [finding for finding in findings if finding.path not in unread]

    def amiss(self, path: str) -> bool:
        """Whether something at or below a path has been found wrong."""
        return any(finding.path == path or finding.path.startswith(path + ".") for finding in self.findings)


def read(file: Path) -> Sheet:
    """Read one file. What is wrong with it is in `findings`; nothing is raised but OSError."""
    sheet = Sheet(file)
    try:
        node = _node(file.read_text(encoding="utf-8"))
    except UnicodeDecodeError:
        sheet.findings.append(Finding("", "yaml", "is not UTF-8"))
        return sheet
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        sheet.lines["!"] = mark.line + 1 if mark else 1
        sheet.findings.append(Finding("!", "yaml", f"is not YAML: {error.problem or error.context}"))
        return sheet
    except YAMLError as error:
        sheet.findings.append(Finding("", "yaml", f"is not YAML: {str(error).splitlines()[0]}"))
        return sheet
    except RecursionError:
        sheet.findings.append(Finding("", "yaml", "is nested too deeply"))
        return sheet
    if isinstance(node, MappingNode):
        sheet.data = _Reader(sheet).plain(node, "")
    else:
        sheet.findings.append(Finding("", "yaml", "must be a mapping of keys to values"))
    return sheet


def _node(text: str) -> Node | None:
    """Raises RecursionError before libyaml's composer, which knows no limit, is asked for too much."""
    depth, events = 0, _Loader(text)
    while event := events.get_event():
        depth += isinstance(event, CollectionStartEvent) - isinstance(event, CollectionEndEvent)
        if depth > DEEPEST:
            raise RecursionError
    node: Node | None = _Loader(text).get_single_node()
    return node


def facts(file: Path) -> dict[str, Any]:
    """The data of a file of our own. Raises ValueError with the first thing that is wrong with it, and its line."""
    sheet = read(file)
    for finding in sheet.findings:
        raise ValueError(f"{file.name}:{sheet.line(finding.path)}: {finding.message}")
    data: dict[str, Any] = sheet.data
    return data


class _Reader:
    def __init__(self, sheet: Sheet):
        self.sheet = sheet
        self.seen: set[int] = set()

    def plain(self, node: Node, path: str) -> Any:
        self.sheet.lines.setdefault(path, node.start_mark.line + 1)
        if id(node) in self.seen:
            self.find(path, "yaml", "an alias (*name) is not allowed: write it out")
            return None
        self.seen.add(id(node))
        if isinstance(node, MappingNode):
            return self.mapping(node, path)
        if isinstance(node, SequenceNode):
            return [self.plain(item, _join(path, str(index))) for index, item in enumerate(node.value)]
        assert isinstance(node, ScalarNode)
        return self.scalar(node, path)

    def mapping(self, node: MappingNode, path: str) -> dict[str, Any]:
        data: dict[str, Any] = {}
        for key_node, value_node in node.value:
            if not isinstance(key_node, ScalarNode):
                self.find(path, "yaml", "a key must be a word")
                continue
            key = str(key_node.value)
            at = _join(path, key)
            if key in data:
                self.sheet.lines[at + ".!"] = key_node.start_mark.line + 1
                self.find(
                    at + ".!", "duplicate_key", f"key {key!r} is here twice (first on line {self.sheet.line(at)})"
                )
                continue
            self.sheet.lines[at] = key_node.start_mark.line + 1
            data[key] = self.plain(value_node, at)
        return data

    def scalar(self, node: ScalarNode, path: str) -> Any:
        text = str(node.value)
        match str(node.tag).removeprefix(_TAG):
            case "str":
                return text
            case "null":
                return None
            case "bool":
                return text.lower() == "true"
            case "int" if _INTEGER.fullmatch(text):
                return int(text)
            case "int" | "float":
                self.find(path, "number", f"write {text} in quotes: only plain whole numbers go without")
                return text
            case "timestamp":
                try:
                    return date.fromisoformat(text).isoformat()
                except ValueError:
                    self.find(path, "yaml", f"{text} is no day")
                    return text
            case tag:
                self.find(path, "yaml", f"tag {tag} is not allowed")
                return text

    def find(self, path: str, code: str, message: str) -> None:
        self.sheet.findings.append(Finding(path, code, message))


def _join(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key
