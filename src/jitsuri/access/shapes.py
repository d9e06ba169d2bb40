"""Who may do what: people, roles, sessions, the department tree."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal
from uuid import UUID

Role = Literal["admin", "finance", "owner", "reviewer", "auditor", "developer"]
ROLES: tuple[Role, ...] = ("admin", "finance", "owner", "reviewer", "auditor", "developer")

Right = Literal["see_money", "see_calls", "see_texts", "confirm_tasks", "edit_costs", "edit_people", "edit_settings"]


@dataclass(frozen=True, slots=True)
class Person:
    """Someone who may sign in."""

    person_id: UUID
    login: str
    """E-mail address or name, lower case."""
    name: str
    roles: frozenset[Role]
    department: str
    language: Literal["ja", "en"]
    is_active: bool
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Session:
    """A signed-in browser. The cookie's secret is kept only as a hash."""

    person: Person
    csrf: str
    """What a form must send back."""
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Department:
    """One node of the tree for a span of days. The same code may stand elsewhere in another span.

    ``parent`` '' is the company itself. ``valid_to`` is the last day, included; None is open.
    """

    code: str
    name_ja: str
    name_en: str
    parent: str
    cost_centre: str
    valid_from: date
    valid_to: date | None = None
