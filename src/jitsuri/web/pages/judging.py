"""Judging in words: a verdict's decision, its reasons, its figures, as a reader of either language gets them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import partial

from jitsuri.evaluation.shapes import JUDGE_FAULTS
from jitsuri.paper.shapes import Interval
from jitsuri.paper.shapes import Verdict as Tone
from jitsuri.rightsizing.shapes.verdicts import (
    BAR_OF,
    DECISION_OF,
    BarDecision,
    BarResult,
    Decision,
    Reason,
    Slice,
    Span,
    Verdict,
)
from jitsuri.web.formatting import MINUS, count, percent, points
from jitsuri.web.pages.charting import difference_interval, points_axis
from jitsuri.web.pages.wording import Names
from jitsuri.words import Language, has_text, text

BADGES: Mapping[Decision, str] = {"pass": "good", "fail": "bad", "undecided": "warn"}
BAR_BADGES: Mapping[BarDecision, str] = {"met": "good", "missed": "bad", "undecided": "warn"}
TONES: Mapping[Decision, Tone] = {"pass": "pass", "fail": "fail", "undecided": "caution"}
SLICE_TONES: Mapping[str, Tone] = {"shown": "pass", "fine": "none", "blocks": "fail", "unconfirmed": "none"}
SLICE_BADGES: Mapping[str, str] = {"shown": "good", "fine": "", "blocks": "bad", "unconfirmed": ""}

CAUTIONS = frozenset(
    {"judge_only", "judge_set_aside", "judge_nonsense", "slices_unconfirmed", "within_margin_but_worse", "family_adjusted",
     "today_misses_bar", "not_cheaper", "dominated", "no_baseline", "critical_outside"}
     | {f"judge_{code}" for code in JUDGE_FAULTS}
)  # fmt: skip
"""Reasons that decide nothing by themselves, but must be read with the decision."""

MOST_EVIDENCE = 1e6
"""Beyond this an e-value is a number without meaning."""

WHOLE_SHARES = frozenset({"share", "limit"})
"""Facts that are shares and are shown as percent."""


@dataclass(frozen=True, slots=True)
class Headline:
    """A decision as it stands large: its word, its colour, one sentence."""

    word: str
    kind: str
    told: str


@dataclass(frozen=True, slots=True)
class SliceLine:
    """One slice with its drawing, where it has an interval. ``state`` ``shown``: fine, and its whole interval says so."""

    slice: Slice
    state: str
    badge: str
    chart: Interval | None


def headline(verdict: Verdict, lang: Language) -> Headline:
    """The decision's word and sentence; without a baseline the bar's."""
    bar = only_bar(verdict)
    if bar is not None:
        facts = {"candidate": verdict.candidate, "bar": percent_number(bar.bar * 100)}
        told = text(f"page.verdict.told.bar_{bar.decision}", lang, **facts)
        word: BarDecision = BAR_OF[verdict.decision]
        if verdict.decision != DECISION_OF[bar.decision]:  # critical errors stand against a bar that the share meets
            told = text(f"page.verdict.told.bar_critical_{verdict.decision}", lang, **facts)
        return Headline(text(f"verdict.bar.{word}", lang), BAR_BADGES[word], told)
    facts = {"candidate": verdict.candidate, "baseline": verdict.baseline or text("verdict.no_model", lang),
             "margin": points_number(verdict.margin * 100)}  # fmt: skip
    told = text(f"page.verdict.told.{verdict.decision}", lang, **facts)
    return Headline(text(f"verdict.decision.{verdict.decision}", lang), BADGES[verdict.decision], told)


def only_bar(verdict: Verdict) -> BarResult | None:
    """The candidate's bar where there is no baseline: then only it decides."""
    return verdict.bars[0] if verdict.bars and not verdict.baseline else None


def reasons(verdict: Verdict, lang: Language) -> tuple[list[str], list[str]]:
    """What decided, and what must be read with it, as sentences."""
    told = [(reason.code in CAUTIONS, reason_text(reason, lang)) for reason in verdict.reasons]
    return [words for is_caution, words in told if not is_caution], [words for is_caution, words in told if is_caution]


def reason_text(reason: Reason, lang: Language) -> str:
    """A reason's sentence. A code of a later version is shown as it is rather than lost."""
    code = f"verdict.reason.{reason.code}"
    if reason.code == "interval_crosses_margin" and not reason.facts.get("more_labels"):
        code += "_far"
    if not has_text(code):
        return reason.code
    facts = {name: fact_text(name, value, lang) for name, value in reason.facts.items()}
    return text(code, lang, **facts)


def fact_text(name: str, value: object, lang: Language) -> str:
    """A fact of a reason for a reader: points and percents with one decimal, counts with separators, lists joined."""
    if name == "why":
        return set_aside_text(str(value), lang)
    if isinstance(value, list | tuple):
        return text("ui.list_separator", lang).join(str(one) for one in value)
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        return str(value)
    number = float(value)
    if name in WHOLE_SHARES:
        return percent(number)
    if name.endswith("_points"):
        return points_number(number)
    if name.endswith("_percent"):
        return percent_number(number)
    return count(int(number), lang).number if number == int(number) else points_number(number)


def set_aside_text(code: str, lang: Language) -> str:
    """Why a judge is not used."""
    return text(f"verdict.set_aside.{code}", lang) if has_text(f"verdict.set_aside.{code}") else code


