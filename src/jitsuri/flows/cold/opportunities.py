"""Opportunities (機会): tasks by cost, with what a candidate's price alone would save and what a proof would need.

Story: which months are the baseline → what each task used in them → which models could be asked instead → what the same
use would cost there, today → what is cheaper, what is left out and why → what proving it would take (decision 0007).
Nothing here says that a candidate's answers are good enough: every yen of saving is 想定.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time
from decimal import Decimal, localcontext

from jitsuri.evaluation.rules.planning import labels_needed
from jitsuri.ledger.records import reading
from jitsuri.ledger.records.totals import totals
from jitsuri.ledger.rules.converting import Rates
from jitsuri.ledger.rules.offering import offered_sheets
from jitsuri.ledger.rules.pricing import Resolved, price_of_mix, resolve
from jitsuri.ledger.shapes.pricing import ModelSheet, PriceBook
from jitsuri.ledger.shapes.rates import Rate
from jitsuri.ledger.shapes.views import Use
from jitsuri.rightsizing.rules.comparing import MOST_CANDIDATES, opportunity
from jitsuri.rightsizing.shapes.opportunities import Opportunity, TaskUse
from jitsuri.routing import records as routing_rows
from jitsuri.store.door import Connection
from jitsuri.terms.ids import UNASSIGNED
from jitsuri.terms.money import EXACT_DIGITS, exact_product
from jitsuri.terms.outcomes import Dropped
from jitsuri.terms.period import COMPANY_ZONE, Month, company_day, month_of, months_between
from jitsuri.terms.usage import USAGE_KINDS, Usage

BASELINE_MONTHS = 3
"""Complete months with calls that are compared: a quarter evens out one odd month (decision 0007)."""

USED_MONTHS = 6
"""Models that the company used in these last months are candidates for every task (decision 0007)."""

ROOM = 2
"""A candidate's context must hold the mean input this many times, where the book knows it: requests vary in length."""

NOON = time(12)
"""Prices are those of today at noon, so that a price by the hour does not change the list within a day."""

_READING = ("input_tokens", "cache_read_tokens", "cache_write_tokens", "cache_write_1h_tokens", "input_audio_tokens",
            "cache_audio_read_tokens", "input_image_tokens")  # fmt: skip
_WRITING = ("output_tokens", "reasoning_tokens", "output_audio_tokens", "output_image_tokens")


@dataclass(frozen=True, slots=True)
class Proof:
    """What a proof is assumed to take (settings ``proof.*``); all of it is 想定."""

    discordance: Decimal
    seconds_per_label: Decimal
    labour_jpy_per_hour: Decimal
    margin: Decimal
    """For tasks that are not known by name; a known task has its own."""


@dataclass(frozen=True, slots=True)
class Opportunities:
    """All tasks with calls in the baseline, dearest first.

    ``saving_jpy`` sums the best candidates' savings per month: an upper bound, by price alone. ``uncompared`` counts,
    per task, calls without yen, which are in neither side of the comparison. ``dropped`` holds for all tasks alike.
    """

    rows: tuple[Opportunity, ...]
    first: Month
    last: Month
    is_running: bool
    """The baseline is the current month, which is not over: there was no complete one."""
    saving_jpy: Decimal
    labels: int
    seconds: Decimal
    proof: Proof
    rate: Rate | None
    """Today's rate for US dollars, in which nearly all models are priced."""
    book_id: str
    book_source: str
    dropped: tuple[Dropped, ...]
    uncompared: Mapping[str, int]


def opportunities(tx: Connection, now: datetime, book: PriceBook, rates: Rates, proof: Proof) -> Opportunities | None:
    """The opportunity list as of now; None where no call has been made yet. Reads rollups only."""
    today = company_day(now)
    baseline = baseline_months(tx, month_of(today))
    if baseline is None:
        return None
    first, last = baseline
    used = _models_used(tx, last)
    sheets, dropped = offered_sheets(book, used)
    uses: dict[str, list[Use]] = defaultdict(list)
    for use in reading.uses(tx, first.first, last.first):
        uses[use.task].append(use)
    begun = _first_months(tx, first, last)
    margins = {task.name: task.margin for task in routing_rows.tasks(tx).values()}
    prices = _Prices(sheets, rates, datetime.combine(today, NOON, COMPANY_ZONE))
    rows = [
        _of_task(task, held, prices, begun[task], last, margins.get(task, proof.margin), proof)
        for task, held in uses.items()
        if task != UNASSIGNED
    ]
    rows.sort(key=lambda row: (-row.cost_jpy, row.task))
    paying = [row for row in rows if row.candidates]
    with localcontext(prec=EXACT_DIGITS):
        return Opportunities(
            rows=tuple(rows),
            first=first,
            last=last,
            is_running=last == month_of(today),
            saving_jpy=sum((row.candidates[0].saving_jpy for row in paying), Decimal(0)),
            labels=sum(row.need.labels for row in paying),
            seconds=sum((row.need.seconds for row in paying), Decimal(0)),
            proof=proof,
            rate=rates.on("USD", today),
            book_id=book.book_id,
            book_source=book.source,
            dropped=tuple(dropped),
            uncompared={task: n for task, held in uses.items() if (n := sum(use.unpriced for use in held))},
        )


