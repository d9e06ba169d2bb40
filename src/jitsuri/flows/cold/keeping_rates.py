"""Rates and tax rules: taken in as dated rows, used where entries are made, and what they change told by new lines."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from itertools import groupby
from uuid import UUID

from jitsuri.evidence import records as evidence
from jitsuri.evidence.rules import record_of
from jitsuri.flows.cold.reading_rates import Quoted, read_rates
from jitsuri.flows.cold.reading_tables import by_line
from jitsuri.ledger.records import entries, rollups, taxes
from jitsuri.ledger.records import rates as kept
from jitsuri.ledger.rules.converting import EXACT, Rates, rates_of, reconversion_lines
from jitsuri.ledger.rules.spreading import is_currency
from jitsuri.ledger.rules.taxing import STARTING_RULES
from jitsuri.ledger.shapes.entries import Entry
from jitsuri.ledger.shapes.rates import Rate, RateKind, TaxRule
from jitsuri.store.door import Connection, Store
from jitsuri.terms.ids import derived_id
from jitsuri.terms.outcomes import Refusal
from jitsuri.terms.period import company_day

CALLS_AT_ONCE = 2_000
"""Calls per transaction when entries are converted again: half a second of work that a kill can cost."""


@dataclass(frozen=True, slots=True)
class RatesTaken:
    """What a file or a person added. ``corrected`` rows take the place of another rate for the same day."""

    added: int
    corrected: int
    known: int
    first: date | None
    last: date | None


@dataclass(frozen=True, slots=True)
class Reconverted:
    """What converting again did: attempts that got lines, and the yen by which the ledger's total moved."""

    attempts: int
    difference_jpy: Decimal


def rates_in_use(
    store: Store, now: datetime, kind: RateKind, assumed: Mapping[str, Decimal], actor: str = "settings"
) -> Rates:
    """The rates to convert with, of the company's kind, with its assumed ones in reserve.

    An assumed rate that is new in the settings is kept as a row of its own, so that every entry can name its rate.
    """
    with store.reading() as tx:
        rates = rates_of(kept.everything(tx), kind)
    if all(currency in rates.assumed and rates.assumed[currency].rate == rate for currency, rate in assumed.items()):
        return rates
    with store.transaction() as tx:
        kept.lock(tx)
        standing = rates_of(kept.everything(tx), kind).assumed
        day = company_day(now)
        added = [
            _rate(currency, day, "ASSUMED", rate, "jitsuri.toml", now)
            for currency, rate in sorted(assumed.items())
            if currency not in standing or standing[currency].rate != rate
        ]
        kept.insert_many(tx, added, actor, now)
        for rate in added:
            _note(tx, now, actor, "rate_assumed", rate)
        return rates_of(kept.everything(tx), kind)


def add_rate(
    store: Store, now: datetime, actor: str, *, currency: str, day: date, kind: RateKind, rate: Decimal, source: str
) -> RatesTaken | tuple[Refusal, ...]:
    """Add one dated rate. Refuses ``currency_invalid``, ``rate_not_positive``, ``rate_of_future``."""
    return _take(store, now, actor, [Quoted(0, currency.strip().upper(), day, kind, rate)], source, ())


def import_rates(
    store: Store, now: datetime, actor: str, content: bytes, file_name: str, kind: RateKind = "TTM"
) -> RatesTaken | tuple[Refusal, ...]:
    """Take a file of rates in, wholly or not at all; a file that is imported again adds nothing.

    ``kind``: what a wide file, or a column called rate, holds.
    """
    quoted, faults = read_rates(content, kind)
    return _take(store, now, actor, quoted, file_name, faults)


def all_rates(store: Store) -> list[Rate]:
    """Every row, also those that a correction replaced, in the order they were set."""
    with store.reading() as tx:
        return kept.everything(tx)


def reconvert(store: Store, now: datetime, rates: Rates, *, actor: str, since: date | None = None) -> Reconverted:
    """Bring entries to the rates that now hold for their days, by new lines; doing it again adds nothing.

    Looks at days from ``since`` on (None: all). Each batch of calls is one transaction with its evidence.
    """
    with store.reading() as tx:
        wanted = [
            (currency, day, rate)
            for currency, day in kept.days_with_costs(tx, since)
            if (rate := rates.on(currency, day)) is not None
        ]
        left = [rate.rate_id for rate in rates.known.values() if rate.kind not in ("ASSUMED", rates.kind)]
        calls = kept.calls_to_convert(tx, wanted, left)
    attempts, total = 0, Decimal(0)
    for start in range(0, len(calls), CALLS_AT_ONCE):
        with store.transaction() as tx:
            done = _reconverted(tx, calls[start : start + CALLS_AT_ONCE], rates, now, actor)
        attempts, total = attempts + done.attempts, EXACT.add(total, done.difference_jpy)
    return Reconverted(attempts, total)


def tax_rules(tx: Connection) -> list[TaxRule]:
    """All tax rules in force: those we begin with, then the company's own, which win on the same day."""
    return [*STARTING_RULES, *taxes.everything(tx)]


