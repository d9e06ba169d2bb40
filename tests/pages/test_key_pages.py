"""鍵 in the console: the pages as they were looked at, forms, rights, the secret shown once, and a real browser."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pytest
from browser_parts import running_browser, served
from console_parts import posting
from keyed_scene import Keyed
from page_reading import check_main
from playwright.sync_api import Page, expect
from test_pages_browser import House

from jitsuri.access.records import keys as key_rows
from jitsuri.access.shapes import ROLES, Role, SignedIn
from jitsuri.flows.cold.admitting import deactivate
from jitsuri.store.door import Store
from jitsuri.words import LANGUAGES, Language, text

SECRET = re.compile(r"jk_[0-9A-Za-z]{49}")
PAGES = {
    "keys": "/keys", "keys-all": "/keys?which=all", "keys-none": "/keys?find=nothing", "key-ask": "/keys/new",
    **{f"key-{name}": name for name in ("asked", "own", "approved", "active", "rotating", "soon", "not-yet", "expired",
                                        "revoked", "refused", "withdrawn", "console-made", "holder-gone")},
}  # fmt: skip


@pytest.fixture(scope="module")
def shown(pg_template: str) -> Iterator[Keyed]:
    """For tests that only read."""
    with psycopg.connect(pg_template, autocommit=True) as connection:
        connection.execute("CREATE DATABASE jitsuri_keys TEMPLATE jitsuri_template")
    store = Store(pg_template.replace("dbname=postgres", "dbname=jitsuri_keys"))
    yield Keyed(store)
    store.close()
    with psycopg.connect(pg_template, autocommit=True) as connection:
        connection.execute("DROP DATABASE jitsuri_keys WITH (FORCE)")


def address(scene: Keyed, path: str) -> str:
    return path if path.startswith("/") else f"/keys/{scene.ids[path]}"


def main_of(page: str) -> str:
    return page.partition("<main")[2].partition("</main>")[0]


# -- as they were looked at


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("name", PAGES)
def test_the_pages_are_the_ones_that_were_looked_at(shown: Keyed, name: str, lang: Language) -> None:
    answer = shown.browser(lang=lang).get(address(shown, PAGES[name]))

    assert answer.status_code == 200
    main = main_of(answer.text)
    assert [leak for leak in ("Undefined", "{{", "{%", ">None<", "&amp;lt;") if leak in main] == []
    assert re.findall(r"[> ]((?:page|key|refusal)\.[a-z_.]+)", main) == []  # a code instead of its words
    assert SECRET.search(answer.text) is None
    check_main(f"{name}-{lang}", answer.text)


@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_page_of_a_secret_is_the_one_that_was_looked_at(store: Store, lang: Language) -> None:
    scene = Keyed(store, keys=False)
    path = f"/keys/{scene.approved('approved').key_id}"
    browser = scene.browser(scene.developer, lang)

    assert text("page.key.take_told", lang) in browser.get(path).text
    check_main(f"key-ready-{lang}", browser.get(path).text)
    page = posting(browser, path, f"{path}/secret").text
    check_main(f"key-made-{lang}", SECRET.sub("jk_*", page))


@pytest.mark.parametrize("lang", LANGUAGES)
def test_without_keys_the_list_says_what_to_do(store: Store, lang: Language) -> None:
    scene = Keyed(store, keys=False)

    page = scene.browser(lang=lang).get("/keys").text

    assert text("page.keys.empty", lang) in page
    assert 'href="/keys/new"' in main_of(page)


# -- forms

ASKED = {
    "name": "night-triage", "purpose": "夜間の分類", "task": "inquiry-triage", "department": "", "models": "gpt-5*、gpt-small",
    "regions": "JP", "first": "", "until": "2027-03-31", "requests": "1,200", "tokens": "５００００",
}  # fmt: skip


def sent(scene: Keyed, who: SignedIn, path: str, form_page: str, **fields: str) -> Any:
    """A form of the console, filled and sent by somebody."""
    return posting(scene.browser(who), form_page, path, **fields)


def key_path(scene: Keyed, name: str, act: str = "") -> str:
    return f"/keys/{scene.ids[name]}{act}"


def test_a_key_is_asked_for_decided_by_another_and_its_secret_shown_once(store: Store) -> None:
    scene = Keyed(store, keys=False)
    answer = sent(scene, scene.developer, "/keys", "/keys/new", **ASKED)
    assert answer.status_code == 303
    path = answer.headers["location"].partition("?")[0]
    with store.reading() as tx:
        [kept] = key_rows.everything(tx)
    scope = kept.scope
    assert (scope.models, scope.regions, scope.requests_per_minute, scope.tokens_per_minute) == (
        ("gpt-5*", "gpt-small"), ("jp",), 1200, 50_000,
    )  # fmt: skip
    assert scope.expires_at == datetime(2027, 3, 31, 15, tzinfo=UTC)

    page = scene.browser(scene.developer).get(path).text
    assert text("page.key.own_told", "ja") in page
    assert '/approval"' not in page
    assert text("page.keys.waiting_yours", "ja") in scene.browser(scene.owner).get("/keys").text
    assert sent(scene, scene.owner, f"{path}/approval", path, reason="見積どおり").status_code == 303

    assert text("page.keys.ready", "ja") in scene.browser(scene.developer).get("/keys").text
    shown_once = sent(scene, scene.developer, f"{path}/secret", path)
    assert shown_once.status_code == 200
    assert shown_once.headers["cache-control"] == "no-store"
    [secret] = set(SECRET.findall(shown_once.text))
    with store.reading() as tx:
        assert key_rows.standing(tx)[sha256(secret.encode()).digest()].name == "night-triage"

    again = scene.browser(scene.developer)
    for address_ in (path, "/keys", "/keys?which=all"):
        assert secret[:-4] not in again.get(address_).text
    refused = again.post(f"{path}/secret", data={"csrf": scene.developer.session.csrf})
    assert refused.status_code == 422
    assert SECRET.search(refused.text) is None
    assert "もうできません" in refused.text


def test_the_only_administrator_is_told_that_they_decide_alone(store: Store) -> None:
    scene = Keyed(store, keys=False)
    own = scene.asked("own", by=scene.admin)
    path = f"/keys/{own.key_id}"
    told = text("page.key.only_admin_told", "ja")
    assert told not in scene.browser().get(path).text
    assert text("page.key.own_told", "ja") in scene.browser().get(path).text

    deactivate(store, scene.now, "aoki@example.jp", scene.other.session.person.person_id)

    assert told in scene.browser().get(path).text
    assert sent(scene, scene.admin, f"{path}/approval", path, reason="一人のため").status_code == 303
    assert scene.read("own").state == "approved"


def test_what_the_form_holds_stays_when_it_is_refused(store: Store) -> None:
    scene = Keyed(store, keys=False)

    for changes, told in (
        ({"until": "2026-11-01"}, "期限がすでに過ぎている"), ({"until": "いつか"}, "「いつか」は日付として読めません"),
        ({"requests": "1.5"}, "整数で書いてください"), ({"tokens": "many"}, "整数で書いてください"),
        ({"models": "a*b"}, "「a*b」はモデル名として"), ({"task": "nothing"}, "nothing"), ({"first": "x"}, "「x」は日付"),
        ({"purpose": " "}, "何に使うか"), ({"name": "夜\n間"}, "鍵の名前は"),
    ):  # fmt: skip
        answer = sent(scene, scene.developer, "/keys", "/keys/new", **{**ASKED, **changes})
        assert answer.status_code == 422, changes
        assert told in answer.text, changes
        assert 'value="2027-03-31"' in answer.text or "until" in changes
        if "purpose" not in changes:
            assert ">夜間の分類</textarea>" in answer.text
    with store.reading() as tx:
        assert key_rows.everything(tx) == []


def test_decisions_and_ends_need_a_reason_and_say_so_where_it_is_missing(store: Store) -> None:
    scene = Keyed(store)

    for name, act, at in (("asked", "/approval", "decide"), ("asked", "/refusal", "decide"), ("active", "/rotation", "rotate"),
                          ("active", "/limits", "change"), ("active", "/revocation", "end")):  # fmt: skip
        path = key_path(scene, name)
        answer = sent(
            scene, scene.admin, path + act, path, reason="", overlap="24", until="2027-01-31", requests="1", tokens="1"
        )
        assert answer.status_code == 422
        part = answer.text.partition(f'id="{at}"')[2]
        assert text("refusal.key_reason_missing", "ja", longest=500) in part[: part.index("</form>")]
    assert scene.read("active").state == "active"
    assert scene.read("asked").state == "asked"


def test_a_decision_that_somebody_else_took_first_is_told_above(store: Store) -> None:
    scene = Keyed(store)
    path = key_path(scene, "asked")
    assert sent(scene, scene.other, f"{path}/refusal", path, reason="先に却下").status_code == 303

    answer = scene.browser().post(f"{path}/approval", data={"csrf": scene.admin.session.csrf, "reason": "承認"})

    assert answer.status_code == 422
    assert text("refusal.key_decided", "ja", name="asked") in main_of(answer.text)
    assert scene.read("asked").state == "refused"


def test_rotating_shows_the_new_secret_and_lets_the_old_one_run_out(store: Store) -> None:
    scene = Keyed(store)
    path = key_path(scene, "active")

    answer = sent(scene, scene.developer, f"{path}/rotation", path, overlap="168", reason="定期")

    [secret] = set(SECRET.findall(answer.text))
    kept = scene.read("active")
    assert kept.secrets[0].hint == secret[-4:]
    assert kept.secrets[1].ends_at == scene.now + timedelta(days=7)
    wrong = sent(scene, scene.developer, f"{path}/rotation", path, overlap="9999", reason="定期")
    assert (wrong.status_code, SECRET.search(wrong.text)) == (422, None)


def test_end_and_limits_are_changed_and_a_key_is_revoked(store: Store) -> None:
    scene = Keyed(store)
    path = key_path(scene, "active")

    answer = sent(
        scene, scene.owner, f"{path}/limits", path, until="2027-06-30", requests="", tokens="9000", reason="延長"
    )
    assert answer.headers["location"] == f"{path}?notice=key_changed"
    scope = scene.read("active").scope
    assert (scope.requests_per_minute, scope.tokens_per_minute) == (0, 9000)
    assert scope.expires_at == datetime(2027, 6, 30, 15, tzinfo=UTC)

    answer = sent(scene, scene.developer, f"{path}/revocation", path, reason="漏えい")
    assert answer.headers["location"] == f"{path}?notice=key_revoked"
    assert scene.read("active").state == "revoked"
    withdrawn = sent(
        scene, scene.developer, key_path(scene, "asked", "/revocation"), key_path(scene, "asked"), reason="不要"
    )
    assert withdrawn.headers["location"].endswith("?notice=key_withdrawn")


def test_what_is_not_ones_own_is_refused_even_with_the_right_to_ask(store: Store) -> None:
    scene = Keyed(store)
    stranger = scene.console.person("developer", "伊達 六郎", "date@example.jp")
    csrf = {"csrf": stranger.session.csrf, "reason": "x", "overlap": "0"}
    browser = scene.browser(stranger)

    assert browser.post(key_path(scene, "approved", "/secret"), data=csrf).status_code == 422
    assert browser.post(key_path(scene, "active", "/rotation"), data=csrf).status_code == 422
    assert browser.post(key_path(scene, "active", "/revocation"), data=csrf).status_code == 422
    for act in ("/approval", "/refusal", "/limits"):
        assert browser.post(key_path(scene, "asked", act), data=csrf).status_code == 403
    page = browser.get(key_path(scene, "active")).text
    assert [act for act in ("/rotation", "/revocation", "/limits", "/secret") if act in main_of(page)] == []


@pytest.mark.parametrize("role", ROLES)
def test_who_sees_money_sees_keys_and_only_some_may_ask(shown: Keyed, role: Role) -> None:
    came = shown.admin if role == "admin" else shown.console.person(role, login=f"{role}-k@example.jp")
    browser = shown.browser(came)

    assert browser.get("/keys").status_code == (403 if role == "reviewer" else 200)
    asks = role in ("admin", "owner", "developer")
    assert browser.get("/keys/new").status_code == (200 if asks else 403)
    if role != "reviewer":
        assert ('href="/keys/new"' in browser.get("/keys").text) == asks


def test_an_owner_is_offered_only_the_decisions_about_their_task(shown: Keyed) -> None:
    browser = shown.browser(shown.owner)

    assert '/approval"' in browser.get(key_path(shown, "asked")).text
    assert '/approval"' not in browser.get(key_path(shown, "asked-any")).text
    assert text("page.key.asked_told", "ja") in browser.get(key_path(shown, "asked-any")).text


def test_a_key_is_found_by_the_end_of_its_secret(shown: Keyed) -> None:
    hint = shown.read("active").secrets[0].hint

    for told in (hint, f"jk_…{hint}", hint.lower()):
        main = main_of(shown.browser().get("/keys", params={"find": told, "which": "all"}).text)
        assert f"/keys/{shown.ids['active']}" in main
        assert f"/keys/{shown.ids['soon']}" not in main.partition("<tbody>")[2]


def test_every_standing_can_be_asked_for(shown: Keyed) -> None:
    for standing, name in (
        ("expired", "expired"),
        ("revoked", "revoked"),
        ("rotating", "rotating"),
        ("not_yet", "not-yet"),
    ):
        rows = main_of(shown.browser().get(f"/keys?which={standing}").text).partition("<tbody>")[2]
        assert rows.count("<tr") == 1
        assert f"/keys/{shown.ids[name]}" in rows


def test_a_key_that_is_not_there_is_missing(shown: Keyed) -> None:
    assert shown.browser().get(f"/keys/{UUID(int=8)}").status_code == 404
    assert shown.browser().get("/keys/x").status_code == 404


def test_hostile_words_stay_words(store: Store) -> None:
    scene = Keyed(store, keys=False)
    hostile = "<script>alert(1)</script>"

    answer = sent(scene, scene.developer, "/keys", "/keys/new", **{**ASKED, "name": hostile, "purpose": hostile})

    for path in (answer.headers["location"], "/keys"):
        assert hostile not in scene.browser().get(path).text


def test_the_evidence_of_keys_has_words(shown: Keyed) -> None:
    page = shown.browser().get("/evidence").text

    assert "鍵を承認した" in page
    assert set(re.findall(r">\s*(key_[a-z_]+)\s*<", page)) <= {"key_id"}  # a fact's name; acts have words
    assert SECRET.search(page) is None


# -- in a real Chromium


def walked(scene: Keyed, who: SignedIn, lang: str, width: int, walk: Callable[[House, Page], None]) -> None:
    """Do ``walk`` in somebody's window. On a thread of its own, because another test's browser may be open here."""

    def work() -> None:
        with served(scene.console.app) as url, running_browser() as browser:
            house = House(scene, url, who)  # type: ignore[arg-type]
            context = browser.new_context(viewport={"width": width, "height": 900})
            walk(house, house.page(context, lang))
            context.close()
            assert house.told == []

    with ThreadPoolExecutor(1) as pool:
        pool.submit(work).result()


@pytest.mark.browser
@pytest.mark.slow
@pytest.mark.parametrize(("lang", "width"), [("ja", 1280), ("ja", 390), ("en", 1280), ("en", 390)])
def test_every_page_fits_its_width(store: Store, lang: str, width: int) -> None:
    scene, shots = Keyed(store), os.environ.get("JITSURI_SHOTS")

    def walk(house: House, page: Page) -> None:
        for name, path in PAGES.items():
            page.goto(house.url + address(scene, path))
            expect(page.locator("h1")).to_be_visible()
            page.evaluate("for (const fold of document.querySelectorAll('details.fold')) fold.open = true")
            assert page.evaluate("document.documentElement.scrollWidth") <= width, name
            if shots:
                page.screenshot(path=Path(shots) / f"{name}-{lang}-{width}.png", full_page=True)

    walked(scene, scene.admin, lang, width, walk)


@pytest.mark.browser
@pytest.mark.slow
@pytest.mark.parametrize(("lang", "width"), [("ja", 1280), ("en", 390)])
def test_a_key_from_the_request_to_its_secret_by_keyboard(store: Store, lang: Language, width: int) -> None:
    scene, made = Keyed(store, keys=False), {}
    shots = os.environ.get("JITSURI_SHOTS")

    def ask_for_it(house: House, page: Page) -> None:
        page.goto(house.url)
        page.keyboard.press("g")
        page.keyboard.press("a")
        expect(page.locator("h1")).to_have_text(text("page.keys.title", lang))
        if shots:
            page.screenshot(path=Path(shots) / f"keys-empty-{lang}-{width}.png", full_page=True)
        page.locator("main a.button.first").first.focus()
        page.keyboard.press("Enter")
        expect(page.locator("[name=name]")).to_be_focused()
        page.keyboard.type("night-triage")
        page.keyboard.press("Tab")
        page.keyboard.type("夜間の分類")
        page.locator("[name=task]").select_option("inquiry-triage")
        page.locator("[name=models]").focus()
        page.keyboard.type("gpt-5*")
        page.keyboard.press("Enter")
        expect(page.get_by_role("status")).to_have_text(text("notice.key_asked", lang))
        made["path"] = page.url.removeprefix(house.url).partition("?")[0]

    def decide(house: House, page: Page) -> None:
        page.goto(f"{house.url}/keys")
        page.locator(".todo a", has_text="night-triage").focus()
        page.keyboard.press("Enter")
        page.locator("#decide textarea").focus()
        page.keyboard.type("見積どおり")
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        expect(page.get_by_role("status")).to_have_text(text("notice.key_approved", lang))

    def take(house: House, page: Page) -> None:
        page.goto(house.url + made["path"])
        page.get_by_role("button", name=text("page.key.take_do", lang)).focus()
        page.keyboard.press("Enter")
        expect(page.locator("#secret")).to_have_text(SECRET)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        if shots:
            page.screenshot(path=Path(shots) / f"key-made-{lang}-{width}.png", full_page=True)
        page.get_by_role("link", name=text("page.key_made.back", lang)).click()
        expect(page.locator(".page-head")).to_contain_text(text("key.standing.active", lang))

    walked(scene, scene.developer, lang, width, ask_for_it)
    walked(scene, scene.owner, lang, width, decide)
    walked(scene, scene.developer, lang, width, take)
