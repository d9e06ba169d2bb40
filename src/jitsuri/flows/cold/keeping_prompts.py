"""Keeping a task's prompts (指示文): versions with author and reason, taken over from what callers send, and put to use.

A version changes nothing by itself: calls are answered by the one that the task's variant names (``promote``). Every write leaves
evidence in its own transaction; texts of calls that are opened for it leave theirs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from uuid import UUID

from jitsuri.calls.records import texts as text_rows
from jitsuri.calls.rules.quoting import instructions_of
from jitsuri.calls.rules.sealing import unseal
from jitsuri.evidence import records as evidence_rows
from jitsuri.evidence.rules import record_of
from jitsuri.flows.cold.keeping_variants import Decided, change_canary
from jitsuri.flows.cold.reading_logs import read_key
from jitsuri.flows.cold.reading_texts import read_texts
from jitsuri.routing import records as routing_rows
from jitsuri.routing.rules.naming import way_name
from jitsuri.routing.rules.prompting import prompt_fault, prompt_form
from jitsuri.routing.rules.setting import canary_of, reason_fault
from jitsuri.routing.shapes import Site, Variant
from jitsuri.store.door import Store, without_nul
from jitsuri.terms.outcomes import Refusal

LOOKED_AT = 200
"""Kept calls, the newest, among which prompts are looked for (decision 0036)."""


@dataclass(frozen=True, slots=True)
class Added:
    """A new version stands."""

    version: int


@dataclass(frozen=True, slots=True)
class SeenPrompt:
    """A system prompt that callers of a task sent themselves."""

    text: str
    calls: int
    """Among those looked at."""
    call_id: UUID
    """The newest of them."""
    first_at: datetime
    last_at: datetime
    version: int
    """The version that has the same text; 0 where none has."""


@dataclass(frozen=True, slots=True)
class Found:
    """What kept calls brought along."""

    looked_at: int
    without: int
    """Calls without a system prompt."""
    seen: tuple[SeenPrompt, ...]
    """Most frequent first."""


def add_prompt(
    store: Store, now: datetime, author: str, task: str, text: str, reason: str, *, from_call: UUID | None = None
) -> Added | Refusal:
    """Write the next version of a task's prompt.

    Refuses ``routing_reason_missing``, ``task_unknown``, ``prompt_known`` (a version has this text) and what
    ``routing.rules.prompting.prompt_fault`` does.
    """
    text, reason = prompt_form(text), without_nul(reason).strip()
    wrong = prompt_fault(text) or reason_fault(reason)
    if wrong is not None:
        return wrong
    with store.transaction() as tx:
        if routing_rows.lock_task(tx, task) is None:
            return Refusal("task_unknown", {"name": task})
        same = next((one.version for one in routing_rows.prompts(tx, task) if one.text == text), 0)
        if same:
            return Refusal("prompt_known", {"name": task, "version": same})
        version = routing_rows.add_prompt(tx, task, text, author, reason, now)
        facts: dict[str, object] = {
            "version": version, "reason": reason, "characters": len(text), "sha256": sha256(text.encode()).hexdigest(),
        }  # fmt: skip
        if from_call is not None:
            facts["from_call"] = str(from_call)
        evidence_rows.append(tx, record_of(now, author, "prompt_added", f"task:{task}", facts))
    return Added(version)


def take_prompt(
    store: Store, now: datetime, author: str, task: str, call_id: UUID, reason: str, folder: Path
) -> Added | Refusal:
    """Take the system prompt of a kept call of the task over as the next version.

    Refuses ``texts_not_kept`` (also for a call of another task), ``prompt_none_sent`` and what ``add_prompt`` does. Raises
    OperatorError ``text_key_unreadable`` and ``text_key_wrong``.
    """
    with store.reading() as tx:
        is_of_task = text_rows.is_of(tx, call_id, task)
    opened = read_texts(store, call_id, folder, author, now) if is_of_task else Refusal("texts_not_kept")
    if isinstance(opened, Refusal):
        return opened
    text = instructions_of(opened.get("request", ""))
    if not text:
        return Refusal("prompt_none_sent", {"name": task})
    return add_prompt(store, now, author, task, text, reason, from_call=call_id)


def find_prompts(store: Store, now: datetime, actor: str, task: str, folder: Path, limit: int = LOOKED_AT) -> Found:
    """The different system prompts among the newest kept calls of a task. That they were opened is kept as evidence.

    Raises OperatorError ``text_key_unreadable`` and ``text_key_wrong``.
    """
    with store.reading() as tx:
        kept = text_rows.newest_requests(tx, task, limit)
        versions = {one.text: one.version for one in reversed(routing_rows.prompts(tx, task))}
    keys: dict[str, bytes] = {}
    held: dict[str, list[tuple[datetime, UUID]]] = {}
    for call_id, at, sealed, key_name in kept:
        key = keys.get(key_name) or keys.setdefault(key_name, read_key(folder / key_name))
        request = unseal(sealed, key, call_id, "request").decode("utf-8", "replace")
        held.setdefault(prompt_form(instructions_of(request)), []).append((at, call_id))
    if kept:
        with store.transaction() as tx:
            facts = {"calls": len(kept), "first": kept[-1][1].isoformat(), "last": kept[0][1].isoformat()}
            evidence_rows.append(tx, record_of(now, actor, "prompts_looked_for", f"task:{task}", facts))
    without = len(held.pop("", []))
    return Found(len(kept), without, _seen(held, versions))


def _seen(held: Mapping[str, list[tuple[datetime, UUID]]], versions: Mapping[str, int]) -> tuple[SeenPrompt, ...]:
    made = [
        SeenPrompt(text, len(calls), max(calls)[1], min(calls)[0], max(calls)[0], versions.get(text, 0))
        for text, calls in held.items()
    ]
    return tuple(sorted(made, key=lambda one: (-one.calls, one.text)))


def promote(
    store: Store,
    now: datetime,
    author: str,
    task: str,
    version: int,
    percent: str,
    reason: str,
    sites: Mapping[str, Site],
    *,
    seen: int | None = None,
) -> Decided | Refusal:
    """Let the task be answered with this version of its prompt by the target that answers now; 0 is the caller's own again.

    ``percent``: of so many threads, as a canary; '' is all. Refuses ``variant_missing``, ``canary_share_invalid`` and what
    ``keeping_variants.change_variant`` does.
    """

    def change(before: Variant) -> Variant | Refusal:
        if percent.strip():
            return canary_of(before, way_name(before.target, version), percent)
        canary = before.canary
        is_it = canary is not None and (canary.target, canary.prompt) == (before.target, version)
        return replace(before, prompt=version, canary=None if is_it else canary)

    return change_canary(store, now, author, task, change, reason, dict(sites), seen=seen)
