"""The check ``secret`` (鍵・パスワード): one pass for all beginnings, then a look at each place.

A secret is recognised by its first ``RECOGNISED`` characters at most, its name before it included, and then goes on for as long
as its alphabet does. So a stream finds the same as the whole text: when a recognised secret reaches the end of what has come, more
of it may follow (``OPEN_ENDED``). No rule goes by randomness alone: hashes, UUIDs, part numbers and pictures in base64 are no
secrets, unless a name before them says so.
"""

from __future__ import annotations

import re
from base64 import b64decode
from collections.abc import Callable, Iterable, Iterator

from ahocorasick_rs import AhoCorasick

from jitsuri.guardrails.rules.secrets.vendors import VENDORS
from jitsuri.guardrails.shapes import Finding

VERSION = "1"

RECOGNISED = 64
"""Characters from the beginning by which a secret is told (decision 0042): what a stream holds back."""

_REASONS = (
    ("anthropic", "secret_anthropic"), ("aws", "secret_aws"), ("azure", "secret_azure"), ("gcp", "secret_google"),
    ("github", "secret_github"), ("gitlab", "secret_gitlab"), ("huggingface", "secret_hugging_face"),
    ("openai", "secret_openai"), ("stability", "secret_openai"), ("deepseek", "secret_openai"),
    ("slack", "secret_slack"), ("stripe", "secret_stripe"), ("clerk", "secret_stripe"),
)  # fmt: skip
"""First word of a vendor's rule -> reason. ``sk-`` alone is written by several vendors; OpenAI is the one that began it."""

OPEN_ENDED: frozenset[str] = frozenset({*(reason for _word, reason in _REASONS), "secret_vendor", "secret_private_key",
    "secret_jwt", "secret_password", "secret_named", "secret_bearer", "secret_webhook"})  # fmt: skip
"""Reasons of findings that may grow while more of the text comes. ``secret_in_address`` ends where it is recognised."""

_NO_RULE = "(?!-----)"
"""A key does not run on into the block of another."""

_Found = tuple[int, int, float, str]
_Look = Callable[[str, int, int], "_Found | None"]
"""Text, first and last character of the anchor + 1 -> what stands there."""


def _to(pattern: re.Pattern[str], text: str, start: int) -> int:
    """Where a run ends that begins at a place; there, if nothing of it follows."""
    match = pattern.match(text, start)
    return match.end() if match is not None else start


def _vendor(rule: str, begin: str, alphabet: str, least: int, most: int | None, free: bool) -> _Look:
    reason = next((reason for word, reason in _REASONS if rule.startswith(word)), "secret_vendor")
    needed = min(least, RECOGNISED - len(begin))
    first = re.compile(f"[{alphabet}]{{{needed}}}")
    looks_drawn = _mixed if re.match(f"[{alphabet}]", "7") else _lettered
    rest = re.compile(f"(?:{_NO_RULE}[{alphabet}])*+" if "-" in alphabet else f"[{alphabet}]*+")
    stops = most if most is not None and most + len(begin) < RECOGNISED else None

    def look(text: str, start: int, end: int) -> _Found | None:
        if (not free and text[start:end] != begin) or _goes_on_before(text, start):
            return None
        if (match := first.match(text, end)) is None or not looks_drawn(match.group()):
            return None
        last = _to(rest, text, match.end())
        if stops is not None and last - end > stops:
            return None
        return start, last, 0.97, reason

    return look


def _goes_on_before(text: str, start: int) -> bool:
    """Whether an ASCII word runs into this place: a beginning in the middle of base64 is none."""
    before = text[start - 1] if start else " "
    return before.isascii() and (before.isalnum() or before in "+_")


def _mixed(part: str) -> bool:
    """Whether characters look drawn by lot: words and rows of ``x`` do not."""
    return len(set(part)) >= 7 and any(one.isdigit() for one in part)


def _lettered(part: str) -> bool:
    """The same, of what has no digits."""
    return len(set(part)) >= 10 and part.lower() != part != part.upper()


_PRIVATE = re.compile(r"-----BEGIN (?:[A-Z0-9]{2,12} ){0,2}PRIVATE KEY(?: BLOCK)?-----")
_BLOCK = re.compile(
    r"[A-Za-z0-9+/=]*+(?:(?:\s|\\[nr])++(?:[A-Za-z0-9+/=]{16,}+|(?:Proc-Type|DEK-Info|Version|Comment|Charset|Hash): ?[^\n]{0,100}+))*+"
    r"(?:(?:\s|\\[nr])++=?[A-Za-z0-9+/=]{1,15}+)?+(?:\s|\\[nr])*+(?:\\|-{1,5}+(?:E(?:N(?:D[A-Z ]{0,40}+-{0,5}+)?+)?+)?+)?+"
)
"""What runs on behind the head, lines of base64 and headers, a last short line, and of the end as much as has come: blanks before
it belong to the block, so that in a stream nothing of it lies outside."""


def _private_key(text: str, start: int, _end: int) -> _Found | None:
    if (match := _PRIVATE.match(text, start)) is None:
        return None
    return start, _to(_BLOCK, text, match.end()), 0.99, "secret_private_key"


