"""Certifying (適正化証明書): a verdict becomes a document with its money, its validity and boxes to sign; and is verified.

Story: what the task really used in its last complete months, frozen → what the candidate would make of it, net of labels,
evaluation and audit → dated price changes of both models → until when it holds → the document, its code, its export.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

from jitsuri import __version__
from jitsuri.access.records import departments as department_rows
from jitsuri.flows.cold.judging import Judged
from jitsuri.flows.cold.opportunities import baseline_months
from jitsuri.flows.cold.pricing_outcomes import Prices, sheet_for
from jitsuri.ledger.records import reading
from jitsuri.ledger.records.totals import totals
from jitsuri.ledger.rules.announcing import changes_of
from jitsuri.ledger.shapes.pricing import ModelSheet, PriceChange
from jitsuri.rightsizing.rules.certifying import (
    PRICE_LIMIT_PERCENT,
    UNSIGNED,
    Verification,
    expiry,
    export_of,
    verified,
    with_code,
)
from jitsuri.rightsizing.rules.saving import AUDIT_SHARE, VALID_MONTHS, Effort, saving_of
from jitsuri.rightsizing.shapes.certificates import Certificate, FrozenBaseline, PriceAhead, TaskNamed, Variant
from jitsuri.routing import records as routing_rows
from jitsuri.store.door import Connection
from jitsuri.terms.errors import CallerError
from jitsuri.terms.period import company_day, month_of, months_between

HORIZON_DAYS = 365
"""How far ahead announced price changes are told: a year, as budgets are made."""

MOST_AHEAD = 6
"""Lines of price changes on one page: the next ones; more stand on the price page."""

DRAFT_NUMBER = "JR-DRAFT"
"""A certificate that was printed without being filed."""


@dataclass(frozen=True, slots=True)
class Issuer:
    """Who issues, when, and what effort is assumed (settings ``proof.*``)."""

    company: str
    is_sample: bool
    now: datetime
    seconds_per_label: Decimal
    labour_jpy_per_hour: Decimal
    tax_percent: Decimal


@dataclass(frozen=True, slots=True)
class Used:
    """What the ledger knows of a task: the frozen baseline and the calls of each of its months."""

    baseline: FrozenBaseline
    calls_by_month: tuple[int, ...]


def named_task(tx: Connection, name: str, on: date) -> TaskNamed:
    """The task as the paper names it on a day; one that nobody named goes by its name in the outcomes."""
    task = routing_rows.tasks(tx).get(name)
    if task is None:
        return TaskNamed(name, name, name, "", "")
    here = [one for one in department_rows.everything(tx) if one.code == task.department and one.valid_from <= on]
    standing = [one for one in here if one.valid_to is None or on <= one.valid_to]
    if not standing:
        return TaskNamed(task.name, task.title_ja, task.title_en, task.department, task.owner)
    named = standing[-1]
    return TaskNamed(task.name, task.title_ja, task.title_en, named.name_ja, task.owner, named.name_en)


def used_of(tx: Connection, task: str, now: datetime) -> Used | None:
    """The last complete months of a task (as many as an opportunity compares); None where the ledger has none."""
    found = baseline_months(tx, month_of(company_day(now)))
    if found is None or not task:
        return None
    first, last = found
    uses = [use for use in reading.uses(tx, first.first, last.first) if use.task == task and not use.unpriced]
    rows = totals(tx, "month", first.first, last.first, ("period",), task=task, purpose="")
    counts = {month_of(row.period): row.calls for row in rows if row.period is not None and row.calls}
    if not uses or not counts:
        return None
    months = [month for month in months_between(min(counts), last)]
    cost = sum((use.cost_jpy for use in uses), Decimal(0))
    models = tuple(dict.fromkeys(use.model for use in uses))
    frozen = FrozenBaseline(months[0].first, last.last, len(months), sum(use.calls for use in uses), cost, models)
    return Used(frozen, tuple(counts.get(month, 0) for month in months))


def certificate_of(
    judged: Judged,
    task: TaskNamed,
    used: Used | None,
    prices: Prices,
    issuer: Issuer,
    number: str = DRAFT_NUMBER,
    evaluation_jpy: Decimal | None = None,
) -> Certificate:
    """The document for one verdict, with its code. Only a pass gets a validity.

    ``evaluation_jpy`` is what the evaluation really cost; None: answering the paired requests, at the candidate's price.
    """
    verdict = judged.verdict
    saving = None
    if used is not None:
        replay = _replay_jpy(judged) if evaluation_jpy is None else evaluation_jpy
        effort = Effort(verdict.people, issuer.seconds_per_label, issuer.labour_jpy_per_hour, replay)
        rate_on = None if prices.is_rate_assumed else company_day(prices.at)
        saving = saving_of(
            used.baseline, used.calls_by_month, verdict.costs, effort, rate_on=rate_on, tax_percent=issuer.tax_percent
        )
    today = company_day(issuer.now)
    return with_code(
        Certificate(
            number=number,
            version=1,
            issued_at=issuer.now,
            company=issuer.company,
            is_sample=issuer.is_sample,
            task=task,
            today=Variant(verdict.baseline),
            proposed=Variant(verdict.candidate),
            verdict=verdict,
            baseline=used.baseline if used is not None else None,
            saving=saving,
            prices_ahead=_ahead(prices, [m for m in (verdict.baseline, verdict.candidate) if m]),
            valid_until=expiry(today, VALID_MONTHS) if verdict.decision == "pass" else None,
            price_limit_percent=PRICE_LIMIT_PERCENT,
            audit_percent=AUDIT_SHARE * 100,
            approvals=UNSIGNED,
            code="",
        ),
        judged.evidence,
    )


def exported(certificate: Certificate, judged: Judged) -> bytes:
    """The export that ``verify`` reads; it holds no prompt and no answer."""
    return export_of(certificate, judged.evidence)


def verify_file(path: Path) -> Verification:
    """Compute an export again. Raises CallerError ``certificate_unreadable`` for a file that is none."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise CallerError("certificate_unreadable", path=str(path), reason=error.strerror or str(error)) from None
    found = verified(content, __version__)
    if found is None:
        raise CallerError("certificate_unreadable", path=str(path), reason="JSON")
    return found


