"""The prompt desk in a real Chromium, against an upstream on loopback: write by keyboard, compare, try, put to use.

JITSURI_SHOTS=FOLDER keeps a picture of every page for somebody to look at.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from browser_parts import running_browser, served
from console_parts import Console
from gateway_scene import furnish_gateway
from page_scene import NOW
from playwright.sync_api import Page, expect
from prompt_scene import KEY, OWN, SECOND, Said, furnish_prompts, keep_texts, prompt_console

sys.path.insert(0, str(Path(__file__).parents[1] / "providers"))

from stub_upstream import Behaviour, StubUpstream

from jitsuri.app.replaying import Replayer
from jitsuri.app.upstreams import sites_of, upstreams_of
from jitsuri.flows.cold.keeping_variants import set_variant
from jitsuri.routing.shapes import Target, Variant
from jitsuri.settings import Settings, check_text
from jitsuri.store.door import Store
from jitsuri.web.routes import ROUTES

pytestmark = [pytest.mark.browser, pytest.mark.slow]
DESK = "/tasks/inquiry-triage/prompts"
TOML = """
[company]
name = "株式会社サンプル精機"
is_sample = true
[upstreams.openai]
kind = "compatible"
base_url = "{url}"
vendor = "openai"
region = "us"
models = "gpt-big, gpt-small, gpt-tiny"
"""


def walked(console: Console, lang: str, width: int, walk: Callable[[str, Page], None]) -> None:
    """Do ``walk`` in a window, on a thread of its own; the browser must have nothing to complain of."""
    admin = console.admin()
    told: list[str] = []

    def work() -> None:
        with served(console.app) as url, running_browser() as browser:
            context = browser.new_context(viewport={"width": width, "height": 900})
            context.add_cookies(
                [{"name": name, "value": value, "url": url}
                 for name, value in (("jitsuri_session", admin.secret), ("jitsuri_lang", lang))]
            )  # fmt: skip
            page = context.new_page()
            page.on("console", lambda message: told.append(message.text))
            page.on("pageerror", lambda error: told.append(str(error)))
            walk(url, page)
            context.close()

    with ThreadPoolExecutor(1) as pool:
        pool.submit(work).result()
    assert told == []


def shot(page: Page, name: str, width: int) -> None:
    """The page fits its width; a picture of it where one is wanted."""
    assert page.evaluate("document.documentElement.scrollWidth") <= width, name
    if os.environ.get("JITSURI_SHOTS"):
        page.screenshot(path=Path(os.environ["JITSURI_SHOTS"]) / f"{name}-{width}.png", full_page=True)


@pytest.mark.parametrize(("lang", "width"), [("ja", 1280), ("en", 390)])
def test_the_whole_desk_from_what_callers_send_to_a_canary(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lang: str, width: int
) -> None:
    monkeypatch.setenv("no_proxy", "*")
    furnish_gateway(store)
    keep_texts(store)
    with StubUpstream() as stub:
        settings, mistakes = check_text(TOML.format(url=stub.url), tmp_path, None, {})
        assert not mistakes
        (tmp_path / "texts.key").write_text(KEY)
        told = Settings(tmp_path, None, settings.values, settings.tables)
        upstreams = upstreams_of(told)
        sites = sites_of(upstreams)
        set_variant(store, NOW, "aoki", Variant("inquiry-triage", Target("openai", "gpt-big")), "x", sites)
        stub.always(Behaviour(first_byte_s=0.3))
        with Replayer(told, store) as ask:
            console = Console(store, told, ROUTES, upstreams=upstreams, sites=sites, ask=ask)

            def walk(url: str, page: Page) -> None:
                page.goto(f"{url}/tasks/inquiry-triage")
                page.locator(f'a[href="{DESK}"]').click()
                page.locator("#found button").click()
                expect(page.locator("#found pre").first).to_have_text(OWN)
                page.locator("#found button.first").click()
                expect(page.locator("#f-text")).to_have_value(OWN)

                field = page.locator("#f-text")
                field.focus()
                page.keyboard.press("Control+A")
                page.keyboard.insert_text(SECOND)
                expect(page.locator("[data-characters]")).to_have_text(str(len(SECOND)))
                page.keyboard.press("Tab")
                page.keyboard.insert_text("返品を分ける")
                page.keyboard.press("Enter")
                expect(page.locator("#versions li")).to_have_count(2)
                page.locator('a[href*="/difference?old=1"]').click()
                expect(page.locator("#difference del").first).to_be_visible()
                expect(page.locator("#difference ins").first).to_be_visible()

                page.goto(f"{url}{DESK}?version=2")
                expect(page.locator("#f-way")).to_have_value("openai/gpt-big#p2")
                page.locator("#try button.first").click()
                expect(page.locator("h1")).to_be_visible()
                assert stub.requests == []
                page.locator("form button.first").click()
                expect(page.locator("#tried section")).to_have_count(3)
                expect(page.locator("[data-live-done]")).to_have_count(1, timeout=20_000)
                expect(page.locator("#tried pre").filter(has_text="承知しました")).to_have_count(3)
                shot(page, f"prompt-tried-real-{lang}", width)

                page.goto(f"{url}{DESK}?version=2")
                page.locator("#f-percent").fill("5")
                page.locator("#f-use-reason").fill("試した")
                page.keyboard.press("Enter")
                expect(page.locator("#canary-now")).to_contain_text("指示文 第2版" if lang == "ja" else "prompt v2")

            walked(console, lang, width, walk)
        assert [
            SECOND in str(one.body.decode()) or SECOND.split("\n")[0] in one.body.decode() for one in stub.requests
        ] == [True] * 3
    with store.reading() as tx:
        rows = tx.execute(
            "SELECT purpose, task, count(*), sum(cost_jpy) > 0 FROM ledger_entries WHERE purpose <> '' GROUP BY 1, 2"
        ).fetchall()
    assert rows == [("evaluation", "inquiry-triage", 3, True)]


@pytest.mark.parametrize(("lang", "width"), [("ja", 1280), ("ja", 390), ("en", 1280), ("en", 390)])
def test_every_page_fits_its_width(store: Store, tmp_path: Path, lang: str, width: int) -> None:
    furnish_prompts(store)
    console = prompt_console(store, tmp_path, Said())

    def walk(url: str, page: Page) -> None:
        paths = {
            "prompts": DESK, "prompt-difference": f"{DESK}/difference?old=1&new=2",
            "prompts-none": "/tasks/quotation-extraction/prompts", "variant-linked": "/tasks/inquiry-triage/variant",
        }  # fmt: skip
        for name, path in paths.items():
            page.goto(url + path)
            expect(page.locator("h1")).to_be_visible()
            shot(page, f"{name}-{lang}", width)
        page.goto(url + DESK)
        page.locator("#found button").click()
        shot(page, f"prompts-found-{lang}", width)
        page.goto(url + DESK)
        page.locator("#try input[type=checkbox]").nth(3).check()
        page.locator("#try button.first").click()
        shot(page, f"prompt-plan-{lang}", width)
        page.locator("form button.first").click()
        expect(page.locator("[data-live-done]")).to_have_count(1, timeout=20_000)
        shot(page, f"prompt-tried-{lang}", width)

    walked(console, lang, width, walk)
