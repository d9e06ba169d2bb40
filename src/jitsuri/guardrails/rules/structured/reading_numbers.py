"""Numbers with check digits: マイナンバー, 法人番号, cards, driving licences."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from jitsuri.guardrails.rules.structured.placing import BARE, DIRECT, FOREIGN, NEAR, Places
from jitsuri.guardrails.rules.structured.proving import (
    article_number_holds,
    corporate_number_holds,
    licence_number_holds,
    luhn_holds,
    my_number_holds,
)
from jitsuri.guardrails.shapes import Finding

_CARD_GROUPS = re.compile(
    r"[0-9]{4}( ?- ?| {1,2}|\.|・)(?:[0-9]{4}\1[0-9]{4}\1[0-9]{4}(?:\1[0-9]{1,3})?|[0-9]{6}\1[0-9]{4,5})(?!\1?[0-9])"
)
_CORPORATE_GROUPS = re.compile(r"[0-9]([ -])[0-9]{4}\1[0-9]{4}\1[0-9]{4}(?!\1?[0-9])")
_LICENCE = "DRIVERS_LICENSE"
_NUMBERED = re.compile(r" ?号(?![室館])")
_LICENCE_GROUPS = re.compile(r"[0-9]{2}([ -])[0-9]{2}\1[0-9]{6}\1[0-9]{2}(?!\1?[0-9])")


def my_numbers(places: Places) -> Iterable[Finding]:
    """12 digits. A label without a right check digit counts as a slip of the pen: reported, at a low score."""
    for start, end, digits in places.sized(12):
        yield from _my_number(places, start, end, digits, 0.55)
    for start, end, digits in places.fours:
        yield from _my_number(places, start, end, digits, 0.6)
    for start, end, digits in places.boxed(12):
        yield from _my_number(places, start, end, digits, 0.6)


def _my_number(places: Places, start: int, end: int, digits: str, bare: float) -> Iterator[Finding]:
    standing = places.standing(start, end, "MY_NUMBER")
    if standing == FOREIGN or not places.is_clear(start, end):
        return
    if not my_number_holds(digits):
        if standing == DIRECT:
            yield Finding(start, end, "MY_NUMBER", 0.5, "bad_check_digit")
    elif standing == BARE:
        if len(set(digits)) > 2 and places.text[start - 1 : start] not in ("/", "=", "&", "#"):
            yield Finding(start, end, "MY_NUMBER", bare, "check_digit")
    else:
        yield Finding(start, end, "MY_NUMBER", 0.98 if standing == DIRECT else 0.9, "check_digit_context")


def corporate_numbers(places: Places) -> Iterable[Finding]:
    """13 digits with the check digit in front, or T and these."""
    for start, end, digits in places.sized(13):
        yield from _corporate_number(places, start, end, digits)
    for start, end, digits in places.grouped(1, _CORPORATE_GROUPS):
        yield from _corporate_number(places, start, end, digits)
    for start, end, digits in places.boxed(13):
        yield from _corporate_number(places, start, end, digits)


def _t_before(places: Places, start: int) -> int:
    """Where the T of a registration number stands before its digits; the start itself where none does."""
    text = places.text
    at = start - 1 if text[start - 1 : start] in ("-", " ") else start
    if at and text[at - 1] in "Tt" and places.begins_clear(at - 1):
        return at - 1
    return start


def _corporate_number(places: Places, start: int, end: int, digits: str) -> Iterator[Finding]:
    begin = _t_before(places, start)
    has_t = begin != start
    if not places.ends_clear(end) or not (has_t or places.begins_clear(start)):
        return
    standing = places.standing(begin, end, "CORPORATE_NUMBER")
    holds = corporate_number_holds(digits)
    if standing >= NEAR:
        if holds:
            yield Finding(begin, end, "CORPORATE_NUMBER", 0.98, "check_digit_context")
        elif standing == DIRECT:
            yield Finding(begin, end, "CORPORATE_NUMBER", 0.5, "bad_check_digit")
    elif holds and has_t:
        yield Finding(begin, end, "CORPORATE_NUMBER", 0.9, "check_digit")
    elif holds and standing == BARE:
        likely = not (article_number_holds(digits) or digits[:2] in ("15", "16", "17", "18", "97", "45", "49"))
        yield Finding(begin, end, "CORPORATE_NUMBER", 0.5 if likely else 0.3, "check_digit")


def _is_issuer(digits: str) -> bool:
    """Whether a card scheme hands out numbers of this beginning and length. Source: ISO/IEC 7812 issuer ranges as the schemes
    publish them (Visa, Mastercard, American Express, JCB, Diners Club, Discover, UnionPay)."""
    length, two, four = len(digits), int(digits[:2]), int(digits[:4])
    if digits[0] == "4":
        return length in (13, 16, 19)
    if 51 <= two <= 55 or 2221 <= four <= 2720:
        return length == 16
    if two in (34, 37):
        return length == 15
    if 3528 <= four <= 3589:
        return 16 <= length <= 19
    if two in (36, 38, 39, 30):
        return length in (14, 16, 19)
    return (four == 6011 or two in (62, 64, 65)) and 16 <= length <= 19


def cards(places: Places) -> Iterable[Finding]:
    """13 to 19 digits of a known issuer with a right check digit; with a label and a wrong one at a low score."""
    for start, end, digits in places.sized(13, 14, 15, 16, 17, 18, 19):
        yield from _card(places, start, end, digits, 0.75)
    for start, end, digits in places.grouped(4, _CARD_GROUPS):
        yield from _card(places, start, end, digits, 0.9)
    for length in (14, 15, 16):
        for start, end, digits in places.boxed(length):
            yield from _card(places, start, end, digits, 0.75)


def _card(places: Places, start: int, end: int, digits: str, bare: float) -> Iterator[Finding]:
    if not places.is_clear(start, end):
        return
    standing = places.standing(start, end, "CREDIT_CARD")
    if not luhn_holds(digits):
        if standing == DIRECT and len(digits) >= 14:
            yield Finding(start, end, "CREDIT_CARD", 0.5, "bad_check_digit")
        return
    if not _is_issuer(digits) or len(set(digits)) == 1:
        return
    if standing >= NEAR:
        yield Finding(start, end, "CREDIT_CARD", 0.98, "check_digit_context")
    elif standing == BARE:
        yield Finding(start, end, "CREDIT_CARD", bare, "check_digit")
    else:
        yield Finding(start, end, "CREDIT_CARD", 0.4, "check_digit")


def licences(places: Places) -> Iterable[Finding]:
    """12 digits with a label, for too many numbers have twelve; or as the card has them, 第 … 号, with a right check digit."""
    if not places.runs or not (places.has_label(_LICENCE) or "第" in places.text):
        return
    for found in (
        places.sized(12),
        places.fours,
        places.grouped(2, _LICENCE_GROUPS),
        places.boxed(12),
    ):
        for start, end, digits in found:
            yield from _licence(places, start, end, digits)


def _licence(places: Places, start: int, end: int, digits: str) -> Iterator[Finding]:
    standing = places.standing(start, end, _LICENCE)
    if standing == FOREIGN or not places.is_clear(start, end):
        return
    holds = licence_number_holds(digits)
    if standing >= NEAR:
        score = (0.95 if holds else 0.85) if standing == DIRECT else (0.8 if holds else 0.6)
        yield Finding(start, end, _LICENCE, score, "check_digit_context" if holds else "context")
    elif holds and places.text[max(0, start - 2) : start].rstrip().endswith("第") and _NUMBERED.match(places.text, end):
        yield Finding(start, end, _LICENCE, 0.7, "check_digit")
