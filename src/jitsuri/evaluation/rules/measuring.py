"""What can be counted or seen in an answer without understanding it: its length, and a few forms."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from fractions import Fraction

from jitsuri.evaluation.rules.normalising import folded_form
from jitsuri.evaluation.shapes import Form, Format, Length, Scored

_OPEN, _CLOSE = "「『（([【", "」』）)]】"
_ENDS = "\u3002．！？!?｡"


def measured(answer: str, spec: Length) -> Scored:
    """1 within the bounds, else 0 with the count. Characters after NFC, without space around the text."""
    count = _COUNTED[spec.unit](answer)
    facts = {"count": count, "least": spec.least, "most": spec.most, "unit": spec.unit}
    if spec.least is not None and count < spec.least:
        return Scored(Fraction(0), (("length_short", facts),))
    if spec.most is not None and count > spec.most:
        return Scored(Fraction(0), (("length_long", facts),))
    return Scored(Fraction(1))


def formed(answer: str, spec: Format) -> Scored:
    """1 where the answer has the form, else 0 with the first line (from 1) that has not; line 0 is the whole."""
    line = _FORMED[spec.form](_lines(answer))
    return (
        Scored(Fraction(1))
        if line is None
        else Scored(Fraction(0), (("format_differs", {"form": spec.form, "line": line}),))
    )


def sentences(text: str) -> list[str]:
    """Sentences: up to 。！？ or a full stop before a space, or to the end of a line; inside brackets none ends.

    >>> sentences("はい\u3002「そう\u3002」と言う\u3002")
    ['はい\u3002', '「そう\u3002」と言う\u3002']
    """
    found: list[str] = []
    for line in text.splitlines():
        depth = start = 0
        for at, char in enumerate(line):
            depth = max(0, depth + (char in _OPEN) - (char in _CLOSE))
            is_stop = char in _ENDS or (char == "." and line[at + 1 : at + 2].isspace())
            if is_stop and not depth and line[at + 1 : at + 2] not in (*_ENDS, *_CLOSE):
                found.append(line[start : at + 1])
                start = at + 1
        found.append(line[start:])
    return [one.strip() for one in found if one.strip()]


_COUNTED: Mapping[str, Callable[[str], int]] = {
    "characters": lambda text: len(folded_form(text, "NFC").strip()),
    "sentences": lambda text: len(sentences(text)),
    "lines": lambda text: len(_lines(text)),
}


def _lines(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip()]


def _first(lines: list[str], is_fine: Callable[[str], bool]) -> int | None:
    if not lines:
        return 0
    return next((at for at, line in enumerate(lines, start=1) if not is_fine(line)), None)


def _single(lines: list[str]) -> int | None:
    return None if len(lines) == 1 else 2 if lines else 0


_BULLET = re.compile(r"(?:[-*+] |[・•●○◦‣▪■□]) ?\S")


def _bullets(lines: list[str]) -> int | None:
    return _first(lines, lambda line: bool(_BULLET.match(line)))


_NUMBER = re.compile(r"[(（]?(\d{1,4})(?:[.)）．]) ?\S")


def _numbered(lines: list[str]) -> int | None:
    """Numbers 1, 2, 3 … at the head of every line."""
    for at, line in enumerate(lines, start=1):
        found = _NUMBER.match(line)
        if found is None or int(found[1]) != at:
            return at
    return None if lines else 0


_RULE = re.compile(r":?-+:?")


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip("|").split("|")]


def _table(lines: list[str]) -> int | None:
    """A Markdown table and nothing else: head, rule, rows, all with the same number of cells."""
    if len(lines) < 3:
        return len(lines)
    width = len(_cells(lines[0]))
    for at, line in enumerate(lines, start=1):
        cells = _cells(line)
        if "|" not in line or len(cells) != width:
            return at
        if at == 2 and not all(_RULE.fullmatch(cell) for cell in cells):
            return at
    return None


_MARKDOWN = re.compile(r"#{1,6} |[-*+] |>\s|\||```|~~~|\d{1,4}\. |[-*_]{3,}$")
_INLINE = re.compile(r"\*\*|__|`|\]\(")


def _plain(lines: list[str]) -> int | None:
    return _first(lines, lambda line: not _MARKDOWN.match(line) and not _INLINE.search(line))


_POLITE = re.compile(
    r"(?:です|ます|でした|ました|ません|ませんでした|でしょう|ましょう|ください|下さい|ございます)(?:か|ね|よ|が|けれど|けど|よね)?$"
)
_TAIL = "\u3002．.！？!?｡ 」』）)]】\u3000"


def _polite(lines: list[str]) -> int | None:
    """Every sentence ends in です・ます; list items without a full stop and headings are no sentences of that kind and fail."""
    return _first(lines, lambda line: all(_POLITE.search(one.rstrip(_TAIL)[-12:]) for one in sentences(line)))


_FORMED: Mapping[Form, Callable[[list[str]], int | None]] = {
    "single_line": _single, "bullets": _bullets, "numbered": _numbered, "table": _table, "plain": _plain, "polite": _polite,
}  # fmt: skip
