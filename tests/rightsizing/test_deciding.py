"""Verdicts: each rule seen at work, and mutants of the three most dangerous mistakes, which must be noticed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from verdict_worlds import BOUNDARY, JUDGES, MARGIN, Judge, pairs_from, three_valued

from jitsuri.rightsizing.rules import deciding, estimating
from jitsuri.rightsizing.rules.deciding import Family, Origin, decide, p_value_of, with_dropped
from jitsuri.rightsizing.rules.packing import packed, unpacked
from jitsuri.rightsizing.rules.telling import told, verdict_word
from jitsuri.rightsizing.shapes.outcomes import Pairs, Thresholds
from jitsuri.rightsizing.shapes.verdicts import UnitCosts, Verdict

T = Thresholds()
ORIGIN = Origin(0, "sha256:0", "test")
NOTHING = UnitCosts(None, None)
ALONE = Family()


def verdict(pairs: Pairs, thresholds: Thresholds = T, family: Family = ALONE, costs: UnitCosts = NOTHING) -> Verdict:
    return decide(pairs, thresholds, family, costs, ORIGIN)


def codes(found: Verdict) -> list[str]:
    return [reason.code for reason in found.reasons]


def differences(n: int, losses: int, gains: int) -> np.ndarray[Any, np.dtype[np.float64]]:
    return np.array([-1.0] * losses + [1.0] * gains + [0.0] * (n - losses - gains))


# -- what decides


@pytest.mark.parametrize(
    ("losses", "gains", "decision", "reason", "significance"),
    [
        (9, 8, "pass", "shown_no_worse", "none"),
        (20, 2, "undecided", "interval_crosses_margin", "worse"),
        (60, 5, "fail", "shown_worse", "worse"),
        (3, 40, "pass", "shown_no_worse", "better"),
    ],
)
def test_the_interval_against_the_margin_decides(
    losses: int, gains: int, decision: str, reason: str, significance: str
) -> None:
    found = verdict(pairs_from(differences(300, losses, gains)))

    assert (found.decision, found.reasons[0].code, found.significance) == (decision, reason, significance)
    assert found.difference == pytest.approx((gains - losses) / 300, abs=1e-6)
    assert found.span is not None
    assert (found.span.low > -MARGIN) == (decision == "pass")
    assert (found.span.high < -MARGIN) == (decision == "fail")


def test_worse_within_the_margin_is_a_pass_that_says_so() -> None:
    found = verdict(pairs_from(differences(2000, 60, 10)))

    assert (found.decision, found.significance) == ("pass", "worse")
    assert "within_margin_but_worse" in codes(found)


def test_an_open_verdict_says_how_many_labels_it_lacks() -> None:
    found = verdict(pairs_from(differences(100, 5, 4)))

    [reason] = [reason for reason in found.reasons if reason.code == "interval_crosses_margin"]
    assert found.labels_planned - 100 == reason.facts["more_labels"] > 0


@pytest.mark.parametrize(
    ("pairs", "code"),
    [
        (pairs_from(differences(49, 5, 5)), "too_few"),
        (pairs_from(differences(300, 0, 0)), "one_class"),
        (replace(pairs_from(differences(4, 0, 0)), **{
            name: (0.0, 1.0, 1.0, 0.0) * 50 for name in ("people_baseline", "people_candidate")},
            prompt_ids=tuple(str(at) for at in range(200)), strata=("",) * 200,
            judge_baseline=(None,) * 200, judge_candidate=(None,) * 200,
            critical_baseline=(None,) * 200, critical_candidate=(None,) * 200), "all_ties"),
        (replace(pairs_from(differences(300, 5, 5)), missing=replace(
            pairs_from(differences(300, 5, 5)).missing, requests=500, candidate_missing=200)), "missing_too_many"),
    ],
)  # fmt: skip
def test_what_stands_against_any_verdict(pairs: Pairs, code: str) -> None:
    found = verdict(pairs)

    assert found.decision == "undecided"
    assert codes(found)[0] == code
    assert (found.span, found.anytime, found.p_value) == (None, None, None)


# -- slices


def in_two_slices(bad_losses: int) -> Pairs:
    """400 pairs: 340 fine ones, and 60 in which the candidate loses this often."""
    good, bad = differences(340, 4, 14), differences(60, bad_losses, 0)
    return pairs_from(np.concatenate([good, bad]), slices={"channel": ["mail"] * 340 + ["fax"] * 60})


def test_a_slice_that_is_certainly_worse_blocks_a_task_that_passes_as_a_whole() -> None:
    whole, cut = verdict(replace(in_two_slices(18), slices={})), verdict(in_two_slices(18))

    assert whole.decision == "pass"
    assert (cut.decision, codes(cut)[0]) == ("fail", "slice_blocks")
    assert [(one.value, one.state) for one in cut.slices] == [("fax", "blocks"), ("mail", "fine")]
    assert cut.split is not None
    assert (cut.split.without, cut.split.n) == (("channel=fax",), 340)
    assert cut.split.span.low > -MARGIN


def test_a_slice_that_may_be_fine_blocks_nothing() -> None:
    found = verdict(in_two_slices(4))

    assert found.decision == "pass"
    assert {one.state for one in found.slices} == {"fine"}


def test_a_slice_too_small_is_named_and_not_trusted() -> None:
    pairs = pairs_from(differences(300, 5, 6), slices={"kind": ["rare"] * 20 + ["usual"] * 280})

    found = verdict(pairs)

    assert [(one.value, one.state, one.span is None) for one in found.slices] == [
        ("rare", "unconfirmed", True),
        ("usual", "fine", False),
    ]
    assert "slices_unconfirmed" in codes(found)


# -- critical errors and the bar


def with_critical(errors: int, n: int = 300) -> Pairs:
    said = tuple(at < errors for at in range(n))
    return replace(pairs_from(differences(n, 5, 5)), critical_candidate=said, critical_baseline=(False,) * n)


@pytest.mark.parametrize(
    ("errors", "decision", "code"),
    [(0, "pass", None), (12, "undecided", "critical_unproven"), (40, "fail", "critical_too_many")],
)
def test_critical_errors_have_a_bound_of_their_own(errors: int, decision: str, code: str | None) -> None:
    found = verdict(with_critical(errors))

    assert found.decision == decision
    assert found.critical is not None
    assert found.critical.errors == errors
    assert code is None or code in codes(found)
    if not errors:
        assert found.critical.upper == pytest.approx(0.00994, abs=1e-4)  # 1 − 0.05^(1/300)


def test_the_owners_bar_decides_where_there_is_no_baseline() -> None:
    scores = tuple([1.0] * 285 + [0.0] * 15)
    pairs = replace(
        pairs_from(differences(300, 1, 1)), baseline="", people_baseline=(None,) * 300, people_candidate=scores
    )

    met = verdict(pairs, replace(T, bar=0.90))
    missed = verdict(pairs, replace(T, bar=0.99))
    open_ = verdict(pairs, replace(T, bar=0.95))

    assert [verdict_word(v) for v in (met, missed, open_)] == ["基準達成", "基準未達", "証拠不足"]
    assert [v.decision for v in (met, missed, open_)] == ["pass", "fail", "undecided"]
    assert met.bars[0].lower == pytest.approx(0.924, abs=2e-3)  # Clopper–Pearson, 285 of 300, one-sided 95 %
    assert verdict_word(verdict(pairs, T)) == "証拠不足"  # no bar, no baseline: nothing to say


def test_it_may_say_that_todays_model_misses_the_bar() -> None:
    pairs = pairs_from(differences(300, 2, 60))

    found = verdict(pairs, replace(T, bar=0.90))

    assert [bar.decision for bar in found.bars] == ["met", "missed"]
    assert "today_misses_bar" in codes(found)


# -- several candidates


def test_a_family_shares_the_five_percent() -> None:
    pairs = pairs_from(differences(300, 10, 4))
    p_value = p_value_of(pairs, T, 0)
    assert p_value is not None
    assert 0.01 < p_value < 0.05

    alone, among = verdict(pairs), verdict(pairs, family=Family((0.001, None, 0.6, 0.9)))

    assert (alone.decision, among.decision) == ("pass", "undecided")
    assert "family_adjusted" in codes(among)
    assert among.family == 5


def costing(cost: str, losses: int, gains: int, name: str) -> Verdict:
    pairs = replace(pairs_from(differences(300, losses, gains)), candidate=name)
    return verdict(pairs, costs=UnitCosts(Decimal(100), Decimal(cost)))


def test_dearer_and_worse_candidates_are_dropped_with_a_word_cheapest_first() -> None:
    found = with_dropped([costing("120", 5, 5, "dear"), costing("40", 8, 4, "worse"), costing("30", 5, 6, "good")])

    assert [v.candidate for v in found] == ["good", "worse", "dear"]
    assert [v.dropped.code if v.dropped else None for v in found] == [None, "dominated", "not_cheaper"]
    assert codes(found[1])[-1] == "dominated"


def test_two_alike_do_not_drop_each_other() -> None:
    found = with_dropped([costing("30", 5, 5, "a"), costing("30", 5, 5, "b")])

    assert [v.dropped for v in found] == [None, None]


# -- people and judges


def labelled(judge: Judge, n: int = 200, more: int = 2000, seed: int = 0) -> Pairs:
    rng = np.random.default_rng(seed)
    truth = three_valued(0.05, 0.05).draw(rng, n + more)
    people = truth.copy()
    people[n:] = np.nan
    return pairs_from(people, judge.sees(rng, truth))


def test_a_judge_that_knows_something_narrows_the_interval() -> None:
    joined = verdict(labelled(JUDGES[1]))
    alone = verdict(replace(labelled(JUDGES[1]), judge=""))

    assert (joined.method, alone.method) == ("ppi", "paired")
    assert joined.span is not None
    assert alone.span is not None
    assert (joined.span.high - joined.span.low) < 0.8 * (alone.span.high - alone.span.low)
    assert joined.agreement is not None
    assert joined.agreement.is_used
    assert joined.agreement.bias > 0.03
    assert joined.agreement.kappa is not None


@pytest.mark.parametrize(
    ("twist", "why"),
    [
        (lambda seen, rng: -seen, "misleading"),
        (lambda seen, rng: rng.choice([-1.0, 0.0, 1.0], len(seen)), "no_information"),
        (lambda seen, rng: np.zeros(len(seen)), "no_information"),
    ],
)
def test_a_misleading_judge_is_set_aside_and_people_alone_decide(twist: Callable[..., Any], why: str) -> None:
    pairs = labelled(JUDGES[0], seed=3)
    people = estimating.array(pairs.people_candidate) - estimating.array(pairs.people_baseline)
    seen = estimating.array(pairs.judge_candidate) - estimating.array(pairs.judge_baseline)
    twisted = pairs_from(people, twist(seen, np.random.default_rng(5)))

    found, alone = verdict(twisted), verdict(replace(twisted, judge=""))

    assert found.agreement is not None
    assert (found.agreement.is_used, found.agreement.set_aside) == (False, why)
    assert "judge_set_aside" in codes(found)
    assert (found.span, found.difference, found.method) == (alone.span, alone.difference, "paired")


def test_without_people_the_page_says_so() -> None:
    rng = np.random.default_rng(2)
    hard = rng.random(400) < 0.3  # requests that both find hard: a judge that reads them sees it in both
    one = np.where(hard & (rng.random(400) < 0.9), 0.0, 1.0)
    other = np.where(rng.random(400) < 0.05, 1 - one, one)
    pairs = replace(
        pairs_from(np.zeros(400)), human="", judge="llm", people_baseline=(None,) * 400, people_candidate=(None,) * 400,
        judge_baseline=tuple(one), judge_candidate=tuple(other),
    )  # fmt: skip

    sane, random = verdict(pairs), verdict(replace(pairs, judge_candidate=tuple(rng.permutation(other))))

    assert "judge_only" in codes(sane)
    assert sane.source == "judge"
    assert (random.decision, codes(random)[0]) == ("undecided", "judge_nonsense")


def test_tenths_are_one_step_whatever_binary_fractions_say() -> None:
    """0.9 − 0.6 and 0.8 − 0.5 differ in the last bit; as two steps they would undo the correction for whole steps."""
    marks = [(0.9, 0.6), (0.8, 0.5), (0.7, 0.4), (0.5, 0.5), (0.2, 0.3)] * 40
    pairs = replace(
        pairs_from(np.zeros(200)),
        people_baseline=tuple(b for b, _ in marks), people_candidate=tuple(c for _, c in marks),
    )  # fmt: skip

    found = estimating.estimate(pairs, T, 0)

    assert np.unique(found.differences).tolist() == [-0.3, 0.0, 0.1]


# -- the e-process


def test_looking_every_day_can_decide_both_ways() -> None:
    rng = np.random.default_rng(0)
    good = verdict(pairs_from(three_valued(0.02, 0.02).draw(rng, 800)))
    bad = verdict(pairs_from(three_valued(0.25, 0.02).draw(rng, 800)))

    assert good.anytime is not None
    assert bad.anytime is not None
    assert (good.anytime.decision, bad.anytime.decision) == ("pass", "fail")
    assert 60 < (good.anytime.decided_at or 0) < 500


# -- the record


def test_a_verdict_survives_its_record() -> None:
    found = verdict(in_two_slices(18), replace(T, bar=0.8))

    assert unpacked(packed(found), Verdict) == found
    assert packed(unpacked(packed(found), Verdict)) == packed(found)
    assert told(found)["verdict"] == "不合格"


def test_every_constant_stands_on_the_record() -> None:
    found = verdict(pairs_from(differences(300, 5, 5)), replace(T, bar=0.8, margin=0.03))

    assert found.thresholds["margin"] == 0.03
    assert set(found.thresholds) == {name for name in Thresholds.__dataclass_fields__}


# -- mutants: each mistake must turn a check red


def the_slice_rule_holds() -> None:
    assert verdict(in_two_slices(18)).decision == "fail"


def the_margin_points_down() -> None:
    assert verdict(pairs_from(differences(300, 9, 9))).decision == "pass"
    assert verdict(pairs_from(differences(300, 60, 5))).decision == "fail"


def people_correct_the_judge() -> None:
    """A judge that leans to the candidate must not carry a candidate at the boundary over it."""
    rng = np.random.default_rng(1)
    world, judge, passed = BOUNDARY[3], JUDGES[2], 0
    for _ in range(100):
        truth = world.draw(rng, 1200)
        people = truth.copy()
        people[200:] = np.nan
        p_value = p_value_of(pairs_from(people, judge.sees(rng, truth)), T, 0)
        passed += p_value is not None and p_value <= 0.05
    assert passed <= 12


@pytest.mark.slow
def test_the_checks_hold_without_a_mutant() -> None:
    the_slice_rule_holds()
    the_margin_points_down()
    people_correct_the_judge()


def test_mutant_slice_rule_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deciding, "slices_of", lambda *_: ())

    with pytest.raises(AssertionError):
        the_slice_rule_holds()


def test_mutant_sign_of_the_margin(monkeypatch: pytest.MonkeyPatch) -> None:
    real = deciding._of_span
    monkeypatch.setattr(deciding, "_of_span", lambda f, s, t: real(f, s, replace(t, margin=-t.margin)))

    with pytest.raises(AssertionError):
        the_margin_points_down()


@pytest.mark.slow
def test_mutant_judge_only(monkeypatch: pytest.MonkeyPatch) -> None:
    def judge_alone(pairs: Pairs, people: Any, judge: Any, labelled: Any, judged: Any, *rest: Any) -> Any:
        return estimating._of_judge(replace(pairs, human="", is_judge_named=False), judge, judged)

    monkeypatch.setattr(estimating, "_of_people", judge_alone)

    with pytest.raises(AssertionError):
        people_correct_the_judge()
