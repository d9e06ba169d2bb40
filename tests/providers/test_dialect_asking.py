"""What a request asks for: read exactly, refused by field, forwarded as it came."""

from __future__ import annotations

import json
from typing import Any
from unittest import mock

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jitsuri import words
from jitsuri.providers.rules import asking, bounding
from jitsuri.providers.rules.asking import body_for, fields_of, read_ask
from jitsuri.providers.shapes import Asked, Dialect, Operation
from jitsuri.terms.outcomes import Refusal

SAID = [{"role": "user", "content": "納期はいつですか。"}]


def ask(dialect: Dialect = "openai", operation: Operation = "chat", /, **fields: Any) -> Asked:
    base: dict[str, Any] = {"model": "m", "messages": SAID}
    if dialect == "anthropic":
        base["max_tokens"] = 100
    read = read_ask(dialect, operation, json.dumps(base | fields).encode())
    assert isinstance(read, Asked), read
    return read


def test_a_request_is_read_as_far_as_routing_and_prices_need() -> None:
    asked = ask(max_tokens=300, n=2, stream=True, stream_options={"include_usage": True}, service_tier="flex", seed=7)

    assert (asked.model, asked.is_stream, asked.most_output_tokens, asked.answers) == ("m", True, 300, 2)
    assert (asked.wants_usage, asked.tier, asked.unbounded, asked.writes_cache) == (True, "flex", (), False)
    assert bytes(asked.fields["seed"]) == b"7"
    assert asked.input_bytes > 100


def test_of_two_maxima_the_larger_bounds_the_answer() -> None:
    assert ask(max_tokens=10, max_completion_tokens=30).most_output_tokens == 30
    assert ask(max_tokens=10, max_completion_tokens=None).most_output_tokens == 10
    assert ask().most_output_tokens is None


def test_null_is_as_good_as_absent() -> None:
    asked = ask(stream=None, n=None, max_tokens=None, stream_options=None, service_tier=None, tools=None)

    assert (asked.is_stream, asked.answers, asked.most_output_tokens, asked.unbounded) == (False, 1, None, ())


def test_anthropics_fast_mode_is_a_tier() -> None:
    assert ask("anthropic", speed="fast").tier == "fast"
    assert ask("anthropic", service_tier="standard_only").tier == "standard_only"


@pytest.mark.parametrize(
    ("dialect", "operation", "body", "code", "facts"),
    [
        ("openai", "chat", b"", "body_not_json", {"line": 1, "column": 1}),
        ("openai", "chat", '{"model": "あ", oops}'.encode(), "body_not_json", {"line": 1, "column": 16}),
        ("openai", "chat", b'{"model":"m",\n "messages":[}', "body_not_json", {"line": 2, "column": 14}),
        ("openai", "chat", b"[1]", "body_not_object", {"value": "[1]"}),
        ("openai", "chat", b'{"a":' + b"[" * 100_000, "body_too_deep", {}),
        ("openai", "chat", b'{"\xff":1}', "body_not_utf8", {}),
        ("openai", "chat", b'{"messages":[{}]}', "field_missing", {"field": "model"}),
        ("openai", "chat", b'{"model":null,"messages":[{}]}', "field_missing", {"field": "model"}),
        ("openai", "chat", b'{"model":"m"}', "field_missing", {"field": "messages"}),
        ("openai", "chat", b'{"model":3,"messages":[{}]}', "field_not_text", {"field": "model", "value": "3"}),
        ("openai", "chat", b'{"model":"","messages":[{}]}', "field_empty", {"field": "model"}),
        ("openai", "chat", b'{"model":"%s","messages":[{}]}' % (b"m" * 600), "field_too_long", {"longest": 512}),
        ("openai", "chat", b'{"model":"m","messages":[ ]}', "field_empty", {"field": "messages"}),
        ("openai", "chat", b'{"model":"m","messages":{"a":1}}', "field_not_list", {"value": '{"a":1}'}),
        ("openai", "chat", b'{"model":"m","messages":"hi"}', "field_not_list", {"value": '"hi"'}),
        ("openai", "chat", b'{"model":"m","messages":[{}],"stream":1}', "field_not_flag", {"field": "stream"}),
        ("openai", "chat", b'{"model":"m","messages":[{}],"n":0}', "field_out_of_range", {"low": 1, "high": 128}),
        ("openai", "chat", b'{"model":"m","messages":[{}],"n":1.5}', "field_not_whole", {"value": "1.5"}),
        ("openai", "chat", b'{"model":"m","messages":[{}],"max_tokens":0}', "field_out_of_range", {"value": 0}),
        ("openai", "chat", b'{"model":"m","messages":[{}],"max_tokens":"9"}', "field_not_whole", {"value": '"9"'}),
        ("openai", "chat", b'{"model":"m","messages":[{}],"service_tier":1}', "field_not_text", {"value": "1"}),
        ("anthropic", "chat", b'{"model":"m","messages":[{}]}', "field_missing", {"field": "max_tokens"}),
        ("openai", "embeddings", b'{"model":"m"}', "field_missing", {"field": "input"}),
        ("openai", "embeddings", b'{"model":"m","input":""}', "field_empty", {"field": "input"}),
        ("openai", "embeddings", b'{"model":"m","input":5}', "field_not_text_or_list", {"value": "5"}),
    ],
)
def test_a_wrong_request_is_refused_by_field_value_and_mend(
    dialect: Dialect, operation: Operation, body: bytes, code: str, facts: dict[str, Any]
) -> None:
    read = read_ask(dialect, operation, body)

    assert isinstance(read, Refusal)
    assert read.code == code
    assert facts.items() <= dict(read.facts).items()
    for language in words.LANGUAGES:
        assert words.text(f"refusal.{code}", language, **read.facts)


