"""Import: a log becomes calls, threads, entries in yen and a report, batch by batch.

Story: read a line → who and what is it → known already? → which task → what did it cost, in yen → write call, entry,
rollups, prompt group, texts and the report's progress in one transaction. A batch is committed whole or not at all, so
that a killed process or database loses nothing that was reported, and doing it again adds nothing twice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from itertools import islice
from uuid import UUID

from jitsuri.calls.records import calls as call_rows
from jitsuri.calls.records import runs as run_rows
from jitsuri.calls.records import texts as text_rows
from jitsuri.calls.rules.identifying import answer_key, call_id, group_of, shared_beginning, thread_key
from jitsuri.calls.shapes import Call, CallGroup, Fault, Logged, Run
from jitsuri.evidence import records as evidence_rows
from jitsuri.evidence.rules import record_of
from jitsuri.evidence.shapes import Record
from jitsuri.ledger.records import entries as entry_rows
from jitsuri.ledger.rules.converting import Rates
from jitsuri.ledger.rules.costing import costed
from jitsuri.ledger.rules.pricing import Pricer
from jitsuri.ledger.shapes.entries import Entry
from jitsuri.routing import records as routing_rows
from jitsuri.routing.rules.assigning import assign
from jitsuri.routing.rules.naming import USUAL_MARGIN, is_task_name
from jitsuri.routing.shapes import Group, Seen, Task, TaskRule
from jitsuri.store.door import Connection, Store
from jitsuri.terms.errors import JitsuriError
from jitsuri.terms.ids import UNASSIGNED, derived_id
from jitsuri.terms.period import company_day

BATCH_LINES = 5000
"""Lines per transaction: at 100 µs a line half a second of work is what a kill can cost (measured in bench/)."""

MOST_FAULTS_KEPT = 10_000
"""Lines named one by one in a report; beyond it they are counted (a wrong file of a million lines helps nobody)."""

Sealing = Callable[[Logged, UUID, str], Sequence[tuple[str, bytes, str, date]]]
"""Which texts of a call of this task are kept: ``(part, sealed bytes, key name, delete on)``."""

_CHAINED = "resp_"
"""Only answers of the Responses API can be named by a later call (OpenAI API reference, read 2026-11-22)."""

MOST_TASKS_MADE = 200
"""Tasks made from one log at most: a log with more names has something else in that field (decision 0008)."""


@dataclass(frozen=True, slots=True)
class Source:
    """One opened log: its name, format and lines in order; a line that is no call is None."""

    file_name: str
    format: str
    lines: Iterable[Logged | Fault | None]


@dataclass(slots=True)
class _Ways:
    """What every batch needs to know, read once per import."""

    rules: list[TaskRule]
    tasks: dict[str, Task]
    pricer: Pricer
    rates: Rates
    seen_contents: dict[bytes, int] = field(default_factory=dict)
    groups: dict[str, CallGroup] = field(default_factory=dict)
    made: dict[str, Task] = field(default_factory=dict)
    """Tasks that the log itself names and nobody had set up."""


def import_log(
    store: Store,
    source: Source,
    *,
    pricer: Pricer,
    rates: Rates,
    now: Callable[[], datetime],
    actor: str,
    on_batch: Callable[[Run], None] = lambda _run: None,
    sealing: Sealing = lambda _logged, _id, _task: (),
    wait_seconds: float = 60.0,
) -> Run:
    """Import one log and return its report.

    When the database goes away the batch is tried again for ``wait_seconds``; then, and on a full disk, the run is left
    as ``failed`` as far as possible and the error raised: importing the same file again goes on from there.
    """
    started = now()
    run = Run(
        run_id=derived_id("run", source.file_name, started.isoformat()), file_name=source.file_name,
        format=source.format, started_at=started, ended_at=None, state="running", lines=0, added=0, known=0, broken=0,
        conflicting=0, first_at=None, last_at=None,
    )  # fmt: skip
    with store.transaction() as tx:
        run_rows.save(tx, run)
        ways = _Ways(routing_rows.rules(tx), routing_rows.tasks(tx), pricer, rates)
    try:
        for batch in _batches(source.lines):
            run = _committed(store, run, batch, ways, now, sealing, wait_seconds)
            on_batch(run)
    except JitsuriError as error:
        _leave_failed(store, run, error, now)
        raise
    run = replace(run, state="done", ended_at=now())
    with store.transaction() as tx:
        run_rows.save(tx, run)
        evidence_rows.append(tx, _evidence(run, actor))
    on_batch(run)
    return run


def _batches(lines: Iterable[Logged | Fault | None]) -> Iterator[list[Logged | Fault | None]]:
    iterator = iter(lines)
    while batch := list(islice(iterator, BATCH_LINES)):
        yield batch


def _committed(
    store: Store,
    run: Run,
    batch: Sequence[Logged | Fault | None],
    ways: _Ways,
    now: Callable[[], datetime],
    sealing: Sealing,
    wait_seconds: float,
) -> Run:
    numbered = [(one, _ordinal(one, ways)) for one in batch if isinstance(one, Logged)]
    faults = [one for one in batch if isinstance(one, Fault)]
    return store.retrying(
        lambda tx: _written(tx, run, len(batch), numbered, faults, ways, now(), sealing), seconds=wait_seconds
    )


def _ordinal(logged: Logged, ways: _Ways) -> int:
    """How many lines with the same content and no id of their own came before this one."""
    if logged.external_id:
        return 0
    before = ways.seen_contents.get(logged.content_hash, 0)
    ways.seen_contents[logged.content_hash] = before + 1
    return before


def _written(
    tx: Connection,
    run: Run,
    lines: int,
    numbered: Sequence[tuple[Logged, int]],
    faults: list[Fault],
    ways: _Ways,
    now: datetime,
    sealing: Sealing,
) -> Run:
    call_rows.lock_import(tx)
    by_id: dict[UUID, Logged] = {}
    conflicts: list[Fault] = []
    known = 0
    ids = [call_id(logged, ordinal) for logged, ordinal in numbered]
    standing = call_rows.known(tx, ids)
    for (logged, _), its_id in zip(numbered, ids, strict=True):
        before = standing.get(its_id) or _place(by_id.get(its_id))
        if before is None:
            by_id[its_id] = logged
        elif before == _place(logged) or before[0] != logged.source:
            known += 1  # another system's line about the same answer reads differently by nature
        else:
            conflicts.append(Fault(logged.line, "id_with_other_content", {"id": logged.external_id}))
    _write_new(tx, run, by_id, ways, now, sealing)
    times = [logged.at for logged in by_id.values()]
    run_rows.save_faults(
        tx, run.run_id, [*faults, *conflicts][: max(0, MOST_FAULTS_KEPT - run.broken - run.conflicting)]
    )
    run = replace(
        run, lines=run.lines + lines, added=run.added + len(by_id), known=run.known + known,
        broken=run.broken + len(faults), conflicting=run.conflicting + len(conflicts),
        first_at=min([t for t in (run.first_at, *times) if t is not None], default=None),
        last_at=max([t for t in (run.last_at, *times) if t is not None], default=None),
    )  # fmt: skip
    run_rows.save(tx, run)
    return run


def _place(logged: Logged | None) -> tuple[str, bytes] | None:
    return None if logged is None else (logged.source, logged.content_hash)


def _write_new(
    tx: Connection,
    run: Run,
    new: Mapping[UUID, Logged],
    ways: _Ways,
    now: datetime,
    sealing: Sealing,
) -> None:
    threads = _threads(tx, new)
    calls: list[Call] = []
    entries: list[Entry] = []
    found: dict[UUID, _Batched] = {}
    texts: list[tuple[UUID, str, bytes, str, date]] = []
    for its_id, logged in new.items():
        group = group_of(logged, ways.groups)
        seen = Seen(
            logged.task, logged.department, group.system_prompt_hash, logged.model_asked, logged.key_name,
            logged.metadata, group.group_id,
        )  # fmt: skip
        _make_named_task(logged.task, ways, now)
        task, department = assign(seen, ways.rules, ways.tasks)
        entry = priced_entry(
            logged, its_id, threads[its_id], task, department, ways.pricer, ways.rates, run.run_id, now
        )
        entries.append(entry)
        calls.append(
            Call(
                its_id, logged.content_hash, logged.at, threads[its_id], task, department, group.group_id,
                entry.provider, entry.model, logged.status, logged.key_name, logged.source, run.run_id, logged.line,
                logged.metadata,
            )
        )  # fmt: skip
        _count(found, group, logged)
        texts += [(its_id, *text) for text in sealing(logged, its_id, task)]
    routing_rows.add_tasks(tx, list(ways.made.values()))
    call_rows.insert_many(tx, calls)
    entry_rows.insert_many(tx, entries)
    samples = routing_rows.samples_of(tx, list(found))
    routing_rows.add_groups(tx, [_kept(batched, samples.get(its_id)) for its_id, batched in found.items()])
    text_rows.insert_many(tx, texts)


def _make_named_task(name: str, ways: _Ways, now: datetime) -> None:
    """A log that names a task (header, metadata, ``model="task:…"``) is believed: the task is made, to be edited."""
    if name in ways.tasks or not is_task_name(name) or len(ways.made) >= MOST_TASKS_MADE:
        return
    task = Task(name, name, name, UNASSIGNED, "", "production", "internal", USUAL_MARGIN, now)
    ways.tasks[name] = ways.made[name] = task


def _count(found: dict[UUID, _Batched], group: CallGroup, logged: Logged) -> None:
    held = found.get(group.group_id)
    if held is None:
        first = Group(group.group_id, group.kind, group.system_prompt_hash, group.sample, 1, logged.at, logged.at)
        found[group.group_id] = _Batched(first, group.kind != "template")
        return
    before = held.group
    if before.sample != group.sample and not held.is_company_text:
        held.is_company_text = True
    sample = before.sample if before.sample == group.sample else shared_beginning(before.sample, group.sample)
    held.group = replace(
        before, sample=sample, calls=before.calls + 1, first_at=min(before.first_at, logged.at),
        last_at=max(before.last_at, logged.at),
    )  # fmt: skip


@dataclass(slots=True)
class _Batched:
    """A prompt group within a batch. ``is_company_text``: the sample is a system prompt, or what different prompts
    share; until two different prompts were seen, it is one person's words and is not kept."""

    group: Group
    is_company_text: bool


