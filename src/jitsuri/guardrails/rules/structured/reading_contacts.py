"""Telephone numbers, e-mail addresses, postal codes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from jitsuri.guardrails.rules.structured.placing import DIRECT, FOREIGN, NEAR, Places, is_word
from jitsuri.guardrails.shapes import Finding

_S = r"(?: ?[-.・] ?| {1,2}|[/~の\u3001])"
_PHONE = re.compile(
    rf"0(?:"
    rf"[1-9]{_S}[0-9]{{4}}{_S}[0-9]{{4}}|[1-9][0-9]{_S}[0-9]{{3}}{_S}[0-9]{{4}}|[1-9][0-9]{{2}}{_S}[0-9]{{2}}{_S}[0-9]{{4}}"
    rf"|[1-9][0-9]{{3}}{_S}[0-9]{_S}[0-9]{{4}}|[25-9]0{_S}[0-9]{{4}}{_S}[0-9]{{4}}|[25-9]0{_S}[0-9]{{8}}|800{_S}[0-9]{{3}}{_S}[0-9]{{4}}"
    rf"|(?:120|570|990|180){_S}(?:[0-9]{{3}}{_S}[0-9]{{3}}|[0-9]{{2}}{_S}[0-9]{{4}}|[0-9]{{6}})"
    rf"|[1-9]{_S}[0-9]{{8}}|[1-9][0-9]{_S}[0-9]{{7}}|[1-9][0-9]{{2}}{_S}[0-9]{{6}}|[25-9]0[0-9]{{4}}{_S}[0-9]{{4}}|[25-9]0{_S}[0-9]{{3}}{_S}[0-9]{{5}}"
    rf"|[1-9][0-9]{{0,3}} ?\( ?[0-9]{{1,4}} ?\) ?-? ?[0-9]{{4}}|(?:120|570|800) ?\( ?[0-9]{{2,3}} ?\) ?-? ?[0-9]{{3,4}}"
    rf")(?![0-9])"
)
"""With separators. Source: 電気通信番号計画 (令和元年総務省告示第6号): landlines have ten digits, mobile and IP telephones eleven."""
_BRACKETED = re.compile(
    r"\( ?(0[1-9][0-9]{0,3}|0[25-9]0|0120|0570|0800) ?\) ?-? ?(?:([0-9]{1,4}) ?[- .] ?([0-9]{3,4})|([0-9]{6,8}))(?![0-9])"
)
_ABROAD = re.compile(r"\+ ?[1-9][0-9]{0,2}(?:[ \-.]{0,2}(?:\( ?[0-9]{1,4} ?\)|[0-9]{1,9})){1,5}(?![0-9])")
_ABROAD_BARE = re.compile(
    r"(?:0081|01081|010[- ]?81|81)[- ](?:\(0\) ?)?[1-9][0-9]{0,3}[- ][0-9]{1,4}[- ][0-9]{4}(?![0-9])"
)
_SPACED = re.compile(r"0(?: (?:[-.()] )?[0-9]|\|[0-9]){9,10}(?![0-9])")
_LOCAL = re.compile(r"[0-9]{2,4}-[0-9]{4}(?![0-9-])")
_NON_DIGIT = re.compile("[^0-9]+")
_LEAD = re.compile(r"(?:tel|fax|phone|mobile|cell|t|f|m|p|d|h|no)[.:]?-?\Z")
_EXTENSION = re.compile(r"(?:内線(?:番号)?|ext\.?|extension)[\s:=は(]{0,3}\Z")
_DIAL = ("0120", "0570", "0800", "0990", "0180")


def _is_dialled(digits: str) -> bool:
    """Whether a number can be dialled at home: ten digits, eleven for mobile, IP and 0800."""
    if len(digits) == 11:
        return digits[:3] in ("020", "050", "060", "070", "080", "090") or digits[:4] == "0800"
    return (
        len(digits) == 10
        and digits[0] == "0"
        and digits[1] != "0"
        and digits[:3] not in ("050", "070", "080", "090", "020", "060")
    )


def phones(places: Places) -> Iterable[Finding]:
    """Telephone and fax numbers; never an extension (内線)."""
    text = places.text
    if "+" in text:
        yield from _abroad(places)
    if "(0" in text or "( 0" in text:
        for found in _BRACKETED.finditer(text):
            if _is_dialled(_NON_DIGIT.sub("", found[0])):
                yield from _phone(places, found.start(), found.end(), 0.9)
    for start, length in places.zeros:
        if length in _FIRST_LENGTHS:
            yield from _domestic(places, start, length)
    if places.runs and places.has_label("PHONE"):
        for length in (2, 3, 4, 5):
            for start in places.by_length.get(length, ()):
                yield from _labelled(places, start)


_FIRST_LENGTHS = frozenset({1, 2, 3, 4, 5, 7, 10, 11})


def _domestic(places: Places, start: int, length: int) -> Iterator[Finding]:
    text = places.text
    if length >= 10:
        digits = text[start : start + length]
        if _is_dialled(digits):
            yield from _phone(places, start, start + length, 0.8 if length == 11 else 0.55)
        return
    found = _SPACED.match(text, start) if length == 1 else _PHONE.match(text, start)
    if found is None or not _is_dialled(digits := _NON_DIGIT.sub("", found[0])):
        return
    joints = found[0].translate(_NO_DIGITS).strip()
    bare = 0.95 if "-" in joints or "(" in joints else (0.85 if digits[:3] in _MOBILE or digits[:4] in _DIAL else 0.6)
    yield from _phone(places, start, found.end(), 0.5 if length == 1 else bare)


_NO_DIGITS = str.maketrans("", "", "0123456789")
_MOBILE = ("050", "060", "070", "080", "090")


def _phone(places: Places, start: int, end: int, bare: float) -> Iterator[Finding]:
    if not (places.ends_clear(end) or _is_extended(places, end)) or not _begins(places, start):
        return
    standing = places.standing(start, end, "PHONE")
    if _EXTENSION.search(places.lower, max(0, start - 12), start):
        return
    if standing == FOREIGN:
        bare -= 0.5
    if standing >= NEAR:
        yield Finding(start, end, "PHONE", 0.98 if standing == DIRECT else 0.95, "context")
    elif bare > 0:
        yield Finding(start, end, "PHONE", bare, "pattern")


def _is_extended(places: Places, end: int) -> bool:
    """Whether an extension follows in words of its own (x123, ext.5)."""
    return places.lower.startswith(("x", "ext"), end)


def _begins(places: Places, start: int) -> bool:
    """A number begins clear, or straight behind Tel, FAX, M and the like."""
    return places.begins_clear(start) or _LEAD.search(places.lower, max(0, start - 8), start) is not None


def _abroad(places: Places) -> Iterator[Finding]:
    text, at = places.text, places.text.find("+")
    while at >= 0:
        found = _ABROAD.match(text, at)
        if found is not None and not (at and is_word(text[at - 1])):
            digits = _NON_DIGIT.sub("", found[0])
            home = digits[2:].removeprefix("0") if digits.startswith("81") else ""
            if (home and len(home) in (9, 10)) or (not home and 9 <= len(digits) <= 15):
                yield from _phone(places, at, found.end(), 0.95 if home else 0.7)
        at = text.find("+", at + 1)


def _labelled(places: Places, start: int) -> Iterator[Finding]:
    """What is a telephone number only because a label says so: without area code, or with 81 and no plus."""
    text = places.text
    found = _ABROAD_BARE.match(text, start)
    if found is None:
        if (found := _LOCAL.match(text, start)) is None or text[start] == "0":
            return
        score = 0.5
    else:
        score = 0.8
    if places.is_clear(start, found.end()) and places.standing(start, found.end(), "PHONE") == DIRECT:
        yield Finding(start, found.end(), "PHONE", score, "context")


_LOCAL_PART = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._%+-!#$&*/=?^'"
_NEVER_FIRST = "./=?&'*#+-!^$%"
_MOST_LOCAL = 64
"""Source: RFC 5321, section 4.5.3.1.1."""
_DOMAIN = re.compile(
    r"[A-Za-z0-9][A-Za-z0-9\-]{0,40}(?:\.[A-Za-z0-9][A-Za-z0-9\-]{0,40}){0,5}?\.(?:xn--[A-Za-z0-9\-]{2,24}|[A-Za-z]{2,24})(?![A-Za-z0-9\-]|\.[A-Za-z])"
)
_DOMAIN_JAPANESE = re.compile(r"[A-Za-z0-9ぁ-ゖァ-ヺー一-鿿\-]{1,20}\.(?:jp|com|net|org)(?![A-Za-z0-9])")
_SPELT_AT = re.compile(
    r"([A-Za-z0-9._%+\-]{1,64}) ?[\[({<【] ?(?:at|AT|At|アット(?:マーク)?|@|あっと(?:まーく)?) ?[\])}>】] ?"
    r"([A-Za-z0-9\-]{1,40}(?: ?(?:\.|[\[({<【] ?(?:dot|DOT|ドット) ?[\])}>】]) ?[A-Za-z0-9\-]{1,24}){1,4})"
)
_SPELT = re.compile(r"[\[({<【] ?(?:at|AT|At|アット|@|あっと)")
_FILES = frozenset({
    "png", "jpg", "jpeg", "gif", "svg", "webp", "css", "js", "ts", "tsx", "jsx", "json", "xml", "html", "htm", "md", "txt", "py",
    "java", "cpp", "php", "sh", "yml", "yaml", "toml", "csv", "tsv", "log", "zip", "gz", "tar", "exe", "dll", "pdf", "doc", "docx",
    "xls", "xlsx", "ppt", "pptx", "local", "lock",
})  # fmt: skip
"""Endings of file names, which are no domains (icon@2x.png)."""


def emails(places: Places) -> Iterable[Finding]:
    """E-mail addresses, also where kana follows at once, and where the @ is spelt out."""
    text, at = places.text, places.text.find("@")
    while at >= 0:
        yield from _email(text, at)
        at = text.find("@", at + 1)
    for mark in _SPELT.finditer(text):
        yield from _spelt_email(text, mark.start())


def _email(text: str, at: int) -> Iterator[Finding]:
    before = text[max(0, at - _MOST_LOCAL) : at]
    local = before[len(before.rstrip(_LOCAL_PART)) :].lstrip(_NEVER_FIRST)
    if "/" in local:
        local = local.rpartition("/")[2]
    if "=" in local:
        local = local.rpartition("=")[2]
    if not local:
        if text[at - 1 : at] == " " == text[at + 1 : at + 2]:
            yield from _loose_email(text, at)
        return
    found = _DOMAIN.match(text, at + 1) or _DOMAIN_JAPANESE.match(text, at + 1)
    if found is None or found[0].rpartition(".")[2].lower() in _FILES:
        return
    if local == "git" and text[found.end() : found.end() + 1] == ":":
        return
    yield Finding(at - len(local), found.end(), "EMAIL", 0.98 if found[0].isascii() else 0.8, "pattern")


def _loose_email(text: str, at: int) -> Iterator[Finding]:
    """An address with a blank on either side of its @, as scanned papers have it."""
    before = text[max(0, at - 1 - _MOST_LOCAL) : at - 1]
    local = before[len(before.rstrip(_LOCAL_PART)) :].lstrip(_NEVER_FIRST)
    found = _DOMAIN.match(text, at + 2)
    if local and found is not None and found[0].rpartition(".")[2].lower() not in _FILES:
        yield Finding(at - 1 - len(local), found.end(), "EMAIL", 0.6, "pattern")


def _spelt_email(text: str, mark: int) -> Iterator[Finding]:
    before = text[max(0, mark - _MOST_LOCAL) : mark].rstrip(" ")
    local = before[len(before.rstrip(_LOCAL_PART)) :].lstrip(_NEVER_FIRST)
    if not local:
        return
    start = text.rfind(local, max(0, mark - _MOST_LOCAL), mark)
    found = _SPELT_AT.match(text, start)
    if found is not None and found.end() > mark:
        yield Finding(start, found.end(), "EMAIL", 0.8, "pattern")


_POSTAL = re.compile(r"[0-9]{3}(?: ?- ?| )[0-9]{4}(?![0-9])")
_MARK = re.compile(r"〒\s{0,2}[:：]?\s{0,2}\Z")
_PLACE = re.compile(
    r"[\s,;\u3001\"|)」\]]{0,4}(?:住所|所在地|address)?[\s,\u3001\"|:：]{0,3}(?:北海道|東京都|(?:京都|大阪)府|[一-鿿]{2,3}県|[一-鿿ヶケノ々ぁ-んァ-ヴー]{1,6}[市区郡町村])"
)


def postal_codes(places: Places) -> Iterable[Finding]:
    """〒 with or without a dash; without 〒 where a label stands before, a place behind, or it fills a cell of a table."""
    text = places.text
    for start in places.by_length.get(3, ()):
        found = _POSTAL.match(text, start)
        if found is not None:
            yield from _postal_code(places, start, found.end(), "-" in found[0])
    for start in places.by_length.get(7, ()):
        yield from _postal_code(places, start, start + 7, False)


def _postal_code(places: Places, start: int, end: int, is_split: bool) -> Iterator[Finding]:
    text = places.text
    mark = _MARK.search(text, max(0, start - 6), start)
    if mark is not None:
        if not text[end : end + 1].isdigit():
            yield Finding(mark.start(), end, "POSTAL_CODE", 0.98, "pattern")
        return
    if not places.begins_clear(start) or not places.ends_clear(end):
        return
    standing = places.standing(start, end, "POSTAL_CODE")
    if standing >= NEAR:
        yield Finding(start, end, "POSTAL_CODE", 0.95 if standing == DIRECT else 0.7, "context")
    elif standing == FOREIGN:
        return
    elif _PLACE.match(text, end) and (is_split or text[end - 7 : end].isdigit()):
        yield Finding(start, end, "POSTAL_CODE", 0.9 if is_split else 0.6, "place_behind")
    elif is_split:
        yield Finding(start, end, "POSTAL_CODE", 0.6 if _fills_cell(text, start, end) else 0.4, "pattern")


def _fills_cell(text: str, start: int, end: int) -> bool:
    before, behind = text[max(0, start - 1) : start], text[end : end + 1]
    return before in (",", "\t", "|", '"', "\n") and behind in (",", "\t", "|", '"', "\n", "\r")
