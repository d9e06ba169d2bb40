"""Starting a trial (試行を始める): who is asked what for how much at most; and changing it: stop, a higher cap.

Story: the candidates that were asked for, held against configuration and data rule → the sample is drawn, which opens texts and
is evidence → candidates that cannot answer this sample are left out with the reason → what it should cost and can cost → plan,
sample and today's answers stand, under a cap that the owner agreed to. Nothing has been asked yet.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal, localcontext
from uuid import UUID

import msgspec

from jitsuri.calls.records import texts as text_rows
from jitsuri.calls.rules.rereading import Need, Reply, Reread, asked_again
from jitsuri.calls.rules.sealing import seal
from jitsuri.calls.shapes import TextPolicy
from jitsuri.evaluation.rules.specifying import named_scorer
from jitsuri.evidence import records as evidence_rows
from jitsuri.evidence.rules import record_of
from jitsuri.evidence.shapes import Record
from jitsuri.flows.cold.trying.drawing import Keys, Sample, Usable, draw
from jitsuri.flows.cold.trying.pricing import Around, asked_of, expected_jpy, most_jpy
from jitsuri.flows.cold.trying.proposing import Pool, candidate_of, is_protected_by_policy, pool_of, used_by
from jitsuri.providers.rules.prompting import with_prompt
from jitsuri.providers.shapes import Asked
from jitsuri.rightsizing.records import trials as trial_rows
from jitsuri.rightsizing.rules.packing import packed
from jitsuri.rightsizing.rules.trying import attempt_id_of
from jitsuri.rightsizing.shapes.trials import (
    BASELINE,
    PEOPLE,
    SAME,
    Answer,
    RuleScorer,
    Trial,
    TrialPlan,
    Way,
)
from jitsuri.routing import records as routing_rows
from jitsuri.routing.rules.choosing import LOCAL, target_named
from jitsuri.routing.shapes import Task
from jitsuri.store.door import Connection, Store, without_nul
from jitsuri.terms.money import EXACT_DIGITS, to_ledger_jpy
from jitsuri.terms.outcomes import Dropped, Refusal
from jitsuri.terms.usage import Usage

MOST_REQUESTS = 5_000
MOST_WAYS = 20
"""Candidates of one trial: each takes its part of the 5 %, and people label each (decision 0016)."""
RESPONSE = "response"
"""The part that an answer's sealed text is bound to, beside its attempt."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What an owner wants to try. ``candidates`` are written ``upstream/model`` or ``upstream/model#p3``."""

    task: str
    candidates: tuple[str, ...]
    cap_jpy: Decimal
    size: int = 200
    seed: int = 0
    asks_baseline: bool = False
    most_output_tokens: int | None = None
    """None: the installation's."""
    scorers: tuple[tuple[str, object], ...] = ()
    """(name where the spec has none, spec) as ``evaluation.rules.specifying`` reads them."""


