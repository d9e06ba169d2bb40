"""The certificate in words: what its one A4 page says, in either language. Paper itself knows none."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from jitsuri.evaluation.shapes import JUDGE_FAULTS, JudgeReport
from jitsuri.paper.shapes import Block, Fact, Line, Seal, Sheet, Tone
from jitsuri.rightsizing.rules.offering import offers_of
from jitsuri.rightsizing.shapes.certificates import Certificate, Saving, TaskNamed, Variant
from jitsuri.rightsizing.shapes.verdicts import Reason, Verdict
from jitsuri.terms.money import to_whole_yen
from jitsuri.terms.period import COMPANY_ZONE
from jitsuri.web.formatting import MINUS, count, day, percent, points
from jitsuri.web.pages.judging import (
    basis_told,
    counted,
    headline,
    interval_of,
    level_text,
    only_bar,
    percent_number,
    points_number,
    points_signed,
    reasons,
    set_aside_text,
    span_text,
    states_of,
)
from jitsuri.words import Language, text

MOST_SLICES = 6
"""Rows of slices on the page: those that block first, then the unconfirmed; the rest are counted."""

MOST_REASONS = 3

MOST_FAULTS = 4
"""A judge's faults on the page, the gravest first; the rest are counted."""

SLICE_TONE: dict[str, Tone] = {"shown": "good", "fine": "soft", "blocks": "bad", "unconfirmed": "soft"}
STATE_TONE: dict[str, Tone] = {"pass": "good", "fail": "bad", "undecided": "warn", "met": "good", "missed": "bad"}


def sheet_of(paper: Certificate, lang: Language, zone: ZoneInfo = COMPANY_ZONE) -> Sheet:
    """The page of a certificate, every word of it."""
    verdict = paper.verdict
    head = headline(verdict, lang)
    issued = paper.issued_at.astimezone(zone)
    facts = {"day": day(issued.date(), lang), "number": paper.number, "version": paper.version}
    return Sheet(
        title=text("paper.certificate.title", lang),
        issued=text("paper.certificate.issued", lang, **facts),
        company=paper.company,
        facts=_facts(paper, lang),
        word=head.word,
        tone={"good": "pass", "bad": "fail", "warn": "caution"}.get(head.kind, "none"),  # type: ignore[arg-type]
        sentence=head.told,
        figures=_figures(verdict, lang),
        drawing=interval_of(verdict, lang),
        left=(_money(paper, lang), *_cascade(paper, lang)),
        right=(_checked(verdict, lang),),
        below=(_void(paper, lang), _ahead(paper, lang)),
        seals=tuple(_seal(paper, at, lang, zone) for at in range(len(paper.approvals))),
        foot=text("paper.certificate.foot", lang),
        code_label=text("paper.certificate.code", lang),
        code=paper.code,
        method=text("paper.certificate.method", lang, margin=points_number(verdict.margin * 100), number=paper.number,
                    seed=verdict.seed, version=verdict.code_version, hash=verdict.data_hash[7:23]),
        watermark=text("paper.certificate.sample", lang) if paper.is_sample else "",
        author=paper.company or "Jitsuri",
    )  # fmt: skip


def _facts(paper: Certificate, lang: Language) -> tuple[Fact, ...]:
    until = day(paper.valid_until, lang) if paper.valid_until else text("paper.certificate.no_validity", lang)
    pairs = (
        ("task", _title(paper.task, lang), True),
        ("department", department_named(paper.task, lang) or "–", False),
        ("owner", paper.task.owner or text("paper.certificate.as_signed", lang), False),
        ("today", _variant(paper.today, lang) or text("verdict.no_model", lang), False),
        ("proposed", _variant(paper.proposed, lang), True),
        ("valid_until", until, False),
    )
    return tuple(Fact(text(f"paper.certificate.fact.{code}", lang), value, strong) for code, value, strong in pairs)


def _figures(verdict: Verdict, lang: Language) -> tuple[str, ...]:
    """The statistics below the sentence, and what must be read with it."""
    bar = only_bar(verdict)
    facts = {"n": count(verdict.n, lang).number, "kinds": counted(verdict, lang)}
    if bar is not None:
        bounds = f"{percent_number(bar.lower * 100)} – {percent_number(bar.upper * 100)} %"
        lines = [text("paper.certificate.figures_bar", lang, share=percent(bar.share), bounds=bounds, **facts)]
    elif verdict.span is None or verdict.difference is None:
        lines = [text("page.verdict.figures_none", lang, **facts)]
    else:
        lines = [
            text("page.verdict.figures", lang, difference=points(verdict.difference * 100, lang),
                 level=level_text(verdict.span), span=span_text(verdict.span, lang), **facts)
        ]  # fmt: skip
        if not any(reason.code == "within_margin_but_worse" for reason in verdict.reasons):
            lines.append(text(f"verdict.significance.{verdict.significance}", lang))
    if verdict.anytime is not None:
        code = "open" if verdict.anytime.decided_at is None else verdict.anytime.decision
        lines.append(text(f"paper.certificate.anytime.{code}", lang, at=verdict.anytime.decided_at or 0))
    decided, cautions = reasons(replace(verdict, reasons=_without_faults(verdict)), lang)
    if verdict.decision != "pass" and bar is None:
        lines += decided[:MOST_REASONS]
    return (*lines, *cautions[:MOST_REASONS])


