"""Editing a task: its title, department and owner. What ``jitsuri.toml`` pins is changed there, not here."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from datetime import date, datetime

from jitsuri.access.records import departments as department_rows
from jitsuri.access.rules.arranging import tree_at
from jitsuri.evidence import records as evidence_rows
from jitsuri.evidence.rules import record_of
from jitsuri.routing import records as routing_rows
from jitsuri.routing.shapes import Task
from jitsuri.store.door import Connection, Store
from jitsuri.terms.ids import UNASSIGNED
from jitsuri.terms.outcomes import Refusal
from jitsuri.terms.period import company_day

LONGEST_TITLE = 80
LONGEST_OWNER = 200


def edit_task(
    store: Store,
    name: str,
    *,
    title_ja: str,
    title_en: str,
    department: str,
    owner: str,
    pinned: Collection[str],
    actor: str,
    now: datetime,
) -> Task | Refusal:
    """Give a task new words. A new department holds for calls to come; past ones stay where they were booked.

    Refuses ``task_unknown``, ``task_pinned``, ``task_title`` (empty or too long), ``task_owner``,
    ``department_unknown``.
    """
    if name in pinned:
        return Refusal("task_pinned", {"name": name})
    titles = title_ja.strip(), title_en.strip()
    wrong = words_fault(*titles, owner)
    if wrong is not None:
        return wrong
    with store.transaction() as tx:
        before = routing_rows.tasks(tx).get(name)
        if before is None:
            return Refusal("task_unknown", {"name": name})
        if department != before.department and not is_department(tx, department, company_day(now)):
            return Refusal("department_unknown", {"code": department})
        after = replace(
            before, title_ja=titles[0] or titles[1], title_en=titles[1] or titles[0], department=department,
            owner=owner.strip(),
        )  # fmt: skip
        if after != before:
            routing_rows.save_task(tx, after)
            facts = {
                field: [getattr(before, field), getattr(after, field)]
                for field in ("title_ja", "title_en", "department", "owner")
                if getattr(before, field) != getattr(after, field)
            }
            evidence_rows.append(tx, record_of(now, actor, "task_edited", f"task:{name}", facts))
        return after


def words_fault(title_ja: str, title_en: str, owner: str) -> Refusal | None:
    """Why a task cannot have these words: ``task_title``, ``task_owner``."""
    titles = title_ja, title_en
    if not any(titles) or max(len(t) for t in titles) > LONGEST_TITLE or not all(t.isprintable() for t in titles):
        return Refusal("task_title", {"longest": LONGEST_TITLE})
    if len(owner) > LONGEST_OWNER or not owner.isprintable():
        return Refusal("task_owner", {"longest": LONGEST_OWNER})
    return None


def is_department(tx: Connection, code: str, day: date) -> bool:
    """Whether the tree of a day has this department; 未割当 always is."""
    return code == UNASSIGNED or code in tree_at(department_rows.everything(tx), day)
