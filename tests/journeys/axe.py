"""axe-core in the browser: what a page gets wrong for people who can't see, hear, point or read it as drawn."""

from functools import cache
from pathlib import Path

import pytest
from browser import Person

FILE = Path(__file__).resolve().parents[2] / "node_modules" / "axe-core" / "axe.min.js"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


@cache
def _source() -> str:
    if not FILE.exists():
        pytest.skip("no axe-core: npm ci (make test does it)")
    return FILE.read_text()


def violations(person: Person) -> list[str]:
    """One line per element that breaks a rule; [] is what every page must give."""
    page = person.page
    page.evaluate(_source())  # by the debugger, which the content security policy does not bind
    found = page.evaluate("tags => axe.run({runOnly: tags, resultTypes: ['violations']})", RULES)
    return [
        f"{page.url} {rule['id']}: {node['target'][0]} {node.get('failureSummary', '')[:200]}"
        for rule in found["violations"]
        for node in rule["nodes"]
    ]
