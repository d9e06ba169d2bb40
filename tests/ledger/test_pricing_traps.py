"""What people get wrong in LLM costs, each with the right answer written by hand (US dollars per million tokens)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from library_book import NOON, priced, unpriced

from jitsuri.terms.usage import Usage

JST = timezone(timedelta(hours=9))


def test_a_cliff_charges_every_token_of_the_request_and_starts_above_its_threshold() -> None:
    # Haiku 5.5: 0.10 in, 0.50 out; above 100,000 input tokens 0.50 in, 2.50 out, on all of them
    assert priced("anthropic", "claude-haiku-5-5", Usage(100_000, 0)).cost == Decimal("0.01")
    assert priced("anthropic", "claude-haiku-5-5", Usage(100_001, 0)).cost == Decimal("0.0500005")
    assert priced("anthropic", "claude-haiku-5-5", Usage(100_000, 1_000)).cost == Decimal("0.0105")
    assert priced("anthropic", "claude-haiku-5-5", Usage(100_001, 1_000)).cost == Decimal("0.0525005")


def test_the_threshold_counts_cached_input_too() -> None:
    # 100,001 input, 90,001 of them read from cache: the dear side for all; 10,000 × 0.50 + 90,001 × 0.05
    usage = Usage(100_001, 0, cache_read_tokens=90_001)

    assert priced("anthropic", "claude-haiku-5-5", usage).cost == Decimal("0.00950005")


def test_a_past_price_cut_does_not_reach_back() -> None:
    # gpt-5.6-luna: 1.00/6.00 until 2026-07-29, 0.20/1.20 from 2026-07-30 (UTC days)
    usage = Usage(100_000, 10_000)

    last = datetime(2026, 7, 29, 23, 59, 59, tzinfo=UTC)
    assert priced("openai", "gpt-5.6-luna", usage, last).cost == Decimal("0.16")
    assert priced("openai", "gpt-5.6-luna", usage, datetime(2026, 7, 30, tzinfo=UTC)).cost == Decimal("0.032")
    assert priced("openai", "gpt-5.6-luna", usage, datetime(2026, 7, 30, 8, 59, tzinfo=JST)).cost == Decimal("0.16")
    assert priced("openai", "gpt-5.6-luna", usage, datetime(2026, 7, 30, 9, 0, tzinfo=JST)).cost == Decimal("0.032")


def test_a_scheduled_price_waits_for_its_day() -> None:
    # gemini-4-argon: 2/10, from 2026-12-01 UTC 4/20; gemini-3.8-flash: 0.75/3.75, from 2027-01-01 1.5/7.5
    usage = Usage(100_000, 10_000)

    assert priced("google", "gemini-4-argon", usage, datetime(2026, 12, 1, 8, 59, tzinfo=JST)).cost == Decimal("0.3")
    assert priced("google", "gemini-4-argon", usage, datetime(2026, 12, 1, 9, 0, tzinfo=JST)).cost == Decimal("0.6")
    assert priced("google", "gemini-3.8-flash", usage, datetime(2026, 12, 31, 23, tzinfo=UTC)).cost == Decimal("0.1125")
    assert priced("google", "gemini-3.8-flash", usage, datetime(2027, 1, 1, tzinfo=UTC)).cost == Decimal("0.225")


@pytest.mark.parametrize(
    ("clock", "cost"),
    [
        ("09:59:59", "0.021"), ("10:00:00", "0.042"), ("12:59:59", "0.042"), ("13:00:00", "0.021"),
        ("14:59:59", "0.021"), ("15:00:00", "0.042"), ("18:59:59", "0.042"), ("19:00:00", "0.021"),
        ("00:30:00", "0.021"), ("08:59:59", "0.021"),
    ],
)  # fmt: skip
def test_japanese_office_hours_cost_double_at_deepseek(clock: str, cost: str) -> None:
    # deepseek-flash: 0.15/0.60, at 01-04 and 06-10 UTC 0.30/1.20: 10-13 and 15-19 in Tokyo
    at = datetime.fromisoformat(f"2026-11-20T{clock}+09:00")

    assert priced("deepseek", "deepseek-flash", Usage(100_000, 10_000), at).cost == Decimal(cost)


@pytest.mark.parametrize(
    ("tier", "cost"),
    [
        # gpt-6.1-sol: 2.00 in, 0.10 cached, 10.00 out: 60,000 × 2 + 40,000 × 0.1 + 10,000 × 10
        ("", "0.224"), ("default", "0.224"), ("batch", "0.112"), ("flex", "0.112"), ("priority", "0.448"),
        ("fast", "0.448"), ("Priority", "0.448"),
    ],
)  # fmt: skip
def test_the_tier_of_the_response_decides(tier: str, cost: str) -> None:
    found = priced("openai", "gpt-6.1-sol", Usage(100_000, 10_000, cache_read_tokens=40_000), tier=tier)

    assert found.cost == Decimal(cost)
    assert found.note == ""


def test_a_batch_stacks_with_the_cache_at_anthropic() -> None:
    # claude-sonnet-5-5 batch: 1.00 in, 0.05 cached, 5.00 out; a search has no batch price: 10 per 1,000
    usage = Usage(100_000, 10_000, cache_read_tokens=50_000, web_searches=2)

    assert priced("anthropic", "claude-sonnet-5-5", usage, tier="batch").cost == Decimal("0.1225")


def test_a_tier_without_a_price_is_priced_as_standard_and_says_so() -> None:
    usage = Usage(100_000, 10_000)

    missing = priced("anthropic", "claude-haiku-5-5", usage, tier="priority")
    assert (missing.cost, missing.note) == (Decimal("0.015"), "tier_missing")
    early = priced("openai", "gpt-6.1-sol", usage, datetime(2026, 10, 1, tzinfo=UTC), "batch")
    assert (early.cost, early.note) == (Decimal("0.3"), "tier_not_yet")


def test_cache_writes_of_an_hour_cost_more_than_those_of_five_minutes() -> None:
    # claude-sonnet-5-5: 2.00 in, 0.10 read, 2.50 write, 4.00 write for an hour
    # 20,000 × 2 + 50,000 × 0.1 + 20,000 × 2.5 + 10,000 × 4
    usage = Usage(100_000, 0, cache_read_tokens=50_000, cache_write_tokens=30_000, cache_write_1h_tokens=10_000)

    found = priced("anthropic", "claude-sonnet-5-5", usage)
    assert found.cost == Decimal("0.135")
    assert {kind: units for kind, units, *_ in found.lines} == {
        "input_tokens": 20_000, "cache_read_tokens": 50_000, "cache_write_tokens": 20_000,
        "cache_write_1h_tokens": 10_000,
    }  # fmt: skip


def test_cached_tokens_are_paid_once_and_not_again_as_input() -> None:
    # gpt-6.1-sol: all of the input is cached: 100,000 × 0.10, nothing × 2.00
    found = priced("openai", "gpt-6.1-sol", Usage(100_000, 0, cache_read_tokens=100_000))

    assert found.cost == Decimal("0.01")
    assert [line[0] for line in found.lines] == ["cache_read_tokens"]


def test_cache_writes_are_charged_by_openai_since_gpt_5_6() -> None:
    # gpt-6.1-sol: written 2.50: 50,000 × 2 + 50,000 × 2.5
    assert priced("openai", "gpt-6.1-sol", Usage(100_000, 0, cache_write_tokens=50_000)).cost == Decimal("0.225")


def test_a_kind_without_a_price_costs_what_the_kind_around_it_costs() -> None:
    # gpt-5-mini has no price for cache writes: they are input at 0.25; reads 0.025
    usage = Usage(100_000, 0, cache_read_tokens=20_000, cache_write_tokens=30_000)

    assert priced("openai", "gpt-5-mini", usage).cost == Decimal("0.0205")


def test_reasoning_is_part_of_the_output_and_not_added_to_it() -> None:
    # gpt-5-mini: 2.00 out: 1,000 output tokens, 800 of them unseen
    assert priced("openai", "gpt-5-mini", Usage(0, 1_000, reasoning_tokens=800)).cost == Decimal("0.002")
    # sonar-deep-research bills reasoning at 3.00 and the rest of the output at 8.00
    found = priced("perplexity", "sonar-deep-research", Usage(0, 1_000, reasoning_tokens=800))
    assert found.cost == Decimal("0.004")


def test_unseen_thinking_is_not_free_at_google() -> None:
    # gemini-2.5-flash: 0.30 in, 2.50 out, thinking included
    assert priced("google", "gemini-2.5-flash", Usage(1_000, 5_000, reasoning_tokens=4_900)).cost == Decimal("0.0128")


def test_audio_has_its_own_price_and_cached_audio_another() -> None:
    # gemini-2.5-flash: text 0.30, audio 1.00, cached text 0.03, cached audio 0.10
    # 100,000 input = 50,000 text + 50,000 audio; of them cached 10,000 text + 20,000 audio
    usage = Usage(
        100_000, 0, cache_read_tokens=30_000, input_audio_tokens=50_000, cache_audio_read_tokens=20_000
    )  # fmt: skip
    # 40,000 × 0.30 + 30,000 × 1.00 + 10,000 × 0.03 + 20,000 × 0.10
    assert priced("google", "gemini-2.5-flash", usage).cost == Decimal("0.0443")


def test_images_have_their_own_price_and_cached_images_are_told_to_be_unknown() -> None:
    # gpt-image-2: text 5.00, image 8.00, cached 1.25, out 30.00
    plain = priced("openai", "gpt-image-2", Usage(10_000, 0, input_image_tokens=4_000))
    cached = priced("openai", "gpt-image-2", Usage(10_000, 0, cache_read_tokens=1_000, input_image_tokens=4_000))

    assert (plain.cost, plain.note) == (Decimal("0.062"), "")
    assert (cached.cost, cached.note) == (Decimal("0.05825"), "cached_image_unknown")


def test_web_searches_are_paid_beside_the_tokens() -> None:
    # claude-sonnet-5-5: 3 searches at 10 per 1,000
    assert priced("anthropic", "claude-sonnet-5-5", Usage(1_000, 100, web_searches=3)).cost == Decimal("0.033")


def test_searches_without_a_price_leave_the_call_unpriced_rather_than_too_cheap() -> None:
    found = unpriced("xai", "grok-4.7", Usage(1_000, 100, web_searches=3))

    assert (found.code, found.facts["kind"]) == ("price_missing_kind", "web_searches")


def test_a_fee_per_request_is_charged_once_for_an_answered_request() -> None:
    # sonar: 1.00/1.00 and 12 per 1,000 requests
    assert priced("perplexity", "sonar", Usage(1_000, 100)).cost == Decimal("0.0131")
    assert priced("perplexity", "sonar", Usage()).cost == 0


def test_a_japanese_bedrock_profile_costs_a_tenth_more() -> None:
    usage = Usage(1_000_000, 100_000)
    name = "anthropic.claude-haiku-4-5-20251001-v1:0"

    assert priced("bedrock", f"global.{name}", usage).cost == Decimal("1.5")
    assert priced("bedrock", f"jp.{name}", usage).cost == Decimal("1.65")
    assert priced("", f"jp.{name}", usage).cost == Decimal("1.65")


@pytest.mark.parametrize(
    ("provider", "model", "found"),
    [
        ("openai", "gpt-4o-2024-08-06", "gpt-4o"), ("", "gpt-5.2-20251211", "gpt-5.2"),
        ("anthropic", "claude-haiku-5-5-20260901", "claude-haiku-5-5"), ("azure", "gpt-35-turbo", "gpt-3.5-turbo"),
        ("mistral", "mistral-large-latest", "mistral-large"), ("deepseek", "deepseek-chat", "deepseek-chat"),
        ("litellm", "openai/gpt-5", "gpt-5"), ("", "models/gemini-2.5-flash", "gemini-2.5-flash"),
        ("openai", "ft:gpt-4o-mini-2024-07-18:sample::abc", "ft:gpt-4o-mini"),
    ],
)  # fmt: skip
def test_aliases_dated_names_and_vendor_prefixes_are_found(provider: str, model: str, found: str) -> None:
    assert priced(provider, model, Usage(1, 1)).model == found


def test_an_alias_costs_what_the_book_says_it_points_to() -> None:
    usage = Usage(100_000, 10_000)

    assert priced("mistral", "mistral-large-latest", usage).cost == Decimal("0.26")  # 2/6
    night = datetime(2026, 11, 20, 20, tzinfo=UTC)
    assert priced("deepseek", "deepseek-chat", usage).cost == Decimal("0.038")  # 0.27/1.10 by day
    assert priced("deepseek", "deepseek-chat", usage, night).cost == Decimal("0.019")  # half at night


def test_a_fine_tuned_model_is_never_priced_as_its_base() -> None:
    # ft:gpt-4o-mini is 0.30/1.20, gpt-4o-mini 0.15/0.60
    usage = Usage(100_000, 10_000)

    assert priced("openai", "ft:gpt-4o-mini-2024-07-18:sample::abc", usage).cost == Decimal("0.042")
    assert unpriced("azure", "ft:o4-mini-2025-04-16:sample", usage).code == "price_missing_model"
    assert unpriced("openai", "ft:gpt-4.1-mini-2025-04-14:sample::abc", usage).code == "price_missing_model"


def test_a_reseller_does_not_get_the_owner_s_tiers() -> None:
    # Azure sells OpenAI's models; what it takes for a batch is not in the book
    usage = Usage(100_000, 10_000)

    found = priced("azure", "gpt-5-mini", usage, tier="batch")
    assert (found.provider, found.cost, found.note) == ("azure", Decimal("0.045"), "tier_missing")


def test_an_own_machine_is_not_priced_as_a_vendor_s_api() -> None:
    for provider, model in (("vllm", "gpt-5"), ("onprem", "qwen3-32b"), ("", "ollama/deepseek-r1"), ("", "llama3")):
        assert unpriced(provider, model, Usage(10, 1)).code == "price_missing_model"


def test_free_is_a_price_and_no_price_is_none() -> None:
    free = priced("openrouter", "deepseek/deepseek-chat-v3-0324:free", Usage(1_000, 100))
    assert (free.cost, free.currency) == (0, "USD")
    assert len(free.lines) == 2

    bundled = unpriced("github-copilot", "gpt-4o", Usage(1_000, 100))
    assert bundled.code == "price_missing_kind"
    assert unpriced("openai", "gpt-99", Usage(1_000, 100)).code == "price_missing_model"


def test_an_embedding_costs_its_input_and_cannot_have_output() -> None:
    # text-embedding-3-small: 0.02 in
    assert priced("openai", "text-embedding-3-small", Usage(1_000_000, 0)).cost == Decimal("0.02")
    found = unpriced("openai", "text-embedding-3-small", Usage(1_000, 1))
    assert (found.code, found.facts["kind"]) == ("price_missing_kind", "output_tokens")


def test_a_failed_attempt_without_usage_costs_nothing() -> None:
    assert priced("openai", "gpt-6-astra", Usage()).cost == 0


@pytest.mark.parametrize(
    ("usage", "fault", "kind"),
    [
        (Usage(-1, 0), "negative_tokens", "input_tokens"),
        (Usage(10, 5, reasoning_tokens=6), "part_exceeds_whole", "reasoning_tokens"),
        (Usage(10, 0, cache_read_tokens=6, cache_write_tokens=5), "part_exceeds_whole", "cache_read_tokens"),
        (Usage(10, 0, cache_write_tokens=1, cache_write_1h_tokens=2), "part_exceeds_whole", "cache_write_1h_tokens"),
    ],
)
def test_counts_that_contradict_each_other_are_not_priced(usage: Usage, fault: str, kind: str) -> None:
    found = unpriced("anthropic", "claude-sonnet-5-5", usage)

    assert (found.code, found.facts["fault"], found.facts["kind"]) == ("usage_invalid", fault, kind)


def test_parts_that_cannot_fit_beside_each_other_are_not_priced() -> None:
    # gpt-image-2 prices images and cached text apart: 8,000 + 8,000 do not fit into 10,000
    found = unpriced("openai", "gpt-image-2", Usage(10_000, 0, cache_read_tokens=8_000, input_image_tokens=8_000))

    assert found.facts == {"fault": "parts_exceed_whole", "kind": "input_tokens", "value": 16_000}


def test_the_smallest_amounts_are_exact() -> None:
    # gpt-5-nano: one cached token at 0.005 per million
    assert priced("openai", "gpt-5-nano", Usage(1, 0, cache_read_tokens=1)).cost == Decimal("0.000000005")


def test_the_largest_amounts_are_exact() -> None:
    # claude-sonnet-5-5: 10^18 + 1 tokens at 2.00 per million
    assert priced("anthropic", "claude-sonnet-5-5", Usage(10**18 + 1, 0)).cost == Decimal("2000000000000.000002")


def test_an_instant_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="time zone"):
        priced("deepseek", "deepseek-flash", Usage(1, 1), NOON.replace(tzinfo=None))
