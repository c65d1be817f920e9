"""A text in the two languages every screen speaks."""

import msgspec


class Text(msgspec.Struct, frozen=True):
    """zh is simplified Chinese, the source; en is its English counterpart. Neither may be empty."""

    zh: str
    en: str

    def say(self, language: str) -> str:
        """The text in `language` ("zh-hans" or "en"; anything that does not begin with "en" is Chinese)."""
        return self.en if language.startswith("en") else self.zh
