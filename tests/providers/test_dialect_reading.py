"""What answers and streams tell of themselves, and what they cannot pretend."""

from __future__ import annotations

import json
from typing import Any
from unittest import mock

import msgspec
import pytest
from dialect_parts import (
    DONE,
    TEXTS,
    USAGE,
    anthropic_text_stream,
    chunk,
    cuts,
    event,
    finished,
    openai_text_stream,
    started,
    text_block,
    thought_block,
    tool_block,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from jitsuri.providers.rules import reading
from jitsuri.providers.rules.glancing import NULL, size_of
from jitsuri.providers.rules.reading import StreamReader, read_answer
from jitsuri.providers.rules.recognising import Repeats
from jitsuri.providers.shapes import Dialect, Told


def completion(message: dict[str, Any] | None = None, finish: str | None = "stop", **more: Any) -> bytes:
    told: dict[str, Any] = {
        "id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "gpt-x", "service_tier": "flex",
        "choices": [{"index": 0, "message": message or {"role": "assistant", "content": "はい"},
                     "logprobs": None, "finish_reason": finish}],
        "usage": USAGE,
    }  # fmt: skip
    return json.dumps(told | more).encode()


def message(**more: Any) -> bytes:
    told: dict[str, Any] = {
        "id": "msg_1", "type": "message", "role": "assistant", "model": "claude-x",
        "content": [{"type": "text", "text": "はい"}], "stop_reason": "end_turn", "stop_sequence": None,
        "usage": {"input_tokens": 9, "output_tokens": 2, "service_tier": "priority"},
    }  # fmt: skip
    return json.dumps(told | more).encode()


def test_a_completion_tells_id_model_tier_usage_and_finish() -> None:
    told = read_answer("openai", "chat", completion())

    assert told == Told("chatcmpl-1", "gpt-x", "flex", USAGE, "stop")


def test_a_message_tells_the_same_in_openais_words() -> None:
    told = read_answer("anthropic", "chat", message())

    assert (told.response_id, told.model, told.tier, told.finish) == ("msg_1", "claude-x", "priority", "stop")
    assert told.usage is not None
    assert told.usage["input_tokens"] == 9
    assert read_answer("anthropic", "chat", message(usage={"speed": "fast"})).tier == "fast"


@pytest.mark.parametrize(
    ("reason", "finish"),
    [("end_turn", "stop"), ("stop_sequence", "stop"), ("max_tokens", "length"), ("tool_use", "tool_calls"),
     ("refusal", "content_filter"), ("model_context_window_exceeded", "length"), ("pause_turn", "length"),
     (None, ""), ("something_new", "something_new")],
)  # fmt: skip
def test_stop_reasons_become_finish_reasons(reason: str | None, finish: str) -> None:
    assert read_answer("anthropic", "chat", message(stop_reason=reason)).finish == finish


@pytest.mark.parametrize(
    ("dialect", "body", "is_empty"),
    [
        ("openai", completion({"content": ""}), True),
        ("openai", completion({"content": None}), True),
        ("openai", completion({"content": None, "tool_calls": []}), True),
        ("openai", completion({"content": None, "tool_calls": [{"id": "a"}]}), False),
        ("openai", completion({"content": "", "reasoning_content": "だから"}), False),
        ("openai", completion({"content": None, "refusal": "いいえ"}), False),
        ("anthropic", message(content=[]), True),
        ("anthropic", message(content=[{"type": "text", "text": ""}]), True),
        ("anthropic", message(content=[{"type": "tool_use", "id": "a", "name": "f", "input": {}}]), False),
    ],
)
def test_an_answer_without_content_is_empty(dialect: Dialect, body: bytes, is_empty: bool) -> None:
    assert read_answer(dialect, "chat", body).is_empty is is_empty


def test_of_several_answers_one_cut_is_told() -> None:
    choices = [{"index": i, "message": {"content": "a"}, "finish_reason": f} for i, f in enumerate(["stop", "length"])]

    assert read_answer("openai", "chat", completion(choices=choices)).finish == "length"


@pytest.mark.parametrize(
    ("dialect", "body", "code", "said"),
    [
        (
            "openai",
            b'{"error":{"message":"\xe6\xba\x80\xe6\x9d\xaf","code":429,"type":"overloaded"}}',
            "overloaded",
            "満杯",
        ),
        ("openai", b'{"error":{"code":502}}', "502", ""),
        ("openai", b'{"error":"no"}', "error", "no"),
        ("anthropic", b'{"type":"error","error":{"type":"overloaded_error","message":"x"}}', "overloaded_error", "x"),
        ("openai", b"<html>", "answer_unreadable", ""),
        ("openai", b"", "answer_unreadable", ""),
        ("openai", b"{}", "answer_unreadable", ""),
        ("anthropic", b"[]", "answer_unreadable", ""),
        ("openai", b'{"error":null,"choices":[{"message":{"content":"a"}}]}', "", ""),
    ],
)
def test_errors_inside_good_statuses_are_seen(dialect: Dialect, body: bytes, code: str, said: str) -> None:
    told = read_answer(dialect, "chat", body)

    assert (told.error_code, told.error_message) == (code, said)


def test_embeddings_tell_usage_and_whether_there_are_any() -> None:
    body = json.dumps({"object": "list", "data": [{"index": 0, "embedding": [0.1]}], "model": "e", "usage": USAGE})

    told = read_answer("openai", "embeddings", body.encode())

    assert (told.model, told.usage, told.finish, told.is_empty) == ("e", USAGE, "stop", False)
    assert read_answer("openai", "embeddings", b'{"data":[],"model":"e"}').is_empty


def test_a_field_of_another_type_costs_only_itself() -> None:
    body = completion(id=7, usage=USAGE | {"prompt_tokens": "5"}, service_tier=["x"], choices=[
        {"index": "0", "finish_reason": 3, "message": {"content": ["a"]}}
    ])  # fmt: skip
    told = read_answer("openai", "chat", body)

    assert (told.response_id, told.model, told.is_empty) == ("", "gpt-x", False)
    assert told.usage is not None
    assert told.usage["prompt_tokens"] == "5"


def read(dialect: Dialect, *pieces: bytes, wants_usage: bool = True, answers: int = 1) -> tuple[StreamReader, bytes]:
    reader = StreamReader(dialect, wants_usage=wants_usage, answers=answers)
    passed = b"".join(one for piece in pieces for one in reader.feed(piece))
    return reader, passed + b"".join(reader.close())


@pytest.mark.parametrize("hidden", [False, True])
@pytest.mark.parametrize("wants_usage", [False, True])
def test_an_openai_stream_passes_as_it_came_and_tells_all(hidden: bool, wants_usage: bool) -> None:
    stream = openai_text_stream(TEXTS, hidden=hidden)
    reader, passed = read("openai", stream, wants_usage=wants_usage)

    told = reader.told()
    usage_event = chunk(None, usage=USAGE)
    assert passed == (stream if wants_usage else stream.replace(usage_event, b""))
    assert (told.response_id, told.model, told.tier) == ("chatcmpl-1", "gpt-x-2026", "default")
    assert (told.usage, told.finish, told.error_code) == (USAGE, "stop", "")
    assert told.output_events == reader.output_events == len([text for text in TEXTS if text])
    assert told.output_bytes == sum(len(json.dumps(text, ensure_ascii=False).encode()) - 2 for text in TEXTS)
    assert reader.is_done


def test_an_anthropic_stream_passes_as_it_came_and_tells_all() -> None:
    stream = (
        started() + event("ping") + thought_block(0, ["まず"], "c2ln") + text_block(1, TEXTS)
        + tool_block(2, "f", ['{"a"', ": 1}"]) + finished("tool_use", input_tokens=None)
    )  # fmt: skip
    reader, passed = read("anthropic", stream)

    told = reader.told()
    assert passed == stream
    assert (told.response_id, told.model, told.tier, told.finish) == ("msg_1", "claude-x", "standard", "tool_calls")
    assert told.usage == {
        "input_tokens": 36, "cache_read_input_tokens": 64, "output_tokens": 20, "service_tier": "standard",
    }  # fmt: skip
    assert told.output_events == 1 + len([text for text in TEXTS if text]) + 2
    assert reader.is_done
    assert not told.is_empty


def test_usage_beside_content_is_passed_on_to_everybody() -> None:
    last = chunk({"content": "a"}, "stop", usage=USAGE)

    reader, passed = read("openai", last + DONE, wants_usage=False)

    assert passed == last + DONE
    assert reader.told().usage == USAGE


def test_a_stream_without_its_end_is_told_as_cut() -> None:
    reader, _ = read("openai", openai_text_stream(["a"]).partition(b'"finish_reason":"stop"')[0])

    assert (reader.told().finish, reader.is_done, reader.told().output_events) == ("", False, 1)
    assert reader.standing().open_answers == (0,)
    assert reader.standing().has_started


def test_every_answer_of_a_stream_must_finish() -> None:
    def one(index: int, finish: str | None) -> bytes:
        return chunk({}, choices=[{"index": index, "delta": {"content": "a"}, "finish_reason": finish}])

    reader, _ = read("openai", one(0, None) + one(1, None) + one(1, "stop"), answers=2)

    assert reader.told().finish == ""
    assert reader.standing().open_answers == (0,)
    reader.feed(one(0, "length"))
    assert reader.told().finish == "length"


def test_errors_in_the_midst_end_the_stream() -> None:
    broken = b'data: {"error":{"message":"server had a bad day","type":"server_error","code":null}}\n\n'
    reader, passed = read("openai", chunk({"content": "a"}) + broken)
    assert (reader.told().error_code, reader.told().error_message) == ("server_error", "server had a bad day")
    assert reader.is_done
    assert passed.endswith(broken)

    overloaded = event("error", error={"type": "overloaded_error", "message": "Overloaded"})
    reader, _ = read("anthropic", started() + overloaded)
    assert (reader.told().error_code, reader.is_done) == ("overloaded_error", True)
    assert reader.standing().is_done


def test_a_text_that_looks_like_the_end_ends_nothing() -> None:
    texts = ['","finish_reason":"stop"}],"usage":{"prompt_tokens":9}}', '"error":{"code":"x"}', "[DONE]", '{"usage":1}']
    pieces = b"".join(chunk({"content": text}) for text in ["a", *texts, *texts])

    reader, passed = read("openai", pieces)

    assert passed == pieces
    told = reader.told()
    assert (told.usage, told.finish, told.error_code, reader.is_done) == (None, "", "", False)
    assert told.output_events == 9


def test_a_finish_beside_a_text_is_seen_though_the_text_repeats() -> None:
    reader, _ = read("openai", chunk({"content": "a"}) + chunk({"content": "b"}) + chunk({"content": "c"}, "length"))

    assert reader.told().finish == "length"


def test_a_json_body_in_place_of_a_stream_is_read_whole() -> None:
    reader, passed = read("openai", b'{"error":{"message":"x","type":"invalid_request_error","code":"bad"}}')

    assert reader.told().error_code == "bad"
    assert passed.startswith(b'{"error"')


def test_half_an_event_is_not_passed_on_but_a_whole_one_without_its_line_is() -> None:
    _, passed = read("openai", chunk({"content": "a"}) + b'data: {"id":"chatc')
    assert passed == chunk({"content": "a"})

    reader, passed = read("openai", chunk({"content": "a"}) + b"data: [DONE]")
    assert passed == chunk({"content": "a"}) + DONE
    assert reader.is_done


def test_open_blocks_are_known_at_any_moment() -> None:
    reader = StreamReader("anthropic")
    reader.feed(started() + text_block(0, ["a"]) + tool_block(1, "f", ["{"]).rpartition(b"event:")[0])

    standing = reader.standing()
    assert (standing.open_blocks, standing.has_started, standing.is_done) == ((1,), True, False)


PIECES = st.lists(st.text(max_size=12) | st.sampled_from(TEXTS), max_size=8)
PLACES = st.lists(st.integers(0, 100_000), max_size=12)


@given(PIECES, PLACES, st.sampled_from(["openai", "hidden", "anthropic"]), st.booleans())
@settings(max_examples=300, deadline=None)
def test_any_chunking_tells_and_passes_the_same(texts: list[str], places: list[int], kind: str, wants: bool) -> None:
    dialect: Dialect = "anthropic" if kind == "anthropic" else "openai"
    stream = (
        anthropic_text_stream(texts) if dialect == "anthropic" else openai_text_stream(texts, hidden=kind == "hidden")
    )
    whole, passed = read(dialect, stream, wants_usage=wants)
    pieced, also_passed = read(dialect, *cuts(stream, places), wants_usage=wants)

    assert passed == also_passed
    assert whole.told() == pieced.told()
    assert whole.told().output_events == len([text for text in texts if text])
    assert whole.told().finish == "stop"


BITS = st.sampled_from(
    ["a", "", '"', "\\\\", "\\", '"}', '"finish_reason":"stop"', '"obfuscation":"', "null", " ", "x" * 9, "あ", "content"]
)  # fmt: skip
SAYINGS = st.lists(BITS, max_size=3).map("".join)
DELTAS = st.fixed_dictionaries(
    {}, optional={"content": SAYINGS | st.none(), "reasoning_content": SAYINGS, "role": SAYINGS}
)
CHUNKS = st.builds(
    lambda delta, finish, more, keep: chunk(delta, finish, **{key: more[key] for key in more if keep}),
    DELTAS, st.sampled_from([None, None, None, "stop", "length"]),
    st.fixed_dictionaries({}, optional={
        "usage": st.sampled_from([None, USAGE, {"content": "a"}]), "obfuscation": SAYINGS, "error": st.sampled_from([None, {"code": "e"}]),
        "id": SAYINGS, "model": SAYINGS, "service_tier": st.sampled_from(["default", "flex"]),
    }),
    st.booleans(),
)  # fmt: skip
PADS = st.sampled_from(
    [b"}}\n\n", b"}   }  \n\n", b',"usage":{"output_tokens":7}}}\n\n', b'},"usage":{"output_tokens":7}}\n\n']
)
DELTA_EVENTS = st.tuples(SAYINGS, st.sampled_from(["text", "thinking", "partial_json"]), st.integers(0, 1), PADS).map(
    lambda t: event("content_block_delta", index=t[2], delta={t[1]: t[0]}).removesuffix(b"}}\n\n") + t[3]
)


@given(st.lists(CHUNKS, max_size=10) | st.lists(DELTA_EVENTS, max_size=10), st.sampled_from(["openai", "anthropic"]))
@settings(max_examples=600, deadline=None)
def test_recognising_tells_what_decoding_tells(stream: list[bytes], dialect: Dialect) -> None:
    """A reader that decodes every event is the oracle."""
    quick, passed = read(dialect, *stream, wants_usage=False)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Repeats, "size", lambda _self, _event: -1)
        slow, also_passed = read(dialect, *stream, wants_usage=False)

    assert quick.told() == slow.told()
    assert quick.standing() == slow.standing()
    assert passed == also_passed


