"""What may stand open at the end of a text that goes on: from where on it must be held back.

A check decides about a place from its segment, or from ``REACH`` characters before and ``AFTER`` after it (``segmenting``). So all is
decided but the end, and what reaches into the end from before: a number and what belongs to it, a token without blanks (a secret is
told by its first characters), the words before the numbers of an address, the head of a private key (decision 0043).
"""

from __future__ import annotations

import re

from jitsuri.guardrails.rules.secrets.vendors import VENDORS

HOLD = 64
"""Characters that are held at most, of text that is shown in the end."""
AFTER = 24
"""Characters after a span on which its finding may depend (decision 0039)."""
MARGIN = 24
"""Characters of a word that is found only once it is whole. A confidential term that is longer needs a wider margin, else it is
shown in part when the end of a segment falls into it (decision 0043)."""

_SPAN = MARGIN + AFTER
"""Where spans with a number begin that may be undecided, seen from the end: they have at most ``MARGIN`` characters."""
_STEP = 8
"""Least progress in a token that is longer than what is held."""

_LOCAL = 64
"""Characters before the sign of an e-mail address. Source: RFC 5321, 4.5.3.1.1."""
_DOMAIN = 40
"""Characters behind it by which an address is told."""

_NUMBER = re.compile(
    "[0-9\uff10-\uff19\u2460-\u24ff@\uff20\u3007\u4e00\u4e8c\u4e09\u56db\u4e94\u516d\u4e03\u516b\u4e5d\u5341\u767e\u5143]"
)
"""Digits, those of kanji too, and the sign of an e-mail address."""
_BREAKS = frozenset(map(chr, range(0x3041, 0x3097))) - {"\u306e"} | frozenset(
    "\u3002\uff0e\uff01\uff1f!?\u3001\uff0c\n\r\t"
)
"""What no span with a number holds: hiragana but the one that joins the parts of an address, and stops."""
_TOKEN = (frozenset(map(chr, range(0x21, 0x7F))) | frozenset(map(chr, range(0xFF01, 0xFF5F)))) - frozenset(
    "\"',;>[]{}`"
)
GOES_ON = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+_")
"""What no key begins behind."""
_HAN = "\u3005\u3006\u3400-\u9fff\uf900-\ufaff"
_PLACE = re.compile(
    f"[{_HAN}\u3041-\u3096\u30a1-\u30fa\u30fc]{{1,9}}?[\u90fd\u9053\u5e9c\u770c\u5e02\u533a\u90e1\u753a\u6751]|[\u6240\u5834]|\u3012"
)
"""Prefecture, city, ward, town, village; what labels of addresses end with; the postal mark."""
_TALK = "です|ます|した|して|する|では|には|とは|から|まで|いる|ある|より"
"""What stands in sentences and in no address."""
_PLACE_GOES_ON = re.compile(
    f"(?:(?!{_TALK})[{_HAN}\u3041-\u3078\u307b-\u3091\u3093-\u3096\u30a1-\u30fa\u30fc0-9\uff10-\uff19"
    "\\-\u2010-\u2015\u2212\uff0d :\uff1a\u3000\n\u3012])*\\Z"
)
_KEYS = tuple({row[1].lower() for row in VENDORS} | {"eyj"})
_LONGEST = max(map(len, _KEYS))
"""How keys begin that are told by more characters than others."""
_KEY_HEAD = re.compile(r"-----BEGIN [A-Z0-9 ]{0,40}-{0,5}\Z")
_WORD = re.compile(f"[{_HAN}\u30a1-\u30fa\u30fc\uff66-\uff9f]{{1,40}}\\Z")


def decided_until(text: str, cut: int, margin: int) -> int:
    """How far a text is decided by its characters alone, at one of its cuts or where ``HOLD`` characters are held. ``cut`` is
    its last cut."""
    size = len(text)
    most = max(0, size - HOLD + 1)
    place = base = max(0, min(size - margin, cut))
    if _NUMBER.search(text, max(0, size - _SPAN)):
        place = _after_break(text, base, max(0, min(base, size - _SPAN)))
    place = _before_token(text, place, most, max(0, min(base, size - _SPAN)))
    return _before_heads(text, place, most)


def safe_until(text: str) -> int:
    """How far a text may be shown when nothing has come for a while: never a part of a number, a name's run, a token, a head."""
    size = len(text)
    most = max(0, size - HOLD + 1)
    place = size
    number = _NUMBER.search(text, max(0, size - AFTER))
    if number:
        place = _after_break(text, number.start(), max(0, size - _SPAN))
    word = _WORD.search(text, max(0, size - 40), size)
    if word:
        place = min(place, word.start())
    while place > most and text[place - 1] in _TOKEN:
        place -= 1
    return _before_heads(text, place, most)


def _after_break(text: str, place: int, least: int) -> int:
    """The nearest place before which a character stands that no span with a number holds."""
    while place > least and text[place - 1] not in _BREAKS:
        place -= 1
    return place


def _before_token(text: str, place: int, most: int, fallback: int) -> int:
    """The place, or the begin of the token that goes across it; in a token that is too long the begin of one of its parts."""
    if place >= len(text) or text[place] not in _TOKEN:
        return place
    start = place
    while start > most and text[start - 1] in _TOKEN:
        start -= 1
    if start > most or start == 0 or text[start - 1] not in _TOKEN:
        return start
    sign = max(text.rfind("@", most), text.rfind("\uff20", most))
    if sign >= 0 and len(text) - sign <= _DOMAIN:
        return max(0, sign - _LOCAL)  # what stands before it is shown only where it is no address after all
    end = min(place, fallback)
    for part in range(most, end):
        if text[part - 1] not in GOES_ON and (
            part >= most + _STEP or text[part : part + _LONGEST].lower().startswith(_KEYS)
        ):
            return part
    return end


def _before_heads(text: str, place: int, most: int) -> int:
    """The place, or the begin of an address or of a private key's head that may go on."""
    key = _KEY_HEAD.search(text, most)
    if key:
        place = min(place, key.start())
    for head in _PLACE.finditer(text, most + _STEP):
        if head.start() >= place:
            break
        if _PLACE_GOES_ON.match(text, head.end()):
            return head.start()
    return place
