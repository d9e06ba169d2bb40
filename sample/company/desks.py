"""The company's tasks as its log knows them: who asks, how often, with which model since when, by which application."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from types import ModuleType
from typing import Literal

from company import calendar
from company.pieces import Piece
from company.saying import Scene
from company.tasks import (
    daily_report,
    defect_report,
    drawing_check,
    inquiry_triage,
    mail_polish,
    minutes_summary,
    notice_draft,
    quotation_extraction,
    rule_questions,
    spec_translation,
)

Dialect = Literal["chat", "responses", "anthropic", "litellm", "otel"]


@dataclass(frozen=True, slots=True)
class Desk:
    """One task and everything about how it is used."""

    name: str
    title_ja: str
    title_en: str
    compose: Callable[[Scene, date], Piece]
    system: str
    dialect: Dialect
    models: tuple[tuple[date, str], ...]
    """From which day on which model answers."""
    per_day: tuple[int, ...]
    """Pieces per business day in tenths, April first; the last month's number holds on."""
    departments: tuple[tuple[str, int], ...]
    """Codes with their weights."""
    key_alias: str
    hours: dict[int, int]
    named_from: date | None
    """Since when its calls carry the task's name; None: never, the system prompt or the template must tell."""
    nameless_percent: int = 0
    """Share of calls of an older application that leaves the name out."""
    named_by: Literal["header", "metadata"] = "header"
    effort: str = ""
    """Reasoning effort that the application asks for."""
    streams_percent: int = 0

    def model_on(self, day: date) -> str:
        return next(model for since, model in reversed(self.models) if since <= day)


def _composer(module: ModuleType) -> Callable[[Scene, date], Piece]:
    compose: Callable[..., Piece] = module.compose
    if len(inspect.signature(compose).parameters) == 2:
        return compose
    return lambda scene, _day: compose(scene)


_START = calendar.FIRST_DAY

DESKS: tuple[Desk, ...] = (
    Desk(
        "inquiry-triage", "問合せ分類", "Inquiry triage", _composer(inquiry_triage), inquiry_triage.SYSTEM, "chat",
        ((_START, "gpt-4o"), (date(2026, 10, 5), "gpt-6.1-sol")),
        (60, 110, 170, 240, 290, 460, 700, 900), (("sales-support", 1),), "eigyo-shien-triage", calendar.OFFICE,
        named_from=date(2026, 5, 11), effort="high",
    ),
    Desk(
        "minutes-summary", "議事録の要約", "Minutes summary", _composer(minutes_summary), minutes_summary.SYSTEM,
        "anthropic",
        ((_START, "claude-sonnet-4-6"), (date(2026, 7, 6), "claude-sonnet-5"),
         (date(2026, 10, 26), "claude-sonnet-5-5")),
        (30, 36, 42, 50, 44, 62, 70, 76), (("general-affairs", 40), ("design", 25), ("mfg-1", 20), ("qa", 15)),
        "soumu-gijiroku", calendar.AFTER_MEETINGS,
        named_from=_START, named_by="metadata", nameless_percent=8, streams_percent=70,
    ),
    Desk(
        "quotation-extraction", "見積書の読取り", "Quotation extraction", _composer(quotation_extraction),
        quotation_extraction.SYSTEM, "chat",
        ((_START, "gpt-4o-mini"), (date(2026, 7, 13), "gpt-5.6-luna")),
        (0, 0, 60, 110, 130, 150, 160, 160), (("purchasing", 1),), "koubai-mitsumori", calendar.OFFICE,
        named_from=_START, named_by="metadata", effort="low",
    ),
    Desk(
        "rule-questions", "規程の質問", "Questions on company rules", _composer(rule_questions), rule_questions.SYSTEM,
        "responses", ((_START, "gpt-5.4-mini"), (date(2026, 9, 28), "gpt-6-luna")),
        (0, 0, 0, 90, 120, 90, 70, 65),
        (("sales-support", 10), ("sales-1", 8), ("general-affairs", 18), ("purchasing", 9), ("accounting", 12),
         ("it", 4), ("design", 14), ("mfg-1", 13), ("mfg-2", 8), ("qa", 4)),
        "soumu-kitei", calendar.OFFICE, named_from=_START, effort="low", streams_percent=80,
    ),
    Desk(
        "spec-translation", "仕様書の翻訳", "Specification translation", _composer(spec_translation),
        spec_translation.SYSTEM, "chat", ((_START, "gemini-2.5-flash"), (date(2026, 9, 7), "gemini-3.8-flash")),
        (40, 38, 42, 36, 24, 40, 52, 60), (("design", 80), ("sales-1", 20)), "sekkei-honyaku", calendar.OFFICE,
        named_from=_START, streams_percent=20,
    ),
    Desk(
        "defect-report", "不具合報告の整理", "Defect report", _composer(defect_report), defect_report.SYSTEM, "chat",
        ((_START, "gpt-4o"),), (12, 14, 18, 24, 20, 28, 36, 40), (("mfg-1", 45), ("mfg-2", 35), ("qa", 20)),
        "hinsho-fuguai", calendar.FACTORY, named_from=_START, nameless_percent=18, streams_percent=50,
    ),
    Desk(
        "mail-polish", "取引先メールの推敲", "Mail polishing", _composer(mail_polish), mail_polish.SYSTEM, "anthropic",
        ((_START, "claude-haiku-4-5"),), (20, 22, 24, 20, 16, 22, 26, 28), (("", 1),), "koubai-shared", calendar.OFFICE,
        named_from=None, streams_percent=90,
    ),
    Desk(
        "daily-report", "作業日報のまとめ", "Daily work report", _composer(daily_report), daily_report.SYSTEM, "chat",
        ((_START, "sample-onprem-8b"),), (0, 0, 0, 0, 0, 60, 110, 140), (("", 1),), "seizo-nippou", calendar.SHIFT_ENDS,
        named_from=None,
    ),
    Desk(
        "drawing-check", "図面注記の点検", "Drawing note check", _composer(drawing_check), drawing_check.SYSTEM, "otel",
        ((_START, "gpt-5-mini"),), (0, 0, 0, 0, 16, 26, 34, 40), (("", 1),), "sekkei-zumen", calendar.OFFICE,
        named_from=None, effort="low",
    ),
    Desk(
        "notice-draft", "社内通知の下書き", "Notice drafting", _composer(notice_draft), notice_draft.SYSTEM, "litellm",
        ((_START, "gpt-4o-mini"),), (10, 12, 12, 16, 14, 18, 20, 20), (("general-affairs", 1),), "soumu-tsuchi",
        calendar.OFFICE, named_from=_START, named_by="metadata",
    ),
)  # fmt: skip
"""Model names are real ones, on sale on the days given (genai-prices 0.2.3 and release notes, read 2026-11-22), but for
``sample-onprem-8b``, which stands for a model on the company's own server and has no list price."""