def start_trial(
    store: Store, now: datetime, author: str, wish: Wish, around: Around, new_id: Callable[[], UUID]
) -> Trial | Refusal:
    """Let a trial stand, ``planned``.

    Refuses ``task_unknown``, ``trial_no_texts``, ``trial_texts_not_kept`` (the task keeps no texts any more),
    ``trial_size_wrong``, ``trial_cap_wrong``, ``trial_no_candidates``, ``trial_too_many``, ``trial_candidate_unreadable``,
    ``trial_prompt_unknown``, ``trial_candidates_dropped`` (facts: ``why``, ``dropped``), ``trial_nothing_usable``,
    ``trial_baseline_unasked`` (no configured upstream takes today's model). Raises CallerError of
    ``evaluation.rules.specifying`` for a scorer that is none, OperatorError for keys that cannot be read.
    """
    wrong = _wish_fault(wish)
    if wrong is not None:
        return wrong
    scorers = _scorers(wish)
    ways = _ways_named(wish, around)
    if isinstance(ways, Refusal):
        return ways
    with store.reading() as tx:
        task = routing_rows.tasks(tx).get(wish.task)
        if task is None:
            return Refusal("task_unknown", {"name": wish.task, "task": wish.task})
        policy = text_rows.policies(tx).get(wish.task)
        if policy is None or policy.keep != "full":
            return Refusal("trial_texts_not_kept", {"task": wish.task})
        pool = pool_of(tx, wish.task, around, now, is_asked=wish.asks_baseline)
        if not pool.threads:
            return Refusal("trial_no_texts", {"task": wish.task})
        today = target_named(pool.today.target)
        if wish.asks_baseline and (today is None or today.upstream not in around.upstreams):
            return Refusal("trial_baseline_unasked", {"baseline": pool.baseline})
        allowed, dropped = _allowed(tx, task, ways, around, pool, now)
        if not allowed:
            return _all_dropped(dropped)
        keys = Keys(around.folder)
        most = wish.most_output_tokens or around.most_output_tokens
        sample = draw(tx, pool.threads, wish.size, wish.seed, keys, most, needs_reply=not wish.asks_baseline)
        used, _, counted = used_by(tx, [one.call_id for one in sample.requests])
    trial_id = new_id()
    standing = Way(BASELINE, pool.today.target, pool.today.prompt)
    able, unable = _able(allowed, sample)
    kept: list[Way] = []
    for way in [*([standing] if wish.asks_baseline else []), *able]:
        costed = _costed(way, sample, (used, counted), around, most, now, wish.task)
        if isinstance(costed, Way):
            kept.append(costed)
        else:
            unable.append(costed)
    dropped += unable
    candidates = tuple(way for way in kept if way.number)
    baseline = next((way for way in kept if not way.number), None)
    if not sample.requests or not candidates or (wish.asks_baseline and baseline is None):
        with store.transaction() as tx:
            evidence_rows.append(tx, _opened(now, author, trial_id, wish.task, sample))
        if not sample.requests:
            return Refusal("trial_nothing_usable", {"task": wish.task, "opened": sample.drawn.opened})
        return _all_dropped(dropped)
    plan = TrialPlan(
        baseline or standing, candidates, wish.asks_baseline, wish.seed, sample.drawn, most,
        task.margin, scorers, tuple(dropped),
    )  # fmt: skip
    trial = Trial(trial_id, wish.task, plan, "planned", "", wish.cap_jpy, author, now)
    _write(store, trial, sample, policy, keys, now)
    return trial


def stop_trial(store: Store, now: datetime, actor: str, trial_id: UUID, reason: str) -> Trial | Refusal:
    """End a trial for good; what was answered stays. Refuses ``trial_unknown``, ``trial_over``, ``trial_reason_missing``."""
    reason = without_nul(reason).strip()[:500]
    if not reason:
        return Refusal("trial_reason_missing")
    with store.transaction() as tx:
        trial = trial_rows.lock_trial(tx, trial_id)
        if trial is None:
            return Refusal("trial_unknown", {"trial": trial_id})
        if trial.state in ("done", "stopped"):
            return Refusal("trial_over", {"trial": trial_id})
        trial_rows.set_state(tx, trial_id, "stopped", reason, ended_at=now)
        note(tx, now, actor, trial, "trial_stopped", reason=reason)
    return replace(trial, state="stopped", why=reason, ended_at=now)


def raise_cap(store: Store, now: datetime, actor: str, trial_id: UUID, cap_jpy: Decimal) -> Trial | Refusal:
    """Let a trial spend more; also one that is done, for its judges. Refuses ``trial_unknown``, ``trial_over`` (stopped),
    ``trial_cap_not_higher``."""
    with store.transaction() as tx:
        trial = trial_rows.lock_trial(tx, trial_id)
        if trial is None:
            return Refusal("trial_unknown", {"trial": trial_id})
        if trial.state == "stopped":
            return Refusal("trial_over", {"trial": trial_id})
        if not cap_jpy.is_finite() or cap_jpy <= trial.cap_jpy or cap_jpy > MOST_CAP:
            return Refusal("trial_cap_not_higher", {"cap_jpy": trial.cap_jpy})
        trial_rows.set_cap(tx, trial_id, cap_jpy)
        note(tx, now, actor, trial, "trial_cap_raised", before_jpy=trial.cap_jpy, after_jpy=cap_jpy)
    return replace(trial, cap_jpy=cap_jpy)


MOST_CAP = Decimal(1_000_000_000)
"""Yen: a typing error beyond it is caught before anything else is."""


