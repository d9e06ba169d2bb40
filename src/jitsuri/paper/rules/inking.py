"""SVG as text: elements, coordinates, inks and the width of words.

A fill is both a class, which the page's stylesheet colours (light, dark, print), and an attribute, which
colours the same drawing in a PDF or a mail. ``INKS`` holds the light palette of ``web/static/jitsuri.css``;
a test keeps the two equal.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from unicodedata import east_asian_width

INKS: dict[str, str] = {
    "ink": "#1d2126",
    "soft": "#59616b",
    "mid": "#8a857b",
    "line": "#dedad1",
    "paper": "#fbfaf7",
    "track": "#e9e6de",
    "s1": "#173f66",
    "s2": "#3f72a3",
    "s3": "#7ea5c8",
    "s4": "#b2cade",
    "s5": "#d8e4ee",
    "rest": "#d3cab9",
    "good": "#22704b",
    "warn": "#8a5a00",
    "bad": "#a52f2a",
}
"""Class of an ink → its colour on white paper."""

SHADES: tuple[str, ...] = ("s1", "s2", "s3", "s4", "s5")
"""One colour from dark to light: neighbours differ in lightness, so that grey print keeps them apart."""

FONTS = "'Hiragino Sans','Yu Gothic','Noto Sans CJK JP','Noto Sans JP',IPAexGothic,sans-serif"
"""The page's own stack; IPAexGothic is what a PDF finds."""

TEXT_SIZE = 12
"""Height of a drawing's text, in its own units: 12 of 720 or of 340."""

WIDE_EM = 1.0
NARROW_EM = 0.62
"""Width of a full-width and of any other character; 0.62 em is above the mean of Latin text (0.5–0.6)."""

WIDE = 720
NARROW = 340
"""The two widths a page draws: for a desk, and for a phone's column (360 px less its margins)."""


@dataclass(frozen=True, slots=True)
class Field:
    """The rectangle that data may fill, inside the drawing."""

    left: float
    top: float
    right: float
    bottom: float

    @property
    def width(self) -> float:
        return self.right - self.left

    @property
    def height(self) -> float:
        return self.bottom - self.top


def number(value: float) -> str:
    """A coordinate: at most two decimals, no trailing zeros, never ``-0``."""
    text = f"{value:.2f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def element(tag: str, attributes: dict[str, str | float], *inside: str) -> str:
    """One element; attribute values are escaped, ``inside`` is taken as markup."""
    told = "".join(
        f' {name}="{number(value) if isinstance(value, (int, float)) else escape(value, quote=True)}"'
        for name, value in attributes.items()
    )
    return f"<{tag}{told}>{''.join(inside)}</{tag}>" if inside else f"<{tag}{told}/>"


def drawing(width: float, height: float, kind: str, title: str, description: str, *inside: str) -> str:
    """A whole drawing: an image to screen readers, with its title and description first."""
    return element(
        "svg",
        {
            "xmlns": "http://www.w3.org/2000/svg",
            "class": f"chart {kind}",
            "viewBox": f"0 0 {number(width)} {number(height)}",
            "width": width,
            "height": height,
            "role": "img",
            "font-family": FONTS,
            "font-size": TEXT_SIZE,
        },
        element("title", {}, told(title)),
        element("desc", {}, told(description)) if description else "",
        *inside,
    )


def told(text: str) -> str:
    """Text as markup. Characters that XML forbids (controls, lone surrogates) become a space."""
    clean = "".join(c if c >= " " and not "\ud800" <= c <= "\udfff" and c not in "\ufffe\uffff" else " " for c in text)
    return escape(clean, quote=False) or " "


def words(x: float, y: float, text: str, ink: str = "soft", *, anchor: str = "start", bold: str = "") -> str:
    """A line of text with its baseline at ``y``; nothing for no text."""
    if not text:
        return ""
    attributes: dict[str, str | float] = {"x": x, "y": y, "class": f"t-{ink}", "fill": INKS[ink]}
    if anchor != "start":
        attributes["text-anchor"] = anchor
    if bold:
        attributes["font-weight"] = bold
    return element("text", attributes, told(text))


def bar(x: float, y: float, width: float, height: float, ink: str, fill: str = "") -> str:
    """A filled rectangle in an ink, or in a pattern that the drawing defines (whose own inks change with the page)."""
    box: dict[str, str | float] = {"x": x, "y": y, "width": width, "height": height}
    paint = {"class": "hatch", "fill": fill} if fill else {"class": f"f-{ink}", "fill": INKS[ink]}
    return element("rect", {**box, **paint})


def rule(x1: float, y1: float, x2: float, y2: float, ink: str, width: float = 1, dash: str = "") -> str:
    """A straight line."""
    attributes: dict[str, str | float] = {
        "x1": x1, "y1": y1, "x2": x2, "y2": y2, "class": f"l-{ink}", "stroke": INKS[ink], "stroke-width": width,
    }  # fmt: skip
    if dash:
        attributes["stroke-dasharray"] = dash
    return element("line", attributes)


def width_of(text: str, size: float = TEXT_SIZE) -> float:
    """About how wide a line of text stands, never less than it is: full-width characters count one em."""
    return size * sum(WIDE_EM if east_asian_width(c) in "WFA" else NARROW_EM for c in text)


def fitted(text: str, width: float, size: float = TEXT_SIZE) -> str:
    """The text, or as much of it as fits, with an ellipsis."""
    if width_of(text, size) <= width:
        return text
    kept = text
    while kept and width_of(kept + "…", size) > width:
        kept = kept[:-1]
    return kept + "…" if kept else ""


def flowed(texts: Sequence[str], width: float, lead: float) -> list[tuple[float, int]]:
    """Where each of a row of labels starts, ``(x, line)``: as many on a line as fit, each after a key ``lead`` wide."""
    places: list[tuple[float, int]] = []
    x, line = 0.0, 0
    for text in texts:
        room = lead + width_of(text)
        if x and x + room > width:
            x, line = 0.0, line + 1
        places.append((x, line))
        x += room + 16
    return places
