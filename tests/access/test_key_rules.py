"""Keys: how a secret is written, what is said of a wrong one, what a key may be and do, who decides about one."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from key_parts import NOW, kept, key, scope, secrets

from jitsuri.access.rules.keying import (
    LENGTH,
    deciding_fault,
    found,
    hint_of,
    is_ending_soon,
    is_keeper,
    is_living,
    is_well_formed,
    lapse,
    last_day,
    may,
    parts_of,
    presented,
    scope_fault,
    secret_text,
    span_of,
    standing_of,
    stranger,
    without_secrets,
)
from jitsuri.access.shapes import KEY_STANDINGS, KeptSecret, Person, Role
from jitsuri.words import LANGUAGES, has_text, text

DAY = timedelta(days=1)


def person(login: str, *roles: Role, name: str = "誰か") -> Person:
    return Person(UUID(int=len(login)), login, name, frozenset(roles), "", "ja", True, NOW)


# -- secrets


def test_a_secret_is_recognised_by_its_form() -> None:
    assert re.fullmatch(r"jk_[0-9A-Za-z]{49}", secrets(1))
    assert len(secrets(1)) == LENGTH == 52
    assert secrets(1) != secrets(2)


def test_a_secret_carries_all_256_bits() -> None:
    """The body in base 62 is the digest itself: nothing is cut off."""
    from hashlib import sha256

    digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
    number = 0
    for letter in secret_text("x")[3:-6]:
        number = number * 62 + digits.index(letter)
    assert number.to_bytes(32, "big") == sha256(b"jitsuri key\x00x").digest()


@settings(max_examples=300, derandomize=True, deadline=None)
@given(st.text(max_size=40), st.integers(0, LENGTH - 1), st.characters(min_codepoint=33, max_codepoint=126))
def test_one_mistaken_character_is_always_noticed(chance: str, at: int, wrong: str) -> None:
    secret = secret_text(chance)

    assert is_well_formed(secret)
    mistaken = secret[:at] + wrong + secret[at + 1 :]
    assert is_well_formed(mistaken) == (mistaken == secret)


@settings(max_examples=200, derandomize=True, deadline=None)
@given(st.integers(0, LENGTH - 2))
def test_two_swapped_neighbours_are_noticed(at: int) -> None:
    secret = secrets(7)
    swapped = secret[:at] + secret[at + 1] + secret[at] + secret[at + 2 :]

    assert is_well_formed(swapped) == (swapped == secret)


@pytest.mark.parametrize("told", ["", "jk_", "jk_" + "0" * 49, "sk-" + "a" * 49, "jk_" + "あ" * 49, "jk_" + "x" * 5000])
def test_what_is_no_secret_is_none(told: str) -> None:
    assert not is_well_formed(told)


def test_a_text_loses_the_secrets_that_people_paste_into_it() -> None:
    secret = secrets(3)

    told = without_secrets(f"漏れました：{secret}、URL は https://example.jp/?k={secret}")

    assert secret not in told
    assert secret[:-4] not in told
    assert told.count(f"jk_…{hint_of(secret)}") == 2


# -- what a caller presents


@pytest.mark.parametrize(
    ("authorization", "x_api_key", "expected"),
    [
        (b"Bearer jk_a", None, b"jk_a"), (b"bearer   jk_a ", None, b"jk_a"), (None, b" jk_a ", b"jk_a"),
        (b"Bearer jk_a", b"jk_b", b"jk_a"), (b"Bearer sk-other", b"jk_b", b"jk_b"), (b"Bearer sk-other", None, b"sk-other"),
        (b"Basic amtfYQ==", None, b""), (b"Basic amtfYQ==", b"jk_b", b"jk_b"), (None, None, b""), (b"", b"", b""),
        (b"Bearer", None, b""), (b"jk_a", None, b""),
    ],
)  # fmt: skip
def test_both_headers_are_read(authorization: bytes | None, x_api_key: bytes | None, expected: bytes) -> None:
    assert presented(authorization, x_api_key) == expected


@pytest.mark.parametrize(
    ("sent", "code", "hint"),
    [
        (b"", "key_missing", None), (b"jk_short", "key_malformed", "…"), (b"sk-ant-api03-" + b"x" * 40, "key_malformed", "xxxx"),
        (b"jk_" + b"\xff" * 49, "key_malformed", "…"), (b"jk_" + b"a" * 45 + b"\r\nX:", "key_malformed", "…"),
    ],
)  # fmt: skip
def test_a_stranger_is_told_what_is_wrong_and_never_more_than_the_end(sent: bytes, code: str, hint: str | None) -> None:
    refusal = stranger(sent)

    assert refusal.code == code
    assert refusal.facts.get("hint") == hint


def test_a_typing_mistake_is_told_from_a_key_that_does_not_exist() -> None:
    secret = secrets(1)
    wrong = ("a" if secret[10] != "a" else "b").join([secret[:10], secret[11:]])

    assert stranger(secret.encode()).code == "key_unknown"
    assert stranger(wrong.encode()).code == "key_malformed"


@pytest.mark.parametrize("lang", LANGUAGES)
def test_no_sentence_holds_a_secret(lang: str) -> None:
    secret = secrets(1)

    for refusal in (stranger(secret.encode()), stranger(secret[:-1].encode()), stranger(b"x" + secret.encode())):
        told = text(f"refusal.{refusal.code}", lang, **refusal.facts)
        assert secret[:-4] not in told
        assert secret[3:-4] not in repr(refusal)


# -- the span


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({}, None),
        ({"starts_at": NOW + DAY}, "key_not_yet"),
        ({"ends_at": NOW, "expires_at": NOW}, "key_expired"),
        ({"ends_at": NOW - DAY}, "key_replaced"),
        ({"ends_at": NOW - 2 * DAY, "expires_at": NOW - DAY}, "key_expired"),
        ({"is_revoked": True}, "key_revoked"),
        ({"is_revoked": True, "ends_at": NOW - DAY}, "key_revoked"),
    ],
)
@pytest.mark.parametrize("lang", LANGUAGES)
def test_a_key_that_does_not_hold_says_why(changes: dict[str, object], code: str | None, lang: str) -> None:
    refusal = lapse(key(**changes), NOW)

    assert (refusal.code if refusal else None) == code
    if refusal is not None:
        assert "abcd" in text(f"refusal.{refusal.code}", lang, **refusal.facts)


def test_the_last_instant_is_not_part_of_the_span() -> None:
    ends = NOW + DAY
    one = key(ends_at=ends, expires_at=ends)

    assert lapse(one, ends - timedelta(microseconds=1)) is None
    assert lapse(one, ends) is not None


def test_an_instant_is_told_on_the_company_clock() -> None:
    refusal = lapse(key(ends_at=NOW, expires_at=NOW), NOW)

    assert refusal is not None
    assert refusal.facts["at"] == "2026-11-22 14:00 JST"


def test_a_clock_that_jumps_back_revives_no_revoked_key() -> None:
    revoked = key(is_revoked=True)

    for now in (NOW, NOW - 30 * DAY, NOW.replace(year=1970), NOW.replace(year=2100)):
        refusal = lapse(revoked, now)
        assert refusal is not None
        assert refusal.code == "key_revoked"


# -- what it may do


@pytest.mark.parametrize(
    ("changes", "call", "code"),
    [
        ({}, ("any", "gpt-9", ""), None),
        ({"task": "triage"}, ("triage", "gpt-9", "us"), None),
        ({"task": "triage"}, ("other", "gpt-9", ""), "key_task"),
        ({"task": "triage"}, ("", "gpt-9", ""), "key_task"),
        ({"models": ("gpt-5*", "claude-haiku")}, ("", "gpt-5-mini", ""), None),
        ({"models": ("gpt-5*", "claude-haiku")}, ("", "claude-haiku", ""), None),
        ({"models": ("gpt-5*", "claude-haiku")}, ("", "claude-haiku-2", ""), "key_model"),
        ({"models": ("gpt-5*",)}, ("", "GPT-5", ""), "key_model"),
        ({"models": ("*",)}, ("", "anything", ""), None),
        ({"regions": ("jp",)}, ("", "m", "jp"), None),
        ({"regions": ("jp", "eu")}, ("", "m", "us"), "key_region"),
        ({"regions": ("jp",)}, ("", "m", ""), "key_region"),
    ],
)
@pytest.mark.parametrize("lang", LANGUAGES)
def test_what_a_key_may_do(changes: dict[str, object], call: tuple[str, str, str], code: str | None, lang: str) -> None:
    refusal = may(key(**changes), *call)

    assert (refusal.code if refusal else None) == code
    if refusal is not None:
        assert "key-1" in text(f"refusal.{refusal.code}", lang, **refusal.facts)


# -- what there can be


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({}, None),
        ({"name": ""}, "key_name_invalid"), ({"name": "a\nb"}, "key_name_invalid"), ({"name": "x" * 65}, "key_name_invalid"),
        ({"name": "夜間の分類"}, None), ({"name": " x"}, "key_name_invalid"),
        ({"models": ("gpt*5",)}, "key_models_invalid"), ({"models": ("",)}, "key_models_invalid"), ({"models": ("gpt-5*",)}, None),
        ({"models": tuple(f"m{n}" for n in range(21))}, "key_patterns_many"),
        ({"regions": ("JP",)}, "key_regions_invalid"), ({"regions": ("jp", "ap-northeast-1")}, None),
        ({"expires_at": NOW}, "key_span_ended"), ({"starts_at": NOW + 91 * DAY}, "key_span_ended"),
        ({"expires_at": NOW + 366 * DAY}, None), ({"expires_at": NOW + 367 * DAY}, "key_span_long"),
        ({"starts_at": NOW - 100 * DAY, "expires_at": NOW + 366 * DAY}, None),
        ({"requests_per_minute": -1}, "key_limit_invalid"), ({"requests_per_minute": 1_000_001}, "key_limit_invalid"),
        ({"tokens_per_minute": 1_000_000_001}, "key_limit_invalid"),
    ],
)  # fmt: skip
def test_what_a_key_can_be(changes: dict[str, object], code: str | None) -> None:
    refusal = scope_fault(scope(**changes), NOW)

    assert (refusal.code if refusal else None) == code
    if refusal is not None:
        assert all(text(f"refusal.{refusal.code}", lang, **refusal.facts) for lang in LANGUAGES)


def test_a_secret_pasted_among_the_models_is_not_told_back() -> None:
    refusal = scope_fault(scope(models=(secrets(1),)), NOW)

    assert refusal is not None
    assert secrets(1)[:-4] not in repr(refusal)


TOKYO = ZoneInfo("Asia/Tokyo")


@pytest.mark.parametrize(
    ("first", "last", "starts", "expires"),
    [
        (None, date(2026, 11, 22), NOW, datetime(2026, 11, 22, 15, tzinfo=UTC)),
        (date(2026, 11, 22), date(2026, 11, 30), NOW, datetime(2026, 11, 30, 15, tzinfo=UTC)),
        (date(2026, 11, 1), date(2026, 11, 30), NOW, datetime(2026, 11, 30, 15, tzinfo=UTC)),
        (date(2026, 12, 1), None, datetime(2026, 11, 30, 15, tzinfo=UTC), datetime(2027, 5, 30, 15, tzinfo=UTC)),
        (None, None, NOW, datetime(2027, 5, 21, 15, tzinfo=UTC)),
    ],
)
def test_days_are_the_companys_and_both_included(
    first: date | None, last: date | None, starts: datetime, expires: datetime
) -> None:
    assert span_of(first, last, NOW, TOKYO) == (starts, expires)
    if last is not None:
        assert last_day(expires, TOKYO) == last


@pytest.mark.parametrize("last", [date(9999, 12, 31), date(1, 1, 1)])
def test_days_at_the_edge_of_the_calendar_are_refused_like_others(last: date) -> None:
    starts, expires = span_of(None, last, NOW, TOKYO)

    assert scope_fault(scope(starts_at=starts, expires_at=expires), NOW) is not None


def test_parts_are_read_as_people_write_them() -> None:
    assert parts_of(" gpt-5*、claude-haiku,  gpt-5*\n gemini ") == ("gpt-5*", "claude-haiku", "gemini")
    assert parts_of(" ") == ()


# -- standings


@pytest.mark.parametrize(
    ("changes", "standing"),
    [
        ({}, "asked"), ({"state": "approved"}, "approved"), ({"state": "refused"}, "refused"), ({"state": "revoked"}, "revoked"),
        ({"state": "withdrawn"}, "withdrawn"), ({"state": "active"}, "active"),
        ({"state": "active", "scope": scope(starts_at=NOW + DAY)}, "not_yet"),
        ({"state": "active", "scope": scope(starts_at=NOW - 2 * DAY, expires_at=NOW)}, "expired"),
        ({"state": "approved", "scope": scope(starts_at=NOW - 2 * DAY, expires_at=NOW)}, "expired"),
        ({"state": "revoked", "scope": scope(starts_at=NOW - 2 * DAY, expires_at=NOW)}, "revoked"),
        ({"state": "active", "secrets": (KeptSecret("new1", "", NOW, None), KeptSecret("old1", "", NOW, NOW + DAY))}, "rotating"),
        ({"state": "active", "secrets": (KeptSecret("new1", "", NOW, None), KeptSecret("old1", "", NOW, NOW))}, "active"),
    ],
)  # fmt: skip
def test_what_a_key_is_now(changes: dict[str, object], standing: str) -> None:
    assert standing_of(kept(**changes), NOW) == standing


def test_every_standing_has_its_words_and_some_are_living() -> None:
    assert all(has_text(f"key.standing.{standing}") for standing in KEY_STANDINGS)
    assert {s for s in KEY_STANDINGS if is_living(s)} == {"asked", "approved", "not_yet", "active", "rotating"}


@pytest.mark.parametrize(("days", "soon"), [(14, True), (15, False), (1, True), (0, False)])
def test_a_key_that_ends_within_two_weeks_is_marked(days: int, soon: bool) -> None:
    one = kept(state="active", scope=scope(starts_at=NOW - 2 * DAY, expires_at=NOW + days * DAY))

    assert is_ending_soon(one, NOW) == soon


def test_the_living_key_of_a_name_is_found_first() -> None:
    old = kept(key_id=UUID(int=1), state="revoked", asked_at=NOW + DAY)
    living = kept(key_id=UUID(int=2), state="active")
    other = kept(key_id=UUID(int=3), scope=scope("other"))

    assert found([old, living, other], "triage-batch", NOW) == living
    assert found([old, living, other], str(UUID(int=1)), NOW) == old
    assert found([old], "nothing", NOW) is None


# -- who

ADMIN, OWNER, DEVELOPER = person("aoki@example.jp", "admin"), person("chiba@example.jp", "owner", name="千葉 三郎"), \
    person("baba@example.jp", "developer")  # fmt: skip
OF_TASK = kept(scope=scope(task="triage"))


@pytest.mark.parametrize(
    ("who", "one", "owner", "others", "code"),
    [
        (ADMIN, kept(), "", True, None),
        (ADMIN, OF_TASK, "千葉 三郎", True, None),
        (OWNER, OF_TASK, "千葉 三郎", True, None),
        (OWNER, OF_TASK, "chiba@example.jp", True, None),
        (OWNER, OF_TASK, "千葉", True, "key_not_yours"),
        (OWNER, OF_TASK, "", True, "key_not_yours"),
        (OWNER, kept(), "千葉 三郎", True, "key_not_yours"),
        (DEVELOPER, kept(), "", True, "key_not_yours"),
        (replace(DEVELOPER, name="千葉 三郎"), OF_TASK, "千葉 三郎", True, "key_not_yours"),
        (person("x", "auditor"), OF_TASK, "x", True, "key_not_yours"),
        (person("x", "finance"), OF_TASK, "x", True, "key_not_yours"),
        (ADMIN, kept(asked_by="aoki@example.jp"), "", True, "key_own_request"),
        (ADMIN, kept(asked_by="aoki@example.jp"), "", False, None),
        (OWNER, replace(OF_TASK, asked_by="chiba@example.jp"), "千葉 三郎", False, "key_own_request"),
        (replace(ADMIN, is_active=False), kept(), "", True, "key_not_yours"),
    ],
)
def test_who_decides(who: Person, one: object, owner: str, others: bool, code: str | None) -> None:
    refusal = deciding_fault(who, one, owner, others)  # type: ignore[arg-type]

    assert (refusal.code if refusal else None) == code


def test_the_holder_and_administrators_may_make_the_next_secret() -> None:
    assert is_keeper(DEVELOPER, kept())
    assert is_keeper(ADMIN, kept())
    assert not is_keeper(OWNER, OF_TASK)
    assert not is_keeper(person("baba@example.jp", "reviewer"), kept())
    assert not is_keeper(replace(DEVELOPER, is_active=False), kept())