def _kept(batched: _Batched, standing: str | None) -> Group:
    """The group as it is kept: its sample narrowed to what all its calls share, and never one person's words."""
    if standing:
        return replace(batched.group, sample=shared_beginning(standing, batched.group.sample))
    return batched.group if batched.is_company_text else replace(batched.group, sample="")


def _threads(tx: Connection, new: Mapping[UUID, Logged]) -> dict[UUID, UUID]:
    """The thread of each new call; an answer that names a previous one joins its thread, in whatever order."""
    wanted = {answer_key(c.previous_response_id) for c in new.values() if c.previous_response_id and not c.trace}
    standing = call_rows.thread_of_answers(tx, [*wanted]) if wanted else {}
    found: dict[UUID, UUID] = {}
    answers: dict[UUID, UUID] = {}
    links: dict[UUID, UUID] = {}
    for its_id, logged in sorted(new.items(), key=lambda pair: (pair[1].at, pair[1].line)):
        own = thread_key(logged, its_id)
        if logged.previous_response_id and not logged.trace:
            previous = answer_key(logged.previous_response_id)
            own = answers.get(previous) or standing.get(previous) or own
        found[its_id] = own
        if logged.previous_response_id or logged.response_id.startswith(_CHAINED):
            answer = answer_key(logged.response_id)
            answers[answer] = own
            if own != answer and logged.previous_response_id:
                links[answer] = own
    call_rows.insert_answers(tx, answers)
    call_rows.link_threads(tx, links)
    return found


