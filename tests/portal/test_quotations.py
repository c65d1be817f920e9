"""What is quoted in Chinese on an English page is marked as Chinese: a screen reader changes its voice, a reader knows why."""

import re

import pytest
from django.test import Client

from chuanyu.core.catalogue import catalogue

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("key", sorted(catalogue()))
def test_worked_examples_mark_their_chinese(house: None, client: Client, key: str) -> None:
    client.cookies["chuanyu_language"] = "en"
    page = client.get(f"/services/{key}/").content.decode()
    _, _, after = page.partition('<section class="section" id="examples"')
    shown, _, _ = after.partition("</section>")
    plain = re.sub(r'<(span|strong|p)[^>]* lang="zh-Hans">[^<]*</\1>', "", shown)
    words = [word for word in re.sub(r"<[^>]*>", " ", plain).split() if re.search("[\u4e00-\u9fff]", word)]
    assert not [word for word in words if "〔" not in word]  # the number of a paper is the same in every language
