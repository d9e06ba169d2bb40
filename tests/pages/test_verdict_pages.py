"""適正化 in the console: the pages as they were looked at, what they always say, files, rights, and a real browser."""

from __future__ import annotations

import csv
import io
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from uuid import UUID

import psycopg
import pytest
from console_parts import Console, sample_settings
from page_reading import check_main
from page_scene import furnish
from playwright.sync_api import Page, expect
from starlette.testclient import TestClient
from test_pages_browser import House, walked
from verdict_parts import BAR_ONLY, FAIL, ISSUED_AT, KEPT_AT, PASS, UNDECIDED, VERDICTS, certificate

from jitsuri.access.shapes import ROLES
from jitsuri.flows.cold.keeping_verdicts import file_certificate, keep_verdicts
from jitsuri.rightsizing.records.verdicts import verdict_id_of
from jitsuri.rightsizing.rules.packing import packed, unpacked
from jitsuri.rightsizing.shapes.certificates import Approval
from jitsuri.rightsizing.shapes.verdicts import Reason, Slice, Span, Verdict
from jitsuri.store.door import Store
from jitsuri.web.pages.charting import points_axis
from jitsuri.web.pages.judging import evidence_number, fact_text, headline, interval_of, reason_text, slice_lines
from jitsuri.web.routes import ROUTES
from jitsuri.words import LANGUAGES, Language, facts_of, text

ROWS = b'{"rows": []}'
OLDER = replace(PASS, decision="undecided", n=120, people=120, seed=1)
SIGNED = datetime(2026, 11, 21, 9, tzinfo=UTC)


def keep_everything(store: Store) -> dict[str, UUID]:
    """Four verdicts, an older one, and two certificates."""
    keep_verdicts(store, [OLDER], ROWS, "cli", KEPT_AT - timedelta(days=9))
    ids = keep_verdicts(store, VERDICTS, ROWS, "cli", KEPT_AT)
    boxes = tuple(Approval(step, "千葉 三郎", "", SIGNED) for step in ("draft", "review", "decision"))  # type: ignore[arg-type]
    papers = (
        lambda number: certificate(number),
        lambda number: certificate(number, BAR_ONLY, saving=None, baseline=None, prices_ahead=(), approvals=boxes),
        lambda number: certificate(number, FAIL, saving=None, prices_ahead=()),
    )
    for make in papers:
        file_certificate(
            store, lambda number, make=make: (make(number), packed(make(number))), "aoki@example.jp", ISSUED_AT
        )  # type: ignore[misc]
    return dict(zip(("pass", "fail", "undecided", "bar"), ids, strict=True))


class Shown:
    def __init__(self, store: Store) -> None:
        furnish(store)
        self.ids = keep_everything(store)
        self.console = Console(store, sample_settings(**{"company.is_sample": True}), ROUTES)
        self.admin = self.console.admin()

    def browser(self, lang: Language = "ja") -> TestClient:
        client = self.console.browser_of(self.admin, lang)
        client.cookies.set("jitsuri_lang", lang)
        return client

    def addresses(self) -> dict[str, str]:
        return {
            "verdicts": "/verdicts",
            **{f"verdict-{name}": f"/verdicts/{its_id}" for name, its_id in self.ids.items()},
            "verdict-older": f"/verdicts/{verdict_id_of(OLDER)}",
            "certificates": "/certificates",
            "certificate": "/certificates/JR-2026-0001",
            "certificate-bar": "/certificates/JR-2026-0002",
            "certificate-fail": "/certificates/JR-2026-0003",
        }


NAMES = (
    "verdicts", "verdict-pass", "verdict-fail", "verdict-undecided", "verdict-bar", "verdict-older", "certificates",
    "certificate", "certificate-bar", "certificate-fail",
)  # fmt: skip


@pytest.fixture(scope="module")
def shown(pg_template: str) -> Iterator[Shown]:
    with psycopg.connect(pg_template, autocommit=True) as connection:
        connection.execute("CREATE DATABASE jitsuri_verdicts TEMPLATE jitsuri_template")
    store = Store(pg_template.replace("dbname=postgres", "dbname=jitsuri_verdicts"))
    yield Shown(store)
    store.close()
    with psycopg.connect(pg_template, autocommit=True) as connection:
        connection.execute("DROP DATABASE jitsuri_verdicts WITH (FORCE)")


