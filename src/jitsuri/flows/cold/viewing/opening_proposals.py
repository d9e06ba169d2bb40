"""業務の候補: calls without a task, gathered so that a person can name them; and moves that are under way."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

from jitsuri.calls.records import reading as call_reading
from jitsuri.ledger.records import reading
from jitsuri.routing import records as routing_rows
from jitsuri.routing.rules.proposing import propose
from jitsuri.routing.shapes import Group, Proposal, Task, TaskRule
from jitsuri.store.door import Connection

MOST_GROUPS = 150
"""Prompt groups that are compared for one page, those with most calls first: about 0.05 s (decision 0012)."""

MOST_LOOKED_AT = 3_000
"""Open groups that are read at all; the others wait until these are named or set aside."""

SAMPLED_CALLS = 15
"""Calls per group whose cost is looked up; a larger group's cost is their mean times its calls, and says 約."""


@dataclass(frozen=True, slots=True)
class Moving:
    """A task whose name was given to groups of which some calls have not moved yet."""

    task: str
    calls: int


@dataclass(frozen=True, slots=True)
class ProposalList:
    """What a person is asked to name. ``inexact``: proposals whose cost is an estimate from some of their calls."""

    proposals: tuple[Proposal, ...]
    inexact: frozenset[UUID]
    moving: tuple[Moving, ...]
    calls: int
    """Calls of the proposals shown."""
    more_groups: int
    """Groups that are not shown yet: they come when the larger ones are named."""
    tasks: Mapping[str, Task]


def proposal_list(tx: Connection) -> ProposalList:
    """The largest groups of unassigned calls as proposals, dearest first, and what is being moved."""
    counts = call_reading.open_groups(tx)
    named = {_value(rule): rule.task for rule in routing_rows.rules(tx) if rule.field in ("group", "system_prompt")}
    largest = sorted(counts, key=lambda group: (-counts[group], group))
    groups = routing_rows.groups(tx, largest[:MOST_LOOKED_AT])
    moving: dict[str, int] = defaultdict(int)
    waiting: list[Group] = []
    for group in sorted(groups, key=lambda g: (-counts[g.group_id], g.group_id)):
        task = named.get(("group", str(group.group_id))) or named.get(("system_prompt", group.system_prompt_hash))
        if task is not None:
            moving[task] += counts[group.group_id]
        else:
            waiting.append(group)
    shown = waiting[:MOST_GROUPS]
    costs, models, sampled = _sampled(tx, shown, counts)
    found = propose(shown, costs, counts, models)
    return ProposalList(
        proposals=tuple(found),
        inexact=frozenset(p.proposal_id for p in found if any(g in sampled for g in p.groups)),
        moving=tuple(Moving(task, calls) for task, calls in sorted(moving.items())),
        calls=sum(p.calls for p in found),
        more_groups=len(waiting) - len(shown) + max(0, len(largest) - MOST_LOOKED_AT),
        tasks=routing_rows.tasks(tx),
    )


def _value(rule: TaskRule) -> tuple[str, str]:
    return (rule.field, rule.value)


def _sampled(
    tx: Connection, groups: Sequence[Group], counts: Mapping[UUID, int]
) -> tuple[dict[UUID, Decimal], dict[UUID, list[str]], set[UUID]]:
    """Cost and models of each group, and which costs are estimates."""
    some = call_reading.some_of_groups(tx, [group.group_id for group in groups], SAMPLED_CALLS)
    amounts = reading.costs_of_calls(tx, [call_id for _, call_id, _ in some])
    held: dict[UUID, list[Decimal]] = defaultdict(list)
    models: dict[UUID, list[str]] = defaultdict(list)
    for group_id, call_id, model in some:
        held[group_id].append(amounts.get(call_id, Decimal(0)))
        if model not in models[group_id]:
            models[group_id].append(model)
    costs = {group: sum(parts, Decimal(0)) / len(parts) * counts[group] for group, parts in held.items()}
    return costs, models, {group for group, parts in held.items() if counts[group] > len(parts)}
