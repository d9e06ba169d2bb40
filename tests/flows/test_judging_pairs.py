"""Judges with one fault each, asked the real way against a local server: the fault stands in the verdict and on the paper."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import psycopg
import pytest
from judging_parts import TRIAL, a_judge, all_of, cap, decided, some_pairs
from judging_upstream import JudgingUpstream, shown_in
from replaying_parts import prepared
from stub_upstream import Behaviour
from verdict_parts import VERDICTS, certificate

from jitsuri.app.replaying import Replayer
from jitsuri.evaluation.shapes import JUDGE_FAULTS, Hearing
from jitsuri.flows.cold.judging_pairs import (
    INSTRUCTION_NUMBER,
    Judged,
    attempts_known,
    instruction_in,
    judge_pairs,
    score_of,
    write_judged,
)
from jitsuri.flows.cold.resembling_pairs import cosine_in, resemble_pairs
from jitsuri.ledger.records import entries as entry_rows
from jitsuri.providers.shapes import Came, Question
from jitsuri.rightsizing.rules.certifying import export_of, verified, with_code
from jitsuri.rightsizing.rules.choosing_judges import judges_for
from jitsuri.rightsizing.rules.packing import packed, unpacked
from jitsuri.rightsizing.rules.pairing import scorers_in
from jitsuri.rightsizing.shapes.outcomes import Table
from jitsuri.routing.shapes import Site, Target
from jitsuri.store.door import Store
from jitsuri.terms.errors import CallerError
from jitsuri.terms.outcomes import Refusal
from jitsuri.words import LANGUAGES, text

pytestmark = [pytest.mark.database, pytest.mark.slow]

PAIRS = some_pairs(60)


@pytest.fixture(scope="module")
def house(
    pg_template: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Replayer, Store, JudgingUpstream]]:
    """One installation for all judges: what each is asked has ids of its own."""
    with psycopg.connect(pg_template, autocommit=True) as connection:
        connection.execute("CREATE DATABASE jitsuri_judges TEMPLATE jitsuri_template")
    store = Store(pg_template.replace("dbname=postgres", "dbname=jitsuri_judges"))
    with pytest.MonkeyPatch.context() as patch, JudgingUpstream() as upstream:
        patch.setenv("STUB_KEY", "sk-stub")
        patch.setenv("no_proxy", "*")
        with Replayer(prepared(store, upstream.url, tmp_path_factory.mktemp("home")), store) as replaying:
            yield replaying, store, upstream
    store.close()
    with psycopg.connect(pg_template, autocommit=True) as connection:
        connection.execute("DROP DATABASE jitsuri_judges WITH (FORCE)")


@pytest.fixture
def replaying(house: tuple[Replayer, Store, JudgingUpstream]) -> Replayer:
    return house[0]


@pytest.fixture
def store(house: tuple[Replayer, Store, JudgingUpstream]) -> Store:
    return house[1]


@pytest.fixture
def upstream(house: tuple[Replayer, Store, JudgingUpstream]) -> JudgingUpstream:
    house[2].reset()
    return house[2]


FAULTS = {
    "biased": ("position_bias", "aside"), "second": ("position_bias", "aside"), "order": ("order_sensitive", "aside"),
    "chatty": ("chatty", "caution"), "silent": ("silent", "aside"), "abstaining": ("abstains", "aside"),
    "obeying": ("obeys_answers", "aside"), "length": ("prefers_length", "caution"), "garbage": ("unreadable", "aside"),
    "talking": ("unreadable", "aside"), "refusing": ("refuses", "aside"), "cut": ("cut_off", "aside"),
    "blind": ("misses_worse", "aside"),
}  # fmt: skip


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_stands_in_the_verdict(replaying: Replayer, tmp_path: Path, name: str) -> None:
    code, level = FAULTS[name]
    found = decided(tmp_path, all_of(replaying, PAIRS, a_judge(name)))
    verdict = found.verdict

    assert verdict.judging
    assert {fault.code: fault.level for fault in verdict.judging.faults}[code] == level
    assert f"judge_{code}" in [reason.code for reason in verdict.reasons]
    if level == "aside":
        assert verdict.decision == "undecided"
        assert verdict.judging.set_aside
        assert verdict.reasons[0].code == "judge_unfit"


@pytest.mark.parametrize("name", ["good", "noisy"])
def test_a_good_judge_has_no_fault_and_carries_a_verdict(replaying: Replayer, tmp_path: Path, name: str) -> None:
    judged = all_of(replaying, some_pairs(240), a_judge(name, trial="good"))
    verdict = decided(tmp_path, judged).verdict

    assert verdict.judging
    assert verdict.judging.faults == ()
    assert [reason.code for reason in verdict.reasons if reason.code[6:] in JUDGE_FAULTS] == []
    assert (verdict.decision, verdict.source) == ("pass", "judge")
    assert verdict.judging.identical == sum(one.settled.reason == "identical" for one in judged) > 0
    assert verdict.judging.models == (f"stub-judge-{name}",)
    assert verdict.judging.prompts == (a_judge(name, trial="good").prompt,)
    assert "max_tokens" in verdict.judging.parameters[0]


# -- beside people


def people_of(judged: Sequence[Judged]) -> dict[int, tuple[float, float]]:
    """What people say of the first sixty: (candidate, baseline)."""
    return {
        at: (1.0, 0.0 if "品質8" in PAIRS_OF_PEOPLE[at].candidate else 1.0) if "品質2" not in PAIRS_OF_PEOPLE[at].candidate
        else (0.0, 1.0)
        for at in range(60)
    }  # fmt: skip


PAIRS_OF_PEOPLE = some_pairs(120)


@pytest.mark.parametrize(("name", "is_used"), [("good", True), ("obeying", False)])
def test_a_judge_with_a_grave_fault_is_set_aside_however_well_it_agrees(
    replaying: Replayer, tmp_path: Path, name: str, is_used: bool
) -> None:
    judged = all_of(replaying, PAIRS_OF_PEOPLE, a_judge(name, trial="people"))
    verdict = decided(tmp_path, judged, people_of(judged)).verdict

    assert verdict.agreement is not None
    assert verdict.agreement.kappa is not None
    assert verdict.agreement.kappa > 0.9
    assert verdict.agreement.is_used == is_used
    assert verdict.agreement.set_aside == ("" if is_used else "obeys_answers")
    assert verdict.method == ("ppi" if is_used else "paired")
    assert verdict.decision != "undecided" or verdict.reasons[0].code == "interval_crosses_margin"


# -- the record


def test_a_certificate_with_a_judges_report_is_computed_again_to_the_byte(replaying: Replayer, tmp_path: Path) -> None:
    found = decided(tmp_path, all_of(replaying, PAIRS, a_judge("chatty", is_same_vendor=True, trial="paper")))
    paper = with_code(certificate("JR-2026-0001", found.verdict), found.evidence)
    export = export_of(paper, found.evidence)
    checked = verified(export, found.verdict.code_version)

    assert checked is not None
    assert checked.failed == ()
    assert checked.computed == export
    assert "手配" not in export.decode()
    assert {fault.code for fault in found.verdict.judging.faults} == {"chatty", "same_vendor"}  # type: ignore[union-attr]
    forged = export.replace(b'"code":"chatty","events":', b'"code":"chatty","events":1')
    again = verified(forged, found.verdict.code_version)
    assert again is not None
    assert "verdict" in [name for name, *_ in again.failed]


def test_a_record_without_a_report_keeps_its_bytes(tmp_path: Path) -> None:
    verdict = VERDICTS[0]

    assert b"judging" not in packed(verdict)
    assert unpacked(packed(verdict), type(verdict)) == verdict


def test_each_score_is_a_row_with_its_facts_and_no_text(replaying: Replayer, store: Store) -> None:
    judged = all_of(replaying, PAIRS[:20], a_judge("good", trial="rows"))
    rows = [score_of(one) for one in judged]

    assert {(row.score, row.baseline_score) for row in rows} == {(1.0, 1.0), (1.0, 0.0), (0.0, 1.0)}
    assert {row.scorer for row in rows} == {"judge:stub/stub-judge-good"}
    assert "手配" not in json.dumps([row.facts for row in rows], ensure_ascii=False)
    assert unpacked(packed(rows[0].facts), Hearing) == judged[0].hearing
    with store.transaction() as tx:
        tx.execute("CREATE TEMP TABLE rightsizing_scores (trial_id uuid, way smallint, position int, scorer text, score float8, "
                   "baseline_score float8, critical boolean, reason text, facts jsonb, at timestamptz, "
                   "PRIMARY KEY (trial_id, way, position, scorer)) ON COMMIT DROP")  # fmt: skip
        for _ in range(2):
            write_judged(tx, TRIAL, judged, "sato", datetime(2026, 11, 27, tzinfo=UTC))
        kept = tx.execute(
            "SELECT position, score, facts->>'prompt' FROM rightsizing_scores ORDER BY position"
        ).fetchall()
        acts = tx.execute("SELECT subject FROM evidence_records WHERE act = 'trial_judged'").fetchall()
    assert kept == [(row.position, row.score, a_judge("good", trial="rows").prompt) for row in rows]
    assert acts == [(f"trial:{TRIAL}",)]


# -- asking


def test_the_same_text_twice_is_a_tie_and_nobody_is_asked(replaying: Replayer, upstream: JudgingUpstream) -> None:
    twins = [replace(pair, candidate=pair.baseline) for pair in PAIRS[:5]]
    judged = all_of(replaying, twins, a_judge("biased", trial="twins"))

    assert [(one.settled.outcome, one.settled.reason) for one in judged] == [("same", "identical")] * 5
    assert upstream.requests == []


def test_both_orders_are_asked_under_the_purpose_of_judging(
    replaying: Replayer, store: Store, upstream: JudgingUpstream
) -> None:
    pair = next(pair for pair in PAIRS if not pair.is_identical)
    asked: list[Question] = []

    def noting(questions: Sequence[Question], at_once: int) -> Iterator[tuple[int, Came]]:
        asked.extend(questions)
        return replaying(questions, at_once)

    (one,) = all_of(noting, [pair], a_judge("good", trial="both"))

    shown = [shown_in(request.json)[1:] for request in upstream.requests]
    assert (pair.candidate, pair.baseline) in shown
    assert (pair.baseline, pair.candidate) in shown
    assert [reply.sight for reply in one.hearing.replies].count("pair") == 2
    with store.reading() as tx:
        booked = entry_rows.of_calls(tx, [one.attempt_id for one in asked])
    assert {(entry.purpose, entry.task) for entry in booked} == {("judge", "triage")}
    assert len(booked) == len(upstream.requests) == len(one.hearing.replies)


def test_a_cap_is_never_exceeded_and_says_what_is_missing(replaying: Replayer, upstream: JudgingUpstream) -> None:
    batches = list(judge_pairs(replaying, PAIRS, a_judge("good", trial="cap"), cap("150", "1"), at_once=8))

    assert batches[-1].refusal is not None
    assert batches[-1].refusal.code == "judge_over_cap"
    assert sum(batch.spent_jpy for batch in batches) <= Decimal(150)
    assert 0 < len(upstream.requests) <= 150
    assert len(batches) > 1
    unpriced = list(
        judge_pairs(replaying, PAIRS, a_judge("good", trial="cap"), replace(cap(), most_of=lambda question: None))
    )
    assert [batch.refusal for batch in unpriced] == [Refusal("judge_unpriced", {"target": "stub/stub-judge-good"})]


def test_what_was_lost_is_asked_anew_and_what_is_done_is_not(
    replaying: Replayer, store: Store, upstream: JudgingUpstream
) -> None:
    first = all_of(replaying, PAIRS[:20], a_judge("good", trial="lost"))
    before = len(upstream.requests)
    done = {one.position for one in first[:15]}  # the last five were asked, and their process died before it kept them
    batches = list(judge_pairs(replaying, PAIRS[:20], a_judge("good", trial="lost"), cap(), done=lambda pair: pair.position in done,
                               taken=attempts_known(store)))  # fmt: skip

    again = [one for batch in batches for one in batch.judged]
    assert [one.position for one in again] == [one.position for one in first[15:]]
    assert [one.settled for one in again] == [one.settled for one in first[15:]]
    assert 0 < len(upstream.requests) - before <= 8 * 5


def test_failures_are_counted_and_refusals_leave_pairs_open(replaying: Replayer, upstream: JudgingUpstream) -> None:
    upstream.behave(Behaviour(status=400), times=2)
    judged = all_of(replaying, PAIRS[:3], a_judge("good", trial="failures"))
    assert sum(reply.how == "failed" for one in judged for reply in one.hearing.replies) == 2
    assert "failed" in [one.settled.reason for one in judged]

    nowhere = replace(a_judge("good", trial="failures"), target="nowhere/model")
    (batch,) = judge_pairs(replaying, PAIRS[:3], nowhere, cap())
    assert batch.refusal == Refusal("judge_not_asked", {"target": "nowhere/model", "why": "model_unknown"})
    assert [one for one in batch.judged if one.settled.reason != "identical"] == []


# -- words and names


PINNED = {"ja": "1.ja.87d7d03a67bdba93", "en": "1.en.181746218f682c4c"}


@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_instruction_does_not_change_under_its_number(lang: str) -> None:
    """Another text is another judge: raise ``INSTRUCTION_NUMBER`` and pin it here."""
    assert INSTRUCTION_NUMBER == 1
    assert a_judge("good", lang=lang).prompt == PINNED[lang]
    assert instruction_in(lang).lang == lang  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("human", "judge", "code"),
    [("", "similarity:u/e", "outcomes_scorer_reported"), ("similarity:u/e", "", "outcomes_scorer_reported"),
     ("", "similar", "outcomes_scorer_reported"), ("judge:u/j", "", "outcomes_judge_as_people")],
)  # fmt: skip
def test_a_figure_that_is_only_reported_decides_nothing(human: str, judge: str, code: str) -> None:
    with pytest.raises(CallerError) as raised:
        scorers_in(table_by("similarity:u/e", "judge:u/j"), human, judge)
    assert raised.value.code == code


def test_a_lone_figure_decides_nothing_either_and_a_lone_judge_is_a_judge() -> None:
    with pytest.raises(CallerError) as raised:
        scorers_in(table_by("similarity:u/e"), "", "")
    assert raised.value.code == "outcomes_scorer_reported"
    assert scorers_in(table_by("judge:u/j"), "", "").judge == "judge:u/j"


def table_by(*judges: str) -> Table:
    n = len(judges)
    none: tuple[None, ...] = (None,) * n
    return Table(tuple(range(n)), ("",) * n, tuple(f"r{at}" for at in range(n)), ("",) * n, ("m",) * n, ("",) * n, (1.0,) * n,
                 judges, none, none, none, none, {}, {})  # fmt: skip


# -- embeddings


def test_how_alike_answers_are_is_a_row_that_says_it_is_only_reported(
    replaying: Replayer, upstream: JudgingUpstream
) -> None:
    target = "stub/text-embedding-3-small"
    found = resemble_pairs(replaying, PAIRS[:20], TRIAL, "triage", target, cap())
    identical = {pair.position for pair in PAIRS[:20] if pair.is_identical}

    assert found.refusal is None
    assert [score.position for score in found.scores] == list(range(20))
    assert {(score.scorer, score.reason, score.baseline_score) for score in found.scores} == {
        (f"similarity:{target}", "reported", None)
    }
    assert all(0 <= (score.score or 0) <= 1 for score in found.scores)
    assert {score.position for score in found.scores if score.score == 1.0} == identical
    assert len(upstream.requests) == 20 - len(identical)
    assert {request.path for request in upstream.requests} == {"/v1/embeddings"}


@pytest.mark.parametrize(
    "body", [b"", b"{}", b'{"data": []}', b'{"data": [{"embedding": "AAAA"}]}', b'{"data": [{"embedding": [1]}]}']
)
def test_vectors_that_are_none_are_no_figure(body: bytes) -> None:
    assert cosine_in(body) is None


def test_figures_keep_to_the_cap(replaying: Replayer, upstream: JudgingUpstream) -> None:
    found = resemble_pairs(replaying, PAIRS[:20], TRIAL, "triage", "stub/text-embedding-3-small", cap("3"))

    assert found.refusal is not None
    assert found.refusal.code == "judge_over_cap"
    assert upstream.requests == []


# -- who may judge

SITES = [
    Site("azure", "azure", "jp", "never", False, ("*",)), Site("anthropic", "anthropic", "us", "never", False, ("*",)),
    Site("bedrock", "aws", "jp", "never", False, ("*",)), Site("own", "", "jp", "never", True, ("*",)),
]  # fmt: skip


@pytest.mark.parametrize(
    ("wanted", "code"),
    [
        ("anthropic/claude-sonnet-5", ""), ("bedrock/anthropic.claude-sonnet-5-v1:0", ""), ("bedrock/meta.llama4-70b", ""),
        ("own/Qwen3-32B-GGUF", ""), ("azure/gpt-5", "judge_same_vendor"), ("azure/o3-mini", "judge_same_vendor"),
        ("azure/gpt-4o-mini", "judge_is_compared"), ("own/our-model-7b", "judge_unknown_vendor"),
    ],
)  # fmt: skip
def test_a_judge_is_of_another_house(wanted: str, code: str) -> None:
    target, compared = _target(wanted), [_target("azure/gpt-4o-mini"), _target("azure/gpt-4o")]
    chosen, dropped = judges_for(SITES, [target], compared)
    allowed, still = judges_for(SITES, [target], compared, allow_same_vendor=True)

    assert [one.code for one in dropped] == ([code] if code else [])
    assert [one.is_same_vendor for one in chosen] == ([] if code else [False])
    assert [one.code for one in still] == (["judge_is_compared"] if code == "judge_is_compared" else [])
    assert [one.is_same_vendor for one in allowed] == ([] if still else [bool(code)])
    for one in dropped:
        assert all(text(f"dropped.{one.code}", lang, **one.facts) for lang in LANGUAGES)


def _target(name: str) -> Target:
    upstream, _, model = name.partition("/")
    return Target(upstream, model)
