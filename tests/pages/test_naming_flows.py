"""What people do on pages: naming groups in steps, editing a task, opening kept texts; each with its evidence."""

from __future__ import annotations

import json
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from page_scene import GROUP, LAST, NOW, Scene, task

from jitsuri.calls.records import reading as call_reading
from jitsuri.calls.records import texts as text_rows
from jitsuri.calls.rules.sealing import seal
from jitsuri.evidence.records import recent
from jitsuri.flows.cold import moving_calls
from jitsuri.flows.cold.editing_tasks import edit_task
from jitsuri.flows.cold.moving_calls import move_some, name_groups
from jitsuri.flows.cold.proposing import set_aside
from jitsuri.flows.cold.reading_texts import read_texts
from jitsuri.flows.cold.viewing.opening_proposals import Moving, proposal_list
from jitsuri.ledger.records.totals import totals
from jitsuri.routing import records as routing_rows
from jitsuri.store.door import Store
from jitsuri.terms.errors import OperatorError
from jitsuri.terms.outcomes import Refusal

REPORTS = task("daily-report", "日報のまとめ", "Daily report", "purchasing", "")


def acts(store: Store) -> list[str]:
    with store.reading() as tx:
        return [one.record.act for one in recent(tx, 20)]


def calls_of(store: Store, name: str) -> int:
    with store.reading() as tx:
        [row] = totals(tx, "month", date(2026, 9, 1), date(2026, 11, 1), task=name)
    return row.calls


# -- naming


def test_naming_moves_in_steps_and_can_be_stopped_anywhere(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(moving_calls, "BATCH_CALLS", 4)

    left = name_groups(scene.store, [GROUP], REPORTS, "aoki@example.jp", NOW)
    with scene.store.reading() as tx:
        half_way = proposal_list(tx)
    on = [move_some(scene.store, "daily-report", "aoki@example.jp", NOW + timedelta(minutes=n)) for n in (1, 2, 3)]

    assert left == 7
    assert half_way.proposals == ()
    assert half_way.moving == (Moving("daily-report", 7),)
    assert on == [3, 0, 0]
    assert (calls_of(scene.store, "daily-report"), calls_of(scene.store, "")) == (11, 0)
    assert acts(scene.store).count("calls_moved") == 3
    assert "task_confirmed" in acts(scene.store)


def test_naming_writes_a_rule_for_calls_to_come(scene: Scene) -> None:
    name_groups(scene.store, [GROUP], REPORTS, "aoki@example.jp", NOW)

    with scene.store.reading() as tx:
        rules = [(rule.field, rule.value, rule.task) for rule in routing_rows.rules(tx)]
        calls = call_reading.of_ids(tx, [c.call_id for c in scene.calls if not c.task])
    assert ("group", str(GROUP), "daily-report") in rules
    assert {(c.task, c.department) for c in calls} == {("daily-report", "purchasing")}


def test_an_existing_task_keeps_its_own_words(scene: Scene) -> None:
    other = task("inquiry-triage", "違う題", "Other", "hq", "x")

    assert name_groups(scene.store, [GROUP], other, "aoki@example.jp", NOW) == 0
    with scene.store.reading() as tx:
        assert routing_rows.tasks(tx)["inquiry-triage"] == scene.tasks["inquiry-triage"]
    assert calls_of(scene.store, "inquiry-triage") == 118 + 11


def test_a_proposal_that_somebody_set_aside_is_not_named(scene: Scene) -> None:
    set_aside(scene.store, [GROUP], "baba@example.jp", NOW)

    assert name_groups(scene.store, [GROUP], REPORTS, "aoki@example.jp", NOW) == Refusal("proposal_gone")
    with scene.store.reading() as tx:
        assert "daily-report" not in routing_rows.tasks(tx)


def test_moving_for_a_task_that_is_not_there_is_refused(scene: Scene) -> None:
    assert move_some(scene.store, "nothing", "aoki@example.jp", NOW) == Refusal("task_unknown", {"name": "nothing"})


# -- editing


def edited(scene: Scene, **changes: object) -> object:
    asked: dict[str, object] = {
        "title_ja": "問合せの分類", "title_en": "Inquiries", "department": "support", "owner": "課長", "pinned": frozenset(),
        "actor": "aoki@example.jp", "now": NOW, **changes,
    }  # fmt: skip
    return edit_task(
        scene.store, str(changes.pop("name", "inquiry-triage")), **{k: v for k, v in asked.items() if k != "name"}
    )  # type: ignore[arg-type]


def test_a_task_gets_new_words_and_evidence_of_them(scene: Scene) -> None:
    edited(scene, department="purchasing")

    with scene.store.reading() as tx:
        after = routing_rows.tasks(tx)["inquiry-triage"]
        (record,) = (one.record for one in recent(tx, 1))
    assert (after.title_ja, after.title_en, after.department, after.owner) == (
        "問合せの分類",
        "Inquiries",
        "purchasing",
        "課長",
    )
    assert record.act == "task_edited"
    assert record.facts["department"] == ["support", "purchasing"]
    assert calls_of(scene.store, "inquiry-triage") == 118  # past costs stay where they were booked


def test_the_same_words_again_are_no_act(scene: Scene) -> None:
    edited(scene)
    edited(scene)

    assert acts(scene.store) == ["task_edited"]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"pinned": frozenset({"inquiry-triage"})}, "task_pinned"),
        ({"title_ja": " ", "title_en": ""}, "task_title"),
        ({"title_ja": "あ" * 81}, "task_title"),
        ({"title_en": "two\nlines"}, "task_title"),
        ({"owner": "x" * 201}, "task_owner"),
        ({"department": "nowhere"}, "department_unknown"),
        ({"name": "nothing"}, "task_unknown"),
    ],
)
def test_what_cannot_be_kept_is_refused(scene: Scene, changes: dict[str, object], code: str) -> None:
    came = edited(scene, **changes)

    assert isinstance(came, Refusal)
    assert came.code == code
    assert acts(scene.store) == []


