"""The bounds keep their promises on worlds whose truth is known, and every way out is a value with a reason."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from jitsuri.rightsizing.rules import featuring
from jitsuri.rightsizing.rules.calibrating import LOWEST, calibrate, least_labels, separation
from jitsuri.rightsizing.rules.cascading import (
    Router,
    acquainted,
    cascade,
    cascade_of,
    recalibrated,
    recomputed,
    routed,
    scores,
    train,
)
from jitsuri.rightsizing.rules.packing import packed, unpacked
from jitsuri.rightsizing.shapes.cascades import Bound, Cascade, CascadeRow, Loss, Threshold, Untried

GRID = (np.arange(4_000) + 0.5) / 4_000
LABELS = 300
DRAWS = 250


def harm_rate(score: np.ndarray) -> np.ndarray:
    return 0.4 * (1 - score)


def gain_rate(score: np.ndarray) -> np.ndarray:
    return 0.2 * (1 - score)


def drawn(seed: int, n: int = LABELS, *, graded: bool = False) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Scores, strong and cheap of a world where harm falls from 40 % at score 0 to none at score 1."""
    chance = np.random.default_rng(seed)
    score = np.round(np.maximum(chance.random(n), LOWEST), 6)
    at, size = chance.random(n), chance.choice([0.2, 0.5, 1.0], n) if graded else np.ones(n)
    harmed = at < harm_rate(score)
    gained = ~harmed & (at < harm_rate(score) + gain_rate(score))
    return score, np.where(gained, 1 - size, 1.0), np.where(harmed, 1 - size, 1.0)


def true_loss(threshold: float | None, loss: Loss, *, graded: bool = False) -> float:
    if threshold is None:
        return 0.0
    size = 1.7 / 3 if graded else 1.0
    rate = harm_rate(GRID) - (gain_rate(GRID) if loss == "net" else 0)
    return float(size * (rate * (threshold <= GRID)).mean())


def losses(bound: Bound, loss: Loss, allowance: float, *, graded: bool = False) -> np.ndarray:
    found = [
        calibrate(*drawn(seed, graded=graded), bound=bound, loss=loss, allowance=allowance).threshold
        for seed in range(DRAWS)
    ]
    return np.array([true_loss(threshold, loss, graded=graded) for threshold in found])


@pytest.mark.slow
@pytest.mark.parametrize("loss", ["harm", "net"])
@pytest.mark.parametrize("graded", [False, True])
@pytest.mark.parametrize("allowance", [0.01, 0.05])
def test_the_mean_bound_holds_on_average(loss: Loss, graded: bool, allowance: float) -> None:
    """Mean true loss over calibrations ≤ ε + 3 standard errors, and it is not kept by doing nothing."""
    found = losses("mean", loss, allowance, graded=graded)

    assert found.mean() <= allowance + 3 * found.std() / np.sqrt(DRAWS)
    assert found.mean() >= 0.4 * allowance


@pytest.mark.slow
@pytest.mark.parametrize("loss", ["harm", "net"])
@pytest.mark.parametrize("graded", [False, True])
@pytest.mark.parametrize("allowance", [0.01, 0.05])
def test_the_confident_bound_holds_in_95_of_100_calibrations(loss: Loss, graded: bool, allowance: float) -> None:
    found = losses("confident", loss, allowance, graded=graded)

    assert (found <= allowance).mean() >= 0.95 - 3 * np.sqrt(0.05 * 0.95 / DRAWS)
    assert found.max() > 0


def test_a_naive_threshold_breaks_both_promises() -> None:
    """The mutant: the loosest threshold whose calibration loss is ≤ ε. The tests above must be able to see it."""
    found = []
    for seed in range(DRAWS):
        score, strong, cheap = drawn(seed)
        down = np.argsort(-score)
        lost = np.cumsum(np.maximum(strong - cheap, 0)[down]) / LABELS
        found.append(true_loss(float(score[down][np.flatnonzero(lost <= 0.01)[-1]]), "harm"))
    mutant = np.array(found)

    assert mutant.mean() > 0.01 + 3 * mutant.std() / np.sqrt(DRAWS)
    assert (mutant <= 0.01).mean() < 0.6


@pytest.mark.parametrize("loss", ["harm", "net"])
@pytest.mark.parametrize(("allowance", "needed"), [(0.01, 299), (0.05, 59)])
@pytest.mark.parametrize("graded", [False, True])
def test_so_many_labels_without_harm_are_needed(loss: Loss, allowance: float, needed: int, graded: bool) -> None:
    """0 of 299 and 0 of 59 route everything, also for graded scores; one label fewer certifies nothing."""
    full = np.full(needed, 0.5 if graded else 1.0)
    score = np.linspace(0.2, 0.9, needed)

    enough = calibrate(score, full, full, bound="confident", loss=loss, allowance=allowance)
    fewer = calibrate(score[1:], full[1:], full[1:], bound="confident", loss=loss, allowance=allowance)

    assert least_labels(allowance) == needed
    assert (enough.threshold, enough.share_cheap, enough.reason) == (LOWEST, 1.0, "")
    assert enough.upper <= allowance
    assert (fewer.threshold, fewer.share_cheap, fewer.reason) == (None, 0.0, "too_few_labels")


