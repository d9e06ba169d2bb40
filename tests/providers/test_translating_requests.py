"""Requests in the other dialect: what is said stays said, what cannot be said is refused by name."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from dialect_parts import (
    BEFORE,
    CALL,
    CLIENT_TOOL,
    NOW,
    PNG,
    SAID,
    SCHEMA,
    TOOL,
    USE,
    refused_to_anthropic,
    refused_to_openai,
    to_anthropic,
    to_openai,
)

from jitsuri.providers.rules.translating_manners import manner_of
from jitsuri.providers.shapes import Kind, Manner
from jitsuri.terms.outcomes import Refusal


def test_an_ordinary_request_says_the_same_in_both_dialects() -> None:
    messages = [{"role": "system", "content": "簡潔に。"}, *SAID]

    made = to_anthropic(messages=messages, max_tokens=300, temperature=0.2, stop="。", stream=True, user="u-17")

    assert made == {
        "model": "m", "max_tokens": 300, "system": "簡潔に。", "messages": SAID, "temperature": 0.2,
        "stop_sequences": ["。"], "stream": True, "metadata": {"user_id": "u-17"},
    }  # fmt: skip
    assert to_openai(**made) == {
        "model": "m", "max_completion_tokens": 300, "messages": messages, "temperature": 0.2, "stop": ["。"],
        "stream": True, "user": "u-17",
    }  # fmt: skip


def test_anthropic_needs_a_maximum_and_gets_one() -> None:
    assert to_anthropic()["max_tokens"] == NOW.most_output_tokens
    assert to_anthropic(Manner(most_output_tokens=500))["max_tokens"] == 500
    assert to_anthropic(max_tokens=10, max_completion_tokens=20)["max_tokens"] == 20


def test_a_server_of_before_gets_max_tokens() -> None:
    made = to_openai(Manner(maximum_field="max_tokens"))

    assert (made["max_tokens"], "max_completion_tokens" in made) == (1000, False)


def test_system_messages_come_first_whatever_their_place() -> None:
    made = to_anthropic(
        messages=[
            *SAID,
            {"role": "developer", "content": [{"type": "text", "text": "a"}]},
            {"role": "system", "content": "b"},
        ]
    )

    assert made["system"] == [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]
    assert made["messages"] == SAID


def test_tools_choices_and_calls_go_there_and_back() -> None:
    turns = [
        *SAID,
        {"role": "assistant", "content": "調べます。", "tool_calls": [CALL, CALL | {"id": "call_2"}]},
        {"role": "tool", "tool_call_id": "call_1", "content": "晴れ"},
        {"role": "tool", "tool_call_id": "call_2", "name": "f", "content": [{"type": "text", "text": "雨"}]},
        {"role": "user", "content": "どちら？"},
    ]
    made = to_anthropic(messages=turns, tools=[TOOL], tool_choice="required", parallel_tool_calls=False)

    assert made["tools"] == [CLIENT_TOOL]
    assert made["tool_choice"] == {"type": "any", "disable_parallel_tool_use": True}
    assert made["messages"] == [
        SAID[0],
        {"role": "assistant", "content": [{"type": "text", "text": "調べます。"}, USE, USE | {"id": "call_2"}]},
        {"role": "user", "content": [
            {"type": "tool_result", "tool_use_id": "call_1", "content": "晴れ"},
            {"type": "tool_result", "tool_use_id": "call_2", "content": [{"type": "text", "text": "雨"}]},
            {"type": "text", "text": "どちら？"},
        ]},
    ]  # fmt: skip
    back = to_openai(**made)
    assert back["tools"] == [TOOL]
    assert (back["tool_choice"], back["parallel_tool_calls"]) == ("required", False)
    assert back["messages"][1] == turns[1]
    assert back["messages"][2:] == [turns[2], {"role": "tool", "tool_call_id": "call_2", "content": "雨"}, turns[4]]


@pytest.mark.parametrize(
    ("openai", "anthropic"),
    [
        ("none", {"type": "none"}),
        ("auto", {"type": "auto"}),
        ("required", {"type": "any"}),
        ({"type": "function", "function": {"name": "f"}}, {"type": "tool", "name": "f"}),
    ],
)
def test_every_choice_of_tools_has_its_counterpart(openai: Any, anthropic: Any) -> None:
    assert to_anthropic(tools=[TOOL], tool_choice=openai)["tool_choice"] == anthropic
    assert to_openai(tools=[CLIENT_TOOL], tool_choice=anthropic)["tool_choice"] == openai


def test_strict_tools_and_tools_without_parameters() -> None:
    strict = {"type": "function", "function": {"name": "g", "strict": True}}

    assert to_anthropic(tools=[strict])["tools"] == [
        {"name": "g", "input_schema": {"type": "object", "properties": {}}, "strict": True}
    ]
    assert to_openai(tools=[CLIENT_TOOL | {"strict": True, "type": "custom"}])["tools"][0]["function"]["strict"]


def test_images_and_documents_go_there_and_back() -> None:
    pdf = base64.b64encode(b"%PDF-1.7").decode()
    parts = [
        {"type": "text", "text": "見て"},
        {"type": "image_url", "image_url": {"url": PNG}},
        {"type": "image_url", "image_url": {"url": "https://example.jp/a.png", "detail": "auto"}},
        {"type": "file", "file": {"filename": "契約.pdf", "file_data": f"data:application/pdf;base64,{pdf}"}},
    ]
    made = to_anthropic(messages=[{"role": "user", "content": parts}])

    assert made["messages"][0]["content"] == [
        {"type": "text", "text": "見て"},
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="}},
        {"type": "image", "source": {"type": "url", "url": "https://example.jp/a.png"}},
        {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": pdf}, "title": "契約.pdf"},
    ]  # fmt: skip
    back = to_openai(**made)["messages"][0]["content"]
    del parts[2]["image_url"]["detail"]  # type: ignore[attr-defined]
    assert back == parts


def test_text_documents_become_texts() -> None:
    data = base64.b64encode("本文".encode()).decode()
    file = {"type": "file", "file": {"file_data": f"data:text/plain;charset=utf-8;base64,{data}"}}
    made = to_anthropic(messages=[{"role": "user", "content": [file]}])
    assert made["messages"][0]["content"][0]["source"] == {"type": "text", "media_type": "text/plain", "data": "本文"}

    document = {
        "type": "document",
        "title": "題",
        "context": "注",
        "source": {"type": "text", "media_type": "text/plain", "data": "本文"},
    }
    content = {"type": "document", "source": {"type": "content", "content": [{"type": "text", "text": "a"}]}}
    back = to_openai(messages=[{"role": "user", "content": [document, content]}])
    assert [part["text"] for part in back["messages"][0]["content"]] == ["題\n注\n本文", "a"]


def test_structured_output_goes_there_and_back() -> None:
    told = {"type": "json_schema", "json_schema": {"name": "n", "schema": SCHEMA, "strict": True, "description": "d"}}

    made = to_anthropic(response_format=told)
    assert made["output_config"] == {"format": {"type": "json_schema", "schema": SCHEMA | {"description": "d"}}}
    back = to_openai(output_config={"format": {"type": "json_schema", "schema": SCHEMA}})
    assert back["response_format"] == {
        "type": "json_schema", "json_schema": {"name": "answer", "schema": SCHEMA, "strict": True},
    }  # fmt: skip
    assert (
        to_openai(output_format={"type": "json_schema", "schema": SCHEMA})["response_format"] == back["response_format"]
    )
    assert "output_config" not in to_anthropic(response_format={"type": "text"})


@pytest.mark.parametrize("word", ["low", "medium", "high", "xhigh", "max"])
def test_effort_is_one_word_in_both(word: str) -> None:
    assert to_anthropic(reasoning_effort=word)["output_config"] == {"effort": word}
    assert to_openai(output_config={"effort": word})["reasoning_effort"] == word
    assert to_openai(thinking={"type": "adaptive"}, output_config={"effort": word})["reasoning_effort"] == word


def test_effort_and_thinking_at_their_ends() -> None:
    assert to_anthropic(reasoning_effort="minimal")["output_config"] == {"effort": "low"}
    assert to_anthropic(reasoning_effort="none")["thinking"] == {"type": "disabled"}
    assert to_openai(thinking={"type": "disabled"})["reasoning_effort"] == "none"
    assert to_openai(thinking={"type": "between_tools"})["reasoning_effort"] == "none"
    assert "reasoning_effort" not in to_openai(thinking={"type": "adaptive", "display": "omitted"})
    assert to_anthropic(thinking={"type": "adaptive"})["thinking"] == {"type": "adaptive"}


@pytest.mark.parametrize(
    ("effort", "most", "budget"), [("low", 10_000, 2_000), ("high", 10_000, 8_000), ("low", 2_000, 1_024)]
)
def test_models_of_before_get_a_number_of_tokens(effort: str, most: int, budget: int) -> None:
    made = to_anthropic(BEFORE, reasoning_effort=effort, max_completion_tokens=most)

    assert made["thinking"] == {"type": "enabled", "budget_tokens": budget}
    assert budget < made["max_tokens"] == most


@pytest.mark.parametrize(("budget", "effort"), [(1_024, "low"), (5_000, "medium"), (9_000, "high")])
def test_a_number_of_tokens_becomes_a_word(budget: int, effort: str) -> None:
    thinking = {"type": "enabled", "budget_tokens": budget}

    assert to_openai(max_tokens=10_000, thinking=thinking)["reasoning_effort"] == effort


def test_models_that_never_think_need_not_be_told_not_to() -> None:
    plain = Manner(thinks="no")

    assert "reasoning_effort" not in to_openai(plain, thinking={"type": "disabled"})
    assert "thinking" not in to_anthropic(plain, reasoning_effort="none")
    assert refused_to_openai(plain, thinking={"type": "adaptive"}, output_config={"effort": "low"}).code
    assert refused_to_anthropic(plain, reasoning_effort="high").facts["field"] == "reasoning_effort"


def test_signed_thoughts_come_back_unsigned_ones_stay_behind() -> None:
    thoughts = [
        {"index": 0, "type": "thinking", "thinking": "まず", "signature": "c2ln"},
        {"type": "thinking", "thinking": "よその", "signature": ""},
        {"type": "redacted_thinking", "data": "eA=="},
    ]
    answer = {
        "role": "assistant",
        "content": "はい",
        "reasoning_content": "まず",
        "thinking_blocks": thoughts,
        "annotations": [],
    }

    made = to_anthropic(messages=[*SAID, answer, *SAID])

    assert made["messages"][1]["content"] == [
        {"type": "thinking", "thinking": "まず", "signature": "c2ln"},
        {"type": "redacted_thinking", "data": "eA=="},
        {"type": "text", "text": "はい"},
    ]
    assert to_openai(**made)["messages"][1] == {"role": "assistant", "content": "はい"}


def test_marks_for_the_cache_go_along_and_stay_behind() -> None:
    marked = {"type": "text", "text": "長い", "cache_control": {"type": "ephemeral", "ttl": "1h"}}
    assert to_anthropic(messages=[{"role": "user", "content": [marked]}])["messages"][0]["content"] == [marked]

    for ttl, mark in (("30m", {"type": "ephemeral"}), ("12h", {"type": "ephemeral", "ttl": "1h"})):
        told = {"type": "text", "text": "長い", "prompt_cache_breakpoint": {"mode": "explicit", "ttl": ttl}}
        made = to_anthropic(messages=[{"role": "user", "content": [told]}])
        assert made["messages"][0]["content"][0]["cache_control"] == mark

    made = to_openai(
        system=[marked], messages=[{"role": "user", "content": [marked]}], cache_control={"type": "ephemeral"}
    )
    assert "cache_control" not in json.dumps(made)


def test_ids_of_other_vendors_calls_are_made_fit_and_stay_pairs() -> None:
    turns = [
        *SAID, {"role": "assistant", "tool_calls": [CALL | {"id": "functions.f:0"}]},
        {"role": "tool", "tool_call_id": "functions.f:0", "content": ""},
    ]  # fmt: skip
    made = to_anthropic(messages=turns)["messages"]

    assert made[1]["content"][0]["id"] == made[2]["content"][0]["tool_use_id"] == "functions_f_0"
    assert made[2]["content"] == [{"type": "tool_result", "tool_use_id": "functions_f_0"}]


def test_what_says_nothing_is_left_out() -> None:
    made = to_anthropic(
        messages=[{"role": "system", "content": ""}, {"role": "user", "content": "a"}, {"role": "assistant", "content": ""},
                  {"role": "user", "content": [{"type": "text", "text": ""}, {"type": "text", "text": "b"}]}],
        n=1, logprobs=False, top_logprobs=0, frequency_penalty=0.0, presence_penalty=0, logit_bias={}, store=False,
        modalities=["text"], verbosity="medium", temperature=1, top_p=1.0, tools=[], tool_choice="auto", seed=None,
        stop=[], user="tanaka@example.jp",
    )  # fmt: skip

    assert made == {
        "model": "m", "max_tokens": NOW.most_output_tokens,
        "messages": [{"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}],
    }  # fmt: skip


def test_a_failed_call_says_so_in_its_text() -> None:
    result = {"type": "tool_result", "tool_use_id": "t", "content": "見つかりません", "is_error": True}

    made = to_openai(messages=[{"role": "user", "content": [result]}])

    assert made["messages"] == [{"role": "tool", "tool_call_id": "t", "content": "Error: 見つかりません"}]


def test_service_tiers_that_cost_the_same_are_translated() -> None:
    assert to_anthropic(service_tier="default")["service_tier"] == "standard_only"
    assert to_openai(service_tier="standard_only")["service_tier"] == "default"
    assert "service_tier" not in to_openai(service_tier="auto")


def turn(**part: Any) -> list[dict[str, Any]]:
    return [{"role": "user", "content": [part]}]


def answer(**more: Any) -> list[dict[str, Any]]:
    return [*SAID, {"role": "assistant", "content": "a"} | more, *SAID]


@pytest.mark.parametrize(
    ("fields", "field", "code"),
    [
        ({"n": 2}, "n", "untranslatable_field"),
        ({"seed": 7}, "seed", "untranslatable_field"),
        ({"logprobs": True}, "logprobs", "untranslatable_field"),
        ({"top_logprobs": 3}, "top_logprobs", "untranslatable_field"),
        ({"logit_bias": {"5": 1}}, "logit_bias", "untranslatable_field"),
        ({"frequency_penalty": 0.5}, "frequency_penalty", "untranslatable_field"),
        ({"modalities": ["text", "audio"]}, "modalities", "untranslatable_field"),
        ({"audio": {"voice": "alloy"}}, "audio", "untranslatable_field"),
        ({"prediction": {"type": "content"}}, "prediction", "untranslatable_field"),
        ({"web_search_options": {}}, "web_search_options", "untranslatable_field"),
        ({"store": True}, "store", "untranslatable_field"),
        ({"verbosity": "low"}, "verbosity", "untranslatable_field"),
        ({"moderation": {"model": "x"}}, "moderation", "untranslatable_field"),
        ({"whatever": 1}, "whatever", "untranslatable_field"),
        ({"functions": []}, "functions", "untranslatable_use_instead"),
        ({"function_call": "auto"}, "function_call", "untranslatable_use_instead"),
        ({"response_format": {"type": "json_object"}}, "response_format.type=json_object", "untranslatable_use_instead"),
        ({"temperature": 1.5}, "temperature", "untranslatable_value"),
        ({"temperature": "hot"}, "temperature", "field_malformed"),
        ({"service_tier": "flex"}, "service_tier", "untranslatable_value"),
        ({"reasoning_effort": "huge"}, "reasoning_effort", "untranslatable_value"),
        ({"stop": "\n"}, "stop", "untranslatable_value"),
        ({"stop": [1]}, "stop", "field_malformed"),
        ({"max_tokens": 0}, "max_tokens", "field_malformed"),
        ({"max_tokens": True}, "max_tokens", "field_malformed"),
        ({"tools": [{"type": "custom", "custom": {"name": "g"}}]}, "tools[0].type", "untranslatable_value"),
        ({"tools": [{"type": "function"}]}, "tools[0].function", "field_malformed"),
        ({"tools": [TOOL], "tool_choice": {"type": "allowed_tools"}}, "tool_choice.allowed_tools", "untranslatable_use_instead"),
        ({"tool_choice": "required"}, "tools", "field_malformed"),
        ({"messages": []}, "messages", "messages_without_turn"),
        ({"messages": [{"role": "system", "content": "a"}]}, "messages", "messages_without_turn"),
        ({"messages": [*SAID, {"role": "assistant", "content": "a"}]}, "messages[1].role", "messages_end_with_answer"),
        ({"messages": ["a"]}, "messages[0]", "field_malformed"),
        ({"messages": [{"role": "robot"}]}, "messages[0].role", "field_malformed"),
        ({"messages": [{"role": "function", "name": "f", "content": "1"}]}, "messages[0].role", "untranslatable_use_instead"),
        ({"messages": [{"role": "user", "name": "田中", "content": "a"}]}, "messages[0].name", "untranslatable_field"),
        ({"messages": turn(type="input_audio", input_audio={})}, "messages[0].content[0].input_audio", "untranslatable_field"),
        ({"messages": turn(type="file", file={"file_id": "f"})}, "messages[0].content[0].file.file_id", "untranslatable_field"),
        ({"messages": turn(type="image_url", image_url={"url": "ftp://a"})}, "messages[0].content[0].image_url.url", "field_malformed"),
        ({"messages": turn(type="image_url", image_url={"url": "data:image/tiff;base64,AA"})},
         "messages[0].content[0].image_url.url", "untranslatable_value"),
        ({"messages": turn(type="image_url", image_url={"url": PNG, "detail": "low"})},
         "messages[0].content[0].image_url.detail", "untranslatable_value"),
        ({"messages": turn(type="text", text="a", colour="red")}, "messages[0].content[0].colour", "untranslatable_field"),
        ({"messages": answer(audio={"id": "a"})}, "messages[1].audio", "untranslatable_field"),
        ({"messages": answer(function_call={"name": "f"})}, "messages[1].function_call", "untranslatable_field"),
        ({"messages": answer(tool_calls=[CALL | {"function": {"name": "f", "arguments": "{"}}])},
         "messages[1].tool_calls[0].function.arguments", "field_malformed"),
        ({"messages": answer(tool_calls=[{"id": "a", "type": "custom"}])}, "messages[1].tool_calls[0].type", "untranslatable_value"),
    ],
)  # fmt: skip
def test_what_anthropic_cannot_be_told_is_refused_by_name(fields: dict[str, Any], field: str, code: str) -> None:
    refusal = refused_to_anthropic(**fields)

    assert (refusal.facts["field"], refusal.code) == (field, code)


@pytest.mark.parametrize(
    ("fields", "field", "code"),
    [
        ({"top_k": 5}, "top_k", "untranslatable_field"),
        ({"mcp_servers": [{"url": "https://a"}]}, "mcp_servers", "untranslatable_field"),
        ({"container": "c"}, "container", "untranslatable_field"),
        ({"context_management": {"edits": []}}, "context_management", "untranslatable_field"),
        ({"inference_geo": "us"}, "inference_geo", "untranslatable_field"),
        ({"speed": "fast"}, "speed", "untranslatable_field"),
        ({"whatever": 1}, "whatever", "untranslatable_field"),
        ({"metadata": {"user_id": "u", "team": "t"}}, "metadata.team", "untranslatable_field"),
        ({"service_tier": "batch"}, "service_tier", "untranslatable_value"),
        ({"stop_sequences": ["a", "b", "c", "d", "e"]}, "stop_sequences", "untranslatable_value"),
        ({"max_tokens": 0}, "max_tokens", "field_malformed"),
        ({"tools": [{"type": "web_search_20260318", "name": "web_search"}]}, "tools[0].type=web_search", "untranslatable_field"),
        ({"tools": [{"type": "bash_20250124", "name": "bash"}]}, "tools[0].type=bash", "untranslatable_field"),
        ({"tools": [CLIENT_TOOL | {"input_examples": [{"a": "b"}]}]}, "tools[0].input_examples", "untranslatable_field"),
        ({"tools": [CLIENT_TOOL | {"defer_loading": True}]}, "tools[0].defer_loading", "untranslatable_value"),
        ({"tools": [CLIENT_TOOL], "tool_choice": {"type": "each"}}, "tool_choice.type", "untranslatable_value"),
        ({"thinking": {"type": "deep"}}, "thinking.type", "untranslatable_value"),
        ({"thinking": {"type": "disabled"}, "output_config": {"effort": "high"}}, "thinking.type", "untranslatable_value"),
        ({"output_config": {"effort": "huge"}}, "output_config.effort", "untranslatable_value"),
        ({"messages": [*SAID, {"role": "assistant", "content": "途中"}]}, "messages[1].role", "messages_end_with_answer"),
        ({"messages": turn(type="search_result", source="a")}, "messages[0].content[0].search_result", "untranslatable_field"),
        ({"messages": turn(type="image", source={"type": "file", "file_id": "f"})},
         "messages[0].content[0].source.type", "untranslatable_value"),
        ({"messages": turn(type="document", source={"type": "url", "url": "u"})},
         "messages[0].content[0].source.type", "untranslatable_value"),
        ({"messages": turn(type="document", source={"type": "text", "data": "a"}, citations={"enabled": True})},
         "messages[0].content[0].citations.enabled", "untranslatable_value"),
        ({"messages": turn(type="tool_result", tool_use_id="t", content=[{"type": "image", "source": {}}])},
         "messages[0].content[0].content[0].image", "untranslatable_field"),
        ({"messages": answer(content=[{"type": "server_tool_use", "id": "a"}])},
         "messages[1].content[0].server_tool_use", "untranslatable_field"),
        ({"messages": answer(content=[USE | {"caller": {"type": "code_execution_20260120"}}])},
         "messages[1].content[0].caller.type", "untranslatable_value"),
        ({"messages": answer(content=[{"type": "text"}])}, "messages[1].content[0].text", "field_malformed"),
    ],
)  # fmt: skip
def test_what_openai_cannot_be_told_is_refused_by_name(fields: dict[str, Any], field: str, code: str) -> None:
    refusal = refused_to_openai(**fields)

    assert (refusal.facts["field"], refusal.code) == (field, code)


def test_models_that_choose_by_themselves_are_not_told_how() -> None:
    manner = Manner(takes_sampling=False)

    assert "temperature" not in to_anthropic(manner, temperature=1)
    refusal = refused_to_anthropic(manner, temperature=0.2)
    assert (refusal.code, refusal.facts["field"]) == ("sampling_not_taken", "temperature")
    assert (
        refused_to_anthropic(BEFORE, temperature=0.2, reasoning_effort="low", max_tokens=9_000).code
        == "untranslatable_value"
    )


def test_a_maximum_too_small_to_think_is_refused() -> None:
    refusal = refused_to_anthropic(BEFORE, reasoning_effort="low", max_tokens=1_024)

    assert refusal == Refusal("thinking_without_room", {"field": "max_tokens", "value": 1_024, "least": 1_025})


@pytest.mark.parametrize(
    ("kind", "model", "version", "manner"),
    [
        ("anthropic", "claude-opus-5-5", "", Manner(takes_sampling=False)),
        ("anthropic", "claude-sonnet-4-6", "", Manner()),
        ("anthropic", "claude-sonnet-4-6", "2026-10-21", Manner(takes_sampling=False)),
        ("anthropic", "claude-sonnet-4-6", "2023-06-01", Manner()),
        ("anthropic", "claude-haiku-4-5-20251001", "", Manner(thinks="budget")),
        ("anthropic", "claude-sonnet-4-20250514", "", Manner(thinks="budget")),
        ("anthropic", "claude-3-7-sonnet-20250219", "", Manner(thinks="budget")),
        ("anthropic", "claude-3-5-haiku-20241022", "", Manner(thinks="no")),
        ("anthropic", "claude-mythos-preview", "", Manner(takes_sampling=False)),
        ("openai", "gpt-5.6", "", Manner()),
        ("openai", "gpt-4.1-mini", "", Manner(thinks="no")),
        ("compatible", "qwen3", "", Manner(maximum_field="max_tokens")),
        ("openrouter", "openai/gpt-4o", "", Manner(thinks="no")),
    ],
)
def test_the_manner_of_a_model_is_known_by_its_name(kind: Kind, model: str, version: str, manner: Manner) -> None:
    assert manner_of(kind, model, version) == manner