# -- texts


def test_opened_texts_are_evidence(scene: Scene, tmp_path: Path) -> None:
    call_id = scene.calls[0].call_id
    key = bytes(range(32))
    (tmp_path / "text.key").write_text(key.hex() + "\n")
    body = json.dumps({"messages": ["納期はいつですか"]}, ensure_ascii=False).encode()
    with scene.store.transaction() as tx:
        text_rows.insert_many(tx, [(call_id, "request", seal(body, key, call_id, "request"), "text.key", LAST)])

    came = read_texts(scene.store, call_id, tmp_path, "aoki@example.jp", NOW)

    assert came == {"request": body.decode()}
    with scene.store.reading() as tx:
        (one,) = recent(tx, 1)
    assert (one.record.act, one.record.actor, one.record.subject) == (
        "texts_viewed",
        "aoki@example.jp",
        f"call:{call_id}",
    )
    assert "納期" not in str(one.record.facts)


def test_texts_that_are_not_there_or_have_no_key_are_not_opened(scene: Scene, tmp_path: Path) -> None:
    call_id = scene.calls[0].call_id
    assert read_texts(scene.store, call_id, tmp_path, "aoki@example.jp", NOW) == Refusal("texts_not_kept")
    with scene.store.transaction() as tx:
        text_rows.insert_many(tx, [(call_id, "request", b"sealed", "text.key", LAST)])

    with pytest.raises(OperatorError, match="text_key_unreadable"):
        read_texts(scene.store, call_id, tmp_path, "aoki@example.jp", NOW)
    assert acts(scene.store) == []


def test_moving_changes_no_total(scene: Scene) -> None:
    with scene.store.reading() as tx:
        [before] = totals(tx, "day", date(2026, 9, 1), date(2026, 11, 30))
    name_groups(scene.store, [GROUP], REPORTS, "aoki@example.jp", NOW)
    with scene.store.reading() as tx:
        [after] = totals(tx, "day", date(2026, 9, 1), date(2026, 11, 30))

    assert (after.calls, after.cost_jpy, after.unpriced) == (before.calls, before.cost_jpy, before.unpriced)
    assert before.cost_jpy == 44 * Decimal(1113) + Decimal("16726.164")
