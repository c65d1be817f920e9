"""The tokens keep their promises: contrast in light and dark (WCAG 2.2 AA), sizes of the large-text form (适老)."""

import re
from pathlib import Path

import pytest

from chuanyu.portal import design

SHEET = (Path(design.__file__).parent / "static" / "portal.css").read_text()

TEXT = [  # ink on ground: 4.5 to 1
    *((ink, ground) for ink in ("ink", "ink-soft", "river", "clay") for ground in ("paper", "surface")),
    ("ink", "sunken"),
    ("ink-soft", "sunken"),
    ("river", "river-tint"),
    ("ink", "river-tint"),
    ("clay", "clay-tint"),
    *((tone, f"{tone}-tint") for tone in ("ok", "warn", "stop")),
    *((tone, ground) for tone in ("ok", "warn", "stop") for ground in ("paper", "surface")),
    ("ink", "warn-tint"),
    ("act-ink", "act"),
    ("act-ink", "act-hover"),
    ("band-ink", "band"),
    ("band-soft", "band"),
    ("surface", "river"),
    ("surface", "clay"),
]
SHAPES = [  # what must be seen, not read: 3 to 1
    ("line-strong", "paper"),
    ("line-strong", "surface"),
    ("river-art", "paper"),
    ("clay-art", "paper"),
    ("river-art", "surface"),
    ("clay-art", "surface"),
    ("focus", "focus-ring"),
]


def tokens(block: str) -> dict[str, str]:
    return dict(re.findall(r"--([\w-]+):\s*([^;]+);", block))


def blocks() -> dict[str, dict[str, str]]:
    light = tokens(SHEET[SHEET.index(":root {") : SHEET.index("}", SHEET.index(":root {"))])
    dark_at = SHEET.index("@media (prefers-color-scheme: dark)")
    dark = light | tokens(SHEET[dark_at : SHEET.index("\n}", dark_at)])
    large_at = SHEET.index(':root[data-size="large"] {')
    large = light | tokens(SHEET[large_at : SHEET.index("}", large_at)])
    return {"light": light, "dark": dark, "large": large}


def luminance(colour: str) -> float:
    assert re.fullmatch("#[0-9a-f]{6}", colour), colour
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("theme", ["light", "dark", "large"])
@pytest.mark.parametrize(("ink", "ground"), TEXT)
def test_text_can_be_read(theme: str, ink: str, ground: str) -> None:
    found = blocks()[theme]
    assert contrast(found[ink], found[ground]) >= 4.5


@pytest.mark.parametrize("theme", ["light", "dark", "large"])
@pytest.mark.parametrize(("shape", "ground"), SHAPES)
def test_shapes_can_be_seen(theme: str, shape: str, ground: str) -> None:
    found = blocks()[theme]
    assert contrast(found[shape], found[ground]) >= 3


def test_large_text_is_as_large_as_it_says() -> None:
    large = blocks()["large"]
    root = 16 * float(re.search(r'data-size="large"\] \{\s*font-size: (\d+)%', SHEET)[1]) / 100  # type: ignore[index]
    for name in ("t-s", "t-m", "t-l", "t-xl", "t-2xl"):
        assert root * float(large[name].removesuffix("rem")) >= 24, name  # 18 pt
    assert float(large["leading"]) >= 1.5
    assert root * float(large["target"].removesuffix("rem")) >= 44


def test_components_name_no_colours_of_their_own() -> None:
    """A raw colour outside the token blocks would not follow light, dark and print."""
    components = SHEET[
        SHEET.index("/* ------------------------------------------------------------------ ground") : SHEET.index(
            "/* ------------------------------------------------------------------- print"
        )
    ]
    assert not re.findall(r"#[0-9a-fA-F]{3,8}\b(?![^{]*\{)", re.sub(r"url\([^)]*\)", "", components))
