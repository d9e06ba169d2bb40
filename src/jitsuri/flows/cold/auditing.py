"""Auditing (監査): of one call or two in a hundred the other way is asked too, for as long as a certificate is in force.

Story: calls since the certificate was put in force, their texts kept → a hash draws some → each is asked of the way that did not
answer it, below a yen cap of the month → people or a judge say which answer was better → the evidence of all differences is
a cause that voids (``watching_certificates``). A killed round goes on where it stopped and asks nothing twice.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Final
from uuid import UUID

from jitsuri.calls.records import texts as text_rows
from jitsuri.calls.rules.rereading import Reread, reread_request
from jitsuri.calls.rules.sealing import seal, unseal
from jitsuri.evidence import records as evidence_rows
from jitsuri.evidence.rules import record_of
from jitsuri.flows.cold.freezing_worlds import midnight
from jitsuri.flows.cold.pairing_audits import add_audit_pair, lock_audit
from jitsuri.flows.cold.reading_logs import read_key
from jitsuri.providers.rules.prompting import with_prompt
from jitsuri.providers.shapes import Ask, Came, Question
from jitsuri.rightsizing.records import audits as audit_rows
from jitsuri.rightsizing.records import lives as life_rows
from jitsuri.rightsizing.records import traits
from jitsuri.rightsizing.records.audits import AuditAnswer
from jitsuri.rightsizing.rules.auditing import audit_attempt, is_drawn
from jitsuri.rightsizing.shapes.lives import Audited, Life
from jitsuri.routing import records as routing_rows
from jitsuri.routing.rules.choosing import is_in
from jitsuri.routing.rules.naming import way_named
from jitsuri.routing.shapes import Site
from jitsuri.store.door import Connection, Store
from jitsuri.terms.errors import OperatorError
from jitsuri.terms.outcomes import Refusal
from jitsuri.terms.period import company_day, month_of

AUDIT_SECONDS: Final = 600.0
"""How often calls are drawn and asked again."""
BATCH: Final = 20
"""Calls that one round asks again, of one certificate: a round that is killed loses no more."""
AT_ONCE: Final = 4
_LATE: Final = timedelta(hours=1)
"""A call may be booked so long after it began; it is still drawn."""
_BACK: Final = timedelta(days=3)
_LOOKED_AT: Final = 20_000
AUDIT_LOCK: Final = 5_410_160
"""Whoever audits: two rounds at once would ask beyond the cap."""
LOST: Final = "audit_lost"
"""Asked, and the one who asked was gone before the answer was kept."""
UNREADABLE: Final = "audit_request_unreadable"


@dataclass(frozen=True, slots=True)
class Round:
    """What one round has done for a certificate."""

    number: str
    drawn: int
    answered: int
    failed: int
    is_capped: bool
    """The month's yen are used up: what was drawn waits."""


def audit(
    store: Store, now: Callable[[], datetime], ask: Ask, key_folder: Path, cap_jpy: Decimal, sites: Mapping[str, Site]
) -> list[Round]:
    """One round over every certificate in force. ``cap_jpy``: what the audit of a task may cost in a calendar month; what has no
    price is not counted, and is bounded by budgets alone. Raises OperatorError where the ledger cannot be written."""
    with store.alone(AUDIT_LOCK) as is_ours:
        if not is_ours:
            return []
        with store.reading() as tx:
            standing = life_rows.in_force(tx)
        return [
            _round(store, now, life, ask, key_folder, cap_jpy, sites) for life in standing if life.world is not None
        ]


def record_audit_difference(
    tx: Connection,
    now: datetime,
    actor: str,
    number: str,
    call_id: UUID,
    difference: float | None,
    source: str,
    *,
    replaces_judge: bool = False,
) -> Refusal | None:
    """Write how much better the new way's answer is than the old one's, −1 to 1 (None: it cannot be said), and who says so:
    ``people``, ``judge:NAME``. It is written once, with evidence, in the caller's transaction. ``replaces_judge``: what a judge
    said gives way; only where the evidence has not reached the call yet (``rules.auditing.taken``).

    Refuses ``audit_difference_invalid``, ``audit_not_open`` (no such answered call, or judged already).
    """
    if not source or (difference is not None and not -1.0 <= difference <= 1.0):
        return Refusal("audit_difference_invalid", {"value": difference, "source": source or "–"})
    if not audit_rows.set_difference(tx, number, call_id, difference, source, now, replaces_judge=replaces_judge):
        return Refusal("audit_not_open", {"number": number, "call": call_id})
    told = None if difference is None else f"{difference:g}"
    facts = {"call": call_id, "difference": told, "source": source, "replaced": replaces_judge}
    evidence_rows.append(tx, record_of(now, actor, "audit_judged", f"certificate:{number}", facts))
    return None


def direction_of(life: Life, thread_id: UUID, provider: str, model: str, sites: Mapping[str, Site]) -> Audited | None:
    """Which way answered a call, as an audit without its call; None where it was neither (a fall-back).

    Ways that differ in their prompt alone are told apart by the side on which the thread stands.
    """
    world = life.world
    assert world is not None
    new, old = way_named(world.proposed), way_named(world.today)
    if new is None or old is None:
        return None
    is_new, is_old = model == new[0].model, model == old[0].model
    if new[0] == old[0]:
        is_new = is_new and is_in(thread_id, life.per_mille)
        is_old = is_old and not is_new
    elif is_new and is_old:
        vendors = [site.vendor if (site := sites.get(one[0].upstream)) else "" for one in (new, old)]
        is_new, is_old = provider == vendors[0], provider == vendors[1]
    if is_new == is_old:
        return None
    nil, never = UUID(int=0), datetime.min.replace(tzinfo=UTC)
    if is_new:
        return Audited(life.number, nil, never, "new_answered", world.today, nil, "asked", None, "")
    return Audited(life.number, nil, never, "old_answered", world.proposed, nil, "asked", None, "")


