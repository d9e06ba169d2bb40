"""Judging audits (監査の判定): an LLM of another house judges audited calls that people have not, below the cap of the audit.

Story: calls that both ways answered, that nobody has labelled and nobody is looking at → both orders and controls, in batches →
what was heard is kept → while the report of everything that this judge said here does not set it aside, and rests on enough, its
word is evidence. A judge that is set aside records nothing more and is asked no more.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Final, cast
from uuid import UUID

import msgspec

from jitsuri.calls.rules.rereading import Reread, reread_request
from jitsuri.evaluation.rules.judging.controlling import FEWEST_CONTROLS, controls_running, is_ruinable
from jitsuri.evaluation.rules.judging.counting import counted
from jitsuri.evaluation.rules.judging.reporting import report_of
from jitsuri.evaluation.shapes import Hearing, JudgeReport, Sight
from jitsuri.flows.cold.auditing import AUDIT_LOCK, record_audit_difference
from jitsuri.flows.cold.freezing_worlds import midnight
from jitsuri.flows.cold.judging_pairs import (
    BATCH,
    Cap,
    JudgeAsked,
    Judged,
    JudgedPair,
    attempts_known,
    judge_asked,
    judge_batch,
)
from jitsuri.flows.cold.pairing_audits import WAY, lock_audit, texts_of_audit
from jitsuri.flows.cold.trying.judging import most_of
from jitsuri.flows.cold.trying.pricing import Around
from jitsuri.providers.shapes import Ask
from jitsuri.review import records as review_rows
from jitsuri.review.rules.counting import audit_set
from jitsuri.review.shapes import Pair
from jitsuri.rightsizing.records import audits as audit_rows
from jitsuri.rightsizing.records import lives as life_rows
from jitsuri.rightsizing.records.audits import AuditHeard
from jitsuri.rightsizing.rules.choosing_judges import ChosenJudge, judges_for
from jitsuri.rightsizing.rules.replying import is_same, told
from jitsuri.rightsizing.shapes.lives import Life
from jitsuri.routing.rules.choosing import target_named
from jitsuri.routing.rules.naming import way_named
from jitsuri.store.door import Connection, Store
from jitsuri.terms.errors import OperatorError
from jitsuri.terms.outcomes import Dropped, Refusal
from jitsuri.terms.period import company_day, month_of
from jitsuri.words import Language

BATCHES: Final = 5
"""Batches of one round, of one certificate: the next round goes on."""
AT_ONCE: Final = 4
DIFFERENCES: Mapping[str, float | None] = {"better": 1.0, "same": 0.0, "worse": -1.0, "none": None}
"""Outcome → the certified way's answer minus the other's."""


@dataclass(frozen=True, slots=True)
class AuditJudge:
    """Who judges. ``target``: ``upstream/model``."""

    target: str
    lang: Language = "ja"
    allow_same_vendor: bool = False
    actor: str = "system"


@dataclass(frozen=True, slots=True)
class JudgedAudit:
    """What a round has done for one certificate."""

    number: str
    judged: int
    recorded: int
    """Differences that became evidence."""
    spent_jpy: Decimal
    set_aside: str
    """Why the judge's word does not count; '' where it does."""
    refusal: Refusal | None = None


def judge_audits(
    store: Store,
    clock: Callable[[], datetime],
    ask: Ask,
    around: Around,
    wanted: AuditJudge,
    cap_jpy: Decimal,
) -> list[JudgedAudit]:
    """One round over every certificate in force. ``cap_jpy``: what the audit of a task may cost in a calendar month, asking and
    judging together. Refuses, per certificate, ``judge_unsuitable``, ``judge_over_cap``, ``judge_unpriced``, ``judge_not_asked``."""
    with store.alone(AUDIT_LOCK) as is_ours:
        if not is_ours:
            return []
        with store.reading() as tx:
            standing = life_rows.in_force(tx)
        made = _Round(store, clock, ask, around, wanted, cap_jpy)
        return [made.over(life) for life in standing if life.world is not None]


