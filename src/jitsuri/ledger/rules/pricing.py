"""Pricing: what one attempt cost, exactly, from a sheet, its counts, its instant, its tier and its region.

The counts overlap (cached tokens are input tokens); a price pays for what no more special price pays for. So every
priced kind gets a *leaf*: its count minus the leaves of the priced kinds inside it. Leaves never overlap, so nothing
can be paid twice, and a kind without a price is paid as the kind around it.

Nothing here rounds: unit prices are exact decimals, counts are integers, and the context below would raise if a
product did not fit.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Context, Decimal, Inexact, InvalidOperation
from zoneinfo import ZoneInfo

import msgspec

from jitsuri.ledger.rules.finding import find_sheet
from jitsuri.ledger.shapes.pricing import (
    REQUESTS,
    Block,
    Factor,
    ModelSheet,
    PriceBook,
    Priced,
    UnitPrice,
    Unpriced,
)
from jitsuri.terms.money import EXACT_DIGITS
from jitsuri.terms.usage import PART_OF, USAGE_KINDS, Usage, usage_fault

EXACT = Context(prec=EXACT_DIGITS, traps=[Inexact, InvalidOperation])
"""Sums and products that are exact or fail."""

STANDARD_TIERS = frozenset({"", "default", "standard", "auto", "on_demand"})
"""What responses call the ordinary tier: OpenAI ``default``, Anthropic ``standard``, Groq ``on_demand``; ``auto`` is a
request's word that some logs keep (providers' API references, read 2026-11-22)."""

MOST_KEPT = 20_000
"""Names whose sheets a pricer keeps; a log that names more distinct models is slower, never wrong."""

_TOOLS = ("web_searches",)
_TOKENS = tuple(kind for kind in USAGE_KINDS if kind not in _TOOLS)
_INDEX = {kind: at for at, kind in enumerate(USAGE_KINDS)}
_counts = msgspec.structs.astuple
_ZERO = Decimal(0)


def _inside(kind: str) -> frozenset[str]:
    parts = {part for part, whole in PART_OF if whole == kind}
    return frozenset(parts).union(*(_inside(part) for part in parts))


_PARTS = {kind: _inside(kind) for kind in USAGE_KINDS}
_SPECIAL_FIRST = tuple(sorted(USAGE_KINDS, key=lambda kind: (len(_PARTS[kind]), USAGE_KINDS.index(kind))))


@dataclass(frozen=True, slots=True)
class Resolved:
    """The unit prices that hold for one instant, tier and region, before cliffs."""

    block: str
    currency: str
    units: Mapping[str, UnitPrice]
    note: str = ""
    is_override: bool = False


@dataclass(frozen=True, slots=True)
class _Charge:
    """How to count and pay one kind: ``v[first] − v[minus…] + v[plus…]`` units at ``unit`` each."""

    kind: str
    first: int
    minus: tuple[int, ...]
    plus: tuple[int, ...]
    unit: Decimal
    price: Decimal
    per: int


PlainUnits = tuple[Decimal, Decimal, Decimal | None, Decimal | None, Decimal | None, Decimal | None]
"""Units of input, output, what was read from and written to a cache, what was thought, and the request. None: paid as
what it is part of; for the request: nothing."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that is known before the counts: one list of charges per stretch between cliffs."""

    provider: str
    model: str
    block: str
    currency: str
    note: str
    thresholds: tuple[int, ...]
    charges: tuple[tuple[_Charge, ...], ...]
    """One per stretch: ``charges[0]`` up to the first threshold, ``charges[-1]`` above the last."""
    unpayable: tuple[int, ...]
    """Indexes of counts that must be 0, because nothing pays for them."""
    asks_for_images: bool
    plain: tuple[PlainUnits, ...] = ()
    """What the charges say of a usage of nothing but plain tokens, one per stretch; empty where input or output has no
    price."""


@dataclass(frozen=True, slots=True)
class InForce:
    """The plan that holds at an instant, and at every other from ``since`` until (not at) ``until``."""

    plan: Plan | Unpriced
    since: datetime
    until: datetime
    has_windows: bool
    """Whether hours or weekdays matter; nothing is promised then of other instants: the span is empty."""


