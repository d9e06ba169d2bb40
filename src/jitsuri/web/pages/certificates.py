"""適正化証明書: the papers that were issued, what each says, its PDF, and signing it."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from functools import partial

from jitsuri.approvals import records as approval_rows
from jitsuri.approvals.rules import LONGEST_REASON
from jitsuri.approvals.shapes import Act, Wish
from jitsuri.flows.cold.admitting import confirm_password
from jitsuri.flows.cold.approving import Acting, certificate_fault, sign
from jitsuri.flows.cold.viewing.opening_approvals import open_matter
from jitsuri.flows.cold.viewing.opening_certificates import set_paper, state_of
from jitsuri.flows.cold.viewing.opening_lives import open_life
from jitsuri.flows.cold.viewing.scouting import certificate_ahead
from jitsuri.rightsizing.records import certificates as certificate_rows
from jitsuri.rightsizing.records import verdicts as verdict_rows
from jitsuri.rightsizing.shapes.certificates import Saving, TaskNamed
from jitsuri.store.door import without_nul
from jitsuri.terms.outcomes import Refusal
from jitsuri.terms.period import company_day
from jitsuri.web.desk import Answer, Desk, Download, Handler, Missing, Page, PageRequest, Redirect, Route
from jitsuri.web.formatting import day_short
from jitsuri.web.pages.addressing import Links
from jitsuri.web.pages.judging import interval_of, reasons, speaking
from jitsuri.web.pages.living import around_of, life_panel
from jitsuri.web.pages.papering import department_named, sheet_of
from jitsuri.web.pages.signing import kept_form, panel_of, signed_paper
from jitsuri.web.pages.wording import rate_kind, refused, span_text
from jitsuri.words import LANGUAGES, Language, text

UNFIT = 422

STATE_BADGES = {
    "refused": "", "expired": "warn", "draft": "", "in_review": "warn", "in_decision": "warn", "returned": "warn",
    "approved": "good", "rejected": "bad",
}  # fmt: skip


def show_certificates(desk: Desk, request: PageRequest) -> Answer:
    """Every certificate, newest first."""
    today = company_day(request.now, desk.zone)
    with desk.store.reading() as tx:
        kept = certificate_rows.certificates(tx)
        matters = {one.subject: one for one in approval_rows.everything(tx) if one.kind == "certificate"}
    shows = {
        **speaking(request.lang),
        "kept": kept,
        "states": {
            (paper := one.certificate).number: state_of(paper, today, matters.get(paper.number)) for one in kept
        },
        "badges": STATE_BADGES,
        "title_of": partial(title_of, lang=request.lang),
    }
    return Page("certificates.html", shows)


def show_certificate(desk: Desk, request: PageRequest) -> Answer:
    """One certificate's main facts and its approval; the paper itself is one link away."""
    return certificate_page(desk, request, None)


def certificate_page(desk: Desk, request: PageRequest, refusal: Refusal | None, at: str = "approval") -> Answer:
    """``at``: the panel whose act was refused, ``approval`` or ``life``."""
    lang, today = request.lang, company_day(request.now, desk.zone)
    number = without_nul(request.words_of("number"))
    with desk.store.reading() as tx:
        kept = certificate_rows.by_number(tx, number)
        if kept is None:
            return Missing()
        paper = kept.certificate
        has_verdict = verdict_rows.document(tx, kept.verdict_id) is not None
        opened = open_matter(tx, "certificate", number, paper.code, request.person.login, today)
        state = state_of(paper, today, opened.matter if opened.matter.acts else None)
        touched = certificate_ahead(tx, request.now, rate_kind(desk), paper, state)
        life = open_life(tx, request.now, paper, around_of(desk))
    unfit = certificate_fault(paper, today)
    decided, cautions = reasons(paper.verdict, lang)
    shows = {
        **speaking(lang),
        "kept": kept,
        "paper": paper,
        "has_verdict": has_verdict,
        "state": state,
        "touched": touched,
        "panel": panel_of(opened, paper, refused(unfit, lang) if unfit is not None else "", lang),
        "form": kept_form(request) if at == "approval" else {"reason": "", "on_behalf_of": ""},
        "life": life_panel(life, request),
        "at": at,
        "refusal": refused(refusal, lang) if refusal is not None else "",
        "longest": LONGEST_REASON,
        "login": request.person.login,
        "sees_money": request.may("see_money"),
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
    return Page("certificate.html", shows, UNFIT if refusal is not None else 200)


def act_on(act: Act) -> Handler:
    """The door of one act: the password first, then the act on what the visitor's page showed."""

    def handler(desk: Desk, request: PageRequest) -> Answer:
        form, number = request.form, without_nul(request.words_of("number"))
        wrong = confirm_password(desk.store, desk.passwords, request.now, request.person, form.exact("password"))
        if wrong is not None:
            return certificate_page(desk, request, wrong)
        acting = Acting(request.person.login, "console", form.get("on_behalf_of"))
        wish = Wish(act, form.whole("sequence", -1, 0, 10**6), form.get("fingerprint"), form.get("reason"))
        came = sign(desk.store, request.now, acting, "certificate", number, wish)
        if isinstance(came, Refusal):
            return certificate_page(desk, request, came)
        return Redirect(f"/certificates/{number}", f"approval_{act}")

    return handler


def download_paper(desk: Desk, request: PageRequest) -> Answer:
    """The PDF; ``?lang=`` turns the console's language too, ``?in=`` the paper's alone."""
    asked: Language = next((lang for lang in LANGUAGES if lang == request.query.get("in")), request.lang)
    number = without_nul(request.words_of("number"))
    with desk.store.reading() as tx:
        kept = certificate_rows.by_number(tx, number)
        matter = approval_rows.matter(tx, "certificate", number)
    if kept is None:
        return Missing()
    paper = signed_paper(kept.certificate, matter, asked)
    content = set_paper(sheet_of(paper, asked, desk.zone), asked, paper.issued_at)
    return Download(content, "application/pdf", f"{number}-{asked}.pdf")


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
    Route("GET", "/certificates/{number}.pdf", "see_approvals", download_paper),
    Route("GET", "/certificates/{number}.json", "see_money", download_export),
    Route("GET", "/certificates/{number}", "see_approvals", show_certificate),
    Route("POST", "/certificates/{number}/submission", "draft_approvals", act_on("submit")),
    Route("POST", "/certificates/{number}/review", "stand_in", act_on("pass_review")),
    Route("POST", "/certificates/{number}/approval", "stand_in", act_on("approve")),
    Route("POST", "/certificates/{number}/rejection", "stand_in", act_on("reject")),
    Route("POST", "/certificates/{number}/return", "stand_in", act_on("return")),
    Route("POST", "/certificates/{number}/withdrawal", "draft_approvals", act_on("withdraw")),
)
