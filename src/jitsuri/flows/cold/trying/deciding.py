"""From a trial to a verdict (結論): its answers as a table, the verdict of every candidate, a certificate, an export.

The table is what ``jitsuri trial export`` writes, so that ``jitsuri rightsize offline`` on the file says the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from jitsuri.evidence import records as evidence_rows
from jitsuri.evidence.rules import record_of
from jitsuri.flows.cold.certifying import Issuer, certificate_of, exported, named_task, used_of
from jitsuri.flows.cold.judging import Asked, Judged, judge_outcomes
from jitsuri.flows.cold.keeping_verdicts import file_certificate, keep_verdicts
from jitsuri.flows.cold.pricing_outcomes import Prices
from jitsuri.flows.cold.trying.drawing import Keys, opened_requests
from jitsuri.flows.cold.trying.judging import judged_jpy
from jitsuri.flows.cold.trying.pricing import Around
from jitsuri.flows.cold.trying.scoring import opened
from jitsuri.review import records as review_rows
from jitsuri.rightsizing.records import trials as trial_rows
from jitsuri.rightsizing.rules.packing import packed
from jitsuri.rightsizing.rules.pairing import JUDGE
from jitsuri.rightsizing.rules.replying import told
from jitsuri.rightsizing.rules.sharing import with_shares
from jitsuri.rightsizing.rules.tabling import Texts, only, table_of_trial
from jitsuri.rightsizing.rules.trying import spent_of
from jitsuri.rightsizing.shapes.certificates import Certificate
from jitsuri.rightsizing.shapes.outcomes import Table, Thresholds
from jitsuri.rightsizing.shapes.trials import PEOPLE, SAME, PairLabel, Trial
from jitsuri.store.door import Connection, Store
from jitsuri.terms.outcomes import Refusal
from jitsuri.terms.period import company_day

ASSUMED_USD_JPY = Decimal(150)
"""Yen per dollar for the swing of a saving where nobody set one (想定); a trial's own yen are booked and need none."""


@dataclass(frozen=True, slots=True)
class Decision:
    """The verdicts of a trial, candidates from the cheapest up, and by whose eyes."""

    trial: Trial
    human: str
    judge: str
    results: tuple[Judged, ...]


def read_table(tx: Connection, trial: Trial, labels: Sequence[PairLabel] = (), texts: Texts | None = None) -> Table:
    """The outcomes of a trial as they stand; beside people's labels, how their pairs were drawn."""
    requests = trial_rows.requests_of(tx, trial.trial_id)
    table = table_of_trial(
        trial, requests, trial_rows.answers_of(tx, trial.trial_id), trial_rows.scores_of(tx, trial.trial_id), labels,
        texts,
    )  # fmt: skip
    if not labels:
        return table
    ways = {way.name: way.number for way in trial.plan.candidates}
    positions = {str(one.call_id): one.position for one in requests}
    return with_shares(table, ways, positions, review_rows.shares_of_trial(tx, trial.trial_id))


def verdict_of_trial(
    tx: Connection, trial_id: UUID, around: Around, now: datetime, labels: Sequence[PairLabel] = (), scorer: str = ""
) -> Decision | Refusal:
    """The verdict of every candidate that was asked, from what stands now.

    People decide where they labelled; beside them, or alone, the judge or rule ``scorer`` ('': the first judge, else
    ``same``). A rule alone is no judge: its scores are taken as the table's own. Refuses ``trial_unknown``,
    ``trial_nothing_answered``, ``trial_scorer_unknown``.
    """
    trial = trial_rows.trial(tx, trial_id)
    if trial is None:
        return Refusal("trial_unknown", {"trial": trial_id})
    table = read_table(tx, trial, labels)
    known = sorted(set(table.judges))
    eyes = eyes_of(known, scorer)
    if eyes is None:
        return Refusal("trial_scorer_unknown", {"name": scorer, "known": ", ".join(known) or "–"})
    names = [way.name for way in trial.plan.candidates if way.name in set(table.models)]
    if not names:
        return Refusal("trial_nothing_answered", {"trial": trial_id})
    human, judge = eyes
    is_rule = not human and not judge.startswith(JUDGE)
    if is_rule:
        table = only(table, judge)
    asked = Asked(
        baseline=trial.plan.baseline.name, candidates=tuple(names), task=trial.task, human=human,
        judge="" if is_rule else judge,
        thresholds=Thresholds(margin=float(trial.plan.margin)), seed=trial.plan.seed,
    )  # fmt: skip
    return Decision(trial, human, judge, tuple(judge_outcomes(table, asked, outcome_prices(around, now))))


