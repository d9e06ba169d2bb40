"""Birth dates: a date beside what says so. A date alone is nobody's."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from jitsuri.guardrails.rules.structured.labelling import labels_in
from jitsuri.guardrails.rules.structured.placing import LABEL_REACH, Places, is_word
from jitsuri.guardrails.shapes import Finding

_KIND = "DATE_OF_BIRTH"
_N = r"(?:[0-9]{1,2}|[〇零一二三四五六七八九十元]{1,3})"
_ERA = r"(?:明治|大正|昭和|平成|令和|[明大昭平令㍾㍽㍼㍻㋿]|[MTSHRmtshr](?![A-Za-z]))"
_MONTHS = (
    r"(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?"
    r"|nov(?:ember)?|dec(?:ember)?)\.?"
)
_AROUND = r"(?: ?[(/] ?(?:(?:明治|大正|昭和|平成|令和|[MTSHRmtshr明大昭平令])\.? ?)?[0-9元]{1,4}年? ?\)?)?"
_DAY = rf"{_N} ?月 ?(?:{_N} ?日)?"
_LEADING_YEAR = re.compile(
    rf"(?:[0-9]{{4}}|[〇零一二三四五六七八九]{{4}}) ?年?{_AROUND} ?年? ?の?{_DAY}"
    r"|[0-9]{4}(?P<s> ?[-/.] ?)[0-9]{1,2}(?P=s)[0-9]{1,2}(?![0-9])|[0-9]{4} [0-9]{1,2} [0-9]{1,2}(?![0-9])"
    r"|(?:18|19|20)[0-9]{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])(?![0-9])"
)
_OF_ERA = re.compile(
    rf"{_ERA}[. ]?{_N} ?(?:年{_AROUND} ?の?{_DAY}|(?P<s> ?[-/.] ?| ){_N}(?P=s){_N}(?![0-9]))|[MTSHR][0-9]{{6}}(?![0-9])"
)
_DAY_FIRST = re.compile(
    rf"[0-9]{{1,2}}(?:st|nd|rd|th)?[ \-](?:of )?{_MONTHS}[, \-]{{1,2}}[0-9]{{4}}(?![0-9])"
    r"|[0-9]{1,2}(?P<s>[-/.])[0-9]{1,2}(?P=s)(?:19|20)[0-9]{2}(?![0-9])|[0-9]{2}(?P<t>[-/.])[0-9]{1,2}(?P=t)[0-9]{1,2}(?![0-9])"
    rf"|(?:[0-9]{{1,2}} ?年 ?)?{_N} ?月 ?{_N} ?日"
)
_MONTH_FIRST = re.compile(rf"{_MONTHS} ?[0-9]{{1,2}}(?:st|nd|rd|th)?,? ?[0-9]{{4}}(?![0-9])")
_SOUND = re.compile(r"[0-9]+")
_ASKED = re.compile(r"[^0-9]{0,32}")
_NOT_BORN = re.compile(r"(?:\(.\))?(?:まで|に|より|付|から|以降|時点|現在)")
_BEHIND = re.compile(
    r"[\s,\u3001]{0,2}(?:\([^()]{0,10}\)|[\s,\u3001(/:\-])?(?:に|の)?(?:.{0,10}?で|.{0,4}?に)?(?:生まれ|うまれ|誕生|出生|生)(?!産|活|成|徒|命|じ|放|中|涯|鮮|地|き|物)"
)
_AGE = re.compile(r"[\s,\u3001|\t\"]{0,2}\(? ?(?:満)?[0-9]{1,3} ?[歳才]")
_AGE_BEFORE = re.compile(r"[0-9] ?[歳才]\s?\(\Z")
_CELL_BEHIND = re.compile(
    r"\"?[,\t|][\s\"]{0,3}(?:\(?\+?[0-9]{2,4}[-)][0-9]{2,4}-[0-9]{4}|0[0-9]{9,10}(?![0-9])|[A-Za-z0-9._+-]{1,18}@|〒)"
)
_SEX_BEHIND = re.compile(r"[\s,\u3001|/\t\"]{1,3}(?:男|女|m|f|male|female|男性|女性)(?=[\s,\u3001|/\t\"]|$)")
_SEX_BEFORE = re.compile(r"(?:[\s,\u3001|/\t\"])(?:男|女|男性|女性|m|f|male|female)[\s,\u3001|/\t\"]{1,3}\Z")
_ERA_BEFORE = re.compile(r"(?:明治|大正|昭和|平成|令和|[明大昭平令㍾㍽㍼㍻㋿]|[MTSHRmtshr])[. ]?\Z")


def birth_dates(places: Places) -> Iterable[Finding]:
    """Western, 和暦 and its short forms, kanji numerals, English; with or without a year where the label is of a birthday."""
    if not (places.runs or "月" in places.text):
        return
    labels = places.labels
    for at in labels.at.get(_KIND, ()):
        for begin, end, score in _behind(places, labels.ends[at]):
            yield Finding(begin, end, _KIND, score, "context")
    yield from _beside(places)


def _behind(places: Places, label_end: int) -> Iterator[tuple[int, int, float]]:
    """A date behind its label."""
    text = places.text
    found = _first_date(places, label_end, label_end + LABEL_REACH)
    if found is None:
        return
    start, end = found
    if places.is_direct(label_end, start):
        yield start, end, 0.95 if _has_year(text[start:end]) else 0.6
        again = _first_date(places, end, min(end + 3, label_end + LABEL_REACH))
        if again is not None and text[end : again[0]].strip() in ("(", "/", "", "・"):
            yield again[0], again[1], 0.9
    elif (
        _has_year(text[start:end])
        and places.lower.startswith(_STRONG, max(0, label_end - 4))
        and _ASKED.fullmatch(text, label_end, start)
        and not _NOT_BORN.match(text, end)
        and not _other_label(places, label_end, start)
    ):
        yield start, end, 0.6


def _other_label(places: Places, start: int, end: int) -> bool:
    return any(kind != _KIND for _, _, kind in labels_in(places.lower[start:end]))


def _first_date(places: Places, start: int, until: int) -> tuple[int, int] | None:
    """The first date that begins between two places."""
    text = places.text
    at = start
    while at < until and at < len(text):
        if (end := date_at(places, at)) is not None:
            return at, end
        if text[at] in "0123456789":
            return None
        at += 1
    return None


def date_at(places: Places, at: int) -> int | None:
    """Where a date that begins at a place ends; None where none begins there or its month or day cannot be."""
    text = places.text
    char = text[at]
    if char in "0123456789":
        found = _LEADING_YEAR.match(text, at) or _DAY_FIRST.match(places.lower, at)
    elif char in _ERA_FIRST:
        found = _OF_ERA.match(text, at)
        if found is not None and char.isascii() and at and is_word(text[at - 1]):
            found = None
    elif char in "〇零一二三四五六七八九十":
        found = _LEADING_YEAR.match(text, at) or _DAY_FIRST.match(text, at)
    elif char in "jfmasondJFMASOND":
        found = None
    else:
        return None
    if found is None and char in "jfmasondJFMASOND" and not (at and is_word(text[at - 1])):
        found = _MONTH_FIRST.match(places.lower, at)
    if found is None or not _is_sound(found[0]):
        return None
    return at + len(found[0].rstrip())


_STRONG = ("生年月日", "birth")
"""The ends of labels that mean nothing but a birth date, also where words stand between."""
_DATE_JOINTS = frozenset("年月/-. ")
_ERA_LAST = frozenset("治正和成明大昭平令㍾㍽㍼㍻㋿MTSHRmtshr. ")
_ERA_FIRST = "明大昭平令㍾㍽㍼㍻㋿MTSHRmtshr"


def _is_sound(date: str) -> bool:
    """Whether month and day can be: the two last numbers of a date in digits."""
    numbers = [int(run) for run in _SOUND.findall(date) if len(run) <= 2]
    if len(numbers) < 2 or ("年" in date and not date.endswith("日")):
        return all(number <= 99 for number in numbers)
    return max(numbers[-2:]) <= 31 and min(numbers[-2:]) <= 12 and min(numbers[-2:]) > 0


def _has_year(date: str) -> bool:
    return "年" in date or bool(re.search(r"[0-9]{4}", date)) or date[0] in _ERA_FIRST


def _beside(places: Places) -> Iterator[Finding]:
    """Dates with 生まれ, an age or a sex behind, or a sex before, as tables have it."""
    text = places.text
    for start, end in places.runs:
        length = end - start
        if (
            length > 8
            or (length != 8 and text[end : end + 1] not in _DATE_JOINTS)
            or text[start - 1 : start] in _INSIDE_DATE
        ):
            continue
        begin = start
        if (
            length <= 2
            and text[start - 1 : start] in _ERA_LAST
            and (era := _ERA_BEFORE.search(text, max(0, start - 4), start))
        ):
            begin = era.start()
        until = date_at(places, begin)
        if until is None and begin != start:
            begin = start
            until = date_at(places, begin)
        if until is None or (begin == start and not places.begins_clear(begin)):
            continue
        score = _beside_score(text, places.lower, begin, until)
        if score:
            yield Finding(begin, until, _KIND, score if _has_year(text[begin:until]) else score - 0.2, "context")


_CELL = frozenset(',\t|"')
_INSIDE_DATE = frozenset("年月/-")


def _beside_score(text: str, lower: str, begin: int, until: int) -> float:
    if _BEHIND.match(text, until, min(len(text), until + 24)) or lower.startswith((" born", "born"), until):
        return 0.9
    if _AGE.match(text, until, until + 12) or _AGE_BEFORE.search(text, max(0, begin - 8), begin):
        return 0.0 if text[until - 1] == "月" else 0.6  # a life told by years and ages has months without days
    if _SEX_BEHIND.match(lower, until, min(len(lower), until + 12)) or _SEX_BEFORE.search(
        lower, max(0, begin - 10), begin
    ):
        return 0.7
    if (
        text[begin - 1 : begin] in _CELL
        and _CELL_BEHIND.match(text, until, until + 24)
        and "1930" <= text[begin : begin + 4] <= "2009"
    ):
        return 0.55
    return 0.0
