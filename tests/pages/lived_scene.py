"""The furnished company with certificates at each place of their life, in force and void."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from decimal import Decimal

from approval_parts import EMPTY
from console_parts import Console, csrf_of, sample_settings
from page_scene import furnish
from starlette.testclient import TestClient
from verdict_parts import KEPT_AT, PASS, certificate

from jitsuri.access.shapes import SignedIn
from jitsuri.approvals import records as approval_rows
from jitsuri.approvals.shapes import Act, Matter, Wish
from jitsuri.flows.cold import putting_in_force as flow
from jitsuri.flows.cold.approving import Acting, sign
from jitsuri.flows.cold.freezing_worlds import Around
from jitsuri.flows.cold.keeping_variants import set_data_rule, set_variant
from jitsuri.flows.cold.keeping_verdicts import file_certificate, keep_verdicts
from jitsuri.flows.cold.watching_certificates import watch
from jitsuri.rightsizing.records import lives as life_rows
from jitsuri.rightsizing.rules.packing import packed
from jitsuri.rightsizing.shapes.certificates import TaskNamed
from jitsuri.rightsizing.shapes.certificates import Variant as Proposed
from jitsuri.rightsizing.shapes.lives import Life, Rollback
from jitsuri.routing import records as routing_rows
from jitsuri.routing.shapes import DataRule, Site, Target, Task, Variant
from jitsuri.store.door import Store
from jitsuri.terms.outcomes import Refusal
from jitsuri.web.routes import ROUTES
from jitsuri.words import Language

SITES = {"openai": Site("openai", "openai", "us", "allowed", False, ("gpt-*",)),
         "azure-jp": Site("azure-jp", "azure", "jp", "never", False, ())}  # fmt: skip
NAMES = ("ready", "draft", "canary", "full", "asks", "rolled_back", "kept", "ended")
BIG = "openai/gpt-big"


class Lived:
    """青木 administers, 土井 owns, 馬場 develops, 江藤 audits, 藤 reviews. Each certificate has a task of its own."""

    def __init__(self, store: Store, *, acts: bool = True) -> None:
        furnish(store)
        self.store = store
        self.console = Console(
            store, sample_settings(**{"company.is_sample": True}), ROUTES, sites=SITES
        )  # fmt: skip
        self.admin = self.console.admin()
        person = self.console.person
        self.developer = person("developer", "馬場 二葉", "baba@example.jp")
        self.finance = person("finance", "千葉 三郎", "chiba@example.jp")
        self.owner = person("owner", "土井 四郎", "doi@example.jp")
        self.auditor = person("auditor", "江藤 五月", "eto@example.jp")
        self.reviewer = person("reviewer", "藤 六花", "fuji@example.jp")
        self.numbers = {name: self._filed(name, at) for at, name in enumerate(NAMES if acts else ("ready",))}
        for name in self.numbers:
            if name != "draft":
                self._approve(name)
        if acts:
            self._live()

    def _task(self, name: str) -> str:
        return "inquiry-triage" if name == "canary" else f"task-{name.replace('_', '-')}"

    def _filed(self, name: str, at: int) -> str:
        task = self._task(name)
        titles = {"canary": ("問合せ分類", "Inquiry triage")}
        ja, en = titles.get(name, (f"業務 {at + 1}", f"Task {at + 1}"))
        if name != "canary":
            made = Task(
                task, ja, en, "support", "土井 四郎", "production", "internal", Decimal("0.05"), self.console.now
            )
            with self.store.transaction() as tx:
                routing_rows.save_task(tx, made)
        set_variant(
            self.store, self.console.now, "aoki@example.jp", Variant(task, Target("openai", "gpt-big")), "はじめ", SITES
        )
        proposed = "azure-jp/gpt-mini" if name == "rolled_back" else "openai/gpt-small"
        verdict = replace(PASS, task=task, baseline=BIG, candidate=proposed, seed=300 + at)
        keep_verdicts(self.store, [verdict], b'{"rows": []}', "cli", KEPT_AT)
        named = TaskNamed(task, ja, en, "営業支援課", "土井 四郎", "Sales support")
        make = lambda number: certificate(  # noqa: E731
            number, verdict, approvals=EMPTY, task=named, today=Proposed(BIG), proposed=Proposed(proposed)
        )
        return file_certificate(self.store, lambda number: (make(number), packed(make(number))), "cli", KEPT_AT).number

    def _approve(self, name: str) -> None:
        acts: tuple[tuple[Act, SignedIn], ...] = (
            ("submit", self.developer), ("pass_review", self.finance), ("approve", self.owner),
        )  # fmt: skip
        for act, who in acts:
            with self.store.reading() as tx:
                matter = approval_rows.matter(tx, "certificate", self.numbers[name])
            wish = Wish(act, matter.sequence if matter else 0, "7F3A-91C2-D04E-8B15", "見合う")
            came = sign(self.store, self.console.now, Acting(who.session.person.login, "console"), "certificate",
                        self.numbers[name], wish)  # fmt: skip
            assert isinstance(came, Matter), came

    def _live(self) -> None:
        for name in NAMES[2:]:
            self._force(name, "automatic" if name == "rolled_back" else "ask")
        for name in ("full", "asks", "rolled_back", "kept"):
            self.console.later(minutes=3)
            came = flow.make_full(
                self.store, self.console.now, self._owner(), self.numbers[name], flow.Wish("一週間見た"), self.around
            )
            assert isinstance(came, Life), came
        self._void("asks")
        self._void("rolled_back")
        self._void("kept")
        self.console.later(minutes=2)
        kept = flow.keep_going(
            self.store, self.console.now, self._owner(), self.numbers["kept"], flow.Wish("来週もう一度試行する")
        )
        assert isinstance(kept, Life), kept
        with self.store.reading() as tx:
            life = life_rows.life(tx, self.numbers["ended"])
        with self.store.transaction() as tx:
            flow.happened(
                tx, self.console.now, self._owner(), life, "ended", {"by": self.numbers["full"]}, code="replaced"
            )

    def _force(self, name: str, rollback: Rollback) -> None:
        self.console.later(minutes=1)
        came = flow.put_in_force(
            self.store, self.console.now, self._owner(), self.numbers[name], "5", rollback, flow.Wish("承認されたので"), self.around
        )  # fmt: skip
        assert isinstance(came, Life), came

    def _void(self, name: str) -> None:
        """By a data rule: the one thing that touches one task alone."""
        self.console.later(minutes=5)
        task = self.read(name).task
        rule = DataRule(task, vendors=("openai",)) if name == "rolled_back" else DataRule(task, training="never")
        came = set_data_rule(
            self.store, self.console.now, "aoki@example.jp", rule, "契約の見直し", SITES
        )  # fmt: skip
        assert not isinstance(came, Refusal), came
        watch(self.store, self.console.now, self.around)

    def _owner(self) -> flow.Owner:
        return flow.Owner("doi@example.jp", "console")

    @property
    def around(self) -> Around:
        return Around(SITES)

    def read(self, name: str) -> Life:
        with self.store.reading() as tx:
            return life_rows.life(tx, self.numbers[name])

    def path(self, name: str, act: str = "") -> str:
        return f"/certificates/{self.numbers[name]}{act}"

    def browser(self, who: SignedIn | None = None, lang: Language = "ja") -> TestClient:
        client = self.console.browser_of(who or self.admin, lang)
        client.cookies.set("jitsuri_lang", lang)
        return client

    def sent(
        self, who: SignedIn, name: str, act: str, shown: Mapping[str, str] | None = None, **fields: str
    ) -> tuple[int, str, str]:
        """Send a form of the panel as the page gave it: status, address of a redirect, page."""
        client = self.browser(who)
        page = client.get(self.path(name)).text
        seen = {field: hidden(page, field) for field in ("seen", "seen_variant")} if shown is None else dict(shown)
        data = {"csrf": csrf_of(page) or who.session.csrf, **seen, **fields}
        answer = client.post(self.path(name, act), data=data)
        return answer.status_code, answer.headers.get("location", ""), answer.text

    def later(self, **span: float) -> datetime:
        self.console.later(**span)
        return self.console.now


def hidden(page: str, field: str) -> str:
    """The value of a hidden field; '' where the page has no such form."""
    return page.partition(f'name="{field}" value="')[2].partition('"')[0]
