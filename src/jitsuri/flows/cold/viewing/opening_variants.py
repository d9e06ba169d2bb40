"""構成: which way is a task answered today, what may answer it, and who decided that when?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from jitsuri.flows.cold.keeping_variants import earlier, unpriced
from jitsuri.flows.cold.viewing.opening_gateway import Tally, answered_by
from jitsuri.routing import records as routing_rows
from jitsuri.routing.rules.choosing import rule_faults
from jitsuri.routing.rules.setting import all_targets_of, sites_kept_out, targets_of
from jitsuri.routing.shapes import DataRule, Site, Target, Task, Variant, Versioned
from jitsuri.store.door import Connection
from jitsuri.terms.outcomes import Dropped

Role = Literal["first", "fallback", "canary"]


@dataclass(frozen=True, slots=True)
class TargetView:
    """One place where a task may be answered."""

    target: Target
    role: Role
    site: Site | None
    """None where ``jitsuri.toml`` has no such upstream any more."""
    kept_out: Dropped | None
    """Why no call goes there."""
    unpriced: Dropped | None
    """Why its calls have no price."""
    prompt: int = 0
    """Version of the task's prompt that goes with it; 0 is the caller's own."""


@dataclass(frozen=True, slots=True)
class VariantView:
    """How one task is answered."""

    task: Task
    variant: Variant | None
    version: Versioned | None
    """Of the newest version, also where that left the task without a variant."""
    rule: DataRule
    rule_version: Versioned | None
    targets: tuple[TargetView, ...]
    sites: tuple[tuple[Site, Dropped | None], ...]
    """Every upstream that is there, and why the data rule keeps it out."""
    history: tuple[tuple[Variant | None, Versioned], ...]
    rule_history: tuple[tuple[DataRule, Versioned], ...]
    answered_by: tuple[tuple[str, str, Tally], ...]
    """(upstream, model, what was counted) in the last hour."""
    earlier: tuple[Variant, int] | None
    """What one step back returns to, and which version that was."""

    @property
    def is_answerable(self) -> bool:
        """Whether a call of ``task:NAME`` goes anywhere."""
        return any(target.kept_out is None for target in self.targets if target.role != "canary")

    @property
    def version_number(self) -> int:
        return self.version.version if self.version is not None else 0

    @property
    def rule_number(self) -> int:
        return self.rule_version.version if self.rule_version is not None else 0

    @property
    def is_pinned(self) -> bool:
        return self.version is not None and self.version.is_pinned

    @property
    def is_rule_pinned(self) -> bool:
        return self.rule_version is not None and self.rule_version.is_pinned


@dataclass(frozen=True, slots=True)
class TaskVariant:
    """One task in a list of all."""

    task: Task
    variant: Variant | None
    version: Versioned | None
    rule: DataRule
    kept_out: tuple[Dropped, ...]
    """Targets of the variant where no call goes, and why."""


def variant_view(tx: Connection, now: datetime, name: str, sites: Mapping[str, Site]) -> VariantView | None:
    """How a task is answered; None for an unknown one."""
    task = routing_rows.tasks(tx).get(name)
    if task is None:
        return None
    history = tuple(routing_rows.variant_history(tx, name))
    rule_history = tuple(routing_rows.data_rule_history(tx, name))
    variant, version = history[0] if history else (None, None)
    rule, rule_version = rule_history[0] if rule_history else (DataRule(name), None)
    kept_out = sites_kept_out(sites.values(), rule)
    return VariantView(
        task=task,
        variant=variant,
        version=version,
        rule=rule,
        rule_version=rule_version,
        targets=target_views(tx, now, variant, rule, sites),
        sites=tuple((site, kept_out.get(site.name)) for site in sites.values()),
        history=history,
        rule_history=rule_history,
        answered_by=tuple(answered_by(tx, now, name)),
        earlier=earlier(history),
    )


def standing(tx: Connection, name: str) -> tuple[Variant | None, Versioned | None, DataRule]:
    """A task's variant with who set it, and its data rule: what stands in a line about it."""
    variant, version = routing_rows.variants(tx).get(name, (None, None))
    rules = routing_rows.data_rules(tx)
    return variant, version, rules[name][0] if name in rules else DataRule(name)


def target_views(
    tx: Connection, now: datetime, variant: Variant | None, rule: DataRule, sites: Mapping[str, Site]
) -> tuple[TargetView, ...]:
    """Where a variant sends, in order, its canary last, with what stands against each place."""
    if variant is None:
        return ()
    placed: list[tuple[Target, Role, int]] = [
        (target, "fallback" if at else "first", variant.prompt) for at, target in enumerate(targets_of(variant))
    ]
    if variant.canary is not None:
        placed.append((variant.canary.target, "canary", variant.canary.prompt))
    out = {why.what: why for why in rule_faults(all_targets_of(variant), sites, rule)}
    dear = {why.what: why for why in unpriced(tx, variant, dict(sites), now)}
    return tuple(
        TargetView(
            target, role, sites.get(target.upstream), out.get(str(target)), dear.get(str(target)), prompt,
        )
        for target, role, prompt in placed
    )  # fmt: skip


def all_variants(tx: Connection, sites: Mapping[str, Site]) -> list[TaskVariant]:
    """Every task, by name."""
    variants, rules = routing_rows.variants(tx), routing_rows.data_rules(tx)
    found = []
    for name, task in routing_rows.tasks(tx).items():
        variant, version = variants.get(name, (None, None))
        rule = rules[name][0] if name in rules else DataRule(name)
        faults = rule_faults(all_targets_of(variant), sites, rule) if variant is not None else []
        found.append(TaskVariant(task, variant, version, rule, tuple(faults)))
    return found
