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

from jitsuri.calls.rules.faulting import LineError, shown
from jitsuri.terms.usage import PART_OF, Usage, usage_fault

MOST_TOKENS = 10**12
"""More than any model reads in one call by a factor of 100,000: a larger count is a wrong column (decision 0004)."""

_NOTHING: Mapping[str, Any] = {}
_ADDS_REASONING = frozenset({"x-ai", "perplexity"})
"""Their chat answers report reasoning beside the completion, not in it (genai-prices 0.2.3, extractors)."""


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
    """The same usage. Faults: ``part_exceeds_whole``."""
    fault = usage_fault(usage)
    if fault is not None:
        _, kind, value = fault
        whole = next(
            (w for part, w in PART_OF if part == kind and getattr(usage, part) > getattr(usage, w)), "input_tokens"
        )
        raise LineError("part_exceeds_whole", field=kind, value=value, whole=whole, whole_value=getattr(usage, whole))
    return usage


def usage_of_openai(usage: Mapping[str, Any], provider: str) -> Usage:
    """Chat completions, responses, embeddings and their many imitators. Cached tokens are part of the input."""
    asked = usage.get("prompt_tokens")
    whole_in = count(usage.get("input_tokens"), "input_tokens") if asked is None else count(asked, "prompt_tokens")
    given = usage.get("completion_tokens")
    whole_out = (
        count(usage.get("output_tokens"), "output_tokens") if given is None else count(given, "completion_tokens")
    )
    details_in = _details(usage, "prompt_tokens_details", "input_tokens_details", "input_token_details")
    details_out = _details(usage, "completion_tokens_details", "output_tokens_details", "output_token_details")
    cached_details = _details(details_in, "cached_tokens_details")
    reasoning = _first(details_out, "reasoning_tokens", "thinking_tokens") or _first(usage, "reasoning_tokens")
    if reasoning and _is_beside(usage, provider, whole_in, whole_out, reasoning):
        whole_out += reasoning
    return Usage(
        input_tokens=whole_in,
        output_tokens=whole_out,
        cache_read_tokens=_first(details_in, "cached_tokens", "cache_read_input_tokens")
        or _first(usage, "cache_read_input_tokens", "prompt_cache_hit_tokens", "cached_tokens"),
        cache_write_tokens=_first(
            details_in, "cache_write_tokens", "cache_creation_tokens", "cache_creation_input_tokens"
        )
        or _first(usage, "cache_creation_input_tokens"),
        cache_write_1h_tokens=_first(
            _details(details_in, "cache_creation_token_details") or _details(usage, "cache_creation"),
            "ephemeral_1h_input_tokens",
        ),
        reasoning_tokens=reasoning,
        input_audio_tokens=_first(details_in, "audio_tokens"),
        output_audio_tokens=_first(details_out, "audio_tokens"),
        cache_audio_read_tokens=_first(cached_details, "audio_tokens"),
        input_image_tokens=_first(details_in, "image_tokens"),
        output_image_tokens=_first(details_out, "image_tokens"),
        web_searches=_first(usage, "num_search_queries")
        or _first(_details(usage, "server_tool_use"), "web_search_requests"),
    )


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
    counts = {name: getattr(usage, name) for name in usage.__slots__}
    return Usage(**{**counts, "input_tokens": usage.input_tokens + cached})


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


def _is_beside(usage: Mapping[str, Any], provider: str, whole_in: int, whole_out: int, reasoning: int) -> bool:
    """Whether reasoning stands beside the completion instead of in it: the total says so, else the provider's habit."""
    total = _first(usage, "total_tokens")
    if provider == "perplexity" and "reasoning_tokens" in usage:
        return True
    if total:
        return total == whole_in + whole_out + reasoning
    return provider in _ADDS_REASONING


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
