"""Every Chinese sentence of the pages has an English one, and none stands outside the catalogues."""

import re
from pathlib import Path

import pytest

from chuanyu.portal import messages

# What is the same in both languages: the switch back to Chinese names Chinese in Chinese
SAME_IN_BOTH = {"中文"}


@pytest.mark.parametrize("app", messages.apps())
def test_the_english_catalogue_is_whole(app: str) -> None:
    kept, wanted = messages.kept(app), messages.sentences(app)
    assert not list(messages.missing(kept)), "python -m chuanyu.portal.messages; then write the English texts"
    absent = [message.id for message in wanted if message.id and message.id not in kept]
    assert not absent, "python -m chuanyu.portal.messages brings them in"


@pytest.mark.parametrize("app", messages.apps())
def test_nothing_is_kept_that_no_page_says(app: str) -> None:
    wanted = messages.sentences(app)
    assert not [message.id for message in messages.kept(app) if message.id and message.id not in wanted]


def test_translations_keep_their_placeholders() -> None:
    for app in messages.apps():
        for message in messages.kept(app):
            if not message.id:
                continue
            chinese = message.id[0] if isinstance(message.id, tuple) else message.id
            english = message.string if isinstance(message.string, tuple) else (message.string,)
            for text in english:
                assert set(re.findall(r"%\(\w+\)s", text)) <= set(re.findall(r"%\(\w+\)s", chinese)), text


def test_templates_say_nothing_outside_the_catalogue() -> None:
    loose = []
    for file in sorted((messages.SOURCE / "portal" / "templates").rglob("*.html")):
        loose += [f"{file.name}: {text}" for text in untranslated(file) if text not in SAME_IN_BOTH]
    assert not loose


def untranslated(file: Path) -> list[str]:
    text = file.read_text()
    for pattern in (
        r"\{% comment %\}.*?\{% endcomment %\}",
        r"\{#.*?#\}",
        r"\{% blocktranslate.*?endblocktranslate %\}",
        r"\{%.*?%\}",
        r"\{\{.*?\}\}",
    ):
        text = re.sub(pattern, "", text, flags=re.DOTALL)
    return re.findall(r"[\u2e80-\u9fff\u3000-\u303f\uff00-\uffef]+", text)
