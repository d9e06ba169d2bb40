"""Scouting (単価の予定): what is dated to come at the models in use: new prices and ends, per task and per certificate.

Story: changes of price and ends (退役) of the models that were asked → what each costs each task → where the calls of an
ending model could go instead, by what is decided already → what it does to the net saving of the certificates that hold.
Everything is reckoned on the use of the last complete month, at today's exchange rate: 想定. Source: decision 0037.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal, localcontext
from typing import Literal

from jitsuri.approvals import records as approval_rows
from jitsuri.approvals.shapes import Matter
from jitsuri.flows.cold.pricing_outcomes import sheet_named
from jitsuri.flows.cold.renewing_prices import book_in_use
from jitsuri.flows.cold.viewing.basing import rates_kept
from jitsuri.flows.cold.viewing.counting import summed
from jitsuri.flows.cold.viewing.foreseeing import (
    HORIZON_DAYS,
    Announced,
    Ground,
    TaskEffect,
    announced_on,
    by_task,
    ground,
)
from jitsuri.flows.cold.viewing.opening_certificates import CertificateState, state_of
from jitsuri.ledger.rules.announcing import change_percent, changes_ahead_of
from jitsuri.ledger.rules.converting import Rates
from jitsuri.ledger.rules.finding import find_sheet, retirement_of
from jitsuri.ledger.shapes.pricing import ModelSheet, PriceBook, Retirement
from jitsuri.ledger.shapes.rates import RateKind
from jitsuri.ledger.shapes.views import Use
from jitsuri.rightsizing.records import certificates as certificate_rows
from jitsuri.rightsizing.shapes.certificates import Certificate, Saving
from jitsuri.routing import records as routing_rows
from jitsuri.routing.shapes import Site, Variant
from jitsuri.store.door import Connection
from jitsuri.terms.money import EXACT_DIGITS, to_ledger_jpy
from jitsuri.terms.period import Month, company_day

SOON_DAYS = 60
"""What comes within so many days is put on the first page (decision 0037)."""

NOTABLE_PERCENT = Decimal(5)
"""… where it makes the month's calls at least so much dearer; an end is always put there (decision 0037)."""

WaySource = Literal["certificate", "fallback", "successor"]
"""By what an alternative stands: a certificate that holds, the variant's fallback, or the provider's word alone."""


@dataclass(frozen=True, slots=True)
class Alternative:
    """Where the calls of an ending model could go. ``cost_jpy`` per month for the same use; None without a price."""

    name: str
    source: WaySource
    cost_jpy: Decimal | None
    certificate: str = ""
    """Its number; '' where none names it."""


@dataclass(frozen=True, slots=True)
class Stranded:
    """A task whose calls have nowhere to go. ``cost_jpy``: of this use per month, at the last prices before the end."""

    task: str
    calls: int
    cost_jpy: Decimal | None
    alternative: Alternative | None
    """The cheapest that stands; None where nothing is decided."""

    @property
    def effect_jpy(self) -> Decimal | None:
        if self.cost_jpy is None or self.alternative is None or self.alternative.cost_jpy is None:
            return None
        return summed((self.alternative.cost_jpy, -self.cost_jpy))


@dataclass(frozen=True, slots=True)
class Ending:
    """A model in use that ends. ``on``: the first day without answers; None where no day is known."""

    provider: str
    model: str
    on: date | None
    source: str
    """Where it was read; the price book's name where only that calls it deprecated."""
    successor: str
    stranded: tuple[Stranded, ...]
    """Each task that used it in ``month``, dearest first."""
    month: Month

    @property
    def tasks(self) -> tuple[str, ...]:
        return tuple(one.task for one in self.stranded)

    def of_task(self, task: str) -> Stranded | None:
        return next((one for one in self.stranded if one.task == task), None)


Coming = Announced | Ending


@dataclass(frozen=True, slots=True)
class Shift:
    """What happens to one of a certificate's models on a day. ``percent``: the largest change of its input or output
    price since the day of issue; None for an end."""

    side: Literal["today", "proposed"]
    model: str
    percent: Decimal | None


@dataclass(frozen=True, slots=True)
class Touched:
    """What a day does to one certificate. Net savings are yen per month; None where they cannot be reckoned."""

    number: str
    task: str
    on: date
    shifts: tuple[Shift, ...]
    before_jpy: Decimal | None
    after_jpy: Decimal | None
    is_void: bool
    """From this day on: a price passes the certificate's own limit, or the model that it proposes ends."""
    limit_percent: int
    state: CertificateState

    @property
    def effect_jpy(self) -> Decimal | None:
        if self.before_jpy is None or self.after_jpy is None:
            return None
        return summed((self.after_jpy, -self.before_jpy))