def test_repeated_events_are_recognised() -> None:
    """Else the way would be right and slow."""
    for make, dialect in ((openai_text_stream, "openai"), (anthropic_text_stream, "anthropic")):
        known = Repeats()
        reader = StreamReader(dialect)  # type: ignore[arg-type]
        reader._repeats = known
        reader.feed(make(["a", "b"]))  # type: ignore[operator]
        events = [one for one in make(["c", "d e"]).split(b"\n\n") if b'"c"' in one or b'"d e"' in one]  # type: ignore[operator]
        assert [known.size(one + b"\n\n") for one in events] == [1, 3]


WORDS = st.sampled_from(
    [b"data: ", b"event: error\n", b"event: message_delta\n", b"\n\n", b"\r\n", b'{"choices":[', b'{"delta":', b"}]}",
     b'{"type":"message_start","message":{}}', b'"usage":3', b"null", b"[DONE]", b"\xff", b'{"error":1}', b"{", b"[" * 2000,
     b'{"type":"error"}', b'{"choices":[{"delta":{"content":5},"finish_reason":[]}],"usage":{}}', b": x"]
)  # fmt: skip


@given(st.lists(WORDS | st.binary(max_size=10), max_size=14), st.sampled_from(["openai", "anthropic"]))
@settings(max_examples=400, deadline=None)
def test_garbage_is_read_without_an_exception(words: list[bytes], dialect: Dialect) -> None:
    reader, _ = read(dialect, *words)
    reader.told()
    reader.standing()
    read_answer(dialect, "chat", b"".join(words))
    read_answer(dialect, "embeddings", b"".join(words))