def _money(paper: Certificate, lang: Language) -> Block:
    """Yen per month against the frozen baseline; per 1,000 calls where the ledger knows nothing of the task."""
    saving = paper.saving
    return _unit_costs(paper.verdict, lang) if saving is None else _saving(paper, saving, lang)


def _saving(paper: Certificate, saving: Saving, lang: Language) -> Block:
    assert paper.baseline is not None
    span = text(
        "paper.certificate.months",
        lang,
        first=_month(paper.baseline.first, lang),
        last=_month(paper.baseline.last, lang),
    )
    lines = (
        Line(text("paper.certificate.money.today", lang, span=span), _yen(saving.today_jpy, lang)),
        Line(text("paper.certificate.money.proposed", lang), _yen(saving.proposed_jpy, lang)),
        Line(text("paper.certificate.money.labour", lang), _yen(saving.labour_jpy, lang)),
        Line(text("paper.certificate.money.evaluation", lang), _yen(saving.evaluation_jpy, lang)),
        Line(text("paper.certificate.money.audit", lang, percent=f"{paper.audit_percent.normalize():f}"), _yen(saving.audit_jpy, lang)),
    )  # fmt: skip
    is_pass = paper.verdict.decision == "pass"
    between = text("paper.certificate.between", lang, low=_yen(saving.low_jpy, lang), high=_yen(saving.high_jpy, lang))
    code = "net" if is_pass else "net_if"
    tone: Tone = "bad" if saving.net_jpy < 0 else "strong"
    total = Line(text(f"paper.certificate.money.{code}", lang), _yen(saving.net_jpy, lang), between, tone)
    rate = f"{saving.usd_jpy:,.2f}"
    code = "rate" if saving.rate_on is not None else "rate_assumed"
    on = day(saving.rate_on, lang) if saving.rate_on is not None else ""
    told = [
        text(f"paper.certificate.{code}", lang, rate=rate, swing=f"{saving.rate_swing.normalize():f}", day=on),
        text("paper.certificate.volume", lang, calls=count(saving.calls_per_month, lang).number, months=paper.baseline.months,
             tax=f"{saving.tax_percent.normalize():f}"),
    ]  # fmt: skip
    if saving.net_jpy <= 0:
        told.insert(0, text("paper.certificate.does_not_pay", lang))
    return Block(text("paper.certificate.money", lang), lines, tuple(told), total)


def _unit_costs(verdict: Verdict, lang: Language) -> Block:
    costs = verdict.costs
    if costs.candidate_jpy is None:
        return Block(
            text("paper.certificate.money_1000", lang), (), (text(f"verdict.cost.{costs.reason or 'no_tokens'}", lang),)
        )
    lines = [Line(text("paper.certificate.money.proposed", lang), _yen(costs.candidate_jpy, lang))]
    total = None
    told = []
    if costs.baseline_jpy is not None and costs.saving_jpy is not None:
        lines.insert(0, Line(text("paper.certificate.money.today_tokens", lang), _yen(costs.baseline_jpy, lang)))
        code = "saving_1000" if verdict.decision == "pass" else "saving_1000_if"
        total = Line(text(f"paper.certificate.money.{code}", lang), _yen(costs.saving_jpy, lang), "", "strong")
    if costs.usd_jpy is not None:
        code = "rate_1000_assumed" if costs.is_rate_assumed else "rate_1000"
        told.append(text(f"paper.certificate.{code}", lang, rate=f"{costs.usd_jpy:,.2f}"))
    told.append(text("paper.certificate.no_ledger", lang, basis=basis_told(costs.basis, lang)))
    if costs.tokens_estimated:
        told.append(text("paper.certificate.tokens_estimated", lang))
    return Block(text("paper.certificate.money_1000", lang), tuple(lines), tuple(told), total)


