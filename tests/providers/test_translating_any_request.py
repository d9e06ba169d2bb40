"""Any request at all: the round trip keeps what both can say, nothing is lost in silence, nothing raises."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from anthropic.types import message_create_params
from dialect_parts import BEFORE, CLIENT_TOOL, NOW, PNG, SAID, SCHEMA, TOOL, checked, to_anthropic, to_openai
from hypothesis import given, settings
from hypothesis import strategies as st
from openai.types.chat import completion_create_params

from jitsuri.providers.rules.translating_requests import (
    IGNORED_ANTHROPIC,
    IGNORED_OPENAI,
    NEUTRAL_ANTHROPIC,
    NEUTRAL_OPENAI,
    anthropic_to_openai,
    openai_to_anthropic,
)
from jitsuri.providers.shapes import Manner
from jitsuri.terms.outcomes import Refusal

TEXT = st.text(min_size=1, max_size=12)
NAME = st.sampled_from(["f", "get_weather"])
OBJECT = st.dictionaries(TEXT, TEXT | st.integers(0, 99) | st.booleans(), max_size=3)


@st.composite
def conversations(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Turns in the form that a round trip gives back: text, pictures, calls with their results."""
    messages: list[dict[str, Any]] = []
    if draw(st.booleans()):
        messages.append({"role": "system", "content": draw(TEXT)})
    for turn_number in range(draw(st.integers(1, 3))):
        parts = [{"type": "text", "text": draw(TEXT)}, {"type": "image_url", "image_url": {"url": PNG}}]
        messages.append({"role": "user", "content": draw(st.one_of(TEXT, st.just(parts)))})
        said: dict[str, Any] = {"role": "assistant", "content": draw(TEXT)}
        calls = []
        for n in range(draw(st.integers(0, 2))):
            arguments = json.dumps(draw(OBJECT), ensure_ascii=False, separators=(",", ":"))
            call = {"id": f"call_{turn_number}_{n}", "type": "function"}
            calls.append(call | {"function": {"name": draw(NAME), "arguments": arguments}})
        if calls:
            said["tool_calls"] = calls
            said["content"] = draw(st.none() | TEXT)
        messages.append(said)
        messages += [{"role": "tool", "tool_call_id": call["id"], "content": draw(TEXT)} for call in calls]
    messages.append({"role": "user", "content": draw(TEXT)})
    return messages


@st.composite
def common_requests(draw: st.DrawFn) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "model": draw(TEXT), "messages": draw(conversations()), "max_completion_tokens": draw(st.integers(1, 99_999)),
    }  # fmt: skip
    options: dict[str, st.SearchStrategy[Any]] = {
        "temperature": st.floats(0, 0.99), "top_p": st.floats(0.01, 0.99), "stream": st.booleans(),
        "stop": st.lists(TEXT.filter(lambda text: bool(text.strip())), min_size=1, max_size=4),
        "reasoning_effort": st.sampled_from(["none", "low", "medium", "high", "xhigh", "max"]),
        "user": st.sampled_from(["u-1", "ab12"]), "service_tier": st.just("default"),
        "response_format": st.just(
            {"type": "json_schema", "json_schema": {"name": "answer", "schema": SCHEMA, "strict": True}}
        ),
    }  # fmt: skip
    for name in draw(st.sets(st.sampled_from(sorted(options)))):
        fields[name] = draw(options[name])
    if draw(st.booleans()):
        fields["tools"] = [TOOL]
        choices: list[Any] = ["none", "auto", "required", {"type": "function", "function": {"name": "f"}}]
        fields["tool_choice"] = draw(st.sampled_from(choices))
        if fields["tool_choice"] != "none" and draw(st.booleans()):
            fields["parallel_tool_calls"] = False
    return fields


@given(common_requests())
@settings(max_examples=300, deadline=None)
def test_what_both_dialects_can_say_survives_the_round_trip(fields: dict[str, Any]) -> None:
    made = to_anthropic(**fields)

    assert to_openai(**made) == fields


