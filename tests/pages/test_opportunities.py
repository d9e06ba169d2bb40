"""Opportunities: what a candidate's price alone would save, reckoned by hand; nothing is said of its answers."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal

import pytest
from page_scene import LAST, NOW, SMALL, Scene, book, make, rate_on, sheet

from jitsuri.flows.cold.opportunities import Opportunities, Proof, baseline_months, opportunities
from jitsuri.ledger.records import entries as entry_rows
from jitsuri.ledger.records import reading
from jitsuri.ledger.rules.converting import Rates, rates_of
from jitsuri.ledger.rules.offering import MOST_OFFERED, offered_sheets
from jitsuri.ledger.shapes.pricing import Block, Override, PriceBook, UnitPrice
from jitsuri.store.door import Store
from jitsuri.terms.period import Month
from jitsuri.terms.usage import Usage

PROOF = Proof(Decimal("0.10"), Decimal(50), Decimal(3957), Decimal("0.05"))
RATES = rates_of([rate_on(date(2026, 9, 1)), rate_on(LAST)], "TTM")
D = Decimal


def listed(store: Store, prices: PriceBook | None = None, now: datetime = NOW, rates: Rates = RATES) -> Opportunities:
    with store.reading() as tx:
        found = opportunities(tx, now, prices or book(), rates, PROOF)
    assert found is not None
    return found


def test_savings_are_those_of_the_whole_baseline_at_todays_price_and_rate(kept: Scene) -> None:
    found = listed(kept.store)

    triage, quotation = found.rows
    assert (found.first, found.last, found.is_running) == (Month(2026, 9), Month(2026, 10), False)
    assert (triage.task, triage.calls, triage.months, triage.cost_jpy) == ("inquiry-triage", 88, 2, D(23_100))
    # per call 0.09 and 0.21 USD at 154.20; 88 calls in two months
    assert [(c.model, c.cost_jpy, c.saving_jpy) for c in triage.candidates] == [
        ("gpt-tiny", D("610.632"), D("22489.368")), ("gpt-small", D("1424.808"), D("21675.192"))
    ]  # fmt: skip
    # 0.18 USD a call, 44 calls; today 63 yen a call
    assert [(c.model, c.cost_jpy, c.saving_jpy) for c in quotation.candidates] == [
        ("gpt-tiny", D("610.632"), D("775.368"))
    ]
    assert found.saving_jpy == D("23264.736")


def test_a_proof_has_its_labels_and_its_price(kept: Scene) -> None:
    triage = listed(kept.store).rows[0]

    assert (triage.need.labels, triage.need.seconds) == (289, D(14_450))
    assert triage.proof_labour_jpy == D("15882.958333")  # 14,450 s at 3,957 yen an hour
    assert triage.proof_replay_jpy == D("4010.742")  # 289 answers at 13.878 yen
    assert triage.pays_back_months is not None
    assert round(triage.pays_back_months, 4) == D("0.8846")
    found = listed(kept.store)
    assert (found.labels, found.seconds) == (578, D(28_900))


def test_everything_left_out_has_its_reason(kept: Scene) -> None:
    found = listed(kept.store)
    triage = {d.what: d.code for d in found.rows[0].dropped}

    assert {d.what: d.code for d in found.dropped} == {
        "openai/gpt-gone": "deprecated", "openai/gpt-embedding": "other_purpose", "openai/gpt-4o-realtime": "other_purpose",
    }  # fmt: skip
    assert triage == {
        "openai/gpt-short": "context_too_small", "openai/gpt-input-only": "no_output_price", "openai/gpt-huge": "not_cheaper"
    }  # fmt: skip


def test_calls_of_no_task_and_calls_without_yen_are_no_opportunity(kept: Scene) -> None:
    found = listed(kept.store)

    assert "" not in {row.task for row in found.rows}
    assert found.uncompared == {"": 8}  # the Mondays of September and October


def test_at_most_five_are_shown_and_the_cheapest_are_among_them(kept: Scene) -> None:
    """The exact price of every sheet, by the slow way, agrees with the list."""
    many = tuple(sheet(f"gpt-c{n:02d}", f"0.{n:02d}", f"{n % 7}.{n:02d}") for n in range(1, 40))
    prices = book()
    vendor = replace(prices.vendors[0], sheets=(*prices.vendors[0].sheets[:2], *many))
    found = listed(kept.store, replace(prices, vendors=(vendor,)))

    def cost(model: int) -> Decimal:
        usd = D(f"0.{model:02d}") + D(f"{model % 7}.{model:02d}") / 10
        return 88 * usd * D("154.20") / 2

    exact = sorted([(cost(n), f"gpt-c{n:02d}") for n in range(1, 40)] + [(D("1424.808"), "gpt-small")])
    assert [c.model for c in found.rows[0].candidates] == [model for _, model in exact[:5]]
    assert [c.cost_jpy for c in found.rows[0].candidates] == [jpy for jpy, _ in exact[:5]]
    assert "less_cheap" in {d.code for d in found.rows[0].dropped}


def test_batch_use_is_compared_with_batch_prices(store: Store) -> None:
    day = date(2026, 10, 1)
    made = make("batch", day, 0, "letters", "", "gpt-big", Usage(input_tokens=1_000_000), "1.25")[1]
    with store.transaction() as tx:
        entry_rows.insert_many(tx, [replace(made, tier="batch")])
    plain = sheet("gpt-small", "1.00", "1.00")
    half = Block("batch", (UnitPrice("input_tokens", D("0.50"), 1_000_000),), tier="batch")
    prices = book()
    vendor = replace(
        prices.vendors[0], sheets=(prices.vendors[0].sheets[0], replace(plain, blocks=(*plain.blocks, half)))
    )

    (row,) = listed(store, replace(prices, vendors=(vendor,))).rows

    assert [(c.model, c.cost_jpy) for c in row.candidates] == [("gpt-small", D("77.1"))]  # 0.50 USD, not 1.00


def test_a_price_by_the_hour_does_not_change_the_list_within_a_day(kept: Scene) -> None:
    night = NOW.replace(hour=16)  # one in the morning in Tokyo, the next day

    assert listed(kept.store).rows == listed(kept.store, now=NOW.replace(hour=9)).rows
    assert listed(kept.store, now=night).rows == listed(kept.store).rows


def test_without_a_complete_month_the_running_one_is_compared_and_said(store: Store) -> None:
    with store.transaction() as tx:
        entry_rows.insert_many(tx, [make("one", date(2026, 11, 5), 0, "letters", "", "gpt-small", SMALL, "0.42")[1]])

    found = listed(store)

    assert (found.first, found.last, found.is_running) == (Month(2026, 11), Month(2026, 11), True)
    assert [row.months for row in found.rows] == [1]


def test_a_task_that_began_late_is_not_thinned_out(kept: Scene, store: Store) -> None:
    made = [make("a", date(2026, 8, 3), 0, "old", "", "gpt-big", SMALL, "7.00")[1],
            make("b", date(2026, 10, 5), 0, "new", "", "gpt-big", SMALL, "7.00")[1],
            make("c", date(2026, 9, 7), 0, "old", "", "gpt-big", SMALL, "7.00")[1]]  # fmt: skip
    with store.transaction() as tx:
        entry_rows.insert_many(tx, made)

    months = {row.task: (row.months, row.cost_jpy) for row in listed(store).rows}

    assert months == {"old": (3, D(700)), "new": (1, D(1050))}


@pytest.mark.parametrize(
    ("days", "expected"),
    [
        ([], None),
        ([(11, 3)], (11, 11)),
        ([(5, 1), (9, 1), (10, 1), (11, 3)], (9, 10)),  # what lies before a gap is left
        ([(7, 1), (8, 1), (9, 1), (10, 1)], (8, 10)),
        ([(3, 1)], (3, 3)),
    ],
)
def test_the_baseline_is_the_last_complete_months_in_a_row(
    store: Store, days: list[tuple[int, int]], expected: tuple[int, int] | None
) -> None:
    made = [make(f"m{m}", date(2026, m, d), 0, "letters", "", "gpt-small", SMALL, "0.42")[1] for m, d in days]
    with store.transaction() as tx:
        entry_rows.insert_many(tx, made)

    with store.reading() as tx:
        found = baseline_months(tx, Month(2026, 11))

    assert found == (None if expected is None else tuple(Month(2026, m) for m in expected))


def test_an_empty_ledger_has_no_list(store: Store) -> None:
    with store.reading() as tx:
        assert opportunities(tx, NOW, book(), RATES, PROOF) is None


def test_rare_kinds_are_counted_from_the_entries(store: Store) -> None:
    usage = Usage(input_tokens=1000, output_tokens=10, input_image_tokens=400, web_searches=3)
    made = [make(f"r{n}", date(2026, 10, n + 1), 0, "drawings", "", "gpt-big", usage, "0.01")[1] for n in range(2)]
    with store.transaction() as tx:
        entry_rows.insert_many(tx, [*made, make("s", date(2026, 10, 5), 0, "letters", "", "gpt-big", SMALL, "7.00")[1]])

    with store.reading() as tx:
        uses = {use.task: use.usage for use in reading.uses(tx, date(2026, 10, 1), date(2026, 10, 1))}
        empty = reading.uses(tx, date(2026, 9, 1), date(2026, 9, 1))

    assert uses["drawings"] == Usage(input_tokens=2000, output_tokens=20, input_image_tokens=800, web_searches=6)
    assert uses["letters"] == SMALL
    assert empty == []


def test_a_marketplace_offers_only_what_is_in_use() -> None:
    prices = book()
    many = tuple(sheet(f"gpt-m{n}", "0.01", "0.01") for n in range(MOST_OFFERED + 1))
    vendor = replace(prices.vendors[0], sheets=(*prices.vendors[0].sheets, *many))

    sheets, dropped = offered_sheets(replace(prices, vendors=(vendor,)), [("openai", "gpt-big")])

    assert [s.model for s in sheets] == ["gpt-big"]
    assert [(d.what, d.code) for d in dropped] == [("openai", "marketplace")]


def test_the_companys_own_price_is_the_one_that_is_compared() -> None:
    prices = book()
    own = Block("contract", (UnitPrice("input_tokens", D("0.02"), 1_000_000), UnitPrice("output_tokens", D("0.02"), 1_000_000)),
                currency="USD", is_override=True)  # fmt: skip
    prices = replace(prices, overrides=(Override("openai", "gpt-tiny", own, "contract 2026-04-01"),))

    sheets, _ = offered_sheets(prices, [("openai", "gpt-big")])

    tiny = next(s for s in sheets if s.model == "gpt-tiny")
    assert tiny.blocks[-1].is_override


@pytest.mark.parametrize(
    ("model", "code"),
    [
        ("gpt-3.5-turbo", "older_generation"), ("text-davinci-003", "older_generation"), ("ft:gpt-4o", "older_generation"),
        ("gpt-4o:extended", "older_generation"), ("claude-instant-1", "older_generation"), ("gpt-oss-20b", "open_weights"),
        ("gemma-3-27b-it", "older_generation"), ("gemma-4-31b-it", "open_weights"), ("gemini-3-flash-preview", "preview"),
        ("whisper-1", "other_purpose"), ("text-embedding-3-small", "other_purpose"), ("gpt-image-2", "other_purpose"),
        ("gpt-5-nano", ""), ("claude-haiku-5-5", ""), ("gemini-3.8-flash", ""), ("gemma-4-26b-a4b-it-maas", ""), ("o3", ""),
    ],
)  # fmt: skip
def test_names_tell_what_a_model_is_for(model: str, code: str) -> None:
    prices = book()
    vendor = replace(prices.vendors[0], sheets=(prices.vendors[0].sheets[0], sheet(model, "1", "1")))

    sheets, dropped = offered_sheets(replace(prices, vendors=(vendor,)), [("openai", "gpt-big")])

    assert ([d.code for d in dropped] or [""]) == [code]
    assert (model in {s.model for s in sheets}) == (code == "")


def test_a_model_in_use_is_a_candidate_whatever_its_name() -> None:
    prices = book()
    vendor = replace(prices.vendors[0], sheets=(prices.vendors[0].sheets[0], sheet("gpt-oss-20b", "1", "1")))

    sheets, dropped = offered_sheets(
        replace(prices, vendors=(vendor,)), [("openai", "gpt-big"), ("openai", "gpt-oss-20b")]
    )

    assert [s.model for s in sheets] == ["gpt-big", "gpt-oss-20b"]
    assert dropped == []