SAID_ANYHOW: list[Any] = [
    None,
    "",
    "a",
    "ok",
    "null",
    "はい",
    [],
    [1],
    [{"type": "text", "text": "x"}],
    {},
    0,
    12345,
    True,
]


@settings(derandomize=True, deadline=None, max_examples=500)
@given(st.data())
def test_an_answer_of_one_choice_is_read_as_any_other_is(data: st.DataObject) -> None:
    said = data.draw(
        st.dictionaries(st.sampled_from(["content", "refusal", "tool_calls", "audio"]), st.sampled_from(SAID_ANYHOW))
    )
    finish = data.draw(st.sampled_from(["stop", "length", "max_tokens", "function_call", "", None, "else"]))
    choice = {"index": 0, "message": data.draw(st.sampled_from([said, said, None])), "finish_reason": finish}
    more: dict[str, Any] = {"choices": data.draw(st.sampled_from([[choice], [choice], [choice] * 2, [], None]))}
    for name in data.draw(
        st.lists(st.sampled_from(["error", "data", "usage", "id", "service_tier", "model"]), max_size=2)
    ):
        more[name] = data.draw(st.sampled_from([None, "x", {"message": "no", "code": "quota"}, []]))
    body = completion(said, finish, **more)

    told = read_answer("openai", "chat", body)
    with mock.patch.object(reading, "_SURELY_TEXT", 10**9):
        assert told == read_answer("openai", "chat", body)


@pytest.mark.parametrize("value", ["null", '""', "[]", '"a"', '"ab"', "0", "true", "[1]", '"null"', "12345", " null"])
def test_the_size_of_a_value_is_what_stands_between_its_marks(value: str) -> None:
    raw = msgspec.json.decode(f'{{"a":{value}}}'.encode(), type=dict[str, msgspec.Raw])["a"]
    bare = bytes(raw)

    assert size_of(raw) == (0 if bare == b"null" else max(0, len(bare) - 2))
    assert size_of(NULL) == 0
