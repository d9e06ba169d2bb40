"""Ways: what the calls of one key over one plan have in common, put together once and not per call."""

from __future__ import annotations

from datetime import date
from typing import Literal
from uuid import UUID

from jitsuri.access.rules.keying import may
from jitsuri.access.shapes import Key
from jitsuri.calls.rules.identifying import gateway_group
from jitsuri.flows.hot.desk import Desk
from jitsuri.flows.hot.telling import told_target
from jitsuri.ledger.live.budgets import CallBudgets
from jitsuri.providers.rules.addressing import path_for
from jitsuri.providers.rules.prompting import prompt_bytes
from jitsuri.providers.rules.translating_manners import manner_of
from jitsuri.providers.shapes import Operation, Purpose
from jitsuri.routing.rules.naming import way_name
from jitsuri.routing.shapes import Instruction, Plan, Target
from jitsuri.terms.outcomes import Refusal

PATHS = {"openai": {"chat": "/chat/completions", "embeddings": "/embeddings"}, "anthropic": {"chat": "/messages"}}
"""Where an upstream of each dialect is asked, below its base address."""

FREE_KINDS = frozenset({"student", "rules"})
"""They answer without a model, at no cost per call (decision 0022)."""

MOST_KEPT = 10_000
"""Ways remembered; callers may invent model names without end (decision 0017)."""


class Leg:
    """One target of a plan, ready to be asked."""

    __slots__ = (
        "answered_by", "ask", "is_free", "kept_out", "manner", "model_counted", "path", "prompt", "prompt_bytes", "target", "told",
        "upstream",
    )  # fmt: skip

    def __init__(
        self, desk: Desk, key: Key, plan: Plan, model: str, target: Target, operation: Operation,
        instruction: Instruction | None = None,
    ) -> None:  # fmt: skip
        upstream = desk.upstreams[target.upstream]
        self.target = target
        self.upstream = upstream
        self.ask = desk.asking(upstream)
        self.kept_out: Refusal | None = may(key, plan.task, model if plan.is_variant else target.model, upstream.region)
        """Why this key may not ask it."""
        self.path = path_for(upstream, PATHS[upstream.dialect].get(operation, ""), target.model)
        self.manner = manner_of(upstream.kind, target.model, upstream.api_version)
        self.is_free = upstream.kind in FREE_KINDS
        self.prompt = "" if instruction is None else instruction.text
        """What replaces the caller's system prompt; '' leaves it."""
        self.prompt_bytes = 0 if instruction is None else prompt_bytes(instruction.text)
        """By how much a body can grow for it."""
        version = 0 if instruction is None else instruction.version
        self.told = told_target(way_name(target, version))
        """How callers are told who answered."""
        self.model_counted = way_name(target, version).partition("/")[2]
        """How meters name the model: with the prompt, so that a canary that differs in nothing else is seen."""
        self.answered_by = b"x-jitsuri-answered-by: %b\r\n" % self.told


class Way:
    """A key and a plan, seen together."""

    __slots__ = (
        "_budgets",
        "_of_budgets",
        "_of_tree",
        "department",
        "group_id",
        "key",
        "legs",
        "plan",
        "purpose",
        "touched_on",
    )

    def __init__(
        self, desk: Desk, key: Key, plan: Plan, model: str, operation: Operation, purpose: Purpose | Literal[""] = ""
    ) -> None:
        """``model`` is the name that the calls ask for. ``purpose`` other than '': asked by Jitsuri itself."""
        self.key = key
        self.purpose = purpose
        self.plan = plan
        self.department = key.department or plan.department
        self.group_id: UUID = gateway_group(plan.task, key.name)
        instructions = plan.instructions or (None,) * len(plan.targets)
        self.legs = tuple(
            Leg(desk, key, plan, model, target, operation, instruction)
            for target, instruction in zip(plan.targets, instructions, strict=True)
        )
        self.touched_on: date | None = None
        """The last day on which the key's use was noted."""
        self._budgets: CallBudgets | None = None
        self._of_budgets: object = None
        self._of_tree: object = None

    def budgets(self, desk: Desk) -> CallBudgets:
        """The standing budgets that its calls count for now."""
        standing, tree = desk.budgets.standing, desk.departments.tree
        if self._of_budgets is not standing or self._of_tree is not tree:
            self._of_budgets, self._of_tree = standing, tree
            self._budgets = desk.budgets.of(desk.departments.path(self.department), self.plan.task, self.key.name)
        found = self._budgets
        assert found is not None
        return found


def way_of(desk: Desk, key: Key, plan: Plan, model: str, operation: Operation) -> Way:
    """The way of a call by this key, over this plan. Both are asked for by identity: a new snapshot makes new ones."""
    ways = desk.ways
    found: Way | None = ways.get((id(key), id(plan), operation))
    if found is None or found.key is not key or found.plan is not plan:
        if len(ways) >= MOST_KEPT:
            ways.clear()
        found = ways[id(key), id(plan), operation] = Way(desk, key, plan, model, operation)
    return found