def test_zero_tokens_fill_anthropics_cache() -> None:
    assert ask("anthropic", max_tokens=0).most_output_tokens == 0


@pytest.mark.parametrize(
    ("dialect", "fields", "unbounded"),
    [
        ("openai", {"tools": [{"type": "function", "function": {"name": "web_search"}}]}, ()),
        ("openai", {"tools": [{"type": "web_search_preview"}]}, ("web_search_preview",)),
        ("openai", {"tools": [{"type": ["function"]}]}, ("tools",)),
        ("openai", {"tools": {"type": "function"}}, ("tools",)),
        ("openai", {"web_search_options": {"search_context_size": "low"}}, ("web_search_options",)),
        ("openai", {"models": ["a", "b"], "plugins": [{"id": "web"}]}, ("models", "plugins")),
        ("anthropic", {"tools": [{"name": "f", "input_schema": {}}, {"type": "bash_20250124", "name": "bash"}]}, ()),
        ("anthropic", {"tools": [{"type": "computer_20250124"}, {"type": "text_editor_20250728"}]}, ()),
        (
            "anthropic",
            {"tools": [{"type": "web_search_20260318"}, {"type": "web_fetch_20250910"}, {"type": "code_execution_20260521"}]},
            ("web_search", "web_fetch", "code_execution"),
        ),
        ("anthropic", {"mcp_servers": [{"url": "https://mcp.example.jp"}]}, ("mcp_servers",)),
        ("anthropic", {"mcp_servers": []}, ()),
    ],
)  # fmt: skip
def test_what_the_upstream_runs_by_itself_is_unbounded(
    dialect: Dialect, fields: dict[str, Any], unbounded: tuple[str, ...]
) -> None:
    assert ask(dialect, **fields).unbounded == unbounded


def part(**fields: Any) -> list[dict[str, Any]]:
    return [{"role": "user", "content": [{"type": "text", "text": "見て"}, fields]}]


IMAGE = {"type": "image", "source": {"type": "url", "url": "https://example.jp/a.png"}}


@pytest.mark.parametrize(
    ("dialect", "messages", "unbounded", "inline"),
    [
        ("openai", part(type="image_url", image_url={"url": "https://example.jp/a.png"}), ("image_url",), 0),
        ("openai", part(type="image_url", image_url={"url": "data:image/png;base64,AA"}), (), 1),
        ("openai", part(type="image_url", image_url="https://example.jp/a.png"), ("image_url",), 0),
        ("openai", part(type="video_url", video_url={"url": "https://example.jp/a.mp4"}), ("video_url",), 0),
        ("openai", part(type="input_audio", input_audio={"data": "AA", "format": "wav"}), (), 1),
        ("openai", part(type="file", file={"file_id": "file-1"}), ("file_id",), 0),
        ("openai", part(type="file", file={"file_data": "data:application/pdf;base64,AA"}), (), 1),
        ("openai", part(type="file", file={"file_data": "JVBERi0x"}), (), 1),
        ("openai", part(type="file", file={"file_data": "https://example.jp/a.pdf"}), ("file_data",), 0),
        ("openai", [{"role": "user", "content": '[{"image_url": 1}]'}, 5, None], (), 0),
        ("openai", [{"content": [["a"], {"type": "image_url", "image_url": 5}, {"type": "text"}]}], ("image_url",), 0),
        ("anthropic", part(**IMAGE), ("url",), 0),
        ("anthropic", part(type="image", source={"type": "base64", "data": "AA"}), (), 1),
        ("anthropic", part(type="document", source={"type": "file", "file_id": "f"}), ("file_id",), 0),
        ("anthropic", part(type="document", source={"type": "text", "data": "x"}), (), 0),
        ("anthropic", part(type="tool_result", tool_use_id="t", content=[IMAGE]), ("url",), 0),
        ("anthropic", part(type="document", source={"type": "content", "content": [IMAGE]}), ("url",), 0),
    ],
)
def test_what_is_fetched_by_address_is_unbounded(
    dialect: Dialect, messages: list[Any], unbounded: tuple[str, ...], inline: int
) -> None:
    asked = ask(dialect, messages=messages)

    assert (asked.unbounded, asked.inline_media) == (unbounded, inline)