@pytest.mark.parametrize("loss", ["harm", "net"])
def test_one_harm_at_the_top_of_299_certifies_nothing(loss: Loss) -> None:
    ones = np.ones(299)
    cheap = ones.copy()
    cheap[-1] = 0
    found = calibrate(np.linspace(0.2, 0.9, 299), ones, cheap, bound="confident", loss=loss, allowance=0.01)

    assert (found.threshold, found.reason) == (None, "none_certified")
    assert found.upper > 0.01


def test_the_mean_bound_counts_the_harm_that_may_come() -> None:
    """n = 300, ε = 1 point: (Σ + 1) / 301 ≤ 0.01 leaves two harms; the threshold lies just above the third."""
    score, strong, cheap = np.linspace(0.001, 0.3, 300), np.ones(300), np.ones(300)
    cheap[[250, 200, 150, 100]] = 0
    found = calibrate(score, strong, cheap, bound="mean", loss="harm", allowance=0.01)

    assert found.threshold == pytest.approx(score[150] + 1e-6, abs=1e-12)
    assert found.share_cheap == pytest.approx(149 / 300, abs=1e-6)
    assert (found.harm_at, found.upper) == (pytest.approx(2 / 300, abs=1e-6), pytest.approx(3 / 301, abs=1e-6))


@pytest.mark.parametrize("bound", ["mean", "confident"])
@pytest.mark.parametrize("graded", [False, True])
def test_more_allowance_never_routes_more_harm_away(bound: Bound, graded: bool) -> None:
    """Monotone: with the allowance the share only grows."""
    for seed in range(10):
        score, strong, cheap = drawn(seed, graded=graded)
        shares = [
            calibrate(score, strong, cheap, bound=bound, loss="harm", allowance=allowance).share_cheap
            for allowance in (0.01, 0.02, 0.05, 0.1, 0.3)
        ]
        assert all(less <= more for less, more in pairwise(shares))


def test_the_stricter_promise_routes_less_and_gains_only_help() -> None:
    for seed in range(20):
        score, strong, cheap = drawn(seed)
        share = {
            (bound, loss): calibrate(score, strong, cheap, bound=bound, loss=loss, allowance=0.05).share_cheap
            for bound, loss in (("mean", "harm"), ("mean", "net"), ("confident", "harm"))
        }
        assert share["confident", "harm"] <= share["mean", "harm"] <= share["mean", "net"]


@pytest.mark.parametrize("bound", ["mean", "confident"])
@pytest.mark.parametrize("loss", ["harm", "net"])
@pytest.mark.parametrize("graded", [False, True])
def test_what_is_certified_is_within_the_allowance(bound: Bound, loss: Loss, graded: bool) -> None:
    for seed in range(10):
        found = calibrate(*drawn(seed, graded=graded), bound=bound, loss=loss, allowance=0.05)
        assert found.threshold is not None
        assert found.loss_at <= found.upper <= 0.05


def test_a_tie_is_routed_whole_or_not_at_all() -> None:
    score = np.repeat([0.9, 0.5], 150)
    strong, cheap = np.ones(300), np.ones(300)
    cheap[150:156] = 0
    found = calibrate(score, strong, cheap, bound="mean", loss="harm", allowance=0.01)

    assert found.threshold == pytest.approx(0.500001)
    assert found.share_cheap == 0.5


def test_a_strangers_harm_counts_and_its_gain_does_not() -> None:
    """Refusing strangers in use can then only be safer than the calibration was."""
    score, ones = np.linspace(0.001, 0.3, 300), np.ones(300)
    seen = np.ones(300, dtype=bool)
    seen[280:285] = False
    harmed, gained, below = ones.copy(), ones.copy(), ones.copy()
    harmed[280:285], gained[280:285], below[270:275] = 0, 0, 0
    found = calibrate(score, ones, harmed, bound="mean", loss="harm", allowance=0.01, seen=seen)
    paid = calibrate(score, gained, below, bound="mean", loss="net", allowance=0.01)
    unpaid = calibrate(score, gained, below, bound="mean", loss="net", allowance=0.01, seen=seen)

    assert found.threshold is not None
    assert found.threshold > score[280]
    assert found.harm_at == 0
    assert paid.share_cheap == 1
    assert unpaid.share_cheap < 0.1


