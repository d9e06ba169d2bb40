"""Keeping variants: which way a task is answered and what may answer it, by versions with author and reason.

Every change leaves evidence in its own transaction and is announced (``routing``), so that gateways read it anew. What
``jitsuri.toml`` pins (固定) is changed there. Whether the one who asks *may* ask is the door's question.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from jitsuri.evidence import records as evidence_rows
from jitsuri.evidence.rules import record_of
from jitsuri.flows.cold.renewing_prices import book_in_use
from jitsuri.ledger.rules.pricing import Pricer
from jitsuri.ledger.shapes.pricing import Priced
from jitsuri.routing import records as routing_rows
from jitsuri.routing.rules.choosing import LOCAL, rule_faults
from jitsuri.routing.rules.setting import all_targets_of, prompts_of, reason_fault, targets_of, variant_fault
from jitsuri.routing.shapes import DataRule, Site, Variant, Versioned
from jitsuri.store.door import Connection, Store, without_nul
from jitsuri.terms.outcomes import Dropped, Refusal
from jitsuri.terms.usage import Usage

Sites = dict[str, Site]
_ONE = Usage(input_tokens=1, output_tokens=1)


@dataclass(frozen=True, slots=True)
class Decided:
    """A new version stands. ``warnings`` are targets that work against it: without a price, or kept out by the rule."""

    version: int
    warnings: tuple[Dropped, ...] = ()


def set_variant(
    store: Store,
    now: datetime,
    author: str,
    variant: Variant,
    reason: str,
    sites: Sites,
    *,
    seen: int | None = None,
    returns_to: int | None = None,
) -> Decided | Refusal:
    """Let a task be answered so. Refuses what ``change_variant`` does."""

    return change_variant(
        store, now, author, variant.task, lambda _: variant, reason, sites, seen=seen, returns_to=returns_to
    )  # fmt: skip


def change_variant(
    store: Store,
    now: datetime,
    author: str,
    task: str,
    change: Callable[[Variant | None], Variant | Refusal],
    reason: str,
    sites: Sites,
    *,
    seen: int | None = None,
    returns_to: int | None = None,
) -> Decided | Refusal:
    """Let a task be answered as ``change`` makes it of what stands. ``seen`` is the version that the asker looked at; None
    asks nothing of it.

    Refuses ``task_unknown``, ``routing_reason_missing``, ``variant_pinned``, ``variant_moved``, ``variant_unchanged``, what
    ``setting.variant_fault`` does, ``prompt_unknown``, and what ``change`` refuses. Warns of targets without a price: hard budgets refuse
    their calls.
    """
    with store.transaction() as tx:
        return change_variant_in(tx, now, author, task, change, reason, sites, seen=seen, returns_to=returns_to)


def change_variant_in(
    tx: Connection,
    now: datetime,
    author: str,
    task: str,
    change: Callable[[Variant | None], Variant | Refusal],
    reason: str,
    sites: Sites,
    *,
    seen: int | None = None,
    returns_to: int | None = None,
) -> Decided | Refusal:
    """As ``change_variant``, in the transaction of whoever must write something with it. A refusal has written nothing."""
    reason = without_nul(reason).strip()
    wrong = _opening_fault(tx, task, reason)
    if wrong is not None:
        return wrong
    before, version = _newest_variant(tx, task)
    wrong = _standing_fault("variant", task, version, seen)
    if wrong is not None:
        return wrong
    variant = change(before)
    if isinstance(variant, Refusal):
        return variant
    rule = routing_rows.data_rules(tx).get(task)
    wrong = variant_fault(variant, sites, rule[0] if rule else None) or _prompt_fault(tx, variant)
    if wrong is not None:
        return wrong
    if variant == before:
        return Refusal("variant_unchanged", {"name": task})
    made = routing_rows.save_variant(tx, variant, is_pinned=False, author=author, reason=reason, now=now)
    facts = {"version": made, "reason": reason, "before": _told_variant(before), "after": _told_variant(variant)}
    if returns_to is not None:
        facts["returns_to"] = returns_to
    evidence_rows.append(tx, record_of(now, author, "variant_set", f"task:{task}", facts))
    return Decided(made, unpriced(tx, variant, sites, now))


def change_canary(
    store: Store,
    now: datetime,
    author: str,
    task: str,
    change: Callable[[Variant], Variant | Refusal],
    reason: str,
    sites: Sites,
    *,
    seen: int | None = None,
) -> Decided | Refusal:
    """Begin, change, end or complete a canary: ``change`` makes the new variant of the one that stands.

    Refuses ``variant_missing`` and what ``change_variant`` does.
    """

    def changed(before: Variant | None) -> Variant | Refusal:
        return Refusal("variant_missing", {"task": task}) if before is None else change(before)

    return change_variant(store, now, author, task, changed, reason, sites, seen=seen)


def roll_back(
    store: Store, now: datetime, author: str, task: str, reason: str, sites: Sites, *, seen: int | None = None
) -> Decided | Refusal:
    """Answer as before: without the canary where there is one, else by the last variant with another first target or another
    prompt.

    Refuses ``nothing_to_return_to`` and what ``change_variant`` does.
    """
    with store.reading() as tx:
        history = routing_rows.variant_history(tx, task)
    found = earlier(history)
    if found is None:
        return Refusal("nothing_to_return_to", {"name": task})
    seen = history[0][1].version if seen is None else seen
    variant, version = found
    return set_variant(store, now, author, variant, reason, sites, seen=seen, returns_to=version)


def earlier(history: Sequence[tuple[Variant | None, Versioned]]) -> tuple[Variant, int] | None:
    """What ``roll_back`` returns to, and which version that was; ``history`` has the newest first."""
    standing = history[0][0] if history else None
    if standing is None:
        return None
    if standing.canary is not None:
        return replace(standing, canary=None), history[0][1].version
    for variant, kept in history[1:]:
        if variant is not None and (variant.target, variant.prompt) != (standing.target, standing.prompt):
            return replace(variant, canary=None), kept.version
    return None


def end_variant(
    store: Store, now: datetime, author: str, task: str, reason: str, *, seen: int | None = None
) -> Decided | Refusal:
    """Leave a task without a variant: calls of ``task:NAME`` are refused from now on.

    Refuses ``task_unknown``, ``routing_reason_missing``, ``variant_pinned``, ``variant_moved``, ``variant_none``.
    """
    reason = without_nul(reason).strip()
    with store.transaction() as tx:
        wrong = _opening_fault(tx, task, reason)
        if wrong is not None:
            return wrong
        before, version = _newest_variant(tx, task)
        wrong = _standing_fault("variant", task, version, seen)
        if wrong is not None:
            return wrong
        if before is None:
            return Refusal("variant_none", {"name": task})
        made = routing_rows.end_variant(tx, task, author=author, reason=reason, now=now)
        facts = {"version": made, "reason": reason, "before": _told_variant(before)}
        evidence_rows.append(tx, record_of(now, author, "variant_ended", f"task:{task}", facts))
        return Decided(made)


def return_variant(
    store: Store, now: datetime, author: str, task: str, version: int, reason: str, sites: Sites
) -> Decided | Refusal:
    """Let a task be answered as by an earlier version again, as a new one. Refuses ``version_unknown`` and what
    ``set_variant`` does."""
    with store.reading() as tx:
        found = {kept.version: variant for variant, kept in routing_rows.variant_history(tx, task)}
    variant = found.get(version)
    if variant is None:
        return Refusal("version_unknown", {"name": task, "version": version})
    return set_variant(store, now, author, variant, reason, sites, returns_to=version)


def set_data_rule(
    store: Store,
    now: datetime,
    author: str,
    rule: DataRule,
    reason: str,
    sites: Sites,
    *,
    seen: int | None = None,
    returns_to: int | None = None,
) -> Decided | Refusal:
    """Let a task be answered only so. Warns of targets of its variant that are kept out from now on: a rule goes before
    an answer.

    Refuses ``task_unknown``, ``routing_reason_missing``, ``rule_pinned``, ``rule_moved``, ``rule_unchanged``.
    """
    reason, task = without_nul(reason).strip(), rule.task
    with store.transaction() as tx:
        wrong = _opening_fault(tx, task, reason)
        if wrong is not None:
            return wrong
        history = routing_rows.data_rule_history(tx, task)
        before, version = history[0] if history else (DataRule(task), None)
        wrong = _standing_fault("rule", task, version, seen)
        if wrong is not None:
            return wrong
        if rule == before:
            return Refusal("rule_unchanged", {"name": task})
        made = routing_rows.save_data_rule(tx, rule, is_pinned=False, author=author, reason=reason, now=now)
        facts = {"version": made, "reason": reason, "before": _told_rule(before), "after": _told_rule(rule)}
        if returns_to is not None:
            facts["returns_to"] = returns_to
        evidence_rows.append(tx, record_of(now, author, "data_rule_set", f"task:{task}", facts))
        variant, _ = _newest_variant(tx, task)
        return Decided(made, tuple(rule_faults(all_targets_of(variant), sites, rule)) if variant is not None else ())


def return_data_rule(
    store: Store, now: datetime, author: str, task: str, version: int, reason: str, sites: Sites
) -> Decided | Refusal:
    """Let an earlier data rule hold again, as a new version. Refuses ``version_unknown`` and what ``set_data_rule``
    does."""
    with store.reading() as tx:
        found = {kept.version: rule for rule, kept in routing_rows.data_rule_history(tx, task)}
    rule = found.get(version)
    if rule is None:
        return Refusal("version_unknown", {"name": task, "version": version})
    return set_data_rule(store, now, author, rule, reason, sites, returns_to=version)


def unpriced(tx: Connection, variant: Variant, sites: Sites, now: datetime) -> tuple[Dropped, ...]:
    """Targets of a variant that the price book in use has no price for, and why; what this machine answers needs none."""
    kept = book_in_use(tx)
    if kept is None:
        return ()
    pricer = Pricer(kept[0])
    found = []
    for target in all_targets_of(variant):
        site = sites.get(target.upstream)
        if site is None or target.upstream == LOCAL:
            continue
        came = pricer.price(site.vendor, target.model, _ONE, now, "", site.region)
        if not isinstance(came, Priced):
            found.append(Dropped(str(target), came.code, came.facts))
    return tuple(found)


def _prompt_fault(tx: Connection, variant: Variant) -> Refusal | None:
    """A variant that names a prompt which is not there would answer nothing: ``prompt_unknown``."""
    wanted = sorted(prompts_of(variant))
    known = routing_rows.prompt_texts(tx, [(variant.task, version) for version in wanted])
    for version in wanted:
        if (variant.task, version) not in known:
            return Refusal("prompt_unknown", {"name": variant.task, "version": version})
    return None


def _opening_fault(tx: Connection, task: str, reason: str) -> Refusal | None:
    wrong = reason_fault(reason)
    if wrong is not None:
        return wrong
    if routing_rows.lock_task(tx, task) is None:
        return Refusal("task_unknown", {"name": task})
    return None


def _newest_variant(tx: Connection, task: str) -> tuple[Variant | None, Versioned | None]:
    history = routing_rows.variant_history(tx, task)
    return history[0] if history else (None, None)


def _standing_fault(what: str, task: str, version: Versioned | None, seen: int | None) -> Refusal | None:
    """Why what stands cannot be changed by this asker: ``…_pinned``, ``…_moved``."""
    if version is not None and version.is_pinned:
        return (
            Refusal("variant_pinned", {"name": task}) if what == "variant" else Refusal("rule_pinned", {"name": task})
        )
    number = version.version if version is not None else 0
    if seen is not None and seen != number:
        return Refusal("variant_moved" if what == "variant" else "rule_moved", {"name": task, "version": number})
    return None


def _told_variant(variant: Variant | None) -> dict[str, object] | None:
    if variant is None:
        return None
    canary = variant.canary
    told: dict[str, object] = {
        "targets": [str(target) for target in targets_of(variant)],
        "most_output_tokens": variant.most_output_tokens,
        **({"prompt": variant.prompt} if variant.prompt else {}),
    }
    if canary is None:
        return told
    prompt = {"canary_prompt": canary.prompt} if canary.prompt else {}
    return {**told, "canary": str(canary.target), "per_mille": canary.per_mille, **prompt}


def _told_rule(rule: DataRule) -> dict[str, object]:
    return {
        "vendors": list(rule.vendors), "regions": list(rule.regions), "training": rule.training,
        "is_on_premises_only": rule.is_on_premises_only,
    }  # fmt: skip
