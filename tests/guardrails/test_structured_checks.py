"""Check digits against an oracle; what scores mean; what the scanner does with checks that fail and findings that overlap."""

from __future__ import annotations

import random
from collections.abc import Iterable
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from making_numbers import corporate_number, my_number
from stdnum import ean, luhn
from stdnum.jp import cn, in_

from jitsuri import words
from jitsuri.guardrails.rules.scanning import Scanner, resolved
from jitsuri.guardrails.rules.structured import proving
from jitsuri.guardrails.rules.structured.building import structured_checks
from jitsuri.guardrails.shapes import TYPES, Finding


def _of(count: int) -> st.SearchStrategy[str]:
    return st.text(alphabet="0123456789", min_size=count, max_size=count)


@given(_of(12))
def test_my_numbers_are_proved_as_the_oracle_proves_them(digits: str) -> None:
    assert proving.my_number_holds(digits) == in_.is_valid(digits)
    assert proving.my_number_holds(digits[:11] + in_.calc_check_digit(digits[:11]))


@given(_of(13))
def test_corporate_numbers_are_proved_as_the_oracle_proves_them(digits: str) -> None:
    assert proving.corporate_number_holds(digits) == cn.is_valid(digits)
    assert proving.corporate_number_holds(cn.calc_check_digit(digits[1:]) + digits[1:])
    assert proving.article_number_holds(digits) == ean.is_valid(digits)


@given(st.text(alphabet="0123456789", min_size=6, max_size=19))
def test_cards_are_proved_as_the_oracle_proves_them(digits: str) -> None:
    assert proving.luhn_holds(digits) == luhn.is_valid(digits)


def _score(text: str, kind: str) -> float:
    """The highest score of a type in a text, thresholds aside; 0 where it is not reported."""
    checks = structured_checks()
    found = Scanner(checks).scan(text, dict.fromkeys((check.name for check in checks), 0.0)).findings
    return max((one.score for one in found if one.type == kind), default=0.0)


def test_a_label_raises_and_another_label_lowers() -> None:
    number = my_number(random.Random(5))

    direct, near = (
        _score(f"マイナンバー：{number}", "MY_NUMBER"),
        _score(f"マイナンバーをお送りします {number}", "MY_NUMBER"),
    )
    bare, foreign = _score(f"それは {number} でした", "MY_NUMBER"), _score(f"注文番号：{number}", "MY_NUMBER")
    assert direct > near > bare >= 0.5 > foreign
    assert _score(f"マイナンバー：{number[:-1]}{(int(number[-1]) + 1) % 10}", "MY_NUMBER") <= 0.5 < near


def test_article_numbers_are_no_corporate_numbers() -> None:
    chance = random.Random(9)
    hit = 0
    for _ in range(300):
        body = "4" + chance.choice("59") + "".join(chance.choices("0123456789", k=10))
        hit += _score(f"商品 {body}{ean.calc_check_digit(body)} です", "CORPORATE_NUMBER") >= 0.5
    assert hit == 0


def test_a_registration_number_needs_no_label() -> None:
    number = corporate_number(random.Random(2))

    assert _score(f"T{number}", "CORPORATE_NUMBER") >= 0.9
    assert _score(f"AT{number}", "CORPORATE_NUMBER") < 0.5


def test_the_companys_own_forms_are_found_without_a_label() -> None:
    scanner = Scanner(structured_checks(["A9999-99"], ["CU-99999"]))

    found = scanner.scan("担当はＡ1234-56、相手はCU-12345、他はXA1234-56とA1234-567").findings
    assert [(one.start, one.end, one.type, one.reason) for one in found] == [
        (3, 11, "EMPLOYEE_ID", "company_pattern"),
        (15, 23, "CUSTOMER_ID", "company_pattern"),
    ]


class _Own:
    """A check of somebody's own."""

    version = "1"

    def __init__(self, name: str, found: Iterable[Finding], types: tuple[str, ...] = ("OWN",)) -> None:
        self.name, self.types, self._found = name, types, found

    def find(self, text: str) -> Iterable[Finding]:
        if not text:
            raise RuntimeError("nothing to look at")
        return self._found


@pytest.mark.parametrize(
    "bad",
    [
        Finding(2, 2, "OWN", 0.9, "x"), Finding(-1, 2, "OWN", 0.9, "x"), Finding(0, 99, "OWN", 0.9, "x"),
        Finding(0, 1, "OWN", 1.5, "x"), Finding(0, 1, "OWN", float("nan"), "x"), Finding(0, 1, "ELSE", 0.9, "x"),
    ],
)  # fmt: skip
def test_a_check_that_reports_what_cannot_be_has_failed(bad: Finding) -> None:
    scanned = Scanner([_Own("bad", [bad]), _Own("good", [Finding(0, 1, "OWN", 0.9, "x")])]).scan("abc")

    assert [one.state for one in scanned.ran] == ["failed", "ran"]
    assert [one.check for one in scanned.findings] == ["good"]
    assert not scanned.is_whole


def test_a_check_that_raises_has_failed() -> None:
    assert [one.state for one in Scanner([_Own("own", ())]).scan("").ran] == ["failed"]


def test_below_the_threshold_nothing_is_reported_nor_in_the_way() -> None:
    checks = [_Own("weak", [Finding(0, 3, "OWN", 0.6, "x")]), _Own("other", [Finding(1, 2, "OWN", 0.5, "x")])]

    scanned = Scanner(checks).scan("abc", {"weak": 0.7})
    assert [(one.check, one.start, one.end) for one in scanned.findings] == [("other", 1, 2)]
    assert [one.found for one in scanned.ran] == [0, 1]


def test_what_sticks_out_of_an_overlap_stays_covered() -> None:
    address = Finding(0, 10, "ADDRESS", 0.7, "x")
    postal = Finding(3, 6, "POSTAL_CODE", 0.9, "x")

    kept = resolved([address, postal], "abcdefghij")
    assert [(one.start, one.end, one.type) for one in kept] == [
        (0, 3, "ADDRESS"),
        (3, 6, "POSTAL_CODE"),
        (6, 10, "ADDRESS"),
    ]


def test_of_equal_scores_the_longer_and_then_the_earlier_type_wins() -> None:
    short, long = Finding(2, 6, "PERSON", 0.9, "x"), Finding(0, 8, "ADDRESS", 0.9, "x")
    same = Finding(0, 8, "PHONE", 0.9, "x")

    assert resolved([short, same, long], "abcdefgh") == [long]


@given(
    st.lists(
        st.tuples(st.integers(0, 40), st.integers(1, 12), st.sampled_from(TYPES), st.sampled_from([0.5, 0.7, 0.9])),
        max_size=30,
    )
)
def test_every_covered_character_stays_covered(spans: list[tuple[int, int, str, float]]) -> None:
    text = "x" * 60
    found = [Finding(start, start + length, kind, score, "x") for start, length, kind, score in spans]

    kept = resolved(found, text)
    assert {at for one in kept for at in range(one.start, one.end)} == {
        at for one in found for at in range(one.start, one.end)
    }
    assert all(one.end <= following.start for one, following in pairwise(kept))
    for one in kept:
        assert one.score == max(other.score for other in found if other.start < one.end and other.end > one.start)


def test_types_and_reasons_have_words() -> None:
    reasons = (
        "pattern",
        "check_digit",
        "check_digit_context",
        "bad_check_digit",
        "context",
        "place_behind",
        "company_pattern",
    )

    codes = [f"guard_type.{kind}" for kind in TYPES] + [f"guard_reason.{reason}" for reason in reasons]
    assert [code for code in codes if not words.has_text(code)] == []