def _checked(verdict: Verdict, lang: Language) -> Block:
    """What was looked at: labels by kind, missing, critical errors, slices, judge, bars, family."""
    lines = [_missing(verdict, lang)]
    if verdict.critical is not None:
        one = verdict.critical
        bound = text("paper.certificate.at_most", lang, percent=percent_number(one.upper * 100))
        lines.append(
            Line(text("paper.certificate.critical", lang), f"{one.errors} / {one.n:,}", bound, STATE_TONE[one.decision])
        )
    if verdict.agreement is not None:
        lines.append(_agreement(verdict, lang))
    if verdict.judging:
        lines += _judging(verdict.judging, lang)
    lines += _slices(verdict, lang)
    if not only_bar(verdict):
        for bar in verdict.bars:
            note = text(f"verdict.bar.{bar.decision}", lang)
            label = text("paper.certificate.bar", lang, model=bar.model, bar=percent_number(bar.bar * 100))
            bounds = f"{percent_number(bar.lower * 100)} – {percent_number(bar.upper * 100)} %"
            lines.append(Line(label, bounds, note, STATE_TONE[bar.decision]))
    told = []
    if verdict.slices and any(one.span is not None for one in verdict.slices):
        told.append(text("paper.certificate.slices_told", lang))
    if verdict.split is not None:
        told.append(text("paper.certificate.split", lang, without=", ".join(verdict.split.without),
                         difference=points(verdict.split.difference * 100, lang), span=span_text(verdict.split.span, lang),
                         n=count(verdict.split.n, lang).number))  # fmt: skip
    if verdict.family > 1:
        told.append(
            text("paper.certificate.family", lang, family=verdict.family, alpha=percent_number(verdict.alpha * 100))
        )
    return Block(text("paper.certificate.checked", lang), tuple(lines), tuple(told))


def _missing(verdict: Verdict, lang: Language) -> Line:
    missing = verdict.missing
    share = percent(missing.share) if missing.requests else "–"
    facts = {"paired": count(missing.paired, lang).number, "requests": count(missing.requests, lang).number}
    code = "paired" if verdict.baseline else "scored"
    return Line(text(f"paper.certificate.{code}", lang), text("paper.certificate.of", lang, **facts),
                text("paper.certificate.missing", lang, share=share), "soft")  # fmt: skip


def _agreement(verdict: Verdict, lang: Language) -> Line:
    one = verdict.agreement
    assert one is not None
    value = "–"
    if one.kappa is not None:
        value = f"{one.kappa:.2f}".replace("-", MINUS)
        if one.kappa_span is not None:
            ends = (f"{end:.2f}".replace("-", MINUS) for end in (one.kappa_span.low, one.kappa_span.high))
            value += f" ({' – '.join(ends)})"
    if one.is_used:
        return Line(text("paper.certificate.kappa", lang, n=count(one.n, lang).number), value,
                    text("paper.certificate.judge_corrected", lang), "good")  # fmt: skip
    return Line(text("paper.certificate.kappa", lang, n=count(one.n, lang).number), value,
                text("paper.certificate.judge_aside", lang), "warn")  # fmt: skip


def _without_faults(verdict: Verdict) -> tuple[Reason, ...]:
    """The reasons without a judge's faults, which have lines of their own."""
    faults = {f"judge_{code}" for code in JUDGE_FAULTS}
    return tuple(reason for reason in verdict.reasons if reason.code not in faults)


def _judging(report: JudgeReport, lang: Language) -> list[Line]:
    """One line for each fault of the judge; where none was found, a line that says so."""
    pairs = text("paper.certificate.judge_checked", lang, pairs=count(report.pairs, lang).number)
    head = text("paper.certificate.judge_faults", lang)
    if not report.faults:
        return [Line(head, text("paper.certificate.judge_faultless", lang), pairs, "good")]
    lines = []
    for at, fault in enumerate(report.faults[:MOST_FAULTS]):
        tone: Tone = "bad" if fault.level == "aside" else "warn"
        note = text(f"page.judge.{fault.level}", lang)
        if at == MOST_FAULTS - 1 and len(report.faults) > MOST_FAULTS:
            note += text("paper.certificate.judge_more", lang, count=len(report.faults) - MOST_FAULTS)
        lines.append(Line(head if not at else "", set_aside_text(fault.code, lang), note, tone))
    return lines


def _slices(verdict: Verdict, lang: Language) -> list[Line]:
    order = ("blocks", "unconfirmed", "fine", "shown")
    ordered = sorted(states_of(verdict), key=lambda pair: (order.index(pair[0]), pair[1].field, pair[1].value))
    lines = []
    for name, one in ordered[:MOST_SLICES]:
        value = points(one.difference * 100, lang)
        if one.span is not None:
            ends = (points_signed(one.span.low), points_signed(one.span.high))
            value = f"{points_signed(one.difference)} ({text('paper.certificate.between', lang, low=ends[0], high=ends[1])})"
        state = text(f"verdict.slice.{name}", lang)
        note = f"{state} (n {one.n:,})" if name == "unconfirmed" else state
        lines.append(Line(one.value, value, note, SLICE_TONE[name]))
    if len(ordered) > MOST_SLICES:
        rest = ordered[MOST_SLICES:]
        open_ = sum(name == "unconfirmed" for name, _ in rest)
        lines.append(Line(text("paper.certificate.more_slices", lang, count=len(rest)), "",
                          text("paper.certificate.of_them_open", lang, count=open_) if open_ else "", "soft"))  # fmt: skip
    return lines


