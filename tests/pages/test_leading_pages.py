"""A trial's page leads on: the one next thing in every state, judging and drawing from forms, rights, a part that renews itself."""

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
from leading_scene import JUDGE, LEADING, LEADING_IDS, furnish_leading, leading_home
from page_reading import check_main
from page_scene import NOW
from starlette.testclient import TestClient
from test_pages_browser import House
from trial_scene import IDS

from jitsuri.access.shapes import ROLES, Role, SignedIn
from jitsuri.flows.cold.labelling import label
from jitsuri.review import records as review_rows
from jitsuri.review.shapes import Said
from jitsuri.store.door import Store
from jitsuri.store.jobs import queueing
from jitsuri.web.desk import Route
from jitsuri.web.pages.judging_trials import ROUTES as JUDGING_ROUTES
from jitsuri.words import LANGUAGES, Language, text

MAY_RUN = ("admin", "owner")
PATHS = {name: f"/trials/{LEADING_IDS[name]}" for name in LEADING}
STEPS = {"failed": "mend", "judging": "judging", "stuck": "judge_again", "judged": "draw", "labelled": "label"}


class Shown:
    def __init__(self, store: Store, folder: Path) -> None:
        furnish_leading(store)
        self.store = store
        self.console: Console = gateway_console(store, leading_home(folder))
        self.admin: SignedIn = self.console.admin()

    def browser(self, lang: Language = "ja") -> TestClient:
        client = self.console.browser_of(self.admin, lang)
        client.cookies.set("jitsuri_lang", lang)
        return client


@pytest.fixture(scope="module")
def shown(pg_template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shown]:
    """For tests that only read."""
    with psycopg.connect(pg_template, autocommit=True) as connection:
        connection.execute("CREATE DATABASE jitsuri_leading TEMPLATE jitsuri_template")
    store = Store(pg_template.replace("dbname=postgres", "dbname=jitsuri_leading"))
    yield Shown(store, tmp_path_factory.mktemp("home"))
    store.close()
    with psycopg.connect(pg_template, autocommit=True) as connection:
        connection.execute("DROP DATABASE jitsuri_leading WITH (FORCE)")


@pytest.fixture
def mine(store: Store, tmp_path: Path) -> Shown:
    """For tests that change something."""
    return Shown(store, tmp_path)


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("name", LEADING)
def test_the_pages_are_the_ones_that_were_looked_at(shown: Shown, name: str, lang: Language) -> None:
    answer = shown.browser(lang).get(PATHS[name])

    assert answer.status_code == 200
    main = answer.text.partition("<main")[2].partition("</main>")[0]
    assert [leak for leak in ("Undefined", "{{", "{%", ">None<", "Decimal(") if leak in main] == []
    assert re.findall(r"[> ]((?:page|trial|dropped|job_state)\.[a-z_.]+)", main) == []
    assert text(f"page.lead.step.{STEPS[name]}", lang) in main
    assert main.count('class="first"') + main.count('class="button first"') == (name != "judging"), (
        "one thing comes next"
    )
    check_main(f"leading-{name}-{lang}", answer.text)


@pytest.mark.parametrize("lang", LANGUAGES)
def test_how_a_judge_worked_is_shown(shown: Shown, lang: Language) -> None:
    path = f"{PATHS['judged']}/judge"
    answer = shown.browser(lang).get(path, params={"judge": JUDGE})

    assert answer.status_code == 200
    check_main(f"leading-judge-{lang}", answer.text)
    assert shown.browser(lang).get(path, params={"judge": "nobody/none"}).status_code == 404


def test_the_part_that_renews_itself_is_the_pages_own(shown: Shown) -> None:
    page = shown.browser().get(PATHS["judging"]).text
    part = shown.browser().get(f"{PATHS['judging']}/next").text

    assert f'data-live="{PATHS["judging"]}/next"' in page
    assert re.sub(r"\s+", " ", part).strip() in re.sub(r"\s+", " ", page)
    assert "data-live=" not in shown.browser().get(PATHS["judged"]).text


@pytest.mark.parametrize("role", ROLES)
def test_who_may_judge_and_draw(mine: Shown, role: Role) -> None:
    client = mine.console.browser_of(mine.admin if role == "admin" else mine.console.person(role))
    page = client.get(PATHS["judged"])
    assert page.status_code == (403 if role == "reviewer" else 200)
    assert (f'action="{PATHS["judged"]}/pairs"' in page.text) == (role in MAY_RUN)
    for act in ("judge", "judge/again", "pairs"):
        came = posting(
            client, "/account", f"{PATHS['judged']}/{act}", judge=JUDGE, candidate="openai/gpt-small", labels="5"
        )
        assert (came.status_code == 403) == (role not in MAY_RUN), act


@pytest.mark.parametrize("route", JUDGING_ROUTES, ids=lambda one: f"{one.method} {one.path}")
def test_a_stranger_is_shown_nothing_and_changes_nothing(shown: Shown, route: Route) -> None:
    client = shown.console.client()
    path = route.path.replace("{trial_id:uuid}", str(LEADING_IDS["judged"]))
    answer = client.get(path) if route.method == "GET" else client.post(path)

    assert answer.status_code in (303, 401, 403)
    assert "gpt-small" not in answer.text
    with shown.store.reading() as tx:
        assert queueing.latest(tx, f"judge:{LEADING_IDS['judged']}") is None
        assert review_rows.draws(tx, LEADING_IDS["judged"]) == []