@dataclass(frozen=True, slots=True)
class Radar:
    """Everything that is known to come, soonest first; what has no day comes last."""

    today: date
    month: Month | None
    """Whose use the yen are told for; None where no call has been made yet."""
    coming: tuple[Coming, ...]
    certificates: tuple[Touched, ...]
    month_jpy: Decimal
    """What all calls of ``month`` to models with a price cost, as booked."""

    @property
    def announced(self) -> tuple[Announced, ...]:
        return tuple(one for one in self.coming if isinstance(one, Announced))

    @property
    def endings(self) -> tuple[Ending, ...]:
        return tuple(one for one in self.coming if isinstance(one, Ending))

    def of_task(self, task: str) -> Radar:
        """What touches one task, with its own yen only."""
        kept: list[Coming] = []
        for one in self.coming:
            if isinstance(one, Announced) and (effect := one.of_task(task)) is not None:
                kept.append(replace(one, effects=(effect,)))
            elif isinstance(one, Ending) and (stranded := one.of_task(task)) is not None:
                kept.append(replace(one, stranded=(stranded,)))
        own = tuple(one for one in self.certificates if one.task == task)
        return replace(self, coming=tuple(kept), certificates=own)

    @property
    def tasks(self) -> tuple[str, ...]:
        """Every task that something touches."""
        found = [task for one in self.coming for task in one.tasks] + [one.task for one in self.certificates]
        return tuple(dict.fromkeys(found))


def radar(tx: Connection, now: datetime, book: PriceBook, rates: Rates, sites: Mapping[str, Site]) -> Radar:
    """What is known to come at the models in use. ``sites``: the upstreams of ``jitsuri.toml``, to price fallbacks."""
    today = company_day(now)
    stand = ground(tx, now, book, rates)
    if stand is None:
        return Radar(today, None, (), (), Decimal(0))
    holding = _holding(tx, today)
    standing = {name: variant for name, (variant, _) in routing_rows.variants(tx).items()}
    ways = _Ways(stand, sites, standing, holding)
    coming: list[Coming] = [*announced_on(stand), *_endings(stand, ways)]
    coming.sort(key=lambda one: (one.on is None, one.on or today, one.provider, one.model))
    all_uses = [use for uses in stand.uses.values() for use in uses]
    touched = [one for paper, state in holding for one in touched_by(stand, paper, state, all_uses)]
    touched.sort(key=lambda one: (one.on, one.number))
    month_jpy = summed(use.cost_jpy for use in all_uses)
    return Radar(today, stand.month, tuple(coming), tuple(touched), month_jpy)


def radar_kept(tx: Connection, now: datetime, kind: RateKind, sites: Mapping[str, Site]) -> Radar:
    """The radar by the book in use and the rates that are kept; an empty one before the first start."""
    kept = book_in_use(tx)
    if kept is None:
        return Radar(company_day(now), None, (), (), Decimal(0))
    return radar(tx, now, kept[0], rates_kept(tx, kind), sites)


def certificate_ahead(
    tx: Connection, now: datetime, kind: RateKind, paper: Certificate, state: CertificateState
) -> tuple[Touched, ...]:
    """What each day to come does to one certificate; nothing for one that does not hold and cannot be put in force."""
    kept = book_in_use(tx)
    stand = ground(tx, now, kept[0], rates_kept(tx, kind)) if kept is not None and state in _HOLDING else None
    if stand is None:
        return ()
    return tuple(touched_by(stand, paper, state, [use for uses in stand.uses.values() for use in uses]))


def soon(found: Radar) -> tuple[Coming, ...]:
    """What the first page must tell: within ``SOON_DAYS``, an end or a rise of ``NOTABLE_PERCENT`` of all calls."""
    last = found.today + timedelta(days=SOON_DAYS)

    def is_notable(one: Coming) -> bool:
        if isinstance(one, Ending):
            return bool(one.stranded)
        effect = one.effect_jpy
        return effect is not None and effect > 0 and effect * 100 >= NOTABLE_PERCENT * found.month_jpy

    return tuple(one for one in found.coming if one.on is not None and one.on <= last and is_notable(one))