JSONS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(["type", "role", "content", "text", "source", "function", "name", "tool_calls", "url", "image_url",
                         "schema", "json_schema", "format", "effort", "input", "id", "data", "media_type"]),
        inner, max_size=4,
    ),
    max_leaves=14,
)  # fmt: skip
ROLES = st.sampled_from(["system", "user", "assistant", "tool", "developer", "function"])
TYPES = st.sampled_from(
    [
        "text",
        "image_url",
        "file",
        "refusal",
        "image",
        "document",
        "tool_use",
        "tool_result",
        "thinking",
        "search_result",
    ]
)
PARTS = st.fixed_dictionaries({"type": TYPES}, optional={
    "text": JSONS, "image_url": JSONS, "file": JSONS, "source": JSONS, "content": JSONS, "input": JSONS, "id": JSONS,
    "name": JSONS, "tool_use_id": JSONS, "citations": JSONS,
})  # fmt: skip
MESSAGES = st.lists(
    st.fixed_dictionaries({"role": ROLES, "content": JSONS | st.lists(PARTS, max_size=3)}, optional={
        "tool_calls": JSONS, "tool_call_id": JSONS, "thinking_blocks": JSONS, "refusal": JSONS,
    }) | JSONS,
    max_size=4,
)  # fmt: skip
OPENAI_FIELDS = [
    *sorted(completion_create_params.CompletionCreateParamsBase.__annotations__), "stream", "x", "thinking",
]  # fmt: skip
ANTHROPIC_FIELDS = [*sorted(message_create_params.MessageCreateParamsBase.__annotations__), "stream", "x", "top_k"]


@given(
    st.dictionaries(st.sampled_from(OPENAI_FIELDS), JSONS, max_size=5),
    st.dictionaries(st.sampled_from(ANTHROPIC_FIELDS), JSONS, max_size=5),
    MESSAGES, st.sampled_from([NOW, BEFORE, Manner(takes_sampling=False, thinks="no")]),
)  # fmt: skip
@settings(max_examples=600, deadline=None)
def test_any_request_is_translated_or_refused_never_an_exception(
    openai: dict[str, Any], anthropic: dict[str, Any], messages: Any, manner: Manner
) -> None:
    for made in (
        openai_to_anthropic(openai | {"messages": messages}, manner),
        anthropic_to_openai(anthropic | {"messages": messages}, manner),
        openai_to_anthropic(openai | {"messages": SAID}, manner),
        anthropic_to_openai(anthropic | {"messages": SAID}, manner),
    ):
        if isinstance(made, Refusal):
            checked(made)
        else:
            json.dumps(made)


SAYING: Mapping[str, Any] = {
    "frequency_penalty": 0.5, "presence_penalty": 0.5, "logit_bias": {"1": 2}, "logprobs": True, "top_logprobs": 2, "n": 3,
    "max_tokens": 77, "max_completion_tokens": 77, "temperature": 0.3, "top_p": 0.4, "top_k": 5, "stop": ["x"],
    "stop_sequences": ["x"], "seed": 5, "stream": True, "system": "s", "reasoning_effort": "low", "user": "u", "safety_identifier": "s",
    "metadata": {"user_id": "u"}, "response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": SCHEMA}},
    "output_config": {"effort": "low"}, "thinking": {"type": "disabled"}, "service_tier": "default", "verbosity": "low",
}  # fmt: skip
"""A value of each field that says something; the rest get one of no known form."""


@pytest.mark.parametrize("name", [name for name in OPENAI_FIELDS if name not in ("model", "messages", "tool_choice")])
def test_no_field_of_openai_is_lost_in_silence(name: str) -> None:
    """In the request, among those that may stay behind, or refused by name."""
    value = [TOOL] if name == "tools" else SAYING.get(name, {"x": 1})
    bare = openai_to_anthropic({"model": "m", "messages": SAID}, NOW)
    made = openai_to_anthropic({"model": "m", "messages": SAID, name: value}, NOW)

    if isinstance(made, Refusal):
        assert str(made.facts["field"]).startswith(name)
    else:
        assert (made != bare) is (name not in IGNORED_OPENAI)


@pytest.mark.parametrize(
    "name", [name for name in ANTHROPIC_FIELDS if name not in ("model", "messages", "tool_choice")]
)
def test_no_field_of_anthropic_is_lost_in_silence(name: str) -> None:
    value = (
        "standard_only" if name == "service_tier" else [CLIENT_TOOL] if name == "tools" else SAYING.get(name, {"x": 1})
    )
    bare = anthropic_to_openai({"model": "m", "messages": SAID}, NOW)
    made = anthropic_to_openai({"model": "m", "messages": SAID, name: value}, NOW)

    if isinstance(made, Refusal):
        assert str(made.facts["field"]).startswith(name)
    else:
        assert (made != bare) is (name not in IGNORED_ANTHROPIC)


def test_the_page_names_everything_that_may_stay_behind() -> None:
    page = (Path(__file__).parents[2] / "docs" / "reference" / "dialects.md").read_text("utf-8")
    names = {*IGNORED_OPENAI, *IGNORED_ANTHROPIC, *NEUTRAL_OPENAI, *NEUTRAL_ANTHROPIC}

    assert [name for name in sorted(names) if f"`{name}" not in page] == []
