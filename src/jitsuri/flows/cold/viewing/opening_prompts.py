"""指示文: which versions a task's prompt has, which of them answers, and what each one costs at today's price."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from jitsuri.calls.records import texts as text_rows
from jitsuri.flows.cold.renewing_prices import book_in_use
from jitsuri.flows.cold.viewing.basing import rates_kept
from jitsuri.ledger.live.prices import Prices
from jitsuri.ledger.records import reading
from jitsuri.ledger.rules.estimating import estimated_tokens
from jitsuri.ledger.rules.pricing import Pricer
from jitsuri.ledger.shapes.rates import RateKind
from jitsuri.ledger.shapes.views import CallAmounts
from jitsuri.routing import records as routing_rows
from jitsuri.routing.rules.choosing import LOCAL
from jitsuri.routing.shapes import Prompt, Site, Target, Task, Variant, Versioned
from jitsuri.store.door import Connection
from jitsuri.terms.period import company_day
from jitsuri.terms.usage import Usage

MOST_OFFERED = 30
"""Kept calls that are offered to be tried (decision 0036)."""
PER_CALLS = 1_000
_MILLION = 1_000_000


@dataclass(frozen=True, slots=True)
class KeptCall:
    """A past call whose request and answer are kept; neither is opened for it."""

    call_id: UUID
    at: datetime
    amounts: CallAmounts | None


@dataclass(frozen=True, slots=True)
class PromptsView:
    """The prompts of one task."""

    task: Task
    variant: Variant | None
    variant_version: Versioned | None
    prompts: tuple[Prompt, ...]
    """Newest first."""
    kept: tuple[KeptCall, ...]
    jpy_per_token: Decimal | None
    """Yen per token of input at the variant's target today; None where it has no price."""

    @property
    def answering(self) -> int:
        """The version that answers; 0 is the caller's own."""
        return self.variant.prompt if self.variant is not None else 0

    @property
    def ahead(self) -> int | None:
        """The version that a canary answers with; None where there is no canary."""
        return self.variant.canary.prompt if self.variant is not None and self.variant.canary is not None else None

    @property
    def seen(self) -> int:
        """The number of the variant that the asker looks at."""
        return self.variant_version.version if self.variant_version is not None else 0


def prompts_view(
    tx: Connection, now: datetime, name: str, sites: Mapping[str, Site], kind: RateKind
) -> PromptsView | None:
    """The prompts of a task; None for an unknown one."""
    task = routing_rows.tasks(tx).get(name)
    if task is None:
        return None
    history = routing_rows.variant_history(tx, name)
    variant, version = history[0] if history else (None, None)
    offered = text_rows.newest_whole(tx, name, MOST_OFFERED)
    amounts = reading.amounts_of_calls(tx, [call_id for call_id, _ in offered]) if offered else {}
    price = None
    if variant is not None:
        price = price_of(prices_now(tx, kind), variant.target, sites, Usage(input_tokens=_MILLION), now)
    return PromptsView(
        task=task,
        variant=variant,
        variant_version=version,
        prompts=tuple(routing_rows.prompts(tx, name)),
        kept=tuple(KeptCall(call_id, at, amounts.get(call_id)) for call_id, at in offered),
        jpy_per_token=None if price is None else price / _MILLION,
    )


def prompt_tokens(text: str) -> int:
    """About how many tokens a prompt has."""
    return estimated_tokens(len(text.encode()), len(text))


def prices_now(tx: Connection, kind: RateKind) -> Prices | None:
    """The price book in use with the rates as they stand; None before the first book."""
    kept = book_in_use(tx)
    if kept is None:
        return None
    prices = Prices()
    prices.replace(Pricer(kept[0]), rates_kept(tx, kind))
    return prices


def price_of(
    prices: Prices | None, target: Target, sites: Mapping[str, Site], usage: Usage, now: datetime
) -> Decimal | None:
    """Yen for so much use at a target today; None where it has no price in yen. What this machine answers without a model
    costs nothing."""
    if target.upstream == LOCAL:
        return Decimal(0)
    site = sites.get(target.upstream)
    if site is None or prices is None:
        return None
    return prices.cost(site.vendor, (target.model,), usage, now, company_day(now), "", site.region).cost_jpy
