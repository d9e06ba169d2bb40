"""Leading on: what the page of a trial shows of its next step, its jobs, its judges and its labels."""

from __future__ import annotations

from decimal import Decimal

from jitsuri.flows.cold.trying.leading import Lead, lead_of
from jitsuri.flows.cold.trying.pricing import Around
from jitsuri.flows.cold.trying.wanting_judges import MOST_RUBRIC, judge_named
from jitsuri.flows.cold.viewing.opening_trials import TrialView
from jitsuri.store.door import Connection
from jitsuri.store.jobs.shapes import Job
from jitsuri.web.desk import Desk, PageRequest
from jitsuri.words import Language, failure, text

JOB_BADGES = {"waiting": "", "running": "assumed", "done": "good", "failed": "bad", "cancelled": "warn"}
MOST_LABELS_PROPOSED = 1_000
"""A draw can be enlarged at any time; more than this at once is a decision that a person types in."""


def lead_shows(
    desk: Desk, request: PageRequest, tx: Connection, view: TrialView, around: Around | None
) -> dict[str, object]:
    """Everything that the parts ``trial_next`` and ``trial_onward`` show. Without ``around`` nobody is proposed as a judge."""
    trial, lang = view.trial, request.lang
    lead = lead_of(tx, trial, around, desk.settings.decimal("proof.discordance"), request.now)
    form, last = request.form, lead.judge_job
    return {
        "lead": lead,
        "path": f"/trials/{trial.trial_id}",
        "view": view,
        "may_label": request.may("label_pairs") and request.may("see_texts"),
        "may_run": request.may("run_trials"),
        "job_told": lambda job: job_told(job, lang),
        "job_badges": JOB_BADGES,
        "judge_named": judge_named,
        "judge_form": {
            "judge": form.get("judge") or judge_named(last),
            "rubric": form.get("rubric") or (str(last.arguments.get("rubric", "")) if last is not None else ""),
            "same": bool(form.get("allow_same_vendor")),
        },
        "most_rubric": MOST_RUBRIC,
        "draw_form": {"candidate": form.get("candidate"), "labels": form.get("labels") or proposed_labels(lead)},
        "judge_left": lead.judges.left_jpy if lead.judges is not None else Decimal(0),
        "baseline_fault": baseline_fault(lead.variant, trial.plan.baseline.name),
    }  # fmt: skip


def proposed_labels(lead: Lead) -> int:
    """Labels that the form for drawing begins with: what a proof needs, as far as there are pairs."""
    pairs = max((one.pairs for one in lead.draws), default=0)
    return min(lead.proposed, pairs, MOST_LABELS_PROPOSED) or 1


def job_told(job: Job | None, lang: Language) -> str:
    """Where a job stands, or why it failed, as a sentence; '' where there is none."""
    if job is None:
        return ""
    if job.state == "failed":
        return failure(job.error_code, lang, job.error_facts)
    if job.done is not None and job.total is not None and job.state == "running":
        return text("page.lead.job_done", lang, done=job.done, total=job.total)
    return text(f"page.lead.job.{job.state}", lang)


def baseline_fault(variant: str, baseline: str) -> str:
    """Why a certificate that compares with this baseline could not be put in force: ``no_variant``, ``other_variant``; '' else."""
    if not variant:
        return "no_variant"
    return "" if variant == baseline else "other_variant"
