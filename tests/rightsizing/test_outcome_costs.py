"""What 1,000 calls of a table cost, and what a certificate says they save: against formulas worked by hand, in Decimal."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from scipy import stats

from jitsuri.flows.cold.judging import Asked, judge_outcomes
from jitsuri.flows.cold.pricing_outcomes import Prices, own_price, unit_costs
from jitsuri.ledger.shapes.pricing import PriceBook
from jitsuri.ledger.wire.compiling import book_from_library
from jitsuri.rightsizing.rules.saving import AUDIT_SHARE, RATE_SWING, VALID_MONTHS, Effort, saving_of
from jitsuri.rightsizing.rules.telling import told
from jitsuri.rightsizing.shapes.certificates import FrozenBaseline, Saving
from jitsuri.rightsizing.shapes.outcomes import Table
from jitsuri.rightsizing.shapes.verdicts import UnitCosts
from jitsuri.terms.errors import CallerError

NOW = datetime(2026, 11, 22, tzinfo=UTC)
BOOK = book_from_library()
DAY = date(2026, 11, 20)


def prices(rate: str = "154.2", is_assumed: bool = False, **own: tuple[str, str]) -> Prices:
    kept = {model: (Decimal(into), Decimal(out)) for model, (into, out) in own.items()}
    return Prices(BOOK, NOW, Decimal(rate), is_assumed, kept)


def table(*rows: dict[str, Any]) -> Table:
    n = len(rows)

    def column(name: str, empty: object = None) -> tuple[Any, ...]:
        return tuple(row.get(name, empty) for row in rows)

    return Table(
        lines=tuple(range(1, n + 1)), tasks=("t",) * n, prompt_ids=column("id"), prompts=("",) * n,
        models=column("model"), answers=("",) * n, scores=column("score", 1.0), judges=("",) * n,
        input_tokens=column("into"), output_tokens=column("out"), costs_usd=column("usd"), critical=(None,) * n,
        fields={}, signals={}, are_tokens_estimated=any(row.get("estimated") for row in rows),
    )  # fmt: skip


def jfinqa() -> Table:
    """Three requests with the token counts of long tables of figures."""
    counts = [(1_842, 9), (2_310, 14), (1_211, 7)]
    return table(
        *({"id": f"q{at}", "model": "gpt-4o", "into": into, "out": out} for at, (into, out) in enumerate(counts)),
        *(
            {"id": f"q{at}", "model": "gpt-4o-mini", "into": into, "out": out + 3}
            for at, (into, out) in enumerate(counts)
        ),
    )


BASELINE, CANDIDATE = [0, 1, 2], [3, 4, 5]


def test_a_thousand_calls_at_own_prices_by_hand() -> None:
    """mean in 5,363/3 and out 30/3 and 39/3: (5363/3 · 2.50 + 10 · 10) / 1000 · 154.2; (5363/3 · 0.15 + 13 · 0.60) / 1000 · 154.2."""
    given = prices(**{"gpt-4o": ("2.50", "10"), "gpt-4o-mini": ("0.15", "0.60")})

    found = unit_costs(jfinqa(), BASELINE, CANDIDATE, given)

    assert found.baseline_jpy == pytest.approx(
        (Decimal(5363) / 3 * Decimal("2.5") + 100) / 1000 * Decimal("154.2"), abs=Decimal("1e-5")
    )
    assert found.candidate_jpy == pytest.approx(
        (Decimal(5363) / 3 * Decimal("0.15") + Decimal("7.8")) / 1000 * Decimal("154.2"), abs=Decimal("1e-5")
    )
    assert (found.baseline_jpy, found.candidate_jpy) == (Decimal("704.565500"), Decimal("42.551490"))
    assert (found.basis, found.reason, found.usd_jpy, found.is_rate_assumed) == ("own", "", Decimal("154.2"), False)


def test_the_price_book_says_the_same_as_its_own_prices_by_hand() -> None:
    """gpt-4o-mini: 0.15 in and 0.60 out in every book since 2024-07."""
    found = unit_costs(jfinqa(), [], CANDIDATE, prices())

    assert found.candidate_jpy == pytest.approx(Decimal("42.55149"), abs=Decimal("0.001"))
    assert found.basis == BOOK.source
    assert found.baseline_jpy is None


def test_a_name_with_its_vendor_is_found() -> None:
    plain = unit_costs(table({"id": "a", "model": "gpt-4o", "into": 1000, "out": 10}), [], [0], prices())
    with_vendor = unit_costs(table({"id": "a", "model": "openai__gpt-4o", "into": 1000, "out": 10}), [], [0], prices())

    assert plain.candidate_jpy == with_vendor.candidate_jpy
    assert plain.candidate_jpy is not None


def test_the_rate_moves_the_yen_in_proportion() -> None:
    low, high = (unit_costs(jfinqa(), BASELINE, CANDIDATE, prices(rate)) for rate in ("100", "200"))

    assert low.baseline_jpy is not None
    assert high.baseline_jpy == low.baseline_jpy * 2


def test_an_assumed_rate_stays_marked_to_the_end() -> None:
    held = table(
        *(
            {"id": f"q{at}", "model": m, "into": 10, "out": 1, "score": float(at % 2)}
            for at in range(60)
            for m in ("gpt-4o", "x")
        )
    )
    [one] = judge_outcomes(held, Asked(baseline="gpt-4o"), prices("150", is_assumed=True))

    assert told(one.verdict)["cost_basis"]["is_rate_assumed"] is True
    assert unit_costs(jfinqa(), BASELINE, CANDIDATE, prices("150")).is_rate_assumed is False


def test_a_model_without_a_price_is_unknown_and_not_free() -> None:
    held = table(
        {"id": "a", "model": "gpt-4o", "into": 1000, "out": 10},
        {"id": "a", "model": "社内の何か", "into": 1000, "out": 10},
    )
    found = unit_costs(held, [0], [1], prices())

    assert found.baseline_jpy is not None
    assert (found.candidate_jpy, found.reason, found.saving_jpy) == (None, "no_price", None)


def test_without_tokens_nothing_is_guessed() -> None:
    held = table({"id": "a", "model": "gpt-4o"}, {"id": "a", "model": "gpt-4o-mini", "into": 10})
    found = unit_costs(held, [0], [1], prices(**{"gpt-4o-mini": ("1", "1")}))

    assert (found.baseline_jpy, found.candidate_jpy, found.reason) == (None, None, "no_tokens")


def test_a_price_of_nothing_needs_no_tokens() -> None:
    """Rules and students: 0/0 says that no call is charged for."""
    found = unit_costs(table({"id": "a", "model": "rules"}), [], [0], prices(rules=("0", "0")))

    assert (found.candidate_jpy, found.reason, found.basis) == (Decimal(0), "", "own")


def test_a_cost_column_goes_before_every_price() -> None:
    """Mean of 0.012 and 0.018 dollars · 1,000 · 154.2 yen = 2,313 yen."""
    held = table(
        {"id": "a", "model": "gpt-4o", "into": 10**6, "out": 10**6, "usd": 0.012},
        {"id": "b", "model": "gpt-4o", "into": 10**6, "out": 10**6, "usd": 0.018},
    )
    found = unit_costs(held, [], [0, 1], prices(**{"gpt-4o": ("99", "99")}))

    assert (found.candidate_jpy, found.basis) == (Decimal("2313.000000"), "table")


def test_an_empty_book_has_no_price() -> None:
    given = replace(prices(), book=PriceBook("0" * 16, "", None, ()))

    assert unit_costs(jfinqa(), BASELINE, CANDIDATE, given).reason == "no_price"


def test_estimated_tokens_are_told() -> None:
    held = table({"id": "a", "model": "gpt-4o", "into": 10, "out": 1, "estimated": True})

    assert unit_costs(held, [], [0], prices()).tokens_estimated


@pytest.mark.parametrize("text", ["", "x", "=1/2", "1/2", "m=1", "m=a/b", "m=1/-1", "m=nan/1", "m=1/inf", "m=１,5/2"])
def test_a_price_that_cannot_be_read_is_refused(text: str) -> None:
    with pytest.raises(CallerError, match="price_option_unreadable"):
        own_price(text)


def test_names_may_hold_an_equals_sign() -> None:
    assert own_price("a=b=0.1/0.5") == ("a=b", (Decimal("0.1"), Decimal("0.5")))


# -- the saving per month

BEFORE = FrozenBaseline(date(2026, 8, 1), date(2026, 10, 31), 3, 36_000, Decimal(360_000), ("gpt-4o",))
COSTS = UnitCosts(Decimal(10_000), Decimal(1_000), "", "own", Decimal(150))
EFFORT = Effort(300, Decimal(50), Decimal(3_000), Decimal(900))


def saving(baseline: FrozenBaseline = BEFORE, calls: tuple[int, ...] = (11_000, 12_000, 13_000), costs: UnitCosts = COSTS,
           effort: Effort = EFFORT) -> Saving:  # fmt: skip
    found = saving_of(baseline, calls, costs, effort, rate_on=DAY, tax_percent=Decimal(10))
    assert found is not None
    return found


def test_a_month_by_hand() -> None:
    """12,000 calls: 120,000 yen today (10 a call), 12,000 proposed; labels 300 · 50 s · 3,000/h = 12,500 over 3 months;
    replay 900 over 3; audit 1 % of 120,000. Net = 120,000 − 12,000 − 4,166.67 − 300 − 1,200 = 102,333.33."""
    found = saving()

    assert (found.calls_per_month, found.today_jpy, found.proposed_jpy) == (12_000, Decimal(120_000), Decimal(12_000))
    assert found.labour_jpy == Decimal("4166.666667")
    assert (found.evaluation_jpy, found.audit_jpy) == (Decimal(300), Decimal(1_200))
    assert found.net_jpy == Decimal("102333.333333")
    assert found.net_jpy == pytest.approx(
        found.today_jpy - found.proposed_jpy - found.labour_jpy - found.evaluation_jpy - found.audit_jpy,
        abs=Decimal("1e-5"),
    )
    assert [3, Decimal("0.01"), 10] == [VALID_MONTHS, AUDIT_SHARE, RATE_SWING]


def test_both_ends_by_hand() -> None:
    """s = 1,000, t(2, 97.5 %) = 4.3027: 12,000 ± 2,484.14 calls. Per call 10 − 1 − 0.1 = 8.9 yen at 150, so
    low = 9,515.86 · 8.9 · 140/150 − 4,466.67 and high = 14,484.14 · 8.9 · 160/150 − 4,466.67."""
    found = saving()
    reach = float(stats.t.ppf(0.975, 2)) * 1000 / 3**0.5
    fixed = 12_500 / 3 + 300

    assert reach == pytest.approx(2_484.14, abs=0.01)
    assert float(found.low_jpy) == pytest.approx((12_000 - reach) * 8.9 * 140 / 150 - fixed, abs=0.01)
    assert float(found.high_jpy) == pytest.approx((12_000 + reach) * 8.9 * 160 / 150 - fixed, abs=0.01)
    assert found.low_jpy < found.net_jpy < found.high_jpy


def test_one_month_leaves_only_the_rate_to_move() -> None:
    one = replace(BEFORE, first=date(2026, 10, 1), months=1, calls=12_000, cost_jpy=Decimal(120_000))
    found = saving(one, (12_000,))

    fixed = Decimal(12_500) / 3 + 300
    assert float(found.low_jpy) == pytest.approx(float(Decimal(106_800) * 140 / 150 - fixed), abs=0.01)
    assert float(found.high_jpy) == pytest.approx(float(Decimal(106_800) * 160 / 150 - fixed), abs=0.01)


def test_a_saving_that_is_a_loss_is_shown_as_one() -> None:
    """A task of 30 calls a month never earns its labels back; a dearer candidate loses at both ends."""
    small = saving(replace(BEFORE, calls=90, cost_jpy=Decimal(900)), (30, 30, 30))
    dearer = saving(costs=replace(COSTS, candidate_jpy=Decimal(20_000)))

    assert small.net_jpy == Decimal("-4199.666667")
    assert small.low_jpy <= small.net_jpy <= small.high_jpy < 0
    assert dearer.net_jpy == Decimal("-125666.666667")
    assert dearer.low_jpy < dearer.net_jpy < dearer.high_jpy < 0


def test_calls_never_fall_below_none() -> None:
    found = saving(replace(BEFORE, calls=30_000, cost_jpy=Decimal(300_000)), (0, 0, 30_000))

    assert float(found.low_jpy) == pytest.approx(-(12_500 / 3 + 300), abs=0.01)


@pytest.mark.parametrize(
    ("costs", "calls"),
    [
        (replace(COSTS, candidate_jpy=None), (1, 2)),
        (replace(COSTS, usd_jpy=None), (1, 2)),
        (COSTS, ()),
        (COSTS, (0, 0)),
    ],
)
def test_what_is_unknown_saves_nothing_that_can_be_told(costs: UnitCosts, calls: tuple[int, ...]) -> None:
    assert saving_of(BEFORE, calls, costs, EFFORT, rate_on=DAY, tax_percent=Decimal(10)) is None
