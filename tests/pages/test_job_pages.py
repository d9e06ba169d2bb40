"""裏の仕事: the page as it was looked at, its forms, who may see and act, and a real window."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest
from browser_parts import running_browser, served
from console_parts import Console, sample_settings
from page_reading import check_main
from starlette.testclient import TestClient

from jitsuri.access.shapes import ROLES, Role, SignedIn
from jitsuri.evidence import records as evidence_rows
from jitsuri.store.door import Store
from jitsuri.store.jobs import queueing
from jitsuri.store.jobs.stepping import Steps
from jitsuri.terms.ids import derived_id
from jitsuri.web.routes import ROUTES
from jitsuri.words import LANGUAGES, Language, text


class Shown:
    """A console with a job in each state."""

    def __init__(self, store: Store, *, is_empty: bool = False) -> None:
        self.store = store
        self.console = Console(store, sample_settings(), ROUTES)
        self.admin = self.console.admin()
        self.jobs: dict[str, UUID] = {}
        if is_empty:
            return
        now = self.console.now
        for place, name in enumerate(("done", "failed", "broke", "cancelled", "waiting", "stopping", "running")):
            job_id = derived_id("job", name)
            with store.transaction() as tx:
                queueing.enqueue(tx, now - timedelta(minutes=30 - place), "aoki@example.jp", "trial", {"trial": name},
                                 f"trial:T-{place}", job_id=job_id)  # fmt: skip
            self.jobs[name] = job_id
            if name == "waiting":
                continue
            with store.transaction() as tx:
                taken = queueing.take(tx, now, job_id, "here", None)
            assert taken is not None
            steps = Steps(store, taken, lambda: now)
            for one in range(3):
                steps(f"answers:{one}", int)
            steps.progress(1240, 2500)
            with store.transaction() as tx:
                if name == "done":
                    queueing.end(tx, now, taken, "done")
                elif name == "failed":
                    queueing.end(tx, now, taken, "failed", "database_closed", {"where": "localhost:5432/jitsuri"})
                elif name == "broke":
                    facts = {"kind": "KeyError", "place": "flows/cold/trying.py:88"}
                    queueing.end(tx, now, taken, "failed", "job_broke", facts)
                elif name == "cancelled":
                    queueing.end(tx, now, taken, "cancelled")
                elif name == "stopping":
                    queueing.ask_cancel(tx, now, job_id)

    def browser(self, who: SignedIn | None = None, lang: Language = "ja") -> TestClient:
        client = self.console.browser_of(who or self.admin, lang)
        client.cookies.set("jitsuri_lang", lang)
        return client

    def state(self, name: str) -> str:
        with self.store.reading() as tx:
            found = queueing.one(tx, self.jobs[name])
        assert found is not None
        return found.state


@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_page_is_the_one_that_was_looked_at(store: Store, lang: Language) -> None:
    answer = Shown(store).browser(lang=lang).get("/jobs")

    assert answer.status_code == 200
    for leak in ("Undefined", "{{", "{%", ">None<", "page.jobs."):
        assert leak not in answer.text
    check_main(f"jobs-{lang}", answer.text)


@pytest.mark.parametrize("lang", LANGUAGES)
def test_without_jobs_the_page_says_what_will_stand_there(store: Store, lang: Language) -> None:
    page = Shown(store, is_empty=True).browser(lang=lang).get("/jobs").text
    assert text("page.jobs.empty", lang) in page
    assert text("page.jobs.left", lang) not in page


def test_jobs_that_wait_while_nobody_works_are_told(store: Store) -> None:
    shown = Shown(store, is_empty=True)
    with store.transaction() as tx:
        queueing.enqueue(tx, shown.console.now - timedelta(minutes=2), "aoki", "trial", {}, "trial:1")
    assert text("page.jobs.left", "ja") in shown.browser().get("/jobs").text


def test_jobs_are_let_go_on_and_cancelled_with_evidence(store: Store) -> None:
    shown = Shown(store)
    client, csrf = shown.browser(), {"csrf": shown.admin.session.csrf}
    for name, act, after in (("failed", "retry", "waiting"), ("waiting", "cancellation", "cancelled")):
        answer = client.post(f"/jobs/{shown.jobs[name]}/{act}", data=csrf)
        assert (answer.status_code, shown.state(name)) == (303, after)
    again = client.post(f"/jobs/{shown.jobs['done']}/cancellation", data=csrf)
    assert again.status_code == 422
    assert text("job_state.done", "ja") in again.text
    absent = client.post(f"/jobs/{derived_id('job', 'none')}/retry", data=csrf)
    assert absent.status_code == 422
    with store.reading() as tx:
        acts = [one.record.act for one in evidence_rows.recent(tx, 10, None)]
    assert acts.count("job_retried") == acts.count("job_cancelled") == 1


def test_another_living_job_about_the_same_stands_against_a_retry(store: Store) -> None:
    shown = Shown(store)
    with store.transaction() as tx:
        queueing.enqueue(tx, shown.console.now, "aoki", "trial", {}, "trial:T-1")
    answer = shown.browser().post(f"/jobs/{shown.jobs['failed']}/retry", data={"csrf": shown.admin.session.csrf})
    assert (answer.status_code, shown.state("failed")) == (422, "failed")


@pytest.mark.parametrize("role", [role for role in ROLES if role != "admin"])
def test_only_administrators_act_and_auditors_read(store: Store, role: Role) -> None:
    shown = Shown(store)
    who = shown.console.person(role, "伊達 六郎", "date@example.jp")
    client = shown.browser(who)
    page = client.get("/jobs")
    assert page.status_code == (200 if role == "auditor" else 403)
    assert "/cancellation" not in page.text
    for act in ("retry", "cancellation"):
        answer = client.post(f"/jobs/{shown.jobs['waiting']}/{act}", data={"csrf": who.session.csrf})
        assert answer.status_code == 403
    assert shown.state("waiting") == "waiting"


def test_a_stranger_and_a_form_without_its_token_do_nothing(store: Store) -> None:
    shown = Shown(store)
    stranger, path = shown.console.client(), f"/jobs/{shown.jobs['waiting']}/cancellation"
    for answer in (stranger.get("/jobs"), stranger.post(path), stranger.post(path.replace("cancellation", "retry"))):
        assert (answer.status_code, answer.text) == (303, "")
        assert answer.headers["location"].startswith("/sign-in")
    assert shown.browser().post(path).status_code == 403
    assert shown.state("waiting") == "waiting"


@pytest.mark.browser
@pytest.mark.slow
@pytest.mark.parametrize(("lang", "width"), [("ja", 1280), ("ja", 390), ("en", 1280), ("en", 390)])
def test_the_page_fits_its_width(store: Store, lang: Language, width: int) -> None:
    shown = Shown(store)
    shots = os.environ.get("JITSURI_SHOTS")

    def walk() -> None:
        with served(shown.console.app) as url, running_browser() as browser:
            context = browser.new_context(viewport={"width": width, "height": 900})
            context.add_cookies(
                [{"name": name, "value": value, "url": url}
                 for name, value in (("jitsuri_session", shown.admin.secret), ("jitsuri_lang", lang))]
            )  # fmt: skip
            page = context.new_page()
            page.goto(f"{url}/jobs")
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            if shots:
                page.screenshot(path=Path(shots) / f"jobs-{lang}-{width}.png", full_page=True)
            context.close()

    with ThreadPoolExecutor(1) as pool:
        pool.submit(walk).result()
