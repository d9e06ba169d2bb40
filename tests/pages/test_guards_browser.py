"""The pages about guardrails in a real Chromium: by keyboard from a preset to a saved policy, and every page at its width.

JITSURI_SHOTS=FOLDER keeps a picture of every page for somebody to look at.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from browser_parts import running_browser, served
from guard_scene import TASK, Guarded, keep_texts
from playwright.sync_api import Page, expect
from test_prompt_browser import shot

from jitsuri.store.door import Store

pytestmark = [pytest.mark.browser, pytest.mark.slow]
DESK = f"/guards/{TASK}"


def walked(guarded: Guarded, lang: str, width: int, walk: Callable[[str, Page], None]) -> None:
    """Do ``walk`` as the scene's administrator, on a thread of its own; the browser must have nothing to complain of."""
    told: list[str] = []

    def work() -> None:
        with served(guarded.console.app) as url, running_browser() as browser:
            context = browser.new_context(viewport={"width": width, "height": 900})
            context.add_cookies(
                [{"name": name, "value": value, "url": url}
                 for name, value in (("jitsuri_session", guarded.admin.secret), ("jitsuri_lang", lang))]
            )  # fmt: skip
            page = context.new_page()
            page.on("console", lambda message: told.append(message.text))
            page.on("pageerror", lambda error: told.append(str(error)))
            walk(url, page)
            context.close()

    with ThreadPoolExecutor(1) as pool:
        pool.submit(work).result()
    assert [one for one in told if "status of 4" not in one] == []


@pytest.mark.parametrize(("lang", "width"), [("ja", 1280), ("ja", 390), ("en", 1280), ("en", 390)])
def test_every_page_fits_its_width(store: Store, tmp_path: Path, lang: str, width: int) -> None:
    guarded = Guarded(store, tmp_path)

    def walk(url: str, page: Page) -> None:
        paths = {
            "guards": "/guards", "guard": DESK, "guard-common": "/guards/quotation-extraction",
            "guard-findings": "/guards/findings", "guard-findings-none": "/guards/findings?type=PASSPORT",
            "guard-measuring": "/guards/measuring", "guard-notice": "/guards/notice", "task-guarded": f"/tasks/{TASK}",
        }  # fmt: skip
        for name, path in paths.items():
            page.goto(url + path)
            expect(page.locator("h1")).to_be_visible()
            shot(page, f"{name}-{lang}", width)
        page.goto(url + DESK)
        page.locator('input[name="threshold.phone"]').fill("abc")
        page.locator('input[name="exempt_until"]').first.fill("2020-01-01")
        page.locator("#preview").click()
        expect(page.locator("[role=alert]")).to_be_visible()
        expect(page.locator('input[name="threshold.phone"]')).to_have_value("abc")
        shot(page, f"guard-wrong-{lang}", width)
        keep_texts(guarded)
        page.goto(url + DESK)
        page.locator('select[name="in.phone"]').select_option("block")
        page.locator("#replay button").click()
        expect(page.locator("#followed")).to_be_visible()
        shot(page, f"guard-replay-{lang}", width)
        page.goto(url + DESK)
        page.locator('#presets button[value="preset:strict"]').click()
        expect(page.locator("[role=status]")).to_be_visible()
        page.locator("#preview").click()
        expect(page.locator("#differences")).to_be_visible()
        shot(page, f"guard-preview-{lang}", width)

    walked(guarded, lang, width, walk)


@pytest.mark.parametrize(("lang", "width"), [("ja", 1280), ("en", 390)])
def test_a_policy_is_written_by_keyboard_alone(store: Store, tmp_path: Path, lang: str, width: int) -> None:
    guarded = Guarded(store, tmp_path, is_empty=True)

    def walk(url: str, page: Page) -> None:
        page.goto(f"{url}/guards")
        page.keyboard.press("g")
        page.keyboard.press("d")
        expect(page.locator("#tasks")).to_be_visible()
        page.locator(f'a[href="{DESK}"]').first.focus()
        page.keyboard.press("Enter")
        expect(page.locator("#presets")).to_be_visible()
        page.locator('button[value="preset:recommended"]').focus()
        page.keyboard.press("Space")
        expect(page.locator("[role=status]")).to_be_visible()
        expect(page.locator('select[name="in.secret"]')).to_have_value("block")

        page.locator('select[name="in.phone"]').focus()
        page.keyboard.press("ArrowUp")
        expect(page.locator('select[name="in.phone"]')).to_have_value("mask")
        for name in ("out.phone", "threshold.phone"):
            page.keyboard.press("Tab")
            assert page.evaluate("document.activeElement.name") == name
        page.keyboard.press("Control+A")
        page.keyboard.insert_text("0.7")
        page.keyboard.press("Enter")
        expect(page.locator("#differences")).to_be_visible()
        assert page.evaluate("document.activeElement.name") == "reason"
        page.keyboard.insert_text("はじめる")
        page.keyboard.press("Enter")
        expect(page.locator("#history tbody tr")).to_have_count(1)
        expect(page.locator('input[name="threshold.phone"]')).to_have_value("0.7")
        expect(page.locator("#history")).to_contain_text("はじめる")

        page.goto(f"{url}/guards/measuring")
        lines = '{"text": "電話は090-1234-5678です。", "entities": [{"start": 3, "end": 16, "type": "PHONE"}]}'
        files = {"name": "l.jsonl", "mimeType": "application/jsonl", "buffer": lines.encode()}
        page.locator("#f-file").set_input_files(files)  # type: ignore[arg-type]
        page.locator("#measure button").focus()
        page.keyboard.press("Enter")
        expect(page.locator("#result")).to_contain_text("1/1")
        shot(page, f"guard-measured-{lang}", width)

        page.goto(f"{url}/guards/notice")
        page.locator("[data-copy]").focus()
        page.keyboard.press("Enter")
        expect(page.locator("[data-copy]")).to_have_text("写しました" if lang == "ja" else "Copied")
        page.emulate_media(media="print")
        expect(page.locator("[data-copy]")).to_be_hidden()
        expect(page.locator("#notice")).to_be_visible()

    walked(guarded, lang, width, walk)
