"""What a task is, by which rules a call is known to be one of its calls, and proposals of new tasks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Literal
from uuid import UUID

from jitsuri.terms.outcomes import Dropped

Stage = Literal["idea", "poc", "pilot", "production", "retired"]
DataClass = Literal["public", "internal", "confidential", "personal"]
RuleField = Literal["task", "system_prompt", "metadata", "model", "key", "group"]


@dataclass(frozen=True, slots=True)
class Task:
    """業務: a named business use of an LLM; the unit of every decision."""

    name: str
    """Short name for URLs and calls: lower-case letters, digits, hyphens."""
    title_ja: str
    title_en: str
    department: str
    owner: str
    stage: Stage
    data_class: DataClass
    margin: Decimal
    """How much worse a candidate may be, as a share (0.05 = 5 points)."""
    created_at: datetime


@dataclass(frozen=True, slots=True)
class TaskRule:
    """A call that matches belongs to ``task``. Rules are tried by ``position``; the first match wins.

    ``field``: ``task`` (a name in the log), ``system_prompt`` (its hash), ``metadata`` (``name=value``), ``model``,
    ``key`` (credential alias), ``group`` (prompt group id). ``value`` must be equal; ``*`` at its end matches a beginning.
    """

    rule_id: UUID
    position: int
    field: RuleField
    value: str
    task: str
    department: str = ""
    """Books the call to this department instead of the task's own; '' leaves it."""


Training = Literal["any", "never"]
"""Which terms on training a task accepts: any, or only upstreams whose contract excludes it."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where a request can go: an upstream and the model's name there. Written ``upstream/model``."""

    upstream: str
    model: str

    def __str__(self) -> str:
        return f"{self.upstream}/{self.model}"


@dataclass(frozen=True, slots=True)
class Canary:
    """先行: another target that answers a share of a task's threads first, to be seen in use before it answers all."""

    target: Target
    per_mille: int
    """Of 1,000 threads so many, 1 to 999. A thread is always on the same side; a greater share keeps who was in the smaller."""
    prompt: int = 0
    """Version of the task's prompt that goes with it, as ``Variant.prompt``. A canary may differ in its prompt alone."""


@dataclass(frozen=True, slots=True)
class Variant:
    """構成: the way in which a task is answered today, and where it falls back to, in order."""

    task: str
    target: Target
    fallbacks: tuple[Target, ...] = ()
    most_output_tokens: int = 0
    """Cap on one answer's output; 0 leaves the installation's."""
    canary: Canary | None = None
    """Falls back to all of the rest: its failures cost time and no answer."""
    prompt: int = 0
    """Version of the task's prompt that replaces the caller's system prompt, at the target and at every fallback; 0: the
    caller's own as it is."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """指示文: one version of a task's system prompt. Versions are only added."""

    task: str
    version: int
    """From 1 on."""
    text: str
    author: str
    reason: str
    set_at: datetime


@dataclass(frozen=True, slots=True)
class Instruction:
    """The prompt that goes with one target of a plan."""

    version: int
    text: str


@dataclass(frozen=True, slots=True)
class DataRule:
    """What may answer a task, by its data class. Empty tuples allow all."""

    task: str
    vendors: tuple[str, ...] = ()
    regions: tuple[str, ...] = ()
    training: Training = "any"
    is_on_premises_only: bool = False


@dataclass(frozen=True, slots=True)
class Site:
    """What routing must know of an upstream."""

    name: str
    vendor: str
    region: str
    training: Literal["never", "allowed", "unknown"]
    is_on_premises: bool
    models: tuple[str, ...]
    """Plain model names it takes; ``*`` at the end matches a beginning."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Where a call may go, best first, and what was left out with the reason."""

    task: str
    department: str
    targets: tuple[Target, ...]
    dropped: tuple[Dropped, ...]
    most_output_tokens: int
    """The task's own cap; 0 where it has none."""
    is_variant: bool
    """Answered by the task's variant, not by a model that the caller named."""
    canary: Plan | None = None
    """Where the threads of the canary's share go instead."""
    per_mille: int = 0
    """That share, of 1,000 threads."""
    instructions: tuple[Instruction | None, ...] = ()
    """What replaces the caller's system prompt, one per target; empty where nothing does, which is the usual case."""


@dataclass(frozen=True, slots=True)
class Versioned:
    """Who set a task's variant or data rule, when and why."""

    version: int
    is_pinned: bool
    author: str
    reason: str
    set_at: datetime


@dataclass(frozen=True, slots=True)
class Seen:
    """What the rules may look at of one call."""

    task: str
    department: str
    system_prompt_hash: str
    model: str
    key_name: str
    metadata: Mapping[str, str]
    group_id: UUID


@dataclass(frozen=True, slots=True)
class Group:
    """Calls that share a system prompt, or whose prompts begin alike: the raw material of a proposal.

    ``sample`` is company-written text only: the system prompt's beginning, or the words that *all* its prompts share.
    """

    group_id: UUID
    kind: Literal["system_prompt", "template", "name", "key"]
    system_prompt_hash: str
    sample: str
    calls: int
    first_at: datetime
    last_at: datetime


@dataclass(frozen=True, slots=True)
class Proposal:
    """Groups that look like one task. A person gives it a name, or says it is none."""

    proposal_id: UUID
    groups: tuple[UUID, ...]
    suggested_name: str
    suggested_title: str
    sample: str
    calls: int
    cost_jpy: Decimal
    models: tuple[str, ...]
