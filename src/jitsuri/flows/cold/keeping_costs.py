"""Costs that are not calls: taken in as dated lines, ended by new ones, spread over departments and tasks by month."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import cast
from uuid import UUID

from jitsuri.evidence import records as evidence
from jitsuri.evidence.rules import record_of
from jitsuri.flows.cold.keeping_rates import tax_rules
from jitsuri.flows.cold.reading_tables import Column, Row, by_line, number_of, read_table
from jitsuri.ledger.records import costs as kept
from jitsuri.ledger.records import rates as kept_rates
from jitsuri.ledger.records.totals import totals
from jitsuri.ledger.rules.converting import EXACT, YEN
from jitsuri.ledger.rules.spreading import active_days, cost_faults, month_jpy, rate_day, spread, standing_lines
from jitsuri.ledger.rules.taxing import tax_of
from jitsuri.ledger.shapes.costs import CostKind, CostLine, MonthCosts, SpreadAmount, SpreadRule
from jitsuri.ledger.shapes.rates import DayNet, Rate, RateKind, TaxRow
from jitsuri.store.door import Connection, Store
from jitsuri.terms.ids import derived_id
from jitsuri.terms.outcomes import Refusal
from jitsuri.terms.period import Month, months_between

_KINDS = {
    "seats": "seats", "席": "seats", "席数": "seats", "ライセンス": "seats",
    "provisioned": "provisioned", "ptu": "provisioned", "予約枠": "provisioned", "スループット予約": "provisioned",
    "gpu": "gpu", "gpu賃借": "gpu", "gpu賃借料": "gpu",
    "platform": "platform", "共通基盤": "platform", "基盤": "platform",
    "labour": "labour", "labor": "labour", "人件費": "labour",
    "other": "other", "その他": "other",
}  # fmt: skip
_RHYTHMS = {"monthly": "monthly", "毎月": "monthly", "月額": "monthly", "once": "once", "一回": "once", "一度": "once"}
_SPREADS = {
    "direct": "direct", "直接": "direct",
    "even": "even", "均等": "even",
    "by_calls": "by_calls", "件数比": "by_calls",
    "by_tokens": "by_tokens", "トークン比": "by_tokens",
    "by_cost": "by_cost", "費用比": "by_cost",
    "shares": "shares", "固定比率": "shares", "固定割合": "shares",
}  # fmt: skip

COLUMNS: tuple[Column, ...] = (
    Column("kind", ("種類", "費目"), "choice", is_required=True, choices=_KINDS),
    Column("name", ("名称", "名前", "費用名"), is_required=True),
    Column("amount", ("金額", "金額(税抜)", "税抜金額"), "number", is_required=True),
    Column("currency", ("通貨",)),
    Column("rhythm", ("頻度", "周期"), "choice", is_required=True, choices=_RHYTHMS),
    Column("valid_from", ("開始日", "適用開始日"), "day", is_required=True),
    Column("valid_to", ("終了日", "適用終了日"), "day"),
    Column("department", ("部門", "部門コード")),
    Column("task", ("業務",)),
    Column("provider", ("提供元",)),
    Column("spread", ("配賦", "配賦基準"), "choice", is_required=True, choices=_SPREADS),
    Column("unused_share", ("未使用割合", "遊休割合")),
    Column("shares", ("割合", "配賦割合")),
    Column("note", ("備考", "メモ")),
)
"""What a cost file holds. ``currency`` empty is JPY. ``unused_share`` is 0.2 or 20%. ``shares`` reads
``D10/inquiry-triage=0.6; D20/=0.4``."""


@dataclass(frozen=True, slots=True)
class CostsTaken:
    """What a file added."""

    added: int
    known: int


def add_cost(store: Store, now: datetime, actor: str, line: CostLine) -> CostLine | tuple[Refusal, ...]:
    """Add one line; its ``cost_id`` is made here. Refuses what ``cost_faults`` names, and ``cost_known``."""
    named = _identified(line)
    faults = cost_faults(named)
    if faults:
        return tuple(faults)
    with store.transaction() as tx:
        kept.lock(tx)
        if any(standing.cost_id == named.cost_id for standing in kept.everything(tx)):
            return (Refusal("cost_known", {"value": named.name}),)
        kept.insert_many(tx, [named], actor, now)
        evidence.append(tx, record_of(now, actor, "cost_added", f"cost:{named.cost_id}", _told(named)))
        return named


def end_cost(store: Store, now: datetime, actor: str, cost_id: UUID, last_day: date) -> CostLine | Refusal:
    """End a line with a last day, by a new line in its place; the day before its first one calls it off wholly.

    Refuses ``cost_unknown``, ``cost_ended`` (it ends no later already), ``cost_ends_early``.
    """
    with store.transaction() as tx:
        kept.lock(tx)
        line = next((one for one in standing_lines(kept.everything(tx)) if one.cost_id == cost_id), None)
        if line is None:
            return Refusal("cost_unknown", {"value": str(cost_id)})
        if last_day < line.valid_from - timedelta(days=1):
            return Refusal("cost_ends_early", {"field": "valid_to", "value": str(last_day)})
        if line.valid_to is not None and line.valid_to <= last_day:
            return Refusal("cost_ended", {"value": line.name, "day": line.valid_to})
        its_id = derived_id("cost", "end", cost_id.bytes, last_day.isoformat())
        ended = replace(line, cost_id=its_id, valid_to=last_day, replaces=cost_id)
        kept.insert_many(tx, [ended], actor, now)
        evidence.append(tx, record_of(now, actor, "cost_ended", f"cost:{cost_id}", _told(ended)))
        return ended


def import_costs(
    store: Store, now: datetime, actor: str, content: bytes, file_name: str
) -> CostsTaken | tuple[Refusal, ...]:
    """Take a file of cost lines in, wholly or not at all; a file that is imported again adds nothing."""
    rows, faults = read_table(content, COLUMNS)
    if faults:
        return by_line(faults)
    asked: list[tuple[int, CostLine]] = []
    for row in rows:
        line = _line(row)
        found = [line] if isinstance(line, Refusal) else cost_faults(line)
        faults += [Refusal(one.code, {"line": row.line, **one.facts}) for one in found]
        if isinstance(line, CostLine):
            asked.append((row.line, line))
    faults += _doubles(asked)
    if faults:
        return by_line(faults)
    with store.transaction() as tx:
        kept.lock(tx)
        known = {line.cost_id for line in kept.everything(tx)}
        added = [line for _, line in asked if line.cost_id not in known]
        if added:
            kept.insert_many(tx, added, actor, now)
            facts = {
                "file": file_name,
                "added": [str(line.cost_id) for line in added],
                "known": len(asked) - len(added),
            }
            evidence.append(tx, record_of(now, actor, "costs_imported", "costs", facts))
        return CostsTaken(len(added), len(asked) - len(added))


def all_costs(store: Store) -> list[CostLine]:
    """The lines that count, in the order they were set."""
    with store.reading() as tx:
        return standing_lines(kept.everything(tx))


def month_costs(tx: Connection, month: Month, kind: RateKind = "TTM") -> MonthCosts:
    """Everything of a month that is not calls, spread over departments and tasks by what was used in it.

    ``kind``: the company's exchange rates. A foreign line for which there is no rate at all is told, not guessed.
    """
    return _spread_month(tx, month, _books(tx, kind))


def other_costs(tx: Connection, first: Month, last: Month, task: str | None = None, kind: RateKind = "TTM") -> Decimal:
    """Yen of these months that are not calls, unused parts included: of all tasks, or of one."""
    books = _books(tx, kind)
    total = Decimal(0)
    for month in months_between(first, last):
        for amount in _spread_month(tx, month, books).amounts:
            if task is None or amount.task == task:
                total = EXACT.add(total, amount.amount_jpy)
    return total


def month_tax(tx: Connection, month: Month, kind: RateKind = "TTM") -> list[TaxRow]:
    """Consumption tax of a month by vendor, on calls and on the costs that name a vendor."""
    days = [
        DayNet(row.provider or "", row.period or month.first, row.cost_jpy)
        for row in totals(tx, "day", month.first, month.last, ("period", "provider"))
    ]
    books = _books(tx, kind)
    days += [
        DayNet(line.provider, rate_day(line, month), month_jpy(line, month, books.rate(line, month)))
        for line in books.lines
        if line.provider and active_days(line, month) and books.has_yen(line, month)
    ]
    return tax_of(month.first, [net for net in days if net.net_jpy], tax_rules(tx))


@dataclass(frozen=True, slots=True)
class _Books:
    """The lines that count, and the rates they are converted with, each looked up once."""

    tx: Connection
    kind: RateKind
    lines: tuple[CostLine, ...]
    found: dict[tuple[str, date], Rate | None] = field(default_factory=dict)

    def rate(self, line: CostLine, month: Month) -> Rate | None:
        if line.currency == YEN:
            return None
        key = (line.currency, rate_day(line, month))
        if key not in self.found:
            self.found[key] = kept_rates.latest(self.tx, *key, self.kind)
        return self.found[key]

    def has_yen(self, line: CostLine, month: Month) -> bool:
        return line.currency == YEN or self.rate(line, month) is not None


def _books(tx: Connection, kind: RateKind) -> _Books:
    return _Books(tx, kind, tuple(standing_lines(kept.everything(tx))))


def _spread_month(tx: Connection, month: Month, books: _Books) -> MonthCosts:
    lines = [line for line in books.lines if active_days(line, month)]
    if not lines:
        return MonthCosts((), ())
    usage = totals(tx, "month", month.first, month.first, ("department", "task", "provider"))
    amounts: list[SpreadAmount] = []
    for line in lines:
        if books.has_yen(line, month):
            amounts += spread(line, month, usage, books.rate(line, month))
    return MonthCosts(tuple(amounts), tuple(line for line in lines if not books.has_yen(line, month)))


def share_of(text: str) -> Decimal | None:
    """A share as people write it: ``0.2`` or ``20%``; None where it is neither."""
    plain = text.strip().replace("％", "%")
    number = number_of(plain.removesuffix("%"))
    if number is None:
        return None
    return number / 100 if plain.endswith("%") else number


def shares_of(text: str) -> tuple[tuple[str, str, Decimal], ...] | None:
    """Fixed shares as ``D10/inquiry-triage=0.6; D20/=40%``; None where one cannot be read."""
    found = []
    for part in text.replace("；", ";").split(";"):
        if not part.strip():
            continue
        place, equals, value = part.partition("=")
        department, slash, task = place.strip().partition("/")
        share = share_of(value) if equals else None
        if share is None or not (department or task) or (slash and "/" in task):
            return None
        found.append((department.strip(), task.strip(), share))
    return tuple(found)


def _line(row: Row) -> CostLine | Refusal:
    unused = share_of(row.text("unused_share") or "0")
    if unused is None:
        return Refusal("cost_unused_share", {"field": "unused_share", "value": row.text("unused_share")})
    shares = shares_of(row.text("shares"))
    if shares is None:
        return Refusal("cost_shares", {"field": "shares", "value": row.text("shares")})
    return _identified(
        CostLine(
            cost_id=UUID(int=0),
            kind=cast(CostKind, row.text("kind")),
            name=row.text("name"),
            amount=row.number("amount") or Decimal(0),
            currency=(row.text("currency") or YEN).upper(),
            rhythm="once" if row.text("rhythm") == "once" else "monthly",
            valid_from=row.day("valid_from") or date.min,
            valid_to=row.day("valid_to"),
            department=row.text("department"),
            task=row.text("task"),
            provider=row.text("provider"),
            spread=cast(SpreadRule, row.text("spread")),
            unused_share=unused,
            shares=shares,
            note=row.text("note"),
        )
    )


def _identified(line: CostLine) -> CostLine:
    """The line under an id that follows from what it says (but its note): the same line twice is the same line."""
    unused = f"{line.unused_share.normalize():f}"
    shares = [f"{department}/{task}={share.normalize():f}" for department, task, share in line.shares]
    parts = (
        line.kind, line.name, f"{line.amount.normalize():f}", line.currency, line.rhythm, str(line.valid_from),
        str(line.valid_to), line.department, line.task, line.provider, line.spread, unused,
        *shares,
    )  # fmt: skip
    return replace(line, cost_id=derived_id("cost", *parts))


def _doubles(asked: Sequence[tuple[int, CostLine]]) -> Iterator[Refusal]:
    seen: dict[UUID, int] = {}
    for at, line in asked:
        if line.cost_id in seen:
            facts = {"line": at, "field": "name", "value": line.name, "first": seen[line.cost_id]}
            yield Refusal("cost_double", facts)
        seen.setdefault(line.cost_id, at)


def _told(line: CostLine) -> Mapping[str, object]:
    return {
        "kind": line.kind, "name": line.name, "amount": line.amount, "currency": line.currency, "rhythm": line.rhythm,
        "from": line.valid_from, "to": line.valid_to, "department": line.department, "task": line.task,
        "provider": line.provider, "spread": line.spread, "unused_share": line.unused_share,
        "shares": [f"{department}/{task}={share}" for department, task, share in line.shares], "note": line.note,
    }  # fmt: skip