# -- as they were looked at


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("name", NAMES)
def test_the_pages_are_the_ones_that_were_looked_at(shown: Shown, name: str, lang: Language) -> None:
    answer = shown.browser(lang).get(shown.addresses()[name])

    assert answer.status_code == 200
    main = answer.text.partition("<main")[2].partition("</main>")[0]
    assert [leak for leak in ("Undefined", "{{", "{%", ">None<", "Decimal(", "&amp;") if leak in main] == []
    assert re.findall(r"[> ]((?:page|verdict|dropped)\.[a-z_.]+)", main) == []  # a code instead of its words
    check_main(f"{name}-{lang}", answer.text)


@pytest.mark.parametrize("lang", LANGUAGES)
def test_an_empty_list_says_what_to_run(store: Store, lang: Language) -> None:
    console = Console(store, pages=ROUTES)
    client = console.browser_of(console.admin(), lang)
    client.cookies.set("jitsuri_lang", lang)

    assert "jitsuri rightsize offline" in client.get("/verdicts").text
    assert "jitsuri rightsize offline" in client.get("/certificates").text


# -- what is always said


@pytest.mark.parametrize("lang", LANGUAGES)
def test_worse_within_the_margin_is_always_said(shown: Shown, lang: Language) -> None:
    quiet = replace(PASS, reasons=PASS.reasons[:1], seed=99)
    keep_verdicts(shown.console.store, [replace(quiet, task="quiet")], ROWS, "cli", KEPT_AT)

    page = shown.browser(lang).get(f"/verdicts/{verdict_id_of(replace(quiet, task='quiet'))}").text

    assert text("verdict.significance.worse_within", lang) in page


def test_without_people_the_list_says_that_a_judge_decided(shown: Shown) -> None:
    page = shown.browser().get("/verdicts").text

    assert page.count(text("verdict.by_judge", "ja")) == 1


def test_an_older_verdict_leads_to_the_newest(shown: Shown) -> None:
    page = shown.browser().get(f"/verdicts/{verdict_id_of(OLDER)}").text

    assert "これは古い結論です" in page
    assert f"/verdicts/{shown.ids['pass']}" in page


@pytest.mark.parametrize(
    ("verdict", "word", "kind"),
    [(PASS, "合格", "good"), (FAIL, "不合格", "bad"), (UNDECIDED, "証拠不足", "warn"), (BAR_ONLY, "基準達成", "good"),
     (replace(BAR_ONLY, decision="fail"), "基準未達", "bad")],
)  # fmt: skip
def test_the_word_of_a_verdict(verdict: Verdict, word: str, kind: str) -> None:
    head = headline(verdict, "ja")

    assert (head.word, head.kind) == (word, kind)


# -- reasons

REASONS: dict[str, dict[str, object]] = {
    "shown_no_worse": {"margin_points": 5.0, "lower_points": -4.44}, "shown_worse": {"margin_points": 5.0, "upper_points": -6.2},
    "interval_crosses_margin": {"margin_points": 5.0, "lower_points": -8.1, "more_labels": 1084},
    "too_few": {"n": 12, "needed": 50}, "all_ties": {"n": 80}, "one_class": {"n": 80},
    "missing_too_many": {"share": 0.41, "limit": 0.333333}, "judge_only": {"judge": "j"},
    "judge_set_aside": {"judge": "j", "why": "too_few"}, "judge_nonsense": {"judge": "j"}, "slice_blocks": {"slices": "a=b"},
    "slices_unconfirmed": {"count": 2}, "critical_too_many": {"errors": 40, "n": 300, "limit_percent": 5.0},
    "critical_unproven": {"errors": 11, "n": 300, "upper_percent": 6.02, "limit_percent": 5.0},
    "within_margin_but_worse": {"difference_points": -1.6}, "not_cheaper": {}, "dominated": {"by": "m"},
    "bar_met": {"lower_percent": 91.2, "bar_percent": 90.0}, "bar_missed": {"upper_percent": 88.1, "bar_percent": 90.0},
    "bar_undecided": {"lower_percent": 88.1, "upper_percent": 92.0, "bar_percent": 90.0},
    "today_misses_bar": {"upper_percent": 88.1, "bar_percent": 90.0}, "no_baseline": {},
    "family_adjusted": {"family": 3, "alpha_percent": 1.667},
}  # fmt: skip


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("code", REASONS)
def test_every_reason_has_a_sentence_that_needs_what_is_given(code: str, lang: Language) -> None:
    sentence = text(f"verdict.reason.{code}", lang, **{name: "1" for name in REASONS[code]})

    assert facts_of(sentence) == frozenset()
    assert reason_text(Reason(code, REASONS[code]), lang) != code


