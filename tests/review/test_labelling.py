"""Labels on a real database: who is given what, versions, undo, evidence, sheets, and what a certificate keeps."""

from __future__ import annotations

import csv
import io
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from approval_parts import code
from pairs_scene import ANSWERS, NOW, TASK, TRIAL, furnish_trial, is_same

from jitsuri.access.records import people as person_rows
from jitsuri.access.shapes import Person, Role
from jitsuri.evidence import records as evidence
from jitsuri.flows.cold.drawing_pairs import Drew, draw_pairs
from jitsuri.flows.cold.exchanging_labels import TakenIn, export_pairs, import_labels
from jitsuri.flows.cold.labelling import Given, label, next_pair, undo, work_of
from jitsuri.flows.cold.viewing.opening_pairs import progress
from jitsuri.review import records as review_rows
from jitsuri.review.rules.judging import LEASE, baseline_is_left
from jitsuri.review.shapes import Label, Press, Said
from jitsuri.store.door import Store
from jitsuri.terms.ids import derived_id
from jitsuri.terms.outcomes import Refusal

FUJI, HASE = "fuji@example.jp", "hase@example.jp"


class House:
    """The scene, with pairs drawn, and a clock."""

    def __init__(self, store: Store, folder: Path, budget: int = 24) -> None:
        furnish_trial(store, folder)
        self.store, self.folder, self.now = store, folder, NOW
        for login, role in ((FUJI, "reviewer"), (HASE, "reviewer"), ("eto@example.jp", "auditor")):
            self._person(login, role)  # type: ignore[arg-type]
        self.drew = self.draw(budget)

    def _person(self, login: str, role: Role) -> None:
        made = Person(derived_id("person", login), login, login, frozenset({role}), "", "ja", True, NOW)
        with self.store.transaction() as tx:
            person_rows.insert(tx, made, "a hash")

    def draw(self, budget: int, candidate: str = "openai/gpt-small") -> Drew:
        came = draw_pairs(self.store, TRIAL, candidate, budget, "doi@example.jp", self.now)
        assert isinstance(came, Drew), came
        return came

    def given(self, who: str = FUJI, **more: object) -> Given:
        self.now += timedelta(seconds=1)
        came = next_pair(self.store, self.folder, TRIAL, who, self.now, **more)  # type: ignore[arg-type]
        assert isinstance(came, Given), came
        return came

    def said(self, given: Given, press: Press = "left", who: str = FUJI, **more: object) -> Label | Refusal:
        self.now += timedelta(seconds=10)
        told = Said(press, more.pop("version", given.version), took_ms=1000, **more)  # type: ignore[arg-type]
        return label(self.store, given.pair.pair_id, who, told, self.now)

    def labelled(self, press: Press = "left", who: str = FUJI, **more: object) -> Label:
        came = self.said(self.given(who), press, who, **more)
        assert isinstance(came, Label), came
        return came

    def acts(self, beginning: str = "pair") -> list[tuple[str, str, dict[str, object]]]:
        with self.store.reading() as tx:
            listed = evidence.recent(tx, 5000)
        noted = [(one.record.actor, one.record.act, dict(one.record.facts)) for one in listed][::-1]
        return [one for one in noted if one[1].startswith(beginning)]


@pytest.fixture
def house(store: Store, tmp_path: Path) -> Iterator[House]:
    return House(store, tmp_path)


def test_pairs_are_drawn_from_what_was_known_with_their_chances_kept(house: House) -> None:
    strata = house.drew.by_stratum()
    assert set(strata) == {"identical", "judge_worse", "judge_same", "judge_better"}
    assert strata["identical"][0] == sum(is_same(at) for at in range(24))
    assert len(house.drew.pairs) == 24  # the budget holds everything
    assert {one.inclusion for one in house.drew.pairs} == {1.0}
    (act,) = house.acts("pairs_drawn")
    assert (act[0], act[2]["drawn"], act[2]["budget"]) == ("doi@example.jp", 24, 24)
    assert len(house.draw(24).pairs) == 24
    assert len(house.acts("pairs_drawn")) == 1  # the same draw again is none


@pytest.mark.parametrize(
    ("candidate", "budget", "expected"),
    [
        ("nobody", 10, "pairs_way_unknown"),
        ("openai/gpt-small", 0, "pairs_budget_invalid"),
        ("openai", 3, "pairs_smaller"),
    ],
)
def test_a_draw_that_cannot_be_is_refused(house: House, candidate: str, budget: int, expected: str) -> None:
    assert code(draw_pairs(house.store, TRIAL, candidate, budget, "x", house.now)) == expected
    assert code(draw_pairs(house.store, derived_id("trial", "none"), "x", 5, "x", house.now)) == "pairs_trial_unknown"