def test_no_escape_hides_an_address() -> None:
    body = (
        rb'{"model":"m","messages":[{"role":"user","con\u0074ent":[ {"type":"image_url",'
        rb'"image\u005furl":{"\u0075rl":"https:\/\/example.jp"}}]}]}'
    )
    asked = read_ask("openai", "chat", body)

    assert isinstance(asked, Asked)
    assert asked.unbounded == ("image_url",)


def test_marks_for_the_cache_are_seen_wherever_they_stand() -> None:
    mark = {"type": "ephemeral"}
    marked = {"type": "text", "text": "x", "cache_control": mark}

    assert ask("anthropic", system=[marked]).writes_cache
    assert ask("anthropic", cache_control=mark).writes_cache
    assert ask("anthropic", messages=[{"role": "user", "content": [marked]}]).writes_cache
    assert ask("anthropic", tools=[{"name": "f", "input_schema": {}, "cache_control": mark}]).writes_cache
    assert not ask("anthropic", messages=[{"role": "user", "content": '"cache_control": {}'}]).writes_cache


def written(asked: Asked, **more: Any) -> dict[str, Any]:
    told: dict[str, Any] = {"model": "gpt-x", "most_output_tokens": None, "with_usage": False} | more
    made: dict[str, Any] = json.loads(body_for(asked, **told))
    return made


def test_the_forwarded_body_is_the_callers_but_for_the_model() -> None:
    raw = b'{"model":"task:a","messages":[{"role":"user","content":"\\u3042  x"}],"weird":{"a": [1.50, 2e3]}}'
    asked = read_ask("openai", "chat", raw)
    assert isinstance(asked, Asked)

    body = body_for(asked, model="gpt-x", most_output_tokens=None, with_usage=False)

    assert body == raw.replace(b"task:a", b"gpt-x")


@pytest.mark.parametrize(
    ("given", "field", "expected"),
    [
        ({}, "max_completion_tokens", {"max_completion_tokens": 50}),
        ({}, "max_tokens", {"max_tokens": 50}),
        ({"max_tokens": 90}, "max_completion_tokens", {"max_tokens": 50}),
        ({"max_completion_tokens": 90}, "max_completion_tokens", {"max_completion_tokens": 50}),
        ({"max_completion_tokens": 90}, "max_tokens", {"max_tokens": 50}),
        ({"max_completion_tokens": 90, "max_tokens": 80}, "max_completion_tokens",
         {"max_completion_tokens": 50, "max_tokens": 50}),
        ({"max_completion_tokens": 90, "max_tokens": 80}, "max_tokens", {"max_tokens": 50}),
    ],
)  # fmt: skip
def test_the_maximum_goes_where_the_server_understands_it(given: dict[str, int], field: Any, expected: Any) -> None:
    made = written(ask(**given), most_output_tokens=50, maximum_field=field)

    assert {name: value for name, value in made.items() if name.startswith("max_")} == expected


def test_a_server_of_before_gets_the_callers_own_maximum_by_its_old_name() -> None:
    made = written(ask(max_completion_tokens=90), maximum_field="max_tokens")

    assert made["max_tokens"] == 90
    assert "max_completion_tokens" not in made


def test_usage_is_asked_for_in_streams_only_and_other_options_stay() -> None:
    options = {"include_obfuscation": False, "include_usage": False}

    assert written(ask(stream=True, stream_options=options), with_usage=True)["stream_options"] == {
        "include_obfuscation": False, "include_usage": True,
    }  # fmt: skip
    assert written(ask(stream=True), with_usage=True)["stream_options"] == {"include_usage": True}
    assert "stream_options" not in written(ask(), with_usage=True)
    assert "stream_options" not in written(ask("anthropic", stream=True), with_usage=True)


def test_anthropic_gets_only_thoughts_that_it_signed() -> None:
    thoughts = [{"type": "thinking", "thinking": "a", "signature": ""}, {"type": "text", "text": "b"}]
    signed = {"type": "thinking", "thinking": "c", "signature": "s"}
    turns = [*SAID, {"role": "assistant", "content": [*thoughts, signed]}, *SAID]

    made = written(ask("anthropic", messages=turns), most_output_tokens=9)

    assert made["messages"][1]["content"] == [thoughts[1], signed]
    assert made["max_tokens"] == 9


