"""Keys of every standing in the furnished company, with people who hold and decide."""

from __future__ import annotations

import itertools
from dataclasses import replace
from datetime import date, datetime, timedelta
from uuid import UUID

from console_parts import Console, sample_settings
from page_scene import furnish
from starlette.testclient import TestClient

from jitsuri.access.records import keys as key_rows
from jitsuri.access.shapes import KeptKey, KeyScope, MadeKey, Person, SignedIn
from jitsuri.flows.cold.admitting import deactivate
from jitsuri.flows.cold.keeping_keys import approve, ask, end, make, refuse, rotate, take
from jitsuri.routing import records as routing_rows
from jitsuri.store.door import Store
from jitsuri.web.routes import ROUTES
from jitsuri.words import Language

DAY = timedelta(days=1)


class Keyed:
    """青木 and 安部 administer, 千葉 owns 問合せ分類, 馬場 develops; each key is named after its standing."""

    def __init__(self, store: Store, *, keys: bool = True) -> None:
        furnish(store)
        self.store = store
        self.console = Console(store, sample_settings(**{"company.is_sample": True}), ROUTES)
        self.admin = self.console.admin()
        self.other = self.console.person("admin", "安部 四郎", "abe@example.jp")
        self.owner = self.console.person("owner", "千葉 三郎", "chiba@example.jp")
        self.developer = self.console.person("developer", "馬場 二葉", "baba@example.jp")
        self.gone = self.console.person("developer", "江藤 五月", "eto@example.jp")
        with store.transaction() as tx:
            task = routing_rows.tasks(tx)["inquiry-triage"]
            routing_rows.save_task(tx, replace(task, owner="千葉 三郎"))
        self._numbers = itertools.count(1)
        self.ids: dict[str, UUID] = {}
        if keys:
            self._fill()

    @property
    def now(self) -> datetime:
        return self.console.now

    def chance(self) -> str:
        return f"chance {next(self._numbers)}"

    def scope(self, name: str, **changes: object) -> KeyScope:
        plain = KeyScope(
            name, "", "inquiry-triage", ("gpt-5*", "gpt-small"), ("jp",), self.now - DAY,
            datetime(2027, 3, 31, 15, tzinfo=self.now.tzinfo), 60, 100_000,
        )  # fmt: skip
        return replace(plain, **changes)  # type: ignore[arg-type]

    def asked(self, name: str, by: SignedIn | None = None, days_ago: int = 30, **changes: object) -> KeptKey:
        person = (by or self.developer).session.person
        at = self.now - days_ago * DAY
        came = ask(self.store, at, person, self.scope(name, starts_at=at, **changes), "受信した問合せを夜間に分類する")
        assert isinstance(came, KeptKey), came
        self.ids[name] = came.key_id
        return came

    def approved(self, name: str, by: SignedIn | None = None, **changes: object) -> KeptKey:
        one = self.asked(name, by, **changes)
        came = approve(self.store, one.asked_at + DAY, self.other.session.person, one.key_id, "見積どおり")
        assert isinstance(came, KeptKey), came
        return came

    def active(self, name: str, by: SignedIn | None = None, **changes: object) -> MadeKey:
        one = self.approved(name, by, **changes)
        person = (by or self.developer).session.person
        came = take(self.store, one.asked_at + 2 * DAY, person, one.key_id, self.chance)
        assert isinstance(came, MadeKey), came
        return came

    def browser(self, who: SignedIn | None = None, lang: Language = "ja") -> TestClient:
        client = self.console.browser_of(who or self.admin, lang)
        client.cookies.set("jitsuri_lang", lang)
        return client

    def read(self, name: str) -> KeptKey:
        with self.store.reading() as tx:
            found = key_rows.one(tx, self.ids[name])
        assert found is not None
        return found

    def _fill(self) -> None:
        made = make(
            self.store, self.now - 40 * DAY, self.scope("console-made", task="", department="purchasing", models=(), regions=(),
                                                        requests_per_minute=0, tokens_per_minute=0), "計測", self.chance,
        )  # fmt: skip
        assert isinstance(made, MadeKey)
        self.ids["console-made"] = made.kept.key_id
        self.active("active")
        self.active("soon", expires_at=self.now + 5 * DAY)
        self.active("not-yet", days_ago=3)
        self._push_start("not-yet")
        rotating = self.active("rotating").kept
        rotate(
            self.store,
            self.now - DAY,
            self._person(self.developer),
            rotating.key_id,
            7 * DAY,
            "定期の更新",
            self.chance,
        )
        self.active("expired", days_ago=90, expires_at=self.now - 10 * DAY)
        revoked = self.active("revoked").kept
        end(self.store, self.now - DAY, self._person(self.owner), revoked.key_id, "公開の場所に書いてしまった")
        self.active("holder-gone", by=self.gone)
        deactivate(self.store, self.now, "aoki@example.jp", self._person(self.gone).person_id)
        self.approved("approved")
        self.asked("asked", days_ago=2)
        self.asked("asked-any", task="", days_ago=1)
        self.asked("own", by=self.admin, days_ago=1)
        refused = self.asked("refused")
        refuse(self.store, self.now - DAY, self._person(self.admin), refused.key_id, "業務を一つに絞ってください")
        withdrawn = self.asked("withdrawn")
        end(self.store, self.now - DAY, self._person(self.developer), withdrawn.key_id, "不要になった")
        with self.store.transaction() as tx:
            key_rows.touch_many(tx, {self.ids["active"]: date(2026, 11, 21), self.ids["soon"]: date(2026, 11, 20)})

    def _push_start(self, name: str) -> None:
        with self.store.transaction() as tx:
            tx.execute("UPDATE access_keys SET starts_at = %s WHERE key_id = %s", (self.now + 9 * DAY, self.ids[name]))

    def _person(self, came: SignedIn) -> Person:
        return came.session.person