@dataclass(frozen=True, slots=True)
class _Ready:
    """A sheet for one region with its plans as they are made; a cache, not a state."""

    sheet: ModelSheet
    region: str
    borders: tuple[datetime, ...]
    """Instants at which the blocks or factors that hold change, where only days matter."""
    has_windows: bool
    plans: dict[tuple[str, int], Plan | Unpriced] = field(default_factory=dict)

    def plan(self, at: datetime, tier: str) -> Plan | Unpriced:
        if self.has_windows:
            key = (tier, sum(1 << n for n, block in enumerate(self.sheet.blocks) if is_active(block, at)))
            if self.borders:
                key = (tier, key[1] << 16 | bisect_right(self.borders, at))
        else:
            key = (tier, bisect_right(self.borders, at) if self.borders else 0)
        plan = self.plans.get(key)
        if plan is None:
            if len(self.plans) >= MOST_KEPT:
                self.plans.clear()
            resolved = resolve(self.sheet, at, tier, self.region)
            plan = resolved if isinstance(resolved, Unpriced) else _planned(self.sheet, resolved)
            self.plans[key] = plan
        return plan

    def in_force(self, at: datetime, tier: str) -> InForce:
        plan = self.plan(at, tier)
        if self.has_windows:
            return InForce(plan, at, at, True)
        place = bisect_right(self.borders, at)
        since = self.borders[place - 1] if place else _EARLIEST
        until = self.borders[place] if place < len(self.borders) else _LATEST
        return InForce(plan, since, until, False)


_EARLIEST, _LATEST = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Pricer:
    """A book made ready to price many attempts; keeps what it found, changes nothing it says."""

    book: PriceBook
    _kept: dict[tuple[str, str, str], _Ready | Unpriced] = field(default_factory=dict, repr=False, compare=False)
    _chosen: dict[tuple[str, ...], _Ready | Unpriced] = field(default_factory=dict, repr=False, compare=False)

    @property
    def book_id(self) -> str:
        return self.book.book_id

    def price(
        self, provider: str, model: str, usage: Usage, at: datetime, tier: str = "", region: str = ""
    ) -> Priced | Unpriced:
        """The cost of one attempt. ``provider`` '' lets the name tell; ``tier`` is the response's."""
        return _priced(self._found(provider, model, region), usage, at, tier)

    def price_named(
        self, provider: str, names: Sequence[str], usage: Usage, at: datetime, tier: str = "", region: str = ""
    ) -> Priced | Unpriced:
        """The cost of one attempt whose model has several names, the most telling first (answered, then asked).

        A name that the company's own rows price goes before one that only the book knows; empty names are passed over.
        """
        best = self._chosen.get((provider, *names, region)) or self._choose(provider, names, region)
        return _priced(best, usage, at, tier)

    def in_force(self, provider: str, names: Sequence[str], at: datetime, tier: str = "", region: str = "") -> InForce:
        """By which plan ``price_named`` charges what is asked at this instant, and how long that holds."""
        best = self._chosen.get((provider, *names, region)) or self._choose(provider, names, region)
        return InForce(best, _EARLIEST, _LATEST, False) if isinstance(best, Unpriced) else best.in_force(at, tier)

    def _choose(self, provider: str, names: Sequence[str], region: str) -> _Ready | Unpriced:
        if len(self._chosen) >= MOST_KEPT:
            self._chosen.clear()
        best = self._chosen[provider, *names, region] = self._best(provider, names, region)
        return best

    def _best(self, provider: str, names: Sequence[str], region: str) -> _Ready | Unpriced:
        found = [self._found(provider, name, region) for name in dict.fromkeys(filter(None, names))]
        known = [ready for ready in found if isinstance(ready, _Ready)]
        own = [ready for ready in known if any(block.is_override for block in ready.sheet.blocks)]
        return next(iter([*own, *known, *found]), Unpriced("price_missing_model", {"provider": provider, "model": ""}))

    def _found(self, provider: str, model: str, region: str) -> _Ready | Unpriced:
        key = (provider, model, region)
        ready = self._kept.get(key)
        if ready is None:
            if len(self._kept) >= MOST_KEPT:
                self._kept.clear()
            sheet = find_sheet(self.book, provider, model)
            ready = self._kept[key] = sheet if isinstance(sheet, Unpriced) else _ready(sheet, region)
        return ready


