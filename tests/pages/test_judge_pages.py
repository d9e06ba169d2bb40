"""A judge's report where people read it: the verdict's page, the certificate's page, the paper, in both languages."""

from __future__ import annotations

import html
import io
import os
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psycopg
import pypdfium2
import pytest
from console_parts import Console, sample_settings
from page_reading import check_main
from page_scene import furnish
from playwright.sync_api import Page
from starlette.testclient import TestClient
from test_pages_browser import House, walked
from verdict_parts import ISSUED_AT, KEPT_AT, PASS, UNDECIDED, certificate

from jitsuri.evaluation.rules.judging.counting import SHARES
from jitsuri.evaluation.rules.judging.reporting import report_of
from jitsuri.evaluation.shapes import JUDGE_FAULTS, JudgeCounts, JudgeReport, Share
from jitsuri.flows.cold.keeping_verdicts import file_certificate, keep_verdicts
from jitsuri.rightsizing.rules.estimating import _faults
from jitsuri.rightsizing.rules.packing import packed
from jitsuri.rightsizing.shapes.verdicts import Reason, Verdict
from jitsuri.store.door import Store
from jitsuri.web.pages.judging import reason_text, reasons, set_aside_text
from jitsuri.web.routes import ROUTES
from jitsuri.words import LANGUAGES, Language, facts_of, text


def report(seen: dict[str, tuple[int, int]], *, is_same_vendor: bool = False) -> JudgeReport:
    shares = tuple(Share(code, *seen.get(code, (0, 480))) for code in SHARES)
    return report_of(JudgeCounts("azure/gpt-4.1", ("1.ja.87d7d03a67bdba93",), ("gpt-4.1-2025-04-14",), ('{"max_tokens": 1024}',),
                                 240, 12, is_same_vendor, shares))  # fmt: skip


def with_report(verdict: Verdict, found: JudgeReport, *more: Reason) -> Verdict:
    return replace(verdict, reasons=(*more, *verdict.reasons, *_faults(found)), judging=found)


FAULTY = with_report(
    UNDECIDED,
    report({"first": (290, 420), "leans_first": (84, 96), "order_changed": (96, 228), "same_parted": (4, 12),
            "worse_missed": (0, 12), "worse_won": (0, 24), "posing_won": (15, 24), "again_changed": (1, 12),
            "longer_won": (108, 132), "won_longer": (60, 70), "won_shorter": (14, 62),
            "chatty": (200, 470), "abstained": (9, 480), "unreadable": (3, 480)}, is_same_vendor=True),
    Reason("judge_unfit", {"judge": "azure/gpt-4.1", "why": "position_bias"}),
)  # fmt: skip
FAULTLESS = with_report(
    PASS,
    report({"first": (204, 402), "leans_first": (9, 18), "order_changed": (18, 228), "same_parted": (0, 12),
            "worse_missed": (0, 12), "worse_won": (0, 24), "posing_won": (1, 24), "again_changed": (0, 12),
            "longer_won": (70, 132), "won_longer": (40, 70), "won_shorter": (32, 62)}),
)  # fmt: skip


def keep_both(store: Store) -> dict[str, str]:
    """Two verdicts and their papers; the addresses of their pages by name."""
    faulty, faultless = keep_verdicts(store, (FAULTY, FAULTLESS), b"{}", "cli", KEPT_AT)
    for verdict in (FAULTY, FAULTLESS):
        file_certificate(store, lambda number, verdict=verdict: (made := certificate(number, verdict), packed(made)),  # type: ignore[misc]
                         "aoki@example.jp", ISSUED_AT)  # fmt: skip
    return {
        "judge-faulty": f"/verdicts/{faulty}", "judge-faultless": f"/verdicts/{faultless}",
        "judge-certificate": "/certificates/JR-2026-0001",
    }  # fmt: skip


class Shown:
    def __init__(self, store: Store) -> None:
        furnish(store)
        self.addresses = keep_both(store)
        self.console = Console(store, sample_settings(**{"company.is_sample": True}), ROUTES)
        self.admin = self.console.admin()

    def browser(self, lang: Language) -> TestClient:
        client = self.console.browser_of(self.admin, lang)
        client.cookies.set("jitsuri_lang", lang)
        return client


