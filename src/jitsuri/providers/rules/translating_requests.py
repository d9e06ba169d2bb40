"""Requests of one dialect in the other; what cannot be said is refused by name, never dropped in silence.

Every top-level field is translated, refused, or stands in ``IGNORED_…`` with the reason why the caller loses nothing;
a value that says what holds anyway (``NEUTRAL_…``) is dropped, and so is null. The pages that tell the caller are
``docs/reference/dialects.md`` and ``docs/decisions/0018-dialects.md``.
Sources: ``openai`` 3.57.0 (``types.chat.completion_create_params``), ``anthropic`` 2.14.0 (``types.
message_create_params``), both vendors' references and Anthropic's own OpenAI compatibility page (read 2026-11-26).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from jitsuri.providers.rules.declining import (
    UntranslatableError,
    instead,
    is_nothing,
    malformed,
    no_counterpart,
    only,
    other_value,
    record_at,
)
from jitsuri.providers.rules.turning_to_anthropic import (
    choice_to_anthropic,
    messages_to_anthropic,
    simple,
    tools_to_anthropic,
)
from jitsuri.providers.rules.turning_to_openai import choice_to_openai, messages_to_openai, tools_to_openai
from jitsuri.providers.shapes import Manner
from jitsuri.terms.outcomes import Refusal

IGNORED_OPENAI: Mapping[str, str] = {
    "metadata": "labels for the vendor's dashboard; they change no answer",
    "prompt_cache_key": "helps OpenAI find its cache; changes the price there, no answer",
    "prompt_cache_options": "helps OpenAI find its cache; changes the price there, no answer",
    "prompt_cache_retention": "helps OpenAI find its cache; changes the price there, no answer",
    "stream_options": "usage and padding of a stream; the translation of the stream sees to the usage itself",
    "parallel_tool_calls": "without tools it says nothing; with tools it is part of the choice",
}
"""Fields of Chat Completions that may stay behind, and why the caller loses nothing."""

IGNORED_ANTHROPIC: Mapping[str, str] = {
    "cache_control": "a mark for the cache; OpenAI finds common beginnings itself, no answer changes",
}
"""Fields of the Messages API that may stay behind, and why the caller loses nothing."""

NEUTRAL_OPENAI: Mapping[str, tuple[Any, ...]] = {
    "n": (1,), "logprobs": (False,), "top_logprobs": (0,), "frequency_penalty": (0,), "presence_penalty": (0,),
    "modalities": (["text"],), "store": (False,), "verbosity": ("medium",), "logit_bias": ({},),
}  # fmt: skip
"""Values that say what holds anyway."""

NEUTRAL_ANTHROPIC: Mapping[str, tuple[Any, ...]] = {"speed": ("standard",)}

_INSTEAD = {"functions": "tools", "function_call": "tool_choice"}
_MOST_STOPS = 4
"""``stop`` of Chat Completions."""
_LEAST_BUDGET, _MOST_BUDGET = 1_024, 128_000
"""``thinking.budget_tokens``: the least Anthropic takes, the most any model writes."""
_SHARES = {"minimal": 0.1, "low": 0.2, "medium": 0.5, "high": 0.8, "xhigh": 0.95, "max": 0.95}
"""Part of the maximum that a word of effort leaves for thoughts (OpenRouter's docs on reasoning, read 2026-11-26)."""
_EFFORTS = ("low", "medium", "high", "xhigh", "max")
_LONGEST_USER = 256

Fields = Mapping[str, Any]


def openai_to_anthropic(fields: Fields, manner: Manner) -> dict[str, Any] | Refusal:
    """A Chat Completions request as a Messages request; ``model`` stays as it is.

    Refuses: ``untranslatable_field``, ``untranslatable_value``, ``untranslatable_use_instead``, ``field_malformed``,
    ``messages_without_turn``, ``messages_end_with_answer``, ``thinking_without_room``, ``sampling_not_taken``.
    """
    try:
        return _to_anthropic(fields, manner)
    except UntranslatableError as fault:
        return fault.refusal


def anthropic_to_openai(fields: Fields, manner: Manner) -> dict[str, Any] | Refusal:
    """A Messages request as a Chat Completions request; ``model`` stays as it is.

    Refuses: ``untranslatable_field``, ``untranslatable_value``, ``untranslatable_use_instead``, ``field_malformed``,
    ``messages_end_with_answer``.
    """
    try:
        return _to_openai(fields, manner)
    except UntranslatableError as fault:
        return fault.refusal


def _to_anthropic(fields: Fields, manner: Manner) -> dict[str, Any]:
    given = _given(fields, NEUTRAL_OPENAI, IGNORED_OPENAI)
    system, turns = messages_to_anthropic(given.pop("messages", None))
    most = _maximum(given, manner)
    made: dict[str, Any] = {"model": given.pop("model", None), "max_tokens": most}
    if system:
        made["system"] = simple(system)
    made["messages"] = turns
    _tools_to_anthropic(made, given, fields.get("parallel_tool_calls"))
    _think(made, given, manner)
    for name, value in given.items():
        handler = _OPENAI.get(name)
        if handler is None:
            raise instead(name, _INSTEAD[name]) if name in _INSTEAD else no_counterpart(name, "anthropic")
        handler(made, value)
    _settle_sampling(made, manner)
    return made


def _given(fields: Fields, neutral: Mapping[str, tuple[Any, ...]], ignored: Mapping[str, str]) -> dict[str, Any]:
    """The fields that say something."""
    return {
        name: value
        for name, value in fields.items()
        if not (value is None or name in ignored or any(_is_same(value, one) for one in neutral.get(name, ())))
    }


def _is_same(value: Any, neutral: Any) -> bool:
    """Equal, and not one a number and the other a flag."""
    return bool(value == neutral) and isinstance(value, bool) == isinstance(neutral, bool)


def _whole(name: str, value: Any, least: int = 1) -> int:
    if type(value) is not int or value < least:
        raise malformed(name, value)
    return value


def _number(name: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise malformed(name, value)
    return value


def _maximum(given: dict[str, Any], manner: Manner) -> int:
    """Of two maxima the larger, as in ``read_ask``; Anthropic needs one."""
    names = [name for name in ("max_completion_tokens", "max_tokens") if name in given]
    return max((_whole(name, given.pop(name)) for name in names), default=manner.most_output_tokens)


def _tools_to_anthropic(made: dict[str, Any], given: dict[str, Any], parallel: Any) -> None:
    tools = tools_to_anthropic(given.pop("tools", None) or [])
    choice = choice_to_anthropic(given.pop("tool_choice", None), parallel)
    if tools:
        made["tools"] = tools
        if choice is not None:
            made["tool_choice"] = choice
    elif choice is not None and choice["type"] in ("any", "tool"):
        raise malformed("tools", None)


def _stop(made: dict[str, Any], value: Any) -> None:
    stops = [value] if isinstance(value, str) else value
    if not isinstance(stops, list) or not all(isinstance(stop, str) for stop in stops):
        raise malformed("stop", value)
    for stop in stops:
        if not stop.strip():
            raise other_value("stop", stop, "anthropic", "texts that are not only spaces and line breaks")
    if stops:
        made["stop_sequences"] = stops


def _temperature(made: dict[str, Any], value: Any) -> None:
    """Ranges differ: 0–2 there, 0–1 here. 1 is the default of both."""
    number = _number("temperature", value)
    if not 0 <= number <= 1:
        raise other_value("temperature", value, "anthropic", "0–1")
    if number != 1:
        made["temperature"] = value


def _top_p(made: dict[str, Any], value: Any) -> None:
    if _number("top_p", value) != 1:
        made["top_p"] = value


def _top_k(made: dict[str, Any], value: Any) -> None:
    made["top_k"] = _whole("top_k", value)


def _settle_sampling(made: dict[str, Any], manner: Manner) -> None:
    """Models that choose by themselves refuse to be told how; so does a thinking model of before."""
    names = [name for name in ("temperature", "top_p", "top_k") if name in made]
    is_thinking = isinstance(made.get("thinking"), dict) and made["thinking"].get("type") == "enabled"
    if names and not manner.takes_sampling:
        raise UntranslatableError(Refusal("sampling_not_taken", {"field": names[0], "value": made[names[0]]}))
    if is_thinking and "temperature" in made:
        raise other_value("temperature", made["temperature"], "anthropic", "1 (reasoning_effort)")


def _response_format(made: dict[str, Any], value: Any) -> None:
    if not isinstance(value, dict):
        raise malformed("response_format", value)
    kind = value.get("type")
    if kind == "text":
        return
    if kind == "json_object":
        raise instead("response_format.type=json_object", "response_format.type=json_schema")
    if kind != "json_schema":
        raise other_value("response_format.type", kind, "anthropic", '"text", "json_schema"')
    only(value, ("type", "json_schema"), "response_format", "anthropic")
    told = record_at(value, "json_schema", "response_format")
    only(told, ("name", "description", "schema", "strict"), "response_format.json_schema", "anthropic")
    schema = record_at(told, "schema", "response_format.json_schema")
    description = told.get("description")
    if isinstance(description, str) and description:
        if schema.get("description", description) != description:
            raise instead("response_format.json_schema.description", "response_format.json_schema.schema.description")
        schema = {**schema, "description": description}
    made.setdefault("output_config", {})["format"] = {"type": "json_schema", "schema": schema}


def _think(made: dict[str, Any], given: dict[str, Any], manner: Manner) -> None:
    value = given.pop("reasoning_effort", None)
    if value is None:
        return
    if "thinking" in given:
        raise instead("thinking", "reasoning_effort")
    if value == "none":
        if manner.thinks != "no":
            made["thinking"] = {"type": "disabled"}
        return
    if not isinstance(value, str) or value not in _SHARES:
        raise other_value("reasoning_effort", value, "anthropic", ", ".join(("none", *_SHARES)))
    if manner.thinks == "no":
        raise other_value("reasoning_effort", value, "anthropic", '"none"')
    if manner.thinks == "effort":
        made.setdefault("output_config", {})["effort"] = "low" if value == "minimal" else value
        return
    budget = min(max(int(made["max_tokens"] * _SHARES[value]), _LEAST_BUDGET), _MOST_BUDGET)
    if budget >= made["max_tokens"]:
        facts = {"field": "max_tokens", "value": made["max_tokens"], "least": _LEAST_BUDGET + 1}
        raise UntranslatableError(Refusal("thinking_without_room", facts))
    made["thinking"] = {"type": "enabled", "budget_tokens": budget}


def _user(made: dict[str, Any], value: Any) -> None:
    """An opaque id goes along; Anthropic refuses names and addresses, which then stay behind."""
    if not isinstance(value, str):
        raise malformed("user", value)
    if value and "@" not in value and len(value) <= _LONGEST_USER and not any(sign.isspace() for sign in value):
        made.setdefault("metadata", {"user_id": value})


def _safety_identifier(made: dict[str, Any], value: Any) -> None:
    made.pop("metadata", None)
    _user(made, value)


def _service_tier(made: dict[str, Any], value: Any) -> None:
    if value not in ("auto", "default"):
        raise other_value("service_tier", value, "anthropic", '"auto", "default"')
    made["service_tier"] = "auto" if value == "auto" else "standard_only"


def _stream(made: dict[str, Any], value: Any) -> None:
    if not isinstance(value, bool):
        raise malformed("stream", value)
    made["stream"] = value


def _thinking(made: dict[str, Any], value: Any) -> None:
    """Anthropic's own field, which its compatibility layer takes from OpenAI's library too."""
    if not isinstance(value, dict):
        raise malformed("thinking", value)
    made["thinking"] = value


Handler = Callable[[dict[str, Any], Any], None]

_OPENAI: Mapping[str, Handler] = {
    "stop": _stop, "temperature": _temperature, "top_p": _top_p, "top_k": _top_k,
    "response_format": _response_format, "user": _user, "safety_identifier": _safety_identifier,
    "service_tier": _service_tier, "stream": _stream, "thinking": _thinking,
}  # fmt: skip
"""Fields that have a counterpart; every other one has none."""


def _to_openai(fields: Fields, manner: Manner) -> dict[str, Any]:
    given = _given(fields, NEUTRAL_ANTHROPIC, IGNORED_ANTHROPIC)
    made: dict[str, Any] = {"model": given.pop("model", None)}
    if "max_tokens" in given:
        made[manner.maximum_field] = _whole("max_tokens", given.pop("max_tokens"))
    made["messages"] = messages_to_openai(given.pop("system", None), given.pop("messages", None))
    _tools_to_openai(made, given)
    _effort_to_openai(made, given, manner)
    for name, value in given.items():
        handler = _ANTHROPIC.get(name)
        if handler is None:
            raise no_counterpart(name, "openai")
        handler(made, value)
    return made


def _tools_to_openai(made: dict[str, Any], given: dict[str, Any]) -> None:
    tools = tools_to_openai(given.pop("tools", None) or [])
    choice = given.pop("tool_choice", None)
    told, is_single = choice_to_openai(choice) if choice is not None else (None, False)
    if tools:
        made["tools"] = tools
        if told is not None:
            made["tool_choice"] = told
        if is_single:
            made["parallel_tool_calls"] = False
    elif told not in (None, "auto", "none"):
        raise malformed("tools", None)


def _effort_to_openai(made: dict[str, Any], given: dict[str, Any], manner: Manner) -> None:
    """``thinking`` and ``output_config.effort`` as one word; the word goes before the number of tokens."""
    config = given.pop("output_config", None)
    if config is not None and not isinstance(config, dict):
        raise malformed("output_config", config)
    config = config or {}
    only(config, ("effort", "format"), "output_config", "openai")
    if config.get("format") is not None:
        _output_format(made, config["format"])
    thinking = given.pop("thinking", None)
    if thinking is not None and not isinstance(thinking, dict):
        raise malformed("thinking", thinking)
    effort = config.get("effort")
    if effort is not None and effort not in _EFFORTS:
        raise other_value("output_config.effort", effort, "openai", ", ".join(_EFFORTS))
    word = _word_of(thinking, effort, made.get(manner.maximum_field))
    if word is None or (word == "none" and manner.thinks == "no"):
        return
    if manner.thinks == "no":
        raise no_counterpart("thinking" if effort is None else "output_config.effort", "openai")
    made["reasoning_effort"] = word


def _word_of(thinking: dict[str, Any] | None, effort: str | None, most: Any) -> str | None:
    """The word of effort; None leaves it to the model. How thoughts are displayed has no counterpart and no effect."""
    if thinking is None:
        return effort
    only(thinking, ("type", "budget_tokens", "display"), "thinking", "openai")
    kind = thinking.get("type")
    if kind in ("disabled", "between_tools"):
        if effort is not None:
            raise other_value("thinking.type", kind, "openai", '"adaptive" (output_config.effort)')
        return "none"
    if kind == "adaptive":
        return effort
    if kind != "enabled":
        raise other_value("thinking.type", kind, "openai", '"enabled", "adaptive", "between_tools", "disabled"')
    budget = _whole("thinking.budget_tokens", thinking.get("budget_tokens"))
    if effort is not None:
        return effort
    share = budget / most if isinstance(most, int) else 1.0
    return "low" if share <= 0.35 else "medium" if share <= 0.65 else "high"


def _output_format(made: dict[str, Any], value: Any) -> None:
    if not isinstance(value, dict) or value.get("type") != "json_schema":
        raise malformed("output_config.format", value)
    only(value, ("type", "schema"), "output_config.format", "openai")
    schema = {"name": "answer", "schema": record_at(value, "schema", "output_config.format"), "strict": True}
    made["response_format"] = {"type": "json_schema", "json_schema": schema}


def _stop_sequences(made: dict[str, Any], value: Any) -> None:
    if not isinstance(value, list) or not all(isinstance(stop, str) for stop in value):
        raise malformed("stop_sequences", value)
    if len(value) > _MOST_STOPS:
        raise other_value("stop_sequences", value, "openai", f"1–{_MOST_STOPS}")
    if value:
        made["stop"] = value


def _plain_number(name: str) -> Handler:
    def handler(made: dict[str, Any], value: Any) -> None:
        if _number(name, value) != 1:
            made[name] = value

    return handler


def _metadata(made: dict[str, Any], value: Any) -> None:
    if not isinstance(value, dict):
        raise malformed("metadata", value)
    only(value, ("user_id",), "metadata", "openai")
    if not is_nothing(value.get("user_id")):
        made["user"] = value["user_id"]


def _tier_to_openai(made: dict[str, Any], value: Any) -> None:
    """``auto`` is what holds anyway; servers that only imitate OpenAI do not know the field."""
    if value not in ("auto", "standard_only"):
        raise other_value("service_tier", value, "openai", '"auto", "standard_only"')
    if value == "standard_only":
        made["service_tier"] = "default"


_ANTHROPIC: Mapping[str, Handler] = {
    "stop_sequences": _stop_sequences, "temperature": _plain_number("temperature"), "top_p": _plain_number("top_p"),
    "metadata": _metadata, "service_tier": _tier_to_openai, "stream": _stream, "output_format": _output_format,
}  # fmt: skip
