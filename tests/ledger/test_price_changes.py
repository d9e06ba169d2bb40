"""What a model costs now, what is announced, and what another book would change."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, date, datetime, time
from decimal import Decimal

import pytest
from library_book import NOON, library_book

from jitsuri.ledger.rules.announcing import changes_ahead, changes_of, current_prices, tiers_of
from jitsuri.ledger.rules.comparing import cheaper_sheets, compare_books
from jitsuri.ledger.rules.finding import find_sheet
from jitsuri.ledger.rules.pricing import price_of_mix
from jitsuri.ledger.shapes.pricing import Block, Mix, ModelSheet, Override, PriceBook, Step, UnitPrice, Unpriced
from jitsuri.ledger.wire.overriding import OwnPrices, with_own_prices
from jitsuri.ledger.wire.packing import from_json, sealed, to_json
from jitsuri.terms.usage import Usage

M = 1_000_000


def sheet_of(provider: str, model: str) -> ModelSheet:
    found = find_sheet(library_book(), provider, model)
    assert isinstance(found, ModelSheet)
    return found


def with_price(book: PriceBook, model: str, old: str, new: str) -> PriceBook:
    """The book with every such unit price of one OpenAI model changed, as a newer file would have it."""
    content = json.loads(to_json(book))
    for vendor in content["vendors"]:
        for sheet in vendor["sheets"]:
            if vendor["provider"] == "openai" and sheet["model"] == model:
                for block in sheet["blocks"]:
                    for unit in block["units"]:
                        unit["price"] = new if unit["price"] == old else unit["price"]
    return from_json(json.dumps(content).encode())


def test_announced_changes_come_soonest_first_and_within_the_horizon() -> None:
    found = changes_ahead(library_book(), date(2026, 11, 22), 10)

    argon = [(c.tier, c.kind, c.before, c.after) for c in found if c.model == "gemini-4-argon"]
    assert argon == [
        ("", "input_tokens", Decimal(2), Decimal(4)),
        ("", "cache_read_tokens", Decimal("0.1"), Decimal("0.2")),
        ("", "output_tokens", Decimal(10), Decimal(20)),
        ("batch", "input_tokens", Decimal(1), Decimal(2)),
        ("batch", "cache_read_tokens", Decimal("0.05"), Decimal("0.1")),
        ("batch", "output_tokens", Decimal(5), Decimal(10)),
    ]
    assert {c.on for c in found} == {date(2026, 12, 1)}
    later = changes_ahead(library_book(), date(2026, 11, 22), 40)
    assert [c.on for c in later] == sorted(c.on for c in later)
    assert any(c.model == "gemini-3.8-flash" and c.on == date(2027, 1, 1) for c in later)
    assert changes_ahead(library_book(), date(2026, 12, 1), 10) == ()


def test_a_past_cut_is_a_change_with_its_cliff() -> None:
    cut = [c for c in changes_of(sheet_of("openai", "gpt-5.6-luna")) if c.on == date(2026, 7, 30)]

    outputs = [(c.above_tokens, c.before, c.after) for c in cut if c.kind == "output_tokens"]
    assert outputs == [(0, Decimal(6), Decimal("1.2")), (272_000, Decimal(9), Decimal("1.8"))]


def test_a_cliff_that_goes_away_is_a_change() -> None:
    changes = changes_of(sheet_of("anthropic", "claude-opus-4-6"))

    gone = [(c.kind, c.above_tokens, c.before, c.after) for c in changes if c.on == date(2026, 3, 13)]
    assert ("input_tokens", 200_000, Decimal(10), Decimal(5)) in gone
    assert all(above == 200_000 for _, above, *_ in gone)


def test_a_tier_that_becomes_known_is_not_told_as_a_price_cut() -> None:
    batch = [c for c in changes_of(sheet_of("openai", "gpt-6.1-sol")) if c.tier == "batch" and not c.above_tokens]

    assert {(c.kind, c.before) for c in batch} == {
        ("input_tokens", None), ("cache_write_tokens", None), ("cache_read_tokens", None), ("output_tokens", None),
    }  # fmt: skip


def test_current_prices_show_hours_tiers_and_cliffs() -> None:
    rows = current_prices(sheet_of("deepseek", "deepseek-flash"), NOON)
    inputs = [(r.window, r.price) for r in rows if r.kind == "input_tokens"]
    assert inputs == [
        ("", Decimal("0.15")), ("01:00-04:00 UTC", Decimal("0.3")), ("06:00-10:00 UTC", Decimal("0.3")),
    ]  # fmt: skip

    sol = {(r.tier, r.kind): r for r in current_prices(sheet_of("openai", "gpt-6.1-sol"), NOON)}
    assert sol["", "input_tokens"].steps == (Step(272_000, Decimal(4)),)
    assert sol["batch", "output_tokens"].price == Decimal(5)
    assert sol["priority", "output_tokens"].price == Decimal(20)
    assert tiers_of(sheet_of("openai", "gpt-6.1-sol")) == ("batch", "fast", "priority", "flex")


def test_current_prices_are_those_of_the_day_asked_for() -> None:
    argon = sheet_of("google", "gemini-4-argon")

    assert current_prices(argon, datetime(2026, 11, 30, 23, tzinfo=UTC))[0].price == 2
    assert current_prices(argon, datetime(2026, 12, 1, tzinfo=UTC))[0].price == 4
    assert {r.tier for r in current_prices(argon, datetime(2026, 10, 1, tzinfo=UTC))} == {""}


def test_weekday_windows_are_written_for_readers() -> None:
    units = (UnitPrice("input_tokens", Decimal(1), M), UnitPrice("output_tokens", Decimal(1), M))
    night = Block("night", units, from_time=time(22), weekdays=(0, 1, 2, 3, 4), zone="Asia/Tokyo")
    two = Block("two", units, weekdays=(0, 6))
    sheet = ModelSheet("onprem", "m", "JPY", (Block("standard", units), night, two), "test")

    assert {r.window for r in current_prices(sheet, NOON)} == {"", "22:00-24:00 Asia/Tokyo Mon-Fri", "Mon Sun"}


MIX = Usage(1_000_000, 100_000, cache_read_tokens=500_000)


def test_a_mix_is_priced_on_its_average_call() -> None:
    haiku = sheet_of("anthropic", "claude-haiku-5-5")

    # 10 calls of 100,000: below the cliff; one token more and all are above it
    assert price_of_mix(haiku, Usage(1_000_000, 0), 10, NOON) == Decimal("0.1")
    assert price_of_mix(haiku, Usage(1_000_001, 0), 10, NOON) == Decimal("0.5000005")
    assert price_of_mix(haiku, Usage(1_000_000, 0), 10, NOON, "batch") == Decimal("0.05")
    assert isinstance(price_of_mix(sheet_of("openai", "whisper-1"), Usage(1, 0), 1, NOON), Unpriced)


def test_a_fee_per_request_counts_every_call_of_a_mix() -> None:
    # sonar: 1 + 0.1 dollars for tokens, 1,000 requests at 12 per 1,000
    sonar = sheet_of("perplexity", "sonar")

    assert price_of_mix(sonar, Usage(1_000_000, 100_000), 1_000, NOON) == Decimal("13.1")


def test_cheaper_models_are_listed_by_price_and_the_rest_has_a_reason() -> None:
    # gpt-4o: 0.5 × 2.5 + 0.5 × 1.25 + 0.1 × 10 = 2.875 dollars = 431.25 yen at 150
    found, dropped = cheaper_sheets(
        library_book(), MIX, 100, NOON, below_jpy=Decimal("431.25"), rates={"USD": Decimal(150)},
        providers=("openai", "anthropic"),
    )  # fmt: skip

    by_model = {(p.provider, p.model): p for p in found}
    # gpt-6-luna: 0.5 × 0.1 + 0.5 × 0.01 + 0.1 × 0.5 = 0.105 dollars
    assert by_model["openai", "gpt-6-luna"].cost_jpy == Decimal("15.75")
    assert ("openai", "gpt-4o") not in by_model
    assert [p.cost_jpy for p in found] == sorted(p.cost_jpy for p in found)
    reasons = {drop.what: drop.code for drop in dropped}
    assert reasons["openai/whisper-1"] == "price_missing_kind"
    assert reasons["openai/gpt-4"] == "context_too_small"
    assert {p.provider for p in found} == {"openai", "anthropic"}


def test_a_candidate_must_hold_the_average_input_and_have_a_rate_and_a_price() -> None:
    def reasons(totals: Usage, rates: dict[str, Decimal], provider: str) -> set[str]:
        _, dropped = cheaper_sheets(
            library_book(), totals, 1, NOON, below_jpy=Decimal(0), rates=rates, providers=(provider,)
        )
        return {drop.code for drop in dropped}

    assert "context_too_small" in reasons(Usage(900_000, 1), {"USD": Decimal(150)}, "openai")
    assert "rate_missing" in reasons(Usage(10, 1), {}, "anthropic")
    assert "deprecated" in reasons(Usage(10, 1), {}, "avian")
    assert "price_is_zero" in reasons(Usage(10, 1), {"USD": Decimal(150)}, "openrouter")


def test_an_own_machine_in_yen_is_a_candidate_too() -> None:
    units = (UnitPrice("input_tokens", Decimal("12.5"), M), UnitPrice("output_tokens", Decimal(50), M))
    row = Override("onprem", "qwen3-32b", Block("override", units, currency="JPY", is_override=True), "power")
    book = with_own_prices(library_book(), OwnPrices((row,)))

    found, _ = cheaper_sheets(
        book, MIX, 100, NOON, below_jpy=Decimal(100), rates={"USD": Decimal(150)}, providers=("onprem",)
    )
    assert [(p.model, p.cost_jpy) for p in found] == [("qwen3-32b", Decimal("17.5"))]


def test_the_same_book_changes_nothing() -> None:
    diff = compare_books(library_book(), library_book(), [Mix("openai", "gpt-4o", "", "", 1, MIX)], NOON, {})

    assert diff.is_empty
    assert diff.effects == ()


def test_another_book_is_told_by_price_and_by_yen() -> None:
    new = with_price(library_book(), "gpt-4o", "2.5", "2")
    mixes = [
        Mix("openai", "gpt-4o", "", "", 100, MIX),
        Mix("openai", "gpt-6-luna", "", "", 100, MIX),
        Mix("openai", "gpt-99", "", "", 5, MIX),
    ]

    diff = compare_books(library_book(), new, mixes, NOON, {"USD": Decimal(150)})
    assert [(c.model, c.kind, c.before, c.after, c.on) for c in diff.changed] == [
        ("gpt-4o", "input_tokens", Decimal("2.5"), Decimal(2), date(2026, 11, 22))
    ]
    (effect,) = diff.effects
    # 0.5 million uncached tokens × 0.5 dollars × 150
    assert (effect.model, effect.before_jpy, effect.after_jpy) == ("gpt-4o", Decimal("431.25"), Decimal("393.75"))
    assert (diff.before_jpy, diff.after_jpy) == (Decimal("447"), Decimal("409.5"))
    assert (diff.added, diff.removed, diff.announced, diff.revised) == ((), (), (), ())
    assert not diff.is_empty


@pytest.mark.parametrize(("model", "old", "new"), [("gpt-5.6-luna", "6", "5.5")])
def test_a_change_of_past_prices_alone_is_told_apart(model: str, old: str, new: str) -> None:
    diff = compare_books(library_book(), with_price(library_book(), model, old, new), [], NOON, {})

    assert (diff.changed, diff.revised) == ((), (("openai", model),))


def test_new_models_lost_models_and_new_announcements_are_told() -> None:
    book = library_book()
    vendor = next(v for v in book.vendors if v.provider == "openai")
    sheet = next(s for s in vendor.sheets if s.model == "gpt-6-luna")
    standard, *tiers = sheet.blocks
    units = (UnitPrice("input_tokens", Decimal("0.2"), M), *standard.units[1:])
    mended = {
        "gpt-6-luna": replace(sheet, blocks=(standard, Block("2027-02-01", units, date(2027, 2, 1)), *tiers)),
        "gpt-4": replace(sheet, model="gpt-7"),
    }
    sheets = tuple(mended.get(s.model, s) for s in vendor.sheets)
    new = sealed(replace(book, vendors=tuple(replace(v, sheets=sheets) if v is vendor else v for v in book.vendors)))

    diff = compare_books(book, new, [], NOON, {})
    assert diff.added == (("openai", "gpt-7"),)
    assert diff.removed == (("openai", "gpt-4"),)
    assert {(c.model, c.kind, c.after) for c in diff.announced if not c.above_tokens} == {
        ("gpt-6-luna", "input_tokens", Decimal("0.2"))
    }


def test_an_own_price_shows_in_the_difference() -> None:
    units = (UnitPrice("input_tokens", Decimal(2), M), UnitPrice("output_tokens", Decimal(8), M))
    row = Override("openai", "gpt-4o", Block("override", units, currency="USD", is_override=True), "contract")
    new = with_own_prices(library_book(), OwnPrices((row,)))

    diff = compare_books(library_book(), new, [], NOON, {})
    changed = {(c.tier, c.kind): (c.before, c.after) for c in diff.changed}
    assert changed["", "input_tokens"] == (Decimal("2.5"), Decimal(2))
    assert changed["", "output_tokens"] == (Decimal(10), Decimal(8))
    # cached input has no price in the contract: it is input now
    assert changed["", "cache_read_tokens"] == (Decimal("1.25"), Decimal(2))
