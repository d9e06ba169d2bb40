"""Differences of the audit by people and by a judge, as evidence: what voids, what does not, and that no place changes its value."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from uuid import UUID

import pytest
from audit_parts import JUDGE, NEW, OLD, Audit
from hypothesis import given
from hypothesis import strategies as st
from judging_upstream import JudgingUpstream

from jitsuri.evaluation.rules.judging.controlling import CONTROLS, controls_running
from jitsuri.evidence import records as evidence_rows
from jitsuri.flows.cold.freezing_worlds import differences
from jitsuri.flows.cold.labelling import label, undo
from jitsuri.flows.cold.settling_labels import settle_labels
from jitsuri.review import records as review_rows
from jitsuri.review.rules.counting import counted, difference_of
from jitsuri.review.rules.judging import press_of
from jitsuri.review.shapes import Label, Said
from jitsuri.rightsizing.rules.auditing import taken
from jitsuri.rightsizing.shapes.lives import Audited
from jitsuri.store.door import Store
from jitsuri.terms.outcomes import Refusal
from jitsuri.words import LANGUAGES, sentence


@pytest.fixture
def upstream() -> Iterator[JudgingUpstream]:
    with JudgingUpstream() as running:
        yield running


@pytest.fixture(autouse=True)
def _keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STUB_KEY", "sk-stub")
    monkeypatch.setenv("no_proxy", "*")


def begun(store: Store, upstream: JudgingUpstream, folder: Path, new: int = 12, old: int = 6, **quality: int) -> Audit:
    scene = Audit(store, upstream, folder, **quality)
    scene.calls(new, old)
    scene.audit()
    return scene


def test_pairs_are_shown_in_the_order_of_the_evidence_whichever_answer_came_first(
    store: Store, upstream: JudgingUpstream, tmp_path: Path
) -> None:
    scene = Audit(store, upstream, tmp_path)
    scene.calls(5)
    scene.audit(backwards=True)
    scene.calls(4, name="more")
    scene.audit(backwards=True)
    with store.reading() as tx:
        shown = [one.call_id for one in review_rows.pairs_of(tx, scene.trial_id)]
    assert shown == [one.call_id for one in scene.rows()]
    assert len(shown) == 9


FUJI, HASE = "fuji@example.jp", "hase@example.jp"


def refusal(came: object) -> str:
    assert isinstance(came, Refusal), came
    assert all(sentence("refusal", came.code, lang, came.facts) for lang in LANGUAGES)
    return came.code


@pytest.mark.parametrize(("quality", "causes"), [(2, ["audit_worse"]), (5, []), (8, [])])
def test_people_void_what_became_worse_and_only_that(
    store: Store, upstream: JudgingUpstream, tmp_path: Path, quality: int, causes: list[str]
) -> None:
    scene = begun(store, upstream, tmp_path, new=26, old=10, new_quality=quality)
    for _ in range(14):
        scene.label(FUJI)
    assert scene.watch() == [], "none has stood for ten minutes"
    while scene.label(FUJI) is not None:
        pass
    assert scene.watch(minutes=11) == causes
    assert {one.difference for one in scene.rows()} == {{2: -1.0, 5: 0.0, 8: 1.0}[quality]}
    assert scene.standing().judged == (("people", 36),)
    with store.reading() as tx:
        acts = [one.record for one in evidence_rows.recent(tx, 1000)]
    assert {one.actor for one in acts if one.act == "audit_judged"} == {FUJI}
    assert [one.subject for one in acts if one.act == "pair_texts_viewed"] == [f"certificate:{scene.number}"]


@pytest.mark.parametrize(("quality", "causes"), [(2, ["audit_worse"]), (5, [])])
def test_a_judge_voids_what_became_worse_and_only_that(
    store: Store, upstream: JudgingUpstream, tmp_path: Path, quality: int, causes: list[str]
) -> None:
    scene = begun(store, upstream, tmp_path, new=26, old=10, new_quality=quality)
    done = scene.judge()
    assert (done.judged, done.recorded, done.set_aside, done.refusal) == (36, 36, "", None)
    assert {one.difference for one in scene.rows()} == {-1.0 if quality == 2 else 0.0}
    assert scene.standing().judged == ((f"judge:{JUDGE}", 36),)
    assert scene.judge().judged == 0, "nobody is asked twice"
    assert scene.watch() == causes


@pytest.mark.parametrize("name", ["biased", "silent", "garbage", "obeying"])
def test_a_judge_that_is_set_aside_records_nothing_and_is_asked_no_more(
    store: Store, upstream: JudgingUpstream, tmp_path: Path, name: str
) -> None:
    upstream.judges["claude-haiku-4-5"] = name
    scene = begun(store, upstream, tmp_path, new=24, old=0, new_quality=2)
    done = scene.judge()
    assert (done.judged, done.recorded) == (20, 0)
    assert done.set_aside
    asked = len(upstream.requests)
    assert scene.judge().set_aside == done.set_aside
    assert len(upstream.requests) == asked
    assert scene.standing().waiting == 24, "people may still judge them"


def test_before_ten_pairs_a_judges_word_waits(store: Store, upstream: JudgingUpstream, tmp_path: Path) -> None:
    scene = begun(store, upstream, tmp_path, new=6, old=2, new_quality=2)
    assert (scene.judge().judged, scene.standing().waiting) == (8, 8)
    scene.calls(4, name="more")
    scene.audit()
    done = scene.judge()
    assert (done.judged, done.recorded, scene.standing().waiting) == (4, 12, 0)


def test_what_people_have_or_hold_is_theirs(store: Store, upstream: JudgingUpstream, tmp_path: Path) -> None:
    scene = begun(store, upstream, tmp_path, new=15, old=0, new_quality=2)
    said = scene.label(FUJI, "candidate")
    assert said is not None
    held = scene.given(HASE)
    assert held is not None
    assert scene.judge().recorded == 13
    theirs = {said.pair_id, held.pair.pair_id}
    with store.reading() as tx:
        calls = {one.call_id for one in review_rows.pairs_of(tx, scene.trial_id) if one.pair_id in theirs}
    assert {one.call_id for one in scene.rows() if not one.source} == calls
    standing = scene.standing()
    assert (standing.waiting, standing.held_back) == (2, 13), "the first two pairs of the order wait"


def test_people_take_a_judges_place_only_where_the_evidence_has_not_come(
    store: Store, upstream: JudgingUpstream, tmp_path: Path
) -> None:
    scene = begun(store, upstream, tmp_path, new=15, old=0, new_quality=2)
    gap = scene.given(HASE)  # the first of the order waits
    assert gap is not None
    assert scene.judge().recorded == 14
    first = scene.label(FUJI, "candidate")
    assert first is not None
    scene.now += timedelta(minutes=11)
    assert settle_labels(store, scene.now) == 1, "nobody has looked at a sum with it in"
    with store.reading() as tx:
        calls = {one.pair_id: one.call_id for one in review_rows.pairs_of(tx, scene.trial_id)}
    by_call = {one.call_id: one for one in scene.rows()}
    assert (by_call[calls[first.pair_id]].source, by_call[calls[first.pair_id]].difference) == ("people", 1.0)
    came = label(store, gap.pair.pair_id, HASE, Said("same", 0), scene.now)
    assert isinstance(came, Label)
    scene.now += timedelta(minutes=11)
    settle_labels(store, scene.now)
    assert taken(scene.rows()) == 15
    before = differences(scene.rows())
    late = scene.label(FUJI, "candidate")
    assert late is not None
    scene.now += timedelta(minutes=11)
    assert settle_labels(store, scene.now) == 0
    assert differences(scene.rows()) == before
    assert (scene.standing().beside, scene.standing().disagree) == (1, 1)


def test_a_label_is_taken_back_before_it_counts_and_not_after(
    store: Store, upstream: JudgingUpstream, tmp_path: Path
) -> None:
    scene = begun(store, upstream, tmp_path, new=3, old=0)
    first = scene.label(FUJI, "candidate")
    assert first is not None
    scene.now += timedelta(minutes=9)
    taken_back = undo(store, first.pair_id, FUJI, 1, scene.now)
    assert isinstance(taken_back, Label)
    scene.now += timedelta(minutes=11)
    assert settle_labels(store, scene.now) == 0
    again = scene.label(FUJI, "baseline")
    assert again is not None
    assert (again.pair_id, again.version) == (first.pair_id, 3)
    scene.now += timedelta(minutes=11)
    assert (settle_labels(store, scene.now), settle_labels(store, scene.now)) == (1, 0)
    assert scene.rows()[0].difference == -1.0
    assert refusal(undo(store, first.pair_id, FUJI, 3, scene.now)) == "label_counted"
    press = press_of("candidate", baseline_left=scene_left(again))
    assert refusal(label(store, first.pair_id, FUJI, Said(press, 3), scene.now)) == "label_counted"
    same = press_of("baseline", baseline_left=scene_left(again))
    why = label(store, first.pair_id, FUJI, Said(same, 3, reason_codes=("tone",)), scene.now)
    assert isinstance(why, Label), "a reason may still be added"


def scene_left(one: Label) -> bool:
    from jitsuri.review.rules.judging import baseline_is_left

    return baseline_is_left(one.pair_id, one.person)


def test_the_direction_of_the_audit_does_not_matter(store: Store, upstream: JudgingUpstream, tmp_path: Path) -> None:
    scene = begun(store, upstream, tmp_path, new=4, old=4, new_quality=8)
    while scene.label(FUJI) is not None:
        pass
    scene.now += timedelta(minutes=11)
    settle_labels(store, scene.now)
    assert {(one.direction, one.difference) for one in scene.rows()} == {("new_answered", 1.0), ("old_answered", 1.0)}


def test_a_skip_and_deleted_texts_hold_nothing_up(store: Store, upstream: JudgingUpstream, tmp_path: Path) -> None:
    scene = begun(store, upstream, tmp_path, new=3, old=0)
    scene.label(FUJI, "skip")
    with store.transaction() as tx:
        tx.execute("DELETE FROM calls_texts WHERE call_id = %s", (scene.rows()[1].call_id,))
    assert scene.label(FUJI, "same") is not None
    scene.now += timedelta(minutes=11)
    assert settle_labels(store, scene.now) == 3
    assert [(one.difference, one.source) for one in scene.rows()] == [(None, "people"), (None, "gone"), (0.0, "people")]
    assert taken(scene.rows()) == 3
    assert scene.standing().passed_over == 2


def test_asking_and_judging_share_the_months_yen(store: Store, upstream: JudgingUpstream, tmp_path: Path) -> None:
    scene = begun(store, upstream, tmp_path, new=12, old=0)
    with store.reading() as tx:
        spent = scene.spent(tx)
    done = scene.judge(spent + Decimal("0.01"))
    assert done.refusal is not None
    assert (done.judged, done.refusal.code) == (0, "judge_over_cap")
    done = scene.judge()
    with store.reading() as tx:
        assert scene.spent(tx) == spent + done.spent_jpy
    assert done.spent_jpy > 0


def test_a_judge_of_the_same_house_is_refused(store: Store, upstream: JudgingUpstream, tmp_path: Path) -> None:
    scene = begun(store, upstream, tmp_path, new=1, old=0)
    for judge in ("stub/gpt-5", f"stub/{NEW}", f"stub/{OLD}", "nowhere/x", ""):
        done = scene.judge(judge=judge)
        assert refusal(done.refusal) == "judge_unsuitable"


def test_a_call_that_is_booked_late_comes_last(store: Store, upstream: JudgingUpstream, tmp_path: Path) -> None:
    scene = begun(store, upstream, tmp_path, new=3, old=0)
    before = [one.call_id for one in scene.rows()]
    scene.world.now -= timedelta(seconds=30)
    scene.calls(1, name="late")
    scene.audit()
    assert [one.call_id for one in scene.rows()][:3] == before
    assert scene.rows()[3].called_at < scene.rows()[0].called_at


# -- rules

_STATES = st.tuples(
    st.sampled_from(["asked", "answered", "failed"]), st.sampled_from([-1.0, 0.0, 1.0, None]), st.booleans()
)


@given(st.lists(_STATES, max_size=12), st.data())
def test_what_is_taken_only_grows(rows: list[tuple[str, float | None, bool]], data: st.DataObject) -> None:
    """Whatever happens next to any call, the sum so far keeps its places and their values."""

    def made(at: int, state: str, difference: float | None, is_judged: bool) -> Audited:
        source = "people" if is_judged and state == "answered" else ""
        value = difference if source else None
        when = datetime(2026, 11, 27, tzinfo=UTC)
        return Audited("JR", UUID(int=at), when, "new_answered", "x/y", UUID(int=at), state, value, source)  # type: ignore[arg-type]

    audited = [made(at, *row) for at, row in enumerate(rows)]
    before, place = differences(audited), taken(audited)
    open_ones = [
        at for at, one in enumerate(audited) if one.state == "asked" or not (one.source or one.state == "failed")
    ]
    if open_ones:
        at = data.draw(st.sampled_from(open_ones))
        audited[at] = made(
            at, data.draw(st.sampled_from(["answered", "failed"])), data.draw(st.sampled_from([-1.0, None])), True
        )
    assert taken(audited) >= place
    assert differences(audited)[: len(before)] == before


def test_labels_count_after_ten_minutes_and_as_their_mean() -> None:
    at = datetime(2026, 11, 27, tzinfo=UTC)

    def said(person: str, choice: str, minutes: int, *, is_undone: bool = False) -> Label:
        when = at - timedelta(minutes=minutes)
        return Label(UUID(int=1), person, 1, choice, False, False, (), "", 0, is_undone, person, when)  # type: ignore[arg-type]

    assert counted([], at) is None
    assert counted([said("a", "candidate", 9)], at) is None
    assert counted([said("a", "candidate", 10, is_undone=True)], at) is None
    one = counted([said("a", "candidate", 10)], at)
    assert one is not None
    assert (one.difference, one.person) == (1.0, "a")
    both = counted([said("a", "candidate", 30), said("b", "both_bad", 20), said("c", "skip", 11)], at)
    assert both is not None
    assert (both.difference, both.person) == (0.5, "c")
    assert difference_of([said("a", "skip", 30)]) is None


@given(st.integers(0, 200), st.integers(0, 50), st.integers(0, 2**31))
def test_running_controls_are_many_at_first_and_few_later(n: int, had: int, seed: int) -> None:
    names = [f"1:{at}" for at in range(n)]
    found = controls_running(names, [True] * n, dict.fromkeys(CONTROLS, had), seed)
    for kind in CONTROLS:
        carried = [name for name in names if kind in found.get(name, ())]
        first = max(0, 10 - had)
        assert carried[:first] == names[:first]
        assert len(carried) <= first + 40
