"""axe-core in the browser: what a page gets wrong for people who can't see, hear, point or read it as drawn."""

from functools import cache
from pathlib import Path

import pytest
from browser import Person

FILE = Path(__file__).resolve().parents[2] / "node_modules" / "axe-core" / "axe.min.js"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


LOOK = """async ([tags, part, without]) => {
  const rules = Object.fromEntries(without.map(rule => [rule, {enabled: false}]));
  const found = await axe.run(part || document,
    {runOnly: tags, rules, resultTypes: ['violations'], performanceTimer: false});
  return found.violations.flatMap(rule => rule.nodes.map(
    node => `${rule.id}: ${node.target[0]} ${(node.failureSummary || '').slice(0, 200)}`));
}"""


@cache
def _source() -> str:
    if not FILE.exists():
        pytest.skip("no axe-core: npm ci (make test does it)")
    return FILE.read_text()


def begin(person: Person, *, part: str = "", without: tuple[str, ...] = ()) -> None:
    """Let the browser look at the page (or the `part` a selector names) while something else is done; see `found`.

    `without`: rules that are left out.
    """
    page = person.page
    if not page.evaluate("'axe' in window"):
        page.evaluate(_source())  # by the debugger, which the content security policy does not bind
    page.evaluate(f"asked => {{ window.looked = ({LOOK})(asked); }}", [RULES, part, without])


def found(person: Person) -> list[str]:
    """One line per element that breaks a rule; [] is what must come."""
    return [f"{person.page.url} {line}" for line in person.page.evaluate("window.looked")]


def violations(person: Person) -> list[str]:
    """The whole page, at once."""
    begin(person)
    return found(person)
