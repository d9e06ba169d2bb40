"""Streams in the other dialect, gathered by the vendors' own helpers."""

from __future__ import annotations

import json
from typing import Any

import anthropic
import openai
import pytest
from dialect_parts import (
    DONE,
    TEXTS,
    USAGE,
    anthropic_text_stream,
    chunk,
    chunks_of,
    completion_of,
    cuts,
    event,
    finished,
    message_of,
    openai_text_stream,
    started,
    text_block,
    thought_block,
    tool_block,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from jitsuri.providers.rules.ending import Broken, Cut, end_of_stream
from jitsuri.providers.rules.eventing import Events, data_of
from jitsuri.providers.rules.translating_streams import StreamToAnthropic, StreamToOpenAI


def to_openai(stream: bytes, wants_usage: bool = True) -> tuple[bytes, StreamToOpenAI]:
    translator = StreamToOpenAI(created=1_790_000_000, wants_usage=wants_usage)
    made = [one for raw in Events().feed(stream) for one in translator.feed(raw)]
    return b"".join(made + translator.close()), translator


def to_anthropic(stream: bytes) -> tuple[bytes, StreamToAnthropic]:
    translator = StreamToAnthropic()
    made = [one for raw in Events().feed(stream) for one in translator.feed(raw)]
    return b"".join(made + translator.close()), translator


RICH = (
    started(cache_creation_input_tokens=6) + event("ping") + thought_block(0, ["まず", "調べる"], "c2ln")
    + text_block(1, ["東京は", "晴れ"]) + tool_block(2, "f", ['{"city":', ' "東京"}']) + tool_block(3, "g", [])
    + finished("tool_use", input_tokens=30, output_tokens_details={"thinking_tokens": 8})
)  # fmt: skip


def test_an_anthropic_stream_is_a_completion_for_openais_helper() -> None:
    stream, _ = to_openai(RICH)

    made = completion_of(stream)
    message = made.choices[0].message
    assert (made.id, made.model, made.created) == ("msg_1", "claude-x", 1_790_000_000)
    assert (message.content, made.choices[0].finish_reason) == ("東京は晴れ", "tool_calls")
    assert [(call.id, call.function.name, call.function.arguments) for call in message.tool_calls] == [
        ("toolu_2", "f", '{"city": "東京"}'), ("toolu_3", "g", ""),
    ]  # fmt: skip
    told = message.to_dict()
    assert told["reasoning_content"] == "まず調べる"
    assert told["thinking_blocks"] == [{"index": 0, "type": "thinking", "thinking": "まず調べる", "signature": "c2ln"}]
    usage = made.usage.to_dict()
    assert (usage["prompt_tokens"], usage["completion_tokens"]) == (100, 20)
    assert usage["prompt_tokens_details"] == {"cached_tokens": 64, "cache_write_tokens": 6}
    assert usage["completion_tokens_details"] == {"reasoning_tokens": 8}


def test_openais_caller_gets_usage_only_when_asked_for() -> None:
    with_usage, _ = to_openai(RICH)
    without, _ = to_openai(RICH, wants_usage=False)

    assert [part.usage is not None for part in chunks_of(with_usage)].count(True) == 1
    assert chunks_of(with_usage)[-1].choices == []
    assert all(part.usage is None and part.choices for part in chunks_of(without))


def test_several_thoughts_are_kept_apart() -> None:
    redacted = {"type": "redacted_thinking", "data": "eA=="}
    stream = started() + thought_block(0, ["a"], "s1") + event("content_block_start", index=1, content_block=redacted)
    stream += event("content_block_stop", index=1) + thought_block(2, ["b"], "s2") + text_block(3, ["c"]) + finished()

    blocks = completion_of(to_openai(stream)[0]).choices[0].message.to_dict()["thinking_blocks"]

    assert [(one["index"], one["type"]) for one in blocks] == [
        (0, "thinking"),
        (1, "redacted_thinking"),
        (2, "thinking"),
    ]
    assert [one.get("signature", one.get("data")) for one in blocks] == ["s1", "eA==", "s2"]


def test_an_openai_stream_is_a_message_for_anthropics_helper() -> None:
    call = {"index": 0, "id": "call_1", "type": "function", "function": {"name": "f", "arguments": ""}}
    second = {"index": 1, "id": "call_2", "type": "function", "function": {"name": "g", "arguments": "{}"}}
    stream = (
        chunk({"role": "assistant", "content": "", "reasoning_content": None})
        + chunk({"reasoning_content": "まず"}) + chunk({"reasoning_content": "調べる"})
        + chunk({"content": "東京は"}) + chunk({"content": "晴れ"})
        + chunk({"tool_calls": [call]}) + chunk({"tool_calls": [{"index": 0, "function": {"arguments": '{"city": '}}]})
        + chunk({"tool_calls": [{"index": 0, "function": {"arguments": '"東京"}'}}]})
        + chunk({"tool_calls": [second]}) + chunk({}, "tool_calls") + chunk(None, usage=USAGE) + DONE
    )  # fmt: skip
    made, _ = to_anthropic(stream)

    message = message_of(made)
    assert (message.id, message.model, message.stop_reason) == ("chatcmpl-1", "gpt-x-2026", "tool_use")
    assert [block.to_dict() for block in message.content] == [
        {"type": "thinking", "thinking": "まず調べる", "signature": ""},
        {"type": "text", "text": "東京は晴れ"},
        {"type": "tool_use", "id": "call_1", "name": "f", "input": {"city": "東京"}},
        {"type": "tool_use", "id": "call_2", "name": "g", "input": {}},
    ]
    usage = message.usage
    assert (usage.input_tokens, usage.cache_read_input_tokens, usage.output_tokens) == (36, 64, 20)
    assert usage.output_tokens_details is not None
    assert usage.output_tokens_details.thinking_tokens == 8
    assert order_of(made) == ["start 0", "stop 0", "start 1", "stop 1", "start 2", "stop 2", "start 3", "stop 3"]


def order_of(stream: bytes) -> list[str]:
    told = [json.loads(data_of(raw)) for raw in Events().feed(stream)]
    return [
        f"{one['type'].rpartition('_')[2]} {one['index']}"
        for one in told
        if one["type"] in ("content_block_start", "content_block_stop")
    ]


def test_calls_told_interleaved_stay_whole() -> None:
    def piece(index: int, arguments: str, **head: Any) -> bytes:
        function = {"arguments": arguments} | ({"name": head.pop("name")} if head else {})
        return chunk({"tool_calls": [{"index": index, "function": function, **head}]})

    stream = (
        piece(0, '{"a":', id="call_1", name="f") + piece(1, '{"b":', id="call_2", name="g") + piece(0, " 1}")
        + piece(1, " 2}") + chunk({"content": "以上"}) + chunk({}, "tool_calls") + DONE
    )  # fmt: skip
    made, _ = to_anthropic(stream)

    assert [block.to_dict() for block in message_of(made).content] == [
        {"type": "tool_use", "id": "call_1", "name": "f", "input": {"a": 1}},
        {"type": "tool_use", "id": "call_2", "name": "g", "input": {"b": 2}},
        {"type": "text", "text": "以上"},
    ]
    assert order_of(made).count("start 0") == order_of(made).count("stop 0") == 1


def test_a_call_whose_name_comes_late_waits_for_it() -> None:
    stream = (
        chunk({"tool_calls": [{"index": 0, "id": "call_1", "function": {"arguments": '{"a"'}}]})
        + chunk({"tool_calls": [{"index": 0, "function": {"name": "f", "arguments": ":1}"}}]})
        + chunk({"tool_calls": [{"index": 1, "function": {"name": "g", "arguments": {"b": 2}}}]}) + chunk({}, "stop") + DONE
    )  # fmt: skip

    message = message_of(to_anthropic(stream)[0])

    assert [block.to_dict()["input"] for block in message.content] == [{"a": 1}, {"b": 2}]
    assert message.stop_reason == "tool_use"


def test_calls_that_a_server_numbers_alike_are_told_apart_by_their_ids() -> None:
    def whole(call_id: str, n: int) -> bytes:
        call = {"index": 0, "id": call_id, "type": "function", "function": {"name": "f", "arguments": f'{{"n":{n}}}'}}
        return chunk({"tool_calls": [call]})

    stream = whole("a", 1) + whole("b", 2) + chunk({"tool_calls": [{"id": "c", "function": {"name": "g"}}]})
    message = message_of(to_anthropic(stream + chunk({}, "tool_calls") + DONE)[0])

    assert [(block.to_dict()["id"], block.to_dict()["input"]) for block in message.content] == [
        ("a", {"n": 1}), ("b", {"n": 2}), ("c", {}),
    ]  # fmt: skip


def test_a_refusal_in_pieces_is_a_refusal() -> None:
    stream = (
        chunk({"role": "assistant", "refusal": "お答え"}) + chunk({"refusal": "できません"}) + chunk({}, "stop") + DONE
    )

    message = message_of(to_anthropic(stream)[0])

    assert message.stop_reason == "refusal"
    assert message.content[0].to_dict()["text"] == "お答えできません"


@pytest.mark.parametrize("finish", [("stop", "end_turn"), ("length", "max_tokens"), ("content_filter", "refusal")])
def test_finish_reasons_are_translated_in_streams(finish: tuple[str, str]) -> None:
    assert message_of(to_anthropic(openai_text_stream(["a"], finish=finish[0]))[0]).stop_reason == finish[1]


def test_a_server_that_never_says_done_is_ended_when_it_closes() -> None:
    stream = openai_text_stream(["a"], usage=False).removesuffix(DONE)
    assert message_of(to_anthropic(stream)[0]).stop_reason == "end_turn"

    stream = (started() + text_block(0, ["a"]) + finished()).rpartition(b"event: message_stop")[0]
    assert completion_of(to_openai(stream)[0]).choices[0].finish_reason == "stop"
    assert to_openai(stream)[0].endswith(DONE)


def test_errors_in_the_midst_are_errors_in_the_midst() -> None:
    overloaded = event("error", error={"type": "overloaded_error", "message": "Overloaded"})
    stream, translator = to_openai(started() + text_block(0, ["a"]) + overloaded + finished())
    with pytest.raises(openai.APIError) as caught:
        completion_of(stream)
    assert (caught.value.code, caught.value.message) == ("overloaded_error", "Overloaded")
    assert translator.standing().is_done

    broken = b'data: {"error":{"message":"bad day","type":"server_error","code":null}}\n\n'
    stream, also = to_anthropic(chunk({"content": "a"}) + broken + DONE)
    with pytest.raises(anthropic.APIStatusError) as raised:
        message_of(stream)
    assert (raised.value.error_code, raised.value.api_message) == ("server_error", "bad day")
    assert also.standing().is_done


def test_signs_of_life_pass() -> None:
    stream, _ = to_openai(started() + event("ping") + text_block(0, ["a"]) + finished())
    assert b": ping\n\n" in stream

    made, _ = to_anthropic(chunk({"content": "a"}) + b": OPENROUTER PROCESSING\n\n" + chunk({}, "stop") + DONE)
    assert b"event: ping\n" in made
    assert message_of(made).content[0].to_dict()["text"] == "a"


PLACES = [0.15, 0.35, 0.5, 0.62, 0.75, 0.9]


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("reason", [Cut(), Broken("upstream_lost", "切れました。")])
def test_a_translated_stream_can_be_ended_anywhere(place: float, reason: Cut | Broken) -> None:
    part = RICH[: int(len(RICH) * place)]
    translator = StreamToOpenAI(created=1, wants_usage=True)
    passed = b"".join(one for raw in Events().feed(part) for one in translator.feed(raw))
    stream = passed + end_of_stream("openai", translator.standing(), reason)
    if isinstance(reason, Broken):
        with pytest.raises(openai.APIError):
            completion_of(stream)
    else:
        assert completion_of(stream).choices[0].finish_reason == "length"

    there, _ = to_openai(RICH)
    back = StreamToAnthropic()
    passed = b"".join(one for raw in Events().feed(there[: int(len(there) * place)]) for one in back.feed(raw))
    stream = passed + end_of_stream("anthropic", back.standing(), reason)
    if isinstance(reason, Broken):
        with pytest.raises(anthropic.APIStatusError):
            message_of(stream)
    else:
        assert message_of(stream).stop_reason == "max_tokens"


def test_there_and_back_says_the_same() -> None:
    there, _ = to_openai(RICH)
    back, _ = to_anthropic(there)

    first, second = message_of(RICH), message_of(back)
    kinds = [block.type for block in first.content]
    assert [block.type for block in second.content] == kinds
    assert [block.to_dict() for block in second.content][1:] == [block.to_dict() for block in first.content][1:]
    assert (second.stop_reason, second.usage.output_tokens) == (first.stop_reason, first.usage.output_tokens)
    assert second.usage.input_tokens == 30


@given(st.lists(st.text(max_size=8) | st.sampled_from(TEXTS), max_size=6), st.lists(st.integers(0, 99_999), max_size=8))
@settings(max_examples=200, deadline=None)
def test_texts_and_chunkings_change_nothing(texts: list[str], places: list[int]) -> None:
    for source, make in ((anthropic_text_stream(texts), to_openai), (openai_text_stream(texts), to_anthropic)):
        whole, _ = make(source)
        events = Events()
        pieces = [raw for part in cuts(source, places) for raw in events.feed(part)]
        assert make(b"".join(pieces))[0] == whole
        told = [json.loads(data_of(raw)) for raw in Events().feed(whole) if data_of(raw).startswith(b"{")]
        said = "".join(
            str(choice["delta"].get("content") or "") for one in told for choice in one.get("choices", [])
        ) + "".join(one["delta"]["text"] for one in told if one.get("type") == "content_block_delta")  # fmt: skip
        assert said == "".join(texts)


PIECES = st.lists(
    st.one_of(
        st.tuples(st.just("content"), st.text(min_size=1, max_size=6)),
        st.tuples(st.just("reasoning_content"), st.text(min_size=1, max_size=6)),
        st.tuples(st.sampled_from(["0", "1", "2"]), st.integers(1, 4)),
    ),
    max_size=14,
)


def told_in_pieces(pieces: list[tuple[str, Any]]) -> tuple[bytes, dict[str, dict[str, Any]]]:
    """A stream that tells texts, thoughts and up to three calls in any order, and what the calls' inputs are."""
    inputs = {str(n): {"n": n, "市": "東京" * n} for n in range(3)}
    left = {key: json.dumps(value) for key, value in inputs.items()}
    used: dict[str, dict[str, Any]] = {}
    stream = b""
    for key, value in [*pieces, *((key, 999) for key in inputs)]:
        if key not in inputs:
            stream += chunk({key: value})
            continue
        if value == 999 and key not in used:
            continue
        part, left[key] = left[key][:value], left[key][value:]
        call: dict[str, Any] = {"function": {"arguments": part}}
        if key not in used:
            used[key] = {"index": len(used)}
            call |= {"id": f"call_{key}", "type": "function", "function": {"name": "f", "arguments": part}}
        call["index"] = used[key]["index"]
        stream += chunk({"tool_calls": [call]})
    return stream + chunk({}, "stop") + DONE, {f"call_{key}": inputs[key] for key in used}


@given(PIECES)
@settings(max_examples=150, deadline=None)
def test_pieces_in_any_order_make_well_formed_messages(pieces: list[tuple[str, Any]]) -> None:
    stream, inputs = told_in_pieces(pieces)
    made, _ = to_anthropic(stream)

    open_blocks: set[int] = set()
    started_blocks = 0
    for raw in Events().feed(made):
        told = json.loads(data_of(raw))
        if told["type"] == "content_block_start":
            assert told["index"] == started_blocks
            started_blocks += 1
            open_blocks.add(told["index"])
        elif told["type"] == "content_block_delta":
            assert told["index"] in open_blocks
        elif told["type"] == "content_block_stop":
            open_blocks.remove(told["index"])
    assert open_blocks == set()

    blocks = [block.to_dict() for block in message_of(made).content]
    assert {block["id"]: block["input"] for block in blocks if block["type"] == "tool_use"} == inputs
    for kind, key, name in (("text", "content", "text"), ("thinking", "reasoning_content", "thinking")):
        said = "".join(value for piece, value in pieces if piece == key)
        assert "".join(str(block[name]) for block in blocks if block["type"] == kind) == said


JSONS = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 3) | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(["choices", "delta", "content", "tool_calls", "function", "arguments", "name", "index", "usage", "type",
                         "text", "message", "content_block", "error", "finish_reason", "stop_reason", "thinking", "signature"]),
        inner, max_size=4,
    ),
    max_leaves=10,
)  # fmt: skip
KINDS = st.sampled_from(
    ["message_start", "content_block_start", "content_block_delta", "content_block_stop", "message_delta", "message_stop",
     "error", "ping", "text_delta", "input_json_delta", "thinking_delta", "signature_delta", "tool_use", "thinking"]
)  # fmt: skip
EVENTS = st.lists(
    st.dictionaries(st.sampled_from(["index", "delta", "content_block", "message", "usage", "error", "choices"]), JSONS, max_size=4)
    .flatmap(lambda body: KINDS.map(lambda kind: {"type": kind, **body})),
    max_size=8,
)  # fmt: skip


@given(EVENTS, st.lists(st.binary(max_size=8), max_size=2))
@settings(max_examples=400, deadline=None)
def test_garbage_streams_raise_nothing(bodies: list[Any], junk: list[bytes]) -> None:
    stream = b"".join(b"data: " + json.dumps(body).encode() + b"\n\n" for body in bodies) + b"\n\n".join(junk) + DONE
    for make in (to_openai, to_anthropic):
        made, translator = make(stream)
        standing = translator.standing()
        for dialect in ("openai", "anthropic"):
            end_of_stream(dialect, standing, Cut())  # type: ignore[arg-type]
        assert isinstance(made, bytes)
