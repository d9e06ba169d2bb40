"""Every kind of scorer, its refusals, and texts that are meant to do harm."""

from __future__ import annotations

import gc
import json
import time
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jitsuri import words
from jitsuri.evaluation import wire
from jitsuri.evaluation.rules.comparing_numbers import compare_numbers
from jitsuri.evaluation.rules.reading_json import read_json
from jitsuri.evaluation.rules.scoring import needs_expected, score
from jitsuri.evaluation.rules.specifying import KINDS, named_scorer, scorer_of
from jitsuri.evaluation.shapes import REASONS, All, Exact, Numeric, Outcome, Scored, Unscored, Weighted
from jitsuri.terms.errors import CallerError

SOURCE = Path(words.__file__).parents[1]


def told(outcome: Outcome) -> tuple[Fraction | None, list[str]]:
    """The score (None: unscored) and the codes."""
    if isinstance(outcome, Unscored):
        return None, [outcome.code]
    return outcome.score, [code for code, _ in outcome.reasons]


def check(spec: object, answer: str, expected: str | None, value: float | Fraction | None, *codes: str) -> Outcome:
    outcome = score(answer, expected, scorer_of(spec))

    assert told(outcome) == (value, list(codes))
    return outcome


# -- JSON


def test_json_is_read_with_or_without_a_fence() -> None:
    check("json_schema", '{"a": 1}', None, 1)
    check("json_schema", '```json\n{"a": 1}\n```', None, 1)
    check("json_schema", "結果です。\n```\n[1]\n```\n以上です。", None, 1)
    check({"kind": "json_schema", "fence": "refuse"}, '```json\n{"a": 1}\n```', None, 0, "json_unreadable")
    check("json_schema", "```json\n1\n```\n```json\n2\n```", None, 0, "json_unreadable")


@pytest.mark.parametrize(
    "answer",
    ["", "{", "{'a': 1}", '{"a": NaN}', "[Infinity]", '{"a": 1, "a": 2}', "1e99999", "[1,]", "はい", "{} {}", "\ud800"],
)
def test_what_is_no_json_is_wrong(answer: str) -> None:
    check("json_schema", answer, None, 0, "json_unreadable")


def test_deep_json_is_told_and_does_no_harm() -> None:
    check("json_schema", "[" * 99 + "]" * 99, None, 1)
    for depth in (101, 5_000, 500_000):
        check("json_schema", "[" * depth + "]" * depth, None, 0, "json_too_deep")


PERSON = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "人",
    "type": "object",
    "required": ["name", "age"],
    "additionalProperties": False,
    "properties": {
        "name": {"type": "string", "minLength": 1, "maxLength": 5, "pattern": "^[^0-9]*$"},
        "age": {"type": "integer", "minimum": 0, "maximum": 130},
        "kind": {"enum": ["個人", "法人", None]},
        "flag": {"const": True},
        "tags": {"type": "array", "items": {"$ref": "#/$defs/tag"}, "minItems": 1, "maxItems": 2},
        "id": {"anyOf": [{"type": "string"}, {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 10}]},
        "one": {"oneOf": [{"type": "number"}, {"type": "integer"}]},
        "not": {"not": {"type": "null"}},
        "both": {"allOf": [{"minLength": 2}, {"maxLength": 3}]},
        "child": {"$ref": "#"},
        "any": True,
        "none": False,
    },
    "$defs": {"tag": {"type": ["string", "null"]}},
}


