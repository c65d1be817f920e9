"""What a page brings up to date by itself is said to screen readers: in a region that was there before, and is filled."""

import re

import pytest

from chuanyu.portal.messages import SOURCE

PLACE = SOURCE / "portal" / "templates" / "portal"
TEXTS = {str(file.relative_to(PLACE)): file.read_text() for file in sorted(PLACE.rglob("*.html"))}
REGIONS = {
    id
    for text in TEXTS.values()
    for tag in re.findall(r"<\w+[^>]*role=\"status\"[^>]*>", text)
    for id in re.findall(r'id="(\w+)"', tag)
}
POLLED = [name for name, text in TEXTS.items() if 'hx-trigger="every' in text]
PARTS = [name for name, text in TEXTS.items() if 'hx-swap-oob="innerHTML"' in text or name in POLLED]
# what the address of a polled part answers with, where that is another template
ANSWERS = {"counter/live.html": "counter/counts.html"}


def test_there_are_such_parts() -> None:
    assert len(POLLED) >= 5 and {"said", "news", "count"} <= REGIONS


@pytest.mark.parametrize("name", PARTS)
def test_no_part_brings_its_own_region(name: str) -> None:
    """A region that comes together with its words is not read out."""
    assert not re.search(r'role="(status|alert)"|aria-live', TEXTS[name])


@pytest.mark.parametrize("name", POLLED)
def test_each_part_fills_a_region_of_its_page(name: str) -> None:
    filled = re.findall(r'<\w+ id="(\w+)" hx-swap-oob="innerHTML"', TEXTS[ANSWERS.get(name, name)])
    assert REGIONS & set(filled), name
