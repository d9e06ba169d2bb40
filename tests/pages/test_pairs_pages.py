"""確認 in the console: the pages as they were looked at, forms without a script, what stays unsaid, who may come in."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "review"))

from page_reading import check_main
from pairs_scene import HOSTILE, TRIAL
from reviewed_scene import PAGE, Reviewed, hidden, main_of

from jitsuri.access.shapes import ROLES, Role
from jitsuri.review import records as review_rows
from jitsuri.store.door import Store
from jitsuri.terms.ids import derived_id
from jitsuri.words import LANGUAGES, Language, text

POSTS = ("/pairs/labels", "/pairs/undo", "/api/pairs/labels", "/api/pairs/undo")


@pytest.fixture(scope="module")
def shown(pg_template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reviewed]:
    """For tests that only read."""
    with psycopg.connect(pg_template, autocommit=True) as connection:
        connection.execute("CREATE DATABASE jitsuri_pairs TEMPLATE jitsuri_template")
    store = Store(pg_template.replace("dbname=postgres", "dbname=jitsuri_pairs"))
    scene = Reviewed(store, tmp_path_factory.mktemp("keys"), ways=2)
    for press in ("left", "right", "same", "same", "both_bad", "same"):
        scene.label(scene.other, press)  # type: ignore[arg-type]
    scene.label(scene.reviewer, "left")
    yield scene
    store.close()
    with psycopg.connect(pg_template, autocommit=True) as connection:
        connection.execute("DROP DATABASE jitsuri_pairs WITH (FORCE)")


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("list", "/pairs"),
        ("pair", PAGE),
        ("sure", f"/pairs/progress?trial={TRIAL}"),
        ("sure-hidden", f"/pairs/progress?trial={TRIAL}"),
        ("sure-list", "/pairs/progress"),
    ],
)
def test_the_pages_are_the_ones_that_were_looked_at(shown: Reviewed, name: str, path: str, lang: Language) -> None:
    who = {"sure": shown.owner, "sure-list": shown.finance, "sure-hidden": shown.admin}.get(name, shown.reviewer)
    if name == "sure-hidden" and shown.label(shown.admin) is not None:
        shown.label(shown.admin)
    answer = shown.browser(who, lang).get(path)

    assert answer.status_code == 200
    main = main_of(answer.text)
    assert [leak for leak in ("Undefined", "{{", "{%", ">None<", "Decimal(") if leak in main] == []
    assert re.findall(r"[> ]((?:page|review|verdict)\.[a-z_.]+)", main) == []
    if name in ("list", "sure-list"):
        told = re.sub(r"\b\d+ / 48", "* / 48", answer.text)  # other tests of this file label too, in any order
        check_main(f"pairs-{name}-{lang}", told)


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("name", ["pair", "sure", "none"])
def test_a_pair_and_its_progress_as_they_were_looked_at(
    store: Store, tmp_path: Path, name: str, lang: Language
) -> None:
    scene = Reviewed(store, tmp_path, count=4, budget=4)
    if name == "none":
        while scene.label(scene.reviewer) is not None:
            pass
    elif name == "sure":
        while scene.label(scene.other, "same") is not None:
            pass
    path, who = (f"/pairs/progress?trial={TRIAL}", scene.owner) if name == "sure" else (PAGE, scene.reviewer)
    answer = scene.browser(who, lang).get(path)

    assert answer.status_code == 200
    page = re.sub(r'data-csrf="[^"]*"', 'data-csrf="*"', answer.text)
    check_main(f"pairs-one-{name}-{lang}", page)


@pytest.mark.parametrize("lang", LANGUAGES)
def test_without_pairs_the_list_says_what_will_stand_there(store: Store, lang: Language) -> None:
    from console_parts import Console

    from jitsuri.web.routes import ROUTES as ALL

    console = Console(store, pages=ALL)
    client = console.browser_of(console.admin(), lang)
    client.cookies.set("jitsuri_lang", lang)

    for path in ("/pairs", "/pairs/progress"):
        assert text("page.pairs.empty", lang) in client.get(path).text
    for path in (
        "/pairs?trial=x",
        f"/pairs?trial={TRIAL}",
        f"/pairs/progress?trial={TRIAL}",
        "/pairs/next",
        "/pairs/next?trial=x",
    ):
        assert client.get(path).status_code == 404, path


def test_nothing_on_the_page_says_whose_answer_is_whose(shown: Reviewed) -> None:
    client = shown.browser(shown.reviewer)
    for page in (client.get(PAGE).text, client.get(f"/pairs/next?trial={TRIAL}").text, client.get("/pairs").text):
        for word in (
            "gpt",
            "tiny",
            "baseline",
            "candidate",
            "judge",
            "way",
            "uniform",
            "focused",
            "区間",
            "合格",
            "円",
        ):
            assert word not in main_of(page) if "<main" in page else word not in page, word


def test_hostile_answers_are_only_read(store: Store, tmp_path: Path) -> None:
    scene = Reviewed(store, tmp_path)
    seen = ""
    client = scene.browser()
    for _ in range(24):
        page = client.get(PAGE).text
        if "data-none" in page:
            break
        seen += main_of(page)
        client.post("/pairs/labels", data=_fields(scene, page, press="same"))
    assert HOSTILE not in seen
    assert "&lt;script&gt;" in seen
    assert "<script" not in seen
    assert "onerror=" not in seen.replace("onerror=&#34;", "")


def _fields(scene: Reviewed, page: str, **more: str) -> dict[str, str]:
    return {
        "csrf": scene.reviewer.session.csrf,
        "pair": hidden(page, "pair"),
        "version": hidden(page, "version"),
        **more,
    }


def test_labels_by_plain_forms_and_taken_back(store: Store, tmp_path: Path) -> None:
    scene = Reviewed(store, tmp_path)
    status, query, _ = scene.post(
        scene.reviewer, "/pairs/labels", press="left", critical_right="yes", reason="tone", note="よい"
    )
    assert (status, query["trial"]) == (303, [str(TRIAL)])
    client = scene.browser()
    page = client.get(PAGE).text
    strip = page.partition('id="last"')[2]
    assert text("review.better", "ja", letter="A") in strip
    first = hidden(strip, "pair")
    data = {"csrf": scene.reviewer.session.csrf, "pair": first, "version": hidden(strip, "version")}
    answer = client.post("/pairs/undo", data=data)
    assert answer.headers["location"] == f"/pairs?trial={TRIAL}&first={first}"
    again = client.get(answer.headers["location"]).text
    assert (hidden(again, "pair"), hidden(again, "version")) == (first, "2")
    assert client.post("/pairs/undo", data=data).status_code == 303  # pressed twice


def test_a_form_sent_twice_is_one_label_and_an_old_one_is_told(store: Store, tmp_path: Path) -> None:
    scene = Reviewed(store, tmp_path)
    client = scene.browser()
    page = client.get(PAGE).text
    fields = _fields(scene, page, press="same")
    assert [client.post("/pairs/labels", data=fields).status_code for _ in range(3)] == [303] * 3
    answer = client.post("/pairs/labels", data={**fields, "press": "left"})
    assert (answer.status_code, text("refusal.label_moved_on", "ja") in answer.text) == (422, True)
    assert client.post("/pairs/labels", data={**fields, "press": "x"}).status_code == 422
    assert client.post("/pairs/labels", data={**fields, "pair": "x"}).status_code == 404
    assert client.post("/pairs/labels", data={**fields, "pair": str(derived_id("pair", "none"))}).status_code == 404
    with store.reading() as tx:
        assert len(review_rows.labels_of_trial(tx, TRIAL)) == 1


def test_the_script_is_told_what_stands(store: Store, tmp_path: Path) -> None:
    scene = Reviewed(store, tmp_path)
    client = scene.browser()
    fields = _fields(scene, client.get(PAGE).text, press="right", took_ms="900")
    told = client.post("/api/pairs/labels", data=fields).json()
    assert (told["version"], told["last"]["press"], told["drawn"]) == (1, "right", 24)
    assert client.post("/api/pairs/labels", data=fields).json()["version"] == 1
    wrong = client.post("/api/pairs/labels", data={**fields, "press": "left"})
    assert (wrong.status_code, wrong.json()["error"]["code"]) == (422, "label_moved_on")
    taken = client.post("/api/pairs/undo", data={**fields, "version": "1"}).json()
    assert (taken["version"], taken["last"]) == (2, None)
    assert client.post("/api/pairs/undo", data={**fields, "version": "7"}).status_code == 422


@pytest.mark.parametrize("role", ROLES)
def test_what_each_role_opens_and_sends(shown: Reviewed, role: Role) -> None:
    came = shown.admin if role == "admin" else shown.console.person(role, login=f"{role}-p@example.jp")
    client = shown.browser(came)
    labels, sees = role in ("admin", "owner", "reviewer"), role not in ("reviewer",)
    for path in ("/pairs", PAGE, f"/pairs/next?trial={TRIAL}"):
        assert client.get(path).status_code == (200 if labels else 403), path
    for path in ("/pairs/progress", f"/pairs/progress?trial={TRIAL}"):
        assert client.get(path).status_code == (200 if sees else 403), path
    for path in POSTS:
        answer = client.post(path, data={"csrf": came.session.csrf})
        assert answer.status_code == ((422 if path.startswith("/api") else 404) if labels else 403), path


def test_a_stranger_opens_and_sends_nothing(shown: Reviewed) -> None:
    stranger = shown.console.client()
    for path in ("/pairs", PAGE, f"/pairs/next?trial={TRIAL}", "/pairs/progress", f"/pairs/progress?trial={TRIAL}"):
        answer = stranger.get(path)
        assert (answer.status_code, answer.text) == (303, ""), path
    for path in POSTS:
        answer = stranger.post(path, data={"press": "same"})
        assert answer.status_code == (401 if path.startswith("/api") else 303), path
    for path in POSTS:  # and without its token nobody's form counts
        assert shown.browser(shown.reviewer).post(path, data={"press": "same"}).status_code == 403


def test_the_progress_tells_of_labels_and_hides_them_from_whoever_gives_them(shown: Reviewed) -> None:
    owner = main_of(shown.browser(shown.owner).get(f"/pairs/progress?trial={TRIAL}").text)
    assert "openai/gpt-small" in owner
    assert "<svg" in owner
    both = shown.console.person("owner", "両方", "both@example.jp")
    shown.label(both)
    theirs = main_of(shown.browser(both).get(f"/pairs/progress?trial={TRIAL}").text)
    assert text("page.sure.hidden", "ja") in theirs
    assert "<svg" not in theirs
