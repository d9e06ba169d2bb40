"""The furnished company with people who approve, and a certificate at each place of the route."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from approval_parts import file_one
from console_parts import PASSWORD, Console, csrf_of, sample_settings
from page_scene import furnish
from starlette.testclient import TestClient
from verdict_parts import FAIL, PASS

from jitsuri.access.shapes import SignedIn
from jitsuri.approvals import records as approval_rows
from jitsuri.approvals.shapes import Act, Deputy, Matter, Wish
from jitsuri.flows.cold.approving import Acting, appoint_deputy, sign
from jitsuri.rightsizing.records import certificates as certificate_rows
from jitsuri.store.door import Store
from jitsuri.terms.period import company_day
from jitsuri.web.routes import ROUTES
from jitsuri.words import Language

STATES = ("draft", "review", "decision", "returned", "approved", "one-hand", "rejected", "withdrawn", "deputy", "unfit")


class Approved:
    """青木 administers, 馬場 develops, 千葉 is in finance, 土井 owns, 江藤 audits, 藤 reviews; 千葉 has named 馬場 a deputy."""

    def __init__(self, store: Store, *, acts: bool = True) -> None:
        furnish(store)
        self.store = store
        self.console = Console(store, sample_settings(**{"company.is_sample": True}), ROUTES)
        self.admin = self.console.admin()
        person = self.console.person
        self.developer = person("developer", "馬場 二葉", "baba@example.jp")
        self.finance = person("finance", "千葉 三郎", "chiba@example.jp")
        self.owner = person("owner", "土井 四郎", "doi@example.jp")
        self.auditor = person("auditor", "江藤 五月", "eto@example.jp")
        self.reviewer = person("reviewer", "藤 六花", "fuji@example.jp")
        self.numbers = {"draft": file_one(store)}
        if acts:
            self._fill()

    def _fill(self) -> None:
        for at, name in enumerate(STATES[1:], 1):
            self.numbers[name] = file_one(self.store, replace(FAIL if name == "unfit" else PASS, seed=100 + at))
        self.deputy()
        routes: dict[str, list[tuple[Act, SignedIn, str, str]]] = {
            "review": [], "decision": [("pass_review", self.finance, "", "")],
            "returned": [("return", self.finance, "標本の期間と、\n件数を書いてください。", "")],
            "approved": [("pass_review", self.finance, "", ""), ("approve", self.owner, "削減が見合う", "")],
            "one-hand": [("pass_review", self.owner, "", ""), ("approve", self.owner, "人が足りない", "")],
            "rejected": [("pass_review", self.finance, "", ""), ("reject", self.owner, "来期に見直す", "")],
            "withdrawn": [("withdraw", self.developer, "書き直す", "")],
            "deputy": [
                ("return", self.finance, "件数を書いてください", ""), ("submit", self.admin, "書きました", ""),
                ("pass_review", self.developer, "確かめた", "chiba@example.jp"),
            ],
        }  # fmt: skip
        for name, acts in routes.items():
            self.act(name, "submit", self.developer, "十月の試行の結果です")
            for act, who, reason, principal in acts:
                self.act(name, act, who, reason, principal)

    def deputy(self) -> Deputy:
        today = company_day(self.console.now)
        came = appoint_deputy(
            self.store, self.console.now, Acting("chiba@example.jp", "console"), "baba@example.jp", first=today,
            last=today + timedelta(days=4), reason="出張",
        )  # fmt: skip
        assert isinstance(came, Deputy), came
        return came

    def act(self, name: str, act: Act, who: SignedIn, reason: str = "", principal: str = "") -> Matter:
        """As if it had been done in the console, one minute after the act before."""
        matter, number = self.read(name), self.numbers[name]
        self.console.later(minutes=1)
        wish = Wish(act, matter.sequence if matter else 0, self.code(name), reason)
        acting = Acting(who.session.person.login, "console", principal)
        came = sign(self.store, self.console.now, acting, "certificate", number, wish)
        assert isinstance(came, Matter), came
        return came

    def code(self, name: str) -> str:
        with self.store.reading() as tx:
            kept = certificate_rows.by_number(tx, self.numbers[name])
        assert kept is not None
        return kept.certificate.code

    def read(self, name: str) -> Matter | None:
        with self.store.reading() as tx:
            return approval_rows.matter(tx, "certificate", self.numbers[name])

    def path(self, name: str, act: str = "") -> str:
        return f"/certificates/{self.numbers[name]}{act}"

    def browser(self, who: SignedIn | None = None, lang: Language = "ja") -> TestClient:
        client = self.console.browser_of(who or self.admin, lang)
        client.cookies.set("jitsuri_lang", lang)
        return client

    def sent(
        self, who: SignedIn, name: str, act: str, reason: str = "", password: str = PASSWORD, **fields: str
    ) -> tuple[int, str, str]:
        """Send a form of the panel as the page gave it: status, address of a redirect, main part."""
        client = self.browser(who)
        page = client.get(self.path(name)).text
        shown = {field: hidden(page, field) for field in ("sequence", "fingerprint")}
        data = {"csrf": csrf_of(page) or who.session.csrf, **shown, "reason": reason, "password": password, **fields}
        answer = client.post(self.path(name, act), data=data)
        return answer.status_code, answer.headers.get("location", ""), main_of(answer.text)


def hidden(page: str, field: str) -> str:
    """The value of a hidden field; '' where the page has no such form."""
    return page.partition(f'name="{field}" value="')[2].partition('"')[0]


def main_of(page: str) -> str:
    return page.partition("<main")[2].partition("</main>")[0]
