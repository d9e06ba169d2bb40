"""Numbers that only their labels tell: bank accounts, passports, health insurance, numbers of employees and customers."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence

from jitsuri.guardrails.rules.structured.labelling import SYMBOL, YUCHO
from jitsuri.guardrails.rules.structured.placing import DIRECT, FOREIGN, LABEL_REACH, NEAR, Places
from jitsuri.guardrails.rules.structured.proving import insurer_number_holds
from jitsuri.guardrails.shapes import Finding

_BANK_WORDS = re.compile(
    r"(?:銀行|信用金庫|信金|信用組合|労働金庫|農協|支店|本店|営業部|出張所|普通|当座|\(普\)|\(当\)|振込|口座|名義|bank|branch"
    r"|三菱ufj|みずほ|三井住友|りそな|paypay)"
)
_BANK_GROUPS = re.compile(r"[0-9]{3,4}[- ](?:[0-9]{3}[- ])?[0-9]{7}(?![0-9]|-[0-9])")
_YUCHO_PAIR = re.compile(r"1[0-9]{3}0(?: ?- ?[0-9])?( ?[- /・,\u3001の]{1,2} ?)[0-9]{2,8}(?:-[0-9])?(?![0-9]|-[0-9])")
_YUCHO_TRANSFER = re.compile(r"0[0-9]{4}- ?[0-9] ?- ?[0-9]{1,6}(?![0-9]|-[0-9])")
_YUCHO_NEXT = re.compile(
    r"(?:-[0-9])?[\s,\u3001/・]{0,4}(?:通帳)?番号[\s:=はが「(]{0,4}([0-9]{2,8})(?:-[0-9])?(?![0-9])"
)


def bank_accounts(places: Places) -> Iterable[Finding]:
    """Account numbers beside a bank, a branch or a kind of account; 記号 and 番号 of ゆうちょ銀行."""
    text = places.text
    for length in (7, 8, 6):
        for start in places.by_length.get(length, ()):
            yield from _account(places, start, start + length)
    for length in (3, 4):
        for start in places.by_length.get(length, ()):
            found = _BANK_GROUPS.match(text, start)
            if found and _has_bank_word(places, start) and places.begins_clear(start):
                yield Finding(start, found.end(), "BANK_ACCOUNT", 0.85, "context")
    for start in places.by_length.get(5, ()):
        yield from _yucho(places, start)


def _account(places: Places, start: int, end: int) -> Iterator[Finding]:
    if not places.is_clear(start, end):
        return
    standing = places.standing(start, end, "BANK_ACCOUNT")
    if standing == DIRECT:
        yield Finding(start, end, "BANK_ACCOUNT", 0.95 if end - start == 7 else 0.8, "context")
    elif standing == FOREIGN or end - start != 7:
        return
    elif standing == NEAR:
        yield Finding(start, end, "BANK_ACCOUNT", 0.8, "context")
    elif _has_bank_word(places, start):
        yield Finding(start, end, "BANK_ACCOUNT", 0.6, "context")


def _has_bank_word(places: Places, start: int) -> bool:
    """Whether a bank is spoken of straight before, with no other number between but those of bank and branch."""
    return _BANK_WORDS.search(places.lower, max(0, start - 24), start) is not None


def _yucho(places: Places, start: int) -> Iterator[Finding]:
    text = places.text
    if text[start] == "0":
        found = _YUCHO_TRANSFER.match(text, start)
        if (
            found
            and places.begins_clear(start)
            and (_is_yucho(places, start) or places.standing(start, found.end(), "BANK_ACCOUNT") >= NEAR)
        ):
            yield Finding(start, found.end(), "BANK_ACCOUNT", 0.9, "context")
        return
    if text[start] != "1" or text[start + 4] != "0" or not places.begins_clear(start) or not _is_yucho(places, start):
        return
    pair = _YUCHO_PAIR.match(text, start)
    if pair is not None:
        yield Finding(start, pair.end(), "BANK_ACCOUNT", 0.95, "context")
        return
    yield Finding(start, start + 5, "BANK_ACCOUNT", 0.8, "context")
    behind = _YUCHO_NEXT.match(text, start + 5)
    if behind is not None:
        yield Finding(behind.start(1), behind.end(), "BANK_ACCOUNT", 0.95, "context")


def _is_yucho(places: Places, start: int) -> bool:
    """記号 straight before, or ゆうちょ銀行 near; not where an insurance card is spoken of."""
    for _, end, kind in places.before(start):
        if kind == _HEALTH:
            return False
        if kind in (YUCHO, "BANK_ACCOUNT") or (kind == SYMBOL and places.is_direct(end, start)):
            return True
    return False


_PASSPORT = re.compile(r"[A-Za-z]{2} ?[0-9]{7}(?![0-9A-Za-z])")
_MACHINE_READABLE = re.compile(r"([A-Z]{2}[0-9]{7})<?[0-9]JPN[0-9]{7}[MFX<]")


def passports(places: Places) -> Iterable[Finding]:
    """Two letters and seven digits with a label, or in the machine readable lines (ICAO Doc 9303-4)."""
    text = places.text
    for start in places.by_length.get(7, ()):
        begin = start - 2 if text[start - 1 : start] != " " else start - 3
        if begin < 0 or not _PASSPORT.match(text, begin) or not places.begins_clear(begin):
            continue
        standing = places.standing(begin, start + 7, "PASSPORT")
        if standing >= NEAR:
            yield Finding(begin, start + 7, "PASSPORT", 0.95 if standing == DIRECT else 0.85, "context")
    if "JPN" in text:
        for found in _MACHINE_READABLE.finditer(text):
            yield Finding(found.start(1), found.end(1), "PASSPORT", 0.95, "pattern")


_HEALTH = "HEALTH_INSURANCE"
_INSURED = re.compile(
    r"(?:記号[\s・,\u3001/]{0,2}番号|記号)[\s:=はが「(]{0,4}([0-9A-Za-z一-鿿]{1,4}?[0-9]{1,8}(?:-[0-9]{1,4})?|[0-9]{1,8})"
    r"(?:[\s・,\u3001/\-の]{1,3}(?:番号)?[\s:=はが「(]{0,4}|番号[\s:=はが「(]{0,4})([0-9]{1,8})(?![0-9])(?:[\s(（]{0,2}枝番[\s:=]{0,2}[0-9]{2})?"
)


def health_insurance(places: Places) -> Iterable[Finding]:
    """保険者番号, 記号・番号 and what else stands on an insurance card."""
    if not places.runs or not places.has_label(_HEALTH):
        return
    for length in (8, 6, 7, 10, 5, 4):
        for start in places.by_length.get(length, ()):
            yield from _insurance_number(places, start, start + length)
    if "記号" in places.text:
        for found in _INSURED.finditer(places.text):
            if any(kind == _HEALTH for _, _, kind in places.before(found.start() + 2)):
                yield Finding(found.start(1), found.end(), _HEALTH, 0.9, "context")


def _insurance_number(places: Places, start: int, end: int) -> Iterator[Finding]:
    standing = places.standing(start, end, _HEALTH)
    if standing < NEAR or not places.is_clear(start, end):
        return
    holds = end - start in (6, 8) and insurer_number_holds(places.text[start:end])
    if standing == DIRECT:
        score = 0.98 if holds else (0.85 if end - start >= 6 else 0.6)
    elif end - start == 8:
        score = 0.85 if holds else 0.6
    else:
        return
    yield Finding(start, end, _HEALTH, score, "check_digit_context" if holds else "context")


_ID = re.compile(r"[A-Za-z]{0,6}(?:[-_ ](?=[0-9]))?[0-9]{2,12}(?:[-_][0-9A-Za-z]{1,8}){0,3}[A-Za-z]?(?![0-9A-Za-z@])")
_ID_LETTERS = re.compile(r"[A-Za-z]{1,4}-[A-Za-z]{1,4}-?[0-9]{2,10}(?:-[0-9]{1,6})?(?![0-9A-Za-z@])")
_ID_GROUPS = re.compile(r"[0-9]{2,5} [0-9]{3,5}(?: [0-9]{3,5}){0,2}(?![0-9A-Za-z@年月円\-/])")
_ID_MIXED = re.compile(r"(?=[A-Za-z_\-]{0,8}[0-9])[0-9A-Za-z]{1,12}(?:[-_][0-9A-Za-z]{1,12}){0,3}(?![0-9A-Za-z@])")
_ASKED = re.compile(
    r"[^0-9A-Za-z]{0,8}(?:お願い|確認|おっしゃ|言って|入力|教え|聞かせ|伺|いただけ|頂け|お知らせ|何番|よろしい|申し上げ)[^0-9A-Za-z]{0,20}"
)
_NEXT = re.compile(r"(?:[\s,\u3001・/]|と|及び|および|または){1,3}")
_NOT_ID = re.compile(r"(?:[0-9]{4}[-/.年][0-9]{1,2}[-/.月]|[0-9]{1,3}(?:桁|文字|けた))")
_TOKEN = frozenset("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")
_CHAIN = 12


def labelled_numbers(kind: str, patterns: Sequence[str] = ()) -> Callable[[Places], Iterable[Finding]]:
    """Numbers of employees or customers: straight behind their label, and whatever looks as the company says its numbers look."""
    own = [_own_pattern(pattern) for pattern in patterns]

    def look(places: Places) -> Iterable[Finding]:
        if places.runs:
            labels = places.labels
            for at in labels.at.get(kind, ()):
                until = labels.starts[at + 1] if at + 1 < len(labels.starts) else len(places.text)
                yield from _behind(places, labels.ends[at], until, kind)
        for pattern in own:
            for match in pattern.finditer(places.text):
                if places.is_clear(*match.span()):
                    yield Finding(match.start(), match.end(), kind, 0.9, "company_pattern")

    return look


_UNTIL_ID = re.compile(
    r"(?:\((?:[^()0-9]|[0-9]{1,2}(?=桁|ケタ|文字|けた| ?digits)){0,14}\)|[\s:=|/・,\u3001\"'`「」『』【】〔〕\[\]<>(){}\-→⇒▶*#_~.;\\]"
    r"|は|が|も|の|を|って|とは|第|番号|ですが|氏名|名前|部署|所属|…|え[えっー]?と|はい|number|num|no|id|is)*+"
)


def _behind(places: Places, label_end: int, until: int, kind: str) -> Iterator[Finding]:
    text = places.text
    gap = _UNTIL_ID.match(places.lower, label_end, min(label_end + 24, len(text)))
    at = gap.end() if gap else label_end
    score = 0.95
    if text[at : at + 1] not in _TOKEN and (
        asked := _ASKED.match(text, label_end, min(label_end + LABEL_REACH, len(text)))
    ):
        at, score = asked.end(), 0.7
    for count in range(_CHAIN):
        found = (
            _ID_GROUPS.match(text, at)
            or _ID.match(text, at)
            or _ID_LETTERS.match(text, at)
            or _ID_MIXED.match(text, at)
        )
        if found is None or at - label_end > LABEL_REACH or _NOT_ID.match(text, at) or (count and at >= until):
            return
        if found.end() - at < 3 or not places.ends_clear(found.end()):
            return
        yield Finding(at, found.end(), kind, score if count == 0 else 0.7, "context")
        joint = _NEXT.match(text, found.end(), found.end() + 4)
        if joint is None:
            return
        at = joint.end()


def _own_pattern(pattern: str) -> re.Pattern[str]:
    """``9`` a digit, ``A`` a capital letter, all else itself; at most 32 characters count."""
    parts = ["[0-9]" if char == "9" else "[A-Z]" if char == "A" else re.escape(char) for char in pattern[:32]]
    return (
        re.compile(f"{''.join(parts)}(?<![0-9A-Za-z]{''.join(parts)})(?![0-9A-Za-z])") if parts else re.compile(r"(?!)")
    )
