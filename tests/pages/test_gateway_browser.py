"""The gateway's pages in a real Chromium: calls come in by themselves, a variant is set, and every page fits its width.

JITSURI_SHOTS=FOLDER keeps a picture of every page for somebody to look at.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from browser_parts import running_browser, served
from gateway_scene import FELL_BACK, ORPHAN, call_at, furnish_gateway, gateway_console
from playwright.sync_api import Page, expect

from jitsuri.calls.records import calls as call_rows
from jitsuri.ledger.records import budgets as budget_rows
from jitsuri.ledger.records import entries as entry_rows
from jitsuri.store.door import Store

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def walked(store: Store, lang: str, width: int, walk: Callable[[str, Page], None]) -> None:
    """Do ``walk`` in a window, on a thread of its own; the browser must have nothing to complain of."""
    console = gateway_console(store)
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
            page.on("request", lambda request: None if request.url.startswith(url) else told.append(request.url))
            walk(url, page)
            context.close()

    with ThreadPoolExecutor(1) as pool:
        pool.submit(work).result()
    assert told == []


def add_call(store: Store, name: str) -> str:
    call, entry = call_at(name, 1)
    with store.transaction() as tx:
        call_rows.insert_many(tx, [call])
        entry_rows.insert_many(tx, [entry])
    return str(call.call_id)


def test_calls_come_in_by_themselves_and_rest_when_told(store: Store) -> None:
    furnish_gateway(store)

    def walk(url: str, page: Page) -> None:
        page.goto(f"{url}/gateway")
        rows = page.locator("#live tbody tr")
        expect(rows).to_have_count(8)
        link = page.locator("#live tbody a").nth(4)
        link.focus()
        held = link.get_attribute("href")

        first = add_call(store, "new one")
        expect(page.locator(f'#live a[href="/calls/{first}"]').first).to_be_visible(timeout=6000)
        assert page.evaluate("document.activeElement.getAttribute('href')") == held

        page.locator("[data-live-rest]").click()
        second = add_call(store, "while it rests")
        page.wait_for_timeout(3000)
        expect(page.locator(f'#live a[href="/calls/{second}"]')).to_have_count(0)
        page.locator("[data-live-rest]").click()
        expect(page.locator(f'#live a[href="/calls/{second}"]').first).to_be_visible(timeout=6000)

        page.locator(f'#live a[href="/calls/{second}"]').first.click()
        expect(page.locator("h1")).to_have_text("呼出し")

    walked(store, "ja", 1280, walk)


def test_nothing_is_asked_while_the_page_is_hidden(store: Store) -> None:
    furnish_gateway(store)

    def walk(url: str, page: Page) -> None:
        asked: list[str] = []
        page.goto(f"{url}/gateway")
        page.on("request", lambda request: asked.append(request.url) if "/gateway/" in request.url else None)
        page.evaluate("Object.defineProperty(document, 'hidden', {value: true, configurable: true})")
        page.wait_for_timeout(5000)
        assert asked == []
        page.evaluate(
            "Object.defineProperty(document, 'hidden', {value: false, configurable: true});"
            "document.dispatchEvent(new Event('visibilitychange'))"
        )
        page.wait_for_timeout(1500)
        assert any(address.endswith("/gateway/live") for address in asked)

    walked(store, "ja", 1280, walk)


@pytest.mark.parametrize("lang", ["ja", "en"])
def test_an_owner_sets_a_variant_and_goes_back(store: Store, lang: str) -> None:
    furnish_gateway(store)

    def walk(url: str, page: Page) -> None:
        page.goto(f"{url}/tasks/inquiry-triage")
        page.locator('a[href="/tasks/inquiry-triage/variant"]').click()
        page.locator("#edit [name=target]").fill("openai/gpt-tiny")
        page.locator("#edit [name=fallbacks]").fill("")
        page.locator("#f-reason").fill("もっと安い")
        page.locator("#edit button.first").click()
        expect(page.locator(".notice.good")).to_be_visible()
        expect(page.locator("#now")).to_contain_text("openai/gpt-tiny")
        page.locator("#history summary").first.click()
        page.locator("#history details[open] [name=reason]").fill("戻す")
        page.locator("#history details[open] button").click()
        expect(page.locator("#now")).to_contain_text("openai/gpt-big")
        page.locator("#edit-rule [name=on_premises_only]").check()
        page.locator("#edit-rule [name=rule_reason]").fill("社内だけ")
        page.locator("#edit-rule button.first").click()
        expect(page.locator("#now")).to_contain_text("送らない" if lang == "ja" else "Kept out")

    walked(store, lang, 1280, walk)


@pytest.mark.parametrize(("lang", "width"), [("ja", 1280), ("en", 390)])
def test_an_owner_switches_a_part_then_all_and_goes_back(store: Store, lang: str, width: int) -> None:
    furnish_gateway(store)
    shots = os.environ.get("JITSURI_SHOTS")

    def walk(url: str, page: Page) -> None:
        page.goto(f"{url}/tasks/inquiry-triage/variant")
        page.locator("#f-canary").fill("openai/gpt-tiny")
        page.keyboard.press("Tab")
        page.keyboard.type("5")
        page.keyboard.press("Tab")
        page.keyboard.type("確かめる")
        page.keyboard.press("Enter")
        expect(page.locator("#canary-now")).to_contain_text("openai/gpt-tiny")
        expect(page.locator("#canary-now")).to_contain_text("5 %")
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        if shots:
            page.screenshot(path=Path(shots) / f"variant-canary-{lang}-{width}.png", full_page=True)
        page.locator("#canary summary").first.click()
        page.locator("#canary details[open] [name=reason]").fill("広げる")
        page.locator("#canary details[open] button").click()
        expect(page.locator("#now .targets li").first).to_contain_text("openai/gpt-tiny")
        page.locator("form[action$='/back'] input[name=reason]").fill("苦情")
        page.keyboard.press("Enter")
        expect(page.locator("#now .targets li").first).to_contain_text("openai/gpt-big")
        expect(page.locator("#canary-now")).to_have_count(0)

    walked(store, lang, width, walk)


@pytest.mark.parametrize(("lang", "width"), [("ja", 1280), ("ja", 390), ("en", 1280), ("en", 390)])
def test_every_page_fits_its_width(store: Store, lang: str, width: int) -> None:
    furnish_gateway(store)
    with store.reading() as tx:
        budgets = {budget.name: budget.budget_id for budget in budget_rows.by_name(tx)}
    paths = {
        "gateway": "/gateway", "gateway-upstream": "/gateway/upstreams/openai", "gateway-refusals": "/gateway/refusals",
        "variants": "/gateway/variants", "budgets": "/budgets", "budget": f"/budgets/{budgets['営業支援課']}",
        "budget-pinned": f"/budgets/{budgets['triage']}", "variant": "/tasks/inquiry-triage/variant",
        "variant-none": "/tasks/quotation-extraction/variant", "task": "/tasks/inquiry-triage",
        "call": f"/calls/{FELL_BACK}", "call-orphan": f"/calls/{ORPHAN}",
    }  # fmt: skip
    shots = os.environ.get("JITSURI_SHOTS")

    def walk(url: str, page: Page) -> None:
        for name, path in paths.items():
            page.goto(url + path)
            expect(page.locator("h1")).to_be_visible()
            assert page.evaluate("document.documentElement.scrollWidth") <= width, name
            if shots:
                page.screenshot(path=Path(shots) / f"{name}-{lang}-{width}.png", full_page=True)

    walked(store, lang, width, walk)