@pytest.mark.parametrize(
    ("change", "broken"),
    [
        ({}, None),
        ({"age": 1.0}, None),
        ({"kind": None}, None),
        ({"flag": True}, None),
        ({"tags": ["a", None]}, None),
        ({"id": 9.5}, None),
        ({"one": 1.5}, None),
        ({"not": 0}, None),
        ({"both": "ab"}, None),
        ({"child": {"name": "子", "age": 1}}, None),
        ({"any": [1]}, None),
        ({"age": 1.5}, "/age type"),
        ({"age": True}, "/age type"),
        ({"age": "1"}, "/age type"),
        ({"age": -1}, "/age minimum"),
        ({"age": 131}, "/age maximum"),
        ({"name": ""}, "/name minLength"),
        ({"name": "あいうえおか"}, "/name maxLength"),
        ({"name": "a1"}, "/name pattern"),
        ({"kind": "他"}, "/kind enum"),
        ({"flag": 1}, "/flag const"),
        ({"tags": []}, "/tags minItems"),
        ({"tags": ["a", "b", "c"]}, "/tags maxItems"),
        ({"tags": [1]}, "/tags/0 type"),
        ({"id": 0}, "/id anyOf"),
        ({"id": 10}, "/id anyOf"),
        ({"one": 1}, "/one oneOf"),
        ({"one": "x"}, "/one oneOf"),
        ({"not": None}, "/not not"),
        ({"both": "abcd"}, "/both maxLength"),
        ({"child": {"name": "子", "age": -1}}, "/child/age minimum"),
        ({"a/b": 1}, "/a~1b additionalProperties"),
        ({"none": 1}, "/none false"),
        ({"age": None}, "/age type"),
    ],
)
def test_a_schema_is_kept_keyword_by_keyword(change: dict[str, object], broken: str | None) -> None:
    answer = json.dumps({"name": "青木", "age": 40, **change}, ensure_ascii=False)
    outcome = check(
        {"kind": "json_schema", "schema": PERSON},
        answer,
        None,
        0 if broken else 1,
        *(["schema_broken"] if broken else []),
    )

    if broken:
        assert isinstance(outcome, Scored)
        [(_, facts)] = outcome.reasons
        assert f"{facts['field']} {facts['keyword']}" == broken


def test_a_missing_field_is_named() -> None:
    outcome = check({"kind": "json_schema", "schema": PERSON}, '{"name": "青木"}', None, 0, "schema_broken")

    assert isinstance(outcome, Scored)
    assert outcome.reasons[0][1] == {"field": "/age", "keyword": "required"}


def test_a_schema_that_asks_for_too_much_is_given_up_with_a_value() -> None:
    defs: dict[str, object] = {f"d{at}": {"allOf": [{"$ref": f"#/$defs/d{at + 1}"}] * 2} for at in range(30)}
    schema = {"$ref": "#/$defs/d0", "$defs": {**defs, "d30": {"type": "number"}}}

    check({"kind": "json_schema", "schema": schema}, "1", None, None, "schema_too_much")


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=3),
        lambda below: st.lists(below, max_size=3) | st.dictionaries(st.text(max_size=3), below, max_size=3),
        max_leaves=8,
    )
)
def test_every_value_is_the_constant_that_it_is(value: object) -> None:
    text = json.dumps(value)

    assert told(
        score(
            text, None, scorer_of({"kind": "json_schema", "schema": {"const": json.loads(text, parse_float=Decimal)}})
        )
    ) == (1, [])
    assert read_json(text, with_fence=False) == value


# -- fields


INVOICE = {
    "kind": "fields",
    "fields": [
        {"pointer": "/total", "scorer": "numeric", "weight": 3},
        {"pointer": "/date", "scorer": "numeric"},
        {"pointer": "/to/name", "scorer": "normalised", "weight": Decimal("0.5")},
        "/lines/0/item",
    ],
}
RIGHT = {"total": 1234, "date": "2026-11-27", "to": {"name": "株式会社実利"}, "lines": [{"item": "紙"}]}


@pytest.mark.parametrize(
    ("answer", "value", "codes"),
    [
        (RIGHT, 1, []),
        (
            {**RIGHT, "total": "1,234円", "date": "令和8年11月27日", "to": {"name": "（株）実利"}},
            Fraction(5, 5) - Fraction(1, 11),
            ["field_differs", "text_differs"],
        ),
        ({**RIGHT, "total": 1235}, Fraction(5, 11), ["field_differs", "number_differs"]),
        ({**RIGHT, "date": None}, Fraction(9, 11), ["field_missing"]),
        ({key: value for key, value in RIGHT.items() if key != "lines"}, Fraction(9, 11), ["field_missing"]),
        ({**RIGHT, "memo": "x", "note": None}, 1, ["field_extra"]),
        ([1], 0, ["json_unreadable"]),
        ({}, 0, ["field_missing"] * 4),
    ],
)
def test_fields_are_weighed_and_named(answer: object, value: Fraction, codes: list[str]) -> None:
    check(INVOICE, json.dumps(answer, ensure_ascii=False), json.dumps(RIGHT), value, *codes)


