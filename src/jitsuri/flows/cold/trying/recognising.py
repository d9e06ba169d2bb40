"""Recognising (今の構成): which way answers a task today, and which of its kept calls were answered by it.

Where the task has a variant, its way is the baseline, written as the variant has it, so that a certificate compares with what
really answers. A task that is known only from imported logs has none: the most frequent model stands for today.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from jitsuri.calls.records.texts import KeptThread
from jitsuri.flows.cold.trying.pricing import Around
from jitsuri.ledger.rules.finding import find_sheet
from jitsuri.ledger.shapes.pricing import ModelSheet
from jitsuri.routing import records as routing_rows
from jitsuri.routing.rules.choosing import matches
from jitsuri.routing.rules.naming import way_name
from jitsuri.routing.shapes import Target, Variant, Versioned
from jitsuri.store.door import Connection

Answering = tuple[str, str]
"""Provider and model of a call, as the ledger names them."""

_DATED = re.compile(r"-(?:\d{4}-\d{2}-\d{2}|\d{8}|\d{4})\Z")
"""How a maker writes the day of a model behind its name."""


@dataclass(frozen=True, slots=True)
class Today:
    """Who answers now. ``mine``: the kept threads that were answered so, newest first."""

    mine: tuple[KeptThread, ...]
    target: str
    """``upstream/model``."""
    prompt: int
    """Version of the task's prompt; 0: as the caller wrote it."""
    variant: str
    """The variant's way; '' where the task has none."""

    @property
    def name(self) -> str:
        """As tables and certificates name it: ``upstream/model`` or ``upstream/model#p3``."""
        return f"{self.target}#p{self.prompt}" if self.prompt else self.target

    @property
    def is_todays(self) -> bool:
        """Is it what the task's variant says now? A certificate that compares with anything else cannot be put in force."""
        return self.variant == self.name


def today_of(tx: Connection, task: str, kept: Sequence[KeptThread], around: Around, *, is_asked: bool = False) -> Today:
    """Today's way of a task, with the threads that it answered.

    ``is_asked``: it will be asked anew, so that it does not matter under which prompt the kept answers came. Where the variant
    answered none of them, the most frequent way stands for today, and ``is_todays`` says that it is another.
    """
    history = routing_rows.variant_history(tx, task)
    variant = history[0][0] if history else None
    counts = Counter((one.provider, one.model) for one in kept)
    if not counts:
        return Today((), "", 0, _way(variant))
    if variant is not None:
        its_own = [one for one in counts if is_answered_by(one, variant.target, around)]
        since = None if is_asked else prompt_since(history)
        fit = [one for one in kept if (one.provider, one.model) in its_own and (since is None or one.at >= since)]
        if fit:
            found = Counter((one.provider, one.model) for one in fit)
            chosen = max(found, key=lambda one: (found[one], one))
            mine = tuple(one for one in fit if (one.provider, one.model) == chosen)
            return Today(mine, str(variant.target), variant.prompt, _way(variant))
    provider, model = max(counts, key=lambda one: (counts[one], one))
    upstream = _upstream_of(provider, model, around)
    mine = tuple(one for one in kept if (one.provider, one.model) == (provider, model))
    return Today(mine, f"{upstream or provider or '-'}/{model or '-'}", 0, _way(variant))


def is_answered_by(call: Answering, target: Target, around: Around) -> bool:
    """Did this target answer the call? Its price sheet tells, or its name, also with the maker's date behind it."""
    provider, model = call
    site = around.sites.get(target.upstream)
    vendor = site.vendor if site is not None else target.upstream
    if not model:
        return False
    ours, theirs = find_sheet(around.book, vendor, target.model), find_sheet(around.book, provider, model)
    if isinstance(ours, ModelSheet) and isinstance(theirs, ModelSheet):
        if (ours.provider, ours.model) == (theirs.provider, theirs.model):
            return True
        provider, vendor = theirs.provider, ours.provider
    is_alike = target.model in (model, _DATED.sub("", model)) or model == _DATED.sub("", target.model)
    return provider == vendor and is_alike


def prompt_since(history: Sequence[tuple[Variant | None, Versioned]]) -> datetime | None:
    """Since when the task has been answered with the prompt of its variant, newest version first; None: always.

    Calls do not say under which prompt they came, so those before it cannot be compared with what answers now.
    """
    first = history[0][0] if history else None
    if first is None:
        return None
    since: datetime | None = None
    for at, (variant, versioned) in enumerate(history):
        if variant is None:
            continue
        is_mixed = at > 0 and variant.canary is not None and variant.canary.prompt != first.prompt
        if variant.prompt != first.prompt or (is_mixed and _is_same_canary(variant, first)):
            return since
        since = versioned.set_at
    return since if first.prompt else None


def _is_same_canary(variant: Variant, first: Variant) -> bool:
    return variant.canary is not None and variant.canary.target == first.target


def _way(variant: Variant | None) -> str:
    return "" if variant is None else way_name(variant.target, variant.prompt)


def _upstream_of(provider: str, model: str, around: Around) -> str:
    """The configured upstream of that vendor which takes the model, so that today's way has the same kind of name."""
    for site in around.sites.values():
        if site.vendor == provider and any(matches(model, pattern) for pattern in site.models):
            return site.name
    return ""
