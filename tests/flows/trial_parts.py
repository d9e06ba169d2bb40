"""A task with kept texts, as a trial finds it: an imported log of today's model, a key, a policy, upstreams that can be asked."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from jitsuri.app.upstreams import sites_of, upstreams_of
from jitsuri.calls.records import texts as text_rows
from jitsuri.calls.shapes import TextPolicy
from jitsuri.flows.cold.reading_logs import Means, ReadOptions, import_files
from jitsuri.flows.cold.renewing_prices import ensure_book
from jitsuri.flows.cold.trying.pricing import Around
from jitsuri.flows.cold.trying.running import Running
from jitsuri.flows.cold.trying.starting import Wish, start_trial
from jitsuri.flows.cold.viewing.basing import rates_kept
from jitsuri.providers.shapes import Ask
from jitsuri.rightsizing.shapes.trials import Trial
from jitsuri.settings import Settings
from jitsuri.store.door import Store

KEY_FILE = "triage.key"
SUBJECTS = ("納期", "在庫", "返品", "請求書", "見積り", "配送", "交換部品", "図面", "検査成績書", "契約の更新")
PLACES = ("東京", "大阪", "名古屋", "福岡", "札幌", "仙台", "広島", "新潟", "金沢", "高松", "静岡", "熊本")


def clock() -> datetime:
    return datetime.now(UTC)


def line(number: int, at: datetime, **more: Any) -> dict[str, Any]:
    """One call of a log: gpt-4o answered, and what it said is kept."""
    said = (
        f"{PLACES[number % 12]}の{number * 7919 % 99991}番の注文について、{SUBJECTS[number % 10]}の件で{number * 31 % 977}個の"
        f"{PLACES[(number * 5) % 12]}向け{SUBJECTS[(number * 3 + 1) % 10]}を担当{number * 13 % 389}に確認したいです"
    )
    body = {
        "model": "gpt-4o",
        "messages": [{"role": "system", "content": "分類してください"}, {"role": "user", "content": said}],
        **more.pop("fields", {}),
    }
    answer = more.pop("message", {"role": "assistant", "content": f"答え {number}"})
    return {
        "timestamp": at.isoformat(),
        "request": body,
        "response": {
            "id": f"chatcmpl-{number}", "object": "chat.completion", "created": int(at.timestamp()), "model": "gpt-4o-2024-08-06",
            "choices": [{"index": 0, "message": answer, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 100 + number % 7 * 60, "completion_tokens": 20, "total_tokens": 120 + number % 7 * 60},
        },
        "metadata": {
            "task": "triage", "session_id": f"thread-{number}", "channel": ("web", "電話", "fax")[number % 3],
            "customer_type": ("法人", "個人")[number % 2],
        },
        **more,
    }  # fmt: skip


def kept(store: Store, settings: Settings, lines: list[dict[str, Any]], *, keep: str = "full") -> None:
    """Let the task keep texts, and import a log of it."""
    home = settings.home
    (home / KEY_FILE).write_text("ab" * 32)
    with store.transaction() as tx:
        policy = TextPolicy("triage", keep, 90, KEY_FILE, "評価のため")  # type: ignore[arg-type]
        text_rows.save_policy(tx, policy, "sato", clock())
    file = home / "log.jsonl"
    file.write_text("".join(json.dumps(one, ensure_ascii=False) + "\n" for one in lines), "utf-8")
    means = Means(None, {"USD": Decimal(150)}, "TTM", home)
    runs = list(import_files(store, [file], ReadOptions(), means, clock, actor="sato", on_batch=lambda *_: None))
    assert [run.added for run in runs] == [len(lines)], runs


def log_of(count: int, **more: Any) -> list[dict[str, Any]]:
    start = clock() - timedelta(days=20)
    return [line(number, start + timedelta(minutes=40 * number), **more) for number in range(count)]


def around_of(store: Store, settings: Settings, **more: Any) -> Around:
    upstreams = upstreams_of(settings)
    book = ensure_book(store, clock(), None)
    with store.reading() as tx:
        rates = rates_kept(tx, "TTM")
    return Around(book, rates, upstreams, sites_of(upstreams), settings.home, **more)


def started(store: Store, around: Around, *candidates: str, cap: str = "100", size: int = 30, **more: Any) -> Trial:
    wish = Wish("triage", candidates or ("stub/gpt-4o-mini",), Decimal(cap), size, **more)
    made = start_trial(store, clock(), "sato", wish, around, lambda: UUID(int=77))
    assert isinstance(made, Trial), made
    return made


def running_of(ask: Ask, around: Around, **more: Any) -> Running:
    now: Callable[[], datetime] = more.pop("now", clock)
    return Running(ask, around, now, "sato", **more)