def test_a_field_says_which_it_is() -> None:
    outcome = score('{"total": 1235}', '{"total": 1234}', scorer_of(INVOICE))

    assert isinstance(outcome, Scored)
    assert outcome.reasons[0] == ("field_differs", {"field": "/total"})


def test_without_a_list_every_expected_key_counts_once() -> None:
    check("fields", '{"a": "東京 ", "b": 1.0, "c": null}', '{"a": "東京", "b": 1, "d": null}', 1)
    check("fields", '{"a": "京都", "b": 1}', '{"a": "東京", "b": 1}', Fraction(1, 2), "field_differs", "text_differs")
    check("fields", '{"a": "x", "d": 1}', '{"a": "x", "d": null}', Fraction(1, 2), "field_extra")
    check({"kind": "fields", "extra": "wrong"}, '{"a": 1, "z": 2}', '{"a": 1}', Fraction(1, 2), "field_extra")
    check("fields", '{"a": true}', '{"a": 1}', 0, "field_differs", "text_differs")
    check("fields", '{"a": [1, {"b": 2, "c": 3}]}', '{"a": [1, {"c": 3, "b": 2.0}]}', 1)


def test_fields_without_a_usable_expectation_are_not_scored() -> None:
    check("fields", "{}", "[1]", None, "expected_not_json")
    check("fields", "{}", "東京", None, "expected_not_json")
    check("fields", "{}", "{}", None, "expected_missing")
    check("fields", "{}", None, None, "expected_missing")
    check({"kind": "fields", "scorer": "numeric"}, '{"a": "5"}', '{"a": "なし"}', None, "expected_unreadable")


# -- patterns, citations, length, form


def test_patterns_search_or_hold_the_whole() -> None:
    check({"kind": "regex", "pattern": r"\d{3}-\d{4}"}, "〒100-0001 東京", None, 1)
    check({"kind": "regex", "pattern": r"\d{3}-\d{4}", "match": "whole"}, "〒100-0001 東京", None, 0, "pattern_differs")
    check({"kind": "regex", "pattern": "HELLO"}, "hello", None, 0, "pattern_absent")
    check({"kind": "regex", "pattern": "HELLO", "case": "ignore"}, "hello", None, 1)
    check({"kind": "regex", "pattern": "a{900}"}, "a" * 100_000, None, None, "text_too_long")


@pytest.mark.parametrize(
    ("spec", "answer", "expected", "value", "codes"),
    [
        ({}, "第12条第3項による", "就業規則第12条第3項", 1, []),
        ({}, "第十二条による", "第12条", 1, []),
        ({}, "第１２条による", "第12条", 1, []),
        ({}, "12条による", "第12条", 1, []),
        ({}, "第12条の2による", "第12条", 0, ["citation_absent", "citation_invented"]),
        ({}, "第12条と第99条", "第12条", 0, ["citation_invented"]),
        ({"need": "any"}, "第12条と第99条", "第12条", 1, ["citation_invented"]),
        ({}, "規則による", "第12条", 0, ["citation_absent"]),
        ({}, "第12条", "第12条と第13条", 1, []),
        ({"need": "all"}, "第12条", "第12条と第13条", 0, ["citation_incomplete"]),
        ({"need": "all"}, "第13条、第12条", "第12条と第13条", 1, []),
        ({"pattern": "bracket", "allowed": ["[1]", "[2]"]}, "そうです［1］。", None, 1, []),
        ({"pattern": "bracket", "allowed": ["[1]", "[2]"]}, "そうです[1][7]。", None, 0, ["citation_invented"]),
        ({"pattern": "named", "allowed": ["（規程A 3.2）"]}, "上限は3日です（規程Ａ　3.2）。", None, 1, []),
        (
            {"pattern": "named", "allowed": ["（規程A 3.2）"]},
            "上限は3日です（規程B 3.2）。",
            None,
            0,
            ["citation_absent", "citation_invented"],
        ),
        ({"pattern": "DOC-[0-9]+", "allowed": ["doc-1"]}, "DOC-1 による", None, 0, ["citation_absent"]),
        ({"pattern": "doc-[0-9]+", "allowed": ["DOC-1"]}, "DOC-1 による", None, 1, []),
        ({}, "第12条", "規則", None, ["expected_missing"]),
        ({}, "第12条", None, None, ["expected_missing"]),
        ({"pattern": "a.*x", "allowed": ["ax"]}, "a" * 100_000, None, None, ["text_too_long"]),
    ],
)
def test_citations(
    spec: dict[str, object], answer: str, expected: str | None, value: int | None, codes: list[str]
) -> None:
    check({"kind": "citation", **spec}, answer, expected, value, *codes)


