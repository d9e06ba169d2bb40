"""Ends that we write: the vendors' own libraries take them, wherever the stream stood."""

from __future__ import annotations

from typing import Any

import anthropic
import openai
import pytest
from dialect_parts import (
    ASK_OPENAI,
    chunk,
    chunks_of,
    completion_of,
    event,
    message_of,
    openai_client,
    openai_text_stream,
    started,
    text_block,
    thought_block,
    tool_block,
)

from jitsuri.providers.rules.ending import Broken, Cut, Standing, end_of_stream
from jitsuri.providers.rules.reading import StreamReader
from jitsuri.providers.shapes import Dialect

CALL = {"index": 0, "id": "call_1", "type": "function", "function": {"name": "f", "arguments": ""}}
ARGUMENTS = {"index": 0, "function": {"arguments": '{"city": "東'}}

OPENAI = {
    "before the first event": b"",
    "after the role": chunk({"role": "assistant", "content": ""}),
    "inside a text": chunk({"role": "assistant", "content": ""}) + chunk({"content": "これは"}),
    "inside a tool's arguments": chunk({"role": "assistant", "content": None, "tool_calls": [CALL]})
    + chunk({"tool_calls": [ARGUMENTS]}),
}


def without_stop(block: bytes) -> bytes:
    return block.rpartition(b"event:")[0]


ANTHROPIC = {
    "before the first event": b"",
    "after the start": started(),
    "inside a text": started() + without_stop(text_block(0, ["これは"])),
    "inside a thought": started() + without_stop(thought_block(0, ["まず"], "c2ln")),
    "between blocks": started() + text_block(0, ["a"]),
    "inside a tool's arguments": started()
    + text_block(0, ["a"])
    + without_stop(tool_block(1, "f", ['{"city": "東", "at": "午'])),
}


def standing(dialect: Dialect, stream: bytes) -> Standing:
    reader = StreamReader(dialect)
    reader.feed(stream)
    return reader.standing()


@pytest.mark.parametrize("where", OPENAI)
def test_openais_library_takes_a_cut_for_an_end(where: str) -> None:
    stream = OPENAI[where] + end_of_stream("openai", standing("openai", OPENAI[where]), Cut())

    assert completion_of(stream).choices[0].finish_reason == "length"
    assert chunks_of(stream)[-1].choices[0].finish_reason == "length"
    assert stream.endswith(b"data: [DONE]\n\n")


@pytest.mark.parametrize("where", ANTHROPIC)
def test_anthropics_library_takes_a_cut_for_an_end(where: str) -> None:
    stream = ANTHROPIC[where] + end_of_stream("anthropic", standing("anthropic", ANTHROPIC[where]), Cut())

    message = message_of(stream)
    assert message.stop_reason == "max_tokens"
    assert stream.count(b"content_block_start\n") == stream.count(b"content_block_stop\n")
    if "arguments" in where:
        assert message.content[1].input == {"city": "東"}


def test_what_must_not_go_on_ends_as_filtered() -> None:
    cut = Cut("content_filter")

    stream = OPENAI["inside a text"] + end_of_stream("openai", standing("openai", OPENAI["inside a text"]), cut)
    assert completion_of(stream).choices[0].finish_reason == "content_filter"
    stream = ANTHROPIC["inside a text"]
    assert message_of(stream + end_of_stream("anthropic", standing("anthropic", stream), cut)).stop_reason == "refusal"


def test_every_open_answer_is_ended() -> None:
    def one(index: int, finish: str | None) -> bytes:
        return chunk({}, choices=[{"index": index, "delta": {"content": "a"}, "finish_reason": finish}])

    reader = StreamReader("openai", answers=3)
    stream = one(0, None) + one(1, "stop") + one(2, None)
    reader.feed(stream)

    choices = completion_of(stream + end_of_stream("openai", reader.standing(), Cut())).choices
    assert [choice.finish_reason for choice in choices] == ["length", "stop", "length"]


@pytest.mark.parametrize("where", OPENAI)
def test_openais_library_raises_a_break(where: str) -> None:
    broken = Broken("upstream_lost", "提供元との接続が切れました。")
    stream = OPENAI[where] + end_of_stream("openai", standing("openai", OPENAI[where]), broken)

    with pytest.raises(openai.APIError) as caught:
        completion_of(stream)

    assert (caught.value.message, caught.value.code, caught.value.type) == (
        broken.message,
        "upstream_lost",
        "server_error",
    )


@pytest.mark.parametrize("where", ANTHROPIC)
def test_anthropics_library_raises_a_break(where: str) -> None:
    broken = Broken("upstream_lost", "提供元との接続が切れました。", request_id="req_1")
    stream = ANTHROPIC[where] + end_of_stream("anthropic", standing("anthropic", ANTHROPIC[where]), broken)

    with pytest.raises(anthropic.APIStatusError) as caught:
        message_of(stream)

    assert caught.value.api_message == broken.message
    assert caught.value.error_code == "upstream_lost"
    assert caught.value.type == "api_error"


def test_a_stream_that_is_over_gets_no_second_end() -> None:
    over = standing("openai", openai_text_stream(["a"]))
    failed = standing("anthropic", started() + event("error", error={"type": "api_error", "message": "x"}))

    for reason in (Cut(), Broken("a", "b")):
        assert end_of_stream("openai", over, reason) == b""
        assert end_of_stream("anthropic", failed, reason) == b""


def test_a_cut_inside_a_strict_tool_is_told_as_the_library_tells_length() -> None:
    """OpenAI's helper refuses to parse what was cut, by an exception of its own that says why."""
    stream = OPENAI["inside a tool's arguments"]
    stream += end_of_stream("openai", standing("openai", stream), Cut())
    tools: list[Any] = [
        {"type": "function", "function": {"name": "f", "strict": True, "parameters": {"type": "object"}}}
    ]

    with (
        pytest.raises(openai.LengthFinishReasonError),
        openai_client([stream], is_stream=True).chat.completions.stream(**ASK_OPENAI, tools=tools) as events,
    ):
        for _event in events:
            pass