@dataclass(frozen=True, slots=True)
class _Round:
    store: Store
    clock: Callable[[], datetime]
    ask: Ask
    around: Around
    wanted: AuditJudge
    cap_jpy: Decimal

    def over(self, life: Life) -> JudgedAudit:
        chosen = self._chosen(life)
        if isinstance(chosen, Dropped):
            facts = {"judge": chosen.what, "why": chosen.code, **chosen.facts}
            return JudgedAudit(life.number, 0, 0, Decimal(0), "", Refusal("judge_unsuitable", facts))
        trial_id = audit_set(life.number)
        judge = judge_asked(
            trial_id, life.task, str(chosen.target), lang=self.wanted.lang, is_same_vendor=chosen.is_same_vendor,
            seed=trial_id.int % 2**31,
        )  # fmt: skip
        done = JudgedAudit(life.number, 0, 0, Decimal(0), self._set_aside(life, judge))
        for _ in range(BATCHES):
            if done.set_aside or done.refusal is not None:
                break
            with self.store.reading() as tx:
                pairs = self._waiting(tx, life, judge.scorer)
            if not pairs:
                break
            done = self._judge(life, judge, pairs, done)
        return done

    def _judge(self, life: Life, judge: JudgeAsked, pairs: Mapping[UUID, JudgedPair], done: JudgedAudit) -> JudgedAudit:
        with self.store.reading() as tx:
            heard = audit_rows.heard_of(tx, life.number, judge.scorer)
            spent = audit_rows.spent_jpy(tx, life.task, midnight(month_of(company_day(self.clock())).first))
        asked = [one for one in pairs.values() if not one.is_identical]
        carried = controls_running(
            [one.name for one in asked], [is_ruinable(one.baseline) for one in asked], _had(heard), judge.seed
        )
        batch = judge_batch(
            self.ask, list(pairs.values()), carried, judge, Cap(self.cap_jpy - spent, most_of(self.around, self.clock)),
            AT_ONCE, attempts_known(self.store),
        )  # fmt: skip
        calls = {pair.position: call_id for call_id, pair in pairs.items()}
        new = [_heard(life.number, calls[one.position], one) for one in batch.judged]
        recorded = self._keep(life, judge, new)
        return JudgedAudit(
            life.number, done.judged + len(new), done.recorded + recorded, done.spent_jpy + batch.spent_jpy,
            self._set_aside(life, judge), batch.refusal,
        )  # fmt: skip

    def _keep(self, life: Life, judge: JudgeAsked, new: Sequence[AuditHeard]) -> int:
        """Keep what was heard; and make evidence of it, and of what was heard before there was enough to know the judge by."""
        now = self.clock()
        with self.store.transaction() as tx:
            lock_audit(tx, life.number)
            audit_rows.keep_heard(tx, life.task, new, now)
            heard = audit_rows.heard_of(tx, life.number, judge.scorer)
            report = _report(heard)
            if report is None or report.set_aside or not _is_known(heard):
                return 0
            labelled = _labelled(tx, life.number, now)
            done = 0
            for one in heard:
                if one.call_id not in labelled:
                    came = record_audit_difference(
                        tx, now, self.wanted.actor, life.number, one.call_id, one.difference, judge.scorer
                    )
                    done += came is None
            return done

    def _set_aside(self, life: Life, judge: JudgeAsked) -> str:
        with self.store.reading() as tx:
            report = _report(audit_rows.heard_of(tx, life.number, judge.scorer))
        return report.set_aside if report is not None else ""

    def _waiting(self, tx: Connection, life: Life, scorer: str) -> dict[UUID, JudgedPair]:
        """A batch of calls that nobody has judged, in the order of the evidence."""
        heard = {one.call_id for one in audit_rows.heard_of(tx, life.number, scorer)}
        busy = _labelled(tx, life.number, self.clock())
        pairs = {one.call_id: one for one in review_rows.pairs_of(tx, audit_set(life.number))}
        found: dict[UUID, JudgedPair] = {}
        for one in audit_rows.of_certificate(tx, life.number):
            pair = pairs.get(one.call_id)
            if one.state != "answered" or one.source or pair is None or one.call_id in heard | busy:
                continue
            opened = _opened(tx, self.around.folder, pair, one.attempt_id)
            if opened is not None:
                found[one.call_id] = opened
            if len(found) == BATCH:
                break
        return found

    def _chosen(self, life: Life) -> ChosenJudge | Dropped:
        target, sites = target_named(self.wanted.target), self.around.sites
        if target is None or target.upstream not in sites:
            return Dropped(
                self.wanted.target, "judge_unknown_vendor", {"upstream": self.wanted.target.partition("/")[0]}
            )
        assert life.world is not None
        ways = [way_named(life.world.today), way_named(life.world.proposed)]
        compared = [found[0] for found in ways if found is not None]
        chosen, dropped = judges_for(
            list(sites.values()), [target], compared, allow_same_vendor=self.wanted.allow_same_vendor
        )
        return chosen[0] if chosen else dropped[0]


def _opened(tx: Connection, folder: Path, pair: Pair, thread_id: UUID) -> JudgedPair | None:
    assert pair.call_id is not None
    try:
        found = texts_of_audit(tx, folder, pair.certificate, pair.call_id)
    except (OperatorError, ValueError):
        return None  # a key that is lost must not keep a judge from all that other keys open
    if found is None:
        return None
    request, baseline, candidate = found
    read = reread_request(request, "gateway")
    if not isinstance(read, Reread):
        return None
    same = is_same(candidate.text, candidate.tool_calls, baseline.text, baseline.tool_calls)
    texts = (told(candidate.text, candidate.tool_calls), told(baseline.text, baseline.tool_calls))
    return JudgedPair(WAY, pair.position, thread_id, read.text, *texts, same)


def _labelled(tx: Connection, number: str, now: datetime) -> set[UUID | None]:
    """Calls of which somebody has said something, or is looking at: those are people's."""
    trial_id = audit_set(number)
    said = {pair_id for pair_id, held in review_rows.latest(tx, trial_id).items() if any(one.is_said for one in held)}
    said |= {one.pair_id for one in review_rows.leases(tx, trial_id, now)}
    return {one.call_id for one in review_rows.pairs_of(tx, trial_id) if one.pair_id in said}


def _heard(number: str, call_id: UUID, judged: Judged) -> AuditHeard:
    settled = judged.settled
    return AuditHeard(
        number,
        call_id,
        judged.scorer,
        DIFFERENCES[settled.outcome],
        settled.reason,
        judged.facts,
        judged.hearing.cost_jpy,
    )


def _hearings(heard: Sequence[AuditHeard]) -> list[Hearing]:
    return [msgspec.convert(dict(one.facts), Hearing, strict=False) for one in heard]


def _report(heard: Sequence[AuditHeard]) -> JudgeReport | None:
    counts = counted(_hearings(heard))
    return None if counts is None else report_of(counts)


def _had(heard: Sequence[AuditHeard]) -> Mapping[Sight, int]:
    """How many pairs carried each control so far."""
    found: Counter[str] = Counter()
    for one in _hearings(heard):
        found.update({reply.sight for reply in one.replies})
    return cast(Mapping[Sight, int], found)


def _is_known(heard: Sequence[AuditHeard]) -> bool:
    """Has the judge been seen at as many pairs as a kind of control needs at least? Before that its report can hardly accuse it."""
    return sum(bool(one.replies) for one in _hearings(heard)) >= FEWEST_CONTROLS