@pytest.mark.parametrize(
    ("spec", "answer", "value", "codes"),
    [
        ({"most": 3}, "がぎぐ", 1, []),
        ({"most": 3}, "か\u3099き\u3099く\u3099", 1, []),
        ({"most": 3}, " 東京都\n", 1, []),
        ({"most": 2}, "東京都", 0, ["length_long"]),
        ({"least": 4}, "東京都", 0, ["length_short"]),
        ({"least": 1}, "", 0, ["length_short"]),
        ({"most": 2, "unit": "sentences"}, "はい。そうです。", 1, []),
        ({"most": 1, "unit": "sentences"}, "「はい。」と言う。", 1, []),
        ({"most": 1, "unit": "sentences"}, "はい！？", 1, []),
        ({"most": 1, "unit": "sentences"}, "「はい。そう。」と言う。", 1, []),
        ({"most": 1, "unit": "sentences"}, "It is 3.5 m. Yes.", 0, ["length_long"]),
        ({"least": 2, "most": 2, "unit": "lines"}, "a\n\nb\n", 1, []),
        ({"most": 1, "unit": "lines"}, "a\nb", 0, ["length_long"]),
    ],
)
def test_lengths(spec: dict[str, object], answer: str, value: int, codes: list[str]) -> None:
    check({"kind": "length", **spec}, answer, None, value, *codes)


@pytest.mark.parametrize(
    ("form", "right", "wrong"),
    [
        ("single_line", ["東京", "東京\n"], ["a\nb", ""]),
        ("bullets", ["- a\n- b", "・a\n・b", "● a"], ["a\n- b", "", "-a", "- "]),
        ("numbered", ["1. a\n2. b", "（1）a\n（2）b", "1) a"], ["1. a\n3. b", "2. a", "", "- a"]),
        (
            "table",
            ["|a|b|\n|-|-|\n|1|2|", "a | b\n:-- | --:\n1 | 2"],
            ["|a|b|\n|1|2|\n|3|4|", "|a|b|\n|-|-|\n|1|", "|a|b|\n|-|-|", "はい\n|a|\n|-|\n|1|"],
        ),
        (
            "plain",
            ["東京です。", "3-5個", "a*b"],
            ["# 題", "**太字**です", "- a", "|a|", "`x`", "[a](b)", "1. a", "```\nx\n```", "> 引用"],
        ),
        (
            "polite",
            ["そうです。", "行きますか？", "「はい。」と申します。", "できません。行きましょう。", "お待ちください。"],
            ["そうだ。", "そうです。違う。", "はい。", "です。だ", "ますます広がる。"],
        ),
    ],
)
def test_forms_that_can_be_seen(form: str, right: list[str], wrong: list[str]) -> None:
    for answer in right:
        check({"kind": "format", "form": form}, answer, None, 1)
    for answer in wrong:
        check({"kind": "format", "form": form}, answer, None, 0, "format_differs")


# -- joined


def test_all_is_as_good_as_its_worst_part() -> None:
    both = {"kind": "all", "scorers": ["numeric", {"kind": "length", "most": 5}]}

    check(both, "250円", "250", 1)
    check(both, "答えは 250円です", "250", 0, "length_long")
    check(both, "251円", "250", 0, "number_differs")
    check(both, "250円", None, None, "expected_missing")
    check(both, "答えは 250円です", None, 0, "length_long")
    check(
        {"kind": "all", "scorers": ["fields", "json_schema"]},
        '{"a": 1}',
        '{"a": 1, "b": 2}',
        Fraction(1, 2),
        "field_missing",
    )


def test_weighted_is_the_exact_mean_and_needs_every_part_that_weighs() -> None:
    spec = {"kind": "weighted", "scorers": ["exact", "normalised", "numeric"], "weights": [1, 2, 0]}

    check(spec, "東京 ", "東京", Fraction(2, 3), "text_differs")
    check({**spec, "weights": [1, 2, 1]}, "東京 ", "東京", None, "expected_unreadable")
    check({**spec, "weights": [Decimal("0.1"), Decimal("0.2"), 0]}, "東京 ", "東京", Fraction(2, 3), "text_differs")


