"""The company of ``gateway_scene`` with a prompt desk: two versions of a prompt, and four calls whose texts are kept."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from console_parts import Console
from gateway_scene import AOKI, call_at, furnish_gateway, gateway_settings
from page_scene import NOW, Scene

from jitsuri.app.upstreams import sites_of, upstreams_of
from jitsuri.calls.records import texts as text_rows
from jitsuri.calls.rules.sealing import seal
from jitsuri.flows.cold.keeping_prompts import Added, add_prompt
from jitsuri.providers.shapes import Ask, Came, Question
from jitsuri.routing.shapes import Site
from jitsuri.settings import Settings
from jitsuri.store.door import Store
from jitsuri.terms.period import company_day
from jitsuri.web.routes import ROUTES

KEY = "5a" * 32
OWN = "あなたは問合せの仕分け係です。\n次の四つから一つを選び、その語だけを答えてください。\n納期、価格、故障、その他"
FIRST = OWN
SECOND = """あなたは問合せの仕分け係です。
次の五つから一つだけを選び、その語だけを答えてください。
納期、価格、故障、返品、その他
迷うときは「その他」です。"""
QUESTIONS = (
    "先週頼んだ部品はいつ届きますか。",
    "10 個なら値引きはありますか。",
    "電源が入りません。",
    "箱が違うので返したいです。",
)
ANSWERS = ("納期", "価格", "故障", "その他")
PLAIN = tuple(call_at(f"plain {n}", 60 * n + 5)[0].call_id for n in range(1, 5))


def prompt_settings(home: Path) -> Settings:
    """The settings of the scene with the key of its texts beside them."""
    (home / "texts.key").write_text(KEY)
    settings = gateway_settings()
    return Settings(home, None, settings.values, settings.tables)


def prompt_sites() -> dict[str, Site]:
    return sites_of(upstreams_of(gateway_settings()))


def furnish_prompts(store: Store, *, with_versions: bool = True) -> Scene:
    """The whole scene."""
    scene = furnish_gateway(store)
    keep_texts(store)
    if with_versions:
        for at, (text, reason) in enumerate(
            ((FIRST, "呼出しから引き継いだ"), (SECOND, "返品を分ける。迷うときの決まりを足す"))
        ):
            came = add_prompt(store, NOW - timedelta(hours=5 - at), AOKI, "inquiry-triage", text, reason)
            assert isinstance(came, Added), came
    return scene


def keep_texts(store: Store) -> None:
    """Texts of the four plain calls: three with the usual prompt, one with a shorter one."""
    day = company_day(NOW)
    rows = []
    for at, call_id in enumerate(PLAIN):
        said: list[dict[str, Any]] = [{"role": "user", "content": QUESTIONS[at]}]
        said.insert(0, {"role": "system", "content": OWN if at != 2 else "一語で分類してください。"})
        request = {"model": "task:inquiry-triage", "messages": said, "temperature": 0}
        answer = {"id": "x", "choices": [{"index": 0, "message": {"role": "assistant", "content": ANSWERS[at]}}]}
        for part, body in (("request", request), ("response", answer)):
            sealed = seal(json.dumps(body, ensure_ascii=False).encode(), bytes.fromhex(KEY), call_id, part)
            rows.append((call_id, part, sealed, "texts.key", day + timedelta(days=30)))
    with store.transaction() as tx:
        text_rows.insert_many(tx, rows)


def prompt_console(store: Store, home: Path, ask: Ask | None) -> Console:
    """The console of the scene."""
    settings = prompt_settings(home)
    upstreams = upstreams_of(settings)
    return Console(store, settings, ROUTES, upstreams=upstreams, sites=sites_of(upstreams), ask=ask)


class Said:
    """An ``Ask`` that says what a test hands in, for pages that are looked at: no clock is in its answers."""

    def __init__(self) -> None:
        self.asked: list[Question] = []

    def __call__(self, questions: Sequence[Question], at_once: int) -> Iterator[tuple[int, Came]]:
        for at, question in enumerate(questions):
            self.asked.append(question)
            said = json.loads(question.body)["messages"][-1]["content"]
            if "電源" in said:
                yield at, Came(503, b"{}", "overloaded", "", 0, 0, Decimal(0), 120)
                continue
            word = "返品" if "返" in said else ANSWERS[QUESTIONS.index(said)]
            body = {"choices": [{"index": 0, "message": {"role": "assistant", "content": word}}]}
            yield (
                at,
                Came(200, json.dumps(body, ensure_ascii=False).encode(), "", "gpt-big", 90, 2, Decimal("0.0375"), 412),
            )
