"""Offering: which models of a price book a chat task could be asked of, and why the others are left out.

A price book says little of what a model is for; its name does. What is left out here can still be a candidate when a
company has used it, or names it itself (decision 0007).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable

from jitsuri.ledger.rules.finding import find_sheet
from jitsuri.ledger.shapes.pricing import ModelSheet, PriceBook, Vendor
from jitsuri.terms.outcomes import Dropped

Key = tuple[str, str]
"""Provider and model, as the book names them."""

MOST_OFFERED = 150
"""A vendor with more models is a marketplace of others' models: only those in use are compared (decision 0007)."""

_OTHER_PURPOSE = frozenset(
    {
        "audio", "tts", "transcribe", "whisper", "realtime", "live", "voice", "voxtral", "orpheus", "translate",
        "image", "banana", "vision", "ocr", "paddleocr", "lyria", "robotics", "computer", "embed", "embedding", "bge",
        "gte", "voyage", "rerank", "reranker", "moderation", "guard", "safeguard", "safety", "decider", "search",
        "research", "sonar", "codex", "codestral", "devstral", "coder", "code", "cyber", "rosalind", "base", "pt",
        "batch",
    }
)  # fmt: skip
"""Parts of names that say: made for something else than answering in text, or not answering at once. Source: the names
of genai-prices 0.2.3, read 2026-11-22."""

_OLDER = re.compile(
    r"(?:text-)?(?:ada|babbage|curie|davinci)\b|gpt-3|gpt-4\.5|text-|chatgpt-|ft:|.*\.ft-|.*:(?:free|extended)$|palm|o1-"
    r"|claude-(?:v?1|2|3-(?:haiku|opus|sonnet)\b|instant)|gemini-(?:1|pro\b|flash-1|pro-1)|gemma-[123]\b"
)
"""Names of another time (completion models and the generations before the present ones), products' own aliases,
fine-tuned models (which need their own training), and offers without a price to rely on."""

_OPEN_WEIGHTS = re.compile(r"gpt-oss|gemma-(?!.*maas)")
"""Listed under a vendor's name, but a model to run elsewhere: whether the vendor serves it must be checked first."""

_PREVIEW = re.compile(r"(?:^|[^a-z])(?:preview|exp|experimental|beta)(?:[^a-z]|$)")
"""On trial: price and availability may change without notice."""


def offered_sheets(
    book: PriceBook, used: Collection[Key], vendors: Collection[str] = ()
) -> tuple[list[ModelSheet], list[Dropped]]:
    """The models a task could be compared with: those ``used``, and the current text models of their vendors and of these
    ``vendors``.

    What is left out comes with its reason: ``deprecated``, ``other_purpose``, ``older_generation``, ``open_weights``,
    ``preview``, ``marketplace`` (facts: ``models``). Each model stands once, those in use first.
    """
    found: dict[Key, ModelSheet] = {}
    for provider, model in sorted(used):
        sheet = find_sheet(book, provider, model)
        if isinstance(sheet, ModelSheet):
            found.setdefault((sheet.provider, sheet.model), sheet)
    dropped: list[Dropped] = []
    in_use = {provider for provider, _ in found} | set(vendors)
    for vendor in book.vendors:
        if vendor.provider in in_use:
            kept, left_out = _of_vendor(book, vendor, found)
            found |= kept
            dropped += left_out
    return list(found.values()), dropped


def answers_in_text(sheet: ModelSheet | None) -> bool:
    """Is a model of this sheet made for answering in text, as far as its name tells? One without a sheet may be."""
    return sheet is None or _why_not(sheet) != "other_purpose"


def _of_vendor(
    book: PriceBook, vendor: Vendor, known: Collection[Key]
) -> tuple[dict[Key, ModelSheet], Iterable[Dropped]]:
    if len(vendor.sheets) > MOST_OFFERED:
        return {}, [Dropped(vendor.provider, "marketplace", {"models": len(vendor.sheets)})]
    kept: dict[Key, ModelSheet] = {}
    dropped: list[Dropped] = []
    for sheet in vendor.sheets:
        if (sheet.provider, sheet.model) in known:
            continue
        why = _why_not(sheet)
        if why:
            dropped.append(Dropped(f"{sheet.provider}/{sheet.model}", why))
            continue
        kept[sheet.provider, sheet.model] = _with_own_rows(book, sheet)
    return kept, dropped


def _with_own_rows(book: PriceBook, sheet: ModelSheet) -> ModelSheet:
    if not book.overrides and not book.factors:
        return sheet
    own = find_sheet(book, sheet.provider, sheet.model)
    return own if isinstance(own, ModelSheet) and own.model == sheet.model else sheet


def _why_not(sheet: ModelSheet) -> str:
    """The reason to leave a model out, '' for none."""
    name = sheet.model.lower()
    if sheet.is_deprecated:
        return "deprecated"
    if _OTHER_PURPOSE & set(re.split(r"[^a-z0-9]+", name)):
        return "other_purpose"
    if _OLDER.match(name):
        return "older_generation"
    if _OPEN_WEIGHTS.search(name):
        return "open_weights"
    return "preview" if _PREVIEW.search(name) else ""
