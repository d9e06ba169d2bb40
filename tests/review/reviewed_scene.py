"""The furnished company with a trial whose pairs are drawn, people who judge them, and a console that finds the keys."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from console_parts import Console, csrf_of, sample_settings
from page_scene import furnish
from pairs_scene import TRIAL, furnish_trial
from starlette.testclient import TestClient

from jitsuri.access.shapes import SignedIn
from jitsuri.flows.cold.drawing_pairs import Drew, draw_pairs
from jitsuri.flows.cold.labelling import Given, label, next_pair
from jitsuri.review.shapes import Label, Press, Said
from jitsuri.settings import Settings
from jitsuri.store.door import Store
from jitsuri.web.routes import ROUTES
from jitsuri.words import Language

PAGE = f"/pairs?trial={TRIAL}"


class Reviewed:
    """青木 administers, 土井 owns, 藤 and 長谷 review, 千葉 is in finance, 馬場 develops, 江藤 audits."""

    def __init__(self, store: Store, folder: Path, *, count: int = 24, budget: int = 24, ways: int = 1) -> None:
        furnish(store)
        self.store, self.folder = store, folder
        told = sample_settings(**{"company.is_sample": True})
        self.console = Console(store, Settings(folder, None, told.values, told.tables), ROUTES)
        self.admin = self.console.admin()
        person = self.console.person
        self.owner = person("owner", "土井 四郎", "doi@example.jp")
        self.reviewer = person("reviewer", "藤 六花", "fuji@example.jp")
        self.other = person("reviewer", "長谷 七海", "hase@example.jp")
        self.finance = person("finance", "千葉 三郎", "chiba@example.jp")
        self.developer = person("developer", "馬場 二葉", "baba@example.jp")
        self.auditor = person("auditor", "江藤 五月", "eto@example.jp")
        furnish_trial(store, folder, count, now=self.console.now)
        for way in range(1, ways + 1):
            assert isinstance(draw_pairs(store, TRIAL, str(way), budget, "doi@example.jp", self.console.now), Drew)

    def browser(self, who: SignedIn | None = None, lang: Language = "ja") -> TestClient:
        client = self.console.browser_of(who or self.reviewer, lang)
        client.cookies.set("jitsuri_lang", lang)
        return client

    def label(self, who: SignedIn, press: Press = "same") -> Label | None:
        """As if it had been done on the page; None where nothing is left."""
        login = who.session.person.login
        self.console.later(seconds=40)
        given = next_pair(self.store, self.folder, TRIAL, login, self.console.now)
        if not isinstance(given, Given):
            return None
        came = label(
            self.store, given.pair.pair_id, login, Said(press, given.version, took_ms=30_000), self.console.now
        )
        assert isinstance(came, Label)
        return came

    def post(self, who: SignedIn, path: str, **fields: str) -> tuple[int, dict[str, list[str]], str]:
        """Send the form that the page shows now: status, query of the redirect, text."""
        client = self.browser(who)
        page = client.get(PAGE).text
        data = {"csrf": csrf_of(page), "pair": hidden(page, "pair"), "version": hidden(page, "version"), **fields}
        answer = client.post(path, data=data)
        return answer.status_code, parse_qs(urlsplit(answer.headers.get("location", "")).query), answer.text


def hidden(page: str, field: str) -> str:
    return page.partition(f'name="{field}" value="')[2].partition('"')[0]


def main_of(page: str) -> str:
    return page.partition("<main")[2].partition("</main>")[0]