def note(tx: Connection, now: datetime, actor: str, trial: Trial, act: str, **facts: object) -> None:
    """Evidence of what happened to a trial."""
    told = {"task": trial.task, **facts}
    evidence_rows.append(tx, record_of(now, actor, act, f"trial:{trial.trial_id}", told))


def answer_json(reply: Reply) -> bytes:
    """An answer as it is sealed: text, tool calls, why it ended."""
    calls = [{"name": name, "arguments": arguments} for name, arguments in reply.tool_calls]
    return msgspec.json.encode({"text": reply.text, "tool_calls": calls, "finish": reply.finish})


def reply_of(content: bytes) -> Reply:
    """The answer of ``answer_json`` again."""
    found = json.loads(content)
    calls = tuple((str(one["name"]), str(one["arguments"])) for one in found["tool_calls"])
    return Reply(str(found["text"]), calls, str(found["finish"]))


def body_of(request: Reread, way: Way, most_output_tokens: int, task: str, around: Around) -> bytes | Refusal:
    """The body that a way is sent: with the task's prompt of its version as the gateway would put it in, where it has one.

    Refuses ``prompt_missing`` and what ``prompting.with_prompt`` does: nothing is tried without its prompt.
    """
    body = asked_again(request, most_output_tokens)
    if not way.prompt:
        return body
    text = around.prompt_of(task, way.prompt)
    if text is None:
        return Refusal("prompt_missing", {"task": task, "version": way.prompt})
    return with_prompt(request.dialect, body, text)


def _wish_fault(wish: Wish) -> Refusal | None:
    if not 1 <= wish.size <= MOST_REQUESTS:
        return Refusal("trial_size_wrong", {"size": wish.size, "most": MOST_REQUESTS})
    if not wish.cap_jpy.is_finite() or not 0 <= wish.cap_jpy <= MOST_CAP:
        return Refusal("trial_cap_wrong", {"most": MOST_CAP})
    if not wish.candidates:
        return Refusal("trial_no_candidates", {"task": wish.task})
    if len(wish.candidates) > MOST_WAYS:
        return Refusal("trial_too_many", {"count": len(wish.candidates), "most": MOST_WAYS})
    return None


def _scorers(wish: Wish) -> tuple[RuleScorer, ...]:
    found: dict[str, RuleScorer] = {}
    for otherwise, spec in wish.scorers:
        name, _ = named_scorer(spec, otherwise)
        if name in (SAME, PEOPLE) or name.startswith("judge:"):
            name = f"rule:{name}"
        found[name] = RuleScorer(name, packed(spec).decode())
    return tuple(found.values())


def _ways_named(wish: Wish, around: Around) -> list[Way] | Refusal:
    """The ways that were asked for, numbered in their order."""
    found: list[Way] = []
    for text in dict.fromkeys(one.strip() for one in wish.candidates):
        target, mark, version = text.partition("#p")
        if target_named(target) is None or (mark and not (version.isascii() and version.isdigit())):
            return Refusal("trial_candidate_unreadable", {"value": text[:200]})
        number = int(version) if mark else 0
        if number and around.prompt_of(wish.task, number) is None:
            return Refusal("trial_prompt_unknown", {"version": number, "task": wish.task})
        found.append(Way(len(found) + 1, target, number))
    return found


def _allowed(
    tx: Connection, task: Task, ways: Sequence[Way], around: Around, pool: Pool, now: datetime
) -> tuple[list[Way], list[Dropped]]:
    rule = routing_rows.data_rules(tx).get(task.name)
    is_protected = is_protected_by_policy(tx, task.name)
    allowed: list[Way] = []
    dropped: list[Dropped] = []
    for way in ways:
        target = target_named(way.target)
        assert target is not None
        if way.name == pool.baseline:
            dropped.append(Dropped(way.name, "is_baseline"))
            continue
        found = candidate_of(target, task, rule[0] if rule else None, around, pool, now, is_protected=is_protected)
        if isinstance(found, Dropped):
            dropped.append(replace(found, what=way.name))
        else:
            allowed.append(way)
    return allowed, dropped


