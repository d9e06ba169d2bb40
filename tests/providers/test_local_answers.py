"""Answers in the shape that callers' libraries read, and what is refused instead of imitated."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from local_parts import HEADER, RULES, student_file

from jitsuri import words
from jitsuri.providers.rules.answering_locally import answer_chat, answered_as, pieces, refused
from jitsuri.providers.rules.fitting_schema import documents_of, is_fit
from jitsuri.providers.rules.reading_rules import rules_of
from jitsuri.providers.rules.reading_student import student_of
from jitsuri.terms.outcomes import Refusal

STUDENT = student_of(student_file(), "student")
TABLE = rules_of(RULES.encode(), "rules")
JSON_STUDENT = student_of(
    student_file(
        {
            "classes": [
                {"name": "納期", "intercept": 0.0, "answer": '{"class": "納期", "confidence": {confidence}}'},
                {"name": "見積", "intercept": 0.0, "answer": '{"class": "見積", "confidence": {confidence}}'},
            ]
        }
    ),
    "json",
)


def asked(content: object, role: str = "user") -> list[dict[str, object]]:
    return [{"role": "system", "content": "分類してください。"}, {"role": role, "content": content}]


def answered(local: Any, content: object, role: str = "user") -> Any:
    return answer_chat(local, asked(content, role), created=1_795_750_000, response_id="chatcmpl-1", model="local/x")


def test_another_file_answers_under_another_name() -> None:
    assert answered_as("student:x", STUDENT) == f"student:x@{STUDENT.mark.removeprefix('student-')}"
    assert answered_as("student:x", STUDENT) != answered_as("student:x", replace(STUDENT, mark="student-000000000000"))


def test_a_student_answers_as_a_chat_completion() -> None:
    answer = answered(STUDENT, "納期のお願い")

    assert answer["choices"][0]["message"]["content"] == "納期"
    assert answer["choices"][0]["finish_reason"] == "stop"
    assert (answer["id"], answer["created"], answer["model"]) == ("chatcmpl-1", 1_795_750_000, "local/x")
    assert answer["usage"] == {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}
    assert answer["system_fingerprint"] == STUDENT.mark
    # score ±2 for the one known pair of 5, against intercepts 0 and 0.5: 1 / (1 + e^(-2 - 2 + 0.5)) = 0.97069
    assert answer["jitsuri"] == {"class": "納期", "confidence": 0.9707, "known": 0.2}


def test_rules_say_which_words_they_found() -> None:
    assert answered(TABLE, "見積と不良について")["jitsuri"] == {"class": "不具合", "words": ["不良"]}
    assert answered(TABLE, "RoHS の件")["jitsuri"] == {"class": "不具合", "words": ["RoHS"]}
    assert answered(TABLE, "> 不良\nこんにちは")["jitsuri"] == {"class": "その他", "words": []}


def test_the_official_library_reads_whole_answers_and_pieces() -> None:
    chat = pytest.importorskip("openai.types.chat", reason="the openai package is not installed")
    answer = answered(STUDENT, "納期")

    read = chat.ChatCompletion.model_validate(answer, strict=True)
    assert read.choices[0].message.content == "納期"
    assert read.model_extra == {"jitsuri": answer["jitsuri"]}
    for wants_usage in (True, False):
        parts = [chat.ChatCompletionChunk.model_validate(one) for one in pieces(answer, wants_usage=wants_usage)]
        assert "".join(one.choices[0].delta.content or "" for one in parts if one.choices) == "納期"
        assert [one.choices[0].finish_reason for one in parts if one.choices][-1] == "stop"
        assert [one.usage is not None for one in parts] == ([False] * 3 + [True] if wants_usage else [False] * 3)


def test_only_the_last_message_is_read_and_parts_are_joined() -> None:
    turns = [*asked("納期"), {"role": "assistant", "content": "納期"}, {"role": "user", "content": "見積"}]
    parts = [{"type": "text", "text": "納"}, {"type": "text", "text": "期"}]

    assert (
        answer_chat(STUDENT, turns, created=0, response_id="", model="")["choices"][0]["message"]["content"] == "見積"
    )  # type: ignore[index,call-overload]
    assert answered(STUDENT, [{"type": "text", "text": "納期"}])["jitsuri"]["class"] == "納期"
    assert answered(STUDENT, parts) == Refusal("local_text_unknown"), "a line between the parts"


@pytest.mark.parametrize(
    ("content", "role", "code"),
    [
        ("", "user", "local_no_text"),
        (" \n", "user", "local_no_text"),
        (None, "user", "local_no_text"),
        (5, "user", "local_no_text"),
        ([], "user", "local_no_text"),
        ("納期", "assistant", "local_no_text"),
        ([{"type": "text", "text": "納期"}, {"type": "image_url", "image_url": {}}], "user", "local_part"),
        (["納期"], "user", "local_part"),
        ("納" * 20_001, "user", "local_text_too_long"),
        ("\ufdfa" * 2_000, "user", "local_text_too_long"),
        ("zzz", "user", "local_text_unknown"),
    ],
    ids=range(11),
)
def test_a_text_that_cannot_be_answered_is_refused(content: object, role: str, code: str) -> None:
    found = answered(STUDENT, content, role)

    assert isinstance(found, Refusal)
    assert found.code == code
    for lang in words.LANGUAGES:
        assert words.text(f"refusal.{code}", lang, **found.facts)


def test_no_messages_are_no_text() -> None:
    for messages in ([], ["納期"], [None]):
        assert answer_chat(STUDENT, messages, created=0, response_id="", model="") == Refusal("local_no_text")  # type: ignore[arg-type]


def test_the_longest_text_is_the_files_own() -> None:
    short = student_of(student_file({"text": {"most_characters": 4}}), "short")

    assert answered(short, "納期納期")["jitsuri"]["class"] == "納期"
    assert answered(short, "納期納期。") == Refusal("local_text_too_long", {"characters": 5, "most": 4})


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"tools": [{"type": "function"}]}, "tools"),
        ({"functions": [{}]}, "functions"),
        ({"n": 2}, "n"),
        ({"logprobs": True}, "logprobs"),
        ({"modalities": ["text", "audio"]}, "modalities"),
        ({"web_search_options": {"x": 1}}, "web_search_options"),
    ],
)
def test_what_needs_a_language_model_is_refused(body: dict[str, object], field: str) -> None:
    assert refused(STUDENT, body) == Refusal("local_cannot", {"field": field})
    assert words.text("refusal.local_cannot", "ja", field=field)


def test_parameters_of_sampling_are_passed_over() -> None:
    body = {"temperature": 0.3, "max_tokens": 1, "n": 1, "stop": ["納"], "seed": 1, "tools": [{}],
            "tool_choice": "none", "logprobs": False, "response_format": {"type": "text"}, "modalities": ["text"]}  # fmt: skip

    assert refused(STUDENT, body) is None


def schema(**properties: object) -> dict[str, object]:
    wanted = {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}
    return {"type": "json_schema", "json_schema": {"name": "x", "strict": True, "schema": wanted}}


def test_json_is_promised_only_where_every_answer_of_the_file_keeps_it() -> None:
    right = schema(**{"class": {"type": "string", "enum": ["納期", "見積"]}, "confidence": {"type": "number"}})
    narrow = schema(**{"class": {"type": "string", "enum": ["納期"]}, "confidence": {"type": "number"}})
    patterned = schema(**{"class": {"type": "string", "pattern": ".*"}, "confidence": {"type": "number"}})

    assert refused(JSON_STUDENT, {"response_format": {"type": "json_object"}}) is None
    assert refused(JSON_STUDENT, {"response_format": right}) is None
    assert refused(JSON_STUDENT, {"response_format": narrow}) == Refusal("local_format", {"kind": "json_schema"})
    assert refused(JSON_STUDENT, {"response_format": patterned}) == Refusal("local_format", {"kind": "json_schema"})
    assert refused(STUDENT, {"response_format": {"type": "json_object"}}) == Refusal(
        "local_format", {"kind": "json_object"}
    )
    assert refused(JSON_STUDENT, {"response_format": "json"}) == Refusal("local_format", {"kind": "None"})
    assert (
        answered(JSON_STUDENT, "見積")["choices"][0]["message"]["content"] == '{"class": "見積", "confidence": 0.9820}'
    )


@pytest.mark.parametrize(
    ("wanted", "value", "fits"),
    [
        (True, {"a": 1}, True),
        ({}, {"a": 1}, True),
        ({"type": "object", "required": ["b"]}, {"a": 1}, False),
        ({"properties": {"a": {"type": "integer"}}}, {"a": 1.5}, False),
        ({"properties": {"a": {"type": ["integer", "null"]}}}, {"a": None}, True),
        ({"properties": {"a": {"type": "integer"}}}, {"a": True}, False),
        ({"properties": {"a": {"const": 1}}}, {"a": True}, False),
        ({"properties": {}, "additionalProperties": {"type": "string"}}, {"a": 1}, False),
        ({"properties": {}, "additionalProperties": False}, {"a": 1}, False),
        ({"minProperties": 1}, {"a": 1}, False),
        ({"properties": [], "title": "x"}, {"a": 1}, False),
        (None, {"a": 1}, False),
    ],
)
def test_a_schema_fits_only_as_far_as_it_is_understood(wanted: object, value: object, fits: bool) -> None:
    assert is_fit(wanted, value) is fits


def test_answers_that_are_no_objects_are_no_documents() -> None:
    assert documents_of(['{"a": 1}', "[]"]) is None
    assert documents_of(["plain"]) is None
    assert documents_of(['{"a": 1}']) == ({"a": 1},)


def test_the_files_header_says_what_it_was_taught_on() -> None:
    assert STUDENT.training.rows == 12
    assert STUDENT.training.source == "見本"
    assert HEADER["training"] == {"rows": 12, "day": STUDENT.training.day, "from": "見本", "by": STUDENT.training.by}