@pytest.mark.parametrize(
    ("name", "value", "shown_as"),
    [
        ("lower_points", -4.44, "−4.4"), ("lower_points", -0.04, "0.0"), ("margin_points", 5, "5.0"),
        ("more_labels", 1084, "1,084"), ("share", 0.41, "41.0%"), ("alpha_percent", 1.667, "1.7"), ("alpha_percent", 0.5, "0.5"),
        ("limit_percent", 5.0, "5"), ("slices", ["a=b", "c=d"], "a=b・c=d"), ("judge", "gpt", "gpt"),
        ("why", "too_few", "人と両方で見た件数が少なすぎる"), ("why", "of_a_later_version", "of_a_later_version"),
    ],
)  # fmt: skip
def test_facts_are_written_for_a_reader(name: str, value: object, shown_as: str) -> None:
    assert fact_text(name, value, "ja") == shown_as


@pytest.mark.parametrize("lang", LANGUAGES)
def test_no_number_of_labels_is_named_where_none_would_do(lang: Language) -> None:
    far = reason_text(
        Reason("interval_crosses_margin", {"margin_points": 5.0, "lower_points": -6.0, "more_labels": 0}), lang
    )

    assert "−6.0" in far
    assert " 0" not in far


def test_a_reason_of_a_later_version_is_shown_and_not_lost() -> None:
    assert reason_text(Reason("unheard_of", {"n": 1}), "ja") == "unheard_of"


def test_a_slice_is_called_no_worse_only_where_its_whole_interval_says_so() -> None:
    wide = Slice("channel", "form", 56, -0.054, Span(-0.177, 0.039, 0.95), "fine")

    states = {
        line.slice.value: (line.state, line.badge)
        for line in slice_lines(replace(PASS, slices=(*PASS.slices, wide)), "ja")
    }

    assert states == {
        "メール": ("shown", "good"),
        "電話の書き起こし": ("fine", ""),
        "form": ("fine", ""),
        "FAX": ("unconfirmed", ""),
    }


def test_far_off_intervals_lie_on_their_own_drawing_and_are_cut_in_a_list() -> None:
    far = replace(FAIL, difference=-0.417, span=Span(-0.477, -0.357, 0.95))

    own, listed = interval_of(far, "ja"), interval_of(far, "ja", points_axis((-47.7, -35.7), 5.0))

    assert own is not None
    assert own.axis_low < -47.7
    assert listed is not None
    assert listed.axis_low > -30


@pytest.mark.parametrize(
    ("value", "shown_as"), [(0.4, "0.4"), (61.24, "61.2"), (1e6, "1,000,000.0"), (2.63e21, ">1,000,000")]
)
def test_evidence_beyond_a_million_is_only_said_to_be_beyond(value: float, shown_as: str) -> None:
    assert evidence_number(value) == shown_as


# -- files


def test_the_verdict_is_downloaded_byte_by_byte(shown: Shown) -> None:
    answer = shown.browser().get(f"/verdicts/{shown.ids['fail']}/verdict.json")

    assert answer.headers["content-type"] == "application/json"
    assert answer.content == packed(FAIL)
    assert unpacked(answer.content, Verdict) == FAIL


def test_the_list_as_csv_holds_the_same_figures(shown: Shown) -> None:
    rows = list(
        csv.DictReader(io.StringIO(shown.browser("en").get("/verdicts?format=csv").text.removeprefix("\ufeff")))
    )
    one = next(row for row in rows if row["Candidate"] == "gpt-small" and row["Task"] == "inquiry-triage")

    assert (one["Verdict"], one["Pairs"], one["Difference (points)"]) == ("Pass", "1842", "'-2.6000")
    assert Decimal(one["Saving (yen per 1,000 calls)"]) == Decimal("5133.8")


@pytest.mark.parametrize(
    ("query", "language", "name"),
    [("", "ja", "ja"), ("?in=en", "ja", "en"), ("?lang=en", "ja", "en"), ("", "en", "en")],
)
def test_the_paper_is_a_pdf_in_the_language_asked_for(shown: Shown, query: str, language: Language, name: str) -> None:
    answer = shown.browser(language).get(f"/certificates/JR-2026-0001.pdf{query}")

    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/pdf"
    assert answer.content.startswith(b"%PDF-")
    assert f"JR-2026-0001-{name}.pdf" in answer.headers["content-disposition"]


@pytest.mark.slow
def test_what_sets_paper_is_loaded_only_when_a_paper_is_asked_for() -> None:
    code = "import sys; import jitsuri.web.routes; print([name for name in ('typst', 'jitsuri.paper.wire') if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"