def test_a_judge_is_asked_for_once_and_by_one_measure(mine: Shown) -> None:
    client, done = mine.browser(), f"/trials/{IDS['done']}"
    came = posting(client, done, f"{done}/judge", judge=JUDGE, rubric="  短く、正しく。 ")
    assert came.status_code == 303, came.text
    with mine.store.reading() as tx:
        job = queueing.latest(tx, f"judge:{IDS['done']}")
    assert job is not None
    assert (job.name, job.state, job.arguments["judge"], job.arguments["rubric"]) == (
        "judge",
        "waiting",
        JUDGE,
        "短く、正しく。",
    )
    again = posting(client, done, f"{done}/judge", judge=JUDGE)
    assert again.status_code == 422
    assert posting(client, done, f"{done}/judge/again").status_code == 303, "it is at work already: nothing changes"
    own = posting(client, PATHS["stuck"], f"{PATHS['stuck']}/judge", judge="openai/gpt-tiny")
    assert own.status_code == 422
    assert (
        posting(client, PATHS["judged"], f"{PATHS['judged']}/judge", judge=JUDGE, rubric="別の基準").status_code == 422
    )
    early = f"/trials/{IDS['running']}"
    assert posting(client, early, f"{early}/judge", judge=JUDGE).status_code == 422


def test_a_judge_that_stopped_goes_on_by_the_same_words_and_after_a_higher_cap(mine: Shown) -> None:
    client, path = mine.browser(), PATHS["stuck"]
    assert posting(client, path, f"{path}/cap", cap="400").status_code == 303
    assert posting(client, path, f"{path}/judge/again").status_code == 303
    with mine.store.reading() as tx:
        job = queueing.latest(tx, f"judge:{LEADING_IDS['stuck']}")
    assert job is not None
    assert (job.state, job.arguments["judge"]) == ("waiting", JUDGE)


def test_a_trial_whose_job_failed_goes_on(mine: Shown) -> None:
    client, path = mine.browser(), PATHS["failed"]
    assert posting(client, path, f"{path}/run").status_code == 303
    page = client.get(path).text
    assert text("page.lead.step.wait", "ja") in page


def test_pairs_are_drawn_from_the_form_and_led_on_to(mine: Shown) -> None:
    client, path = mine.browser(), PATHS["judged"]
    assert posting(client, path, f"{path}/pairs", candidate="openai/gpt-small", labels="0").status_code == 422
    came = posting(client, path, f"{path}/pairs", candidate="openai/gpt-small", labels="20")
    assert came.status_code == 303, came.text
    page = client.get(path).text
    assert f'href="/pairs?trial={LEADING_IDS["judged"]}"' in page
    assert text("page.lead.step.label", "ja") in page
    assert client.get(f"/pairs?trial={LEADING_IDS['judged']}").status_code == 200
    fewer = posting(client, path, f"{path}/pairs", candidate="openai/gpt-small", labels="5")
    assert fewer.status_code == 422


def test_from_complete_labels_to_the_certificate(mine: Shown) -> None:
    client, path, trial_id = mine.browser(), PATHS["labelled"], LEADING_IDS["labelled"]
    for person in ("sato@example.jp", "mori@example.jp"):
        with mine.store.reading() as tx:
            pairs, labels = review_rows.pairs_of(tx, trial_id), review_rows.latest(tx, trial_id)
        for pair in pairs:
            held = labels.get(pair.pair_id, [])
            if len(held) < pair.people and all(one.person != person for one in held):
                label(mine.store, pair.pair_id, person, Said("same", 0, took_ms=5_000), NOW)
    page = client.get(path).text
    assert text("page.lead.step.verdict", "ja") in page
    assert f'class="button first" href="{path}/verdict"' in page
    made = posting(client, f"{path}/verdict", f"{path}/certificate", candidate="openai/gpt-small", scorer="")
    assert made.status_code == 303, made.text
    number = made.headers["location"].partition("?")[0].rpartition("/")[2]
    page = client.get(path).text
    assert text("page.lead.step.certificate", "ja") in page
    assert f'class="button first" href="/certificates/{number}"' in page


def test_without_a_variant_the_owner_is_told_where_to_set_one(mine: Shown) -> None:
    client, path = mine.browser(), PATHS["judged"]
    assert "/tasks/inquiry-triage/variant" not in client.get(path).text
    with mine.store.transaction() as tx:
        tx.execute("DELETE FROM routing_variants WHERE task = 'inquiry-triage'")
    for page in (path, "/trials/start?task=inquiry-triage"):
        told = client.get(page).text
        assert 'href="/tasks/inquiry-triage/variant"' in told, page


@pytest.mark.browser
@pytest.mark.slow
@pytest.mark.parametrize(("lang", "width"), [("ja", 1280), ("en", 390)])
def test_the_pages_fit_in_a_browser(mine: Shown, lang: Language, width: int) -> None:
    folder = os.environ.get("JITSURI_SHOTS")

    def work() -> None:
        with served(mine.console.app) as url, running_browser() as browser:
            house = House(None, url, mine.admin)  # type: ignore[arg-type]
            context = browser.new_context(viewport={"width": width, "height": 900})
            page = house.page(context, lang)
            paths = {**PATHS, "running": f"/trials/{IDS['running']}", "done": f"/trials/{IDS['done']}",
                     "judge": f"{PATHS['judged']}/judge?judge={JUDGE}"}  # fmt: skip
            for name, path in paths.items():
                page.goto(f"{url}{path}")
                assert page.evaluate("document.documentElement.scrollWidth") <= width, name
                if folder:
                    page.screenshot(path=f"{folder}/leading-{name}-{lang}-{width}.png", full_page=True)
            context.close()
            assert house.told == []

    with ThreadPoolExecutor(1) as pool:
        pool.submit(work).result()
