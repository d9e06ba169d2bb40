"""Who may do what: people, roles, sessions, the department tree."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal
from uuid import UUID

Role = Literal["admin", "finance", "owner", "reviewer", "auditor", "developer"]
ROLES: tuple[Role, ...] = ("admin", "finance", "owner", "reviewer", "auditor", "developer")

Right = Literal[
    "see_money", "see_calls", "see_texts", "see_evidence",
    "confirm_tasks", "edit_costs", "edit_people", "edit_settings",
]  # fmt: skip
"""``see_*`` read. ``edit_costs`` changes rates, tax rules, costs and the department tree."""

LinkPurpose = Literal["first_admin", "password"]
"""``first_admin``: makes the first administrator. ``password``: its person sets a (new) password."""


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
class Account:
    """A person as sign-in sees one. ``password_hash`` '' is an invited person who has not set a password yet."""

    person: Person
    password_hash: str


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A session that has just begun. ``secret`` goes into the cookie and is known nowhere else."""

    secret: str
    session: Session


@dataclass(frozen=True, slots=True)
class OpenLink:
    """A one-time link that may still be used. ``person`` is None for the first administrator's."""

    purpose: LinkPurpose
    person: Person | None
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Invited:
    """A new person and the secret of the link with which the password is set."""

    person: Person
    link: str


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


@dataclass(frozen=True, slots=True)
class Arrangement:
    """What a department file changes: spans that are new, spans that now have a last day, rows that stood already."""

    added: tuple[Department, ...]
    ended: tuple[Department, ...]
    known: int