@pytest.mark.parametrize(
    ("given", "reason"),
    [(np.full(300, 0.4), "constant_scores"), (np.full(300, np.nan), "not_finite"), (np.zeros(0), "too_few_labels")],
)
@pytest.mark.parametrize("bound", ["mean", "confident"])
def test_no_threshold_without_a_reason(given: np.ndarray, reason: str, bound: Bound) -> None:
    ones = np.ones(len(given))
    found = calibrate(given, ones, ones, bound=bound, loss="harm", allowance=0.05)

    assert (found.threshold, found.share_cheap, found.reason) == (None, 0.0, reason)


@pytest.mark.parametrize("bound", ["mean", "confident"])
@pytest.mark.parametrize("loss", ["harm", "net"])
def test_allowances_at_the_edge_are_answered(bound: Bound, loss: Loss) -> None:
    nothing = calibrate(*drawn(1), bound=bound, loss=loss, allowance=0.0)
    everything = calibrate(*drawn(1), bound=bound, loss=loss, allowance=1.0)

    assert (nothing.threshold, nothing.reason) == (None, "too_few_labels")
    assert everything.share_cheap == 1


def test_lengths_must_agree() -> None:
    with pytest.raises(ValueError, match="one length"):
        calibrate(np.ones(3), np.ones(2), np.ones(3), bound="mean", loss="harm", allowance=0.05)


# From rows to a cascade.

ASKED = {
    "増収か減収か": 0.45,
    "流動比率は何%か": 0.0,
    "売上高の合計はいくらか": 0.0,
    "前期より改善したか悪化したか": 0.3,
}


def business_rows(count: int, seed: int = 5, *, graded: bool = False) -> list[CascadeRow]:
    """Tables with a question in the last line; two of the four kinds of question harm."""
    chance = np.random.default_rng(seed)
    rows = []
    for at in range(count):
        asked = list(ASKED)[at % 4]
        figures = "\n".join(f"項目{line} | {chance.integers(10_000):,}" for line in range(6))
        prompt = f"以下は会社{chance.integers(40)}の損益計算書である。\n{figures}\n質問: 2024年3月期は{asked}。"
        harmed = chance.random() < ASKED[asked]
        size = chance.choice([0.2, 0.6]) if graded else 1.0
        fields = {"kind": "要" if at % 4 in (0, 3) else "不要", "id": str(at)}
        rows.append(CascadeRow(f"r{at}", prompt, fields, 1.0, 1 - size * harmed))
    return rows


def by(found: Cascade, bound: Bound, loss: Loss, allowance: float) -> Threshold:
    return next(t for t in found.thresholds if (t.bound, t.loss, t.allowance) == (bound, loss, allowance))


def test_a_cascade_separates_kinds_of_question() -> None:
    found = cascade(business_rows(700), seed=1)

    assert isinstance(found, Cascade)
    assert (found.trained_on, found.calibrated_on) == (350, 350)
    assert found.features == ("fields", "question", "prompt", "length")
    assert found.separation > 0.7
    assert len(found.thresholds) == 8
    assert by(found, "mean", "harm", 0.01).share_cheap > 0.4
    assert by(found, "confident", "harm", 0.01).share_cheap > 0.4


@pytest.mark.parametrize("graded", [False, True])
def test_thresholds_are_recomputed_from_the_scores_alone(graded: bool) -> None:
    """Also after the scores were kept as JSON: no text is needed to check a certificate."""
    rows = business_rows(500, graded=graded)
    found = cascade(rows, seed=2)
    assert isinstance(found, Cascade)
    back = unpacked(packed(found), Cascade)
    outcomes = {row.prompt_id: (row.strong, row.cheap) for row in rows}
    held = np.array([outcomes[name] for name in back.scores])

    assert recomputed(back, outcomes) == found.thresholds
    assert recalibrated(back, held[:, 0], held[:, 1]) == found


def test_any_order_gives_the_same_bytes_and_another_seed_another_split() -> None:
    rows = business_rows(400)
    one, other, third = cascade(rows, seed=1), cascade(rows[::-1], seed=1), cascade(rows, seed=2)

    assert packed(one) == packed(other)
    assert isinstance(one, Cascade)
    assert isinstance(third, Cascade)
    assert set(one.scores) != set(third.scores)