def add_tax_rule(store: Store, now: datetime, actor: str, rule: TaxRule) -> TaxRule | Refusal:
    """Add a dated tax rule. Refuses ``tax_percent`` (0 to 100), ``tax_source_missing``, ``tax_rule_known``."""
    if not 0 <= rule.percent <= 100:
        return Refusal("tax_percent", {"value": str(rule.percent)})
    if not rule.source:
        return Refusal("tax_source_missing", {"value": rule.provider})
    with store.transaction() as tx:
        if rule in tax_rules(tx):
            return Refusal("tax_rule_known", {"value": rule.provider, "day": rule.valid_from})
        taxes.insert(tx, rule, actor, now)
        facts = {
            "treatment": rule.treatment, "percent": rule.percent, "from": rule.valid_from, "source": rule.source,
        }  # fmt: skip
        evidence.append(tx, record_of(now, actor, "tax_rule_added", f"tax:{rule.provider}", facts))
        return rule


def _take(
    store: Store, now: datetime, actor: str, quoted: Sequence[Quoted], source: str, faults: Iterable[Refusal]
) -> RatesTaken | tuple[Refusal, ...]:
    wrong = [*faults, *_faults(quoted, company_day(now))]
    if wrong:
        return by_line(wrong)
    with store.transaction() as tx:
        kept.lock(tx)
        held = {(r.currency, r.kind, r.on): r.rate for r in kept.everything(tx)}
        before = dict(held)
        added: list[Rate] = []
        for one in quoted:
            key = (one.currency, one.kind, one.on)
            if held.get(key) != one.rate:
                told = f"{source} (TTS+TTB)/2" if one.is_reckoned else source
                added.append(_rate(one.currency, one.on, one.kind, one.rate, told, now))
                held[key] = one.rate
        if added:
            kept.insert_many(tx, added, actor, now)
            _note_taken(tx, now, actor, added, source)
        corrected = sum((r.currency, r.kind, r.on) in before for r in added)
        days = [r.on for r in added]
        return RatesTaken(
            len(added) - corrected,
            corrected,
            len(quoted) - len(added),
            min(days, default=None),
            max(days, default=None),
        )


def _faults(quoted: Sequence[Quoted], today: date) -> Iterator[Refusal]:
    seen: dict[tuple[str, RateKind, date], Quoted] = {}
    for one in quoted:
        facts = {"line": one.line, "field": one.kind, "value": f"{one.currency} {one.on} {one.rate}"}
        if not is_currency(one.currency) or one.currency == "JPY":
            yield Refusal("currency_invalid", {**facts, "field": "currency", "value": one.currency})
        elif one.rate <= 0:
            yield Refusal("rate_not_positive", facts)
        elif one.on > today:
            yield Refusal("rate_of_future", {**facts, "today": today})
        first = seen.setdefault((one.currency, one.kind, one.on), one)
        if first.rate != one.rate:
            yield Refusal("rate_double", {**facts, "first": first.line, "other": first.rate})


def _rate(currency: str, day: date, kind: RateKind, rate: Decimal, source: str, now: datetime) -> Rate:
    """A row; its id follows from what it says and when, so that a correction back to an old value is a new row."""
    parts = (currency, day.isoformat(), kind, format(rate.normalize(), "f"), now.isoformat())
    return Rate(derived_id("rate", *parts), currency, day, kind, rate, source)


def _note(tx: Connection, now: datetime, actor: str, act: str, rate: Rate) -> None:
    facts = {"rate": rate.rate, "source": rate.source}
    evidence.append(tx, record_of(now, actor, act, f"rate:{rate.currency}:{rate.kind}:{rate.on}", facts))


def _note_taken(tx: Connection, now: datetime, actor: str, added: Sequence[Rate], source: str) -> None:
    if len(added) == 1:
        _note(tx, now, actor, "rate_added", added[0])
        return
    facts = {
        "file": source,
        "rows": len(added),
        "currencies": {rate.currency for rate in added},
        "first": min(rate.on for rate in added),
        "last": max(rate.on for rate in added),
    }
    evidence.append(tx, record_of(now, actor, "rates_imported", "rates", facts))


def _reconverted(tx: Connection, calls: Sequence[UUID], rates: Rates, now: datetime, actor: str) -> Reconverted:
    """One batch. The lock lets corrections take turns: each is reckoned on what the one before it left."""
    rollups.lock(tx)
    lines: list[Entry] = []
    by_attempt = sorted(entries.of_calls(tx, calls), key=lambda line: line.attempt_id)
    attempts = 0
    for _, held in groupby(by_attempt, key=lambda line: line.attempt_id):
        new = reconversion_lines(list(held), rates, now)
        attempts += bool(new)
        lines += new
    entries.insert_many(tx, lines)
    difference = Decimal(0)
    for line in lines:
        difference = EXACT.add(difference, line.cost_jpy or Decimal(0))
    if lines:
        facts = {
            "kind": rates.kind,
            "attempts": attempts,
            "difference_jpy": difference,
            "first": min(line.day for line in lines),
            "last": max(line.day for line in lines),
            "lines": derived_id("lines", *(line.entry_id.bytes for line in lines)),
        }
        evidence.append(tx, record_of(now, actor, "entries_reconverted", "ledger", facts))
    return Reconverted(attempts, difference)