def priced_entry(
    logged: Logged,
    its_id: UUID,
    thread_id: UUID,
    task: str,
    department: str,
    pricer: Pricer,
    rates: Rates,
    run_id: UUID | None,
    now: datetime,
) -> Entry:
    """The ledger's line for a logged call: priced at its own time, in yen at its own day's rate."""
    names = (logged.model_answered, logged.model_asked)
    day = company_day(logged.at)
    paid = costed(pricer, rates, logged.provider, names, logged.usage, logged.at, day, logged.tier, logged.region)
    return Entry(
        entry_id=derived_id("entry", its_id.bytes, "attempt"), attempt_id=its_id, call_id=its_id, thread_id=thread_id,
        kind="attempt", corrects=None, at=logged.at, day=day, booked_at=now, task=task, department=department,
        provider=paid.provider, model=paid.model, model_asked=logged.model_asked, model_answered=logged.model_answered,
        region=logged.region, tier=logged.tier, purpose="", status=logged.status, http_status=logged.http_status,
        error_code=logged.error_code, calls=1, usage=logged.usage, usage_raw=logged.usage_raw,
        latency_ms=logged.latency_ms, first_token_ms=logged.first_token_ms, state=paid.state, reason=paid.reason,
        currency=paid.currency, cost=paid.cost, price_block=paid.price_block, price_book=pricer.book_id,
        rate_id=paid.rate_id, rate=paid.rate, cost_jpy=paid.cost_jpy, reported_cost=logged.reported_cost,
        reported_currency=logged.reported_currency, source=f"import:{logged.source}", run_id=run_id,
    )  # fmt: skip


def _leave_failed(store: Store, run: Run, error: JitsuriError, now: Callable[[], datetime]) -> None:
    try:
        with store.transaction() as tx:
            run_rows.save(tx, replace(run, state="failed", ended_at=now(), failure=error.code))
    except JitsuriError:
        return  # the first error is the one to tell; the next import of the file says what is known


def _evidence(run: Run, actor: str) -> Record:
    assert run.ended_at is not None
    facts = {
        "file": run.file_name, "format": run.format, "lines": run.lines, "added": run.added, "known": run.known,
        "broken": run.broken, "conflicting": run.conflicting,
    }  # fmt: skip
    return record_of(run.ended_at, actor, "log_imported", f"run:{run.run_id}", facts)
