"""Verdicts on real outcomes, named by JITSURI_DATA: what two careful implementations found before."""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from jitsuri.flows.cold.judging import Asked, judge_outcomes
from jitsuri.flows.cold.pricing_outcomes import Prices
from jitsuri.ledger.wire.compiling import book_from_library
from jitsuri.rightsizing.rules.deciding import Family, Origin, decide
from jitsuri.rightsizing.rules.estimating import array, estimate
from jitsuri.rightsizing.shapes.outcomes import Pairs, Table, Thresholds
from jitsuri.rightsizing.shapes.verdicts import Missing, UnitCosts, Verdict
from jitsuri.rightsizing.wire import read_outcomes

DATA = Path(os.environ.get("JITSURI_DATA", "/nonexistent")) / "outcomes"
pytestmark = [pytest.mark.real, pytest.mark.skipif(not DATA.is_dir(), reason="JITSURI_DATA names no outcomes")]

PEOPLE = "gpt-4.1-2025-04-14"
OPEN_JUDGES = ("llmjudge-athenev2", "llmjudge-llama33", "llmjudge-tulu405")


@cache
def table(name: str) -> Table:
    return read_outcomes(DATA / f"{name}.parquet")


@cache
def prices() -> Prices:
    return Prices(book_from_library(), datetime(2026, 11, 22, tzinfo=UTC), Decimal(150), True)


def judged(name: str, **asked: object) -> dict[str, Verdict]:
    found = judge_outcomes(table(name), Asked(with_cascade=False, **asked), prices())  # type: ignore[arg-type]
    return {one.verdict.task or "*": one.verdict for one in found}


@pytest.mark.parametrize(
    ("baseline", "candidate", "decision", "significance", "difference"),
    [
        ("gpt-5-2025-08-07", "gpt-5-mini-2025-08-07", "pass", "none", -0.002),
        ("gpt-4o-2024-11-20", "google__gemma-3-27b-it", "fail", "worse", -0.116),
        ("gemini__gemini-2.5-pro", "gemini__gemini-2.5-flash", "pass", "worse", -0.027),
    ],
)
@pytest.mark.parametrize("eyes", ["human", "judge"])
def test_marks_of_one_judge_pooled(
    baseline: str, candidate: str, decision: str, significance: str, difference: float, eyes: str
) -> None:
    found = judged("shaberi_ja", baseline=baseline, candidates=(candidate,), is_pooled=True, **{eyes: PEOPLE})["*"]

    assert (found.decision, found.significance, found.n) == (decision, significance, 320)
    assert found.difference == pytest.approx(difference, abs=5e-4)
    assert ("within_margin_but_worse" in {r.code for r in found.reasons}) == (
        (decision, significance) == ("pass", "worse")
    )


def test_a_business_task_cut_into_three() -> None:
    found = judged("jfinqa", baseline="gpt-4o", candidates=("gemini-2.0-flash",))

    assert {task: one.decision for task, one in found.items()} == {
        "numerical_reasoning": "pass",
        "temporal_reasoning": "fail",
        "consistency_checking": "undecided",
    }
    assert found["consistency_checking"].span_95 is not None
    assert found["consistency_checking"].span_95.low == pytest.approx(-0.113, abs=0.01)
    assert all(one.costs.saving_jpy is not None and one.costs.saving_jpy > 0 for one in found.values())


def test_mmlu_fails_as_a_whole_and_its_subjects_differ() -> None:
    asked = {"baseline": "gpt-4-1106-preview", "candidates": ("mistralai/Mixtral-8x7B-Instruct-v0.1",)}
    whole = judged("routellm_mmlu_mtbench", is_pooled=True, **asked)["*"]
    parts = judged("routellm_mmlu_mtbench", **asked)

    assert whole.decision == "fail"
    assert {one.decision for one in parts.values()} == {"pass", "fail", "undecided"}


def test_the_same_model_twice_never_fails() -> None:
    name = "sbintuitions__sarashina2.2-3b-instruct-v0.1"
    whole = judged("shaberi_ja", baseline=name, candidates=(f"{name}.run2",), is_pooled=True, human=PEOPLE)["*"]

    assert (whole.decision, whole.significance) == ("pass", "none")


