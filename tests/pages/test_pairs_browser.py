"""確認 in a real browser: keys, input methods, undo, phones, two windows at once, sessions that end, presses that come twice."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "review"))

from browser_parts import running_browser, served
from pairs_scene import TRIAL
from playwright.sync_api import Browser, Page, Route, expect
from reviewed_scene import PAGE, Reviewed

from jitsuri.access.shapes import SignedIn
from jitsuri.review import records as review_rows
from jitsuri.review.rules.judging import baseline_is_left
from jitsuri.review.shapes import Label
from jitsuri.store.door import Store

pytestmark = [pytest.mark.browser, pytest.mark.slow]

MOST_MS = 300
"""From a press to the next pair on the screen (the page's promise)."""


class Windows:
    """A served console with one browser; ``told`` gathers what it complains of."""

    def __init__(self, scene: Reviewed, url: str, browser: Browser) -> None:
        self.scene, self.url, self.browser = scene, url, browser
        self.told: list[str] = []

    def page(self, who: SignedIn | None = None, lang: str = "ja", width: int = 1280, **more: object) -> Page:
        context = self.browser.new_context(viewport={"width": width, "height": 900}, **more)  # type: ignore[arg-type]
        came = who or self.scene.reviewer
        context.add_cookies(
            [{"name": name, "value": value, "url": self.url}
             for name, value in (("jitsuri_session", came.secret), ("jitsuri_lang", lang))]
        )  # fmt: skip
        page = context.new_page()
        page.on("console", lambda message: self.told.append(message.text))
        page.on("pageerror", lambda error: self.told.append(str(error)))
        return page

    def open(self, **more: object) -> Page:
        page = self.page(**more)  # type: ignore[arg-type]
        page.goto(self.url + PAGE)
        ready(page)
        return page

    def labels(self) -> dict[str, Label]:
        with self.scene.store.reading() as tx:
            held = review_rows.latest(tx, TRIAL)
        return {str(pair): one for pair, labels in held.items() for one in labels}


def walked(scene: Reviewed, walk: Callable[[Windows], None], *, is_quiet: bool = True) -> None:
    """On a thread of its own, because another test's browser may be open on this one."""

    def work() -> None:
        with served(scene.console.app) as url, running_browser() as browser:
            windows = Windows(scene, url, browser)
            walk(windows)
            if is_quiet:
                assert windows.told == []

    with ThreadPoolExecutor(1) as pool:
        pool.submit(work).result()


def ready(page: Page) -> None:
    """The pair stands, its script too, and the next one has come."""
    expect(page.locator("[data-pair]")).to_be_visible()
    page.wait_for_load_state("networkidle")
    page.wait_for_timeout(200)


def shown(page: Page) -> str:
    return page.locator("[data-pair]").get_attribute("data-pair") or ""


def pressed(page: Page, key: str) -> str:
    """Press a key that decides; the pair that it was about."""
    ready(page)
    before = shown(page)
    page.keyboard.press(key)
    page.wait_for_function(
        "before => !document.querySelector('[data-pair]') || document.querySelector('[data-pair]').dataset.pair !== before",
        arg=before,
    )
    page.wait_for_load_state("networkidle")
    return before


@pytest.fixture
def scene(store: Store, tmp_path: Path) -> Reviewed:
    return Reviewed(store, tmp_path)


@pytest.mark.parametrize("lang", ["ja", "en"])
def test_labels_by_keyboard(scene: Reviewed, lang: str) -> None:
    def walk(windows: Windows) -> None:
        page = windows.open(lang=lang)
        told = {key: pressed(page, key) for key in ("1", "2", "3", "0", "s")}
        ready(page)
        page.keyboard.press("x")
        page.keyboard.press("3")
        expect(page.locator("[name=critical_right]")).to_be_checked()
        grave = pressed(page, "1")
        ready(page)
        page.keyboard.press("f")  # a reason of the label before
        page.keyboard.press("t")
        expect(page.locator("[data-reason=tone]")).to_have_attribute("aria-pressed", "true")
        ready(page)
        found = windows.labels()
        choices = {key: found[pair].choice for key, pair in told.items()}
        who = scene.reviewer.session.person.login
        left = {key: baseline_is_left(found[pair].pair_id, who) for key, pair in told.items()}
        assert choices == {
            "1": "baseline" if left["1"] else "candidate", "2": "same", "3": "candidate" if left["3"] else "baseline",
            "0": "both_bad", "s": "skip",
        }  # fmt: skip
        label = found[grave]
        assert (label.reason_codes, label.version) == (("facts", "tone"), 3)
        assert (label.critical_baseline, label.critical_candidate).count(True) == 1
        assert all(one.took_ms > 0 for one in found.values())

    walked(scene, walk)


def test_nothing_happens_while_an_input_method_composes_or_somebody_writes(scene: Reviewed) -> None:
    def walk(windows: Windows) -> None:
        page = windows.open()
        before = shown(page)
        for event in ('{key: "1", isComposing: true}', '{key: "1", keyCode: 229}', '{key: "u", isComposing: true}',
                      '{key: "1", ctrlKey: true}', '{key: "1", repeat: true}'):  # fmt: skip
            page.evaluate(f"document.body.dispatchEvent(new KeyboardEvent('keydown', {{bubbles: true, ...{event}}}))")
        page.keyboard.press("n")
        expect(page.locator("#note")).to_be_focused()
        session = page.context.new_cdp_session(page)
        session.send("Input.imeSetComposition", {"text": "そうりょう1", "selectionStart": 6, "selectionEnd": 6})
        page.keyboard.press("1")
        session.send("Input.insertText", {"text": "送料"})
        page.keyboard.type("123 x u s ?")
        page.keyboard.press("Enter")
        page.wait_for_timeout(300)
        assert shown(page) == before
        assert windows.labels() == {}
        expect(page.locator("#keys")).not_to_be_visible()
        ready(page)
        pressed(page, "2")
        ready(page)
        (label,) = windows.labels().values()
        assert "123 x u s ?" in label.note

    walked(scene, walk)


def test_undo_brings_the_pair_back(scene: Reviewed) -> None:
    def walk(windows: Windows) -> None:
        page = windows.open()
        first = pressed(page, "1")
        second = pressed(page, "2")
        ready(page)
        page.keyboard.press("u")
        page.wait_for_function("pair => document.querySelector('[data-pair]')?.dataset.pair === pair", arg=second)
        ready(page)
        assert {pair: one.is_undone for pair, one in windows.labels().items()} == {first: False, second: True}
        assert pressed(page, "3") == second
        ready(page)
        assert windows.labels()[second].version == 3

    walked(scene, walk)


@pytest.mark.parametrize("slow", ["/api/pairs/labels", "/pairs/next"])
def test_undo_waits_for_what_is_on_its_way(scene: Reviewed, slow: str) -> None:
    """A person who takes back at once is as right as one who waits: the label is still being sent, or the next pair still coming."""

    def walk(windows: Windows) -> None:
        page = windows.open()
        first = pressed(page, "1")
        ready(page)

        held: list[Route] = []
        is_held = True
        page.route(f"**{slow}*", lambda route: held.append(route) if is_held else route.continue_())
        if slow == "/pairs/next":
            pressed(page, "s")  # the next pair is there; the one after it is slow
            page.wait_for_timeout(200)
        taken = shown(page)
        page.keyboard.press("2")
        page.wait_for_timeout(300)
        page.keyboard.press("u")
        page.wait_for_timeout(100)
        assert held
        is_held = False
        for route in held:
            route.continue_()
        page.wait_for_function(
            "pair => document.querySelector('[data-pair]')?.dataset.pair === pair && document.querySelector('#last').hidden",
            arg=taken,
        )
        found = {pair: one.is_undone for pair, one in windows.labels().items()}
        assert (found[first], found[taken]) == (False, True)

    walked(scene, walk)


def test_the_next_pair_is_there_at_once(scene: Reviewed) -> None:
    def walk(windows: Windows) -> None:
        page = windows.open()
        took = []
        for _ in range(10):
            ready(page)
            took.append(
                page.evaluate("""() => new Promise((done) => {
                const place = document.getElementById("pair"), begun = performance.now();
                new MutationObserver((_, watch) => {
                    watch.disconnect();
                    requestAnimationFrame(() => setTimeout(() => done(performance.now() - begun)));
                }).observe(place, {childList: true});
                document.body.dispatchEvent(new KeyboardEvent("keydown", {key: "2", bubbles: true}));
            })""")
            )
        print(f"next pair in ms: {sorted(round(one) for one in took)}")
        assert sorted(took)[len(took) // 2] < MOST_MS

    walked(scene, walk)


def test_two_windows_at_once_label_different_pairs(scene: Reviewed) -> None:
    def walk(windows: Windows) -> None:
        pages = [windows.open(who=who) for who in (scene.reviewer, scene.other)]
        seen: list[list[str]] = [[], []]
        for _ in range(5):
            for at, page in enumerate(pages):
                seen[at].append(pressed(page, "2"))
        both = set(seen[0]) & set(seen[1])
        with scene.store.reading() as tx:
            double = {str(one.pair_id) for one in review_rows.pairs_of(tx, TRIAL) if one.people == 2}
        assert both <= double
        assert [len(set(one)) for one in seen] == [5, 5]

    walked(scene, walk)


def test_a_double_click_is_one_label(scene: Reviewed) -> None:
    def walk(windows: Windows) -> None:
        page = windows.open()
        first = shown(page)
        page.locator("button[value=left]").dblclick()
        ready(page)
        assert list(windows.labels()) == [first]
        page.keyboard.press("2")
        page.keyboard.press("2")  # the same finger twice
        ready(page)
        assert len(windows.labels()) == 2
        assert {one.version for one in windows.labels().values()} == {1}

    walked(scene, walk)


def test_a_session_that_ends_loses_nothing(scene: Reviewed) -> None:
    def walk(windows: Windows) -> None:
        page = windows.open()
        first = shown(page)
        page.context.clear_cookies(name="jitsuri_session")
        page.keyboard.press("1")
        expect(page.locator("#trouble")).to_be_visible()
        page.locator("#trouble a").wait_for()
        assert windows.labels() == {}
        page.locator("#trouble a").click()
        page.locator("[name=login]").fill("fuji@example.jp")
        page.locator("[name=password]").fill("korekara-12-mojide")
        page.locator("main form button").first.click()
        expect(page.locator("[data-pair]")).to_be_visible()
        expect(page.locator("#trouble")).to_be_hidden()
        page.wait_for_load_state("networkidle")
        until = time.monotonic() + 5
        while first not in windows.labels() and time.monotonic() < until:
            page.wait_for_timeout(100)
        assert windows.labels()[first].choice in ("baseline", "candidate")

    walked(scene, walk, is_quiet=False)  # the browser itself tells of the 401


def test_every_button_works_without_a_script(scene: Reviewed) -> None:
    def walk(windows: Windows) -> None:
        page = windows.page(java_script_enabled=False)
        page.goto(windows.url + PAGE)
        first = shown(page)
        page.locator("[name=critical_left]").check()
        page.locator("button[value=same]").click()
        expect(page.locator("[data-pair]")).not_to_have_attribute("data-pair", first)
        page.locator("form.undo button").click()
        expect(page.locator("[data-pair]")).to_have_attribute("data-pair", first)
        assert windows.labels()[first].is_undone

    walked(scene, walk)


@pytest.mark.parametrize(("lang", "width"), [("ja", 1280), ("ja", 390), ("en", 1280), ("en", 390)])
def test_every_pair_fits_its_width(scene: Reviewed, lang: str, width: int) -> None:
    """Long, empty, hostile, right-to-left, tables, code: all stay within the window, and the buttons in reach."""
    shots = os.environ.get("JITSURI_SHOTS")

    def walk(windows: Windows) -> None:
        page = windows.open(lang=lang, width=width)
        for number in range(12):
            ready(page)
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            box = page.locator("button[value=right]").bounding_box()
            assert box is not None
            assert box["y"] + box["height"] <= 900
            if shots:
                page.screenshot(path=Path(shots) / f"pair{number}-{lang}-{width}.png")
            pressed(page, "2")
        for name, path, who in (
            ("pairs", "/pairs", scene.reviewer),
            ("sure", f"/pairs/progress?trial={TRIAL}", scene.owner),
            ("sures", "/pairs/progress", scene.owner),
        ):
            other = windows.page(who, lang, width)
            other.goto(windows.url + path)
            expect(other.locator("h1")).to_be_visible()
            assert other.evaluate("document.documentElement.scrollWidth") <= width, name
            if shots:
                other.screenshot(path=Path(shots) / f"{name}-{lang}-{width}.png", full_page=True)

    walked(scene, walk)


def test_a_person_who_may_not_label_is_refused(scene: Reviewed) -> None:
    def walk(windows: Windows) -> None:
        page = windows.page(scene.developer)
        answer = page.goto(windows.url + PAGE)
        assert answer is not None
        assert answer.status == 403
        assert page.locator("[data-pair]").count() == 0

    walked(scene, walk, is_quiet=False)