def _round(
    store: Store,
    now: Callable[[], datetime],
    life: Life,
    ask: Ask,
    folder: Path,
    cap_jpy: Decimal,
    sites: Mapping[str, Site],
) -> Round:
    drawn = _draw(store, now(), life, sites)
    with store.reading() as tx:
        waiting = audit_rows.waiting(tx, life.number, BATCH)
        spent = audit_rows.spent_jpy(tx, life.task, midnight(month_of(company_day(now())).first))
        dearest = audit_rows.dearest_jpy(tx, life.task)
        booked, begun = traits.known_attempts(tx, [one.attempt_id for one in waiting])
        wanted = {(life.task, named[1]) for one in waiting if (named := way_named(one.target)) and named[1]}
        prompts = routing_rows.prompt_texts(tx, wanted)
        kept = {one.call_id: text_rows.of_call(tx, one.call_id) for one in waiting}
    lost = [one for one in waiting if one.attempt_id in booked]
    for one in lost:
        _keep(store, one, _without_answer(one, now(), LOST))
    open_ones = [one for one in waiting if one.attempt_id not in booked | begun]
    affordable = _affordable(cap_jpy - spent, dearest)
    asked: list[tuple[Audited, Question, tuple[bytes, str, date]]] = []
    failed = len(lost)
    for one in open_ones[:affordable]:
        part = kept[one.call_id].get("request")
        question = None if part is None else _question(one, life.task, part, folder, prompts)
        if question is None or part is None:
            _keep(store, one, _without_answer(one, now(), UNREADABLE))
            failed += 1
        else:
            asked.append((one, question, part))
    answered = 0
    for place, came in ask([question for _, question, _ in asked], AT_ONCE) if asked else ():
        one, _, part = asked[place]
        answer = _answer(one, came, part, folder, now())
        _keep(store, one, answer)
        answered += answer.state == "answered"
        failed += answer.state == "failed"
    return Round(life.number, drawn, answered, failed, affordable < len(open_ones))


def _draw(store: Store, now: datetime, life: Life, sites: Mapping[str, Site]) -> int:
    """Draw among the calls that came since the last drawn one."""
    world = life.world
    assert world is not None
    with store.reading() as tx:
        last = audit_rows.last_drawn(tx, life.number)
        since = max(world.at, now - _BACK, *([last - _LATE] if last is not None else []))
        calls = traits.calls_with_texts(tx, life.task, life.number, since, now, _LOOKED_AT)
    drawn = []
    for call_id, thread_id, at, provider, model in calls:
        side = direction_of(life, thread_id, provider, model, sites)
        if side is not None and is_drawn(call_id, life.number, world.audit_percent):
            attempt = audit_attempt(life.number, call_id)
            drawn.append(Audited(life.number, call_id, at, side.direction, side.target, attempt, "asked", None, ""))
    if not drawn:
        return 0
    with store.transaction() as tx:
        new = audit_rows.draw(tx, life.task, drawn, now)
        if new:
            facts = {"drawn": new, "percent": world.audit_percent}
            evidence_rows.append(tx, record_of(now, "system", "audit_drawn", f"certificate:{life.number}", facts))
        return new


def _affordable(left: Decimal, dearest: Decimal) -> int:
    """How many calls fit into the yen that are left, if each is as dear as the dearest so far."""
    if left <= 0:
        return 0
    return BATCH if dearest <= 0 else min(BATCH, int(left / dearest))


def _question(
    one: Audited, task: str, part: tuple[bytes, str, date], folder: Path, prompts: Mapping[tuple[str, int], str]
) -> Question | None:
    """The kept request as a question to the other way, with that way's prompt; None where it cannot be asked again."""
    sealed, key_name, _ = part
    named = way_named(one.target)
    try:
        body = unseal(sealed, read_key(folder / key_name), one.call_id, "request")
    except (OperatorError, ValueError):
        return None
    read = reread_request(body, "gateway")
    if named is None or not isinstance(read, Reread):
        return None
    text = prompts.get((task, named[1])) if named[1] else ""
    made = with_prompt(read.dialect, body, text) if text is not None else None
    if made is None or isinstance(made, Refusal):
        return None
    return Question(read.dialect, made, str(named[0]), task, "evaluation", one.attempt_id, one.attempt_id)


def _answer(one: Audited, came: Came, part: tuple[bytes, str, date], folder: Path, at: datetime) -> AuditAnswer:
    """What came, its body sealed as the request is and for as long."""
    _, key_name, delete_on = part
    is_answered = not came.error_code
    sealed = seal(came.body, read_key(folder / key_name), one.attempt_id, "response") if is_answered else None
    return AuditAnswer(
        one.attempt_id, "answered" if is_answered else "failed", at, came.error_code, sealed, key_name if sealed else "",
        delete_on if sealed else None, came.model_answered, came.cost_jpy, came.latency_ms,
    )  # fmt: skip


def _without_answer(one: Audited, at: datetime, code: str) -> AuditAnswer:
    return AuditAnswer(one.attempt_id, "failed", at, code, None, "", None, "", None, 0)


def _keep(store: Store, one: Audited, answer: AuditAnswer) -> None:
    """One transaction per answer that came: nothing paid for is lost with the one after it. A kept text is a pair to be judged."""
    with store.transaction() as tx:
        lock_audit(tx, one.number)
        if audit_rows.keep_answer(tx, answer) and answer.sealed is not None:
            add_audit_pair(tx, one, answer.came_at)
