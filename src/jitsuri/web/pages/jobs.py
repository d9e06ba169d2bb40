"""仕事: what runs in the background, how far it is, and why something failed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from jitsuri.flows.cold.keeping_jobs import SHOWN_JOBS, cancel_job, job_list, retry_job
from jitsuri.store.door import Store
from jitsuri.store.jobs.shapes import Job
from jitsuri.terms.outcomes import Refusal
from jitsuri.web.desk import Answer, Desk, Page, PageRequest, Redirect, Route
from jitsuri.web.pages.wording import refused
from jitsuri.words import Language, has_text, text

UNFIT = 422
LEFT_AFTER = timedelta(minutes=1)
"""A job that waits for so long, while none runs, says that no worker is there."""

_BADGES = {"waiting": "", "running": "good", "stopping": "warn", "done": "", "failed": "bad", "cancelled": ""}


@dataclass(frozen=True, slots=True)
class Line:
    """A job in the list."""

    job: Job
    name: str
    state: str
    badge: str
    error: str
    may_retry: bool
    may_cancel: bool


def show_jobs(desk: Desk, request: PageRequest) -> Answer:
    """The newest jobs, living ones first."""
    return _page(desk, request, None)


def retry(desk: Desk, request: PageRequest) -> Answer:
    """Let one go on."""
    return _acted(desk, request, retry_job, "job_retried")


def cancel(desk: Desk, request: PageRequest) -> Answer:
    """Cancel one."""
    return _acted(desk, request, cancel_job, "job_cancelled")


def _acted(
    desk: Desk, request: PageRequest, act: Callable[[Store, datetime, str, UUID], Job | Refusal], notice: str
) -> Answer:
    came = act(desk.store, request.now, request.person.login, request.id_of("job_id"))
    return _page(desk, request, came) if isinstance(came, Refusal) else Redirect("/jobs", notice)


def _page(desk: Desk, request: PageRequest, refusal: Refusal | None) -> Page:
    with desk.store.reading() as tx:
        found = job_list(tx)
    lines = [_line(job, request) for job in found]
    shows = {
        "living": [line for line in lines if line.job.is_living],
        "ended": [line for line in lines if not line.job.is_living],
        "is_left": _is_left(found, request.now),
        "most": SHOWN_JOBS if len(found) == SHOWN_JOBS else 0,
        "refusal": refused(refusal, request.lang) if refusal is not None else "",
    }
    return Page("jobs.html", shows, status=UNFIT if refusal is not None else 200)


def _is_left(found: Sequence[Job], now: datetime) -> bool:
    waiting = [job for job in found if job.state == "waiting"]
    runs = any(job.state == "running" for job in found)
    return not runs and any(now - job.asked_at > LEFT_AFTER for job in waiting)


def _line(job: Job, request: PageRequest) -> Line:
    lang, may_act = request.lang, request.may("edit_settings")
    state = "stopping" if job.is_cancel_asked and job.state == "running" else job.state
    return Line(
        job, text(f"job.{job.name}", lang) if has_text(f"job.{job.name}") else job.name,
        text(f"job_state.{state}", lang), _BADGES[state], _error(job, lang),
        may_retry=may_act and job.state in ("failed", "cancelled"),
        may_cancel=may_act and job.is_living and not job.is_cancel_asked,
    )  # fmt: skip


def _error(job: Job, lang: Language) -> str:
    code = f"error.{job.error_code}"
    if not job.error_code or not has_text(code):
        return job.error_code
    try:
        return text(code, lang, **job.error_facts)
    except KeyError:  # kept by another version of the program
        return job.error_code


ROUTES: tuple[Route, ...] = (
    Route("GET", "/jobs", "see_evidence", show_jobs),
    Route("POST", "/jobs/{job_id:uuid}/retry", "edit_settings", retry),
    Route("POST", "/jobs/{job_id:uuid}/cancellation", "edit_settings", cancel),
)