def points_number(value: float) -> str:
    """Points with one decimal and without a unit."""
    shown = f"{value:.1f}".replace("-", MINUS)
    return "0.0" if shown == f"{MINUS}0.0" else shown


def percent_number(value: float) -> str:
    """A percentage without its sign: one decimal, two where the first says too little, none where it is whole."""
    shown = f"{value:.1f}" if abs(value) >= 1 or value == 0 else f"{value:.2f}"
    return (shown.rstrip("0").rstrip(".") if "." in shown else shown).replace("-", MINUS)


def evidence_number(value: float) -> str:
    """An e-value: one decimal, and beyond a million only that it is beyond."""
    return ">1,000,000" if value > MOST_EVIDENCE else f"{value:,.1f}"


def level_text(span: Span) -> str:
    """An interval's level: 95%, 96.7%."""
    return f"{percent_number(span.level * 100)}%"


def span_text(span: Span, lang: Language) -> str:
    """Both ends in points: −4.4〜+1.2点."""
    return text("verdict.span", lang, low=points_signed(span.low), high=points(span.high * 100, lang))


def points_signed(share: float) -> str:
    """A share as signed points without a unit."""
    shown = f"{share * 100:+.1f}".replace("-", MINUS)
    return "0.0" if shown[1:] == "0.0" else shown


def interval_of(verdict: Verdict, lang: Language, axis: tuple[float, float] | None = None) -> Interval | None:
    """The difference with the interval that decides; None where there is none."""
    if verdict.span is None or verdict.difference is None:
        return None
    low, high = verdict.span.low * 100, verdict.span.high * 100
    shown = axis or points_axis((low, high), verdict.margin * 100, widest=100.0)
    span = (low, verdict.difference * 100, high)
    return difference_interval(
        span, verdict.margin * 100, shown, TONES[verdict.decision], lang, level_text(verdict.span)
    )


def slice_lines(verdict: Verdict, lang: Language) -> list[SliceLine]:
    """The slices with their drawings on one axis; what blocks stands first."""
    ends = [end * 100 for one in verdict.slices if one.span is not None for end in (one.span.low, one.span.high)]
    axis = points_axis(ends, verdict.margin * 100, widest=100.0)
    order = ("blocks", "unconfirmed", "fine", "shown")
    return [
        SliceLine(
            one, state, SLICE_BADGES[state], _slice_interval(one, SLICE_TONES[state], verdict.margin * 100, axis, lang)
        )
        for state, one in sorted(states_of(verdict), key=lambda pair: (pair[1].field, order.index(pair[0])))
    ]


def states_of(verdict: Verdict) -> Iterator[tuple[str, Slice]]:
    """A slice that does not block is not for that reason shown to be no worse: its interval tells."""
    for one in verdict.slices:
        is_shown = one.state == "fine" and one.span is not None and one.span.low > -verdict.margin
        yield ("shown" if is_shown else one.state), one


def _slice_interval(
    one: Slice, tone: Tone, margin: float, axis: tuple[float, float], lang: Language
) -> Interval | None:
    if one.span is None:
        return None
    span = (one.span.low * 100, one.difference * 100, one.span.high * 100)
    return difference_interval(span, margin, axis, tone, lang, level_text(one.span))


def counted(verdict: Verdict, lang: Language) -> str:
    """Of what kind the labels are: 人の評価 300・判定 1,842."""
    parts = []
    if verdict.source == "table":
        parts.append(text("verdict.count.table", lang, n=count(verdict.n, lang).number))
    else:
        if verdict.people:
            parts.append(text("verdict.count.people", lang, n=count(verdict.people, lang).number))
        if verdict.judged:
            parts.append(text("verdict.count.judge", lang, n=count(verdict.judged, lang).number))
    return text("ui.list_separator", lang).join(parts) or text("verdict.count.none", lang)


def code_or_words(prefix: str, lang: Language, code: str) -> str:
    """The words of a code where there are some; what was written down elsewhere otherwise."""
    return text(f"{prefix}.{code}", lang) if code and has_text(f"{prefix}.{code}") else code


def basis_told(basis: str, lang: Language) -> str:
    """Where prices come from; two sides may have two sources."""
    return words_of("verdict.cost_basis", [one for one in basis.split(" + ") if one], lang)


def words_of(prefix: str, codes: Iterable[str], lang: Language) -> str:
    """The words of several codes as one text."""
    return text("ui.list_separator", lang).join(code_or_words(prefix, lang, code) for code in codes)


def task_of(names: Names, task: str, lang: Language) -> str:
    """The task's title; a verdict without a task is of all of them together."""
    return names.task(task) if task else text("verdict.pooled", lang)


def speaking(lang: Language) -> dict[str, object]:
    """What the templates of verdicts and certificates call, with the language filled in."""
    return {
        "pts": lambda share: points(share * 100, lang),
        "span_text": partial(span_text, lang=lang),
        "level_text": level_text,
        "evidence_number": evidence_number,
        "percent_number": percent_number,
        "points_number": points_number,
        "code_or_words": lambda prefix, code: code_or_words(prefix, lang, code),
        "words_of": partial(words_of, lang=lang),
        "basis_told": partial(basis_told, lang=lang),
        "set_aside_text": partial(set_aside_text, lang=lang),
        "headline": partial(headline, lang=lang),
        "counted": partial(counted, lang=lang),
    }