_JWT = re.compile(r"[A-Za-z0-9_-]{20}")
_JWT_REST = re.compile(rf"(?:{_NO_RULE}[A-Za-z0-9_.-])*+")
_JWT_HEAD = re.compile(rb'^\{"(?:alg|typ|kid|enc|cty|jku|jwk|x5[tuc]|zip)"')


def _jwt(text: str, start: int, _end: int) -> _Found | None:
    if _goes_on_before(text, start) or (match := _JWT.match(text, start)) is None:
        return None
    if _JWT_HEAD.match(b64decode(match.group(), b"-_")) is None:
        return None
    return start, _to(_JWT_REST, text, match.end()), 0.95, "secret_jwt"


_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]{1,19}\Z")
_SIGNED = re.compile(r"[^\s:/@?#\"'<>\[\]]{0,24}:((?:(?![/@?#\"'<>])[!-~]){1,40})@(?=[A-Za-z0-9\[])")


def _in_address(text: str, start: int, end: int) -> _Found | None:
    """A password in an address: ``postgresql://user:password@host``."""
    if (match := _SIGNED.match(text, end)) is None or _SCHEME.search(text[max(0, start - 20) : start]) is None:
        return None
    if _stands_for_another(match.group(1)):
        return None
    return match.start(1), match.end(1), 0.95, "secret_in_address"


_STANDS_FOR = re.compile(
    r"[A-Za-z_][A-Za-z0-9_]*+(?:\.[A-Za-z_][A-Za-z0-9_]*+)*+\(|\$|<|~?/[a-z]|[A-Za-z]:\\|%[A-Za-z({]|\{|\*{2}|[xX*.•-]+\Z|(?i:none|null|true|false|undefined|password|passwd|pass|secret|changeme|string|your[-_]"
    r"|my[-_]?password|example|dummy|redacted|masked|os\.|env\b|env\.|process\.|getenv|self\.|this\.|config|settings|input\()"
)


def _stands_for_another(value: str) -> bool:
    """Placeholders and expressions of programs: ``${PASSWORD}``, ``***``, ``os.environ`` …"""
    return _STANDS_FOR.match(value) is not None


_SETS = r"[\"'`]?\s{0,3}(?::=|=>|[=:：])\s{0,3}[\"'`「『]?|\s{0,2}(?:は|が|を)\s{0,2}[\u3001:]?\s{0,2}[\"'`「『]?|(?:\s{0,2}[「『\"'`(])"
_BEHIND = re.compile(
    rf"(?:s|[_-]?(?:access[_-]?key|api[_-]?key|key|value|hash|token|string|phrase|code))?(?:\(PW\))?(?:{_SETS})",
    re.IGNORECASE,
)
_BEHIND_ASSIGNED = re.compile(
    r"(?:[_-]?(?:access[_-]?key|api[_-]?key|key|value|hash|token|string))?[\"'`]?\s{0,3}(?::=|=>|[=:：])\s{0,3}[\"'`「『]?",
    re.IGNORECASE,
)
_MOST = 40
"""Characters of a value by which it is told: with a name and what stands between them not more than ``RECOGNISED``."""
_VALUE = re.compile(rf"(?:{_NO_RULE}[!#-&(-+\--:<=?-Z^_a-z|~\\]){{4,{_MOST}}}+")
_VALUE_REST = re.compile(rf"(?:{_NO_RULE}[!#-&(-+\--:<=?-Z^_a-z|~\\])*+")
_UNIT = "年月日時分秒円個件名人回桁文字歳%％"


def _valued(text: str, end: int, behind: re.Pattern[str]) -> tuple[int, int, str] | None:
    """Where the value behind a name stands and where its first characters end, and these; the dot or bracket that closes a
    sentence is not of it."""
    if (set_ := behind.match(text, end)) is None or (match := _VALUE.match(text, set_.end())) is None:
        return None
    last = match.end()
    if last - match.start() < _MOST:
        while last > match.start() and text[last - 1] in ".:)":
            last -= 1
    value = text[match.start() : last]
    if len(value) < 4 or _stands_for_another(value) or "://" in value:
        return None
    return match.start(), last, value


def _whole(text: str, last: int, value: str) -> int:
    """Where a value ends that was recognised by its first characters."""
    return last if len(value) < _MOST else _to(_VALUE_REST, text, last)


def _password(text: str, start: int, end: int) -> _Found | None:
    """What is said to be a password."""
    if (found := _valued(text, end, _BEHIND)) is None:
        return None
    first, last, value = found
    digits = sum(one.isdigit() for one in value)
    if digits == len(value):
        short = digits < 6 and not text.startswith(("暗証", "pin", "PIN"), start)
        return (
            None
            if short or text[last : last + 1] in tuple(_UNIT)
            else (first, _whole(text, last, value), 0.8, "secret_password")
        )
    letters = sum(one.isalpha() for one in value)
    marks = len(value) - digits - letters
    if letters and (digits or marks > (value.count("_") + value.count("-") + value.count("."))):
        return first, _whole(text, last, value), 0.9, "secret_password"
    if letters and value.lower() != value and value.upper() != value and value[1:].lower() != value[1:]:
        return first, _whole(text, last, value), 0.7, "secret_password"
    return None