def _replay_jpy(judged: Judged) -> Decimal:
    """What answering the paired requests with the candidate cost, at its price."""
    cost = judged.verdict.costs.candidate_jpy
    return Decimal(0) if cost is None else cost * len(judged.evidence.pairs) / 1000


def _ahead(prices: Prices, models: list[str]) -> tuple[PriceAhead, ...]:
    today = company_day(prices.at)
    found: list[PriceAhead] = []
    for model in models:
        sheet = sheet_for(prices, model) if model not in prices.own else None
        if sheet is not None:
            found += _changes(sheet, model, prices)
    return tuple(sorted((p for p in found if p.on > today), key=lambda p: (p.on, p.model)))[:MOST_AHEAD]


def _changes(sheet: ModelSheet, model: str, prices: Prices) -> list[PriceAhead]:
    """Changes of the plain input and output price, one line per day."""
    today = company_day(prices.at)
    by_day: dict[object, list[PriceChange]] = {}
    for change in changes_of(sheet):
        if change.kind in ("input_tokens", "output_tokens") and not change.tier and not change.above_tokens:
            by_day.setdefault(change.on, []).append(change)
    found = []
    for changes in by_day.values():
        on = changes[0].on
        if 0 < (on - today).days <= HORIZON_DAYS:
            ordered = sorted(changes, key=lambda change: change.kind)
            before = " / ".join("–" if c.before is None else f"{c.before.normalize():f}" for c in ordered)
            after = " / ".join(f"{c.after.normalize():f}" for c in ordered)
            found.append(PriceAhead(model, on, "price", before, f"{after} {ordered[0].currency}"))
    return found
