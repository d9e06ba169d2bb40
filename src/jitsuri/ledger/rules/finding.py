"""Finding the sheet of a model: by provider and name as the log tells them, then the company's own rows on top.

What is not found stays not found: a name is never guessed into a neighbour's price. A provider that the book does not
know (an own machine, say) has no price until the company gives one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import date

from jitsuri.ledger.shapes.pricing import Clause, ModelSheet, Override, PriceBook, Retirement, Unpriced, Vendor

PROVIDER_NAMES = {
    "azure.ai.openai": "azure", "azure.ai.inference": "azure", "azure_ai": "azure", "azure_openai": "azure",
    "aws.bedrock": "aws", "bedrock": "aws", "bedrock_converse": "aws",
    "gcp.gen_ai": "google", "gcp.gemini": "google", "gcp.vertex_ai": "google", "gemini": "google",
    "vertex_ai": "google", "x_ai": "x-ai", "xai": "x-ai", "mistral_ai": "mistral", "fireworks_ai": "fireworks",
    "together_ai": "together", "github_copilot": "github-copilot", "moonshot": "moonshotai", "cohere_chat": "cohere",
}  # fmt: skip
"""Names that logs and own price files use for providers of the book. Source: OpenTelemetry ``gen_ai.provider.name``
and LiteLLM ``custom_llm_provider`` values, read 2026-11-22."""

_PROXIES = ("", "litellm")
"""Providers that say nothing of who is paid: the model's name must tell."""
_PATH_WORDS = re.compile(r"(?:.*/)?publishers/|models/")
_BEDROCK = re.compile(r"arn:aws[a-z-]*:bedrock:|(?:[a-z]{2,6}(?:-gov)?\.)?[a-z0-9]+\.[a-z]")
_COMPACT_DATE = re.compile(r"-(20\d{2})(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])(?=-|:|$)")


def find_sheet(book: PriceBook, provider: str, model: str) -> ModelSheet | Unpriced:
    """The sheet that prices ``model`` at ``provider`` ('': the name must tell), own rows and factors included.

    ``vendor/model`` names, Bedrock profiles (whose regional +10 % stands in the book as models of their own), Azure
    names, dated names and fine-tuned names (``ft:``, never priced as their base) are understood. Refuses with
    ``price_missing_model``.
    """
    asked, name = provider.strip().lower(), model.strip().lower()
    base = next((found for vendor, ref in _ways(book, asked, name) if (found := _listed(book, vendor, ref))), None)
    vendor = None if base else (vendor_named(book, asked) if asked not in _PROXIES else None)
    at = base.provider if base else (vendor.provider if vendor else "")
    rows = [row for row in book.overrides if _is_meant(row.provider, row.model, asked, at, name, base)]
    if rows:
        base = _overridden(base, rows, asked, model.strip())
    if base is None:
        return Unpriced("price_missing_model", {"provider": provider, "model": model})
    factors = tuple(f for f in book.factors if _is_meant(f.provider, f.model, asked, at, name, base))
    return replace(base, factors=factors) if factors else base


def sheets_of(book: PriceBook) -> Iterator[ModelSheet]:
    """Every sheet of the book as it prices, own rows included; models that only own rows know come last."""
    for vendor in book.vendors:
        for sheet in vendor.sheets:
            yield _with_own_rows(book, sheet)
    met: set[tuple[str, str]] = set()
    for row in book.overrides:
        if row.model.endswith("*") and (row.provider == "*" or vendor_named(book, row.provider)):
            continue  # a pattern over the book's own models
        found = find_sheet(book, "" if row.provider == "*" else row.provider, row.model)
        if isinstance(found, ModelSheet) and found.match is None and (found.provider, found.model) not in met:
            met.add((found.provider, found.model))
            yield found


def retirement_of(book: PriceBook, sheet: ModelSheet) -> Retirement | None:
    """What the company's file says of the end of this model: an exact name before a pattern, a longer one before a
    shorter one, of the same name the earliest day. None where it says nothing."""
    name, at = sheet.model.lower(), sheet.provider
    rows = [row for row in book.retirements if _is_meant(row.provider, row.model, at, at, name, sheet)]
    return min(rows, key=_nearest, default=None)


def vendor_named(book: PriceBook, name: str) -> Vendor | None:
    """The vendor that a provider's name means: its own name first, then other names."""
    name = name.strip().lower()
    name = PROVIDER_NAMES.get(name, name)
    for vendor in book.vendors:
        if vendor.provider == name:
            return vendor
    return next((v for v in book.vendors if v.names is not None and matches(v.names, name)), None)


def matches(clause: Clause, name: str) -> bool:
    """Whether a lower-cased name meets the clause. Regular expressions see the name as it is, the rest ignores case."""
    op, text = clause.op, clause.text
    if op == "or":
        return any(matches(part, name) for part in clause.parts)
    if op == "and":
        return all(matches(part, name) for part in clause.parts)
    if op == "regex":
        return re.search(text, name) is not None
    text = text.lower()
    if op == "equals":
        return name == text
    if op == "starts_with":
        return name.startswith(text)
    return name.endswith(text) if op == "ends_with" else text in name