def baseline_months(tx: Connection, this_month: Month) -> tuple[Month, Month] | None:
    """The first and last month of the baseline: the last complete ones with calls, else the current one, else None."""
    rows = totals(tx, "month", Month(2000, 1).first, this_month.first, ("period",), purpose="")
    months = sorted(month_of(row.period) for row in rows if row.period is not None and row.calls)
    complete = [month for month in months if month < this_month]
    if not complete:
        return (this_month, this_month) if months else None
    chosen = complete[-BASELINE_MONTHS:]
    while len(list(months_between(chosen[0], chosen[-1]))) > len(chosen):
        chosen = chosen[1:]  # a gap in the log is no month without cost: what lies before it is left
    return chosen[0], chosen[-1]


def _models_used(tx: Connection, last: Month) -> list[tuple[str, str]]:
    first = last
    for _ in range(USED_MONTHS - 1):
        first = first.previous
    rows = totals(tx, "month", first.first, last.next.first, ("provider", "model"), purpose="")
    return [(row.provider or "", row.model or "") for row in rows if row.calls]


def _first_months(tx: Connection, first: Month, last: Month) -> dict[str, Month]:
    """The first month of the baseline in which each task had calls: a task that began late is not thinned out."""
    found: dict[str, Month] = {}
    for row in totals(tx, "month", first.first, last.first, ("period", "task"), purpose=""):
        if row.period is not None and row.task is not None and row.calls:
            month = month_of(row.period)
            found[row.task] = min(found.get(row.task, month), month)
    return found


@dataclass(frozen=True, slots=True)
class _Terms:
    """What of a sheet decides a lower bound: the cheapest yen that a token of each side can cost in a tier."""

    yen_per: Decimal
    cached: Decimal
    read: Decimal
    written: Decimal


class _Prices:
    """The offered sheets with today's rates; keeps what was resolved."""

    def __init__(self, sheets: Sequence[ModelSheet], rates: Rates, at: datetime) -> None:
        self.sheets = sheets
        self._rates = rates
        self._at = at
        self._terms: dict[tuple[str, str, str], _Terms | str] = {}

    def least(self, sheet: ModelSheet, mixes: Mapping[str, tuple[int, Usage]]) -> Decimal | Dropped:
        """What this use costs at least at the sheet today, in yen; or why nothing can be said."""
        whole = Decimal(0)
        for tier, (_, usage) in mixes.items():
            terms = self._terms_of(sheet, tier)
            if isinstance(terms, str):
                return Dropped(f"{sheet.provider}/{sheet.model}", terms)
            whole += (usage.input_tokens - usage.cache_read_tokens) * terms.read
            whole += usage.cache_read_tokens * terms.cached + usage.output_tokens * terms.written
        return whole

    def cost(self, sheet: ModelSheet, mixes: Mapping[str, tuple[int, Usage]]) -> Decimal | Dropped:
        """What this use, tier by tier, would cost at the sheet today, in yen; or why that cannot be said."""
        what = f"{sheet.provider}/{sheet.model}"
        whole = Decimal(0)
        for tier, (calls, usage) in mixes.items():
            terms = self._terms_of(sheet, tier)
            cost = price_of_mix(sheet, usage, calls, self._at, tier)
            if isinstance(terms, str) or not isinstance(cost, Decimal):
                return Dropped(what, "no_price_of_kind")
            whole += exact_product(cost, terms.yen_per)
        return whole if whole else Dropped(what, "price_is_zero")

    def _terms_of(self, sheet: ModelSheet, tier: str) -> _Terms | str:
        key = (sheet.provider, sheet.model, tier)
        if key not in self._terms:
            self._terms[key] = self._found(sheet, tier)
        return self._terms[key]

    def _found(self, sheet: ModelSheet, tier: str) -> _Terms | str:
        resolved = resolve(sheet, self._at, tier)
        if not isinstance(resolved, Resolved):
            return resolved.code
        if "input_tokens" not in resolved.units or "output_tokens" not in resolved.units:
            return "no_output_price"
        rate = self._rates.on(resolved.currency, company_day(self._at))
        if resolved.currency != "JPY" and rate is None:
            return "rate_missing"
        yen_per = rate.rate if rate is not None else Decimal(1)
        read, written = _cheapest(resolved, _READING[:1] + _READING[2:]), _cheapest(resolved, _WRITING)
        cached = min(read, _cheapest(resolved, _READING[1:2]))
        return _Terms(yen_per, cached * yen_per, read * yen_per, written * yen_per)