def test_which_scorers_need_an_expectation() -> None:
    assert [
        kind
        for kind in ("exact", "normalised", "numeric", "json_schema", "fields", "citation")
        if needs_expected(scorer_of(kind))
    ] == [
        "exact",
        "normalised",
        "numeric",
        "fields",
        "citation",
    ]
    assert not needs_expected(scorer_of({"kind": "citation", "allowed": ["第1条"]}))
    assert needs_expected(All((scorer_of({"kind": "length", "most": 1}), Exact())))
    assert not needs_expected(Weighted((scorer_of("json_schema"),), (Fraction(1),)))


# -- specs


DEEP: Any = "exact"
for _ in range(12):
    DEEP = {"kind": "all", "scorers": [DEEP]}


def schema(**told: object) -> dict[str, object]:
    return {"kind": "json_schema", "schema": told}


@pytest.mark.parametrize(
    ("spec", "code", "field"),
    [
        ("numbr", "scorer_kind_unknown", "kind"),
        ({}, "scorer_kind_unknown", "kind"),
        ({"kind": 1}, "scorer_kind_unknown", "kind"),
        ({"kind": ["exact"]}, "scorer_kind_unknown", "kind"),
        (None, "scorer_field_wrong", "kind"),
        (5, "scorer_field_wrong", "kind"),
        ([], "scorer_field_wrong", "kind"),
        ({"kind": "exact", "case": "keep"}, "scorer_field_unknown", "case"),
        ({"kind": "numeric", "tolerance": 1}, "scorer_field_unknown", "tolerance"),
        ({"kind": "numeric", "take": "all"}, "scorer_field_wrong", "take"),
        ({"kind": "numeric", "absolute": -1}, "scorer_field_wrong", "absolute"),
        ({"kind": "numeric", "absolute": "1"}, "scorer_field_wrong", "absolute"),
        ({"kind": "numeric", "relative": True}, "scorer_field_wrong", "relative"),
        ({"kind": "numeric", "relative": 0.1}, "scorer_field_wrong", "relative"),
        ({"kind": "numeric", "relative": Decimal("NaN")}, "scorer_field_wrong", "relative"),
        ({"kind": "numeric", "absolute": Decimal("1e999999")}, "scorer_field_wrong", "absolute"),
        ({"kind": "numeric", "absolute": Decimal("1e-999999")}, "scorer_field_wrong", "absolute"),
        ({"kind": "normalised", "case": True}, "scorer_field_wrong", "case"),
        ({"kind": "regex"}, "scorer_field_missing", "pattern"),
        ({"kind": "regex", "pattern": ""}, "scorer_field_wrong", "pattern"),
        ({"kind": "regex", "pattern": "("}, "scorer_pattern_broken", "pattern"),
        ({"kind": "regex", "pattern": r"(a)\1"}, "scorer_pattern_beyond", "pattern"),
        ({"kind": "regex", "pattern": "a{9999}"}, "scorer_pattern_large", "pattern"),
        ({"kind": "citation", "pattern": "["}, "scorer_pattern_broken", "pattern"),
        ({"kind": "citation", "allowed": []}, "scorer_field_wrong", "allowed"),
        ({"kind": "citation", "allowed": [1]}, "scorer_field_wrong", "allowed[0]"),
        ({"kind": "length"}, "scorer_field_missing", "least"),
        ({"kind": "length", "least": 3, "most": 2}, "scorer_field_wrong", "least"),
        ({"kind": "length", "most": -1}, "scorer_field_wrong", "most"),
        ({"kind": "length", "most": Decimal(2)}, "scorer_field_wrong", "most"),
        ({"kind": "length", "most": 1, "unit": "words"}, "scorer_field_wrong", "unit"),
        ({"kind": "format"}, "scorer_field_missing", "form"),
        ({"kind": "format", "form": "haiku"}, "scorer_field_wrong", "form"),
        ({"kind": "all"}, "scorer_field_missing", "scorers"),
        ({"kind": "all", "scorers": []}, "scorer_field_wrong", "scorers"),
        ({"kind": "all", "scorers": ["exact", "exakt"]}, "scorer_kind_unknown", "scorers[1].kind"),
        ({"kind": "all", "scorers": ["exact"] * 201}, "scorer_field_wrong", "scorers"),
        ({"kind": "weighted", "scorers": ["exact"]}, "scorer_field_missing", "weights"),
        ({"kind": "weighted", "scorers": ["exact"], "weights": [1, 2]}, "scorer_field_wrong", "weights"),
        ({"kind": "weighted", "scorers": ["exact"], "weights": [0]}, "scorer_weights_zero", "weights"),
        ({"kind": "weighted", "scorers": ["exact"], "weights": [-1]}, "scorer_field_wrong", "weights[0]"),
        ({"kind": "fields", "fields": []}, "scorer_field_wrong", "fields"),
        ({"kind": "fields", "fields": ["total"]}, "scorer_field_wrong", "fields[0].pointer"),
        ({"kind": "fields", "fields": [7]}, "scorer_field_wrong", "fields[0]"),
        ({"kind": "fields", "fields": ["/a", "/a"]}, "scorer_field_wrong", "fields"),
        ({"kind": "fields", "fields": [{"pointer": "/a", "weigth": 1}]}, "scorer_field_unknown", "fields[0].weigth"),
        ({"kind": "fields", "fields": [{"pointer": "/a", "weight": 0}]}, "scorer_weights_zero", "fields"),
        (
            {"kind": "fields", "fields": [{"pointer": "/a", "scorer": "x"}]},
            "scorer_kind_unknown",
            "fields[0].scorer.kind",
        ),
        (DEEP, "scorer_too_deep", None),
        (schema(type="object", uniqueItems=True), "scorer_schema_keyword", "schema"),
        (schema(properties={"a": {"format": "date"}}), "scorer_schema_keyword", "schema/properties/a"),
        (schema(type="text"), "scorer_field_wrong", "schema/type"),
        (schema(type=[]), "scorer_field_wrong", "schema/type"),
        (schema(required="a"), "scorer_field_wrong", "schema/required"),
        (schema(enum=[]), "scorer_field_wrong", "schema/enum"),
        (schema(minItems=-1), "scorer_field_wrong", "schema/minItems"),
        (schema(maxLength=Decimal("1.5")), "scorer_field_wrong", "schema/maxLength"),
        (schema(minimum="0"), "scorer_field_wrong", "schema/minimum"),
        (schema(maximum=Decimal("Infinity")), "scorer_field_wrong", "schema/maximum"),
        (schema(pattern=5), "scorer_field_wrong", "schema/pattern"),
        (schema(pattern="("), "scorer_pattern_broken", "schema/pattern"),
        (schema(properties=[]), "scorer_field_wrong", "schema/properties"),
        (schema(items=[{}]), "scorer_field_wrong", "schema/items"),
        (schema(anyOf=[]), "scorer_field_wrong", "schema/anyOf"),
        (schema(anyOf=[1]), "scorer_field_wrong", "schema/anyOf/0"),
        ({"kind": "json_schema", "schema": 1}, "scorer_field_wrong", "schema"),
        ({"kind": "json_schema", "schema": "true"}, "scorer_field_wrong", "schema"),
        (schema(**{"$ref": "#/$defs/none"}), "scorer_schema_ref", "schema/$ref"),
        (schema(**{"$ref": "http://x/y"}), "scorer_schema_ref", "schema/$ref"),
        (schema(**{"$ref": "#"}), "scorer_schema_ref", None),
        (
            schema(**{"$defs": {"a": {"anyOf": [{"$ref": "#/$defs/b"}]}, "b": {"not": {"$ref": "#/$defs/a"}}}}),
            "scorer_schema_ref",
            None,
        ),
    ],
)
def test_a_wrong_spec_is_refused_with_field_value_and_mend(spec: object, code: str, field: str | None) -> None:
    with pytest.raises(CallerError) as caught:
        scorer_of(spec)

    assert caught.value.code == code
    if field is not None:
        assert caught.value.facts["field"] == field
    for lang in words.LANGUAGES:
        assert words.sentence("error", code, lang, caught.value.facts)