def _able(ways: Sequence[Way], sample: Sample) -> tuple[list[Way], list[Dropped]]:
    """Leave out who cannot answer what this sample asks for: tools, a form of JSON, pictures."""
    needs: dict[Need, int] = {}
    for one in sample.usable:
        for need in one.request.needs:
            needs[need] = needs.get(need, 0) + 1
    able: list[Way] = []
    dropped: list[Dropped] = []
    for way in ways:
        lacks = _lacks(way, needs)
        if lacks is None:
            able.append(way)
        else:
            dropped.append(Dropped(way.name, f"no_{lacks}", {"requests": needs[lacks], "of": len(sample.usable)}))
    return able, dropped


def _lacks(way: Way, needs: Mapping[Need, int]) -> Need | None:
    """What students and rule tables never do; of other models the book says nothing, and their answers will tell."""
    if not way.target.startswith(f"{LOCAL}/"):
        return None
    return next((need for need in ("tools", "json", "images") if needs.get(need)), None)


def _costed(
    way: Way, sample: Sample, used: tuple[Usage, int], around: Around, plan_most: int, now: datetime, task: str
) -> Way | Dropped:
    """The way with what the sample should and can cost with it; or why nobody can say."""
    usage, counted = used
    expected = expected_jpy(around, way.target, usage, counted, now)
    if isinstance(expected, Dropped):
        return replace(expected, what=way.name)
    most = Decimal(0)
    for one in sample.usable:
        body = body_of(one.request, way, plan_most, task, around)
        asked = body if isinstance(body, Refusal) else asked_of(one.request.dialect, body)
        if not isinstance(asked, Asked):
            return Dropped(way.name, "request_refused", {"why": asked.code})
        worst = most_jpy(around, way.target, asked, now)
        if isinstance(worst, Refusal):
            return Dropped(way.name, worst.code, worst.facts)
        most += worst
    with localcontext(prec=EXACT_DIGITS):
        scaled = to_ledger_jpy(expected * len(sample.usable) / max(counted, 1))
    return replace(way, expected_jpy=scaled, most_jpy=most, is_free=around.is_free(way.target))


def _all_dropped(dropped: Sequence[Dropped]) -> Refusal:
    told = "; ".join(f"{one.what}: {one.code}" for one in dropped[:20])
    return Refusal("trial_candidates_dropped", {"why": told, "dropped": tuple(dropped)})


def _opened(now: datetime, author: str, trial_id: UUID, task: str, sample: Sample) -> Record:
    """One record for all the texts that a trial opens: those drawn from now, and the sample again while it runs."""
    facts = {"task": task, "calls": sample.drawn.opened, "requests": len(sample.requests)}
    return record_of(now, author, "trial_texts_opened", f"trial:{trial_id}", facts)


def _write(store: Store, trial: Trial, sample: Sample, policy: TextPolicy, keys: Keys, now: datetime) -> None:
    plan = trial.plan
    with store.transaction() as tx:
        trial_rows.insert_trial(tx, trial)
        trial_rows.insert_requests(tx, trial.trial_id, sample.requests)
        if not plan.is_baseline_asked:
            key = keys(policy.key_name)
            rows = [_stored(trial, at, one, policy.key_name, key) for at, one in enumerate(sample.usable)]
            trial_rows.insert_answers(tx, trial.trial_id, rows)
        evidence_rows.append(tx, _opened(now, trial.author, trial.trial_id, trial.task, sample))
        note(
            tx, now, trial.author, trial, "trial_started", baseline=plan.baseline.name,
            candidates=[way.name for way in plan.candidates], requests=len(sample.requests), cap_jpy=trial.cap_jpy,
        )  # fmt: skip


def _stored(trial: Trial, position: int, one: Usable, key_name: str, key: bytes) -> Answer:
    """Today's answer as it was kept: nothing is asked for it, and it is kept no longer than it was."""
    attempt_id = attempt_id_of(trial.trial_id, BASELINE, position, 0)
    amounts = one.amounts
    assert one.reply is not None
    return Answer(
        BASELINE, position, "answered", attempt_id, 0, one.thread.at, one.thread.at, "",
        seal(answer_json(one.reply), key, attempt_id, RESPONSE), key_name, one.reply_until, one.thread.model,
        amounts.input_tokens if amounts else 0, amounts.output_tokens if amounts else 0,
        amounts.cost_jpy if amounts else None, Decimal(0), Decimal(0), amounts.latency_ms if amounts else None, None,
    )  # fmt: skip
