"""A page as a reader of markup sees it, and what is wrong with it: the checks of every page in every test."""

import itertools
from collections import Counter
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any

VOID = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}
NAMED = {"a", "button", "h1", "h2", "h3", "h4", "legend", "label", "caption", "summary", "th"}


@dataclass
class Element:
    tag: str
    attributes: dict[str, str]
    parent: "Element | None" = None
    children: list["Element"] = field(default_factory=list)
    own: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        return " ".join(" ".join([*self.own, *(child.text for child in self.children)]).split())

    def all(self, *tags: str) -> list["Element"]:
        found = [self] if self.tag in tags else []
        return found + [each for child in self.children for each in child.all(*tags)]

    def get(self, name: str) -> str:
        return self.attributes.get(name, "")

    def inside(self, tag: str) -> bool:
        return self.parent is not None and (self.parent.tag == tag or self.parent.inside(tag))


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.root = Element("root", {})
        self.at = self.root
        self.faults: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        element = Element(tag, {name: value or "" for name, value in attrs}, self.at)
        self.at.children.append(element)
        if tag not in VOID:
            self.at = element

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.at.children.append(Element(tag, {name: value or "" for name, value in attrs}, self.at))

    def handle_endtag(self, tag: str) -> None:
        if tag in VOID:
            return
        if self.at.tag != tag:
            self.faults.append(f"</{tag}> closes <{self.at.tag}> ({self.at.text[:40]!r})")
        while self.at.parent and self.at.tag != tag:
            self.at = self.at.parent
        self.at = self.at.parent or self.root

    def handle_data(self, data: str) -> None:
        self.at.own.append(data)


@dataclass
class Page:
    root: Element
    faults: list[str]

    def one(self, tag: str) -> Element:
        (found,) = self.root.all(tag)
        return found

    @property
    def text(self) -> str:
        return self.one("main").text

    @property
    def fields(self) -> dict[str, Element]:
        """Inputs, selects and text areas by id."""
        return {e.get("id"): e for e in self.root.all("input", "select", "textarea") if e.get("id")}

    def error_of(self, name: str) -> str:
        """The error tied to a field by aria-describedby."""
        by_id = {e.get("id"): e for e in self.root.all("p", "input", "select", "textarea", "fieldset") if e.get("id")}
        described = by_id[name].get("aria-describedby").split()
        return " ".join(by_id[each].text for each in described if each.endswith("-error"))

    @property
    def summary(self) -> list[tuple[str, str]]:
        """The lines of the error summary: where they lead, what they say."""
        boxes = [e for e in self.root.all("div") if e.get("class") == "errors"]
        return [(a.get("href"), a.text) for box in boxes for a in box.all("a")]


def read(answer: Any) -> Page:
    """The page of a response, checked: AssertionError with everything that is wrong with it."""
    reader = _Reader()
    reader.feed(answer.content.decode())
    page = Page(reader.root, reader.faults)
    found = problems(page)
    assert not found, "\n".join(found)
    return page


def problems(page: Page) -> list[str]:
    """What a screen reader, a keyboard or the content security policy would stumble over."""
    root, found = page.root, list(page.faults)
    every = root.all(*_tags(root))
    ids = Counter(e.get("id") for e in every if e.get("id"))
    found += [f"id {name!r} occurs {n} times" for name, n in ids.items() if n > 1]
    if len(root.all("h1")) != 1:
        found.append(f"{len(root.all('h1'))} h1")
    if not [e for e in root.all("title") if e.text and not e.inside("svg")]:
        found.append("no title")
    found += [
        f"<{e.tag}> carries {name}=" for e in every for name in e.attributes if name == "style" or name[:2] == "on"
    ]
    found += ["inline script" for e in root.all("script") if not e.get("src")]
    found += ["inline style" for _ in root.all("style")]
    addresses = [e.get("src") + e.get("href") for e in root.all("script", "img", "link")]
    found += [f"from elsewhere: {address}" for address in addresses if "//" in address]
    wordless = [e for e in every if e.tag in NAMED and not (e.text or e.get("aria-label") or e.get("aria-hidden"))]
    found += [f"<{e.tag}> without words" for e in wordless]
    found += ["img without alt" for e in root.all("img") if "alt" not in e.attributes]
    labels = {e.get("for") for e in root.all("label")}
    for e in root.all("input", "select", "textarea"):
        if e.get("type") == "hidden":
            continue
        if e.get("id") not in labels:
            found.append(f"field {e.get('name')!r} without a label")
    for e in every:
        for name in ("aria-describedby", "aria-labelledby", "for"):
            found += [f"{name}={each!r} names nothing" for each in e.get(name).split() if each not in ids]
    for e in root.all("a"):
        if e.get("href").startswith("#") and e.get("href")[1:] not in ids:
            found.append(f"a link to {e.get('href')!r}, which is not on the page")
    for table in root.all("table"):
        if not table.all("caption"):
            found.append("table without a caption")
        found += ["th without scope" for th in table.all("th") if not th.get("scope")]
    found += [
        "a form that writes without its token"
        for f in root.all("form")
        if f.get("method") == "post" and not any(i.get("name") == "csrfmiddlewaretoken" for i in f.all("input"))
    ]
    levels = [int(e.tag[1]) for e in root.all("h1", "h2", "h3", "h4")]
    found += [f"h{a} is followed by h{b}" for a, b in itertools.pairwise(levels) if b > a + 1]
    return found


def _tags(element: Element) -> set[str]:
    return {element.tag} | {tag for child in element.children for tag in _tags(child)}


def hidden(page: Page) -> dict[str, str]:
    """What the main form of a page sends when nothing is typed: the fields it carries by itself."""
    forms = [form for form in page.one("main").all("form") if form.get("method") == "post"]
    inputs = forms[0].all("input")
    return {e.get("name"): e.get("value") for e in inputs if e.get("type") in ("hidden", "text") and e.get("name")}