def test_a_larger_draw_holds_the_smaller_one(store: Store, tmp_path: Path) -> None:
    house = House(store, tmp_path, budget=6)
    before = {one.pair_id: one for one in house.drew.pairs}
    after = {one.pair_id: one for one in house.draw(14).pairs}
    assert set(before) < set(after)
    uniform = [one.pair_id for one in before.values() if one.share == "uniform"]
    assert all(after[one].share == "uniform" for one in uniform)
    assert [one.rank for one in before.values()] == [after[one].rank for one in before]


def test_two_people_are_never_given_the_same_pair_unless_it_is_for_two(house: House) -> None:
    """Both label until nothing is left, at once: no pair has more labels than it wants."""
    told: list[str] = []

    def work(who: str) -> None:
        try:
            for _ in range(60):
                given = next_pair(house.store, house.folder, TRIAL, who, NOW)
                if not isinstance(given, Given):
                    return
                came = label(house.store, given.pair.pair_id, who, Said("same", 0), NOW)
                assert isinstance(came, Label), came
        except Exception as error:  # told to the test's own thread
            told.append(repr(error))

    threads = [threading.Thread(target=work, args=(who,)) for who in (FUJI, HASE)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert told == []
    with house.store.reading() as tx:
        labels = review_rows.latest(tx, TRIAL)
        pairs = {one.pair_id: one for one in review_rows.pairs_of(tx, TRIAL)}
    assert {pair_id: len(held) for pair_id, held in labels.items()} == {one: at.people for one, at in pairs.items()}
    assert any(one.people == 2 for one in pairs.values())


def test_a_lease_holds_others_off_and_runs_out(house: House) -> None:
    first = house.given()
    assert house.given().pair.pair_id == first.pair.pair_id  # the same person gets it again
    single = [house.given(HASE, besides=()).pair.pair_id for _ in range(3)]
    if first.pair.people == 1:
        assert first.pair.pair_id not in single
    house.now += LEASE + timedelta(minutes=1)
    assert house.given(HASE).pair.rank == 0 or house.given(HASE).pair.rank <= first.pair.rank


def test_sides_are_resolved_before_anything_is_kept(house: House) -> None:
    seen = set()
    for _ in range(12):
        given = house.given()
        left = baseline_is_left(given.pair.pair_id, FUJI)
        today = ANSWERS[given.pair.position % len(ANSWERS)][1]
        assert (given.left.text == today) == left or is_same(given.pair.position)
        came = house.said(given, "left", critical_right=True)
        assert isinstance(came, Label)
        assert came.choice == ("baseline" if left else "candidate")
        assert (came.critical_baseline, came.critical_candidate) == (not left, left)
        seen.add(left)
    assert seen == {True, False}


def test_labels_change_by_versions_and_the_same_twice_is_once(house: House) -> None:
    given = house.given()
    first = house.said(given)
    assert house.said(given) == first  # sent twice
    assert code(house.said(given, "right")) == "label_moved_on"  # another window
    second = house.said(given, "left", version=1, reason_codes=("tone", "facts", "x"), note=" 送料 ")
    assert isinstance(second, Label)
    assert (second.version, second.reason_codes, second.note) == (2, ("facts", "tone"), "送料")
    assert code(house.said(given, version=2, note="x" * 501)) == "label_note_long"
    came = undo(house.store, given.pair.pair_id, FUJI, 2, house.now)
    assert isinstance(came, Label)
    assert (came.version, came.is_undone) == (3, True)
    assert undo(house.store, given.pair.pair_id, FUJI, 2, house.now) == came  # pressed twice
    assert code(undo(house.store, given.pair.pair_id, FUJI, 1, house.now)) == "label_moved_on"
    again = house.given(first=given.pair.pair_id)
    assert (again.pair.pair_id, again.version) == (given.pair.pair_id, 3)
    with house.store.reading() as tx:
        assert [one.version for one in review_rows.versions(tx, given.pair.pair_id, FUJI)] == [1, 2, 3]
        assert review_rows.labels_of_trial(tx, TRIAL) == []


def test_every_version_leaves_evidence_without_text(house: House) -> None:
    given = house.given()
    house.said(given, note="ひみつの言葉")
    undo(house.store, given.pair.pair_id, FUJI, 1, house.now + timedelta(seconds=1))
    house.now += timedelta(seconds=2)
    house.labelled("skip")
    acts = [(actor, act) for actor, act, _ in house.acts("pair_")]
    assert acts == [
        (FUJI, "pair_texts_viewed"),
        (FUJI, "pair_labelled"),
        (FUJI, "pair_label_undone"),
        (FUJI, "pair_labelled"),
    ]
    assert "ひみつ" not in str(house.acts("pair"))
    house.given(HASE)
    house.now += timedelta(days=1)
    house.given()
    viewed = [actor for actor, act, _ in house.acts("pair_texts")]
    assert viewed == [FUJI, HASE, FUJI]  # once per person, trial and day


def test_a_skip_passes_the_pair_to_others_and_counts_for_nothing(house: House) -> None:
    given = house.given()
    house.said(given, "skip", critical_left=True)
    assert all(house.labelled("same").pair_id != given.pair.pair_id for _ in range(5))
    with house.store.reading() as tx:
        assert len(review_rows.labels_of_trial(tx, TRIAL)) == 5
    assert house.given(HASE, first=given.pair.pair_id).pair.pair_id == given.pair.pair_id


def test_labels_come_out_as_scores_with_where_they_were_drawn(house: House) -> None:
    for press in ("left", "same", "right", "both_bad"):
        house.labelled(press)  # type: ignore[arg-type]
    with house.store.reading() as tx:
        told = review_rows.labels_of_trial(tx, TRIAL)
        shares = review_rows.shares_of_trial(tx, TRIAL)
    assert sorted((one[3], one[4]) for one in told) == [(0.0, 0.0), (0.0, 1.0), (1.0, 0.0), (1.0, 1.0)] or sorted(
        (one[3], one[4]) for one in told
    ) in ([(0.0, 0.0), (1.0, 0.0), (1.0, 0.0), (1.0, 1.0)], [(0.0, 0.0), (0.0, 1.0), (0.0, 1.0), (1.0, 1.0)])
    assert len(shares) == 24
    assert all(size == sum(other[0] == stratum for other in shares.values()) for stratum, _, size in shares.values())


def test_secrets_are_taken_out_of_notes(house: House) -> None:
    came = house.labelled(note="鍵は jk_live_0123456789abcdefghijklmnopqrstuvwxyzABCDEFG です\0")
    assert "\0" not in came.note


def test_the_pace_is_ones_own_median_and_the_usual_one_at_first(house: House) -> None:
    with house.store.reading() as tx:
        assert work_of(tx, TRIAL, FUJI, house.now).pace == timedelta(seconds=50)
    for _ in range(5):
        house.labelled("same")
    with house.store.reading() as tx:
        work = work_of(tx, TRIAL, FUJI, house.now)
    assert work.pace == timedelta(seconds=1)
    assert (work.standing.mine, work.standing.drawn) == (5, 24)


def test_the_result_is_kept_from_whoever_labels_until_all_is_done(house: House) -> None:
    for _ in range(3):
        house.labelled("same")
    with house.store.reading() as tx:
        theirs, others = progress(tx, TRIAL, FUJI), progress(tx, TRIAL, "doi@example.jp")
    assert theirs is not None
    assert others is not None
    assert (theirs.is_hidden, theirs.ways[0].sure) == (True, None)
    assert others.is_hidden is False
    assert others.head.task == TASK
    for who in (FUJI, HASE):
        while isinstance(given := next_pair(house.store, house.folder, TRIAL, who, house.now), Given):
            house.said(given, "same", who)
    with house.store.reading() as tx:
        complete = progress(tx, TRIAL, FUJI)
    assert complete is not None
    assert (complete.wanted, complete.is_hidden) == (0, False)
    assert complete.ways[0].sure is not None


def test_texts_that_are_gone_are_passed_over(house: House) -> None:
    first = house.given()
    with house.store.transaction() as tx:
        tx.execute(
            "UPDATE rightsizing_answers SET sealed = NULL WHERE way = 1 AND position = %s", (first.pair.position,)
        )
    assert house.given().pair.pair_id != first.pair.pair_id
    with house.store.reading() as tx:
        assert work_of(tx, TRIAL, FUJI, house.now).standing.left_for_me == 23


def test_the_stored_answer_serves_where_todays_model_was_not_asked_again(house: House) -> None:
    from pairs_scene import KEY, KEY_NAME

    from jitsuri.calls.records import texts as text_rows
    from jitsuri.calls.rules.sealing import seal

    given = house.given()
    position = given.pair.position
    call_id = derived_id("call", f"pair {position}")
    stored = b'{"choices": [{"message": {"role": "assistant", "content": "the stored one"}}]}'
    with house.store.transaction() as tx:
        tx.execute("DELETE FROM rightsizing_answers WHERE way = 0 AND position = %s", (position,))
        text_rows.insert_many(tx, [(call_id, "response", seal(stored, KEY, call_id, "response"), KEY_NAME, NOW.date())])
    again = house.given(first=given.pair.pair_id)
    assert "the stored one" in (again.left.text, again.right.text)


# -- sheets


def test_a_sheet_goes_out_blind_and_comes_back_resolved(house: House, tmp_path: Path) -> None:
    came = export_pairs(house.store, house.folder, TRIAL, FUJI, 6, house.now)
    assert not isinstance(came, Refusal)
    content, count = came
    assert count == 6
    assert b"gpt-small" not in content
    rows = list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"))))
    for at, row in enumerate(rows):
        row["choice"] = ("A", "same", "b", "both_bad", "skip", "")[at]
        row["critical_B"] = "x" if at == 0 else ""
    out = io.StringIO()
    writer = csv.DictWriter(out, list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    sheet = tmp_path / "sheet.csv"
    sheet.write_text(out.getvalue(), "utf-8-sig")

    taken = import_labels(house.store, sheet, FUJI, "cli", house.now)
    assert isinstance(taken, TakenIn)
    assert (len(taken.labels), taken.blank) == (5, 1)
    first = taken.labels[0]
    left = baseline_is_left(first.pair_id, FUJI)
    assert (first.choice, first.critical_candidate) == ("baseline" if left else "candidate", left)
    assert (first.author, first.person) == ("cli", FUJI)
    again = import_labels(house.store, sheet, FUJI, "cli", house.now + timedelta(hours=1))
    assert isinstance(again, TakenIn)
    assert [one.version for one in again.labels] == [1] * 5  # nothing new


def test_a_wrong_sheet_is_told_line_by_line_and_nothing_is_taken(house: House, tmp_path: Path) -> None:
    one = house.given().pair.pair_id
    sheet = tmp_path / "sheet.csv"
    sheet.write_text(f"pair,choice\n{one},A\n{one},B\nnobody,A\n{one},best\n")
    came = import_labels(house.store, sheet, FUJI, "cli", house.now)
    assert isinstance(came, list)
    assert sorted(code(one) for one in came) == ["label_choice_unknown", "label_twice", "pair_unknown"]
    assert [code(x) for x in import_labels(house.store, sheet, "eto@example.jp", "cli", house.now)] == [  # type: ignore[union-attr]
        "label_person_unknown"
    ]
    with house.store.reading() as tx:
        assert review_rows.labels_of_trial(tx, TRIAL) == []


# -- a certificate keeps what it rests on


def test_a_label_that_changes_after_the_signature_leaves_the_certificate_and_is_told(house: House) -> None:
    from dataclasses import replace

    from approval_parts import EMPTY
    from verdict_parts import PASS, certificate

    from jitsuri.flows.cold.keeping_verdicts import file_certificate, keep_verdicts
    from jitsuri.rightsizing.records import certificates as certificate_rows
    from jitsuri.rightsizing.rules.packing import packed

    given = house.given()
    house.said(given)
    verdict = replace(PASS, task=TASK, candidate="openai/gpt-small")
    keep_verdicts(house.store, [verdict], b'{"rows": []}', "cli", house.now)
    paper = file_certificate(
        house.store,
        lambda number: (c := replace(certificate(number, verdict, approvals=EMPTY), issued_at=house.now), packed(c)),
        "cli", house.now,
    )  # fmt: skip
    with house.store.reading() as tx:
        before = certificate_rows.export_of(tx, paper.number)
        told = progress(tx, TRIAL, "doi@example.jp")
    assert told is not None
    assert told.ways[0].moved == ()

    undo(house.store, given.pair.pair_id, FUJI, 1, house.now + timedelta(days=1))
    with house.store.reading() as tx:
        after = certificate_rows.export_of(tx, paper.number)
        told = progress(tx, TRIAL, "doi@example.jp")
    assert before == after
    assert told is not None
    assert [(one.number, one.labels, one.is_signed) for one in told.ways[0].moved] == [(paper.number, 1, False)]