def test_every_kind_has_a_spec_that_is_taken_and_equal_to_itself() -> None:
    least: dict[str, dict[str, object]] = {
        "regex": {"pattern": "a"},
        "length": {"most": 1},
        "format": {"form": "plain"},
        "all": {"scorers": ["exact"]},
        "weighted": {"scorers": ["exact"], "weights": [1]},
    }
    for kind in KINDS:
        assert scorer_of({"kind": kind, **least.get(kind, {})}) == scorer_of({"kind": kind, **least.get(kind, {})})


def test_a_name_is_the_files_or_the_specs_own() -> None:
    assert named_scorer({"kind": "numeric", "name": "請求書"}, "file") == ("請求書", Numeric())
    assert named_scorer({"kind": "numeric"}, "file")[0] == "file"
    for name in ("", " ", 5, "x" * 61, "a\nb", "a\0"):
        with pytest.raises(CallerError) as caught:
            named_scorer({"kind": "exact", "name": name}, "file")
        assert caught.value.code == "scorer_field_wrong"


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.json", b"{"),
        ("a.json", b"\xff\xfe"),
        ("a.json", b'{"a": NaN}'),
        ("a.json", b"[" * 100_000),
        ("a.toml", b"kind = "),
        ("a.toml", b"\x80"),
        ("a.json", b" " * 1_000_001),
        ("none.json", None),
        ("a.json", b"1" * 5_000),
    ],
)
def test_a_spec_file_that_cannot_be_read_is_refused(tmp_path: Path, name: str, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(CallerError) as caught:
        wire.read_spec(tmp_path / name)

    assert caught.value.code == "scorer_file_unreadable"


def test_numbers_of_a_spec_file_are_exact(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text('kind = "numeric"\nabsolute = 0.1\n', "utf-8")
    (tmp_path / "a.json").write_text('\ufeff{"kind": "numeric", "absolute": 0.1}', "utf-8")

    for name in ("a.toml", "a.json"):
        assert scorer_of(wire.read_spec(tmp_path / name)) == Numeric(absolute=Fraction(1, 10))


# -- every reason is spoken, and no text does harm


def test_every_reason_is_listed_and_has_its_words() -> None:
    code = "".join(
        file.read_text("utf-8") for file in (SOURCE / "evaluation").rglob("*.py") if file.name != "shapes.py"
    )

    assert [reason for reason in REASONS if f'"{reason}"' not in code] == []
    assert [reason for reason in REASONS if not words.has_text(f"scoring.{reason}")] == []
    spoken = {code.removeprefix("scoring.") for code in words.catalogue("ja") if code.startswith("scoring.")}
    assert spoken == set(REASONS)


SCORERS: list[Any] = [
    "exact",
    "normalised",
    {"kind": "normalised", "punctuation": "ignore", "spaces": "ignore"},
    "numeric",
    {"kind": "numeric", "take": "only"},
    schema(type="object"),
    "fields",
    {"kind": "regex", "pattern": "(a+)+x"},
    {"kind": "citation", "allowed": ["第1条"]},
    {"kind": "length", "most": 5},
    {"kind": "length", "most": 5, "unit": "sentences"},
    *({"kind": "format", "form": form} for form in ("bullets", "numbered", "table", "plain", "polite")),
]

HOSTILE: list[tuple[str, Callable[[int], str]]] = [
    ("digits", lambda n: "9" * n),
    ("dollars", lambda n: "$1" * (n // 2)),
    ("dashes", lambda n: "ー" * n),
    ("groups", lambda n: "1" + ",123" * (n // 4)),
    ("kanji", lambda n: "一万" * (n // 2)),
    ("marks", lambda n: "a" + "\u0301\u0316" * (n // 2)),
    ("surrogates", lambda n: "\ud800" * n),
    ("spaces", lambda n: " " * n),
    ("dates", lambda n: "1年2月" * (n // 4)),
    ("shares", lambda n: "一分の" * (n // 3)),
    ("minus", lambda n: "-" * n),
    ("lines", lambda n: "\n1" * (n // 2)),
    ("opening", lambda n: "「(" * (n // 2)),
    ("articles", lambda n: "第" * n),
    ("article", lambda n: "第1条の" * (n // 4)),
    ("a", lambda n: "a" * n),
    ("stops", lambda n: "\u3002." * (n // 2)),
    ("brackets", lambda n: "[" * n),
    ("braces", lambda n: '{"a":' * (n // 5)),
    ("pipes", lambda n: "|-" * (n // 2)),
    ("strings", lambda n: '["' + "a" * n),
    ("hangul", lambda n: "\u1100\u1161\u11a8" * (n // 3)),
    ("nul", lambda n: "\0" * n),
    ("keys", lambda n: "{" + ",".join(f'"{at}":{at}' for at in range(n // 12)) + "}"),
]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "made"), HOSTILE, ids=[name for name, _ in HOSTILE])
def test_a_text_of_any_kind_takes_time_in_proportion_to_its_length(name: str, made: Callable[[int], str]) -> None:
    """Eight times the text takes less than twenty times as long (64 would be quadratic), and nothing fails."""
    short, long = made(20_000), made(160_000)
    gc.disable()  # collections of whatever other tests have left behind are none of the scorer's
    try:
        for spec in SCORERS:
            scorer = scorer_of(spec)
            for _ in range(3):  # nor is what else the machine does
                spent = [spent_on(scorer, text) for text in (short, long)]
                if is_linear := spent[1] < max(0.3, 20 * spent[0]):
                    break
            assert is_linear, (spec, spent)
    finally:
        gc.enable()


def spent_on(scorer: Any, text: str) -> float:
    """Processor seconds."""
    begun = time.process_time()
    outcome = score(text, text if needs_expected(scorer) else None, scorer)
    spent = time.process_time() - begun
    assert isinstance(outcome, Scored | Unscored)
    return spent


@pytest.mark.slow
@pytest.mark.parametrize("spec", SCORERS, ids=str)
def test_a_megabyte_is_scored(spec: object) -> None:
    text = ("売上は1,234円で、前年は 25% 増の令和8年11月27日です\u3002第12条を見る[1]\u3002\ud800か\u3099\n" * 25_000)[
        :1_000_000
    ]
    scorer = scorer_of(spec)

    assert isinstance(score(text, text if needs_expected(scorer) else None, scorer), Scored | Unscored)


@given(st.text(max_size=40), st.none() | st.text(max_size=40), st.sampled_from(SCORERS))
@settings(max_examples=400)
def test_every_pair_of_texts_has_an_outcome(answer: str, expected: str | None, spec: object) -> None:
    outcome = score(answer, expected, scorer_of(spec))

    if isinstance(outcome, Scored):
        assert 0 <= outcome.score <= 1
        assert outcome.score == 1 or outcome.reasons
        assert {code for code, _ in outcome.reasons} <= set(REASONS)
    else:
        assert outcome.code in REASONS


@given(st.text(min_size=1, max_size=40).filter(str.strip))
def test_an_answer_equals_itself(text: str) -> None:
    for kind in ("exact", "normalised"):
        assert told(score(text, text, scorer_of(kind))) == (1, [])
    value, codes = told(score(text, text, Numeric()))
    assert value == 1 or (value is None and codes)


# -- amounts of statements, drawn up in thousands or millions of yen (decision 0037)


@pytest.mark.parametrize(
    ("answer", "expected", "wanted"),
    [
        ("増加額は 4,821 です。", "4,821百万円", 1), ("4821百万円", "4,821", 1), ("△37", "-37百万円", 1), ("915", "915千円", 1),
        ("4,821,000,000", "4,821百万円", 1), ("48億2,100万円", "4,821百万円", 1), ("4,821千円", "4,821百万円", 0),
        ("4,821円", "4,821百万円", 0), ("4821%", "4,821百万円", 0), ("4.821", "4,821百万円", 0), ("3", "3万円", 0),
        ("12", "12億円", 0), ("4,822", "4,821百万円", 0),
    ],
)  # fmt: skip
def test_a_number_without_a_unit_may_be_the_line_of_a_statement(answer: str, expected: str, wanted: int) -> None:
    outcome = compare_numbers(answer, expected, Numeric())
    assert isinstance(outcome, Scored)
    assert outcome.score == wanted
    strict = compare_numbers(answer, expected, Numeric(units="strict"))
    assert isinstance(strict, Scored)
    assert strict.score == (wanted if "円" in answer and "円" in expected else 0)


def test_the_allowance_is_of_the_line_as_it_is_drawn_up() -> None:
    near = Numeric(relative=Fraction(1, 100))
    for answer, wanted in (("4,800", 1), ("4,700", 0), ("4,870", 0)):
        outcome = compare_numbers(answer, "4,821百万円", near)
        assert isinstance(outcome, Scored)
        assert outcome.score == wanted
