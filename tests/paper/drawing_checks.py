"""What every drawing must keep: it parses, it says what it is, it stays inside its frame, it runs nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator
from xml.etree import ElementTree

from jitsuri.paper.rules.inking import width_of

SVG = "{http://www.w3.org/2000/svg}"
ALLOWED = {"svg", "title", "desc", "g", "rect", "line", "path", "circle", "text", "defs", "pattern"}
SLACK = 0.6
"""Half a line's width may stick out."""


def check_drawing(svg: str) -> ElementTree.Element:
    """Asserts all of it and gives back the root."""
    root = ElementTree.fromstring(svg)
    assert root.tag == f"{SVG}svg"
    assert root.get("role") == "img"
    assert root[0].tag == f"{SVG}title"
    left, top, width, height = (float(v) for v in root.get("viewBox", "").split())
    assert (left, top) == (0, 0)
    for word in ("nan", "inf", "none,"):
        assert word not in re.sub(r">[^<]*<", "><", svg).lower()
    known = {e.get("id") for e in root.iter() if e.get("id")}
    for e in root.iter():
        assert e.tag.removeprefix(SVG) in ALLOWED
        assert not [a for a in e.attrib if a.startswith("on") or a in ("style", "href")]
        fill = e.get("fill", "")
        if fill.startswith("url("):
            assert fill[5:-1] in known
    for x, y in _corners(root):
        assert -SLACK <= x <= width + SLACK, (x, width, svg)
        assert -SLACK <= y <= height + SLACK, (y, height, svg)
    return root


def texts(root: ElementTree.Element) -> list[str]:
    return [e.text or "" for e in root.iter(f"{SVG}text")]


def classes(root: ElementTree.Element) -> set[str]:
    return {name for e in root.iter() for name in e.get("class", "").split()}


def _corners(node: ElementTree.Element) -> Iterator[tuple[float, float]]:
    for e in node:
        if e.tag == f"{SVG}pattern":
            continue
        yield from _corners_of(e)
        yield from _corners(e)


def _corners_of(e: ElementTree.Element) -> Iterator[tuple[float, float]]:
    def get(name: str) -> float:
        return float(e.get(name, "0"))

    match e.tag.removeprefix(SVG):
        case "rect":
            assert get("width") >= 0
            assert get("height") >= 0
            yield get("x"), get("y")
            yield get("x") + get("width"), get("y") + get("height")
        case "line":
            yield get("x1"), get("y1")
            yield get("x2"), get("y2")
        case "circle":
            yield get("cx") - get("r"), get("cy") - get("r")
            yield get("cx") + get("r"), get("cy") + get("r")
        case "text":
            reach = width_of(e.text or "")
            start = get("x") - {"start": 0, "middle": reach / 2, "end": reach}[e.get("text-anchor", "start")]
            yield start, get("y") - 11
            yield start + reach, get("y") + 3
        case "path":
            yield from _path_corners(e.get("d", ""))


def _path_corners(path: str) -> Iterator[tuple[float, float]]:
    x = y = 0.0
    for letter, rest in re.findall(r"([MLHVZ])([^MLHVZ]*)", path):
        numbers = [float(n) for n in rest.split()]
        if letter in "ML":
            x, y = numbers
        elif letter == "H":
            (x,) = numbers
        elif letter == "V":
            (y,) = numbers
        yield x, y