def _named(least: int) -> _Look:
    """What is said to be a key, and looks like one."""

    def look(text: str, _start: int, end: int) -> _Found | None:
        if (found := _valued(text, end, _BEHIND_ASSIGNED)) is None:
            return None
        first, last, value = found
        if len(value) < least or not _mixed(value) or not any(one.isalpha() for one in value) or "(" in value:
            return None
        return first, _whole(text, last, value), 0.9, "secret_named"

    return look


_CREDENTIAL = re.compile(r"\s{1,3}([A-Za-z0-9._~+/=-]{16,40}+)(?:(?!-----)[A-Za-z0-9._~+/=-])*+")


def _bearer(text: str, start: int, end: int) -> _Found | None:
    """``Authorization: Bearer …`` and ``Basic …``."""
    if _goes_on_before(text, start) or (match := _CREDENTIAL.match(text, end)) is None:
        return None
    return (match.start(1), match.end(), 0.9, "secret_bearer") if _mixed(match.group(1)) else None


_HOOK = re.compile(r"[A-Za-z0-9/_@-]{20,40}+[A-Za-z0-9/_@.-]*+")


def _webhook(text: str, start: int, end: int) -> _Found | None:
    if (match := _HOOK.match(text, end)) is None:
        return None
    return start, match.end(), 0.95, "secret_webhook"


_ANCHORS: dict[str, list[_Look]] = {}
_NAMES: set[str] = set()
"""Words that say what stands behind them."""
for _row in VENDORS:
    _ANCHORS.setdefault(_row[1].lower(), []).append(_vendor(*_row))
for _looked, _words in (
    (_private_key, ("-----begin ",)),
    (_jwt, ("eyj",)),
    (_in_address, ("://",)),
    (_bearer, ("bearer", "basic")),
    (_webhook, ("hooks.slack.com/services/", "hooks.slack.com/workflows/", "discord.com/api/webhooks/")),
    (
        _password,
        ("password", "passwd", "passphrase", "pwd", "パスワード", "暗証番号", "パスフレーズ", "暗証コード", "pinコード"),
    ),
    (
        _named(12),
        ("secret", "api_key", "apikey", "api-key", "api key", "access_key", "accesskey", "access-key", "private_key", "auth_key",
         "apiキー", "アクセスキー", "シークレットキー", "秘密鍵", "シークレット", "accountkey", "account_key", "encryption_key"),
    ),
    (_named(16), ("token", "トークン", "sig=", "credential")),
):  # fmt: skip
    for _word in _words:
        _ANCHORS.setdefault(_word, []).append(_looked)
        if _looked not in (_private_key, _jwt, _in_address, _webhook):
            _NAMES.add(_word)
_ORDER = tuple(_ANCHORS)
_NEAR = 24
"""Characters between a name and its value, at most (decision 0042)."""
_LOOKS = tuple(tuple(_ANCHORS[word]) for word in _ORDER)
_BEHIND_NAMES = tuple(word in _NAMES for word in _ORDER)


class SecretCheck:
    """Keys, tokens and passwords."""

    name = "secret"
    version = VERSION
    types = ("SECRET",)

    def __init__(self) -> None:
        self._anchors = AhoCorasick(_ORDER)

    def find(self, text: str) -> Iterable[Finding]:
        """Secrets from left to right, none inside another. Linear in the text."""
        hits = matches(self._anchors, flat(text))
        return list(_secrets(text, sorted(hits, key=_place))) if hits else []


def _secrets(text: str, hits: Iterable[tuple[int, int, int]]) -> Iterator[Finding]:
    done = 0
    for which, start, end in hits:
        if start < done and (end + _NEAR < done or not _BEHIND_NAMES[which]):
            continue  # within a secret; a name that ends it may still have a value behind
        for look in _LOOKS[which]:
            if (found := look(text, start, end)) is not None and found[0] >= done:
                first, last, score, reason = found
                yield Finding(start=first, end=last, type="SECRET", score=score, reason=reason)
                done = last
                break


def _place(match: tuple[int, int, int]) -> tuple[int, int]:
    """From left to right, the longest anchor first."""
    return match[1], -match[2]


def flat(text: str) -> str:
    """A text in lower case, of the same length."""
    lowered = text.lower()
    return (
        lowered if len(lowered) == len(text) else "".join(low if len(low := one.lower()) == 1 else one for one in text)
    )


_SURROGATES = re.compile("[\ud800-\udfff]")


def matches(finder: AhoCorasick, text: str) -> list[tuple[int, int, int]]:
    """Which words stand where, those inside others included: index, first character, one past the last."""
    try:
        return finder.find_matches_as_indexes(text, overlapping=True)
    except UnicodeEncodeError:  # half of a pair has no UTF-8
        return finder.find_matches_as_indexes(_SURROGATES.sub("�", text), overlapping=True)


def secret_checks() -> list[SecretCheck]:
    """The one check of this kind."""
    return [SecretCheck()]