@pytest.fixture(scope="module")
def shown(pg_template: str) -> Iterator[Shown]:
    with psycopg.connect(pg_template, autocommit=True) as connection:
        connection.execute("CREATE DATABASE jitsuri_judge_pages TEMPLATE jitsuri_template")
    store = Store(pg_template.replace("dbname=postgres", "dbname=jitsuri_judge_pages"))
    yield Shown(store)
    store.close()
    with psycopg.connect(pg_template, autocommit=True) as connection:
        connection.execute("DROP DATABASE jitsuri_judge_pages WITH (FORCE)")


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("name", ["judge-faulty", "judge-faultless", "judge-certificate"])
def test_the_pages_are_the_ones_that_were_looked_at(shown: Shown, name: str, lang: Language) -> None:
    page = shown.browser(lang).get(shown.addresses[name])

    assert page.status_code == 200
    check_main(f"{name}-{lang}", page.text)


@pytest.mark.parametrize("lang", LANGUAGES)
def test_each_fault_is_told_on_both_pages_and_on_the_paper(shown: Shown, lang: Language) -> None:
    assert FAULTY.judging
    codes = [fault.code for fault in FAULTY.judging.faults]
    assert codes == [
        "position_bias",
        "order_sensitive",
        "obeys_answers",
        "sees_no_ties",
        "prefers_length",
        "chatty",
        "same_vendor",
    ]
    _, cautions = reasons(FAULTY, lang)
    browser = shown.browser(lang)
    for name in ("judge-faulty", "judge-certificate"):
        page = html.unescape(browser.get(shown.addresses[name]).text)
        told = [reason_text(reason, lang) for reason in FAULTY.reasons if reason.code[6:] in codes]
        assert set(told) <= set(cautions)
        assert [one for one in told if one not in page] == []
    paper = pypdfium2.PdfDocument(io.BytesIO(browser.get(f"/certificates/JR-2026-0001.pdf?lang={lang}").content))
    assert len(paper) == 1
    words = re.sub(r"\s", "", paper[0].get_textpage().get_text_range())
    for code in codes[:4]:
        assert re.sub(r"\s", "", set_aside_text(code, lang)) in words
    faultless = pypdfium2.PdfDocument(io.BytesIO(browser.get(f"/certificates/JR-2026-0002.pdf?lang={lang}").content))
    assert re.sub(r"\s", "", text("paper.certificate.judge_faultless", lang)) in re.sub(
        r"\s", "", faultless[0].get_textpage().get_text_range()
    )


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("code", JUDGE_FAULTS)
def test_every_fault_has_a_sentence_and_a_short_word(code: str, lang: Language) -> None:
    facts = {"judge": "j", "share": 0.41, "limit": 0.2, "n": 120}
    sentence = text(f"verdict.reason.judge_{code}", lang, **facts)

    assert facts_of(sentence) == frozenset()
    assert reason_text(Reason(f"judge_{code}", facts), lang) != f"judge_{code}"
    assert set_aside_text(code, lang) != code


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("code", SHARES)
def test_every_share_has_words(code: str, lang: Language) -> None:
    assert text(f"judge.share.{code}", lang)


@pytest.mark.browser
@pytest.mark.slow
@pytest.mark.parametrize(("lang", "width"), [("ja", 1280), ("ja", 390), ("en", 1280), ("en", 390)])
def test_the_pages_fit_their_width(store: Store, lang: Language, width: int) -> None:
    scene = furnish(store)
    addresses = keep_both(store)
    shots = os.environ.get("JITSURI_SHOTS")

    def walk(house: House, page: Page) -> None:
        for name, path in addresses.items():
            page.goto(house.url + path)
            for fold in page.locator("section details.fold summary").all():
                fold.click()
            assert page.evaluate("document.documentElement.scrollWidth") <= width, name
            if shots:
                page.screenshot(path=Path(shots) / f"{name}-{lang}-{width}.png", full_page=True)

    walked(scene, lang, width, walk)