def _cascade(paper: Certificate, lang: Language) -> tuple[Block, ...]:
    """What of the task the cheap model could still take, at both bounds; and whether that would pay."""
    cascade = paper.verdict.cascade
    if cascade is None:
        return ()
    lines = []
    for one in cascade.thresholds:
        if one.loss != "harm":
            continue
        label = text("paper.certificate.cascade.line", lang, bound=text(f"verdict.bound.{one.bound}", lang),
                     allowance=points_number(one.allowance * 100))  # fmt: skip
        if one.threshold is None:
            lines.append(Line(label, "–", text(f"verdict.cascade.{one.reason}", lang) if one.reason else "", "soft"))
        else:
            note = text(
                "paper.certificate.cascade.harm",
                lang,
                harm=points_number(one.harm_at * 100),
                upper=points_number(one.upper * 100),
            )
            lines.append(Line(label, percent(one.share_cheap, 0), note, "soft"))
    told = []
    for offer in offers_of(paper.verdict):
        facts = {"allowance": points_number(offer.allowance * 100), "share": percent(offer.share_cheap, 0)}
        if offer.is_refused:
            told.append(text("paper.certificate.cascade.refused", lang, **facts))
        elif offer.saving_jpy_per_1000 is not None:
            told.append(
                text("paper.certificate.cascade.pays", lang, saving=_yen(offer.saving_jpy_per_1000, lang), **facts)
            )
    told.append(text("paper.certificate.cascade.told", lang, n=count(cascade.calibrated_on, lang).number))
    return (Block(text("paper.certificate.cascade", lang), tuple(lines), tuple(told)),)


def _void(paper: Certificate, lang: Language) -> Block:
    if paper.verdict.decision != "pass":
        return Block(text("paper.certificate.nothing", lang), (), (text("paper.certificate.nothing_told", lang),))
    facts = {"percent": paper.price_limit_percent, "audit": f"{paper.audit_percent.normalize():f}"}
    return Block(text("paper.certificate.void", lang), (), (text("paper.certificate.void_told", lang, **facts),))


def _ahead(paper: Certificate, lang: Language) -> Block:
    title = text("paper.certificate.ahead", lang)
    if not paper.prices_ahead:
        return Block(title, (), (text("paper.certificate.ahead_none", lang),))
    told = tuple(
        text(
            f"paper.certificate.ahead_{one.code}",
            lang,
            day=day(one.on, lang),
            model=one.model,
            before=one.before,
            after=one.after,
        )
        for one in paper.prices_ahead
    )
    return Block(title, (), told)


def _seal(paper: Certificate, at: int, lang: Language, zone: ZoneInfo) -> Seal:
    box = paper.approvals[at]
    role = box.role or text(f"paper.certificate.role.{box.step}", lang)
    return Seal(
        text(f"paper.certificate.step.{box.step}", lang), box.name, role,
        _moment(box.at.astimezone(zone)) if box.at is not None else text("paper.certificate.date_blank", lang),
        text("paper.certificate.seal", lang),
    )  # fmt: skip


def _title(task: TaskNamed, lang: Language) -> str:
    return (task.title_ja if lang == "ja" else task.title_en) or task.name or text("verdict.pooled", lang)


def department_named(task: TaskNamed, lang: Language) -> str:
    return (task.department_en if lang == "en" else "") or task.department


def _variant(variant: Variant, lang: Language) -> str:
    note = variant.note_ja if lang == "ja" else variant.note_en
    parts = [
        variant.model,
        text("paper.certificate.prompt", lang, version=variant.prompt_version) if variant.prompt_version else "",
        note,
    ]
    return text("ui.list_separator", lang).join(part for part in parts if part)


def _yen(amount: Decimal, lang: Language) -> str:
    """Whole yen from 100 on; below, what a person still wants to see."""
    shown = f"{to_whole_yen(amount):,}" if abs(amount) >= 100 else f"{amount:,.2f}"
    shown = shown.replace("-", MINUS)
    return text("paper.certificate.yen", lang, amount=shown)


def _month(on: date, lang: Language) -> str:
    return text("paper.certificate.month", lang, year=on.year, month=on.month)


def _moment(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M}"
