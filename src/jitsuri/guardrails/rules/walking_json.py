"""Texts within JSON that stands in a string, also where it is cut off or no JSON at all; and the string with some of them changed.

A value is told with its key (``birth_date: 1980-01-01``): checks go by what stands before a number. Signs between values stay as they
are, and so do numbers that nobody changes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

Change = Callable[[str, str], str]
"""``(place, text) -> text``: the same text where nothing changes."""

_STRING = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\Z)', re.DOTALL)
_JSON = re.compile(r"""\s*+(?:"|[\[{]\s*+["{\[\]}0-9])""")
"""How JSON begins that holds a string."""
_COLON = re.compile(r"\s*+:\s*+(.?)", re.DOTALL)
_BARE = re.compile(r"[^\s{}\[\]:,]++")
_PLAIN = re.compile(r"(?:true|false|null|[-+0-9.eE]++)\Z")
_NUMBER = re.compile(r"-?[0-9]{7,32}\Z")
"""A bare number with as many digits as a postal code has, or more."""
_SIMPLE_KEY = re.compile(r"[A-Za-z_$@][A-Za-z0-9_.$@\-]{0,63}\Z")
"""Names as programmers give them; any other key is a text too."""
_LONGEST_KEY = 64
_BETWEEN = ": "
_ESCAPE = re.compile(r'\\(?:u([0-9A-Fa-f]{4})|(["\\/bfnrt])|.?)', re.DOTALL)
_SIGNS = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}


class _Part(NamedTuple):
    """One text within the string."""

    start: int
    """Where what stands for it begins, with its quotation marks."""
    end: int
    value: str
    key: str = ""
    """The key that is told before it; '' none."""
    key_start: int = -1
    key_end: int = -1
    """Where that stands, if it may be changed with the value."""
    is_raw: bool = False
    """Signs that are no string of JSON."""
    is_open: bool = False
    """A string that is cut off."""

    @property
    def text(self) -> str:
        return f"{self.key}{_BETWEEN}{self.value}" if self.key else self.value

    @property
    def has_own_key(self) -> bool:
        """Whether the key is a text that is looked at with this value alone."""
        return self.key_start >= 0 and not _SIMPLE_KEY.match(self.key)


_Piece = tuple[int, int, str]
"""What is put in the place of what stands from here to there."""


def hides_text(text: str) -> bool:
    """Whether a text is JSON with letters in escapes, as ``json.dumps`` writes Japanese: no check would see them."""
    return "\\u" in text and _JSON.match(text) is not None


def json_texts(place: str, text: str) -> Iterator[tuple[str, str]]:
    """The texts within, each with its place: ``place#0``, ``place#1``, …"""
    for number, part in enumerate(_parts(text)):
        inner = f"{place}#{number}"
        if not part.is_raw and hides_text(part.value):
            if part.has_own_key:
                yield f"{inner}.key", part.key
            yield from json_texts(inner, part.value)
        else:
            yield inner, part.text


def rewritten_json(place: str, text: str, change: Change) -> str:
    """The string with every text within as ``change`` gives it back; the same string where none changed."""
    pieces: list[_Piece] = []
    for number, part in enumerate(_parts(text)):
        inner = f"{place}#{number}"
        if not part.is_raw and hides_text(part.value):
            pieces += _inner_pieces(inner, part, change)
            continue
        came = change(inner, part.text)
        if came != part.text:
            pieces += _pieces(part, came)
    if not pieces:
        return text
    made, at = [], 0
    for start, end, piece in sorted(pieces):
        made += [text[at:start], piece]
        at = end
    return "".join(made) + text[at:]


def _inner_pieces(place: str, part: _Part, change: Change) -> list[_Piece]:
    """For a value that is JSON again."""
    came = rewritten_json(place, part.value, change)
    pieces = [] if came == part.value else [(part.start, part.end, _quoted(came, is_open=part.is_open))]
    if part.has_own_key and (key := change(f"{place}.key", part.key)) != part.key:
        pieces.append((part.key_start, part.key_end, _quoted(key)))
    return pieces


def _pieces(part: _Part, came: str) -> list[_Piece]:
    """What is to be put where, for a text that came back changed."""
    if part.is_raw:
        return [(part.start, part.end, came)]
    key, between, value = came.partition(_BETWEEN)
    if not part.key or not between or _BETWEEN in part.key:  # one change over both: nothing of the value may stay
        return [(part.start, part.end, _quoted(came, is_open=part.is_open))]
    pieces = [] if value == part.value else [(part.start, part.end, _quoted(value, is_open=part.is_open))]
    if key != part.key and part.key_start >= 0:
        pieces.append((part.key_start, part.key_end, _quoted(key)))
    return pieces


def _parts(text: str) -> Iterator[_Part]:
    """Every text within, in order."""
    key, key_start, key_end, at = "", -1, -1, 0
    for found in _STRING.finditer(text):
        start, end = found.span()
        yield from _between(text, at, start, key)
        at = end
        value = _unquoted(text[start:end])
        colon = _COLON.match(text, end)
        if colon is None:
            part = _Part(start, end, value, key, key_start, key_end, is_open=not _is_closed(text[start:end]))
            if value or part.has_own_key:
                yield part
            key_start = key_end = -1  # the next value of a list has the same key, which is changed once
            continue
        key, key_start, key_end = (value, start, end) if len(value) <= _LONGEST_KEY else ("", -1, -1)
        is_told = bool(key) and colon.group(1) == '"'
        if not is_told and not _SIMPLE_KEY.match(value) and value:
            yield _Part(start, end, value)
        if not is_told:
            key_start = key_end = -1
    yield from _between(text, at, len(text), key)


def _between(text: str, start: int, end: int, key: str) -> Iterator[_Part]:
    """What stands between strings: long numbers, and whatever is no JSON."""
    runs = list(_BARE.finditer(text, start, end))
    if any(not _PLAIN.match(one.group()) for one in runs):
        yield _Part(start, end, text[start:end], is_raw=True)
        return
    for one in runs:
        if _NUMBER.match(one.group()):
            yield _Part(one.start(), one.end(), one.group(), key)


def _quoted(value: str, *, is_open: bool = False) -> str:
    """As a string of JSON; without its last mark where it is cut off."""
    told = json.dumps(value, ensure_ascii=not _is_sound(value))
    return told[:-1] if is_open else told


def _is_sound(value: str) -> bool:
    """Whether it is without halves of surrogate pairs, which only an escape can carry."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _is_closed(token: str) -> bool:
    """Whether a string of JSON has its last mark."""
    if len(token) < 2 or token[-1] != '"':
        return False
    inner = token[:-1]
    return (len(inner) - len(inner.rstrip("\\"))) % 2 == 0


def _unquoted(token: str) -> str:
    """What a string of JSON says, also where it is cut off or has escapes that there are not."""
    if "\\" not in token:
        return token[1:-1] if _is_closed(token) else token[1:]
    try:
        return str(json.loads(token, strict=False))
    except ValueError:
        told = _ESCAPE.sub(_sign, token[1:-1] if _is_closed(token) else token[1:])
        return told.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def _sign(found: re.Match[str]) -> str:
    if found.group(1):
        return chr(int(found.group(1), 16))
    return _SIGNS.get(found.group(2) or "", found.group(2) or "")
