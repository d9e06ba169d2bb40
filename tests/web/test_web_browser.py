"""The console in a real Chromium: keys, widths, light and dark, print, and that nothing is fetched from elsewhere.

JITSURI_SHOTS=FOLDER keeps a picture of every page for somebody to look at.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from browser_parts import served
from console_parts import PASSWORD, Console, sample_settings
from parts_gallery import gallery
from playwright.sync_api import Browser, BrowserContext, Page, expect
from starlette.responses import HTMLResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from jitsuri.flows.cold.admitting import first_admin_link
from jitsuri.store.door import Store

pytestmark = [pytest.mark.browser, pytest.mark.slow]

WIDTHS = {"desk": 1280, "phone": 390}


def with_gallery(app: ASGIApp) -> ASGIApp:
    """The console, and beside it the page of all parts."""

    async def both(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] == "/gallery":
            await HTMLResponse(gallery("en" if scope["query_string"] == b"en" else "ja"))(scope, receive, send)
            return
        await app(scope, receive, send)

    return both


@dataclass
class House:
    """A served console with some people, and the paths of its pages."""

    console: Console
    url: str
    secret: str
    someone: str
    link: str


@pytest.fixture
def house(store: Store) -> Iterator[House]:
    console = Console(store, sample_settings(**{"company.is_sample": True}))
    link = first_admin_link(store, console.now, console.secret)
    assert link is not None
    admin = console.admin()
    console.person("auditor", "千葉 三郎", "chiba@example.jp")
    someone = console.person("finance", "馬場 二葉", "baba@example.jp").session.person
    with served(with_gallery(console.app)) as url:
        yield House(console, url, admin.secret, f"/people/{someone.person_id}", f"/links/{link}")


def opened(browser: Browser, house: House, lang: str = "ja", width: int = 1280, **more: object) -> BrowserContext:
    """A window in which 青木 is signed in, and that may talk to nobody but the console."""
    context = browser.new_context(
        viewport={"width": width, "height": 900}, locale={"ja": "ja-JP", "en": "en-GB"}[lang], **more
    )  # type: ignore[arg-type]
    context.add_cookies(
        [{"name": name, "value": value, "url": house.url}
         for name, value in (("jitsuri_session", house.secret), ("jitsuri_lang", lang))]
    )  # fmt: skip
    return context


def troubles_of(page: Page, house: House) -> list[str]:
    """Gathers what the browser complains of, and every request that leaves the console."""
    told: list[str] = []
    page.on("console", lambda message: told.append(message.text))
    page.on("pageerror", lambda error: told.append(str(error)))
    page.on("request", lambda request: None if request.url.startswith(house.url) else told.append(request.url))
    page.on("requestfailed", lambda request: told.append(f"failed: {request.url}"))
    return told


def keep_picture(page: Page, name: str) -> None:
    folder = os.environ.get("JITSURI_SHOTS")
    if folder:
        page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("lang", ["ja", "en"])
def test_every_page_fits_its_width_and_keeps_the_policy(browser: Browser, house: House, lang: str, width: str) -> None:
    context = opened(browser, house, lang, WIDTHS[width])
    page = context.new_page()
    told = troubles_of(page, house)

    names = {
        "overview": "/", "people": "/people", "person": house.someone, "account": "/account?notice=language_kept",
        "keys": "/help/keys", "gallery": f"/gallery?{lang}",
    }  # fmt: skip
    for name, path in names.items():
        page.goto(house.url + path)
        expect(page.locator("h1")).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth") <= WIDTHS[width], name
        keep_picture(page, f"{name}-{lang}-{width}")
    context.clear_cookies(name="jitsuri_session")
    for name, path in {"sign-in": "/sign-in"}.items():
        page.goto(house.url + path)
        assert page.evaluate("document.documentElement.scrollWidth") <= WIDTHS[width], name
        keep_picture(page, f"{name}-{lang}-{width}")
    assert told == []
    context.close()


def test_wrong_turns_and_links_fit_a_phone(browser: Browser, house: House) -> None:
    context = opened(browser, house, width=390)
    page = context.new_page()

    for name, path, status in (("missing", "/nowhere", 404), ("link-unusable", house.link, 410)):
        answer = page.goto(house.url + path)
        assert answer is not None
        assert answer.status == status
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        keep_picture(page, f"{name}-ja-phone")
    page.goto(f"{house.url}{house.someone}")
    page.locator('form[action$="/links"] button').click()
    expect(page.locator("#link")).to_contain_text("/links/secret-")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    keep_picture(page, "link-made-ja-phone")
    page.goto(page.locator("#link").inner_text())
    expect(page.locator("#f-again")).to_be_visible()
    keep_picture(page, "link-password-ja-phone")
    context.close()


def test_signing_in_without_any_script(browser: Browser, house: House) -> None:
    context = browser.new_context(java_script_enabled=False, locale="ja-JP")
    page = context.new_page()

    page.goto(f"{house.url}/people")
    page.fill("#f-login", "aoki@example.jp")
    page.fill("#f-password", PASSWORD)
    page.click("main button")

    assert page.url == f"{house.url}/people"
    page.fill("#f-find", "馬場")
    page.click(".filter button")
    expect(page.locator("tbody tr")).to_have_count(1)
    page.locator("details.menu summary", has_text="青木").click()
    page.click("text=サインアウト")
    expect(page.locator(".notice")).to_have_text("サインアウトしました。")
    context.close()


def test_keys_lead_where_they_say(browser: Browser, house: House) -> None:
    context = opened(browser, house)
    page = context.new_page()
    page.goto(house.url)

    page.keyboard.press("g")
    page.keyboard.press("p")
    page.wait_for_url("**/people")
    page.keyboard.press("/")
    expect(page.locator("#f-find")).to_be_focused()
    assert page.input_value("#f-find") == ""

    page.keyboard.type("g?o/")
    assert page.input_value("#f-find") == "g?o/"
    assert page.url.endswith("/people")
    expect(page.locator("#keys")).not_to_be_visible()

    page.locator("h1").click()
    page.keyboard.press("?")
    expect(page.locator("#keys")).to_be_visible()
    page.keyboard.press("g")
    page.keyboard.press("o")
    assert page.url.endswith("/people")
    page.keyboard.press("Escape")
    expect(page.locator("#keys")).not_to_be_visible()
    context.close()


def test_keys_do_nothing_while_an_input_method_composes(browser: Browser, house: House) -> None:
    context = opened(browser, house)
    page = context.new_page()
    page.goto(f"{house.url}/people")
    press = "how => document.body.dispatchEvent(new KeyboardEvent('keydown', {key: '?', bubbles: true, ...how}))"

    for how in ({"isComposing": True}, {"keyCode": 229}, {"ctrlKey": True}, {"metaKey": True}, {"altKey": True}):
        page.evaluate(press, how)
        expect(page.locator("#keys")).not_to_be_visible()
    page.evaluate(press, {})
    expect(page.locator("#keys")).to_be_visible()
    context.close()


def test_one_press_is_one_request(browser: Browser, house: House) -> None:
    context = opened(browser, house)
    page = context.new_page()
    page.goto(f"{house.url}/account")
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.url) if request.method == "POST" else None)

    with page.expect_navigation():
        page.evaluate(
            "() => { const form = document.querySelector('form[action=\"/account/language\"]');"
            " for (let i = 0; i < 3; i++) form.requestSubmit(); }"
        )

    assert len(sent) == 1
    context.close()


def test_what_was_done_is_told_once(browser: Browser, house: House) -> None:
    context = opened(browser, house)
    page = context.new_page()

    page.goto(f"{house.url}{house.someone}?notice=roles_kept")
    expect(page.locator(".notice")).to_be_visible()
    page.reload()

    expect(page.locator(".notice")).to_have_count(0)
    assert page.url == house.url + house.someone
    context.close()


def test_a_menu_closes_by_escape_and_by_a_click_beside_it(browser: Browser, house: House) -> None:
    context = opened(browser, house)
    page = context.new_page()
    page.goto(house.url)
    menu = page.locator("details.menu", has_text="青木")

    for leave in (lambda: page.keyboard.press("Escape"), lambda: page.locator("h1").click()):
        menu.locator("summary").click()
        expect(menu.locator(".menu-list")).to_be_visible()
        leave()
        expect(menu.locator(".menu-list")).not_to_be_visible()
    context.close()


def test_dark_is_dark_and_paper_is_white(browser: Browser, house: House) -> None:
    context = opened(browser, house, color_scheme="dark")
    page = context.new_page()
    page.goto(f"{house.url}/gallery")
    ground = "getComputedStyle(document.documentElement).backgroundColor"
    bar = "getComputedStyle(document.querySelector('.chart .f-s1')).fill"
    dark = page.evaluate(bar)

    assert page.evaluate(ground) == "rgb(20, 23, 27)"
    keep_picture(page, "gallery-dark")
    page.emulate_media(media="print")
    assert page.evaluate(ground) == "rgb(255, 255, 255)"
    assert page.evaluate(bar) == "rgb(23, 63, 102)" != dark
    expect(page.locator("nav.nav")).not_to_be_visible()
    expect(page.locator(".frame-wide").first).to_be_visible()
    expect(page.locator(".frame-phone").first).not_to_be_visible()
    page.set_viewport_size({"width": 703, "height": 1000})
    keep_picture(page, "gallery-print")
    context.close()


def test_a_phone_gets_the_phones_drawing(browser: Browser, house: House) -> None:
    context = opened(browser, house, width=390)
    page = context.new_page()
    page.goto(f"{house.url}/gallery")

    expect(page.locator(".frame-phone").first).to_be_visible()
    expect(page.locator(".frame-wide").first).not_to_be_visible()
    small = page.evaluate(
        "Math.min(...[...document.querySelectorAll('.frame-phone svg')].map(s => 12 * s.getBoundingClientRect().width"
        " / s.viewBox.baseVal.width))"
    )
    assert small >= 11
    context.close()
