"""``jitsuri jobs list|show|retry|cancel``: what runs in the background."""

from __future__ import annotations

from uuid import UUID

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from jitsuri.cli.doors import Desk, pass_desk
from jitsuri.cli.refusing import refuse
from jitsuri.cli.telling import moment_told
from jitsuri.flows.cold import keeping_jobs as flow
from jitsuri.store.jobs.shapes import JOB_STATES, Job
from jitsuri.terms.outcomes import Refusal
from jitsuri.words import has_text, text

_json = click.option("--json", "json_out", is_flag=True)
_job = click.argument("job_id", metavar="ID", type=click.UUID)


@click.group("jobs")
def jobs() -> None: ...


@jobs.command("list")
@click.option("--state", type=click.Choice(JOB_STATES), default=None)
@_json
@pass_desk
def list_(desk: Desk, state: str | None, json_out: bool) -> None:
    desk.json_out = json_out
    with desk.store() as store, store.reading() as tx:
        found = [job for job in flow.job_list(tx) if state in (None, job.state)]
    if json_out:
        desk.give([_told(job) for job in found])
    elif not found:
        desk.say("cli.jobs.list.none")
    else:
        Console().print(_table(desk, found))


@jobs.command("show")
@_job
@_json
@pass_desk
def show(desk: Desk, job_id: UUID, json_out: bool) -> None:
    desk.json_out = json_out
    with desk.store() as store, store.reading() as tx:
        view = flow.job_view(tx, job_id)
    if view is None:
        refuse(desk, Refusal("job_absent", {"value": str(job_id)}))
    steps = [{"step": step.name, "run": step.run, "ended_at": step.ended_at} for step in view.steps]
    if json_out:
        desk.give({**_told(view.job), "done_steps": steps})
        return
    _say(desk, view.job)
    for step in view.steps:
        desk.say("cli.jobs.show.step", name=step.name, run=step.run, at=moment_told(desk, step.ended_at))


@jobs.command("retry")
@_job
@_json
@pass_desk
def retry(desk: Desk, job_id: UUID, json_out: bool) -> None:
    desk.json_out = json_out
    with desk.store() as store:
        _finish(desk, flow.retry_job(store, desk.now(), "cli", job_id))


@jobs.command("cancel")
@_job
@_json
@pass_desk
def cancel(desk: Desk, job_id: UUID, json_out: bool) -> None:
    desk.json_out = json_out
    with desk.store() as store:
        _finish(desk, flow.cancel_job(store, desk.now(), "cli", job_id))


def _finish(desk: Desk, came: Job | Refusal) -> None:
    if isinstance(came, Refusal):
        refuse(desk, came)
    if desk.json_out:
        desk.give(_told(came))
    else:
        _say(desk, came)


def _say(desk: Desk, job: Job) -> None:
    desk.say(
        "cli.jobs.show.line", id=job.job_id, name=_name(desk, job), key=job.key, state=_state(desk, job),
        steps=job.steps, progress=_progress(job), run=job.run, by=job.asked_by, at=moment_told(desk, job.asked_at),
    )  # fmt: skip
    if job.error_code:
        click.echo(_error(desk, job), err=desk.json_out)


def _error(desk: Desk, job: Job) -> str:
    code = f"error.{job.error_code}"
    if not has_text(code):
        return job.error_code
    try:
        return text(code, desk.lang, **job.error_facts)
    except KeyError:  # kept by another version of the program
        return job.error_code


def _name(desk: Desk, job: Job) -> str:
    return text(f"job.{job.name}", desk.lang) if has_text(f"job.{job.name}") else job.name


def _state(desk: Desk, job: Job) -> str:
    code = "stopping" if job.is_cancel_asked and job.state == "running" else job.state
    return text(f"job_state.{code}", desk.lang)


def _progress(job: Job) -> str:
    if job.done is None:
        return "–"
    return f"{job.done:,}" if job.total is None else f"{job.done:,} / {job.total:,}"


def _told(job: Job) -> dict[str, object]:
    return {
        "job_id": job.job_id, "name": job.name, "key": job.key, "arguments": dict(job.arguments), "state": job.state,
        "asked_by": job.asked_by, "asked_at": job.asked_at, "started_at": job.started_at, "moved_at": job.moved_at,
        "ended_at": job.ended_at, "run": job.run, "worker": job.worker, "steps": job.steps, "done": job.done,
        "total": job.total, "cancel_asked": job.is_cancel_asked, "error_code": job.error_code,
        "error_facts": dict(job.error_facts),
    }  # fmt: skip


def _table(desk: Desk, found: list[Job]) -> Table:
    table = Table()
    for name in ("job", "state", "steps", "progress", "asked_at", "id"):
        is_number = name in ("steps", "progress")
        table.add_column(
            text(f"cli.jobs.column.{name}", desk.lang), overflow="fold", justify="right" if is_number else "left"
        )
    for job in found:
        state = _state(desk, job) + (f": {job.error_code}" if job.error_code else "")
        table.add_row(
            f"{escape(_name(desk, job))}\n{escape(job.key)}", escape(state), f"{job.steps:,}", _progress(job),
            moment_told(desk, job.asked_at), str(job.job_id),
        )  # fmt: skip
    return table