def differences() -> tuple[np.ndarray, np.ndarray]:  # type: ignore[type-arg]
    name = "sbintuitions__sarashina2.2-3b-instruct-v0.1"
    held = table("shaberi_ja")
    scores: dict[str, dict[str, float]] = {name: {}, f"{name}.run2": {}}
    for model, judge, prompt, score in zip(held.models, held.judges, held.prompt_ids, held.scores, strict=True):
        if model in scores and judge == PEOPLE and score is not None:
            scores[model][prompt] = score
    common = sorted(set(scores[name]) & set(scores[f"{name}.run2"]))
    return np.array([scores[name][p] for p in common]), np.array([scores[f"{name}.run2"][p] for p in common])


def test_a_a_runs_are_called_different_in_at_most_five_percent_and_never_fail() -> None:
    one, other = differences()
    rng, runs, called, failed = np.random.default_rng(1), 800, 0, 0
    for _ in range(runs):
        at, flip = rng.integers(0, len(one), len(one)), rng.random(len(one)) < 0.5
        first, second = np.where(flip, other[at], one[at]), np.where(flip, one[at], other[at])
        n = len(first)
        pairs = Pairs(
            task="t", baseline="a", candidate="b", human="people", judge="", prompt_ids=tuple(str(k) for k in range(n)),
            strata=("",) * n, people_baseline=tuple(first), people_candidate=tuple(second), judge_baseline=(None,) * n,
            judge_candidate=(None,) * n, critical_baseline=(None,) * n, critical_candidate=(None,) * n, slices={},
            missing=Missing(n, n, 0, 0),
        )  # fmt: skip
        found = decide(pairs, Thresholds(), Family(), UnitCosts(None, None), Origin(0, "", ""))
        called += found.significance != "none"
        failed += found.decision == "fail"

    assert failed == 0
    assert called / runs <= 0.05 + 2 * np.sqrt(0.05 * 0.95 / runs)


@pytest.mark.slow
def test_labels_are_worth_half_as_much_again_with_any_open_judge_and_twice_with_the_best() -> None:
    """People: gpt-4.1 on 100 of the requests; the judge saw all. Squared width of people's interval over the joined one."""
    held = table("shaberi_ja")
    scores: dict[tuple[str, str], dict[str, float]] = {}
    for model, judge, prompt, score in zip(held.models, held.judges, held.prompt_ids, held.scores, strict=True):
        if score is not None:
            scores.setdefault((model, judge), {})[prompt] = score
    models = sorted({m for m, _ in scores if all((m, j) in scores for j in (PEOPLE, *OPEN_JUDGES))})
    worth = {}
    for judge in OPEN_JUDGES:
        ratios = []
        rng = np.random.default_rng(2)
        for at, one in enumerate(models * 4):
            for other in models[at % len(models) + 1 :]:
                common = sorted(set.intersection(*(set(scores[m, j]) for m in (one, other) for j in (PEOPLE, judge))))
                drawn, more = rng.integers(0, len(common), 100), rng.integers(0, len(common), 2000)
                rows = [common[k] for k in (*drawn, *more)]
                n = len(rows)

                def column(model: str, eyes: str, upto: int, rows: list[str] = rows) -> tuple[float | None, ...]:
                    return tuple(scores[model, eyes][p] if k < upto else None for k, p in enumerate(rows))

                pairs = Pairs(
                    task="t", baseline=one, candidate=other, human="people", judge="judge",
                    prompt_ids=tuple(str(k) for k in range(n)), strata=("",) * n,
                    people_baseline=column(one, PEOPLE, 100), people_candidate=column(other, PEOPLE, 100),
                    judge_baseline=column(one, judge, n), judge_candidate=column(other, judge, n),
                    critical_baseline=(None,) * n, critical_candidate=(None,) * n, slices={}, missing=Missing(n, n, 0, 0),
                )  # fmt: skip
                joined = estimate(pairs, Thresholds(), 0)
                alone = estimate(replace(pairs, judge=""), Thresholds(), 0)
                widths = [e.upper(0.05) - e.lower(0.05) for e in (alone, joined)]
                ratios.append((widths[0] / widths[1]) ** 2)
        worth[judge] = float(np.median(ratios))

    assert min(worth.values()) >= 1.5, worth
    assert max(worth.values()) >= 2.0, worth


def test_scores_that_nobody_gave_are_no_scores() -> None:
    assert np.isnan(array((None, 0.5))).tolist() == [True, False]
