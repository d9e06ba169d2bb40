"""A trial with two candidates on the furnished company, its texts sealed, and people who judge: 藤 and 長谷 review, 土井 owns."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from uuid import UUID

sys.path.insert(0, str(Path(__file__).parents[1] / "pages"))
sys.path.insert(0, str(Path(__file__).parents[1] / "web"))

from jitsuri.calls.records import texts as text_rows
from jitsuri.calls.rules.sealing import seal
from jitsuri.rightsizing.records import paired  # noqa: F401  # what the scene is read by
from jitsuri.rightsizing.rules.packing import packed
from jitsuri.rightsizing.shapes.trials import Drawn, TrialPlan, Way
from jitsuri.store.door import Store
from jitsuri.terms.ids import derived_id

NOW = datetime(2026, 11, 22, 5, 0, tzinfo=UTC)
KEY = bytes(range(32))
KEY_NAME = "texts.key"
TASK = "quotation-extraction"
TRIAL = derived_id("trial", "scene")

HOSTILE = '<script>alert(1)</script><img src=x onerror="alert(2)">'
ANSWERS: tuple[tuple[str, str, str], ...] = (
    (
        (
            "次の見積書から、品名・数量・単価・納期を取り出してください。「SK-204 ブラケット　120個　@1,850　納期 ご発注後3週間」、"
            "送料別途。有効期限 令和8年12月末"
        ),
        "品名：SK-204 ブラケット\n数量：120個\n単価：1,850円\n納期：発注後3週間\n有効期限：2026年12月31日",
        "品名：ブラケット\n数量：120\n単価：1,850円（送料込み）\n納期：3週間",
    ),
    ("空の答えのときは", "何もないとは書けません。", ""),
    (HOSTILE, f"そのまま返します：{HOSTILE}", "返しません。"),
    ("アラビア語で", "مرحبا، السعر 1,850 ين والتسليم بعد ثلاثة أسابيع.", "مرحبا، السعر 1,900 ين والتسليم بعد أسبوعين."),
    ("絵文字も", "はい 👩‍👩‍👧‍👦 です 🎉 ありがとうございます。", "はい 👍 です 🎉"),
    (
        "表とコードで",
        (
            "| 品名 | 数量 |\n|---|---|\n| ブラケット | 120 |\n\n```python\nprice = 1850 * 120  # 222,000円、長い行です、とても長い行です、"
            "もっと長い行です、まだ続く行です、終わらない行です\n```"
        ),
        "| 品名 | 数量 |\n|---|---|\n| ブラケット | 12 |\n\n```python\nprice = 1850 * 12\n```",
    ),
    (
        "長い文書を写す",
        "一行の文です。数量は120個です。\n" * 1000,
        "一行の文です。数量は120個です。\n" * 990 + "ここだけ違います。\n" * 10,
    ),
)
"""Request, today's answer, the candidate's: what must stay readable."""


def furnish_trial(store: Store, folder: Path, count: int = 24, *, now: datetime = NOW) -> UUID:
    """A trial that is done, with ``count`` requests: texts of ``ANSWERS`` in turn, of which every fourth is answered alike."""
    (folder / KEY_NAME).write_text(KEY.hex())
    plan = TrialPlan(
        Way(0, "openai/gpt-big"), (Way(1, "openai/gpt-small"), Way(2, "local/tiny", 3)), True, 1,
        Drawn(count, count, 0), 1000, Decimal("0.05"),
    )  # fmt: skip
    with store.transaction() as tx:
        tx.execute(
            "INSERT INTO rightsizing_trials (trial_id, task, plan, state, why, cap_jpy, author, created_at, started_at, "
            "ended_at) VALUES (%s, %s, %s::jsonb, 'done', '', 1000, 'doi@example.jp', %s, %s, %s)",
            (TRIAL, TASK, packed(plan).decode(), now, now, now),
        )
        for position in range(count):
            _request(tx, position, now)
            for way in range(3):
                _answer(tx, way, position, now)
    return TRIAL


def request_of(position: int) -> dict[str, object]:
    asked = ANSWERS[position % len(ANSWERS)][0]
    messages: list[dict[str, object]] = [
        {"role": "system", "content": "社内の見積書だけを読みます。"},
        {"role": "user", "content": "はじめまして。"},
        {"role": "assistant", "content": "ご用件をどうぞ。"},
        {"role": "user", "content": f"{asked}（{position}）" if position else asked},
    ]
    return {"model": "gpt-big", "messages": messages}


def answer_of(way: int, position: int) -> dict[str, object]:
    _, today, cheap = ANSWERS[position % len(ANSWERS)]
    text = today if way == 0 or is_same(position) else cheap if way == 1 else f"{cheap}\n（二番）"
    calls = []
    if position % 8 == 6:
        calls = [{"name": "look_up", "arguments": {"item": "SK-204", "unit": "box" if way else "piece"}}]
    return {"text": text, "tool_calls": calls, "finish": "stop"}


def is_same(position: int) -> bool:
    return position % 4 == 3


def judged(position: int) -> tuple[float, float] | None:
    """(baseline, candidate) as the scene's judge has them; None where it abstained."""
    return ((1.0, 0.0), (1.0, 1.0), (0.0, 1.0), None)[position % 4] if not is_same(position) else (1.0, 1.0)


def _request(tx: object, position: int, now: datetime) -> None:
    call_id = derived_id("call", f"pair {position}")
    tx.execute(  # type: ignore[attr-defined]
        "INSERT INTO rightsizing_requests (trial_id, position, call_id, thread_id, at, stratum, slices, stands_for) "
        "VALUES (%s, %s, %s, %s, %s, '', '{}', 1)",
        (TRIAL, position, call_id, derived_id("thread", str(position)), now),
    )
    body = json.dumps(request_of(position), ensure_ascii=False).encode()
    sealed = seal(body, KEY, call_id, "request")
    text_rows.insert_many(tx, [(call_id, "request", sealed, KEY_NAME, (now + timedelta(days=60)).date())])  # type: ignore[arg-type]


def _answer(tx: object, way: int, position: int, now: datetime) -> None:
    attempt = derived_id("attempt", f"pair {way} {position}")
    body = json.dumps(answer_of(way, position), ensure_ascii=False).encode()
    tx.execute(  # type: ignore[attr-defined]
        "INSERT INTO rightsizing_answers (trial_id, way, position, state, attempt_id, round, asked_at, came_at, error_code, "
        "sealed, key_name, delete_on, model_answered, input_tokens, output_tokens, cost_jpy, most_jpy, lost_jpy, latency_ms, "
        "is_same) VALUES (%s, %s, %s, 'answered', %s, 0, %s, %s, '', %s, %s, %s, 'm', 1, 1, 0.1, 1, 0, 5, %s)",
        (TRIAL, way, position, attempt, now, now, seal(body, KEY, attempt, "response"), KEY_NAME,
         (now + timedelta(days=60)).date(), None if way == 0 else is_same(position)),
    )  # fmt: skip
    if way:
        scored = judged(position)
        tx.execute(  # type: ignore[attr-defined]
            "INSERT INTO rightsizing_scores (trial_id, way, position, scorer, score, baseline_score, critical, reason, facts, "
            "at) VALUES (%s, %s, %s, 'judge:house', %s, %s, NULL, '', '{}', %s)",
            (TRIAL, way, position, scored[1] if scored else None, scored[0] if scored else None, now),
        )
