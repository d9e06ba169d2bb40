"""Who may do what: people, roles, sessions, the department tree, and the keys of programs that call."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Literal
from uuid import UUID

Role = Literal["admin", "finance", "owner", "reviewer", "auditor", "developer"]
ROLES: tuple[Role, ...] = ("admin", "finance", "owner", "reviewer", "auditor", "developer")

Right = Literal[
    "see_money", "see_calls", "see_texts", "see_evidence", "see_approvals",
    "confirm_tasks", "edit_costs", "edit_people", "edit_settings", "ask_keys",
    "draft_approvals", "review_approvals", "decide_approvals", "stand_in",
    "run_trials", "label_pairs", "put_in_force", "edit_prompts", "edit_guards",
]  # fmt: skip
"""``see_*`` read. ``see_approvals`` opens matters and the documents that are to be signed. ``stand_in`` acts for somebody
who has named one as deputy. ``edit_costs`` changes rates, tax rules, costs and the department tree. ``ask_keys`` asks for keys
and keeps one's own; who decides about a key is told by ``rules.keying.deciding_fault``. ``run_trials`` starts trials, which cost
money and open texts; ``label_pairs`` says which answer is better. ``put_in_force`` lets a certificate answer, rolls it back or
keeps a void one. ``edit_prompts`` writes versions of a task's prompt; which of them answers is ``confirm_tasks``.
``edit_guards`` says what is checked for a task and what follows; what was found is seen by ``see_calls``."""

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


KeyState = Literal["asked", "approved", "refused", "withdrawn", "active", "revoked"]
"""How a key is kept. ``asked`` waits for a decision, ``approved`` for its holder to make the secret; ``withdrawn`` was
ended before it had a secret, ``revoked`` afterwards."""

KeyStanding = Literal[
    "asked", "approved", "refused", "withdrawn", "not_yet", "active", "rotating", "expired", "revoked"
]  # fmt: skip
"""What a key is at an instant: its state, seen together with its span and with secrets that still run out."""

KEY_STANDINGS: tuple[KeyStanding, ...] = (
    "asked", "approved", "not_yet", "active", "rotating", "expired", "revoked", "refused", "withdrawn",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class KeyScope:
    """What a key is for, and what whoever holds it may do."""

    name: str
    """How calls name the key that made them; no two living keys have the same."""
    department: str
    """The department that its calls are booked to; '' is the task's own."""
    task: str
    """The only task it may call; '' is any, named by each call."""
    models: tuple[str, ...]
    """Model names it may ask for, ``*`` at the end matches a beginning; empty: all."""
    regions: tuple[str, ...]
    """Regions where an upstream may compute for it (``jp``); empty: all."""
    starts_at: datetime
    expires_at: datetime
    """The first instant at which it no longer holds."""
    requests_per_minute: int
    """0 is without limit."""
    tokens_per_minute: int
    """Tokens in and out together; 0 is without limit."""


@dataclass(frozen=True, slots=True)
class Key(KeyScope):
    """鍵 behind one secret, as the gateway sees it. The secret itself is nowhere; ``hint`` is its last 4 characters."""

    key_id: UUID
    hint: str
    ends_at: datetime
    """When this secret ends: with the key, or earlier where a newer secret takes its place."""
    is_revoked: bool


@dataclass(frozen=True, slots=True)
class KeptSecret:
    """That a secret was made, and until when it holds; ``ends_at`` None is as long as its key."""

    hint: str
    made_by: str
    made_at: datetime
    ends_at: datetime | None


@dataclass(frozen=True, slots=True)
class KeptKey:
    """A key with its story: who asked, who decided, how it ended. Logins; '' is the command line of the machine."""

    key_id: UUID
    scope: KeyScope
    purpose: str
    state: KeyState
    asked_by: str
    asked_at: datetime
    decided_by: str = ""
    decided_at: datetime | None = None
    decided_reason: str = ""
    ended_by: str = ""
    ended_at: datetime | None = None
    ended_reason: str = ""
    last_used_on: date | None = None
    secrets: tuple[KeptSecret, ...] = ()
    """Newest first."""


@dataclass(frozen=True, slots=True)
class MadeKey:
    """A key whose secret has just been made: told once, to the one who made it, and known nowhere else."""

    kept: KeptKey
    secret: str = field(repr=False)
