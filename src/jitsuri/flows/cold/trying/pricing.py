"""What a trial works with, and what its questions cost: expected by today's tokens, at most by their bytes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal, localcontext
from pathlib import Path

from jitsuri.ledger.live.prices import MICRO, Prices
from jitsuri.ledger.rules.converting import Rates
from jitsuri.ledger.rules.finding import find_sheet
from jitsuri.ledger.rules.pricing import Pricer, Resolved, price_of_mix, resolve
from jitsuri.ledger.shapes.pricing import ModelSheet, PriceBook
from jitsuri.providers.rules.asking import read_ask
from jitsuri.providers.shapes import Asked, Dialect, Upstream
from jitsuri.routing.rules.choosing import LOCAL, target_named
from jitsuri.routing.shapes import Site
from jitsuri.terms.money import EXACT_DIGITS, to_ledger_jpy
from jitsuri.terms.outcomes import Dropped, Refusal
from jitsuri.terms.period import company_day
from jitsuri.terms.usage import Usage

FREE_KINDS = ("student", "rules", "llama_cpp")
"""Upstreams that answer on this machine: no token of theirs is paid for, and asking twice harms nobody (decision 0022)."""
MEDIA_TOKENS = 50_000
MESSAGE_TOKENS = 64
"""As the gateway bounds a call before it is answered (``flows.hot.holding``, decision 0020)."""

PromptOf = Callable[[str, int], str | None]
"""(task, version) → the text of a version of the task's prompt; None where there is none."""


def no_prompts(_task: str, _version: int) -> str | None:
    """Where no versions of prompts are kept."""
    return None


@dataclass(frozen=True, slots=True)
class Around:
    """What a trial works with. ``folder`` is where key files' names are looked for."""

    book: PriceBook
    rates: Rates
    upstreams: Mapping[str, Upstream]
    sites: Mapping[str, Site]
    folder: Path
    local_names: Sequence[str] = ()
    """Students and rule tables that have a file: ``student:NAME``, ``rules:NAME``."""
    most_output_tokens: int = 4096
    prompt_of: PromptOf = no_prompts
    prices: Prices = field(default_factory=Prices)

    def __post_init__(self) -> None:
        if not self.prices.is_ready:
            self.prices.replace(Pricer(self.book), self.rates)

    def is_free(self, target: str) -> bool:
        """Does this ``upstream/model`` answer on this machine for nothing?"""
        found = target_named(target)
        if found is None:
            return False
        upstream = self.upstreams.get(found.upstream)
        return found.upstream == LOCAL or (upstream is not None and upstream.kind in FREE_KINDS)

    def sheet_of(self, target: str) -> ModelSheet | None:
        """The price sheet of ``upstream/model``."""
        found = target_named(target)
        upstream = self.upstreams.get(found.upstream) if found is not None else None
        if found is None or upstream is None:
            return None
        sheet = find_sheet(self.book, upstream.vendor, found.model)
        return sheet if isinstance(sheet, ModelSheet) else None


def expected_jpy(around: Around, target: str, used: Usage, calls: int, now: datetime) -> Decimal | Dropped:
    """What so many calls that used this together should cost with a target, in yen (想定); or why nobody can say.

    Codes: ``price_missing_model``, ``no_price_of_kind``, ``rate_missing``, those of the price book.
    """
    if around.is_free(target):
        return Decimal(0)
    sheet = around.sheet_of(target)
    if sheet is None:
        return Dropped(target, "price_missing_model")
    resolved = resolve(sheet, now)
    if not isinstance(resolved, Resolved):
        return Dropped(target, resolved.code)
    plain = Usage(input_tokens=used.input_tokens, output_tokens=used.output_tokens)
    cost = price_of_mix(sheet, plain, max(calls, 1), now)
    if not isinstance(cost, Decimal):
        return Dropped(target, "no_price_of_kind")
    rate = around.rates.on(resolved.currency, company_day(now))
    if resolved.currency != "JPY" and rate is None:
        return Dropped(target, "rate_missing")
    with localcontext(prec=EXACT_DIGITS):
        return to_ledger_jpy(cost * (rate.rate if rate is not None else 1))


def asked_of(dialect: Dialect, body: bytes) -> Asked | Refusal:
    """A request as budgets and prices see it."""
    return read_ask(dialect, "chat", body)


def most_jpy(around: Around, target: str, asked: Asked, now: datetime) -> Decimal | Refusal:
    """The most that one answer can cost, in yen: a token per byte in, its maximum out.

    Refuses ``unbounded_under_budget`` and, without a price in yen, ``unpriced_under_budget``, ``unconverted_under_budget``.
    """
    if around.is_free(target):
        return Decimal(0)
    if asked.unbounded:
        return Refusal("unbounded_under_budget", {"what": ", ".join(asked.unbounded)})
    found = target_named(target)
    if found is None or found.upstream not in around.upstreams:
        return Refusal("model_unknown", {"model": target})
    upstream = around.upstreams[found.upstream]
    given = asked.input_bytes + MESSAGE_TOKENS + MEDIA_TOKENS * asked.inline_media
    written = given if asked.writes_cache else 0
    bound = Usage(
        input_tokens=given, output_tokens=asked.most_output_tokens or around.most_output_tokens,
        cache_write_tokens=written, cache_write_1h_tokens=written,
    )  # fmt: skip
    worst = around.prices.worst_micro_jpy(
        upstream.vendor, found.model, bound, now, company_day(now), asked.tier, upstream.region
    )
    return worst if isinstance(worst, Refusal) else Decimal(worst) / MICRO
