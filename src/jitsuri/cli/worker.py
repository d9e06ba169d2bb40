"""``jitsuri worker``: jobs in the background, on this machine or another one."""

from __future__ import annotations

import os
import threading

import click

from jitsuri.app.job_order import JobOrder
from jitsuri.app.log_lines import write_lines
from jitsuri.cli.doors import Desk, pass_desk
from jitsuri.store.opening import open_store


@click.command("worker")
@click.option("--jobs", "at_once", type=click.IntRange(1, 16), default=None)
@pass_desk
def worker(desk: Desk, at_once: int | None) -> None:
    from jitsuri.app.job_worker import work  # the job library is loaded where jobs run, and nowhere else

    settings = desk.settings
    write_lines(settings.text("gateway.log_format"))
    count = at_once or max(1, settings.integer("jobs.at_once"))
    store = open_store(desk.home, desk.database_url, on_progress=desk.progress, application_name="jitsuri-jobs")
    desk.say("cli.worker.started", count=count, place=store.place)
    work(store, settings, os.environ, JobOrder(str(desk.home), str(settings.file or ""), count), threading.Event())
    desk.say("cli.worker.stopped")
