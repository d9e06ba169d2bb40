"""Leading on (次にすること): the one thing that a trial asks of its owner next, from how it stands."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from jitsuri.rightsizing.shapes.trials import TrialState

WorkState = Literal["", "waiting", "running", "done", "failed", "cancelled"]
"""Where the latest job of a key is; '' where there never was one."""

NextStep = Literal[
    "run",
    "wait",
    "mend",
    "unattended",
    "raise_cap",
    "resume",
    "nothing",
    "judging",
    "judge_again",
    "judge",
    "draw",
    "label",
    "verdict",
    "certificate",
]
"""``mend``: its job failed or was cancelled. ``unattended``: it is said to run and no job does. ``nothing``: no pair was answered."""

AT_WORK = ("waiting", "running")


@dataclass(frozen=True, slots=True)
class TrialStands:
    """How a trial stands, as far as the next step depends on it."""

    state: TrialState
    why: str = ""
    job: WorkState = ""
    """The trial's own job."""
    has_pairs: bool = False
    """Did a candidate and today's way answer a request both?"""
    judge_job: WorkState = ""
    is_judged: bool = False
    """Has a judge judged at least one pair?"""
    can_be_judged: bool = False
    """Is there a model that may judge?"""
    drawn: int = 0
    """Pairs that people are asked about."""
    labels_to_go: int = 0
    is_certified: bool = False


def next_step(stands: TrialStands) -> NextStep:
    """The one next thing. People's labels go before a judge that is still at work: nobody need wait for it."""
    if stands.state == "planned":
        return "run"
    if stands.state == "running":
        return _of_running(stands.job)
    if stands.state == "paused":
        return "raise_cap" if stands.why == "cap_reached" else "resume"
    if not stands.has_pairs:
        return "nothing"
    if stands.is_certified:
        return "certificate"
    if stands.drawn:
        return "label" if stands.labels_to_go else "verdict"
    return _of_judging(stands)


def _of_running(job: WorkState) -> NextStep:
    if job in AT_WORK:
        return "wait"
    return "mend" if job in ("failed", "cancelled") else "unattended"


def _of_judging(stands: TrialStands) -> NextStep:
    if stands.judge_job in AT_WORK:
        return "judging"
    if stands.judge_job in ("failed", "cancelled"):
        return "judge_again"
    return "judge" if stands.can_be_judged and not stands.is_judged else "draw"
