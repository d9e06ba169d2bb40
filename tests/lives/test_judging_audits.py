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


@pytest.mark.parametrize(("quality", "causes"), [(2, ["audit_worse"]), (5, []), (8, [])])
def test_people_void_what_became_worse_and_only_that(
    store: Store, upstream: JudgingUpstream, tmp_path: Path, quality: int, causes: list[str]
) -> None:
    scene = begun(store, upstream, tmp_path, new=80, old=20, new_quality=quality)
    while scene.label("fuji@example.jp") is not None:
        pass
    assert scene.watch() == [], "the last ones may still be taken back, but hardly decide"
    assert scene.watch(minutes=11) == causes


def test_a_judge_voids_what_became_worse(store: Store, upstream: JudgingUpstream, tmp_path: Path) -> None:
    scene = begun(store, upstream, tmp_path, new=70, old=30, new_quality=2)
    done = scene.judge()
    assert (done.judged, done.recorded, done.set_aside, done.refusal) == (100, 100, "", None)
    assert {one.difference for one in scene.rows()} == {-1.0}
    assert scene.watch() == ["audit_worse"]
