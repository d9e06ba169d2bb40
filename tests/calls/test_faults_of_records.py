"""What is wrong with a record is told by a code, with place and mend in both languages; the rest goes in."""

from __future__ import annotations

import json
from typing import Any

import pytest

from jitsuri.calls.shapes import Fault
from jitsuri.terms.errors import CallerError
from jitsuri.words import catalogue, facts_of, text

GOOD: dict[str, Any] = {
    "timestamp": "2026-11-20T09:15:30+09:00",
    "request": {"model": "gpt-4o", "messages": [{"role": "user", "content": "納期は。"}]},
    "response": {"model": "gpt-4o", "object": "chat.completion", "choices": [],
                 "usage": {"prompt_tokens": 10, "completion_tokens": 2}},
}  # fmt: skip


def with_usage(**usage: Any) -> dict[str, Any]:
    return {**GOOD, "response": {**GOOD["response"], "usage": {"prompt_tokens": 10, "completion_tokens": 2, **usage}}}


def raw(record: Any) -> bytes:
    return record if isinstance(record, bytes) else json.dumps(record, ensure_ascii=False).encode()


CASES: list[tuple[Any, str, dict[str, Any]]] = [
    (b'{"request": {"model": "gpt-4o"', "not_json", {"at": 31}),
    (b"[1, 2]", "not_an_object", {}),
    (b'"text"', "not_an_object", {}),
    (b'{"a": "\xff\xff"}', "encoding_unknown", {"at": 8}),
    ({**GOOD, "timestamp": None}, "time_missing", {}),
    ({**GOOD, "timestamp": "yesterday"}, "time_unreadable", {"value": "yesterday"}),
    ({**GOOD, "timestamp": "2026-13-40T00:00:00Z"}, "time_unreadable", {"value": "2026-13-40T00:00:00Z"}),
    ({**GOOD, "timestamp": True}, "time_unreadable", {"value": "True"}),
    ({**GOOD, "timestamp": "2026-11-23T12:00:01Z"}, "time_in_future", {"value": "2026-11-23T12:00:01+00:00"}),
    ({**GOOD, "timestamp": 1795133}, "time_too_old", {"value": "1970-01-21T18:38:53+00:00"}),
    (with_usage(prompt_tokens=-1), "tokens_negative", {"field": "prompt_tokens", "value": "-1"}),
    (with_usage(completion_tokens="many"), "tokens_not_a_number", {"field": "completion_tokens", "value": "many"}),
    (with_usage(completion_tokens=True), "tokens_not_a_number", {"field": "completion_tokens", "value": "True"}),
    (with_usage(prompt_tokens=1.5), "tokens_not_a_number", {"field": "prompt_tokens", "value": "1.5"}),
    (with_usage(prompt_tokens=10**12 + 1), "number_too_big", {"field": "prompt_tokens", "value": str(10**12 + 1)}),
    (with_usage(prompt_tokens=10**30), "number_too_big", {"field": "prompt_tokens", "value": str(10**30)}),
    (
        with_usage(prompt_tokens_details={"cached_tokens": 11}),
        "part_exceeds_whole",
        {"field": "cache_read_tokens", "value": 11, "whole": "input_tokens", "whole_value": 10},
    ),
    (
        with_usage(prompt_tokens_details={"cached_tokens": 6, "cache_write_tokens": 5}),
        "part_exceeds_whole",
        {"field": "cache_read_tokens", "value": 11, "whole": "input_tokens", "whole_value": 10},
    ),
    (
        with_usage(completion_tokens_details={"audio_tokens": 3}),
        "part_exceeds_whole",
        {"field": "output_audio_tokens", "value": 3, "whole": "output_tokens", "whole_value": 2},
    ),
    ({**GOOD, "response": {"object": "chat.completion", "model": "gpt-4o"}}, "usage_missing", {}),
    ({**GOOD, "request": {}, "response": {**GOOD["response"], "model": None}}, "model_missing", {}),
    (
        {**GOOD, "metadata": {"task": "x" * 101}},
        "name_too_long",
        {"field": "task", "value": "x" * 79 + "…", "most": 100},
    ),
]