def _priced(ready: _Ready | Unpriced, usage: Usage, at: datetime, tier: str) -> Priced | Unpriced:
    if isinstance(ready, Unpriced):
        return ready
    plan = ready.plan(at, tier)
    if isinstance(plan, Unpriced):
        return plan
    return _charged(plan, usage, bisect_left(plan.thresholds, usage.input_tokens), 1)


def priced_by(plan: Plan, usage: Usage) -> Priced | Unpriced:
    """The cost of one attempt by the plan that holds at its instant."""
    return _charged(plan, usage, bisect_left(plan.thresholds, usage.input_tokens), 1)


def price(sheet: ModelSheet, usage: Usage, at: datetime, tier: str = "", region: str = "") -> Priced | Unpriced:
    """The cost of one attempt at this sheet. For many attempts a ``Pricer`` is faster and says the same."""
    return _priced(_ready(sheet, region), usage, at, tier)


def price_of_mix(
    sheet: ModelSheet, totals: Usage, calls: int, at: datetime, tier: str = "", region: str = ""
) -> Decimal | Unpriced:
    """What ``calls`` attempts that used ``totals`` together would cost at this sheet, in its currency, exact.

    An estimate: which side of a cliff they fall on is decided by the *average* input per call.
    """
    plan = plan_of(sheet, at, tier, region)
    return plan if isinstance(plan, Unpriced) else mix_priced_by(plan, totals, calls)


def plan_of(sheet: ModelSheet, at: datetime, tier: str = "", region: str = "") -> Plan | Unpriced:
    """How a sheet prices at an instant: made once for many mixes of one day."""
    return _ready(sheet, region).plan(at, tier)


def mix_priced_by(plan: Plan, totals: Usage, calls: int) -> Decimal | Unpriced:
    """As ``price_of_mix``, by a plan that is held already."""
    above = sum(1 for threshold in plan.thresholds if totals.input_tokens > threshold * calls)
    priced = _charged(plan, totals, above, calls)
    return priced if isinstance(priced, Unpriced) else priced.cost


def is_active(block: Block, at: datetime) -> bool:
    """Whether the block holds at this instant."""
    _must_know_zone(at)
    local = at.astimezone(UTC if block.zone == "UTC" else ZoneInfo(block.zone))
    day = local.date()
    if block.starts_on is not None and day < block.starts_on:
        return False
    if block.ends_on is not None and day > block.ends_on:
        return False
    if block.weekdays and day.weekday() not in block.weekdays:
        return False
    if block.from_time is None and block.until_time is None:
        return True
    start, clock = block.from_time or time(), local.time()
    if block.until_time is None:
        return clock >= start
    if block.until_time < start:
        return clock >= start or clock < block.until_time
    return start <= clock < block.until_time


def resolve(sheet: ModelSheet, at: datetime, tier: str = "", region: str = "") -> Resolved | Unpriced:
    """The unit prices that hold at this instant for this tier and region.

    Refuses with ``price_missing_date`` (no block holds then).
    """
    _must_know_zone(at)
    winner = -1
    for n, block in enumerate(sheet.blocks):
        if not block.tier and not block.is_partial and is_active(block, at):
            winner = n
    if winner < 0:
        return Unpriced("price_missing_date", {"model": sheet.model, "at": at.isoformat()})
    base = sheet.blocks[winner]
    currency = base.currency or sheet.currency
    later = [b for b in sheet.blocks[winner + 1 :] if (b.currency or sheet.currency) == currency]
    tier = tier.strip().lower()
    times = _factor(sheet.factors, at, tier, region) if sheet.factors else _ONE
    units = _units(base, times)
    name, note = base.name, ""
    for block in later:
        if block.is_partial and not block.tier and is_active(block, at):
            units.update(_units(block, times))
            name = f"{name} + {block.name}"
    if tier not in STANDARD_TIERS:
        own = [block for block in later if block.tier == tier]
        held = [block for block in own if is_active(block, at)]
        for block in held:
            units.update(_units(block, times))
            name = block.name if block.units else name
        note = "" if held else ("tier_not_yet" if own else "tier_missing")
    if times != _ONE and not base.is_override:
        name = f"{name} ×{times.normalize():f}"
    return Resolved(name, currency, units, note, base.is_override)


