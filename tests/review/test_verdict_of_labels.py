"""From labels to a verdict: a trial's table tells how its pairs were drawn, and the exported file says the same."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from pairs_scene import NOW, TRIAL
from test_labelling import FUJI, HASE, House

from jitsuri.flows.cold.judging import Asked, Judged, judge_outcomes
from jitsuri.flows.cold.labelling import Given, label, next_pair
from jitsuri.flows.cold.pricing_outcomes import Prices
from jitsuri.flows.cold.trying.deciding import read_table
from jitsuri.flows.cold.trying.joining import labels_of
from jitsuri.ledger.shapes.pricing import PriceBook
from jitsuri.review.rules.judging import baseline_is_left
from jitsuri.review.shapes import Said
from jitsuri.rightsizing.records import trials as trial_rows
from jitsuri.rightsizing.rules.tabling import rows_of_table
from jitsuri.rightsizing.shapes.outcomes import Table
from jitsuri.rightsizing.wire import read_outcomes as read_file
from jitsuri.store.door import Store

PRICES = Prices(PriceBook("0" * 16, "test", None, ()), NOW, Decimal(150), True)


@pytest.fixture
def table(store: Store, tmp_path: Path) -> Table:
    """160 requests, 90 labels for one candidate: people find the candidate worse where the judge does."""
    import pairs_scene

    house = House.__new__(House)
    pairs_scene.furnish_trial(store, tmp_path, 160)
    house.store, house.folder, house.now = store, tmp_path, NOW
    house.drew = house.draw(90)
    for who in (FUJI, HASE):
        house.now += timedelta(days=1)
        while isinstance(given := next_pair(store, tmp_path, TRIAL, who, house.now), Given):
            left = baseline_is_left(given.pair.pair_id, who)
            is_worse = given.pair.stratum == "judge_worse" and given.pair.position % 3
            press = ("left" if left else "right") if is_worse else "same"
            label(store, given.pair.pair_id, who, Said(press, 0, took_ms=9), house.now)  # type: ignore[arg-type]
    with store.reading() as tx:
        trial = trial_rows.trial(tx, TRIAL)
        assert trial is not None
        return read_table(tx, trial, labels_of(tx, TRIAL))


def decided(table: Table, judge: str) -> Judged:
    asked = Asked(
        baseline="openai/gpt-big", candidates=("openai/gpt-small",), human="people", judge=judge, with_cascade=False
    )
    (found,) = judge_outcomes(table, asked, PRICES)
    return found


@pytest.mark.parametrize("judge", ["", "judge:house"])
def test_the_verdict_weights_the_draw_back(table: Table, judge: str) -> None:
    found = decided(table, judge)
    pairs = found.evidence.pairs
    assert isinstance(pairs.shares, tuple)
    assert isinstance(pairs.stratum_sizes, dict)
    assert sum(pairs.stratum_sizes.values()) == 160
    assert pairs.missing.share == 0.0  # what was left out by design is not missing
    worse = next(size for name, size in pairs.stratum_sizes.items() if name.endswith("judge_worse"))
    truth = -(2 / 3) * worse / 160
    assert found.verdict.difference == pytest.approx(truth, abs=0.035)
    labelled = [one for one in pairs.people_candidate if one is not None]
    plain = sum(one - 1 for one in labelled) / len(labelled)
    assert plain < truth - 0.03  # more was looked at where the judge saw losses
    assert found.verdict.anytime is not None
    assert found.verdict.anytime.labels == 27
    assert (found.verdict.people, len(labelled)) == (len(labelled), pytest.approx(90, abs=6))


@pytest.mark.parametrize("judge", ["", "judge:house"])
def test_the_exported_table_says_the_same_to_the_byte(table: Table, judge: str, tmp_path: Path) -> None:
    file = tmp_path / "outcomes.jsonl"
    file.write_text("\n".join(json.dumps(row, default=str) for row in rows_of_table(table)))
    again = decided(read_file(file), judge)
    first = decided(table, judge)
    assert again.evidence.pairs == first.evidence.pairs
    assert replace(again.verdict, costs=first.verdict.costs) == first.verdict


def test_a_candidate_that_was_not_drawn_is_decided_by_the_judge_alone(table: Table) -> None:
    asked = Asked(baseline="openai/gpt-big", candidates=("local/tiny#p3",), human="people", judge="judge:house")
    (found,) = judge_outcomes(table, asked, PRICES)
    assert found.evidence.pairs.is_uneven is False
