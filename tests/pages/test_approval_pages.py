"""承認 in the console: the pages as they were looked at, forms with the password, rights, the paper's boxes, and two real windows."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest
from approved_scene import STATES, Approved, hidden, main_of
from browser_parts import running_browser, served
from console_parts import PASSWORD
from page_reading import check_main
from playwright.sync_api import Browser, Page, expect
from starlette.testclient import TestClient
from test_pages_browser import House

from jitsuri.access.rules.guarding import FREE_FAILURES
from jitsuri.access.shapes import ROLES, Role, SignedIn
from jitsuri.flows.cold.admitting import deactivate
from jitsuri.rightsizing.records import certificates as certificate_rows
from jitsuri.store.door import Store
from jitsuri.web.pages.papering import sheet_of
from jitsuri.web.pages.signing import signed_paper
from jitsuri.words import LANGUAGES, Language, text

ACTS = {
    "/submission": "draft", "/review": "review", "/approval": "decision", "/rejection": "decision", "/return": "review",
    "/withdrawal": "review",
}  # fmt: skip
"""Addresses of the acts, with a certificate at which each of them can be done."""


@pytest.fixture(scope="module")
def shown(pg_template: str) -> Iterator[Approved]:
    """For tests that only read."""
    with psycopg.connect(pg_template, autocommit=True) as connection:
        connection.execute("CREATE DATABASE jitsuri_approvals TEMPLATE jitsuri_template")
    store = Store(pg_template.replace("dbname=postgres", "dbname=jitsuri_approvals"))
    yield Approved(store)
    store.close()
    with psycopg.connect(pg_template, autocommit=True) as connection:
        connection.execute("DROP DATABASE jitsuri_approvals WITH (FORCE)")


# -- as they were looked at


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("name", [*STATES, "list", "list-drafter", "deputies", "decision-decider", "review-deputy"])
def test_the_pages_are_the_ones_that_were_looked_at(shown: Approved, name: str, lang: Language) -> None:
    who = {"list-drafter": shown.developer, "deputies": shown.finance, "decision-decider": shown.owner,
           "review-deputy": shown.finance}.get(name, shown.admin)  # fmt: skip
    path = {"list": "/approvals", "list-drafter": "/approvals", "deputies": "/approvals/deputies"}.get(name)
    answer = shown.browser(who, lang).get(path or shown.path(name.partition("-decider")[0].partition("-deputy")[0]))

    assert answer.status_code == 200
    main = main_of(answer.text)
    assert [leak for leak in ("Undefined", "{{", "{%", ">None<", "Decimal(", "&amp;") if leak in main] == []
    assert re.findall(r"[> ]((?:page|approval|deputy)\.[a-z_.]+)", main) == []
    if path is None:  # what belongs to the rest of the page is looked at with the certificates
        panel = main.partition('<section class="sheet" id="approval">')[2].partition("</section>")[0]
        answer_text = f"<main{panel}</main>"
    else:
        answer_text = answer.text
    check_main(f"approval-{name}-{lang}", answer_text)


@pytest.mark.parametrize("lang", LANGUAGES)
def test_without_certificates_the_list_says_what_will_stand_there(store: Store, lang: Language) -> None:
    from console_parts import Console

    from jitsuri.web.routes import ROUTES

    console = Console(store, pages=ROUTES)
    client = console.browser_of(console.admin(), lang)
    client.cookies.set("jitsuri_lang", lang)

    assert text("page.approvals.empty", lang) in client.get("/approvals").text


def test_the_badge_of_a_certificate_says_where_its_approval_stands(shown: Approved) -> None:
    rows = shown.browser().get("/certificates").text
    told = {
        number: rows.partition(f"/certificates/{number}")[2].partition("</tr>")[0] for number in shown.numbers.values()
    }
    words = {"draft": "起案待ち", "review": "審査待ち", "decision": "決裁待ち", "returned": "差戻し", "approved": "承認済み",
             "one-hand": "承認済み", "rejected": "否決", "withdrawn": "起案待ち", "deputy": "決裁待ち"}  # fmt: skip

    assert {name: word in told[shown.numbers[name]] for name, word in words.items()} == dict.fromkeys(words, True)
    assert not any(word in told[shown.numbers["unfit"]] for word in words.values())


def test_what_waits_for_the_visitor_comes_first(shown: Approved) -> None:
    for who, names in ((shown.finance, ("review",)), (shown.owner, ("review", "decision")), (shown.auditor, ())):
        first = main_of(shown.browser(who).get("/approvals").text).partition("</section>")[0]
        found = {name for name in ("review", "decision", "returned") if shown.numbers[name] in first}
        assert found == set(names)
    drafter = main_of(shown.browser(shown.developer).get("/approvals").text).partition("</section>")[0]
    assert shown.numbers["returned"] in drafter


# -- the forms


def test_from_the_draft_to_the_approval(store: Store) -> None:
    scene = Approved(store, acts=False)
    path = scene.path("draft")

    assert scene.sent(scene.developer, "draft", "/submission", "十月の試行")[:2] == (
        303,
        f"{path}?notice=approval_submit",
    )
    assert scene.sent(scene.reviewer, "draft", "/review")[:2] == (303, f"{path}?notice=approval_pass_review")
    assert scene.sent(scene.owner, "draft", "/approval", "見合う")[:2] == (303, f"{path}?notice=approval_approve")
    matter = scene.read("draft")
    assert matter is not None
    assert (matter.state, [one.login for one in matter.acts]) == (
        "approved", ["baba@example.jp", "fuji@example.jp", "doi@example.jp"],
    )  # fmt: skip
    assert {one.door for one in matter.acts} == {"console"}
    assert "承認（決裁）した" in scene.browser().get("/evidence").text


def test_return_withdrawal_and_rejection(store: Store) -> None:
    scene = Approved(store, acts=False)
    steps = (
        (scene.developer, "/submission", ""), (scene.finance, "/return", "期間を"), (scene.developer, "/submission", ""),
        (scene.developer, "/withdrawal", "直す"), (scene.developer, "/submission", ""), (scene.finance, "/review", ""),
        (scene.owner, "/rejection", "来期に"),
    )  # fmt: skip
    states = []
    for who, act, reason in steps:
        assert scene.sent(who, "draft", act, reason)[0] == 303, act
        matter = scene.read("draft")
        assert matter is not None
        states.append((matter.state, matter.round))

    assert states == [
        ("in_review", 1), ("returned", 1), ("in_review", 2), ("withdrawn", 2), ("in_review", 3), ("in_decision", 3),
        ("rejected", 3),
    ]  # fmt: skip


def test_a_wrong_password_signs_nothing_and_ends_no_session(store: Store) -> None:
    scene = Approved(store, acts=False)
    status, _, page = scene.sent(scene.developer, "draft", "/submission", "十月の試行", password="wrong")

    assert (status, text("refusal.password_wrong", "ja") in page) == (422, True)
    assert "十月の試行" in page  # what was typed stays, but for the password
    assert "wrong" not in page
    assert scene.read("draft") is None
    for _ in range(FREE_FAILURES - 1):
        scene.sent(scene.developer, "draft", "/submission", password="wrong")
    status, _, page = scene.sent(scene.developer, "draft", "/submission")
    assert (status, "秒待ってから" in page) == (422, True)
    assert scene.browser(scene.developer).get("/approvals").status_code == 200


@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_second_of_two_is_told_how_it_stands_now(store: Store, lang: Language) -> None:
    scene = Approved(store, acts=False)
    scene.sent(scene.developer, "draft", "/submission")
    slow = scene.browser(scene.owner, lang)
    seen = slow.get(scene.path("draft")).text
    scene.sent(scene.finance, "draft", "/review")
    fields = {field: hidden(seen, field) for field in ("csrf", "sequence", "fingerprint")}

    answer = slow.post(scene.path("draft", "/review"), data={**fields, "password": PASSWORD, "reason": "よく読んだ"})

    assert answer.status_code == 422
    assert text("refusal.approval_moved_on", lang, subject=scene.numbers["draft"]) in answer.text
    assert text("approval.state.in_decision", lang) in answer.text
    assert "よく読んだ" in answer.text  # nothing typed is lost
    assert scene.path("draft", "/approval") in answer.text


def test_nobody_signs_by_a_form_that_was_not_offered(store: Store) -> None:
    scene = Approved(store)
    tries = (
        (scene.developer, "review", "/review"), (scene.finance, "decision", "/approval"), (scene.admin, "deputy", "/approval"),
        (scene.finance, "approved", "/review"), (scene.developer, "unfit", "/submission"), (scene.owner, "review", "/withdrawal"),
    )  # fmt: skip
    for who, name, act in tries:
        before = scene.read(name)
        assert main_of(scene.browser(who).get(scene.path(name)).text).count(f'{act}"') == 0, (name, act)
        code = scene.code(name)
        status, _, _ = scene.sent(
            who, name, act, "x", csrf=who.session.csrf, fingerprint=code, sequence=str(before.sequence if before else 0)
        )
        assert (status, scene.read(name)) == (422, before), (name, act)


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize(
    ("login", "idle"), [("baba@example.jp", "deputy_left"), ("chiba@example.jp", "principal_left")]
)
def test_a_deputy_of_whom_one_has_left_is_not_shown_as_acting(
    store: Store, login: str, idle: str, lang: Language
) -> None:
    scene = Approved(store, acts=False)
    scene.deputy()
    assert f'badge good">{text("deputy.state.now", lang)}' in scene.browser(lang=lang).get("/approvals/deputies").text
    gone = next(one for one in (scene.developer, scene.finance) if one.session.person.login == login)
    deactivate(store, scene.console.now, "aoki@example.jp", gone.session.person.person_id)

    page = main_of(scene.browser(lang=lang).get("/approvals/deputies").text)
    assert text(f"deputy.idle.{idle}", lang) in page
    assert f'badge good">{text("deputy.state.now", lang)}' not in page


def test_a_deputy_signs_in_the_name_of_the_other(store: Store) -> None:
    scene = Approved(store, acts=False)
    scene.sent(scene.owner, "draft", "/submission")
    assert scene.path("draft", "/review") not in scene.browser(scene.developer).get(scene.path("draft")).text
    scene.deputy()
    page = scene.browser(scene.developer).get(scene.path("draft")).text
    assert hidden(page, "on_behalf_of") == "chiba@example.jp"
    assert "千葉 三郎 さんの代理として" in page

    status, _, _ = scene.sent(scene.developer, "draft", "/review", on_behalf_of="chiba@example.jp")

    assert status == 303
    page = scene.browser().get(scene.path("draft")).text
    assert "馬場 二葉（千葉 三郎 の代理）" in page


def test_where_nobody_can_go_on_the_page_says_so(store: Store) -> None:
    scene = Approved(store, acts=False)
    scene.sent(scene.admin, "draft", "/submission")
    for one in (scene.finance, scene.owner, scene.reviewer):
        deactivate(store, scene.console.now, "aoki@example.jp", one.session.person.person_id)
    sentence = text("refusal.approval_waits_for_nobody", "ja", subject=scene.numbers["draft"], step="審査")

    assert sentence in scene.browser().get(scene.path("draft")).text
    assert sentence in scene.browser().get("/approvals").text


def test_a_drafter_who_has_left_is_named_and_others_may_submit_again(store: Store) -> None:
    scene = Approved(store)
    deactivate(store, scene.console.now, "aoki@example.jp", scene.developer.session.person.person_id)
    page = scene.browser(scene.owner).get(scene.path("returned")).text

    assert text("page.approval.returned_gone", "ja", name="馬場 二葉") in page
    assert scene.path("returned", "/submission") in page


def test_hostile_words_stay_words(store: Store) -> None:
    scene = Approved(store, acts=False)
    hostile = "<script>alert(1)</script>"
    scene.sent(scene.developer, "draft", "/submission", hostile)

    for path in (scene.path("draft"), "/approvals", "/evidence"):
        assert hostile not in scene.browser().get(path).text


# -- deputies


def test_deputies_are_named_and_ended_with_the_password(store: Store) -> None:
    scene = Approved(store, acts=False)
    client, path = scene.browser(scene.finance), "/approvals/deputies"
    fields = {"csrf": scene.finance.session.csrf, "deputy": "baba@example.jp", "first": "2026-11-22", "last": "2026-11-25",
              "reason": "出張"}  # fmt: skip

    wrong = client.post(path, data={**fields, "password": "wrong"})
    assert (wrong.status_code, text("refusal.password_wrong", "ja") in wrong.text, "出張" in wrong.text) == (
        422,
        True,
        True,
    )
    assert client.post(path, data={**fields, "password": PASSWORD, "last": "x"}).status_code == 422
    done = client.post(path, data={**fields, "password": PASSWORD})
    assert done.headers["location"] == f"{path}?notice=deputy_named"
    again = client.post(path, data={**fields, "password": PASSWORD})
    assert (again.status_code, "代理がすでにあります" in again.text) == (422, True)

    its_id = re.search(r"/approvals/deputies/([0-9a-f-]{36})/end", client.get(path).text).group(1)  # type: ignore[union-attr]
    ending = {"csrf": scene.finance.session.csrf, "reason": "戻った", "password": PASSWORD}
    other = scene.browser(scene.developer)
    assert f"{path}/{its_id}/end" not in other.get(path).text
    refused = other.post(f"{path}/{its_id}/end", data={**ending, "csrf": scene.developer.session.csrf})
    assert (refused.status_code, text("refusal.deputy_not_yours", "ja") in refused.text) == (422, True)
    wrong = client.post(f"{path}/{its_id}/end", data={**ending, "password": "wrong"})
    assert (wrong.status_code, "戻った" in wrong.text) == (422, True)
    assert client.post(f"{path}/{its_id}/end", data=ending).headers["location"] == f"{path}?notice=deputy_ended"
    assert "終わったもの" in client.get(path).text


# -- who


@pytest.mark.parametrize("role", ROLES)
def test_what_each_role_opens_and_sends(shown: Approved, role: Role) -> None:
    came = shown.admin if role == "admin" else shown.console.person(role, login=f"{role}-a@example.jp")
    client: TestClient = shown.browser(came)
    for path in ("/approvals", "/approvals/deputies", shown.path("review"), f"{shown.path('review')}.pdf"):
        assert client.get(path).status_code == 200, path
    assert client.get("/certificates").status_code == (403 if role == "reviewer" else 200)
    drafts = role in ("admin", "owner", "developer")
    for act in ACTS:
        may_come = drafts if act in ("/submission", "/withdrawal") else role != "auditor"
        answer = client.post(shown.path("approved", act), data={"csrf": came.session.csrf, "password": PASSWORD})
        assert answer.status_code == (422 if may_come else 403), act
    page = main_of(client.get(shown.path("review")).text)
    assert ('name="password"' in page) == (role in ("admin", "finance", "owner", "reviewer"))
    if role == "reviewer":  # no link leads where a reviewer may not go
        links = set(re.findall(r'href="(/[^"#]*)"', page))
        assert [link for link in links if client.get(link).status_code != 200] == []


def test_a_stranger_opens_and_signs_nothing(shown: Approved) -> None:
    stranger = shown.console.client()
    paths = ["/approvals", "/approvals/deputies", shown.path("review"), f"{shown.path('review')}.pdf"]
    sent = [shown.path(name, act) for act, name in ACTS.items()] + ["/approvals/deputies"]
    before = {name: shown.read(name) for name in STATES}

    for answer in [stranger.get(path) for path in paths] + [
        stranger.post(path, data={"password": PASSWORD}) for path in sent
    ]:
        assert (answer.status_code, answer.text) == (303, "")
        assert answer.headers["location"].startswith("/sign-in")
    assert {name: shown.read(name) for name in STATES} == before


def test_a_form_without_its_token_signs_nothing(shown: Approved) -> None:
    for act, name in ACTS.items():
        answer = shown.browser().post(shown.path(name, act), data={"password": PASSWORD, "reason": "x"})
        assert answer.status_code == 403


# -- the paper


@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_papers_boxes_are_filled_from_the_acts(shown: Approved, lang: Language) -> None:
    def seals(name: str) -> list[tuple[str, str]]:
        with shown.store.reading() as tx:
            kept = certificate_rows.by_number(tx, shown.numbers[name])
        assert kept is not None
        sheet = sheet_of(signed_paper(kept.certificate, shown.read(name), lang), lang)
        return [(seal.name, seal.at) for seal in sheet.seals]

    blank = text("paper.certificate.date_blank", lang)
    assert [name for name, _ in seals("approved")] == ["馬場 二葉", "千葉 三郎", "土井 四郎"]
    assert all(re.fullmatch(r"2026-11-22 14:\d\d", at) for _, at in seals("approved"))
    assert seals("returned") == seals("withdrawn") == seals("draft") == [("", blank)] * 3
    deputy = text("approval.paper_deputy", lang, principal="千葉 三郎", name="馬場 二葉")
    assert [name for name, _ in seals("deputy")] == ["青木 一郎", deputy, ""]
    assert seals("rejected")[2][0] == text("approval.paper_rejected", lang, name="土井 四郎")


def test_the_stored_certificate_and_its_code_stay_as_they_were_issued(store: Store) -> None:
    scene = Approved(store, acts=False)

    def stored() -> tuple[object, object]:
        with store.reading() as tx:
            number = scene.numbers["draft"]
            return certificate_rows.by_number(tx, number), certificate_rows.export_of(tx, number)

    before, paper = stored(), scene.browser().get(f"{scene.path('draft')}.pdf").content
    scene.sent(scene.developer, "draft", "/submission")

    assert stored() == before
    signed = scene.browser().get(f"{scene.path('draft')}.pdf").content
    assert signed.startswith(b"%PDF-")
    assert signed != paper


# -- in a real Chromium


def walked(scene: Approved, who: SignedIn, lang: str, width: int, walk: Callable[[House, Page], None]) -> None:
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
    scene, shots = Approved(store), os.environ.get("JITSURI_SHOTS")
    paths = {"list": "/approvals", "deputies": "/approvals/deputies", **{name: scene.path(name) for name in STATES}}

    def walk(house: House, page: Page) -> None:
        for name, path in paths.items():
            page.goto(house.url + path)
            expect(page.locator("h1")).to_be_visible()
            page.evaluate("for (const fold of document.querySelectorAll('details.fold')) fold.open = true")
            assert page.evaluate("document.documentElement.scrollWidth") <= width, name
            if shots:
                page.screenshot(path=Path(shots) / f"approval-{name}-{lang}-{width}.png", full_page=True)

    walked(scene, scene.admin, lang, width, walk)


@pytest.mark.browser
@pytest.mark.slow
@pytest.mark.parametrize(("lang", "width"), [("ja", 1280), ("en", 390)])
def test_two_people_sign_and_one_is_refused_because_the_other_was_faster(
    store: Store, lang: Language, width: int
) -> None:
    scene, shots = Approved(store, acts=False), os.environ.get("JITSURI_SHOTS")
    number, path = scene.numbers["draft"], scene.path("draft")

    def window(browser: Browser, url: str, who: SignedIn) -> Page:
        context = browser.new_context(viewport={"width": width, "height": 900})
        return House(scene, url, who).page(context, lang)  # type: ignore[arg-type]

    def sign(page: Page, code: str, reason: str = "") -> None:
        """By keyboard: the reason, the password, the button."""
        panel = page.locator("#approval")
        panel.locator("textarea").first.focus()
        page.keyboard.type(reason)
        panel.locator("input[type=password]").first.focus()
        page.keyboard.type(PASSWORD)
        panel.get_by_role("button", name=text(f"page.approval.{code}", lang), exact=True).press("Enter")

    def work() -> None:
        with served(scene.console.app) as url, running_browser() as browser:
            drafter, fast, slow = (window(browser, url, who) for who in (scene.developer, scene.finance, scene.owner))
            drafter.goto(url)
            drafter.keyboard.press("g")
            drafter.keyboard.press("s")
            expect(drafter.locator("h1")).to_have_text(text("page.approvals.title", lang))
            drafter.get_by_role("link", name=number).click()
            sign(drafter, "submit_do")
            expect(drafter.get_by_role("status")).to_have_text(text("notice.approval_submit", lang))

            for page in (fast, slow):
                page.goto(f"{url}/approvals")
                page.locator(".todo").get_by_role("link", name=number).click()
                expect(page.locator("#approval h3").first).to_have_text(text("page.approval.review", lang))
            sign(fast, "pass_do")
            expect(fast.get_by_role("status")).to_have_text(text("notice.approval_pass_review", lang))
            sign(slow, "pass_do", "よく読んだ")
            expect(slow.get_by_role("alert")).to_contain_text(text("refusal.approval_moved_on", lang, subject=number))
            expect(slow.locator("#approval textarea").first).to_have_value("よく読んだ")
            if shots:
                slow.screenshot(path=Path(shots) / f"approval-moved-on-{lang}-{width}.png", full_page=True)

            sign(slow, "approve_do")
            expect(slow.get_by_role("status")).to_have_text(text("notice.approval_approve", lang))
            assert slow.evaluate("document.documentElement.scrollWidth") <= width

    with ThreadPoolExecutor(1) as pool:
        pool.submit(work).result()
    matter = scene.read("draft")
    assert matter is not None
    assert (matter.state, [one.login.partition("@")[0] for one in matter.acts]) == (
        "approved",
        ["baba", "chiba", "doi"],
    )
    assert path
