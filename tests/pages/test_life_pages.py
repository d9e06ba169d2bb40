"""発効 in the console: the pages as they were looked at, the acts, who may, what the overview asks, and a real window."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest
from approved_scene import main_of
from browser_parts import running_browser, served
from lived_scene import NAMES, Lived, hidden
from page_reading import check_main
from playwright.sync_api import Page, expect
from test_pages_browser import House

from jitsuri.access.shapes import ROLES, Role
from jitsuri.flows.cold.admitting import deactivate
from jitsuri.flows.cold.keeping_variants import set_variant
from jitsuri.routing import records as routing_rows
from jitsuri.routing.shapes import Target, Variant
from jitsuri.store.door import Store
from jitsuri.words import LANGUAGES, Language, text

ACTS = ("/force", "/full", "/back", "/keep")


@pytest.fixture(scope="module")
def shown(pg_template: str) -> Iterator[Lived]:
    """For tests that only read."""
    with psycopg.connect(pg_template, autocommit=True) as connection:
        connection.execute("CREATE DATABASE jitsuri_lives TEMPLATE jitsuri_template")
    store = Store(pg_template.replace("dbname=postgres", "dbname=jitsuri_lives"))
    yield Lived(store)
    store.close()
    with psycopg.connect(pg_template, autocommit=True) as connection:
        connection.execute("DROP DATABASE jitsuri_lives WITH (FORCE)")


def part(main: str, name: str) -> str:
    """One panel of a page; '' where it has none."""
    return main.partition(f'<section class="sheet" id="{name}">')[2].partition("</section>")[0]


# -- as they were looked at


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("name", [*NAMES, "list", "auditor"])
def test_the_pages_are_the_ones_that_were_looked_at(shown: Lived, name: str, lang: Language) -> None:
    who = shown.auditor if name == "auditor" else shown.owner
    answer = shown.browser(who, lang).get(
        "/lives" if name == "list" else shown.path("asks" if name == "auditor" else name)
    )

    assert answer.status_code == 200
    main = main_of(answer.text)
    assert [leak for leak in ("Undefined", "{{", "{%", ">None<", "Decimal(", "&amp;") if leak in main] == []
    assert re.findall(r"[> ]((?:page|life|approval)\.[a-z_.]+)", main) == []
    shows = answer.text if name == "list" else f"<main{part(main, 'life')}{part(main, 'watched')}</main>"
    check_main(f"life-{name}-{lang}", shows)


@pytest.mark.parametrize("lang", LANGUAGES)
def test_without_certificates_the_list_says_what_will_stand_there(store: Store, lang: Language) -> None:
    from console_parts import Console

    from jitsuri.web.routes import ROUTES

    console = Console(store, pages=ROUTES)
    client = console.browser_of(console.admin(), lang)
    client.cookies.set("jitsuri_lang", lang)

    assert text("page.lives.none", lang) in client.get("/lives").text


@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_overview_tells_owners_what_is_void(shown: Lived, lang: Language) -> None:
    main = main_of(shown.browser(shown.owner, lang).get("/").text)

    assert shown.path("asks") + "#life" in main
    assert text("ask.certificate_void_asks.do", lang) in main
    assert shown.path("rolled_back") + "#life" in main
    assert shown.path("kept") not in main, "somebody has decided"
    assert "土井 四郎" in main


# -- the acts


def variant(scene: Lived, name: str) -> tuple[str, str]:
    with scene.store.reading() as tx:
        found, _ = routing_rows.variants(tx)[scene.read(name).task]
    return str(found.target), str(found.canary.target) if found.canary else ""


def test_from_the_canary_to_the_rollback(store: Store) -> None:
    scene = Lived(store, acts=False)
    path, owner = scene.path("ready"), scene.owner

    begun = scene.sent(owner, "ready", "/force", percent="5", rollback="automatic", reason="始める")
    assert begun[:2] == (303, f"{path}?notice=life_canary")
    assert variant_of(scene) == ("openai/gpt-big", "openai/gpt-small")
    assert scene.sent(owner, "ready", "/full", reason="見た")[:2] == (303, f"{path}?notice=life_full")
    assert variant_of(scene) == ("openai/gpt-small", "")
    assert scene.sent(owner, "ready", "/back", reason="苦情")[:2] == (303, f"{path}?notice=life_back")
    assert variant_of(scene) == ("openai/gpt-big", "")
    assert [(one.event, one.author, one.door) for one in scene.read("ready").events] == [
        ("canary", "doi@example.jp", "console"), ("full", "doi@example.jp", "console"),
        ("rolled_back", "doi@example.jp", "console"),
    ]  # fmt: skip
    evidence = scene.browser().get("/evidence").text
    assert all(text(f"evidence.act.certificate_{act}", "ja") in evidence for act in ("canary", "full", "rolled_back"))


def variant_of(scene: Lived) -> tuple[str, str]:
    return variant(scene, "ready")


def test_what_is_wrong_is_told_and_what_was_typed_stays(store: Store) -> None:
    scene = Lived(store, acts=False)
    status, _, page = scene.sent(
        scene.owner, "ready", "/force", percent="500", rollback="automatic", reason="よく読んだ"
    )

    assert (status, text("refusal.canary_share_invalid", "ja", value="500") in page, "よく読んだ" in page) == (
        422,
        True,
        True,
    )
    assert 'href="#life"' in page
    assert 'value="automatic" checked' in page
    assert scene.read("ready").state == "none"


@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_second_of_two_owners_is_told_how_it_stands_now(store: Store, lang: Language) -> None:
    scene = Lived(store, acts=False)
    slow = scene.browser(scene.owner, lang)
    seen = slow.get(scene.path("ready")).text
    assert scene.sent(scene.admin, "ready", "/force", percent="5", rollback="ask")[0] == 303
    fields = {field: hidden(seen, field) for field in ("csrf", "seen", "seen_variant")}

    answer = slow.post(
        scene.path("ready", "/force"), data={**fields, "percent": "9", "rollback": "ask", "reason": "急ぐ"}
    )

    assert answer.status_code == 422
    assert text("refusal.life_moved_on", lang, number=scene.numbers["ready"]) in answer.text
    assert "急ぐ" in answer.text
    assert scene.read("ready").per_mille == 50


def test_a_variant_that_moved_meanwhile_is_told(store: Store) -> None:
    scene = Lived(store, acts=False)
    page = scene.browser(scene.owner).get(scene.path("ready")).text
    shown = {field: hidden(page, field) for field in ("seen", "seen_variant")}
    set_variant(
        store,
        scene.console.now,
        "x",
        Variant(scene.read("ready").task or "task-ready", Target("openai", "gpt-big"), most_output_tokens=99),
        "x",
        dict(scene.around.sites),
    )

    status, _, page = scene.sent(scene.owner, "ready", "/force", shown, percent="5", rollback="ask")

    assert (status, scene.read("ready").state) == (422, "none")
    assert text("refusal.variant_moved", "ja", name="task-ready", version=2) in page


def test_the_owner_decides_about_a_void_one(store: Store) -> None:
    scene = Lived(store)
    assert scene.sent(scene.owner, "asks", "/keep", reason="")[0] == 422
    done = scene.sent(scene.owner, "asks", "/keep", reason="交渉中")
    assert done[:2] == (303, f"{scene.path('asks')}?notice=life_kept")
    assert scene.read("asks").state == "kept"
    assert scene.path("asks") not in main_of(scene.browser().get("/").text)


def test_where_the_owner_has_left_the_page_names_others(store: Store) -> None:
    scene = Lived(store)
    deactivate(store, scene.console.now, "aoki@example.jp", scene.owner.session.person.person_id)

    assert "青木 一郎" in part(main_of(scene.browser().get(scene.path("asks")).text), "life")


def test_hostile_words_stay_words(store: Store) -> None:
    scene = Lived(store, acts=False)
    hostile = "<script>alert(1)</script>"
    scene.sent(scene.owner, "ready", "/force", percent="5", rollback="ask", reason=hostile)

    for path in (scene.path("ready"), "/lives", "/evidence"):
        assert hostile not in scene.browser().get(path).text


# -- who


@pytest.mark.parametrize("role", ROLES)
def test_what_each_role_opens_and_sends(shown: Lived, role: Role) -> None:
    came = shown.admin if role == "admin" else shown.console.person(role, login=f"{role}-l@example.jp")
    client = shown.browser(came)
    assert client.get("/lives").status_code == 200
    for act in ACTS:
        answer = client.post(shown.path("ended", act), data={"csrf": came.session.csrf, "reason": "x", "percent": "5"})
        assert answer.status_code == (422 if role in ("admin", "owner") else 403), act
    panel = part(main_of(client.get(shown.path("asks")).text), "life")
    assert ("<form" in panel) == (role in ("admin", "owner"))


def test_a_stranger_opens_and_sends_nothing(shown: Lived) -> None:
    stranger = shown.console.client()
    before = {name: shown.read(name) for name in NAMES}
    paths = [shown.path(name, act) for name in NAMES for act in ACTS]

    for answer in [stranger.get("/lives"), *[stranger.post(path, data={"reason": "x"}) for path in paths]]:
        assert (answer.status_code, answer.text) == (303, "")
        assert answer.headers["location"].startswith("/sign-in")
    assert {name: shown.read(name) for name in NAMES} == before


def test_a_form_without_its_token_sends_nothing(shown: Lived) -> None:
    for act in ACTS:
        answer = shown.browser().post(shown.path("asks", act), data={"reason": "x"})
        assert answer.status_code == 403


# -- a real window


@pytest.mark.browser
@pytest.mark.slow
@pytest.mark.parametrize(("lang", "width"), [("ja", 1280), ("ja", 390), ("en", 1280), ("en", 390)])
def test_every_page_fits_its_width(store: Store, lang: Language, width: int) -> None:
    scene = Lived(store)
    shots = os.environ.get("JITSURI_SHOTS")

    def walk(house: House, page: Page) -> None:
        for name in (*NAMES, "list", "overview", "certificates", "approvals"):
            path = {"list": "/lives", "overview": "/", "certificates": "/certificates", "approvals": "/approvals"}.get(
                name
            )
            page.goto(house.url + (path or scene.path(name)))
            wide = page.evaluate("document.documentElement.scrollWidth")
            assert wide <= width, f"{name} is {wide} wide"
            if shots:
                page.screenshot(path=str(Path(shots) / f"life-{name}-{lang}-{width}.png"), full_page=True)

    _walked(scene, lang, width, walk)


@pytest.mark.browser
@pytest.mark.slow
def test_an_owner_puts_in_force_with_the_keyboard(store: Store) -> None:
    scene = Lived(store, acts=False)

    def walk(house: House, page: Page) -> None:
        page.goto(house.url + scene.path("ready"))
        field = page.locator("#life #f-percent")
        field.fill("7.5")
        page.locator("#life input[value=automatic]").press("Space")
        page.locator("#life textarea").fill("承認された")
        page.locator("#life form button.first").press("Enter")
        expect(page.get_by_role("status")).to_contain_text(text("notice.life_canary", "ja"))
        expect(page.locator("#life")).to_contain_text("7.5 %")
        expect(page.locator("#life svg")).to_be_visible()
        expect(page.locator("#watched")).to_contain_text(text("life.watch.variant", "ja"))

    _walked(scene, "ja", 1280, walk)


def _walked(scene: Lived, lang: str, width: int, walk: Callable[[House, Page], None]) -> None:
    def work() -> None:
        with served(scene.console.app) as url, running_browser() as browser:
            house = House(scene, url, scene.owner)  # type: ignore[arg-type]
            context = browser.new_context(viewport={"width": width, "height": 900})
            walk(house, house.page(context, lang))
            context.close()
            assert house.told == []

    with ThreadPoolExecutor(1) as pool:
        pool.submit(work).result()
