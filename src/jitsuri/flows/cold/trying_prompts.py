"""Trying a prompt (試す): a few kept calls are asked again with another version of the prompt or at another target, and shown
beside the answers that were given.

What comes is handed to whoever asked and kept nowhere; its cost stands in the ledger as evaluation. Before each call its
estimate is compared with what is left of the cap, so that only calls under way can pass it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Literal
from uuid import UUID

from jitsuri.calls.records import texts as text_rows
from jitsuri.calls.rules.quoting import answer_said, dialect_of, last_said
from jitsuri.evidence import records as evidence_rows
from jitsuri.evidence.rules import record_of
from jitsuri.flows.cold.reading_texts import read_texts
from jitsuri.flows.cold.viewing.opening_prompts import KeptCall, price_of, prices_now, prompt_tokens
from jitsuri.ledger.records import reading
from jitsuri.ledger.shapes.rates import RateKind
from jitsuri.ledger.shapes.views import CallAmounts
from jitsuri.providers.rules.prompting import with_prompt
from jitsuri.providers.shapes import Ask, Came, Question
from jitsuri.routing import records as routing_rows
from jitsuri.routing.rules.choosing import rule_faults
from jitsuri.routing.rules.naming import way_name, way_named
from jitsuri.routing.shapes import DataRule, Site, Target
from jitsuri.store.door import Connection, Store
from jitsuri.terms.ids import derived_id
from jitsuri.terms.outcomes import Refusal
from jitsuri.terms.usage import Usage

MOST_CALLS = 10
AT_ONCE = 2
"""Asked side by side: a person waits, and calls of programs go on meanwhile (decision 0036)."""
USUAL_CAP_JPY, HIGHEST_CAP_JPY = Decimal(50), Decimal(10_000)
"""Yen of one try: what is offered, and the most that can be asked for (decision 0036)."""

State = Literal["waiting", "asked", "answered", "failed", "over_cap", "unfit"]


@dataclass(frozen=True, slots=True)
class Try:
    """What is to be tried."""

    task: str
    target: Target
    text: str
    """The prompt; '' is the caller's own as it is."""
    version: int
    cap_jpy: Decimal
    calls: tuple[KeptCall, ...]
    estimates: tuple[Decimal | None, ...]
    """Yen per call, about: the tokens that it had, and those of the prompt, at today's price; None where it has none."""

    @property
    def way(self) -> str:
        return way_name(self.target, self.version)

    @property
    def estimate_jpy(self) -> Decimal | None:
        """Of all; None where the target has no price, or nobody counted the tokens."""
        known = [one for one in self.estimates if one is not None]
        return sum(known, Decimal(0)) if len(known) == len(self.estimates) else None


@dataclass(frozen=True, slots=True)
class Tried:
    """One call, asked again: what is known of it by now."""

    kept: KeptCall
    estimate_jpy: Decimal | None
    state: State = "waiting"
    question: str = ""
    """The last message of the request."""
    stored: str = ""
    """The answer that was given."""
    answer: str = ""
    """The answer that came now, or what was said instead of one."""
    cost_jpy: Decimal | None = None
    latency_ms: int | None = None
    why: Refusal | None = None
    """Why there is no answer."""


def plan_try(
    tx: Connection, now: datetime, task: str, way: str, calls: Sequence[UUID], cap_jpy: Decimal,
    sites: Mapping[str, Site], kind: RateKind,
) -> Try | Refusal:  # fmt: skip
    """What a try would be, with its estimate; nothing is opened and nothing asked.

    Refuses ``task_unknown``, ``target_unreadable``, ``target_upstream_unknown``, ``target_forbidden``, ``prompt_unknown``,
    ``try_calls`` (none or too many), ``try_cap``, ``texts_not_kept``, ``try_unpriced`` (the cap could not be held),
    ``try_over_cap`` (not one call fits).
    """
    chosen = tuple(dict.fromkeys(calls))
    if not 1 <= len(chosen) <= MOST_CALLS:
        return Refusal("try_calls", {"field": "call", "most": MOST_CALLS})
    if not 0 < cap_jpy <= HIGHEST_CAP_JPY:
        return Refusal("try_cap", {"field": "cap", "most": f"{HIGHEST_CAP_JPY:,f}"})
    found = _way(tx, task, way, sites)
    if isinstance(found, Refusal):
        return found
    target, version, text = found
    amounts = reading.amounts_of_calls(tx, chosen)
    whens = {call_id: at for call_id, at in text_rows.times_of(tx, task, chosen)}
    if any(call_id not in whens for call_id in chosen):
        return Refusal("texts_not_kept")
    prices = prices_now(tx, kind)
    estimates = tuple(price_of(prices, target, sites, _use(amounts.get(call_id), text), now) for call_id in chosen)
    if any(one is None for one in estimates):
        return Refusal("try_unpriced", {"target": str(target)})
    if all(one is not None and one > cap_jpy for one in estimates):
        return Refusal("try_over_cap", {"field": "cap", "cap": f"{cap_jpy:,f}"})
    kept = tuple(KeptCall(call_id, whens[call_id], amounts.get(call_id)) for call_id in chosen)
    return Try(task, target, text, version, cap_jpy, kept, estimates)


