"""Usage: how many tokens of which kind one attempt used.

Counts *include* their parts, as OpenTelemetry GenAI and genai-prices count: cached tokens are part of
``input_tokens``, reasoning tokens part of ``output_tokens``. A dialect that reports otherwise
(Anthropic: ``input_tokens`` without the cached ones) is translated where it is read, once.
Source: OpenTelemetry semantic-conventions-genai, ``gen_ai.usage.*`` (read 2026-11-22).
"""

from __future__ import annotations

import msgspec


class Usage(msgspec.Struct, frozen=True, omit_defaults=True):
    """Token counts (and counted tool uses) of one attempt; every count is ≥ 0.

    A msgspec struct and no dataclass, because several are made per call. As JSON it says only what is not 0.
    """

    input_tokens: int = 0
    """All input, with everything below that is input."""
    output_tokens: int = 0
    """All output, with reasoning."""
    cache_read_tokens: int = 0
    """Part of input that was read from a prompt cache."""
    cache_write_tokens: int = 0
    """Part of input that was written to a prompt cache, whatever its life."""
    cache_write_1h_tokens: int = 0
    """Part of ``cache_write_tokens`` with a life of one hour (Anthropic bills it higher)."""
    reasoning_tokens: int = 0
    """Part of output that the caller does not see."""
    input_audio_tokens: int = 0
    output_audio_tokens: int = 0
    cache_audio_read_tokens: int = 0
    """Part of both ``cache_read_tokens`` and ``input_audio_tokens``."""
    input_image_tokens: int = 0
    output_image_tokens: int = 0
    web_searches: int = 0
    """Searches that the upstream ran on its own and bills per thousand."""


USAGE_KINDS: tuple[str, ...] = Usage.__struct_fields__
"""The names of all counts, in the order of the columns that hold them."""

PART_OF: tuple[tuple[str, str], ...] = (
    ("cache_read_tokens", "input_tokens"),
    ("cache_write_tokens", "input_tokens"),
    ("cache_write_1h_tokens", "cache_write_tokens"),
    ("reasoning_tokens", "output_tokens"),
    ("input_audio_tokens", "input_tokens"),
    ("output_audio_tokens", "output_tokens"),
    ("cache_audio_read_tokens", "cache_read_tokens"),
    ("cache_audio_read_tokens", "input_audio_tokens"),
    ("input_image_tokens", "input_tokens"),
    ("output_image_tokens", "output_tokens"),
)
"""Which count is part of which: a part may not exceed its whole."""


def usage_fault(usage: Usage) -> tuple[str, str, int] | None:
    """The first thing wrong with these counts: ``(reason code, kind, value)``, or None.

    Reason codes: ``negative_tokens``, ``part_exceeds_whole``.
    """
    for kind in USAGE_KINDS:
        value = getattr(usage, kind)
        if value < 0:
            return ("negative_tokens", kind, value)
    for part, whole in PART_OF:
        if getattr(usage, part) > getattr(usage, whole):
            return ("part_exceeds_whole", part, getattr(usage, part))
    cached = usage.cache_read_tokens + usage.cache_write_tokens
    if cached > usage.input_tokens:
        return ("part_exceeds_whole", "cache_read_tokens", cached)
    return None
