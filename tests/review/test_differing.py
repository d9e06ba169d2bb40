"""Marks of what differs, and requests and answers as people read them."""

from __future__ import annotations

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jitsuri.review.rules.differing import Block, compared
from jitsuri.review.rules.reading import answered_of, asked_of


def text_of(blocks: tuple[Block, ...]) -> str:
    return "\n".join("".join(told for told, _ in line) for block in blocks for line in block.lines)


def marked(blocks: tuple[Block, ...]) -> list[str]:
    return [told for block in blocks for line in block.lines for told, is_marked in line if is_marked]


def test_only_what_differs_is_marked() -> None:
    found = compared("数量：120個\n単価：1,850円\n有効期限：2026年12月31日", "数量：120\n単価：1,850円（送料込み）")
    assert marked(found.left) == ["個", "有効期限：2026年12月31日"]
    assert marked(found.right) == ["（送料込み）"]


@pytest.mark.parametrize(
    ("one", "other", "left", "right"),
    [
        ("The price is 120 yen", "The price is 150 yen", ["120"], ["150"]),
        ("納期は三週間です", "納期は二週間です", ["三"], ["二"]),
        ("品名はブラケットでした", "品名はブランケットでした", ["ブラケット"], ["ブランケット"]),
        ("はい 👩‍👩‍👧‍👦 です、ありがとう", "はい 👩‍👩‍👧 です、ありがとう", ["👩‍👩‍👧‍👦"], ["👩‍👩‍👧"]),
        ("مرحبا السعر 1850 اليوم", "مرحبا السعر 1900 اليوم", ["1850"], ["1900"]),
        ("か\u3099くせい です", "かくせい です", ["か\u3099"], ["か"]),
    ],
)
def test_words_are_those_of_the_language(one: str, other: str, left: list[str], right: list[str]) -> None:
    found = compared(one, other)
    assert (marked(found.left), marked(found.right)) == (left, right)


def test_texts_with_nothing_in_common_are_not_marked() -> None:
    found = compared("返しません。", "Here is the complete answer to your question, as you asked.")
    assert found.is_other
    assert marked(found.left) == marked(found.right) == []
    assert compared("", "あります").is_other is False


def test_code_and_tables_are_blocks_of_their_own() -> None:
    found = compared("前書き\n| a | b |\n|---|---|\n\n```py\nx = 1\n```\n後書き", "前書き\n後書き")
    assert [block.kind for block in found.left] == ["text", "table", "text", "code", "text"]


@given(st.text("ab 日本語\n|`1", max_size=60), st.text("ab 日本語\n|`1", max_size=60))
def test_no_character_is_lost(one: str, other: str) -> None:
    found = compared(one, other)
    for told, blocks in ((one, found.left), (other, found.right)):
        assert text_of(blocks) == (told.strip("\n") if told.strip() else "")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("あ" * 20_000, "い" * 20_000),
        ("数量は120個です。" * 2000, "数量は12個です。" * 2000),
        ("\n".join(f"行 {at} です" for at in range(2000)), "\n".join(f"行 {at} でした" for at in range(2000))),
        ("a\n" * 10_000, "b\n" * 10_000),
        ("x" * 20_000, ""),
    ],
)
def test_the_longest_texts_are_compared_in_a_moment(one: str, other: str) -> None:
    begun = time.process_time()
    found = compared(one, other)
    assert time.process_time() - begun < 1.0  # a tenth of it on a machine of its own
    assert text_of(found.left) == one.strip("\n")


# -- requests


def test_a_conversation_is_folded_to_its_last_turn() -> None:
    body = {
        "messages": [
            {"role": "system", "content": "社内用"},
            {"role": "user", "content": "一"},
            {"role": "assistant", "content": None, "tool_calls": [{"function": {"name": "f", "arguments": '{"b":1}'}}]},
            {"role": "tool", "content": "結果"},
            {
                "role": "user",
                "content": [{"type": "text", "text": "二"}, {"type": "image_url", "image_url": {"url": "x"}}],
            },
        ]
    }
    found = asked_of(json.dumps(body).encode())
    assert (found.system, len(found.earlier)) == ("社内用", 3)
    assert [(one.kind, one.text) for one in found.last.pieces] == [("text", "二"), ("image", "")]
    assert [(one.kind, one.name) for one in found.earlier[1].pieces] == [("call", "f")]
    assert found.earlier[2].pieces[0].kind == "result"


def test_the_other_dialect_and_other_shapes_are_read() -> None:
    found = asked_of(json.dumps({"system": [{"type": "text", "text": "s"}], "messages": [
        {"role": "user", "content": "一"},
        {"role": "assistant", "content": [{"type": "thinking", "thinking": "…"}, {"type": "tool_use", "name": "g", "input": {}}]},
        {"role": "user", "content": [{"type": "tool_result", "content": [{"type": "text", "text": "r"}]}]},
    ]}).encode())  # fmt: skip
    assert (found.system, found.last.pieces[0].kind, found.last.pieces[0].text) == ("s", "result", "r")
    assert asked_of(b'{"input": "hello", "instructions": "i"}').last.pieces[0].text == "hello"
    assert asked_of(b"no json").last.pieces[0].kind == "raw"
    assert asked_of(b'{"messages": []}').last.pieces[0].kind == "raw"


def test_answers_with_tools_and_without_anything() -> None:
    found = answered_of(
        '{"text": "はい", "tool_calls": [{"name": "f", "arguments": {"b": 1, "a": "あ"}}], "finish": "stop"}'.encode()
    )
    assert (found.text, found.calls[0].name) == ("はい", "f")
    assert json.loads(found.calls[0].text) == {"a": "あ", "b": 1}
    assert answered_of(b'{"text": "", "tool_calls": [], "finish": "length"}').finish == "length"


_KEYS = st.sampled_from(["messages", "content", "type", "text", "role", "input", "tool_calls", "function"])
_JSON = st.recursive(
    st.none() | st.booleans() | st.text(max_size=3) | st.integers(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_KEYS, inner, max_size=3),
    max_leaves=8,
)


@given(st.binary(max_size=40) | _JSON.map(lambda value: json.dumps(value).encode()))
def test_whatever_was_kept_is_shown_somehow(body: bytes) -> None:
    assert asked_of(body).last.pieces
    answered_of(body)
