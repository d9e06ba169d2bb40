"""``jitsuri rightsize``: a verdict from outcomes, and how many labels one needs before anything is spent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console
from rich.table import Table as Grid

from jitsuri.cli.doors import Desk, pass_desk
from jitsuri.cli.rates import company_kind
from jitsuri.cli.scoring import score
from jitsuri.cli.typed import given_number
from jitsuri.terms.errors import CallerError
from jitsuri.words import Language, text

if TYPE_CHECKING:
    from jitsuri.flows.cold.judging import Judged
    from jitsuri.flows.cold.pricing_outcomes import Prices
    from jitsuri.store.door import Store

ASSUMED_USD_JPY = Decimal(150)
"""Yen per dollar where neither the command nor the settings give one; always marked 想定 (the settings' own example)."""

MOST_TOLD = 10
"""Results whose reasons are told on a screen; ``--json`` tells all."""


@click.group("rightsize")
def rightsize() -> None: ...


rightsize.add_command(score)


@rightsize.command("offline")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--baseline", default="")
@click.option("--candidate", "candidates", multiple=True)
@click.option("--task", default="")
@click.option("--pool", "is_pooled", is_flag=True)
@click.option("--margin", default="0.05")
@click.option("--human", default="")
@click.option("--judge", default="")
@click.option("--slice", "slices", multiple=True)
@click.option("--bar", default="")
@click.option("--accept-at", default="0.5")
@click.option("--critical-limit", default="0.05")
@click.option("--subset", "is_subset", is_flag=True)
@click.option("--no-cascade", "no_cascade", is_flag=True)
@click.option("--price", "own_prices", multiple=True, metavar="MODEL=IN/OUT")
@click.option("--usd-jpy", default="")
@click.option("--seed", type=click.IntRange(0, 2**31 - 1), default=0)
@click.option("--json", "json_out", is_flag=True)
@click.option("--pdf", type=click.Path(path_type=Path, dir_okay=False), default=None)
@click.option("--export", type=click.Path(path_type=Path, dir_okay=False), default=None)
@click.option("--keep", "is_kept", is_flag=True)
@pass_desk
def offline(
    desk: Desk, file: Path, baseline: str, candidates: tuple[str, ...], task: str, is_pooled: bool, margin: str,
    human: str, judge: str, slices: tuple[str, ...], bar: str, accept_at: str, critical_limit: str, is_subset: bool,
    no_cascade: bool, own_prices: tuple[str, ...], usd_jpy: str, seed: int, json_out: bool, pdf: Path | None,
    export: Path | None, is_kept: bool,
) -> None:  # fmt: skip
    from jitsuri.flows.cold.judging import Asked, judge_outcomes
    from jitsuri.rightsizing.shapes.outcomes import Thresholds
    from jitsuri.rightsizing.wire import read_outcomes

    desk.json_out = json_out
    if task and is_pooled:
        raise CallerError("outcomes_task_and_pool", task=task)
    thresholds = Thresholds(
        margin=_share("margin", margin, 0.001, 0.5),
        accept_at=_share("accept-at", accept_at, 0.0, 1.0),
        critical_limit=_share("critical-limit", critical_limit, 0.0, 1.0),
        bar=_share("bar", bar, 0.0, 1.0) if bar else None,
    )
    asked = Asked(
        baseline=baseline, candidates=candidates, task=task, is_pooled=is_pooled, human=human, judge=judge,
        slices=slices, thresholds=thresholds, seed=seed, is_subset=is_subset, with_cascade=not no_cascade,
    )  # fmt: skip
    table = read_outcomes(file)
    place = _Place(desk, usd_jpy, own_prices, is_kept)
    with place:
        found = judge_outcomes(table, asked, place.prices)
        papers = _papers(desk, place, found, pdf, export, is_kept)
    if json_out:
        from jitsuri.rightsizing.rules.packing import packed
        from jitsuri.rightsizing.rules.telling import told

        results = [told(one.verdict) for one in found]
        click.echo(packed({"results": results, **papers.told()}).decode())
        return
    show_results(desk, found)
    papers.say(desk)


@rightsize.command("plan")
@click.option("--margin", default="0.05")
@click.option("--discordance", default="")
@click.option("--judge-agreement", default="")
@click.option("--judged", type=click.IntRange(0), default=0)
@click.option("--calls-jpy-per-1000", "replay", default="0")
@click.option("--json", "json_out", is_flag=True)
@pass_desk
def plan(
    desk: Desk, margin: str, discordance: str, judge_agreement: str, judged: int, replay: str, json_out: bool
) -> None:
    from jitsuri.evaluation.rules.planning import labels_anytime, labels_needed, labels_with_judge

    desk.json_out = json_out
    told = desk.settings
    seconds, hourly = told.decimal("proof.seconds_per_label"), told.decimal("proof.labour_jpy_per_hour")
    delta = Decimal(repr(_share("margin", margin, 0.001, 0.5)))
    spread = given_number(discordance) if discordance else told.decimal("proof.discordance")
    if not 0 < spread <= 1:
        raise CallerError("option_out_of_range", option="discordance", value=str(spread), low=0, high=1)
    need = labels_needed(delta, spread, seconds)
    agreement = _share("judge-agreement", judge_agreement, 0.0, 1.0) if judge_agreement else 0.0
    rows = {
        "fixed": need.labels,
        "anytime": labels_anytime(float(delta), float(spread)),
        **({"with_judge": labels_with_judge(need.labels, agreement, judged)} if judged else {}),
    }
    costs = {name: _effort(labels, seconds, hourly, given_number(replay)) for name, labels in rows.items()}
    if json_out:
        desk.give({"margin": float(delta), "discordance": float(spread), "power": float(need.power),
                   "risk": float(need.risk), "seconds_per_label": seconds, "labour_jpy_per_hour": hourly,
                   "plans": {n: {"labels": rows[n], "hours": h, "labour_jpy": labour, "replay_jpy": replayed}
                             for n, (h, labour, replayed) in costs.items()}})  # fmt: skip
        return
    grid = Grid(*(text(f"cli.rightsize.plan.column.{c}", desk.lang) for c in ("way", "labels", "hours", "jpy")))
    for name, (hours, labour, replayed) in costs.items():
        grid.add_row(text(f"cli.rightsize.plan.way.{name}", desk.lang), f"{rows[name]:,}", f"{hours:,.1f}",
                     f"{labour + replayed:,.0f}")  # fmt: skip
    desk.say("cli.rightsize.plan.head", margin=f"{float(delta) * 100:g}", discordance=f"{float(spread) * 100:g}")
    Console().print(grid)
    desk.say("cli.rightsize.plan.note", seconds=f"{seconds:g}", hourly=f"{hourly:,.0f}")


class _Place:
    """Where prices, rates and the ledger come from: the installation's database, where there is one, else the library."""

    def __init__(self, desk: Desk, usd_jpy: str, own: Sequence[str], must_keep: bool) -> None:
        self._desk = desk
        self._asked_rate = given_number(usd_jpy) if usd_jpy else None
        self._own = own
        self._wants_store = must_keep or desk.config is not None
        self.store: Store | None = None
        self._opened: Any = None
        self.prices: Prices

    def __enter__(self) -> _Place:
        if self._wants_store:
            self._opened = self._desk.store()
            self.store = self._opened.__enter__()
        self.prices = self._found()
        return self

    def __exit__(self, *error: object) -> None:
        if self._opened is not None:
            self._opened.__exit__(*error)

    def _found(self) -> Prices:
        from jitsuri.flows.cold.pricing_outcomes import Prices, own_price
        from jitsuri.flows.cold.renewing_prices import ensure_book
        from jitsuri.flows.cold.viewing.basing import rates_kept
        from jitsuri.ledger.wire.compiling import book_from_library
        from jitsuri.terms.period import company_day

        now = self._desk.now()
        own = dict(own_price(one) for one in self._own)
        if self._asked_rate is not None and self._asked_rate <= 0:
            raise CallerError("option_out_of_range", option="usd-jpy", value=str(self._asked_rate), low=0, high="∞")
        if self.store is None:
            rate = self._asked_rate or self._desk.settings.assumed_rates.get("USD") or ASSUMED_USD_JPY
            return Prices(book_from_library(), now, rate, self._asked_rate is None, own)
        book = ensure_book(self.store, now, self._desk.settings.overrides)
        with self.store.reading() as tx:
            rates = rates_kept(tx, company_kind(self._desk))
        dated = rates.on("USD", company_day(now))
        rate = self._asked_rate or (dated.rate if dated else ASSUMED_USD_JPY)
        is_assumed = self._asked_rate is None and (dated is None or dated.kind == "ASSUMED")
        others = {currency: found.rate for currency in rates.dated if (found := rates.on(currency, company_day(now)))}
        return Prices(book, now, rate, is_assumed, own, others)


@dataclass
class _Papers:
    """What was written and kept, for the last lines of the command."""

    about: str = ""
    number: str = ""
    code: str = ""
    pdf: Path | None = None
    export: Path | None = None
    kept: int = 0

    def told(self) -> dict[str, object]:
        if not (self.number or self.kept):
            return {}
        return {"certificate": {"about": self.about, "number": self.number, "code": self.code,
                                "pdf": str(self.pdf) if self.pdf else None,
                                "export": str(self.export) if self.export else None} if self.number else None,
                "kept": self.kept}  # fmt: skip

    def say(self, desk: Desk) -> None:
        if self.kept:
            desk.say("cli.rightsize.offline.kept", count=self.kept)
        if self.pdf:
            desk.say("cli.rightsize.offline.pdf_done", number=self.number, about=self.about, path=self.pdf)
        if self.export:
            desk.say("cli.rightsize.offline.export_done", path=self.export)


def chosen(found: Sequence[Judged]) -> Judged:
    """The one that would be signed: the cheapest pass that is a choice at all, else the first."""
    passing = [one for one in found if one.verdict.decision == "pass"]
    free = [one for one in passing if one.verdict.dropped is None]
    return (free or passing or list(found))[0]


def _papers(
    desk: Desk, place: _Place, found: Sequence[Judged], pdf: Path | None, export: Path | None, is_kept: bool
) -> _Papers:
    from jitsuri.flows.cold.certifying import DRAFT_NUMBER, certificate_of, exported, named_task, used_of
    from jitsuri.flows.cold.keeping_verdicts import file_certificate, keep_verdicts
    from jitsuri.rightsizing.rules.packing import packed
    from jitsuri.rightsizing.shapes.certificates import Certificate, TaskNamed
    from jitsuri.terms.period import company_day

    done = _Papers()
    now = desk.now()
    if is_kept and place.store is not None:
        rows = packed([one.evidence for one in found])
        done.kept = len(keep_verdicts(place.store, [one.verdict for one in found], rows, "cli", now))
    if pdf is None and export is None:
        return done
    one = chosen(found)
    name = one.verdict.task
    task, used = TaskNamed(name, name, name, "", ""), None
    if place.store is not None:
        with place.store.reading() as tx:
            task, used = named_task(tx, name, company_day(now)), used_of(tx, name, now)
    issuer = issuer_of(desk)

    def make(number: str) -> tuple[Certificate, bytes]:
        made = certificate_of(one, task, used, place.prices, issuer, number)
        return made, exported(made, one)

    if is_kept and place.store is not None:
        certificate = file_certificate(place.store, make, "cli", now)
        content = exported(certificate, one)
    else:
        certificate, content = make(DRAFT_NUMBER)
    done.about, done.number, done.code = one.verdict.candidate, certificate.number, certificate.code
    done.export = export or (pdf.with_suffix(".json") if pdf is not None else None)
    if done.export is not None:
        _write(done.export, content)
    if pdf is not None:
        from jitsuri.flows.cold.viewing.opening_certificates import set_paper
        from jitsuri.web.pages.papering import sheet_of

        lang = language_named(desk.lang)
        _write(pdf, set_paper(sheet_of(certificate, lang), lang, certificate.issued_at))
        done.pdf = pdf
    return done


def issuer_of(desk: Desk) -> Any:
    """Who issues a certificate from here, and what effort is assumed."""
    from jitsuri.flows.cold.certifying import Issuer

    told = desk.settings
    return Issuer(
        told.text("company.name"), bool(told.values["company.is_sample"]), desk.now(),
        told.decimal("proof.seconds_per_label"), told.decimal("proof.labour_jpy_per_hour"), Decimal(10),
    )  # fmt: skip


def _write(path: Path, content: bytes) -> None:
    try:
        path.write_bytes(content)
    except OSError as error:
        raise CallerError("file_unwritable", path=str(path), reason=error.strerror or str(error)) from None


def _share(option: str, typed: str, low: float, high: float) -> float:
    value = float(given_number(typed))
    if not low <= value <= high:
        raise CallerError("option_out_of_range", option=option, value=typed, low=low, high=high)
    return value


def _effort(labels: int, seconds: Decimal, hourly: Decimal, replay: Decimal) -> tuple[Decimal, Decimal, Decimal]:
    hours = (labels * seconds / 3600).quantize(Decimal("0.1"))
    return hours, labels * seconds * hourly / 3600, labels * replay / 1000


def show_results(desk: Desk, found: Sequence[Judged]) -> None:
    """Verdicts on a screen: a line each, then the reasons of the first ones."""
    from jitsuri.rightsizing.rules.telling import POOLED, verdict_word
    from jitsuri.web.pages.judging import reasons

    grid = Grid(*(text(f"cli.rightsize.offline.column.{c}", desk.lang) for c in _COLUMNS))
    for one in found:
        verdict = one.verdict
        span = verdict.span
        saving = verdict.costs.saving_jpy
        grid.add_row(
            verdict.task or POOLED, verdict.candidate, verdict_word(verdict), _points(verdict.difference),
            f"{_points(span.low)} … {_points(span.high)}" if span else "–", f"{verdict.n:,}",
            "–" if saving is None else f"{saving:,.1f}",
        )  # fmt: skip
    Console().print(grid)
    for one in found[:MOST_TOLD]:
        deciding, cautions = reasons(one.verdict, language_named(desk.lang))
        click.echo(f"{one.verdict.candidate}: {' '.join([*deciding, *cautions])}")
    if len(found) > MOST_TOLD:
        desk.say("cli.rightsize.offline.more", count=len(found) - MOST_TOLD)


_COLUMNS = ("task", "candidate", "verdict", "difference", "interval", "n", "saving")


def language_named(name: str) -> Language:
    """The language of a command's texts."""
    return "en" if name == "en" else "ja"


def _points(value: float | None) -> str:
    return "–" if value is None else f"{value * 100:+.1f}"