def eyes_of(known: Sequence[str], scorer: str = "") -> tuple[str, str] | None:
    """(human, judge) to decide by, of the scorers that a trial has; ``people`` asks for them alone. None for a scorer that it
    does not have."""
    human = PEOPLE if PEOPLE in known else ""
    if scorer == PEOPLE:
        return (human, "") if human else None
    if scorer:
        return (human, scorer) if scorer in known else None
    judge = next((name for name in known if name.startswith(JUDGE)), "")
    return human, judge or ("" if human else SAME)


def outcome_prices(around: Around, now: datetime) -> Prices:
    """Prices and rates as outcome tables need them."""
    day = company_day(now)
    rate = around.rates.on("USD", day)
    yen = {currency: one.rate for currency in around.rates.dated if (one := around.rates.on(currency, day))}
    return Prices(
        around.book, now, rate.rate if rate else ASSUMED_USD_JPY, rate is None or rate.kind == "ASSUMED", {}, yen
    )  # fmt: skip


def export_table(
    store: Store, trial_id: UUID, actor: str, now: datetime, labels: Sequence[PairLabel] = (), keys: Keys | None = None,
    scorer: str = "",
) -> Table | Refusal:  # fmt: skip
    """The outcomes for a file, of every scorer or one. With ``keys`` prompts and answers are in it, and that they were opened
    is evidence first. Refuses ``trial_unknown``, ``trial_scorer_unknown``.
    """
    with store.reading() as tx:
        trial = trial_rows.trial(tx, trial_id)
        if trial is None:
            return Refusal("trial_unknown", {"trial": trial_id})
        texts = _texts(tx, trial, keys) if keys is not None else None
        table = read_table(tx, trial, labels, texts)
    known = sorted(set(table.judges))
    if scorer and scorer not in known:
        return Refusal("trial_scorer_unknown", {"name": scorer, "known": ", ".join(known) or "–"})
    table = only(table, scorer) if scorer else table
    with store.transaction() as tx:
        facts = {"task": trial.task, "rows": len(table), "texts": len(texts.answers) if texts else 0}
        evidence_rows.append(tx, record_of(now, actor, "trial_exported", f"trial:{trial_id}", facts))
    return table


def certify_trial(
    store: Store, decision: Decision, candidate: str, around: Around, issuer: Issuer, author: str
) -> Certificate | Refusal:
    """Keep the verdicts of a trial and file a certificate for one candidate ('': the cheapest that passes).

    Refuses ``trial_candidate_unknown``, ``trial_nothing_passed``.
    """
    found = chosen(decision, candidate)
    if isinstance(found, Refusal):
        return found
    now, trial = issuer.now, decision.trial
    prices = outcome_prices(around, now)
    rows = packed([one.evidence for one in decision.results])
    keep_verdicts(store, [one.verdict for one in decision.results], rows, author, now)
    with store.reading() as tx:
        task, used = named_task(tx, trial.task, company_day(now)), used_of(tx, trial.task, now)
        spent = spent_of(trial.plan, trial_rows.answers_of(tx, trial.trial_id))
        spent += judged_jpy(trial_rows.scores_of(tx, trial.trial_id))

    def make(number: str) -> tuple[Certificate, bytes]:
        made = certificate_of(found, task, used, prices, issuer, number, evaluation_jpy=spent)
        return made, exported(made, found)

    made = file_certificate(store, make, author, now)
    with store.transaction() as tx:
        facts = {"task": trial.task, "candidate": found.verdict.candidate, "certificate": made.number}
        evidence_rows.append(tx, record_of(now, author, "trial_certified", f"trial:{trial.trial_id}", facts))
    return made


def chosen(decision: Decision, candidate: str) -> Judged | Refusal:
    """The result of a candidate; without a name the cheapest that passes and is a choice."""
    if candidate:
        by_name = {one.verdict.candidate: one for one in decision.results}
        known = ", ".join(by_name)
        return by_name.get(candidate) or Refusal("trial_candidate_unknown", {"name": candidate, "known": known})
    passing = [one for one in decision.results if one.verdict.decision == "pass" and one.verdict.dropped is None]
    return passing[0] if passing else Refusal("trial_nothing_passed", {"trial": decision.trial.trial_id})


def _texts(tx: Connection, trial: Trial, keys: Keys) -> Texts:
    requests = trial_rows.requests_of(tx, trial.trial_id)
    prompts = {at: one.text for at, one in opened_requests(tx, requests, keys).items()}
    answers = {
        (one.way, one.position): told(reply.text, reply.tool_calls)
        for one in trial_rows.answers_of(tx, trial.trial_id, with_texts=True)
        if (reply := opened(one, keys)) is not None
    }
    return Texts(prompts, answers)
