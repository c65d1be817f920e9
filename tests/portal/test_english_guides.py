"""English guide pages: what is Chinese there is what a paper says, and is marked as Chinese."""

import re

import pytest
from django.test import Client
from markup import Element, read

from chuanyu.core.catalogue import catalogue

pytestmark = pytest.mark.django_db

CHINESE = re.compile("[\u3400-\u9fff]")


def unmarked(element: Element, inside: str = "en") -> list[str]:
    """Chinese words, also in labels, where the language of the element is not Chinese."""
    language = element.get("lang") or inside
    said = [*element.own, *(element.get(name) for name in ("aria-label", "title", "alt", "data-label"))]
    found = [] if language.startswith("zh") else [text for text in said if CHINESE.search(text)]
    return found + [each for child in element.children for each in unmarked(child, language)]


@pytest.mark.parametrize("key", list(catalogue()))
def test_no_chinese_stands_unmarked_on_an_english_guide(house: None, client: Client, key: str) -> None:
    client.cookies["chuanyu_language"] = "en"
    assert not unmarked(read(client.get(f"/services/{key}/")).one("main"))
