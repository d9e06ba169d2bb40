"""Our arithmetic against the library's own, over its whole book: every model, many usages, instants and tiers."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal

import pytest
from genai_prices import Usage as TheirUsage
from genai_prices.data_snapshot import get_snapshot
from hypothesis import given, settings
from hypothesis import strategies as st
from library_book import library_book, pricer

from jitsuri.ledger.rules.finding import PROVIDER_NAMES, find_sheet, vendor_named
from jitsuri.ledger.rules.pricing import _counts, _is_sound, price, price_of_mix
from jitsuri.ledger.shapes.pricing import ModelSheet, Priced, Unpriced
from jitsuri.terms.usage import USAGE_KINDS, Usage, usage_fault

CONTEXTS = {
    "": None,
    "batch": {"processing": "batch"},
    "flex": {"service_tier": "flex"},
    "priority": {"service_tier": "priority"},
    "fast": {"service_tier": "fast", "speed": "fast"},
    "default": {"service_tier": "default"},
    "route=mistral/eu": {"route": "mistral/eu"},
    "search_type=fast": {"search_type": "fast"},
}
THEIR_NAMES = {"reasoning_tokens": "output_reasoning_tokens"}
SHEETS = [sheet for vendor in library_book().vendors for sheet in vendor.sheets]
THEIRS = {(vendor.id, model.id): (vendor, model) for vendor in get_snapshot().providers for model in vendor.models}
STARTS = sorted({block.starts_on for sheet in SHEETS for block in sheet.blocks if block.starts_on})

counts = st.integers(0, 3_000_000)
instants = st.one_of(
    st.datetimes(datetime(2023, 1, 1), datetime(2028, 1, 1), timezones=st.just(UTC)),
    st.builds(
        lambda day, shift, zone: datetime.combine(day, time(), zone) + timedelta(seconds=shift),
        st.sampled_from(STARTS),
        st.integers(-1, 1),
        st.sampled_from([timezone(timedelta(hours=hours)) for hours in (-8, 0, 9)]),
    ),
)


@st.composite
def sound_usages(draw: st.DrawFn) -> Usage:
    """Counts whose parts fit beside each other, so that the library takes them too."""
    read, wrote, heard, seen, rest = (draw(st.one_of(st.just(0), counts)) for _ in range(5))
    read_heard = draw(st.integers(0, read))
    output = draw(counts)
    spoke = draw(st.integers(0, output))
    thought = draw(st.integers(0, output - spoke))
    drawn = draw(st.integers(0, output - spoke - thought))
    return Usage(
        input_tokens=1 + read + wrote + heard + seen + rest,
        output_tokens=output,
        cache_read_tokens=read,
        cache_write_tokens=wrote,
        cache_write_1h_tokens=draw(st.integers(0, wrote)),
        reasoning_tokens=thought,
        input_audio_tokens=heard + read_heard,
        output_audio_tokens=spoke,
        cache_audio_read_tokens=read_heard,
        input_image_tokens=seen,
        output_image_tokens=drawn,
        web_searches=draw(st.one_of(st.just(0), st.integers(0, 50))),
    )


def check(sheet: ModelSheet, usage: Usage, at: datetime, tier: str) -> None:
    """Price by both; where we refuse, the library must have left something out."""
    ours = pricer().price(sheet.provider, sheet.model, usage, at, tier)
    kinds = {unit.kind for block in sheet.blocks for unit in block.units}
    # they want an explicit zero for the overlap of two counts
    known = {THEIR_NAMES.get(kind, kind): getattr(usage, kind) for kind in USAGE_KINDS} | {"cache_image_read_tokens": 0}
    vendor, model = THEIRS[sheet.provider, sheet.model]
    theirs = model.calc_price(
        TheirUsage(**known), vendor, genai_request_timestamp=at, price_context=CONTEXTS[tier]
    )  # fmt: skip
    if isinstance(ours, Unpriced):
        assert ours.code == "price_missing_kind", ours
        assert getattr(usage, str(ours.facts["kind"])) > 0
        assert ours.facts["kind"] not in kinds or ours.facts["kind"] == "web_searches"
        return
    assert ours.cost == theirs.total_price
    assert sum((line[4] for line in ours.lines), Decimal(0)) == ours.cost
    assert all(units * price == cost * per for _, units, price, per, cost in ours.lines)


@pytest.mark.slow
@settings(derandomize=True, deadline=None, max_examples=1500)
@given(st.sampled_from(SHEETS), sound_usages(), instants, st.sampled_from(sorted(CONTEXTS)))
def test_we_price_as_the_library_does(sheet: ModelSheet, usage: Usage, at: datetime, tier: str) -> None:
    check(sheet, usage, at, tier)


RICH = [sheet for sheet in SHEETS if len(sheet.blocks) > 1 or any(u.steps for b in sheet.blocks for u in b.units)]


@pytest.mark.slow
@settings(derandomize=True, deadline=None, max_examples=1500)
@given(st.sampled_from(RICH), sound_usages(), instants, st.sampled_from(sorted(CONTEXTS)))
def test_we_price_dates_hours_tiers_and_cliffs_as_the_library_does(
    sheet: ModelSheet, usage: Usage, at: datetime, tier: str
) -> None:
    check(sheet, usage, at, tier)


@pytest.mark.slow
@pytest.mark.parametrize("tier", sorted(CONTEXTS))
def test_every_model_is_priced_as_the_library_does(tier: str) -> None:
    usage = Usage(250_001, 7_919, 30_011, 20_011, 5_003, 997)

    for sheet in SHEETS:
        check(sheet, usage, datetime(2026, 11, 20, 2, 30, tzinfo=UTC), tier)


@pytest.mark.slow
def test_every_model_name_leads_to_the_library_s_model() -> None:
    snapshot = get_snapshot()
    for sheet in SHEETS:
        for name in (sheet.model, sheet.model.upper(), f"{sheet.model}-20260401", f"{sheet.model}-2026-04-01"):
            try:
                vendor, model = snapshot.find_provider_model(name, None, sheet.provider, None)
                theirs = (vendor.id, model.id)
            except LookupError:
                theirs = None
            found = find_sheet(library_book(), sheet.provider, name)
            if theirs is not None:
                assert (found.provider, found.model) == theirs, name
            else:  # we also take the book's own name of a model
                assert isinstance(found, Unpriced) or found.model.lower() == name.lower(), name


@pytest.mark.slow
def test_a_name_alone_leads_where_the_library_s_guess_leads() -> None:
    snapshot = get_snapshot()
    for sheet in SHEETS:
        try:
            vendor, model = snapshot.find_provider_model(sheet.model, None, None, None)
        except LookupError:
            continue  # we understand some names that the library does not
        found = find_sheet(library_book(), "", sheet.model)
        assert (found.provider, found.model) == (vendor.id, model.id)


def test_provider_names_lead_to_the_library_s_provider() -> None:
    from genai_prices.data_snapshot import find_provider_by_id

    providers = get_snapshot().providers
    names = "openai azure bedrock aws.bedrock vertex_ai gemini xai mistral_ai cohere_chat together_ai moonshot nothing"
    for name in [*names.split(), *(p.id for p in providers), *(p.id.upper() for p in providers)]:
        theirs = find_provider_by_id(providers, name)
        ours = vendor_named(library_book(), name)
        assert (ours.provider if ours else None) == (theirs.id if theirs else None), name
    for name, provider in PROVIDER_NAMES.items():
        assert vendor_named(library_book(), name).provider == provider  # type: ignore[union-attr]


any_usages = st.builds(Usage, *([st.integers(-2, 12)] * len(USAGE_KINDS)))


@pytest.mark.slow
@settings(derandomize=True, deadline=None, max_examples=2000)
@given(any_usages)
def test_the_quick_check_of_counts_agrees_with_the_one_that_names_the_fault(usage: Usage) -> None:
    assert _is_sound(_counts(usage)) == (usage_fault(usage) is None)


@pytest.mark.slow
@settings(derandomize=True, deadline=None, max_examples=500)
@given(st.sampled_from(RICH), sound_usages(), instants)
def test_no_token_is_paid_twice_or_forgotten(sheet: ModelSheet, usage: Usage, at: datetime) -> None:
    found = price(sheet, usage, at)
    if isinstance(found, Priced):
        units: dict[bool, int] = {True: 0, False: 0}
        for kind, count, *_ in found.lines:
            if kind not in ("web_searches", "requests"):
                units["output" in kind or kind == "reasoning_tokens"] += count
        kinds = {unit.kind for unit in sheet.blocks[0].units}
        assert units[True] == (usage.output_tokens if "output_tokens" in kinds else 0)
        assert units[False] == (usage.input_tokens if "input_tokens" in kinds else 0)


@pytest.mark.slow
@settings(derandomize=True, deadline=None, max_examples=500)
@given(st.sampled_from(RICH), sound_usages(), instants, st.sampled_from(sorted(CONTEXTS)))
def test_a_pricer_says_what_a_single_pricing_says(sheet: ModelSheet, usage: Usage, at: datetime, tier: str) -> None:
    found = find_sheet(library_book(), sheet.provider, sheet.model)
    assert isinstance(found, ModelSheet)

    assert pricer().price(sheet.provider, sheet.model, usage, at, tier) == price(found, usage, at, tier)


@settings(derandomize=True, deadline=None, max_examples=300)
@given(st.sampled_from(RICH), sound_usages(), st.integers(1, 1000))
def test_a_mix_of_equal_calls_costs_their_sum(sheet: ModelSheet, usage: Usage, calls: int) -> None:
    at = datetime.combine(date(2026, 11, 20), time(12), UTC)
    totals = Usage(*(getattr(usage, kind) * calls for kind in USAGE_KINDS))

    one, all_ = price(sheet, usage, at), price_of_mix(sheet, totals, calls, at)
    assert all_ == (one.cost * calls if isinstance(one, Priced) else one)