def test_bodies_of_other_paths_are_read_only_for_their_model() -> None:
    asked = read_ask("openai", "other", b'{"model":"tts-1","input":"x","stream":true}')
    assert isinstance(asked, Asked)
    assert (asked.model, asked.is_stream) == ("tts-1", True)

    multipart = read_ask("openai", "other", b"--x\r\ncontent-disposition: form-data\r\n\r\n\xff")
    assert isinstance(multipart, Asked)
    assert (multipart.model, multipart.fields) == ("", {})


def test_an_unreadable_text_deep_inside_is_found_when_it_must_be_decoded() -> None:
    asked = read_ask("openai", "chat", b'{"model":"m","messages":[{"role":"user","content":"\xff"}]}')
    assert isinstance(asked, Asked)

    assert fields_of(asked) == Refusal("field_unreadable", {"field": "messages"})
    assert fields_of(ask(seed=7)) == {"model": "m", "messages": SAID, "seed": 7}


JSONS = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)  # fmt: skip
NAMES = st.sampled_from(
    ["model", "messages", "max_tokens", "max_completion_tokens", "stream", "n", "stream_options", "service_tier",
     "tools", "system", "input", "speed", "cache_control", "models", "web_search_options"]
)  # fmt: skip
GARBAGE = st.dictionaries(NAMES | st.text(max_size=5), JSONS, max_size=8).map(lambda d: json.dumps(d).encode())
ROUTES = st.tuples(st.sampled_from(["openai", "anthropic"]), st.sampled_from(["chat", "embeddings", "models", "other"]))


@given(ROUTES, GARBAGE | st.binary(max_size=60))
@settings(max_examples=500, deadline=None)
def test_any_body_is_a_refusal_or_a_request_never_an_exception(route: tuple[Any, Any], body: bytes) -> None:
    read = read_ask(route[0], route[1], body)

    if isinstance(read, Refusal):
        for language in words.LANGUAGES:
            words.text(f"refusal.{read.code}", language, **read.facts)
        return
    made = body_for(read, model="x", most_output_tokens=5, with_usage=True)
    assert msgspec.json.decode(made)["model"] == "x"
    fields_of(read)


PLAIN_VALUES: dict[str, list[Any]] = {
    "model": ["m", "m" * 512, "m" * 513, "", None, 3, "gpt-4o"],
    "messages": [SAID, [*SAID, *SAID], [], {}, "x" * 80, None, [{"role": "user", "content": "[" + "x" * 80}],
                 [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "https://a.jp/" + "b" * 60}}]}],
                 [{"role": "user", "content": [{"type": "text", "text": "x" * 70}]}], ["x" * 80], {"a": ["x" * 80]}],
    "max_tokens": [1, 0, 10_000_000, 10_000_001, None, "9", 1.5, -1, True],
    "stream": [True, False, None, 1, "x"],
    "temperature": [0.2], "stop": ["x", ["x"]], "metadata": [{"a": "["}, {"messages": ["x"]}], "user": ["["],
    "tools": [[], [{"type": "web_search"}]], "n": [1, 2, None], "service_tier": ["flex", None], "plugins": [[], [{}]],
    "max_completion_tokens": [3, None], "stream_options": [{"include_usage": True}, None],
}  # fmt: skip


@settings(derandomize=True, deadline=None, max_examples=250)
@given(st.data())
def test_a_plain_request_is_read_as_any_other_is(data: st.DataObject) -> None:
    others = data.draw(st.lists(st.sampled_from(sorted(PLAIN_VALUES)), unique=True, max_size=4))
    names = dict.fromkeys(["model", "messages", *others])
    fields = {
        name: data.draw(st.one_of(st.just(PLAIN_VALUES[name][0]), st.sampled_from(PLAIN_VALUES[name])))
        for name in names
    }
    raw = json.dumps(fields, ensure_ascii=False, separators=data.draw(st.sampled_from([None, (",", ":")]))).encode()

    read = read_ask("openai", "chat", raw)
    with mock.patch.object(asking, "_PLAIN_FIELDS", frozenset()):
        expected = read_ask("openai", "chat", raw)

    assert read == expected
    if isinstance(read, Asked):
        assert list(read.fields) == list(fields)


def test_ordinary_requests_take_the_short_way() -> None:
    raw = json.dumps({"model": "m", "messages": SAID * 3, "max_tokens": 5, "temperature": 0.1, "stream": True}).encode()
    fields = msgspec.json.decode(raw, type=dict[str, msgspec.Raw])

    assert asking._PLAIN_FIELDS.issuperset(fields)
    assert asking._plain_ask(fields, raw) == read_ask("openai", "chat", raw)
    assert not asking._PLAIN_FIELDS & set().union(*bounding._LOOKED_AT.values())
