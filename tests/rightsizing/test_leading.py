"""The one next thing of a trial, in every state."""

from __future__ import annotations

from itertools import product
from typing import Any, get_args

import pytest

from jitsuri.rightsizing.rules.leading import NextStep, TrialStands, WorkState, next_step
from jitsuri.words import LANGUAGES, has_text, text

DONE = {"state": "done", "has_pairs": True, "can_be_judged": True}


@pytest.mark.parametrize(
    ("stands", "step"),
    [
        ({"state": "planned"}, "run"),
        ({"state": "running", "job": "waiting"}, "wait"),
        ({"state": "running", "job": "running"}, "wait"),
        ({"state": "running", "job": "failed"}, "mend"),
        ({"state": "running", "job": "cancelled"}, "mend"),
        ({"state": "running", "job": "done"}, "unattended"),
        ({"state": "running"}, "unattended"),
        ({"state": "paused", "why": "cap_reached"}, "raise_cap"),
        ({"state": "paused", "why": "ledger_away"}, "resume"),
        ({**DONE, "has_pairs": False}, "nothing"),
        (DONE, "judge"),
        ({**DONE, "can_be_judged": False}, "draw"),
        ({**DONE, "judge_job": "running", "is_judged": True}, "judging"),
        ({**DONE, "judge_job": "failed", "is_judged": True}, "judge_again"),
        ({**DONE, "judge_job": "done", "is_judged": True}, "draw"),
        ({**DONE, "judge_job": "failed", "drawn": 9, "labels_to_go": 2}, "label"),
        ({**DONE, "drawn": 9}, "verdict"),
        ({**DONE, "drawn": 9, "is_certified": True}, "certificate"),
        ({**DONE, "state": "stopped", "is_judged": True}, "draw"),
    ],
)
def test_what_comes_next(stands: dict[str, Any], step: NextStep) -> None:
    assert next_step(TrialStands(**stands)) == step


def test_every_state_has_a_next_step_with_words() -> None:
    states = ("planned", "running", "paused", "done", "stopped")
    works = get_args(WorkState)
    for state, job, judge_job, has_pairs, drawn, to_go in product(states, works, works, (True, False), (0, 3), (0, 2)):
        step = next_step(TrialStands(state, "", job, has_pairs, judge_job, drawn=drawn, labels_to_go=to_go))  # type: ignore[arg-type]
        assert has_text(f"page.lead.step.{step}")
    facts = {"done": 1, "drawn": 2, "labels": 3, "number": "JR-1", "judge": "a/b"}
    for step, lang in product(get_args(NextStep), LANGUAGES):
        assert text(f"page.lead.step.{step}", lang)
        assert text(f"page.lead.told.{step}", lang, **facts)
