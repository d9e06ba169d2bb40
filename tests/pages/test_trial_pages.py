"""試行 in the console: the pages as they were looked at, forms, rights, a trial that renews itself in a real browser."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest
from browser_parts import running_browser, served
from console_parts import Console, posting
from gateway_scene import gateway_console
from page_reading import check_main
from playwright.sync_api import expect
from starlette.testclient import TestClient
from test_pages_browser import House
from trial_scene import IDS, STATES, furnish_trials, home_of

from jitsuri.access.shapes import ROLES, Role, SignedIn
from jitsuri.rightsizing.records import trials as trial_rows
from jitsuri.store.door import Store
from jitsuri.web.desk import Route
from jitsuri.web.pages.trials import ROUTES as TRIAL_ROUTES
from jitsuri.words import LANGUAGES, Language, text

MAY_RUN = ("admin", "owner")


class Shown:
    def __init__(self, store: Store, folder: Path) -> None:
        furnish_trials(store)
        self.store = store
        self.console: Console = gateway_console(store, home_of(folder))
        self.admin: SignedIn = self.console.admin()

    def browser(self, lang: Language = "ja") -> TestClient:
        client = self.console.browser_of(self.admin, lang)
        client.cookies.set("jitsuri_lang", lang)
        return client


@pytest.fixture(scope="module")
def shown(pg_template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shown]:
    """For tests that only read."""
    with psycopg.connect(pg_template, autocommit=True) as connection:
        connection.execute("CREATE DATABASE jitsuri_trials TEMPLATE jitsuri_template")
    store = Store(pg_template.replace("dbname=postgres", "dbname=jitsuri_trials"))
    yield Shown(store, tmp_path_factory.mktemp("home"))
    store.close()
    with psycopg.connect(pg_template, autocommit=True) as connection:
        connection.execute("DROP DATABASE jitsuri_trials WITH (FORCE)")


@pytest.fixture
def mine(store: Store, tmp_path: Path) -> Shown:
    """For tests that change something."""
    return Shown(store, tmp_path)


PATHS = {
    "list": "/trials", "start": "/trials/start?task=inquiry-triage", "start-none": "/trials/start?task=quotation-extraction",
    **{state: f"/trials/{IDS[state]}" for state in STATES}, "verdict": f"/trials/{IDS['done']}/verdict",
    "verdict-early": f"/trials/{IDS['running']}/verdict?scorer=form", "progress": f"/trials/{IDS['running']}/progress",
}  # fmt: skip


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("name", [name for name in PATHS if name != "progress"])
def test_the_pages_are_the_ones_that_were_looked_at(shown: Shown, name: str, lang: Language) -> None:
    answer = shown.browser(lang).get(PATHS[name])

    assert answer.status_code == 200
    main = answer.text.partition("<main")[2].partition("</main>")[0]
    assert [leak for leak in ("Undefined", "{{", "{%", ">None<", "Decimal(", "&amp;") if leak in main] == []
    assert re.findall(r"[> ]((?:page|trial|dropped)\.[a-z_.]+)", main) == []
    check_main(f"trial-{name}-{lang}", answer.text)


def test_the_part_that_renews_itself_is_the_pages_own(shown: Shown) -> None:
    page = shown.browser().get(PATHS["running"]).text
    part = shown.browser().get(PATHS["progress"]).text

    assert 'data-live="/trials/' in page
    assert "data-live=" not in shown.browser().get(PATHS["done"]).text
    assert re.sub(r"\s+", " ", part).strip() in re.sub(r"\s+", " ", page)


@pytest.mark.parametrize("role", ROLES)
def test_who_may_look_and_who_may_run(mine: Shown, role: Role) -> None:
    client = mine.console.browser_of(mine.admin if role == "admin" else mine.console.person(role))
    looked = client.get("/trials").status_code
    assert looked == (403 if role == "reviewer" else 200)
    assert client.get(PATHS["start"]).status_code == (200 if role in MAY_RUN else 403)


@pytest.mark.parametrize("route", TRIAL_ROUTES, ids=lambda one: f"{one.method} {one.path}")
def test_a_stranger_is_shown_nothing_and_changes_nothing(shown: Shown, route: Route) -> None:
    client = shown.console.client()
    path = route.path.replace("{trial_id:uuid}", str(IDS["paused"]))
    answer = client.get(path) if route.method == "GET" else client.post(path)

    assert answer.status_code in (303, 401, 403)
    assert "gpt-small" not in answer.text
    with shown.store.reading() as tx:
        trial = trial_rows.trial(tx, IDS["paused"])
    assert trial is not None
    assert trial.state == "paused"


def state_of(shown: Shown, name: str) -> tuple[str, str, int]:
    with shown.store.reading() as tx:
        trial = trial_rows.trial(tx, IDS[name])
    assert trial is not None
    return trial.state, trial.why, int(trial.cap_jpy)


def test_going_on_raising_the_cap_and_stopping(mine: Shown) -> None:
    client, page = mine.browser(), PATHS["paused"]
    refused = posting(client, page, f"{page}/cap", cap="20")
    assert refused.status_code == 422
    assert state_of(mine, "paused") == ("paused", "cap_reached", 50)
    raised = posting(client, page, f"{page}/cap", cap="1,200")
    assert raised.status_code == 303
    assert state_of(mine, "paused") == ("running", "", 1200)
    empty = posting(client, page, f"{page}/stop", reason=" ")
    assert empty.status_code == 422
    stopped = posting(client, page, f"{page}/stop", reason="足りる")
    assert stopped.status_code == 303
    assert state_of(mine, "paused")[:2] == ("stopped", "足りる")
    assert posting(client, PATHS["planned"], f"{PATHS['planned']}/run").status_code == 303
    assert state_of(mine, "planned")[0] == "running"


def test_a_trial_is_started_from_the_form(mine: Shown) -> None:
    client = mine.browser()
    form = client.get(PATHS["start"]).text
    assert 'value="openai/gpt-small" checked' in form
    wrong = posting(
        client, PATHS["start"], "/trials", task="inquiry-triage", candidate="openai/gpt-small", cap="たくさん"
    )
    assert wrong.status_code == 422
    nobody = posting(client, PATHS["start"], "/trials", task="inquiry-triage", cap="100", others="nowhere/model")
    assert nobody.status_code == 422
    assert "nowhere" in nobody.text
    made = posting(
        client, PATHS["start"], "/trials", task="inquiry-triage", candidate="openai/gpt-small", cap="100", size="50"
    )  # fmt: skip
    assert made.status_code == 303, made.text
    page = client.get(made.headers["location"]).text
    assert text("notice.trial_started", "ja") in page
    with mine.store.reading() as tx:
        newest = trial_rows.trials(tx)[0]
        assert (newest.state, int(newest.cap_jpy), newest.author) == ("running", 100, "aoki@example.jp")
        assert len(trial_rows.requests_of(tx, newest.trial_id)) >= 1


def test_a_certificate_is_filed_from_the_verdict(mine: Shown) -> None:
    client = mine.browser()
    made = posting(
        client, PATHS["verdict"], f"/trials/{IDS['done']}/certificate", candidate="openai/gpt-small", scorer="same"
    )

    assert made.status_code == 303, made.text
    assert client.get(made.headers["location"]).status_code == 200


@pytest.mark.browser
@pytest.mark.slow
@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("width", [1280, 390])
def test_the_pages_fit_and_renew_themselves_in_a_browser(mine: Shown, lang: Language, width: int) -> None:
    folder = os.environ.get("JITSURI_SHOTS")

    def work() -> None:
        with served(mine.console.app) as url, running_browser() as browser:
            house = House(None, url, mine.admin)  # type: ignore[arg-type]
            context = browser.new_context(viewport={"width": width, "height": 900})
            page = house.page(context, lang)
            for name in ("list", "start", "running", "paused", "done", "verdict"):
                page.goto(f"{url}{PATHS[name]}")
                wide = page.evaluate("document.documentElement.scrollWidth")
                assert wide <= width, name
                if folder:
                    page.screenshot(path=f"{folder}/trial-{name}-{lang}-{width}.png", full_page=True)
            page.goto(f"{url}{PATHS['running']}")
            with mine.store.transaction() as tx:
                tx.execute("UPDATE rightsizing_answers SET state = 'answered', cost_jpy = 0 WHERE trial_id = %s AND way = 2 "
                           "AND position BETWEEN 55 AND 59", (IDS["running"],))  # fmt: skip
            expect(page.locator("#progress")).to_contain_text("55 / 120", timeout=8000)
            context.close()
            assert house.told == []

    with ThreadPoolExecutor(1) as pool:
        pool.submit(work).result()