def _cheapest(resolved: Resolved, kinds: Sequence[str]) -> Decimal:
    """The lowest price per token among these kinds, cliffs included; beyond any price where there is none."""
    found = [
        price / unit.per
        for kind in kinds
        if (unit := resolved.units.get(kind)) is not None
        for price in (unit.price, *(step.price for step in unit.steps))
    ]
    return min(found, default=Decimal("Infinity"))


def _of_task(
    task: str, uses: Sequence[Use], prices: _Prices, first: Month, last: Month, margin: Decimal, proof: Proof
) -> Opportunity:
    compared = [use for use in uses if not use.unpriced]
    costs, dropped = _candidates(compared, prices)
    return opportunity(
        task,
        [TaskUse(u.task, u.provider, u.model, u.tier, u.calls, u.usage, u.cost_jpy) for u in compared],
        costs,
        dropped,
        labels_needed(margin, proof.discordance, proof.seconds_per_label),
        baseline_from=first.first,
        baseline_to=last.last,
        months=len(list(months_between(first, last))),
        labour_jpy_per_hour=proof.labour_jpy_per_hour,
    )


def _candidates(uses: Sequence[Use], prices: _Prices) -> tuple[dict[tuple[str, str], Decimal], list[Dropped]]:
    """The cheapest sheets with what the use would cost there, and what is left out with its reason.

    The exact price is slow, a lower bound is quick: sheets are priced in the order of their bounds until no other one
    can be among those shown.
    """
    mixes = _by_tier(uses)
    calls = sum(count for count, _ in mixes.values())
    if not calls:
        return {}, []
    whole = sum((use.cost_jpy for use in uses), Decimal(0))
    bounds, dropped = _bounds(uses, prices, mixes, calls)
    costs: dict[tuple[str, str], Decimal] = {}
    for least, sheet in bounds:
        what = f"{sheet.provider}/{sheet.model}"
        best = sorted(costs.values())
        if least >= whole:
            dropped.append(Dropped(what, "not_cheaper"))
        elif len(best) >= MOST_CANDIDATES and least >= best[MOST_CANDIDATES - 1]:
            dropped.append(Dropped(what, "less_cheap"))
        elif any(model == sheet.model for _, model in costs):
            dropped.append(Dropped(what, "same_model_elsewhere"))
        else:
            cost = prices.cost(sheet, mixes)
            if isinstance(cost, Dropped):
                dropped.append(cost)
            else:
                costs[sheet.provider, sheet.model] = cost
    return costs, dropped


def _bounds(
    uses: Sequence[Use], prices: _Prices, mixes: Mapping[str, tuple[int, Usage]], calls: int
) -> tuple[list[tuple[Decimal, ModelSheet]], list[Dropped]]:
    """Every sheet that could take this use with the least it would cost, cheapest first, and those that could not."""
    mean_input = sum(usage.input_tokens for _, usage in mixes.values()) // calls
    own = {(use.provider, use.model) for use in uses}
    found: list[tuple[Decimal, ModelSheet]] = []
    dropped: list[Dropped] = []
    for sheet in prices.sheets:
        if own == {(sheet.provider, sheet.model)}:
            continue  # today's configuration is what the others are compared with
        if sheet.context_window is not None and sheet.context_window < ROOM * mean_input:
            facts = {"context_window": sheet.context_window}
            dropped.append(Dropped(f"{sheet.provider}/{sheet.model}", "context_too_small", facts))
            continue
        least = prices.least(sheet, mixes)
        if isinstance(least, Dropped):
            dropped.append(least)
        else:
            found.append((least, sheet))
    return sorted(found, key=lambda pair: pair[0]), dropped


def _by_tier(uses: Sequence[Use]) -> dict[str, tuple[int, Usage]]:
    """What was used together, tier by tier: batch use is compared with batch prices."""
    found: dict[str, tuple[int, Usage]] = {}
    for use in uses:
        calls, usage = found.get(use.tier, (0, Usage()))
        added = Usage(**{kind: getattr(usage, kind) + getattr(use.usage, kind) for kind in USAGE_KINDS})
        found[use.tier] = (calls + use.calls, added)
    return found
