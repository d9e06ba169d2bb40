"""Where applications reach the gateway is said in one way on every page; what a page asks by itself keeps nobody signed in."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta

import psycopg
import pytest
from console_parts import Console, sample_settings
from keyed_scene import Keyed

from jitsuri.store.door import Store
from jitsuri.web.routes import ROUTES


@pytest.fixture(scope="module")
def shown(pg_template: str) -> Iterator[Keyed]:
    """For tests that only read."""
    with psycopg.connect(pg_template, autocommit=True) as connection:
        connection.execute("CREATE DATABASE jitsuri_reaching TEMPLATE jitsuri_template")
    store = Store(pg_template.replace("dbname=postgres", "dbname=jitsuri_reaching"))
    yield Keyed(store)
    store.close()
    with psycopg.connect(pg_template, autocommit=True) as connection:
        connection.execute("DROP DATABASE jitsuri_reaching WITH (FORCE)")


@pytest.mark.parametrize(
    ("listens_on", "visited", "port", "said"),
    [
        ("127.0.0.1", "http://jitsuri.example.jp", 0, "http://127.0.0.1:8891"),
        ("10.1.2.3", "http://jitsuri.example.jp:8890", 0, "http://10.1.2.3:8891"),
        ("0.0.0.0", "http://jitsuri.example.jp:8890", 0, "http://jitsuri.example.jp:8891"),
        ("::", "http://[fd00::5]:8890", 0, "http://[fd00::5]:8891"),
        ("0.0.0.0", "https://jitsuri.example.jp", 41999, "http://jitsuri.example.jp:41999"),
    ],
)
def test_every_page_says_the_same_address(shown: Keyed, listens_on: str, visited: str, port: int, said: str) -> None:
    settings = sample_settings(**{"company.is_sample": True, "gateway.host": listens_on})
    console = Console(shown.store, settings, ROUTES, gateway_port=port)
    console.now = shown.now
    browser = console.client(base_url=visited)
    browser.cookies.set("jitsuri_session", shown.admin.secret)

    pages = {path: browser.get(path) for path in (
        f"/keys/{shown.ids['active']}", "/tasks/inquiry-triage/variant", "/gateway",
    )}  # fmt: skip

    assert {answer.status_code for answer in pages.values()} == {200}
    found = [
        re.search(r'(?:_BASE_URL=|base_url ?= ?(?:"|&#34;|&quot;)?)(http[^ <&"]*)/v1', one.text)
        for one in pages.values()
    ]
    assert [one.group(1) if one is not None else "" for one in found] == [said] * 3


def test_a_page_left_open_keeps_nobody_signed_in(store: Store) -> None:
    scene = Keyed(store, keys=False)
    browser = scene.console.browser_of(scene.admin)
    assert browser.get("/gateway").status_code == 200
    minutes = 0
    while browser.get("/gateway/live").status_code == browser.get("/gateway/health").status_code == 200:
        scene.console.later(minutes=15)
        minutes += 15
        assert minutes <= 12 * 60
    assert minutes == 12 * 60
    assert browser.get("/gateway").headers["location"].startswith("/sign-in")


def test_looking_at_a_page_keeps_its_visitor_signed_in(store: Store) -> None:
    scene = Keyed(store, keys=False)
    browser = scene.console.browser_of(scene.admin)
    for _ in range(4):
        scene.console.now += timedelta(hours=11)
        assert browser.get("/gateway").status_code == 200
