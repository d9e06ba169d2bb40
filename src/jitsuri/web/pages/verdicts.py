"""適正化: for each task, which candidate was shown to be good enough, and everything that a verdict rests on."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial
from zoneinfo import ZoneInfo

from jitsuri.paper.shapes import Interval
from jitsuri.rightsizing.records import certificates as certificate_rows
from jitsuri.rightsizing.records import verdicts as verdict_rows
from jitsuri.rightsizing.records.verdicts import KeptVerdict
from jitsuri.rightsizing.rules.offering import offers_of
from jitsuri.terms.period import company_day
from jitsuri.web.desk import Answer, Desk, Download, Missing, Nav, Page, PageRequest, Route
from jitsuri.web.formatting import bare_number
from jitsuri.web.pages.addressing import Links
from jitsuri.web.pages.charting import points_axis
from jitsuri.web.pages.downloading import Cell, csv_file, wants_csv
from jitsuri.web.pages.judging import headline, interval_of, only_bar, reasons, slice_lines, speaking, task_of
from jitsuri.web.pages.wording import Names, names_in
from jitsuri.words import Language, text

MOST_EARLIER = 8
"""Earlier verdicts of the same candidate that its page lists."""


@dataclass(frozen=True, slots=True)
class Line:
    """One row of the list."""

    kept: KeptVerdict
    chart: Interval | None
    on: date


def show_verdicts(desk: Desk, request: PageRequest) -> Answer:
    """The newest verdict of every task and candidate."""
    lang = request.lang
    with desk.store.reading() as tx:
        kept = verdict_rows.newest(tx)
        certificates = len(certificate_rows.certificates(tx))
        names = names_in(tx, lang, company_day(request.now, desk.zone))
    if wants_csv(request):
        return csv_file("verdicts", _head(lang), _cells(kept, names, lang))
    shows = {
        **speaking(lang),
        "lines": _lines(kept, desk.zone, lang),
        "certificates": certificates,
        "names": names,
        "task_of": partial(task_of, names, lang=lang),
        "link": Links(),
        "margins": sorted({one.verdict.margin for one in kept if one.verdict.span is not None}),
    }
    return Page("verdicts.html", shows)


def show_verdict(desk: Desk, request: PageRequest) -> Answer:
    """One verdict with everything it rests on."""
    lang = request.lang
    with desk.store.reading() as tx:
        kept = verdict_rows.by_id(tx, request.id_of("verdict_id"))
        if kept is None:
            return Missing()
        earlier = verdict_rows.history(tx, kept.verdict.task, kept.verdict.candidate)
        certificates = certificate_rows.certificates(tx, kept.verdict_id)
        names = names_in(tx, lang, company_day(request.now, desk.zone))
    verdict = kept.verdict
    decided, cautions = reasons(verdict, lang)
    shows = {
        **speaking(lang),
        "kept": kept,
        "verdict": verdict,
        "head": headline(verdict, lang),
        "bar": only_bar(verdict),
        "decided": decided,
        "cautions": cautions,
        "chart": interval_of(verdict, lang),
        "slices": slice_lines(verdict, lang),
        "offers": offers_of(verdict),
        "others": [one for one in earlier if one.verdict_id != kept.verdict_id][:MOST_EARLIER],
        "is_newest": earlier[0].verdict_id == kept.verdict_id,
        "newest": earlier[0],
        "certificates": certificates,
        "names": names,
        "task_of": partial(task_of, names, lang=lang),
        "link": Links(),
        "thresholds": [(name, bare_number(value)) for name, value in sorted(verdict.thresholds.items())],
    }
    return Page("verdict.html", shows)


def download_verdict(desk: Desk, request: PageRequest) -> Answer:
    """The verdict as it is kept, byte by byte."""
    with desk.store.reading() as tx:
        kept = verdict_rows.by_id(tx, request.id_of("verdict_id"))
        content = verdict_rows.document(tx, request.id_of("verdict_id"))
    if kept is None or content is None:
        return Missing()
    name = re.sub(r"[^\w.-]+", "-", f"verdict-{kept.verdict.task}-{kept.verdict.candidate}")
    return Download(content, "application/json", f"{name}.json")


def _lines(kept: Sequence[KeptVerdict], zone: ZoneInfo, lang: Language) -> list[Line]:
    """All on one axis, so that the pictures compare."""
    ends = [end * 100 for one in kept if one.verdict.span for end in (one.verdict.span.low, one.verdict.span.high)]
    axis = points_axis(ends, max((one.verdict.margin * 100 for one in kept), default=0.0))
    return [Line(one, interval_of(one.verdict, lang, axis), company_day(one.kept_at, zone)) for one in kept]


def _head(lang: Language) -> list[str]:
    codes = ("task", "task_name", "today", "candidate", "verdict", "difference_points", "low", "high", "pairs", "people",
             "judged", "saving_jpy", "kept", "id")  # fmt: skip
    return [text(f"page.verdicts.csv.{code}", lang) for code in codes]


def _cells(kept: Sequence[KeptVerdict], names: Names, lang: Language) -> Iterable[Sequence[Cell]]:
    for one in kept:
        verdict = one.verdict
        yield (
            verdict.task, task_of(names, verdict.task, lang), verdict.baseline, verdict.candidate, headline(verdict, lang).word,
            _points(verdict.difference), _points(verdict.span.low if verdict.span else None),
            _points(verdict.span.high if verdict.span else None), verdict.n, verdict.people, verdict.judged,
            verdict.costs.saving_jpy, one.kept_at, one.verdict_id,
        )  # fmt: skip


def _points(share: float | None) -> str:
    return "" if share is None else f"{share * 100:.4f}"


ROUTES: tuple[Route, ...] = (
    Route("GET", "/verdicts", "see_money", show_verdicts, Nav("verdicts", "v", 35)),
    Route("GET", "/verdicts/{verdict_id:uuid}", "see_money", show_verdict),
    Route("GET", "/verdicts/{verdict_id:uuid}/verdict.json", "see_money", download_verdict),
)
