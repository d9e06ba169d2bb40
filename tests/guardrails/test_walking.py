"""Every text of a body is seen once, with its place; a changed body differs where a text changed, and nowhere else."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jitsuri.guardrails.rules.walking import rewritten, walk
from jitsuri.guardrails.rules.walking_json import json_texts, rewritten_json

OPENAI: dict[str, Any] = {
    "model": "gpt-5-mini", "user": "tanaka@example.jp", "temperature": 0.1, "stop": ["終"], "service_tier": "auto",
    "metadata": {"person": "田中", "case": "12"},
    "messages": [
        {"role": "system", "content": "規程に従う"},
        {"role": "user", "name": "taro", "content": [
            {"type": "text", "text": "見積り"},
            {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA", "detail": "low"}},
            {"type": "image_url", "image_url": {"url": "https://example.jp/a?m=tanaka@example.jp"}},
            {"type": "input_audio", "input_audio": {"data": "UklGRg==", "format": "wav"}},
            {"type": "file", "file": {"filename": "田中.pdf", "file_data": "data:application/pdf;base64,AA"}},
        ]},
        {"role": "assistant", "content": None, "refusal": "断る", "reasoning_content": "考え", "tool_calls": [
            {"id": "call_1", "type": "function", "function": {"name": "find", "arguments": '{"name": "\\u7530\\u4e2d", "n": 3}'}},
            {"id": "call_2", "type": "custom", "custom": {"name": "run", "input": "自由文"}},
        ]},
        {"role": "tool", "tool_call_id": "call_1", "content": '{"tel":"\\u96fb\\u8a71 03-1234-5678"}'},
    ],
    "tools": [{"type": "function", "function": {"name": "find", "description": "探す", "parameters": {
        "type": "object", "required": ["name"],
        "properties": {"name": {"type": ["string", "null"], "description": "氏名", "enum": ["田中", "佐藤"]}}}}}],
}  # fmt: skip

ANTHROPIC: dict[str, Any] = {
    "model": "claude", "max_tokens": 9, "system": [{"type": "text", "text": "規程", "cache_control": {"type": "ephemeral"}}],
    "metadata": {"user_id": "u-1"},
    "messages": [
        {"role": "user", "content": "こんにちは"},
        {"role": "assistant", "content": [
            {"type": "thinking", "thinking": "考え", "signature": "abc"},
            {"type": "redacted_thinking", "data": "xyz"},
            {"type": "tool_use", "id": "toolu_1", "name": "find", "input": {"氏名": "田中", "tel": 312345678, "n": 3}},
        ]},
        {"role": "user", "content": [
            {"type": "tool_result", "tool_use_id": "toolu_1", "content": [{"type": "text", "text": "結果"}]},
            {"type": "document", "title": "題", "source": {"type": "text", "media_type": "text/plain", "data": "本文"}},
            {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": "JVBERi0="}},
        ]},
    ],
    "tools": [{"name": "find", "description": "探す", "input_schema": {"type": "object"}}],
}  # fmt: skip


def test_the_texts_of_an_openai_body() -> None:
    found = dict(walk(OPENAI))
    for place, text in {
        "user": "tanaka@example.jp", "metadata#0": "person: 田中", "messages[0].content": "規程に従う", "stop[0]": "終",
        "messages[1].content[0].text": "見積り", "messages[1].content[4].file.filename": "田中.pdf",
        "messages[1].content[2].image_url.url": "https://example.jp/a?m=tanaka@example.jp",
        "messages[2].refusal": "断る", "messages[2].reasoning_content": "考え",
        "messages[2].tool_calls[0].function.arguments#0": "name: 田中", "messages[2].tool_calls[1].custom.input": "自由文",
        "messages[3].content#0": "tel: 電話 03-1234-5678", "tools[0].function.description": "探す",
        "tools[0].function.parameters.properties.name.description": "氏名",
        "tools[0].function.parameters.properties.name.enum#0": "田中",
    }.items():  # fmt: skip
        assert found.pop(place) == text
    left = set(found.values())
    assert left == {"case: 12", "name", "string", "null", "佐藤"}  # and no id, role, model, file or name of a function


def test_the_texts_of_an_anthropic_body() -> None:
    found = dict(walk(ANTHROPIC))
    assert found == {
        "system[0].text": "規程", "metadata#0": "user_id: u-1", "messages[0].content": "こんにちは",
        "messages[1].content[0].thinking": "考え", "messages[1].content[2].input#0": "氏名: 田中",
        "messages[1].content[2].input#1": "tel: 312345678", "messages[2].content[0].content[0].text": "結果",
        "messages[2].content[1].title": "題", "messages[2].content[1].source.data": "本文", "tools[0].description": "探す",
    }  # fmt: skip


@pytest.mark.parametrize("body", [OPENAI, ANTHROPIC])
def test_a_changed_body_differs_where_a_text_changed(body: dict[str, Any]) -> None:
    before = json.dumps(body, ensure_ascii=False)

    def change(place: str, text: str) -> str:
        return text.replace("田中", "[PERSON_1234]").replace("312345678", "[PHONE_1]")

    came = rewritten(body, change)
    assert json.dumps(body, ensure_ascii=False) == before
    assert all("田中" not in text and "312345678" not in text for _, text in walk(came))
    expected = before.replace("田中", "[PERSON_1234]").replace("\\\\u7530\\\\u4e2d", "[PERSON_1234]")
    assert json.loads(expected.replace(": 312345678,", ': "[PHONE_1]",')) == came
    if body is OPENAI:
        assert came["messages"][0] is body["messages"][0]  # what did not change is shared
        assert came["messages"][2]["tool_calls"][0]["function"]["arguments"] == '{"name": "[PERSON_1234]", "n": 3}'


def test_a_body_in_which_nothing_changes_is_the_same_object() -> None:
    assert rewritten(OPENAI, lambda _place, text: text) is OPENAI


def test_embeddings_and_completions() -> None:
    assert dict(walk({"model": "m", "input": ["一", "二"], "encoding_format": "float"})) == {
        "input[0]": "一",
        "input[1]": "二",
    }
    assert list(walk({"input": list(range(1000)), "prompt": "問い"})) == [("prompt", "問い")]


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ('{"a": "x", "b": [1, true, null, 1.5e9]}', ["a: x"]),
        ('{"birth": "1980-01-01", "tel": ["03-1", "03-2"]}', ["birth: 1980-01-01", "tel: 03-1", "tel: 03-2"]),
        ('{"no": 123456789018}', ["no: 123456789018"]),
        ('{"山田太郎": 5}', ["山田太郎"]),
        ('{"山田太郎": ""}', ["山田太郎: "]),
        ('{"山田太郎": {"tel": "03"}}', ["山田太郎", "tel: 03"]),
        ('{"name": "\\u7530\\u4e2d\\u592a', ["name: 田中太"]),
        ('{"name": "\\u7530\\u4e2d\\u59', ["name: 田中\ufffd"]),
        ('{"name": "a\\"', ['name: a"']),
        ('{"inner": "{\\"n\\": \\"\\\\u7530\\"}"}', ["n: 田"]),
        ("{田中さん 電話 03-1234-5678}", ["{田中さん 電話 03-1234-5678}"]),
        ("", []),
        ('{"a": "\\ud800"}', ["a: \ud800"]),
    ],
)  # fmt: skip
def test_texts_within_json(text: str, seen: list[str]) -> None:
    found = [one for _, one in json_texts("p", text)]
    if seen == ["name: 田中\ufffd"]:
        assert found[0].startswith("name: 田中")
    else:
        assert found == seen


def test_json_that_is_cut_off_stays_cut_off() -> None:
    came = rewritten_json("p", '{"a": 1.50, "name": "\\u7530\\u4e2d', lambda _p, text: text.replace("田中", "[P_1]"))
    assert came == '{"a": 1.50, "name": "[P_1]'


def test_a_key_that_is_a_name_is_changed_too() -> None:
    change = lambda _p, text: text.replace("山田", "[P_1]")  # noqa: E731
    assert rewritten_json("p", '{"山田": "x", "山田さん": [1], "c": {"山田": "山田"}}', change) == (
        '{"[P_1]": "x", "[P_1]さん": [1], "c": {"[P_1]": "[P_1]"}}'
    )


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda below: st.lists(below, max_size=4) | st.dictionaries(st.text(max_size=70), below, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(st.text(max_size=5), _VALUES, max_size=4), st.booleans())
def test_whatever_the_json_is_nothing_is_lost(value: dict[str, Any], is_ascii: bool) -> None:
    """Every letter of every string is told, and a change of all of them leaves JSON of the same build."""
    text = json.dumps(value, ensure_ascii=is_ascii)
    told = "".join(one for _, one in json_texts("p", text))
    for leaf in _strings(value):
        assert all(sign in told for sign in set(leaf) if sign.isalnum())
    assert rewritten_json("p", text, lambda _p, one: one) == text
    came = rewritten_json("p", text, lambda _p, one: one.replace("a", "b"))
    assert _shape(json.loads(came)) == _shape(value)
    assert "a" not in "".join(_strings(json.loads(came)))


@given(st.text(alphabet='{}[]":,\\u0041a1 田n', max_size=60))
def test_any_signs_at_all_are_survived(text: str) -> None:
    list(json_texts("p", text))
    assert rewritten_json("p", text, lambda _p, one: one) == text


def test_files_are_no_texts_and_what_only_begins_like_one_is() -> None:
    def seen(text: str) -> bool:
        return bool(list(walk({"messages": [{"role": "user", "content": text}]})))

    assert not seen("A" * 512)
    assert not seen("data:application/pdf;base64,AAAA")
    assert seen("A" * 511)
    assert seen("A" * 600 + "。")
    assert seen("A" * 600 + " aoki@example.jp")
    assert seen("A" * 600 + "@example.jp")
    assert seen("data:text/plain,03-1234-5678")


def test_nesting_and_size_are_survived() -> None:
    deep: Any = "底"
    for _ in range(3000):
        deep = [deep]
    assert next(iter(walk({"messages": deep})))[1] == "底"
    assert rewritten({"messages": deep}, lambda _p, _t: "x")["messages"] is not deep
    many = '{"a": "' + '\\"' * 500_000
    assert len(list(json_texts("p", many))) == 1
    assert len(list(json_texts("p", '{"k": [' + '"x",' * 100_000))) == 100_000


def _strings(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    if isinstance(value, list):
        return [one for held in value for one in _strings(held)]
    if isinstance(value, dict):
        return [one for held in value.values() for one in _strings(held)]
    return []


def _shape(value: Any) -> Any:
    if isinstance(value, list):
        return [_shape(one) for one in value]
    if isinstance(value, dict):
        return {key.replace("a", "b"): _shape(one) for key, one in value.items()}
    return type(value).__name__