def test_rows_that_teach_nothing_are_a_value_with_a_reason() -> None:
    rows = business_rows(300)
    cases = {
        "too_few_rows": [rows[:149], []],
        "one_class": [[replace(r, cheap=1.0) for r in rows], [replace(r, cheap=0.0) for r in rows]],
        "duplicate_ids": [[*rows, rows[0]]],
        "no_features": [[replace(r, prompt="同じ", fields={}) for r in rows]],
        "not_finite": [[replace(r, strong=float("nan")) for r in rows]],
    }
    for reason, tables in cases.items():
        for given in tables:
            found = cascade(given, seed=1)
            assert isinstance(found, Untried), reason
            assert found.reason == reason
    assert isinstance(cascade_of(rows[:200], rows[200:290]), Untried)
    assert isinstance(train(rows[:49]), Untried)


def test_a_score_that_knows_nothing_certifies_next_to_nothing() -> None:
    chance = np.random.default_rng(3)
    letters = list("abcdef")
    rows = [
        replace(r, cheap=float(chance.random() > 0.3), fields={}, prompt=" ".join(chance.choice(letters, 12)))
        for r in business_rows(600)
    ]
    found = cascade(rows, seed=1)

    assert isinstance(found, Cascade)
    assert by(found, "confident", "harm", 0.01).share_cheap < 0.05


def test_an_unseen_template_stays_with_the_strong_model() -> None:
    """Until the labels have covered it."""
    rows = business_rows(600)
    router = train(rows[:300])
    assert isinstance(router, Router)
    open_wide = Threshold("mean", "harm", 0.05, LOWEST, 1.0, 0.0, 0.0, 0.0, 0.0, 300)
    alien = CascadeRow("x", "Translate this clause of the lease into plain English.", {"kind": "不要"}, 1.0, 1.0)
    wider = acquainted(router, [*rows[300:], replace(alien, prompt_id="y")])

    assert routed(router, open_wide, rows[300:400]).mean() > 0.9
    assert not routed(router, open_wide, [alien])[0]
    assert routed(wider, open_wide, [alien])[0]
    assert not routed(router, replace(open_wide, threshold=None), rows[300:400]).any()
    assert scores(router, []).shape == (0,)


def test_alien_calibration_rows_are_named_and_counted() -> None:
    rows = business_rows(400)
    lone = replace(rows[350], prompt="Please summarise the annexed memorandum for Ms Kent.")
    found = cascade_of(rows[:200], [*rows[200:350], lone, *rows[351:]])

    assert isinstance(found, Cascade)
    assert lone.prompt_id in found.unseen
    assert found.unseen_share == pytest.approx(len(found.unseen) / 200)


def test_the_cheap_answer_is_read_only_when_asked_for() -> None:
    """An answer that gives itself away lifts the AUC; by default neither it nor the signals are looked at."""
    rows = [
        replace(r, cheap_answer="はい" * 30 if r.cheap < 1 else '{"答": 3}', signals={"logprob": -1.0 - r.cheap})
        for r in business_rows(500)
    ]
    before, after = cascade(rows, seed=1), cascade(rows, seed=1, groups=featuring.GROUPS)

    assert isinstance(before, Cascade)
    assert isinstance(after, Cascade)
    assert before.features == ("fields", "question", "prompt", "length")
    assert after.features == ("fields", "question", "prompt", "length", "answer", "signals")
    assert before.separation < after.separation
    assert after.separation > 0.97


@pytest.mark.parametrize(
    ("prompt", "asked"),
    [
        ("表\n1 | 2\n質問: 合計はいくらか。", "質問: 合計はいくらか。"),
        ("What is 2+2?\nA. 3\nB. 4\nC. 5", "What is 2+2?"),
        ("次の文を要約してください。\n\n本文が続く。\n終わり", "次の文を要約してください。"),
        ("一行だけ", "一行だけ"),
        ("  \n ", ""),
        ("", ""),
    ],
)
def test_the_question_is_found(prompt: str, asked: str) -> None:
    assert featuring.question(prompt) == asked


def test_a_template_forgets_figures_quotes_and_addresses() -> None:
    one = featuring.template("表\n質問: 「甲社」の2024年3月期は1,234円か。a@b.jp")

    assert one == featuring.template("他\n質問: 「乙社」の1999年12月期は5円か。x.y@z.com")


def test_separation_counts_ties_half() -> None:
    fine = np.array([True, True, False, False])

    assert separation(np.array([0.9, 0.5, 0.5, 0.1]), fine) == 0.875
    assert separation(np.full(4, 0.3), fine) == 0.5
    assert separation(np.full(2, 0.3), np.array([True, True])) == 0.5


def test_odd_texts_do_not_stop_it() -> None:
    """Empty prompts, lone surrogates, one very long line."""
    odd = ["", "\ud800", "あ" * 50_000, "\x00\n\n", "質問: ?"]
    rows = [replace(r, prompt=r.prompt if at % 3 else odd[at % 5]) for at, r in enumerate(business_rows(320))]

    assert isinstance(cascade(rows, seed=1), Cascade)
