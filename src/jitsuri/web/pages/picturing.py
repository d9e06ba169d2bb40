"""Picturing: counts and measured shares of checks become charts and names, with every word in the page's language."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from jitsuri.guardrails.rules.differing import Difference
from jitsuri.guardrails.rules.policing import EVERY_TASK
from jitsuri.guardrails.shapes import Measured
from jitsuri.paper.shapes import BarRow, HorizontalBars, Scale, Series, Sparkline, StackedBars
from jitsuri.web.formatting import count_scale, day_short, percent
from jitsuri.web.pages.wording import Names
from jitsuri.words import Language, has_text, text

MOST_SERIES = 5
"""Types that a chart tells apart; the others are one (decision 0044)."""

_ACTIONS = frozenset({"inward", "outward", "check_added", "check_gone"})
_WORDS = frozenset({"terms", "employee_patterns", "customer_patterns"})


@dataclass(frozen=True, slots=True)
class Changed:
    """One difference between two policies, in words."""

    what: str
    before: str
    after: str
    is_milder: bool


def type_name(code: str, lang: Language) -> str:
    """The name of a type; its code where no language has one (own checks)."""
    return text(f"guard_type.{code}", lang) if has_text(f"guard_type.{code}") else code


def check_name(code: str, lang: Language) -> str:
    """The name of a check: that of the type it is named after."""
    if has_text(f"guard_check.{code}"):
        return text(f"guard_check.{code}", lang)
    return type_name(code.upper(), lang) if has_text(f"guard_type.{code.upper()}") else code


def reason_text(code: str, lang: Language) -> str:
    """Why a check saw something; its code where no language has a sentence."""
    return text(f"guard_reason.{code}", lang) if has_text(f"guard_reason.{code}") else code


def guarded_name(task: str, names: Names, lang: Language) -> str:
    """A task's title; ``*`` is the common policy and '' the calls of no task."""
    if task == EVERY_TASK:
        return text("page.guards.common", lang)
    return names.task(task) if task else text("page.guards.unassigned", lang)


def finding_bars(
    by_type: Sequence[tuple[str, Sequence[int]]], days: Sequence[date], lang: Language
) -> StackedBars:  # fmt: skip
    """Findings per day, stacked by type."""
    named = [(type_name(code, lang), values) for code, values in by_type if code]
    rest = [values for code, values in by_type if not code] + [values for _, values in named[MOST_SERIES:]]
    series = [Series(name, tuple(map(Decimal, values))) for name, values in named[:MOST_SERIES]]
    if rest:
        sums = tuple(Decimal(sum(values[at] for values in rest)) for at in range(len(days)))
        series.append(Series(text("page.guards.rest", lang), sums, is_rest=True))
    return StackedBars(
        name="findings-by-day",
        title=text("page.guards.by_day", lang),
        description=text("page.guards.by_day_told", lang),
        columns=tuple(day_short(day, lang) for day in days),
        series=tuple(series),
        scale=count_scale(lang, "findings"),
        column_head=text("column.day", lang),
        total_label=text("chart.total", lang),
        tick_stride=7,
    )


def finding_course(name: str, values: Sequence[int], days: Sequence[date], lang: Language) -> Sparkline:
    """A task's findings per day as a line."""
    told = text("page.guards.course_told", lang, task=name, days=len(days), found=f"{sum(values):,}")
    return Sparkline(
        title=text("page.guards.course", lang),
        description=told,
        values=tuple(map(Decimal, values)),
        columns=tuple(day_short(day, lang) for day in days),
        column_head=text("column.day", lang),
        value_head=text("page.guards.found", lang),
    )


def share_bars(types: Iterable[Measured], lang: Language) -> HorizontalBars | None:
    """Recall and precision per type; None where nothing was labelled or reported."""
    rows = []
    for one in types:
        name = type_name(one.type, lang)
        for code, part, whole in (
            ("recall", one.found_typed, one.labelled), ("precision", one.right, one.reported)
        ):  # fmt: skip
            if whole:
                label = text(f"page.measuring.bar_{code}", lang, type=name)
                value = Decimal(part * 100) / whole
                rows.append(BarRow(label, value, percent(part / whole), f"{part}/{whole}"))
    if not rows:
        return None
    return HorizontalBars(
        title=text("page.measuring.picture", lang),
        description=text("page.measuring.picture_told", lang),
        rows=tuple(rows),
        scale=Scale(suffix="%"),
        label_head=text("page.findings.type", lang),
        value_head=text("page.measuring.picture", lang),
    )


def changes_told(found: Iterable[Difference], lang: Language, *, with_words: bool) -> list[Changed]:
    """Differences in words. ``with_words``: confidential words and shapes of numbers too, else only that they changed."""
    return [_changed(one, lang, with_words=with_words) for one in found]


def _changed(one: Difference, lang: Language, *, with_words: bool) -> Changed:
    what = text(f"page.guard.change.{one.code}", lang, check=check_name(one.what, lang) if one.what else "")
    if one.code in _WORDS and not with_words:
        return Changed(what, "", text("page.guard.change.hidden", lang), one.is_milder)
    say = _saying(one.code, lang)
    return Changed(what, say(one.before), say(one.after), one.is_milder)


def _saying(code: str, lang: Language) -> Callable[[str], str]:
    """How the two sides of a difference are told."""
    prefix: Mapping[str, str] = {
        "on_failure": "guard_failure.", "on_premises": "page.guard.on_premises.", "restores_my_number": "page.guard.my_number.",
        "lets_media_pass": "page.guard.my_number.",
    }  # fmt: skip

    def say(told: str) -> str:
        if not told:
            return ""
        if code in _ACTIONS:
            return " / ".join(text(f"guard_action.{part}", lang) for part in told.split(" / "))
        return text(f"{prefix[code]}{told}", lang) if code in prefix else told

    return say
