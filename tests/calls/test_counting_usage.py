"""The short way to an ordinary usage says what the careful way says, for whatever may be reported."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from jitsuri.calls.rules import counting
from jitsuri.calls.rules.counting import checked_usage, checked_usage_of_openai, usage_of_openai
from jitsuri.calls.rules.faulting import LineError
from jitsuri.terms.usage import Usage

PLAIN = {"prompt_tokens": 512, "completion_tokens": 128, "total_tokens": 640}
DETAILED = PLAIN | {
    "prompt_tokens_details": {"cached_tokens": 256, "audio_tokens": 0},
    "completion_tokens_details": {"reasoning_tokens": 64, "audio_tokens": 0, "accepted_prediction_tokens": 0},
}

small = st.integers(0, 9)
odd = st.one_of(
    small, st.integers(-2, 10**12 + 2), st.none(), st.booleans(), st.sampled_from(["", "3", "x", 2.0, 1.5, [], [1], {}]),
)  # fmt: skip
IN_NAMES = (
    "cached_tokens",
    "audio_tokens",
    "image_tokens",
    "cache_write_tokens",
    "text_tokens",
    "cached_tokens_details",
)
OUT_NAMES = ("reasoning_tokens", "audio_tokens", "accepted_prediction_tokens", "thinking_tokens", "text_tokens")
NAMES = (
    "prompt_tokens", "completion_tokens", "total_tokens", "input_tokens", "output_tokens", "reasoning_tokens",
    "cached_tokens", "totalTokenCount", "prompt_cache_hit_tokens", "num_search_queries", "cost", "output_tokens_details",
)  # fmt: skip
PROVIDERS = ("openai", "azure", "google", "x-ai", "perplexity", "")


@st.composite
def usages(draw: st.DrawFn) -> dict[str, Any]:
    """Ordinary ones, and such with anything put in place of something."""
    given_, made = draw(small), draw(small)
    usage: dict[str, Any] = {"prompt_tokens": given_, "completion_tokens": made, "total_tokens": given_ + made}
    if draw(st.booleans()):
        names = st.dictionaries(st.sampled_from(IN_NAMES), st.one_of(st.just(0), small), max_size=3)
        usage["prompt_tokens_details"] = draw(st.one_of(names, odd))
    if draw(st.booleans()):
        names = st.dictionaries(st.sampled_from(OUT_NAMES), st.one_of(st.just(0), small), max_size=3)
        usage["completion_tokens_details"] = draw(st.one_of(names, odd))
    for name in draw(st.lists(st.sampled_from(NAMES), max_size=2)):
        usage[name] = draw(odd)
    for name in draw(st.lists(st.sampled_from(sorted(usage)), max_size=1)):
        del usage[name]
    return usage


def told(usage: dict[str, Any], provider: str) -> Usage | tuple[str, object]:
    try:
        return checked_usage(counting._any_usage_of_openai(usage, provider))
    except LineError as fault:
        return fault.code, fault.facts


@settings(derandomize=True, deadline=None, max_examples=500)
@given(usages(), st.sampled_from(PROVIDERS))
@example(PLAIN | {"total_tokens": 10**12 + 1, "prompt_tokens": 10**12, "completion_tokens": 1}, "openai")
@example(PLAIN | {"total_tokens": 10**12, "prompt_tokens": 10**12 - 1, "completion_tokens": 1}, "openai")
@example(DETAILED | {"total_tokens": 704}, "openai")
@example(DETAILED, "perplexity")
@example(DETAILED | {"prompt_tokens_details": {"cached_tokens": 513}}, "openai")
def test_the_short_way_says_what_the_careful_one_says(usage: dict[str, Any], provider: str) -> None:
    expected = told(usage, provider)

    if isinstance(expected, Usage):
        assert checked_usage_of_openai(usage, provider) == usage_of_openai(usage, provider) == expected
    else:
        with pytest.raises(LineError) as caught:
            checked_usage_of_openai(usage, provider)
        assert (caught.value.code, caught.value.facts) == expected


def test_ordinary_usages_take_the_short_way() -> None:
    assert counting._plain_usage(PLAIN) == Usage(512, 128)
    assert counting._plain_usage(DETAILED) == Usage(512, 128, 256, reasoning_tokens=64)
    assert counting._plain_usage(PLAIN | {"prompt_tokens_details": None}) == Usage(512, 128)
    assert counting._plain_usage(PLAIN | {"total_tokens": 641}) is None