def _with_own_rows(book: PriceBook, sheet: ModelSheet) -> ModelSheet:
    if not book.overrides and not book.factors:
        return sheet
    name, at = sheet.model.lower(), sheet.provider
    rows = [row for row in book.overrides if _is_meant(row.provider, row.model, at, at, name, sheet)]
    factors = tuple(f for f in book.factors if _is_meant(f.provider, f.model, at, at, name, sheet))
    whole = _overridden(sheet, rows, at, sheet.model) if rows else sheet
    return replace(whole, factors=factors) if factors else whole


def _ways(book: PriceBook, asked: str, name: str) -> Iterator[tuple[Vendor, str]]:
    """Where to look, likeliest first: ``(vendor, name there)``."""
    if asked not in _PROXIES:
        vendor = vendor_named(book, asked)
        while vendor is not None:
            yield vendor, name
            head, slash, name = name.partition("/")
            if not slash:
                return
        return
    while True:
        head, slash, tail = name.partition("/")
        vendor = vendor_named(book, head) if slash and head else None
        if vendor is not None:
            yield vendor, tail
        guess = next((v for v in book.vendors if v.models is not None and matches(v.models, name)), None)
        if guess is not None:
            yield guess, name
        aws = vendor_named(book, "aws")
        if aws is not None and _BEDROCK.match(name):
            yield aws, name.rpartition("/")[2]
        path = _PATH_WORDS.match(name)
        if vendor is not None:
            name = tail
        elif path is not None:
            name = name[path.end() :]
        else:
            return


def _listed(book: PriceBook, vendor: Vendor, name: str) -> ModelSheet | None:
    """The vendor's sheet of this name, as written, with its compact date (``-20251211``) written out, or by its id."""
    found = _in_vendor(book, vendor, name)
    if found is None:
        dated = _COMPACT_DATE.sub(_dashed, name)
        found = _in_vendor(book, vendor, dated) if dated != name else None
    if found is None:  # the book's own name of a model, which entries carry, need not be a name that logs use
        found = next((sheet for sheet in vendor.sheets if sheet.model.lower() == name), None)
    if found is not None and name.startswith("ft:") and not found.model.startswith("ft:"):
        return None  # a fine-tuned model costs more than its base
    return found


def _in_vendor(book: PriceBook, vendor: Vendor, name: str) -> ModelSheet | None:
    for sheet in vendor.sheets:
        if sheet.match is not None and matches(sheet.match, name):
            return sheet
    for other in vendor.fallbacks:
        owner = next((v for v in book.vendors if v.provider == other), None)
        for sheet in owner.sheets if owner else ():
            if sheet.match is not None and matches(sheet.match, name):
                # tiers are the owner's terms; the reseller's are not known
                blocks = tuple(b for b in sheet.blocks if not b.tier)
                return replace(sheet, provider=vendor.provider, blocks=blocks)
    return None


def _dashed(found: re.Match[str]) -> str:
    year, month, day = (int(found.group(n)) for n in (1, 2, 3))
    try:
        return f"-{date(year, month, day).isoformat()}"
    except ValueError:
        return found.group(0)


def _is_meant(provider: str, pattern: str, asked: str, at: str, name: str, base: ModelSheet | None) -> bool:
    """Whether a row's provider and pattern mean what was asked (``asked``, ``name``) or found (``at``, ``base``)."""
    if provider != "*" and provider not in (asked, at) and not (base is None and asked in _PROXIES):
        return False
    names = {name, name.rpartition("/")[2]} | ({base.model.lower()} if base else set())
    pattern = pattern.lower()
    if pattern.endswith("*"):
        return any(n.startswith(pattern[:-1]) for n in names)
    return pattern in names


def _overridden(base: ModelSheet | None, rows: list[Override], asked: str, name: str) -> ModelSheet:
    """The sheet with the company's rows on top: an exact name after a pattern, a longer pattern after a shorter one;
    of the same name all-day prices, then those of hours and weekdays, then partial ones, then tiers, each by date."""
    ordered = sorted(rows, key=_rank)
    last = ordered[-1]
    if base is None:
        exact = [row for row in ordered if not row.model.endswith("*")]
        provider = last.provider if last.provider != "*" else asked
        base = ModelSheet(provider, exact[-1].model if exact else name, last.block.currency, (), last.source)
    blocks = (*base.blocks, *(row.block for row in ordered))
    note = "\n".join(dict.fromkeys(filter(None, (base.note, *(row.note for row in ordered)))))
    return replace(base, blocks=blocks, note=note, source=last.source)


def _nearest(row: Retirement) -> tuple[bool, int, bool, date]:
    return (row.model.endswith("*"), -len(row.model), row.on is None, row.on or date.max)


def _rank(row: Override) -> tuple[bool, int, int, date]:
    block = row.block
    is_timed = block.from_time is not None or block.until_time is not None or bool(block.weekdays)
    part = 3 if block.tier else 2 if block.is_partial else int(is_timed)
    return (not row.model.endswith("*"), len(row.model), part, block.starts_on or date.min)