@pytest.mark.parametrize(
    ("record", "code", "facts"), CASES, ids=[f"{n}-{code}" for n, (_, code, _) in enumerate(CASES)]
)
def test_what_is_wrong_is_told_and_the_rest_goes_in(read_file, record, code, facts):
    good, broken, again = read_file(b"\n".join((raw(GOOD), raw(record), raw(GOOD))))
    assert broken == Fault(2, code, facts)
    assert (good.line, again.line) == (1, 3)
    for lang in ("ja", "en"):
        assert text(f"fault.{code}", lang, **broken.facts)


def test_every_sentence_about_a_record_is_reached_by_a_test_or_by_the_files_tests():
    told = {code for _, code, _ in CASES}
    of_files = {"record_cut", "line_too_long", "archive_truncated", "archive_damaged", "csv_unreadable", "csv_fields",
                "csv_quote_open", "id_with_other_content"}  # fmt: skip
    assert {code.removeprefix("fault.") for code in catalogue("ja") if code.startswith("fault.")} == told | of_files


def test_a_report_never_shows_much_of_a_value(read_any):
    fault = read_any({**GOOD, "timestamp": "秘密" * 200})
    assert len(fault.facts["value"]) == 80


def test_the_facts_of_a_sentence_are_the_facts_of_the_fault():
    for code, facts in ((code, facts) for _, code, facts in CASES):
        assert facts_of(catalogue("ja")[f"fault.{code}"]) <= set(facts)


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ('"納\\u0000期"', "納\\u0000期"),
        ('"\\ud83d 納期"', "\\ud83d 納期"),
        ('"\\ud83d\\ude00"', "😀"),
        ('"C:\\\\u0000"', "C:\\u0000"),  # a backslash and letters, no NUL: stays as it is
    ],
)
def test_what_a_database_cannot_hold_is_kept_as_its_escape(read, written, kept):
    line = json.dumps({**GOOD, "metadata": {"screen": "@"}}).replace('"@"', written)
    record = line.replace('"content": "\\u7d0d\\u671f\\u306f\\u3002"', f'"content": {written}').encode()
    call = read(record, keep_bodies=True)
    assert call.prompt == call.metadata["screen"] == kept
    assert json.loads(call.request_body)["messages"][0]["content"] == kept


def test_numbers_that_json_does_not_have_do_not_stop_a_line(read):
    line = raw({**GOOD, "score": 0}).replace(
        b'"score": 0', b'"score": [NaN, -Infinity, 1e999, 123456789012345678901234567890]'
    )
    assert read(line).usage.input_tokens == 10


def test_an_error_answer_needs_neither_usage_nor_model(read):
    call = read({"timestamp": GOOD["timestamp"], "request": {}, "response": {}, "error": {"code": "timeout"}})
    assert (call.status, call.error_code, call.model_asked) == ("error", "timeout", "")


def test_deep_nesting_is_a_fault_and_no_crash(read_file):
    deep = b'{"request":' * 3000 + b"1" + b"}" * 3000
    good, fault = read_file(raw(GOOD) + b"\n" + deep)
    assert good.line == 1
    assert fault == Fault(2, "not_json", {"at": 1})


@pytest.mark.parametrize(
    ("content", "options", "code"),
    [
        (b"hello there\n", {}, "format_unknown"),
        (b'{"a": 1}\n', {}, "format_unknown"),
        (b"a;b\n1;2\n", {}, "mapping_missing"),
        (b'{"custom_id":"r1","method":"POST","url":"/v1/x","body":{"model":"gpt-4o"}}\n', {}, "log_is_batch_input"),
        (b'{"requests":[{"custom_id":"r1","params":{"model":"claude-haiku-5-5"}}]}', {}, "log_is_batch_input"),
        (b'{"a": 1}\n', {"asked_format": "csv"}, "format_needs_table"),
    ],
)
def test_a_file_that_is_no_log_is_told_with_the_mend(read_file, content, options, code):
    with pytest.raises(CallerError) as raised:
        read_file(content, **options)
    assert raised.value.code == code
    for lang in ("ja", "en"):
        assert text(f"error.{code}", lang, **raised.value.facts)


def test_a_format_can_be_insisted_on(read_file):
    (call,) = read_file(raw({"output": 1, **GOOD}), asked_format="openai")
    assert call.source == "openai"


def test_a_few_broken_first_lines_do_not_hide_the_format(read_file):
    calls = read_file(b'ens":2}}}\n{"request": {"mod\n' + b"\n".join([raw(GOOD)] * 3))
    assert [type(call).__name__ for call in calls] == ["Fault", "Fault", "Logged", "Logged", "Logged"]
