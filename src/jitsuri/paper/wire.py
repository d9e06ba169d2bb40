"""Sheets set as PDF, by Typst, with the fonts that are installed beside us: no system font, no network.

A sheet reaches Typst as JSON, as data; no text of it is ever read as markup. The same sheet at the same instant is the
same bytes. Long texts are set smaller until the page holds them; texts beyond any page are cut by ``shortened`` before.
A letter that the fonts do not have stands as 〓, as a printer would set it: a name with an emoji must not cost a company
its paper.
"""

from __future__ import annotations

import json
import re
import struct
import unicodedata
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
LONGEST_SEALED = 60
"""Characters of a name or a role beside a seal."""
MOST_TOLD = 10
"""Paragraphs of one block; what is beyond is counted."""
MOST_LINES = 24
"""Rows of one table; what is beyond is counted."""
GETA = "〓"
"""Stands for a letter that the fonts do not have."""

_TOLD = frozenset(("told", "sentence", "foot", "figures", "method"))
_SEALED = frozenset(("name", "role", "at", "step", "mark"))
_BREAKS = re.compile(r"(?<=\w)([_/=.-])(?=[^\W\d])")
"""Where a long name may break: a zero-width space follows its joints, so that a table's column can stay narrow."""
_RUN = re.compile(r"[!-~\u00a1-\u2e7f]{20,}")
"""Letters without any place to break; they may break after every twelfth."""
_BLANKED = frozenset(("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp", "Zs"))
"""Categories printed as a space: controls, directions, surrogates, unassigned; spaces other than the usual ones."""
_SPACES = " \u3000"

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
    """The same tree as a page holds it: printable letters, long texts ended by an ellipsis, long lists counted."""
    if isinstance(value, str):
        most = LONGEST_TOLD if key in _TOLD else LONGEST_SEALED if key in _SEALED else LONGEST
        plain = printable(value[: 4 * LONGEST_TOLD])
        short = plain if len(plain) <= most else plain[: most - 1] + "…"
        return _breakable(_BREAKS.sub("\\1\u200b", short) if key in ("label", "value") else short)
    if isinstance(value, Mapping):
        return {name: shortened(held, name) for name, held in value.items()}
    if isinstance(value, list | tuple):
        return [shortened(held, key) for held in _counted(list(value), key)]
    return value


def printable(text: str) -> str:
    """A text in letters that both fonts have: composed (NFC), controls as spaces, any other letter as 〓."""
    known = _letters()
    return "".join(
        " " if unicodedata.category(letter) in _BLANKED and letter not in _SPACES
        else letter if ord(letter) in known or _is_variation(letter)
        else GETA
        for letter in unicodedata.normalize("NFC", text)
    )  # fmt: skip


def _is_variation(letter: str) -> bool:
    """Variation selectors choose a form of the letter before; the fonts know some of the forms and skip the others."""
    return "\ufe00" <= letter <= "\ufe0f" or "\U000e0100" <= letter <= "\U000e01ef"


def _breakable(text: str) -> str:
    def broken(run: re.Match[str]) -> str:
        return "\u200b".join(run[0][at : at + 12] for at in range(0, len(run[0]), 12))

    return "\u200b".join(_RUN.sub(broken, part) for part in text.split("\u200b"))


def _counted(values: list[object], key: str) -> list[object]:
    """The values that a page holds; a last one says how many more there are."""
    most = {"told": MOST_TOLD, "figures": MOST_TOLD, "lines": MOST_LINES}.get(key, len(values))
    if len(values) <= most:
        return values
    more = f"… +{len(values) - most + 1}"
    last = {"label": more, "value": "", "note": "", "tone": "soft"} if key == "lines" else more
    return [*values[: most - 1], last]


@cache
def _letters() -> frozenset[int]:
    """Code points that every font of the page has (10 ms, once per process)."""
    return frozenset.intersection(*(_letters_of(file.read_bytes()) for file in _font_files()))


def _letters_of(font: bytes) -> frozenset[int]:
    """Code points of an OpenType font: its character map of format 12 (segments of 32-bit codes)."""
    tables: dict[bytes, int] = {}
    for at in range(struct.unpack_from(">H", font, 4)[0]):
        tag, _, offset, _ = struct.unpack_from(">4sIII", font, 12 + 16 * at)
        tables[tag] = offset
    start = tables[b"cmap"]
    found: set[int] = set()
    for at in range(struct.unpack_from(">H", font, start + 2)[0]):
        offset = start + struct.unpack_from(">HHI", font, start + 4 + 8 * at)[2]
        if struct.unpack_from(">H", font, offset)[0] == 12:
            for group in range(struct.unpack_from(">I", font, offset + 12)[0]):
                first, last, _ = struct.unpack_from(">III", font, offset + 16 + 12 * group)
                found.update(range(first, last + 1))
    return frozenset(found)


def _font_files() -> list[Path]:
    return [file for folder in _font_folders() for file in sorted(folder.glob("*.otf"))]


def _font_folders() -> list[Path]:
    return [Path(str(resources.files(name))) for name in FONTS]


@cache
def _compiler() -> typst.Compiler:
    """The template with its fonts, read once per process (0.1 s)."""
    template = Path(str(resources.files("jitsuri.paper").joinpath("certificate.typ")))
    return typst.Compiler(template, root=template.parent, font_paths=_font_folders(), ignore_system_fonts=True)
