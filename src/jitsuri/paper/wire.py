"""Sheets set as PDF, by Typst, with the fonts that are installed beside us: no system font, no network.

A sheet reaches Typst as JSON, as data; no text of it is ever read as markup. The same sheet at the same instant is the same
bytes. Long texts are set smaller until the page holds them; texts beyond any page are cut by ``shortened`` before.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from functools import cache
from importlib import resources
from pathlib import Path
from threading import Lock

import typst

from jitsuri.paper.shapes import Sheet

LONGEST = 160
"""Characters of one text on a page; beyond it an ellipsis stands (a line of the page holds about 60)."""
LONGEST_TOLD = 420
"""Characters of a sentence in running text."""

_BREAKS = re.compile(r"(?<=\w)([_/=.-])(?=[^\W\d])")
"""Where a long name may break: a zero-width space follows its joints, so that a table's column can stay narrow."""

_LOCK = Lock()
"""One page at a time: the compiler is changed by every compilation, and one takes a tenth of a second."""

FONTS = ("noto_cjk_sans_jp_regular", "noto_cjk_sans_jp_bold")


def pdf_of(sheet: Sheet, lang: str, made_at: datetime) -> bytes:
    """The sheet as one A4 page (PDF/A-2b). ``made_at`` stands in the file as its time of making."""
    inputs = {"sheet": json.dumps(shortened(asdict(sheet)), ensure_ascii=False), "lang": lang}
    with _LOCK:
        made = _compiler().compile(
            format="pdf", sys_inputs=inputs, pdf_standards="a-2b", timestamp=int(made_at.timestamp())
        )
    assert isinstance(made, bytes)
    return made


def shortened(value: object, key: str = "") -> object:
    """The same tree with over-long texts ended by an ellipsis and control characters blanked."""
    if isinstance(value, str):
        most = LONGEST_TOLD if key in ("told", "sentence", "foot", "figures", "method") else LONGEST
        plain = "".join(" " if ord(letter) < 32 or 0xD800 <= ord(letter) <= 0xDFFF else letter for letter in value)
        short = plain if len(plain) <= most else plain[: most - 1] + "…"
        return _BREAKS.sub("\\1\u200b", short) if key in ("label", "value") else short
    if isinstance(value, Mapping):
        return {name: shortened(held, name) for name, held in value.items()}
    if isinstance(value, list | tuple):
        return [shortened(held, key) for held in value]
    return value


@cache
def _compiler() -> typst.Compiler:
    """The template with its fonts, read once per process (0.1 s)."""
    template = Path(str(resources.files("jitsuri.paper").joinpath("certificate.typ")))
    folders = [Path(str(resources.files(name))) for name in FONTS]
    return typst.Compiler(template, root=template.parent, font_paths=folders, ignore_system_fonts=True)