def _must_know_zone(at: datetime) -> None:
    if at.tzinfo is None:
        raise ValueError("an instant must know its time zone")


def _units(block: Block, times: Decimal) -> dict[str, UnitPrice]:
    if times == _ONE or block.is_override:
        return {unit.kind: unit for unit in block.units}
    return {unit.kind: _multiplied(unit, times) for unit in block.units}


_ONE = Decimal(1)


def _factor(factors: tuple[Factor, ...], at: datetime, tier: str, region: str) -> Decimal:
    """The product of the factors that hold; of those with the same aim only the one that starts last."""
    held: dict[tuple[str, str, str, str], Factor] = {}
    for row in sorted(factors, key=lambda row: (row.starts_on is not None, row.starts_on or _ANY_DAY)):
        pattern = row.region.lower()
        met = region.lower().startswith(pattern[:-1]) if pattern.endswith("*") else pattern in ("", region.lower())
        span = Block("", (), row.starts_on, row.ends_on, zone=row.zone)
        if met and row.tier in ("", tier) and is_active(span, at):
            held[row.provider, row.model, row.region, row.tier] = row
    times = _ONE
    for row in held.values():
        times = EXACT.multiply(times, row.factor)
    return times


_ANY_DAY = date.min


def _multiplied(unit: UnitPrice, times: Decimal) -> UnitPrice:
    if unit.kind not in _TOKENS:
        return unit
    steps = tuple(replace(step, price=EXACT.multiply(step.price, times)) for step in unit.steps)
    return replace(unit, price=EXACT.multiply(unit.price, times), steps=steps)


def _ready(sheet: ModelSheet, region: str) -> _Ready:
    """Find the instants at which something changes; hours and weekdays are looked at block by block."""
    borders = set()
    rows: tuple[Block | Factor, ...] = (*sheet.blocks, *sheet.factors)
    for row in rows:
        zone = UTC if row.zone == "UTC" else ZoneInfo(row.zone)
        if row.starts_on is not None:
            borders.add(datetime.combine(row.starts_on, time(), zone).astimezone(UTC))
        if row.ends_on is not None:
            borders.add(datetime.combine(row.ends_on + timedelta(days=1), time(), zone).astimezone(UTC))
    windows = any(b.from_time is not None or b.until_time is not None or b.weekdays for b in sheet.blocks)
    return _Ready(sheet, region, tuple(sorted(borders)), windows)


def _planned(sheet: ModelSheet, resolved: Resolved) -> Plan | Unpriced:
    units = dict(resolved.units)
    if "input_tokens" not in units and "output_tokens" not in units:
        return Unpriced("price_missing_kind", {"kind": "input_tokens", "model": sheet.model})
    if "cache_audio_read_tokens" not in units and {"cache_read_tokens", "input_audio_tokens"} <= units.keys():
        # cached audio without a price of its own is paid as cached, not twice
        units["cache_audio_read_tokens"] = replace(units["cache_read_tokens"], kind="cache_audio_read_tokens")
    thresholds = tuple(sorted({step.above_tokens for unit in units.values() for step in unit.steps}))
    charges = tuple(
        _charges({kind: _unit_above(unit, thresholds[n - 1] if n else -1) for kind, unit in units.items()}, units)
        for n in range(len(thresholds) + 1)
    )
    paid = set(units)
    unpayable = tuple(_INDEX[k] for k in ("input_tokens", "output_tokens", "web_searches") if k not in paid)
    return Plan(
        sheet.provider, sheet.model, resolved.block, resolved.currency, resolved.note, thresholds, charges, unpayable,
        {"input_image_tokens", "cache_read_tokens"} <= paid, _plain(charges),
    )  # fmt: skip