# -- ends


class _Ways:
    """What is decided already of each task: certificates that hold, fallbacks, and what providers name."""

    def __init__(
        self,
        stand: Ground,
        sites: Mapping[str, Site],
        variants: Mapping[str, Variant | None],
        holding: Sequence[tuple[Certificate, CertificateState]],
    ) -> None:
        self._stand, self._sites, self._variants = stand, sites, variants
        self._papers: dict[str, list[Certificate]] = {}
        for paper, _ in holding:
            self._papers.setdefault(paper.task.name, []).append(paper)

    def cheapest(self, task: str, uses: Sequence[Use], ending: ModelSheet, on: date, named: str) -> Alternative | None:
        """The cheapest way that still stands on this day; one without a price only where there is no other."""
        found: list[Alternative] = []
        for name, source, number, sheet in self._named(task, named):
            if sheet is None:
                found.append(Alternative(name, source, None, number))
            elif (sheet.provider, sheet.model) != (ending.provider, ending.model) and self._stands(sheet, on):
                found.append(Alternative(name, source, self._stand.cost_jpy(sheet, uses, on), number))
        return min(found, key=lambda one: (one.cost_jpy is None, one.cost_jpy or 0), default=None)

    def _named(self, task: str, successor: str) -> Iterable[tuple[str, WaySource, str, ModelSheet | None]]:
        book = self._stand.book
        for paper in self._papers.get(task, ()):
            model = paper.proposed.model
            yield model, "certificate", paper.number, _sheet_of_way(book, model, self._sites)
        variant = self._variants.get(task)
        for target in variant.fallbacks if variant is not None else ():
            yield str(target), "fallback", "", _sheet_of_way(book, str(target), self._sites)
        if successor:
            yield successor, "successor", "", sheet_named(book, successor)

    def _stands(self, sheet: ModelSheet, on: date) -> bool:
        end = retirement_of(self._stand.book, sheet)
        return not sheet.is_deprecated and (end is None or (end.on is not None and on < end.on))


def _endings(stand: Ground, ways: _Ways) -> list[Ending]:
    """Models that were asked in the month and end, or are called deprecated."""
    found = []
    for key, sheet in stand.sheets.items():
        end = retirement_of(stand.book, sheet)
        if end is None and sheet.is_deprecated:
            end = Retirement(sheet.provider, sheet.model, stand.book.source)
        if end is None or (end.on is not None and (end.on - stand.today).days > HORIZON_DAYS):
            continue
        day = end.on or stand.today
        eve = day - timedelta(days=1) if end.on is not None else day
        stranded = tuple(
            Stranded(
                task, sum(use.calls for use in own), stand.cost_jpy(sheet, own, eve),
                ways.cheapest(task, own, sheet, day, end.successor),
            )
            for task, own in by_task(stand.uses.get(key, ())).items()
        )  # fmt: skip
        if stranded:
            found.append(Ending(sheet.provider, sheet.model, end.on, end.source, end.successor, stranded, stand.month))
    return found


def _sheet_of_way(book: PriceBook, name: str, sites: Mapping[str, Site]) -> ModelSheet | None:
    """The sheet of ``upstream/model`` by the upstream's vendor, or of a model as tables name it.

    A prompt version behind ``#`` changes no price.
    """
    plain = name.partition("#")[0]
    upstream, slash, model = plain.partition("/")
    if slash and upstream in sites:
        sheet = find_sheet(book, sites[upstream].vendor, model)
        return sheet if isinstance(sheet, ModelSheet) else None
    return sheet_named(book, plain)


# -- certificates


_HOLDING: frozenset[CertificateState] = frozenset({"draft", "in_review", "in_decision", "returned", "approved"})


def _holding(tx: Connection, today: date) -> list[tuple[Certificate, CertificateState]]:
    """Certificates that hold or may be put in force: passed, not expired, not rejected; the newest per task and way."""
    matters: dict[str, Matter] = {one.subject: one for one in approval_rows.everything(tx) if one.kind == "certificate"}
    found: dict[tuple[str, str], tuple[Certificate, CertificateState]] = {}
    for kept in certificate_rows.certificates(tx):
        paper = kept.certificate
        state = state_of(paper, today, matters.get(paper.number))
        if state in _HOLDING:
            found.setdefault((paper.task.name, paper.proposed.model), (paper, state))
    return list(found.values())