def try_prompt(
    store: Store, now: datetime, actor: str, what: Try, folder: Path, ask: Ask, try_id: UUID
) -> Iterator[tuple[int, Tried]]:
    """Open the calls and ask them again; each call's place and what is known of it, whenever that has changed.

    ``try_id`` is new for every try. Raises OperatorError ``text_key_unreadable`` and ``text_key_wrong``, and what ``ask`` does.
    """
    with store.transaction() as tx:
        facts = {
            "way": what.way, "calls": [str(one.call_id) for one in what.calls], "cap_jpy": str(what.cap_jpy),
            "estimate_jpy": str(what.estimate_jpy),
        }  # fmt: skip
        evidence_rows.append(tx, record_of(now, actor, "prompt_tried", f"task:{what.task}", facts))
    rows: list[Tried] = []
    questions: list[Question | None] = []
    for kept, estimate in zip(what.calls, what.estimates, strict=True):
        row, question = _opened(store, now, actor, what, Tried(kept, estimate), folder, try_id)
        rows.append(row)
        questions.append(question)
        yield len(rows) - 1, row
    spent, waiting = Decimal(0), [at for at, question in enumerate(questions) if question is not None]
    while waiting:
        batch, waiting, left = _fitting(waiting, rows, what.cap_jpy - spent)
        for at in left:
            rows[at] = replace(rows[at], state="over_cap", why=Refusal("try_over_cap", {"cap": f"{what.cap_jpy:,f}"}))
            yield at, rows[at]
        for at in batch:
            rows[at] = replace(rows[at], state="asked")
            yield at, rows[at]
        asked = [one for at in batch if (one := questions[at]) is not None]
        for place, came in ask(asked, AT_ONCE):
            at = batch[place]
            rows[at] = _answered(rows[at], came)
            spent += came.cost_jpy if came.cost_jpy is not None else rows[at].estimate_jpy or Decimal(0)
            yield at, rows[at]


def _way(tx: Connection, task: str, way: str, sites: Mapping[str, Site]) -> tuple[Target, int, str] | Refusal:
    """The target, the version and its text that a way names, where the task may use them."""
    if task not in routing_rows.tasks(tx):
        return Refusal("task_unknown", {"name": task})
    found = way_named(way)
    if found is None:
        return Refusal("target_unreadable", {"field": "way", "value": way[:200]})
    target, version = found
    if target.upstream not in sites:
        facts = {"target": str(target), "upstream": target.upstream, "known": ", ".join(sorted(sites))}
        return Refusal("target_upstream_unknown", facts)
    ruled = routing_rows.data_rules(tx).get(task)
    for out in rule_faults([target], sites, ruled[0] if ruled is not None else DataRule(task)):
        return Refusal("target_forbidden", {"task": task, "target": out.what, "why": out.code, **out.facts})
    if not version:
        return target, 0, ""
    prompt = routing_rows.prompt(tx, task, version)
    return (
        Refusal("prompt_unknown", {"name": task, "version": version})
        if prompt is None
        else (target, version, prompt.text)
    )


def _use(amounts: CallAmounts | None, text: str) -> Usage:
    """About what a call uses when it is asked again: what it used, and the prompt."""
    given, made = (amounts.input_tokens, amounts.output_tokens) if amounts is not None else (0, 0)
    return Usage(input_tokens=given + prompt_tokens(text), output_tokens=made)


def _opened(
    store: Store, now: datetime, actor: str, what: Try, row: Tried, folder: Path, try_id: UUID
) -> tuple[Tried, Question | None]:  # fmt: skip
    """A call with its texts, and the question that it makes; None where it makes none."""
    opened = read_texts(store, row.kept.call_id, folder, actor, now)
    if isinstance(opened, Refusal):
        return replace(row, state="unfit", why=opened), None
    request, response = opened.get("request", ""), opened.get("response", "")
    row = replace(row, question=last_said(request), stored=answer_said(response))
    dialect = dialect_of(request, response)
    if not dialect:
        return replace(row, state="unfit", why=Refusal("try_no_chat")), None
    body = with_prompt(dialect, request.encode(), what.text)
    if isinstance(body, Refusal):
        return replace(row, state="unfit", why=body), None
    attempt_id = derived_id("prompt try", try_id.bytes, row.kept.call_id.bytes)
    return row, Question(dialect, body, str(what.target), what.task, "evaluation", attempt_id, try_id)


def _fitting(
    waiting: Sequence[int], rows: Sequence[Tried], left_jpy: Decimal
) -> tuple[list[int], list[int], list[int]]:  # fmt: skip
    """The next calls to ask, those that wait, and those that what is left of the cap has no room for."""
    batch: list[int] = []
    over: list[int] = []
    rest = list(waiting)
    while rest and len(batch) < AT_ONCE:
        at = rest.pop(0)
        estimate = rows[at].estimate_jpy or Decimal(0)
        if estimate > left_jpy:
            over.append(at)
        else:
            left_jpy -= estimate
            batch.append(at)
    return batch, rest, over


def _answered(row: Tried, came: Came) -> Tried:
    said = came.body.decode("utf-8", "replace")
    if came.error_code:
        why = Refusal("try_failed", {"code": came.error_code, "status": came.status})
        return replace(row, state="failed", why=why, answer="", cost_jpy=came.cost_jpy, latency_ms=came.latency_ms)
    return replace(row, state="answered", answer=answer_said(said), cost_jpy=came.cost_jpy, latency_ms=came.latency_ms)
