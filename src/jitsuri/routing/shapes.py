"""What a task is, by which rules a call is known to be one of its calls, and proposals of new tasks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Literal
from uuid import UUID

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