def touched_by(stand: Ground, paper: Certificate, state: CertificateState, uses: Sequence[Use]) -> list[Touched]:
    """What each day to come does to a certificate, up to the day that voids it.

    Net savings move by what the task's own use of the month costs at each model's price on that day against its price on
    the day of issue: the paper's costs per call stand on the mean of the requests that were compared.
    """
    sides: list[tuple[Literal["today", "proposed"], str, ModelSheet]] = []
    for side, model in (("today", paper.today.model), ("proposed", paper.proposed.model)):
        sheet = sheet_named(stand.book, model) if model else None
        if sheet is not None:
            sides.append((side, model, sheet))  # type: ignore[arg-type]
    issued = company_day(paper.issued_at)
    own = [use for use in uses if use.task == paper.task.name]
    found: list[Touched] = []
    for on in _days_of(stand, [sheet for _, _, sheet in sides]):
        if paper.valid_until is not None and on > paper.valid_until:
            break
        shifts = [shift for one in sides if (shift := _shift(stand, *one, issued, on)) is not None]
        if not shifts:
            continue
        passes = any(one.percent is not None and abs(one.percent) > paper.price_limit_percent for one in shifts)
        is_gone = any(one.side == "proposed" and one.percent is None for one in shifts)
        before = _net_on(stand, paper, sides, own, issued, on - timedelta(days=1))
        after = None if any(one.percent is None for one in shifts) else _net_on(stand, paper, sides, own, issued, on)
        found.append(
            Touched(
                paper.number, paper.task.name, on, tuple(shifts), before, after, passes or is_gone,
                paper.price_limit_percent, state,
            )
        )  # fmt: skip
        if passes or is_gone:
            break
    return found


def _days_of(stand: Ground, sheets: Sequence[ModelSheet]) -> list[date]:
    days = {change.on for sheet in sheets for change in changes_ahead_of(sheet, stand.today, HORIZON_DAYS)}
    ends = (retirement_of(stand.book, sheet) for sheet in sheets)
    last = stand.today + timedelta(days=HORIZON_DAYS)
    days |= {end.on for end in ends if end is not None and end.on is not None and stand.today < end.on <= last}
    return sorted(days)


def _shift(
    stand: Ground, side: Literal["today", "proposed"], model: str, sheet: ModelSheet, issued: date, on: date
) -> Shift | None:
    """What happens to one model on this day; None where nothing does."""
    end = retirement_of(stand.book, sheet)
    if end is not None and end.on == on:
        return Shift(side, model, None)
    if not any(change.on == on for change in changes_ahead_of(sheet, stand.today, HORIZON_DAYS)):
        return None
    percent = change_percent(sheet, issued, on)
    return None if percent is None else Shift(side, model, percent)


def _net_on(
    stand: Ground,
    paper: Certificate,
    sides: Sequence[tuple[str, str, ModelSheet]],
    uses: Sequence[Use],
    issued: date,
    on: date,
) -> Decimal | None:
    """The certificate's net saving at a day's prices; None where the paper or the use does not tell it."""
    if paper.saving is None or not uses:
        return None
    times: dict[str, Decimal] = {"today": Decimal(1), "proposed": Decimal(1)}
    for side, _, sheet in sides:
        then, now = stand.cost_jpy(sheet, uses, issued), stand.cost_jpy(sheet, uses, on)
        if then is None or now is None or not then:
            return None
        with localcontext(prec=EXACT_DIGITS):
            times[side] = now / then
    return net_at(paper.saving, times["today"], times["proposed"])


def net_at(saving: Saving, today_times: Decimal, proposed_times: Decimal) -> Decimal:
    """Net saving in yen per month where today's model and the proposed one cost so many times what the paper says.

    The audit is answered by both: as on the paper its cost moves with today's.
    """
    with localcontext(prec=EXACT_DIGITS):
        moved = (saving.today_jpy - saving.audit_jpy) * today_times - saving.proposed_jpy * proposed_times
        return to_ledger_jpy(moved - saving.labour_jpy - saving.evaluation_jpy)


def effects_of(found: Radar) -> list[tuple[Coming, str, TaskEffect | Stranded]]:
    """Every line of the table: what comes, the task it touches, and what it does to it."""
    lines: list[tuple[Coming, str, TaskEffect | Stranded]] = []
    for one in found.coming:
        parts: Sequence[TaskEffect | Stranded] = one.effects if isinstance(one, Announced) else one.stranded
        lines += [(one, part.task, part) for part in parts]
    return lines
