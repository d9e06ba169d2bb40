"""適正化証明書: the papers that were issued, what each says, and its PDF."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from functools import partial

from jitsuri.flows.cold.viewing.opening_certificates import set_paper, state_of
from jitsuri.rightsizing.records import certificates as certificate_rows
from jitsuri.rightsizing.records import verdicts as verdict_rows
from jitsuri.rightsizing.records.certificates import KeptCertificate
from jitsuri.rightsizing.shapes.certificates import Saving, TaskNamed
from jitsuri.store.door import without_nul
from jitsuri.terms.period import company_day
from jitsuri.web.desk import Answer, Desk, Download, Missing, Page, PageRequest, Route
from jitsuri.web.formatting import day_short
from jitsuri.web.pages.addressing import Links
from jitsuri.web.pages.judging import interval_of, reasons, speaking
from jitsuri.web.pages.papering import department_named, sheet_of
from jitsuri.web.pages.wording import span_text
from jitsuri.words import LANGUAGES, Language, text

STATE_BADGES = {"refused": "", "awaiting": "warn", "expired": "warn", "signed": "good"}


def show_certificates(desk: Desk, request: PageRequest) -> Answer:
    """Every certificate, newest first."""
    today = company_day(request.now, desk.zone)
    with desk.store.reading() as tx:
        kept = certificate_rows.certificates(tx)
    shows = {
        **speaking(request.lang),
        "kept": kept,
        "states": {one.certificate.number: state_of(one.certificate, today) for one in kept},
        "badges": STATE_BADGES,
        "title_of": partial(title_of, lang=request.lang),
    }
    return Page("certificates.html", shows)


def show_certificate(desk: Desk, request: PageRequest) -> Answer:
    """One certificate's main facts; the paper itself is one link away."""
    lang, today = request.lang, company_day(request.now, desk.zone)
    number = without_nul(request.words_of("number"))
    with desk.store.reading() as tx:
        kept = certificate_rows.by_number(tx, number)
        if kept is None:
            return Missing()
        has_verdict = verdict_rows.document(tx, kept.verdict_id) is not None
    paper = kept.certificate
    decided, cautions = reasons(paper.verdict, lang)
    shows = {
        **speaking(lang),
        "kept": kept,
        "paper": paper,
        "has_verdict": has_verdict,
        "state": state_of(paper, today),
        "badges": STATE_BADGES,
        "days_left": None if paper.valid_until is None else (paper.valid_until - today).days,
        "title": title_of(paper.task, lang),
        "department": department_named(paper.task, lang),
        "chart": interval_of(paper.verdict, lang),
        "decided": decided,
        "cautions": cautions,
        "rate": "" if paper.saving is None else rate_told(paper.saving, lang),
        "months": "" if paper.baseline is None else span_text(paper.baseline.first, paper.baseline.last, lang),
        "papers": _papers(number, lang),
        "link": Links(),
    }
    return Page("certificate.html", shows)


def download_paper(desk: Desk, request: PageRequest) -> Answer:
    """The PDF; ``?lang=`` turns the console's language too, ``?in=`` the paper's alone."""
    asked: Language = next((lang for lang in LANGUAGES if lang == request.query.get("in")), request.lang)
    kept = _kept(desk, request)
    if kept is None:
        return Missing()
    paper = kept.certificate
    content = set_paper(sheet_of(paper, asked, desk.zone), asked, paper.issued_at)
    return Download(content, "application/pdf", f"{kept.certificate.number}-{asked}.pdf")


def download_export(desk: Desk, request: PageRequest) -> Answer:
    """The export as it was made at the issue: what the certificate can be recomputed from."""
    number = without_nul(request.words_of("number"))
    with desk.store.reading() as tx:
        content = certificate_rows.export_of(tx, number)
    return Missing() if content is None else Download(content, "application/json", f"{number}.json")


def title_of(task: TaskNamed, lang: Language) -> str:
    """The task as the paper names it; a paper without a task is of all of them together."""
    title = task.title_ja if lang == "ja" else task.title_en
    return title or task.name or text("verdict.pooled", lang)


def rate_told(saving: Saving, lang: Language) -> str:
    """The exchange rate that a saving was reckoned with, and how far it was swung."""
    on: date | None = saving.rate_on
    code = "page.certificate.rate" if on is not None else "page.certificate.rate_assumed"
    facts = {"rate": f"{saving.usd_jpy:,f}", "swing": _plain(saving.rate_swing)}
    return text(code, lang, **facts, **({"day": day_short(on, lang)} if on is not None else {}))


def _plain(value: Decimal) -> str:
    shown = f"{value:f}"
    return shown.rstrip("0").rstrip(".") if "." in shown else shown


def _kept(desk: Desk, request: PageRequest) -> KeptCertificate | None:
    with desk.store.reading() as tx:
        return certificate_rows.by_number(tx, without_nul(request.words_of("number")))


def _papers(number: str, lang: Language) -> list[tuple[str, str]]:
    """(address, name) of the PDF in each language, the page's own first."""
    ordered = sorted(LANGUAGES, key=lambda one: one != lang)
    return [
        (
            f"/certificates/{number}.pdf?in={one}",
            text("page.certificate.pdf", lang, language=text(f"language.{one}", lang)),
        )
        for one in ordered
    ]


ROUTES: tuple[Route, ...] = (
    Route("GET", "/certificates", "see_money", show_certificates),
    Route("GET", "/certificates/{number}.pdf", "see_money", download_paper),
    Route("GET", "/certificates/{number}.json", "see_money", download_export),
    Route("GET", "/certificates/{number}", "see_money", show_certificate),
)
