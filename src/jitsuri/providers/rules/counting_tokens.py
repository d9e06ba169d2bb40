"""Usage of one dialect in the words of the other: OpenAI's input includes what came from the cache, Anthropic's not.

Only for the caller's eyes: what a call cost is read from what the upstream itself reported. A count that is no number
is 0. Sources: ``anthropic`` 2.14.0 (``types.usage``), ``openai`` 3.57.0 (``types.completion_usage``).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_TIERS = {"standard": "default", "priority": "priority"}
_TIERS_BACK = {"default": "standard", "priority": "priority", "fast": "priority"}


def usage_to_openai(usage: Mapping[str, Any] | None) -> dict[str, Any]:
    """Counts that include their parts."""
    told = usage or {}
    read, written = _count(told, "cache_read_input_tokens"), _count(told, "cache_creation_input_tokens")
    prompt = _count(told, "input_tokens") + read + written
    completion = _count(told, "output_tokens")
    details = {"cached_tokens": read}
    if written:
        details["cache_write_tokens"] = written
    made: dict[str, Any] = {
        "prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion,
        "prompt_tokens_details": details,
    }  # fmt: skip
    thoughts = _count(_part(told, "output_tokens_details"), "thinking_tokens")
    if thoughts:
        made["completion_tokens_details"] = {"reasoning_tokens": thoughts}
    return made


def usage_to_anthropic(usage: Mapping[str, Any] | None) -> dict[str, Any]:
    """Counts without the cached ones, which stand beside them."""
    told = usage or {}
    details = _part(told, "prompt_tokens_details")
    read = _count(details, "cached_tokens") or _count(told, "prompt_cache_hit_tokens")
    written = _count(details, "cache_write_tokens")
    made: dict[str, Any] = {
        "input_tokens": max(0, _count(told, "prompt_tokens") - read - written),
        "output_tokens": _count(told, "completion_tokens"),
        "cache_read_input_tokens": read, "cache_creation_input_tokens": written,
    }  # fmt: skip
    thoughts = _count(_part(told, "completion_tokens_details"), "reasoning_tokens")
    if thoughts:
        made["output_tokens_details"] = {"thinking_tokens": thoughts}
    return made


def tier_to_openai(tier: Any) -> str | None:
    """The service tier; None for one without a counterpart."""
    return _TIERS.get(tier) if isinstance(tier, str) else None


def tier_to_anthropic(tier: Any) -> str | None:
    """The service tier; None for one without a counterpart."""
    return _TIERS_BACK.get(tier) if isinstance(tier, str) else None


def _count(counts: Mapping[str, Any], name: str) -> int:
    value = counts.get(name)
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else 0


def _part(usage: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = usage.get(name)
    return value if isinstance(value, dict) else {}
