"""A console on a throw-away database, with a clock that stands still, secrets that count, and visitors by role."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from argon2 import Parameters, Type
from starlette.testclient import TestClient

from jitsuri.access.live.passwords import Passwords
from jitsuri.access.shapes import Person, Role, SignedIn
from jitsuri.flows.cold.admitting import accept_first_admin, accept_link, first_admin_link, invite
from jitsuri.settings import Settings, check_text
from jitsuri.store.door import Store
from jitsuri.web.desk import Nav, Page, Route
from jitsuri.web.doors import build_console
from jitsuri.web.pages import account, entering, helping, people

START = datetime(2026, 11, 22, 5, 0, tzinfo=UTC)
"""Sunday 22 November 2026, 14:00 in Tokyo."""

CHEAP = Parameters(
    type=Type.ID, version=19, salt_len=16, hash_len=16, time_cost=1, memory_cost=8, parallelism=1
)  # fmt: skip
"""argon2id that takes no time: what is tested here is the door, not the hash."""

PASSWORD = "korekara-12-mojide"
BASE = "http://jitsuri.example.jp"


BASE_ROUTES = (
    Route("GET", "/", "signed_in", lambda desk, request: Page("keys.html"), Nav("overview", "o", 10)),
    *people.ROUTES, *account.ROUTES, *entering.ROUTES, *helping.ROUTES,
)  # fmt: skip
"""The pages that are tested here, on a plain start page; what other pages show is tested with them."""


def sample_settings(**values: object) -> Settings:
    """Defaults, with the sample company's name."""
    settings, mistakes = check_text('[company]\nname = "株式会社サンプル精機"\n', Path("/nowhere"), None, {})
    assert not mistakes
    return Settings(settings.home, None, {**settings.values, **values}, settings.tables)


class Console:
    """The application with its clock and its people."""

    def __init__(
        self, store: Store, settings: Settings | None = None, pages: Sequence[Route] = BASE_ROUTES, **more: Any
    ):
        self.store = store
        self.now = START
        self._numbers = itertools.count(1)
        self.passwords = Passwords(CHEAP)
        self.app = build_console(
            store=store, settings=settings or sample_settings(), now=lambda: self.now, secret=self.secret,
            passwords=self.passwords, pages=pages, **more,
        )  # fmt: skip

    def secret(self) -> str:
        return f"secret-{next(self._numbers):04d}"

    def later(self, **step: float) -> None:
        self.now += timedelta(**step)

    def client(self, lang: str = "ja", **more: Any) -> TestClient:
        """A browser that nobody has signed in with."""
        more.setdefault("base_url", BASE)
        return TestClient(self.app, follow_redirects=False, headers={"accept-language": lang}, **more)

    def admin(self) -> SignedIn:
        """青木 (administrator), by the first link."""
        link = first_admin_link(self.store, self.now, self.secret)
        assert link is not None
        came = accept_first_admin(
            self.store, self.passwords, self.now, link, login="aoki@example.jp", name="青木 一郎", password=PASSWORD,
            language="ja", secret=self.secret,
        )  # fmt: skip
        assert isinstance(came, SignedIn)
        return came

    def person(self, role: Role, name: str = "馬場 二葉", login: str = "") -> SignedIn:
        """Somebody with one role, signed in."""
        made = invite(
            self.store, self.now, "aoki@example.jp", login=login or f"{role}@example.jp", name=name, roles=[role],
            department="", language="ja", secret=self.secret,
        )  # fmt: skip
        came = accept_link(self.store, self.passwords, self.now, made.link, PASSWORD, self.secret)  # type: ignore[union-attr]
        assert isinstance(came, SignedIn)
        return came

    def browser_of(self, came: SignedIn, lang: str = "ja") -> TestClient:
        """The browser of somebody who is signed in."""
        client = self.client(lang)
        client.cookies.set("jitsuri_session", came.secret)
        return client

    def people(self) -> dict[str, Person]:
        from jitsuri.flows.cold.admitting import everybody

        return {p.login: p for p in everybody(self.store)}


def csrf_of(page: str) -> str:
    """The token that the page's forms hold."""
    return page.partition('name="csrf" value="')[2].partition('"')[0]


def posting(client: TestClient, form_page: str, to: str, **fields: Any) -> Any:
    """Open a page, fill its form, send it as its browser would."""
    token = csrf_of(client.get(form_page).text)
    assert token
    return client.post(to, data={"csrf": token, **fields}, headers={"origin": str(client.base_url).rstrip("/")})


Making = Callable[..., Console]
