"""Token counts of every dialect become our one: counts that *include* their parts (see ``terms.usage``).

OpenAI reports so already. Anthropic's ``input_tokens`` leave out the cached ones; Langfuse keeps exclusive leaves. The
translation happens here, once. Where a dialect is ambiguous, the record's own total decides.
Sources: field paths of genai-prices 0.2.3 (``data.py``, read 2026-11-22); OpenTelemetry semantic-conventions-genai;
Langfuse ingestion (its schema takes the details of an OpenAI usage off ``input`` and ``output``, read 2026-11-22).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

import msgspec

from jitsuri.calls.rules.faulting import LineError, shown
from jitsuri.terms.usage import PART_OF, Usage, usage_fault

MOST_TOKENS = 10**12
"""More than any model reads in one call by a factor of 100,000: a larger count is a wrong column (decision 0004)."""

_NOTHING: Mapping[str, Any] = {}
_ADDS_REASONING = frozenset({"x-ai", "perplexity"})
"""Their chat answers report reasoning beside the completion, not in it (genai-prices 0.2.3, extractors)."""
_PLAIN_NAMES = frozenset({
    "prompt_tokens", "completion_tokens", "total_tokens", "prompt_tokens_details", "completion_tokens_details",
})  # fmt: skip
"""Names of an ordinary usage (OpenAI API reference, "CompletionUsage", read 2026-11-26)."""


_LIVES = {"ephemeral_1h_input_tokens": "cache_write_1h_tokens"}
_INPUT_DETAILS: Mapping[str, Any] = {
    "cached_tokens": "cache_read_tokens", "cache_read_input_tokens": "cache_read_tokens",
    "cache_write_tokens": "cache_write_tokens", "cache_creation_tokens": "cache_write_tokens",
    "cache_creation_input_tokens": "cache_write_tokens", "audio_tokens": "input_audio_tokens",
    "image_tokens": "input_image_tokens", "cached_tokens_details": {"audio_tokens": "cache_audio_read_tokens"},
    "cache_creation_token_details": _LIVES,
}  # fmt: skip
_OUTPUT_DETAILS: Mapping[str, Any] = {
    "reasoning_tokens": "reasoning_tokens", "thinking_tokens": "reasoning_tokens",
    "audio_tokens": "output_audio_tokens", "image_tokens": "output_image_tokens",
}  # fmt: skip
_OPENAI_DETAILS: Mapping[str, Mapping[str, Any]] = {
    "prompt_tokens_details": _INPUT_DETAILS, "input_tokens_details": _INPUT_DETAILS,
    "input_token_details": _INPUT_DETAILS, "completion_tokens_details": _OUTPUT_DETAILS,
    "output_tokens_details": _OUTPUT_DETAILS, "output_token_details": _OUTPUT_DETAILS, "cache_creation": _LIVES,
    "server_tool_use": {"web_search_requests": "web_searches"},
}  # fmt: skip
_OPENAI_COUNTS = {
    "prompt_tokens": "input_tokens", "input_tokens": "input_tokens", "completion_tokens": "output_tokens",
    "output_tokens": "output_tokens", "total_tokens": "total", "reasoning_tokens": "reasoning_tokens",
    "cache_read_input_tokens": "cache_read_tokens", "prompt_cache_hit_tokens": "cache_read_tokens",
    "cached_tokens": "cache_read_tokens", "cache_creation_input_tokens": "cache_write_tokens",
    "num_search_queries": "web_searches",
}  # fmt: skip
"""Of two names for one count the first in the record is taken; a detail goes before a count beside it."""


def count(value: Any, field: str) -> int:
    """A count of tokens; absent is 0. Faults: ``tokens_not_a_number``, ``tokens_negative``, ``number_too_big``."""
    if type(value) is not int:
        if value is None or value == "":
            return 0
        value = _whole(value, field)
    if 0 <= value <= MOST_TOKENS:
        return int(value)
    raise LineError("tokens_negative" if value < 0 else "number_too_big", field=field, value=shown(value))


def checked_usage(usage: Usage) -> Usage:
    """The same usage, whose counts ``count`` has read. Faults: ``part_exceeds_whole``."""
    if (
        usage.cache_read_tokens + usage.cache_write_tokens <= usage.input_tokens
        and usage.reasoning_tokens <= usage.output_tokens
        and usage.cache_write_1h_tokens <= usage.cache_write_tokens
        and not (usage.input_audio_tokens or usage.output_audio_tokens or usage.cache_audio_read_tokens)
        and not (usage.input_image_tokens or usage.output_image_tokens)
    ):
        return usage
    fault = usage_fault(usage)
    if fault is not None:
        _, kind, value = fault
        whole = next((w for p, w in PART_OF if p == kind and getattr(usage, p) > getattr(usage, w)), "input_tokens")
        raise LineError("part_exceeds_whole", field=kind, value=value, whole=whole, whole_value=getattr(usage, whole))
    return usage


def usage_of_openai(usage: Mapping[str, Any], provider: str) -> Usage:
    """Chat completions, responses, embeddings and their many imitators. Cached tokens are part of the input.

    Gemini's own ``usageMetadata`` is known by its total (pass-through of its native paths); its OpenAI-compatible endpoint
    tells what was thought by the total alone.
    """
    return _plain_usage(usage) or _any_usage_of_openai(usage, provider)


def checked_usage_of_openai(usage: Mapping[str, Any], provider: str) -> Usage:
    """``checked_usage`` of ``usage_of_openai``, in one step where the answer is an ordinary one. Faults: of both."""
    return _plain_usage(usage) or checked_usage(_any_usage_of_openai(usage, provider))


def _plain_usage(usage: Mapping[str, Any]) -> Usage | None:
    """A chat completion's usage in its ordinary shape, already checked; None for any other, which is read with care.

    Ordinary: two whole counts that add up to the total, and of the details none but what was cached and what was thought.
    Such a total says that thoughts are part of the completion, whoever the provider is.
    """
    if not _PLAIN_NAMES.issuperset(usage):
        return None
    given, made = usage.get("prompt_tokens"), usage.get("completion_tokens")
    if type(given) is not int or type(made) is not int or given < 0 or made < 0:
        return None
    total = given + made
    if type(usage.get("total_tokens")) is not int or not usage["total_tokens"] == total <= MOST_TOKENS:
        return None
    cached = thought = 0
    details = usage.get("prompt_tokens_details")
    if details is not None:
        cached = _only(details, "cached_tokens", given)
    details = usage.get("completion_tokens_details")
    if details is not None:
        thought = _only(details, "reasoning_tokens", made)
    return Usage(given, made, cached, 0, 0, thought) if cached >= 0 and thought >= 0 else None


def _only(details: Any, name: str, whole: int) -> int:
    """The one detail that says something, a part of its whole; −1 where the details are not that plain."""
    if type(details) is not dict:
        return -1
    part = 0
    for other, value in details.items():
        if not value:
            continue
        if other != name or type(value) is not int or not 0 < value <= whole:
            return -1
        part = value
    return part


def _any_usage_of_openai(usage: Mapping[str, Any], provider: str) -> Usage:
    if "totalTokenCount" in usage:
        return usage_of_gemini(usage)
    counts: dict[str, int] = {}
    beside: dict[str, int] = {}
    for name, value in usage.items():
        if not value:
            continue
        if isinstance(value, dict):
            _take(counts, _OPENAI_DETAILS.get(name, _NOTHING), value)
        elif name in _OPENAI_COUNTS:
            beside.setdefault(_OPENAI_COUNTS[name], count(value, name))
    counts = {**beside, **counts}
    total = counts.pop("total", 0)
    reasoning = counts.get("reasoning_tokens", 0)
    if reasoning:
        whole_out = counts.get("output_tokens", 0)
        is_own_field = provider == "perplexity" and "reasoning_tokens" in usage
        sums_up = total == counts.get("input_tokens", 0) + whole_out + reasoning
        if is_own_field or (sums_up if total else provider in _ADDS_REASONING):
            counts["output_tokens"] = whole_out + reasoning
    elif provider == "google":
        thought = total - counts.get("input_tokens", 0) - counts.get("output_tokens", 0)
        if thought > 0:
            counts["output_tokens"] = counts.get("output_tokens", 0) + thought
            counts["reasoning_tokens"] = thought
    return Usage(**counts)


def usage_of_gemini(usage: Mapping[str, Any]) -> Usage:
    """``usageMetadata`` of Gemini's own API: cached tokens are part of the prompt; what was thought, and what tools gave the
    model to read, are not. Source: google-genai 3.6.1, ``types.GenerateContentResponseUsageMetadata``."""
    given = _first(usage, "promptTokenCount") + _first(usage, "toolUsePromptTokenCount")
    thought = _first(usage, "thoughtsTokenCount")
    made = _first(usage, "candidatesTokenCount", "responseTokenCount")
    if thought and _first(usage, "totalTokenCount") != given + made:
        made += thought
    read = _modalities(usage, "promptTokensDetails", "toolUsePromptTokensDetails")
    written = _modalities(usage, "candidatesTokensDetails", "responseTokensDetails")
    return Usage(
        input_tokens=given,
        output_tokens=made,
        cache_read_tokens=_first(usage, "cachedContentTokenCount"),
        reasoning_tokens=thought,
        input_audio_tokens=read["AUDIO"],
        output_audio_tokens=written["AUDIO"],
        cache_audio_read_tokens=_modalities(usage, "cacheTokensDetails")["AUDIO"],
        input_image_tokens=read["IMAGE"],
        output_image_tokens=written["IMAGE"],
    )


def _modalities(usage: Mapping[str, Any], *names: str) -> dict[str, int]:
    """Tokens of sounds and pictures in these lists of details; video and documents are priced as text."""
    found = {"AUDIO": 0, "IMAGE": 0}
    for name in names:
        details = usage.get(name)
        for detail in details if isinstance(details, list) else ():
            kind = detail.get("modality") if isinstance(detail, dict) else None
            if kind in found:
                found[kind] += count(detail.get("tokenCount"), "tokenCount")
    return found


def usage_of_anthropic(usage: Mapping[str, Any]) -> Usage:
    """Messages API: ``input_tokens`` come without the cached ones, which are added here."""
    lives = _details(usage, "cache_creation")
    one_hour = _first(lives, "ephemeral_1h_input_tokens")
    written = _first(usage, "cache_creation_input_tokens") or one_hour + _first(lives, "ephemeral_5m_input_tokens")
    read = _first(usage, "cache_read_input_tokens")
    return Usage(
        input_tokens=count(usage.get("input_tokens"), "input_tokens") + read + written,
        output_tokens=count(usage.get("output_tokens"), "output_tokens"),
        cache_read_tokens=read,
        cache_write_tokens=written,
        cache_write_1h_tokens=one_hour,
        reasoning_tokens=_first(_details(usage, "output_tokens_details"), "thinking_tokens"),
        web_searches=_first(_details(usage, "server_tool_use"), "web_search_requests"),
    )


def usage_of_leaves(details: Mapping[str, Any]) -> Usage:
    """Langfuse ``usageDetails``: keys with ``input`` and ``output`` in their names, exclusive of each other.

    When ``total`` equals ``input + output`` although parts stand beside them, the sender counted inclusively; when it
    equals neither reading, the total wins over a clamped leaf.
    """
    counts = {name: count(value, name) for name, value in details.items() if value is not None}
    total = counts.pop("total", counts.pop("total_tokens", 0))
    plain_in, plain_out = counts.get("input", 0), counts.get("output", 0)
    sums = {"input": 0, "output": 0}
    parts = dict.fromkeys(_PARTS, 0)
    for name, value in counts.items():
        side = "output" if "output" in name or "completion" in name else "input"
        sums[side] += value
        for part in _parts_of(name, side):
            parts[part] += value
    if total and total == plain_in + plain_out != sums["input"] + sums["output"]:
        sums = {"input": plain_in, "output": plain_out}
    elif total and total < sums["input"] + sums["output"] and total - sums["output"] >= parts["cache_read_tokens"]:
        sums["input"] = total - sums["output"]
    return Usage(input_tokens=sums["input"], output_tokens=sums["output"], **parts)


def with_missing_cache(usage: Usage) -> Usage:
    """Add cached tokens to the input when they exceed it: the sender counted as Anthropic does, without them."""
    cached = usage.cache_read_tokens + usage.cache_write_tokens
    if cached <= usage.input_tokens:
        return usage
    return msgspec.structs.replace(usage, input_tokens=usage.input_tokens + cached)


_PARTS = (
    "cache_read_tokens", "cache_write_tokens", "cache_write_1h_tokens", "reasoning_tokens", "input_audio_tokens",
    "output_audio_tokens", "cache_audio_read_tokens", "input_image_tokens", "output_image_tokens",
)  # fmt: skip


def _parts_of(name: str, side: str) -> Iterable[str]:
    if "cach" in name:
        is_write = "creat" in name or "writ" in name
        yield "cache_write_tokens" if is_write else "cache_read_tokens"
        if is_write and "1h" in name:
            yield "cache_write_1h_tokens"
        if not is_write and "audio" in name:
            yield "cache_audio_read_tokens"
    if "audio" in name:
        yield f"{side}_audio_tokens"
    elif "image" in name:
        yield f"{side}_image_tokens"
    elif side == "output" and ("reason" in name or "think" in name or "thought" in name):
        yield "reasoning_tokens"


def _take(counts: dict[str, int], kinds: Mapping[str, Any], details: Mapping[str, Any]) -> None:
    """Add the details that have a kind of ours; details of a detail (audio of what was cached) have their own names."""
    for name, value in details.items():
        kind = kinds.get(name)
        if not value or not kind:
            continue
        if isinstance(kind, str):
            if kind not in counts:
                counts[kind] = count(value, name)
        elif isinstance(value, dict):
            _take(counts, kind, value)


def _details(usage: Mapping[str, Any], *names: str) -> Mapping[str, Any]:
    for name in names:
        found = usage.get(name)
        if isinstance(found, dict):
            return found
    return _NOTHING


def _first(counts: Mapping[str, Any], *names: str) -> int:
    for name in names:
        if counts and (value := counts.get(name)):
            return count(value, name)
    return 0


def _whole(value: Any, field: str) -> int:
    try:
        number = Decimal(value.strip().replace(",", "")) if isinstance(value, str) else Decimal(repr(value))
        if number == number.to_integral_value() and not isinstance(value, bool):
            return int(number)
    except (InvalidOperation, ArithmeticError, ValueError):
        pass
    raise LineError("tokens_not_a_number", field=field, value=shown(value))
