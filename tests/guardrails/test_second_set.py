"""The second set of labelled texts: that its labels are right, that its numbers are what they claim, and that none is committed."""

from __future__ import annotations

import re
import sys
import unicodedata
from itertools import pairwise
from pathlib import Path

import pytest
from stdnum import ean, luhn
from stdnum.jp import cn
from stdnum.jp import in_ as my_number

BENCH = Path(__file__).parents[2] / "bench"
sys.path.insert(0, str(BENCH))

from pii_second.counting import count  # noqa: E402
from pii_second.people import SURNAMES, Person, half_katakana, katakana, latin  # noqa: E402
from pii_second.writing import NAME_KINDS, PARTS, Text, texts  # noqa: E402

from jitsuri.guardrails.shapes import TYPES  # noqa: E402


@pytest.fixture(scope="module")
def written() -> list[Text]:
    return [one for part in PARTS for one in texts(part)]


def _digits(value: str) -> str:
    return "".join(re.findall(r"[0-9]", unicodedata.normalize("NFKC", value)))


def test_it_is_large_and_of_many_genres(written: list[Text]) -> None:
    families = {part: {one.family for one in written if one.part == part} for part in PARTS}
    assert len(written) >= 400
    assert len({one.text for one in written}) == len(written)
    assert len({one.id for one in written}) == len(written)
    assert len(families["shown"]) >= 8
    assert len(families["held_out"]) >= 6
    assert not families["shown"] & families["held_out"]


def test_the_same_seed_gives_the_same_texts(written: list[Text]) -> None:
    assert [one for part in PARTS for one in texts(part)] == written
    assert next(texts("shown", seed=1)).text != written[0].text


def test_labels_stand_where_they_say_and_apart(written: list[Text]) -> None:
    for one in written:
        spans = sorted([*one.entities, *one.optional, *one.hard_negatives], key=lambda span: span["start"])
        for span in spans:
            assert one.text[span["start"] : span["end"]] == span["text"] != ""
            assert span["text"].strip() == span["text"]
        assert all(before["end"] <= after["start"] for before, after in pairwise(spans)), one.id
        assert {span["type"] for span in one.entities} <= set(TYPES)
        assert "<<" not in one.text
        assert "[[" not in one.text


def test_valid_numbers_are_valid_and_the_others_are_not(written: list[Text]) -> None:
    checks = {
        "MY_NUMBER": my_number.is_valid, "CORPORATE_NUMBER": cn.is_valid, "CREDIT_CARD": luhn.is_valid,
    }  # fmt: skip
    fails = {
        "order12": my_number.is_valid, "tracking": my_number.is_valid, "slip13": cn.is_valid, "jan": cn.is_valid,
        "order16": luhn.is_valid, "epoch": cn.is_valid, "isbn": cn.is_valid, "contract": my_number.is_valid, "jobno": cn.is_valid,
    }  # fmt: skip
    seen = set()
    for one in written:
        for span in one.entities:
            if span["type"] in checks:
                seen.add(span["type"])
                assert checks[span["type"]](_digits(span["text"])), span
        for span in one.hard_negatives:
            if span["why"] in fails:
                seen.add(span["why"])
                assert not fails[span["why"]](_digits(span["text"])), span
            if span["why"] == "jan":
                assert ean.is_valid(_digits(span["text"]))
    assert seen == {*checks, *fails}


def test_no_number_of_a_person_is_committed() -> None:
    for path in (BENCH / "pii_second").glob("*.*"):
        text = unicodedata.normalize("NFKC", path.read_text("utf-8"))
        for run in re.findall(r"(?<!\d)\d[\d -]{8,}\d(?!\d)", text):
            digits = _digits(run)
            assert not (len(digits) == 12 and my_number.is_valid(digits)), path
            assert not (len(digits) == 13 and cn.is_valid(digits)), path
            assert not (13 < len(digits) < 17 and luhn.is_valid(digits)), path
        assert not re.search(r"(?<!\d)0[789]0[ -]?\d{4}[ -]?\d{4}", text), path
        assert not re.search(r"[\w.]+@[\w-]+\.(?!example)\w+", text.replace("example", "").replace("@{", "")), path


def test_each_part_has_something_that_looks_like_a_name_and_is_none(written: list[Text]) -> None:
    for part in PARTS:
        kinds = {span["why"] for one in written if one.part == part for span in one.hard_negatives}
        assert kinds >= NAME_KINDS


@pytest.mark.parametrize(
    ("reading", "expected"),
    [
        ("しょうじ", "Shouji"),
        ("はっとり", "Hattori"),
        ("きょうこ", "Kyouko"),
        ("じゅん", "Jun"),
        ("つちや", "Tsuchiya"),
    ],
)
def test_readings_in_latin_letters(reading: str, expected: str) -> None:
    assert latin(reading) == expected


def test_readings_in_kana() -> None:
    assert katakana("がっきゅう") == "ガッキュウ"
    assert unicodedata.normalize("NFKC", half_katakana("がくぱ")) == "ガクパ"
    assert all(len(one) == 2 for one in SURNAMES)
    assert len({Person(*one, "", "", "", "").family for one in SURNAMES if len(one[0]) == 1}) >= 15


ROW = {
    "id": "a",
    "text": "林様 03-1111-2222 林野 5000",
    "entities": [{"start": 0, "end": 1, "type": "PERSON"}, {"start": 3, "end": 15, "type": "PHONE"}],
    "optional": [{"start": 1, "end": 2, "why": "title"}],
    "hard_negatives": [{"start": 16, "end": 18, "why": "word"}, {"start": 19, "end": 23, "why": "amount"}],
}


def _found(*spans: tuple[int, int, str]) -> dict[str, list[dict[str, object]]]:
    return {"a": [{"start": start, "end": end, "type": kind} for start, end, kind in spans]}


def test_half_of_a_span_counts_as_found_but_not_as_masked() -> None:
    phone = count([ROW], _found((3, 9, "PHONE_NUMBER"))).types["PHONE"]
    assert (phone.labelled, phone.typed, phone.exact, phone.masked, phone.right, phone.found) == (1, 1, 0, 0, 1, 1)


def test_less_than_half_does_not_count_and_another_type_masks() -> None:
    score = count([ROW], _found((3, 8, "PHONE"), (8, 15, "BANK_ACCOUNT")))
    assert (score.types["PHONE"].typed, score.types["PHONE"].masked) == (0, 1)
    assert (score.types["BANK_ACCOUNT"].found, score.types["BANK_ACCOUNT"].right) == (1, 0)


def test_a_finding_on_a_neutral_span_is_left_out_of_precision() -> None:
    score = count([ROW], _found((0, 2, "PERSON")))
    assert (score.types["PERSON"].typed, score.types["PERSON"].found) == (1, 0)


def test_names_hit_what_looks_like_a_name_only() -> None:
    score = count([ROW], _found((16, 18, "PERSON"), (19, 23, "PERSON")), frozenset({"word"}))
    assert score.negatives == {"word": [1, 1], "amount": [0, 1]}
    score = count([ROW], _found((19, 23, "POSTAL_CODE")), frozenset({"word"}))
    assert score.negatives == {"word": [0, 1], "amount": [1, 1]}
