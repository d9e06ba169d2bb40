"""A task's prompt in the place of the caller's: everything else of a request stays as it came, in either dialect."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.types.chat import completion_create_params
from pydantic import TypeAdapter

from jitsuri.flows.hot.holding import bound_of
from jitsuri.providers.rules.asking import read_ask
from jitsuri.providers.rules.prompting import prompt_bytes, prompted, with_prompt
from jitsuri.providers.shapes import Asked, Dialect
from jitsuri.terms.outcomes import Refusal
from jitsuri.terms.prompts import CALLER

PROMPT = '分類だけを答える。\n"引用" と \\ と 😀 も。'
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3), max_leaves=6,
)  # fmt: skip
CONTENT = TEXT | st.lists(st.builds(lambda t: {"type": "text", "text": t}, TEXT), max_size=3) | st.none()


@st.composite
def messages(draw: st.DrawFn) -> tuple[list[Any], list[Any]]:
    """(leading system and developer messages, all others)."""
    leading = draw(st.lists(st.builds(
        lambda role, content, more: {"role": role, "content": content, **more},
        st.sampled_from(["system", "developer"]), CONTENT, st.dictionaries(st.sampled_from(["name", "x-id"]), TEXT),
    ), max_size=3))  # fmt: skip
    first = draw(st.sampled_from([
        {"role": "user", "content": "納期は"}, {"role": "assistant", "content": None, "tool_calls": [{"id": "1"}]},
        {"content": "役割なし"}, {"role": None}, {"role": 3}, "文字だけ", 7, None, ["x"],
    ]))  # fmt: skip
    rest = draw(st.lists(st.builds(
        lambda role, content: {"role": role, "content": content},
        st.sampled_from(["user", "assistant", "tool", "system", "developer"]), JSON,
    ), max_size=4))  # fmt: skip
    return leading, [first, *rest]


@given(parts=messages(), more=st.dictionaries(TEXT.filter(lambda n: n != "messages"), JSON, max_size=4))
def test_openai_keeps_every_field_and_every_other_message(parts: tuple[list[Any], list[Any]], more: Any) -> None:
    leading, rest = parts
    body = json.dumps({**more, "messages": [*leading, *rest], "z": 1}, ensure_ascii=False).encode()

    made = json.loads(_bytes(with_prompt("openai", body, PROMPT)))

    system, *kept = made["messages"]
    assert kept == rest
    assert system == {**(leading[0] if leading else {"role": "system"}), "content": PROMPT}
    assert [*made] == [*json.loads(body)]
    assert {k: v for k, v in made.items() if k != "messages"} == {
        k: v for k, v in json.loads(body).items() if k != "messages"
    }


@given(system=st.just(...) | CONTENT, rest=st.lists(JSON, max_size=3), more=st.dictionaries(TEXT, JSON, max_size=4))
def test_anthropic_keeps_every_field_and_all_messages(system: Any, rest: Any, more: Any) -> None:
    asked = {**more, "messages": rest, **({} if system is ... else {"system": system})}
    body = json.dumps(asked, ensure_ascii=False).encode()

    made = json.loads(_bytes(with_prompt("anthropic", body, PROMPT)))

    assert made == {**asked, "system": PROMPT}
    assert [*made][: len(asked)] == [*asked]


@given(parts=messages(), text=TEXT.filter(bool), keeps=st.booleans(), dialect=st.sampled_from(["openai", "anthropic"]))
def test_a_bound_before_the_prompt_holds_what_is_sent(
    parts: tuple[list[Any], list[Any]], text: str, keeps: bool, dialect: Dialect
) -> None:
    prompt = f"{text}{CALLER}{text}" if keeps else text
    leading, rest = parts
    asked: dict[str, Any] = {"model": "m", "max_tokens": 9, "messages": [*leading, *rest]}
    if dialect == "anthropic":
        asked = {**asked, "messages": rest, "system": [{"type": "text", "text": text}]}
    body = msgspec.json.encode(asked)
    read = read_ask(dialect, "chat", body)
    if isinstance(read, Refusal):
        return

    made = prompted(read, prompt)

    if isinstance(made, Refusal):
        assert made.code == "system_not_text"
        return
    sent = msgspec.json.encode(made.fields)
    assert len(sent) <= len(body) + prompt_bytes(prompt)
    assert bound_of(read, None, prompt_bytes(prompt)).input_tokens >= len(sent)


@pytest.mark.parametrize(
    ("dialect", "asked", "told"),
    [
        ("openai", {"messages": [{"role": "system", "content": "敬語で。"}]}, "前\n敬語で。\n後"),
        ("openai", {"messages": [{"role": "system", "content": "一"}, {"role": "developer", "content": "二"}]}, "前\n一\n\n二\n後"),
        ("openai", {"messages": [{"role": "system", "content": [{"type": "text", "text": "一"}, {"type": "text", "text": "二"}]}]},
         "前\n一\n二\n後"),
        ("openai", {"messages": [{"role": "user", "content": "敬語で。"}]}, "前\n\n後"),
        ("openai", {"messages": [{"role": "system", "content": None}, {"role": "system"}]}, "前\n\n後"),
        ("anthropic", {"system": "敬語で。", "messages": []}, "前\n敬語で。\n後"),
        ("anthropic", {"system": [{"type": "text", "text": "一"}, {"type": "text", "text": "二"}]}, "前\n一\n二\n後"),
        ("anthropic", {"messages": []}, "前\n\n後"),
    ],
)  # fmt: skip
def test_a_prompt_may_keep_the_callers_own(dialect: Dialect, asked: Any, told: str) -> None:
    made = json.loads(_bytes(with_prompt(dialect, json.dumps(asked).encode(), f"前\n{CALLER}\n後")))

    assert (made["system"] if dialect == "anthropic" else made["messages"][0]["content"]) == told


def test_the_callers_own_is_put_in_as_it_is_even_where_it_holds_the_marker() -> None:
    asked = {"system": f"a {CALLER} b", "messages": []}

    made = json.loads(_bytes(with_prompt("anthropic", json.dumps(asked).encode(), f"<{CALLER}>")))

    assert made["system"] == f"<a {CALLER} b>"


@pytest.mark.parametrize("dialect", ["openai", "anthropic"])
def test_a_mark_for_the_cache_stays(dialect: Dialect) -> None:
    mark = {"type": "ephemeral", "ttl": "1h"}
    parts = [{"type": "text", "text": "長い文"}, {"type": "text", "text": "もっと", "cache_control": mark}]
    asked: dict[str, Any] = {"messages": [{"role": "system", "content": parts}, {"role": "user", "content": "?"}]}
    if dialect == "anthropic":
        asked = {"system": parts, "messages": [{"role": "user", "content": "?"}]}

    made = json.loads(_bytes(with_prompt(dialect, json.dumps(asked).encode(), PROMPT)))

    content = made["system"] if dialect == "anthropic" else made["messages"][0]["content"]
    assert content == [{"type": "text", "text": PROMPT, "cache_control": mark}]


@pytest.mark.parametrize(
    ("dialect", "body", "code"),
    [
        ("openai", b"{", "body_not_json"), ("openai", b"[]", "body_not_object"), ("openai", b"{}", "field_not_list"),
        ("openai", b'{"messages": "x"}', "field_not_list"), ("openai", b"\xff", "body_not_json"),
        ("openai", b'{"messages": [{"role": "system", "content": [{"type": "image_url"}]}]}', "system_not_text"),
        ("openai", b'{"messages": [{"role": "system", "content": 3}]}', "system_not_text"),
        ("anthropic", b'{"system": {"a": 1}}', "system_not_text"), ("anthropic", b"null", "body_not_object"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_with_a_code(dialect: Dialect, body: bytes, code: str) -> None:
    made = with_prompt(dialect, body, f"x{CALLER}")

    assert isinstance(made, Refusal)
    assert made.code == code


def test_what_is_replaced_is_not_read_and_no_prompt_changes_nothing() -> None:
    body = b'{"messages":[{"role":"system","content":[{"type":"image_url"}]},{"role":"user","content":"x"}] ,"a": 1e2}'

    assert json.loads(_bytes(with_prompt("openai", body, "x")))["messages"][0] == {"role": "system", "content": "x"}
    assert with_prompt("openai", body, "") == body
    assert _bytes(with_prompt("openai", body, "x")).endswith(b'"a":1e2}')


def test_an_embedding_takes_no_prompt() -> None:
    read = read_ask("openai", "embeddings", b'{"model":"m","input":"x"}')
    assert isinstance(read, Asked)

    assert prompted(read, "x") == Refusal("prompt_needs_chat", {"operation": "embeddings"})


def test_the_vendors_own_types_take_what_is_made() -> None:
    asked = {
        "model": "m",
        "messages": [{"role": "developer", "content": "古い", "name": "ops"}, {"role": "user", "content": "?"}],
    }
    made = json.loads(_bytes(with_prompt("openai", json.dumps(asked).encode(), PROMPT)))

    TypeAdapter(completion_create_params.CompletionCreateParamsNonStreaming).validate_python(made)
    assert made["messages"][0] == {"role": "developer", "content": PROMPT, "name": "ops"}


def _bytes(made: bytes | Refusal) -> bytes:
    assert isinstance(made, bytes), made
    return made