def _plain(charges: tuple[tuple[_Charge, ...], ...]) -> tuple[PlainUnits, ...]:
    stretches: list[PlainUnits] = []
    for stretch in charges:
        units = {charge.kind: charge.unit for charge in stretch}
        if "input_tokens" not in units or "output_tokens" not in units:
            return ()
        stretches.append((
            units["input_tokens"], units["output_tokens"], units.get("cache_read_tokens"), units.get("cache_write_tokens"),
            units.get("reasoning_tokens"), units.get(REQUESTS),
        ))  # fmt: skip
    return tuple(stretches)


def _unit_above(unit: UnitPrice, threshold: int) -> Decimal:
    """The unit's price in the stretch above this threshold (−1: below all)."""
    price = unit.price
    for step in unit.steps:
        if step.above_tokens <= threshold:
            price = step.price
    return price


def _charges(prices: Mapping[str, Decimal], units: Mapping[str, UnitPrice]) -> tuple[_Charge, ...]:
    leaves: dict[str, dict[str, int]] = {}
    for kind in _SPECIAL_FIRST:
        if kind not in prices:
            continue
        leaf = {kind: 1}
        for part in _PARTS[kind] & leaves.keys():
            for counted, sign in leaves[part].items():
                leaf[counted] = leaf.get(counted, 0) - sign
        leaves[kind] = {counted: sign for counted, sign in leaf.items() if sign}
    charges = []
    for kind in (*USAGE_KINDS, REQUESTS):
        if kind not in prices:
            continue
        leaf = leaves.get(kind, {})
        minus = tuple(_INDEX[counted] for counted, sign in leaf.items() if sign < 0)
        plus = tuple(_INDEX[counted] for counted, sign in leaf.items() if sign > 0 and counted != kind)
        per = units[kind].per
        unit = prices[kind].scaleb(1 - len(str(per)), EXACT)
        charges.append(_Charge(kind, _INDEX.get(kind, -1), minus, plus, unit, prices[kind], per))
    return tuple(charges)


def _charged(plan: Plan, usage: Usage, stretch: int, requests: int) -> Priced | Unpriced:
    counts: tuple[int, ...] = _counts(usage)
    if not _is_sound(counts):
        fault, kind, value = usage_fault(usage) or ("part_exceeds_whole", "", 0)
        return Unpriced("usage_invalid", {"fault": fault, "kind": kind, "value": value})
    for at in plan.unpayable:
        if counts[at]:
            return Unpriced("price_missing_kind", {"kind": USAGE_KINDS[at], "model": plan.model})
    lines: list[tuple[str, int, Decimal, int, Decimal]] = []
    total = _ZERO
    for charge in plan.charges[stretch]:
        if charge.first < 0:
            units = requests if any(counts) else 0  # an attempt that used nothing was not answered
        else:
            units = counts[charge.first]
            for at in charge.minus:
                units -= counts[at]
            for at in charge.plus:
                units += counts[at]
        if units:
            if units < 0:
                facts = {"fault": "parts_exceed_whole", "kind": charge.kind, "value": counts[charge.first] - units}
                return Unpriced("usage_invalid", facts)
            cost = EXACT.multiply(charge.unit, units)
            total = EXACT.add(total, cost)
            lines.append((charge.kind, units, charge.price, charge.per, cost))
    note = plan.note
    if plan.asks_for_images and not note and counts[_IMAGES] and counts[_READS]:
        note = "cached_image_unknown"
    return Priced(total, plan.currency, plan.provider, plan.model, plan.block, tuple(lines), note)


_IMAGES, _READS = _INDEX["input_image_tokens"], _INDEX["cache_read_tokens"]


def _is_sound(counts: tuple[int, ...]) -> bool:
    """The same question as ``terms.usage.usage_fault``, in a tenth of the time; a test holds them together."""
    given, made, read, wrote, wrote_1h, thought, heard, spoke, read_heard, seen, drawn, _ = counts
    return (
        min(counts) >= 0
        and read + wrote <= given
        and wrote_1h <= wrote
        and thought <= made
        and heard <= given
        and spoke <= made
        and read_heard <= read
        and read_heard <= heard
        and seen <= given
        and drawn <= made
    )
