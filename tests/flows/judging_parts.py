"""Pairs to judge, and the way from what was judged to a verdict: through a file, as anybody would hand it in."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from jitsuri.flows.cold.judging import Asked, judge_outcomes
from jitsuri.flows.cold.judging import Judged as Decided
from jitsuri.flows.cold.judging_pairs import Cap, JudgeAsked, Judged, JudgedBatch, JudgedPair, judge_asked, judge_pairs
from jitsuri.flows.cold.pricing_outcomes import Prices
from jitsuri.ledger.shapes.pricing import PriceBook
from jitsuri.providers.shapes import Ask
from jitsuri.rightsizing.wire import read_outcomes, write_rows
from jitsuri.terms.ids import derived_id

TRIAL = derived_id("trial", "one")
BASELINE, CANDIDATE = "stub/gpt-4o", "stub/gpt-4o-mini"
PRICES = Prices(PriceBook("test", "test", None, ()), datetime(2026, 11, 27, tzinfo=UTC), Decimal(150), True)


def chance(*names: object) -> float:
    return int.from_bytes(hashlib.sha256(repr(names).encode()).digest()[:4], "big") / 2**32


def some_pairs(n: int, way: int = 1) -> list[JudgedPair]:
    """One in ten is worse, one in five better, one in twenty the same text; how long an answer is says nothing of it."""
    pairs = []
    for at in range(n):
        kind = chance("kind", at)
        base = 5
        other = 2 if kind < 0.1 else 8 if kind < 0.3 else 5
        texts = ["承りました。" + "手配いたします。" * (2 + int(8 * chance("long", at, side))) for side in (0, 1)]
        baseline = f"{texts[0]} 品質{base}"
        candidate = baseline if kind > 0.95 else f"{texts[1]} 品質{other}"
        pairs.append(JudgedPair(way, at, derived_id("thread", str(at)), f"依頼 {at}", candidate, baseline))
    return pairs


def a_judge(name: str, **more: Any) -> JudgeAsked:
    """``trial``: the trial's name; the same question of the same trial is asked only once."""
    trial_id = derived_id("trial", more.pop("trial", "one"))
    return judge_asked(trial_id, "triage", f"stub/stub-judge-{name}", **more)


def cap(left: str = "100000", most: str = "1") -> Cap:
    return Cap(Decimal(left), lambda question: Decimal(most))


def all_of(ask: Ask, pairs: Sequence[JudgedPair], judge: JudgeAsked) -> list[Judged]:
    batches: list[JudgedBatch] = list(judge_pairs(ask, pairs, judge, cap(), at_once=16))
    assert [batch.refusal for batch in batches if batch.refusal] == [], batches[-1]
    return [one for batch in batches for one in batch.judged]


def outcome_rows(
    judged: Sequence[Judged], people: dict[int, tuple[float, float]] | None = None
) -> list[dict[str, object]]:
    """Rows as a trial exports them: the baseline's and the candidate's score, and what the judge said at the candidate's."""
    rows: list[dict[str, object]] = []
    for one in judged:
        candidate, baseline = one.scores
        asked = {"task": "triage", "prompt_id": f"r{one.position:04d}"}
        rows += [
            {**asked, "model": BASELINE, "score": baseline, "judge": one.scorer},
            {**asked, "model": CANDIDATE, "score": candidate, "judge": one.scorer, "judge_facts": facts_text(one)},
        ]
        if people and one.position in people:
            told = people[one.position]
            rows += [{**asked, "model": model, "score": score, "judge": "people"}
                     for model, score in zip((CANDIDATE, BASELINE), told, strict=True)]  # fmt: skip
    return rows


def facts_text(judged: Judged) -> str:
    import msgspec

    return msgspec.json.encode(judged.facts).decode()


def decided(path: Path, judged: Sequence[Judged], people: dict[int, tuple[float, float]] | None = None) -> Decided:
    """The verdict of the offline command on the exported table."""
    file = path / "outcomes.jsonl"
    write_rows(file, outcome_rows(judged, people), is_forced=True)
    asked = Asked(BASELINE, (CANDIDATE,), judge=judged[0].scorer, human="people" if people else "", with_cascade=False)
    (found,) = judge_outcomes(read_outcomes(file), asked, PRICES)
    return found
