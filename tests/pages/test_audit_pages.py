"""監査 on the pages: the list, the blind pair, the certificate's panel, who may come in, and a pair judged by key in a real window."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "lives"))
sys.path.insert(0, str(Path(__file__).parents[1] / "flows"))
sys.path.insert(0, str(Path(__file__).parents[1] / "providers"))

import pytest
from approved_scene import main_of
from audit_parts import Audit, AuditConsole
from browser_parts import running_browser, served
from judging_upstream import JudgingUpstream
from page_reading import check_main
from playwright.sync_api import expect

from jitsuri.access.shapes import ROLES, Role
from jitsuri.review import records as review_rows
from jitsuri.store.door import Store
from jitsuri.words import LANGUAGES, Language, text


@pytest.fixture
def upstream(monkeypatch: pytest.MonkeyPatch) -> Iterator[JudgingUpstream]:
    monkeypatch.setenv("STUB_KEY", "sk-stub")
    monkeypatch.setenv("no_proxy", "*")
    with JudgingUpstream() as running:
        yield running


def begun(store: Store, upstream: JudgingUpstream, folder: Path, *, new: int = 6, new_quality: int = 5) -> AuditConsole:
    scene = Audit(store, upstream, folder, new_quality=new_quality)
    scene.calls(new, 2)
    scene.audit()
    return AuditConsole(scene)


def part(page: str, name: str) -> str:
    return page.partition(f'id="{name}"')[2].partition("</section>")[0]


def quiet(shows: str) -> str:
    """Without what the clock or chance has written."""
    return re.sub(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f-]{22}", "ID", shows)


def hidden(page: str, field: str) -> str:
    return page.partition(f'name="{field}" value="')[2].partition('"')[0]


def test_the_pages_are_the_ones_that_were_looked_at(store: Store, upstream: JudgingUpstream, tmp_path: Path) -> None:
    scene = begun(store, upstream, tmp_path, new=14)
    audit = scene.audit
    held = audit.given("hase@example.jp")
    assert held is not None
    audit.judge()
    audit.label("fuji@example.jp", "candidate")
    audit.label("fuji@example.jp", "same")
    scene.console.now = audit.now
    for lang in LANGUAGES:
        client = scene.browser(scene.owner, lang)
        main = quiet(main_of(client.get("/pairs").text))
        assert text("page.pairs.audit_of", lang, number=audit.number) in main
        check_main(f"audit-list-{lang}", f'<main><section id="audits"{part(main, "audits")}</section></main>')
        life = main_of(client.get(f"/certificates/{audit.number}").text)
        assert f'href="{scene.page}"' in life
        shown = quiet(life).partition('id="audit">')[2].partition("<h3>")[0]
        check_main(f"audit-panel-{lang}", f"<main><ul>{shown}</main>")
        assert re.findall(r"[> ]((?:page|life|review)\.[a-z_.]+)", main + life) == []


def test_the_page_voids_what_became_worse(store: Store, upstream: JudgingUpstream, tmp_path: Path) -> None:
    """By forms alone: a person who reads which answer is worse, pair after pair."""
    scene = begun(store, upstream, tmp_path, new=24, new_quality=2)
    client = scene.browser()
    token = scene.reviewer.session.csrf
    for _ in range(26):
        page = client.get(scene.page).text
        main = main_of(page)
        for word in ("gpt", "stub", "baseline", "candidate", "JR-", "judge"):
            assert word not in main, word
        left, right = re.findall(r"品質(\d)", re.sub(r"</?mark>", "", main))[:2]
        press = "left" if left > right else "right"
        fields = {"csrf": token, "pair": hidden(main, "pair"), "version": hidden(main, "version"), "press": press}
        assert client.post("/pairs/labels", data=fields).status_code == 303
        scene.console.later(seconds=30)
    assert "data-none" in client.get(scene.page).text
    scene.audit.now = scene.console.now
    assert scene.audit.watch(minutes=11) == ["audit_worse"]
    assert 'id="audits"' not in client.get("/pairs").text, "nothing waits for a void certificate"


def test_what_counts_is_not_taken_back_on_the_page(store: Store, upstream: JudgingUpstream, tmp_path: Path) -> None:
    scene = begun(store, upstream, tmp_path)
    client, token = scene.browser(), scene.reviewer.session.csrf
    main = main_of(client.get(scene.page).text)
    first = hidden(main, "pair")
    client.post("/pairs/labels", data={"csrf": token, "pair": first, "version": "0", "press": "same"})
    again = client.post("/pairs/undo", data={"csrf": token, "pair": first, "version": "1"})
    assert again.headers["location"] == f"{scene.page}&first={first}"
    client.post("/pairs/labels", data={"csrf": token, "pair": first, "version": "2", "press": "left"})
    scene.audit.now = scene.console.now
    assert scene.audit.watch(minutes=11) == []
    panel = main_of(scene.browser(scene.owner).get(f"/certificates/{scene.audit.number}").text).partition(
        'id="audit">'
    )[2]
    assert text("page.life.audit_people", "ja", count=1) in panel
    assert re.search(r"証拠の大きさ \d+\.\d\d（20 で失効）", panel)
    refused = client.post("/pairs/undo", data={"csrf": token, "pair": first, "version": "3"})
    assert (refused.status_code, text("refusal.label_counted", "ja") in refused.text) == (422, True)
    told = client.post("/api/pairs/undo", data={"csrf": token, "pair": first, "version": "3"})
    assert (told.status_code, told.json()["error"]["code"]) == (422, "label_counted")


def test_who_may_open_and_send(store: Store, upstream: JudgingUpstream, tmp_path: Path) -> None:
    scene = begun(store, upstream, tmp_path, new=3)
    with store.reading() as tx:
        pair = str(review_rows.pairs_of(tx, scene.audit.trial_id)[0].pair_id)
    fragment = scene.page.replace("/pairs?", "/pairs/next?")
    stranger = scene.console.client()
    for path in (scene.page, fragment):
        assert (stranger.get(path).status_code, stranger.get(path).text) == (303, "")
    for path in ("/pairs/labels", "/pairs/undo", "/api/pairs/labels", "/api/pairs/undo"):
        answer = stranger.post(path, data={"pair": pair, "press": "same", "version": "0"})
        assert answer.status_code == (401 if path.startswith("/api") else 303), path
    for role in ROLES:
        _check_role(scene, role, fragment, pair)
    with store.reading() as tx:
        assert {one.person for held in review_rows.latest(tx, scene.audit.trial_id).values() for one in held} == set()


def _check_role(scene: AuditConsole, role: Role, fragment: str, pair: str) -> None:
    came = scene.admin if role == "admin" else scene.console.person(role, login=f"{role}-p@example.jp")
    client = scene.browser(came)
    labels = role in ("admin", "owner", "reviewer")
    for path in (scene.page, fragment):
        assert client.get(path).status_code == (200 if labels else 403), (role, path)
    page = client.get(f"/certificates/{scene.audit.number}")
    if page.status_code == 200:
        assert (f'href="{scene.page}"' in page.text) == labels, role
    if not labels:
        sent = {"csrf": came.session.csrf, "pair": pair, "press": "same", "version": "0"}
        assert client.post("/pairs/labels", data=sent).status_code == 403, role


@pytest.mark.browser
@pytest.mark.slow
def test_an_audited_pair_is_judged_by_key(store: Store, upstream: JudgingUpstream, tmp_path: Path) -> None:
    scene = begun(store, upstream, tmp_path, new=4)
    shots = os.environ.get("JITSURI_SHOTS")
    told: list[str] = []

    def look(lang: Language, width: int) -> None:
        with served(scene.console.app) as url, running_browser() as browser:
            for who, path, place in (
                (scene.owner, "/pairs", "list"), (scene.owner, f"/certificates/{scene.audit.number}", "panel"),
                (scene.reviewer, scene.page, "pair"),
            ):  # fmt: skip
                context = browser.new_context(viewport={"width": width, "height": 900})
                cookies = (("jitsuri_session", who.secret), ("jitsuri_lang", lang))
                context.add_cookies([{"name": key, "value": value, "url": url} for key, value in cookies])
                page = context.new_page()
                page.on("pageerror", lambda error: told.append(str(error)))
                page.goto(url + path)
                page.wait_for_load_state("networkidle")
                assert page.evaluate("document.documentElement.scrollWidth") <= width, path
                if shots:
                    page.screenshot(path=Path(shots) / f"audit-{place}-{lang}-{width}.png", full_page=True)
            if (lang, width) != ("ja", 1280):
                return
            page.wait_for_timeout(300)
            first = page.locator("[data-pair]").get_attribute("data-pair")
            page.keyboard.press("2")
            page.wait_for_function(
                "before => document.querySelector('[data-pair]')?.dataset.pair !== before", arg=first
            )
            page.wait_for_load_state("networkidle")
            page.wait_for_timeout(300)
            page.keyboard.press("u")
            expect(page.locator("[data-pair]")).to_have_attribute("data-pair", first or "")
            page.wait_for_load_state("networkidle")
            page.wait_for_timeout(300)
            page.keyboard.press("1")
            page.wait_for_load_state("networkidle")
            page.wait_for_timeout(300)

    with ThreadPoolExecutor(1) as pool:
        for lang, width in (("ja", 1280), *((("en", 1280), ("ja", 390), ("en", 390)) if shots else ())):
            pool.submit(look, lang, width).result()  # type: ignore[arg-type]
    assert told == []
    with store.reading() as tx:
        (held,) = review_rows.latest(tx, scene.audit.trial_id).values()
    (label,) = held
    assert (label.version, label.is_undone, label.person) == (3, False, "fuji@example.jp")
    assert label.choice in ("baseline", "candidate")
