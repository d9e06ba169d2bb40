"""The pages about money in a real Chromium: from the overview down to a price, and a proposal that becomes a task.

JITSURI_SHOTS=FOLDER keeps a picture of every page for somebody to look at.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from browser_parts import running_browser, served
from console_parts import Console, sample_settings
from page_scene import LAST, RUN, Scene
from playwright.sync_api import BrowserContext, Page, expect

from jitsuri.access.shapes import SignedIn
from jitsuri.web.routes import ROUTES

pytestmark = [pytest.mark.browser, pytest.mark.slow]

WORDS = {
    "ja": {"task": "問合せ分類", "call": "呼出し", "how": "費用の成り立ち", "name": "名前をつけ、呼出しを移しました。",
           "new": "日報のまとめ"},
    "en": {"task": "Inquiry triage", "call": "Call", "how": "How the cost came about", "name": "Named; its calls have moved.",
           "new": "Daily report"},
}  # fmt: skip


class House:
    """A served console with the furnished company; ``told`` gathers what the browser complains of."""

    def __init__(self, scene: Scene, url: str, admin: SignedIn) -> None:
        self.scene, self.url, self.admin = scene, url, admin
        self.told: list[str] = []

    def page(self, context: BrowserContext, lang: str) -> Page:
        context.add_cookies(
            [{"name": name, "value": value, "url": self.url}
             for name, value in (("jitsuri_session", self.admin.secret), ("jitsuri_lang", lang))]
        )  # fmt: skip
        page = context.new_page()
        page.on("console", lambda message: self.told.append(message.text))
        page.on("pageerror", lambda error: self.told.append(str(error)))
        page.on("request", lambda request: None if request.url.startswith(self.url) else self.told.append(request.url))
        return page


def walked(scene: Scene, lang: str, width: int, walk: Callable[[House, Page], None]) -> None:
    """Do ``walk`` in a window. On a thread of its own, because another test's browser may be open on this one."""
    console = Console(scene.store, sample_settings(**{"company.is_sample": True}), ROUTES)
    admin = console.admin()

    def work() -> None:
        with served(console.app) as url, running_browser() as browser:
            house = House(scene, url, admin)
            context = browser.new_context(viewport={"width": width, "height": 900})
            walk(house, house.page(context, lang))
            context.close()
            assert house.told == []

    with ThreadPoolExecutor(1) as pool:
        pool.submit(work).result()


@pytest.mark.parametrize("lang", ["ja", "en"])
def test_from_the_overview_down_to_the_price_of_one_call(scene: Scene, lang: str) -> None:
    words = WORDS[lang]

    def walk(house: House, page: Page) -> None:
        page.goto(house.url)
        page.locator("tbody").get_by_role("link", name=words["task"]).click()
        expect(page.locator("h1")).to_have_text(words["task"])
        page.locator("tbody data", has_text="15,779").first.click()
        expect(page.locator(".sums")).to_contain_text("15,779")
        page.locator("tbody th a").first.click()
        expect(page.locator("h1")).to_have_text(words["call"])
        expect(page.locator("main")).to_contain_text(words["how"])
        expect(page.locator("main")).to_contain_text("539.7")  # 3.50 USD × 154.20
        page.get_by_role("link", name="openai/gpt-big").click()
        expect(page.locator("h1")).to_have_text("gpt-big")
        expect(page.locator("main svg").first).to_be_visible()

    walked(scene, lang, 1280, walk)


@pytest.mark.parametrize("lang", ["ja", "en"])
def test_a_person_names_a_proposal(scene: Scene, lang: str) -> None:
    words = WORDS[lang]

    def walk(house: House, page: Page) -> None:
        page.goto(f"{house.url}/proposals")
        form = page.locator("form[action$='/name']").first
        form.locator("[name=name]").fill("daily-report")
        form.locator("[name=title_ja]").fill("日報のまとめ")
        form.locator("[name=title_en]").fill("Daily report")
        form.locator("[name=department]").select_option("purchasing")
        form.locator("button.first").click()
        expect(page.get_by_role("status")).to_contain_text(words["name"])
        page.goto(f"{house.url}/tasks")
        expect(page.locator("tbody")).to_contain_text(words["new"])

    walked(scene, lang, 1280, walk)


@pytest.mark.parametrize(("lang", "width"), [("ja", 1280), ("ja", 390), ("en", 1280), ("en", 390)])
def test_every_page_fits_its_width(scene: Scene, lang: str, width: int) -> None:
    call = scene.call("inquiry-triage", LAST)
    paths = {
        "overview": "/", "year": "/year/2026", "tasks": "/tasks", "task": "/tasks/inquiry-triage", "unassigned": "/tasks/-",
        "departments": "/departments", "department": "/departments/hq", "opportunities": "/opportunities", "calls": "/calls",
        "call": f"/calls/{call.call_id}", "thread": f"/threads/{call.thread_id}", "prices": "/prices",
        "price": "/prices/openai/gpt-big", "imports": "/imports", "import": f"/imports/{RUN}", "proposals": "/proposals",
        "costs": "/costs", "rates": "/rates", "settings": "/settings", "evidence": "/evidence?verify=yes",
    }  # fmt: skip
    shots = os.environ.get("JITSURI_SHOTS")

    def walk(house: House, page: Page) -> None:
        for name, path in paths.items():
            page.goto(house.url + path)
            expect(page.locator("h1")).to_be_visible()
            assert page.evaluate("document.documentElement.scrollWidth") <= width, name
            if shots:
                page.screenshot(path=Path(shots) / f"{name}-{lang}-{width}.png", full_page=True)

    walked(scene, lang, width, walk)