def test_the_export_is_what_was_filed(shown: Shown) -> None:
    answer = shown.browser().get("/certificates/JR-2026-0001.json")

    assert answer.headers["content-type"] == "application/json"
    assert answer.content == packed(certificate("JR-2026-0001"))


@pytest.mark.parametrize("path", ["/certificates/JR-2026-9999", "/certificates/x%00y", "/certificates/JR-2026-9999.pdf",
                                  "/certificates/JR-2026-9999.json", f"/verdicts/{UUID(int=8)}"])  # fmt: skip
def test_what_is_not_there_is_said_to_be_missing(shown: Shown, path: str) -> None:
    assert shown.browser().get(path).status_code == 404


@pytest.mark.parametrize("role", ROLES)
def test_who_sees_money_sees_verdicts_and_papers(shown: Shown, role: str) -> None:
    came = shown.admin if role == "admin" else shown.console.person(role, login=f"{role}-v@example.jp")  # type: ignore[arg-type]
    browser = shown.console.browser_of(came)
    expected = 403 if role == "reviewer" else 200

    for path in ("/verdicts", f"/verdicts/{shown.ids['pass']}/verdict.json", "/certificates/JR-2026-0001.json"):
        assert browser.get(path).status_code == expected, path


def test_a_stranger_gets_no_paper(shown: Shown) -> None:
    for path in ("/certificates/JR-2026-0001.pdf", "/certificates/JR-2026-0001.json", "/certificates/JR-2026-0001"):
        answer = shown.console.client().get(path)
        assert (answer.status_code, answer.text) == (303, "")


# -- in a real Chromium


@pytest.mark.browser
@pytest.mark.slow
@pytest.mark.parametrize(("lang", "width"), [("ja", 1280), ("ja", 390), ("en", 1280), ("en", 390)])
def test_every_page_fits_its_width(store: Store, lang: str, width: int) -> None:
    scene = furnish(store)
    empty = "JITSURI_SHOTS" in os.environ
    shots = Path(os.environ.get("JITSURI_SHOTS", "."))

    def walk(house: House, page: Page) -> None:
        if empty:
            page.goto(f"{house.url}/verdicts")
            page.screenshot(path=shots / f"verdicts-none-{lang}-{width}.png", full_page=True)
        ids = keep_everything(store)
        paths = {
            "verdicts": "/verdicts", **{f"verdict-{name}": f"/verdicts/{its_id}" for name, its_id in ids.items()},
            "certificates": "/certificates", "certificate": "/certificates/JR-2026-0001",
            "certificate-bar": "/certificates/JR-2026-0002", "certificate-fail": "/certificates/JR-2026-0003",
        }  # fmt: skip
        for name, path in paths.items():
            page.goto(house.url + path)
            expect(page.locator("h1")).to_be_visible()
            assert page.evaluate("document.documentElement.scrollWidth") <= width, name
            if empty:
                page.screenshot(path=shots / f"{name}-{lang}-{width}.png", full_page=True)

    walked(scene, lang, width, walk)


@pytest.mark.browser
@pytest.mark.slow
@pytest.mark.parametrize("lang", LANGUAGES)
def test_by_keyboard_from_the_overview_to_the_paper(store: Store, lang: Language) -> None:
    scene = furnish(store)
    keep_everything(store)

    def walk(house: House, page: Page) -> None:
        page.goto(house.url)
        page.keyboard.press("g")
        page.keyboard.press("v")
        expect(page.locator("h1")).to_have_text(text("nav.verdicts", lang))
        page.locator("tbody a.code", has_text="gpt-small").focus()
        page.keyboard.press("Enter")
        expect(page.locator(".stamp")).to_have_text(text("verdict.decision.pass", lang))
        page.get_by_role("link", name="JR-2026-0001").focus()
        page.keyboard.press("Enter")
        expect(page.locator("h1")).to_have_text(text("page.certificate.head", lang))
        reached = _reached(page, "a.button.first")
        assert reached
        href = page.locator("a.button.first").get_attribute("href")
        answer = page.request.get(f"{house.url}{href}")
        assert (answer.status, answer.headers["content-type"]) == (200, "application/pdf")
        assert answer.body().startswith(b"%PDF-")

    walked(scene, lang, 1280, walk)


def _reached(page: Page, wanted: str, most: int = 60) -> bool:
    """Does the Tab key come to it?"""
    page.locator("body").press("Tab")
    for _ in range(most):
        if page.evaluate("wanted => document.activeElement.matches(wanted)", wanted):
            return True
        page.keyboard.press("Tab")
    return False
