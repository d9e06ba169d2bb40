"""Trials in the small company with its gateway: one in every state, at fixed instants, with answers and scores reckoned by hand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from uuid import UUID

from gateway_scene import AOKI, furnish_gateway, gateway_settings
from page_scene import NOW

from jitsuri.calls.records import texts as text_rows
from jitsuri.calls.rules.sealing import seal
from jitsuri.calls.shapes import TextPolicy
from jitsuri.rightsizing.records import trials as trial_rows
from jitsuri.rightsizing.rules.trying import attempt_id_of
from jitsuri.rightsizing.shapes.trials import (
    Answer,
    Drawn,
    RuleScorer,
    SampledRequest,
    Score,
    Trial,
    TrialPlan,
    Way,
)
from jitsuri.settings import Settings
from jitsuri.store.door import Store
from jitsuri.terms.ids import derived_id
from jitsuri.terms.outcomes import Dropped

KEY = bytes(range(32))
REQUESTS = 120
STATES = ("planned", "running", "paused", "done", "stopped")
IDS = {state: UUID(int=0xD0 + at) for at, state in enumerate(STATES)}
MINI, HOUSE = (
    Way(1, "openai/gpt-small", 0, Decimal("6.4"), Decimal("41.2")),
    Way(2, "house/swallow-8b", 3, Decimal("0"), Decimal("0"), is_free=True),
)
PLAN = TrialPlan(
    Way(0, "openai/gpt-big"), (MINI, HOUSE), False, 0,
    Drawn(2210, 480, 31, {"answer_not_kept": 12, "request_unbounded": 3},
          {"short|web|法人|office": 52, "medium|web|*|*": 41, "long|*|*|*": 27}),
    4096, Decimal("0.05"), (RuleScorer("form", '"format"'),),
    (Dropped("local/student:triage", "no_tools", {"requests": 18, "of": 120}),
     Dropped("azure-jp/gpt-small", "price_missing_model")),
)  # fmt: skip


def home_of(folder: Path) -> Settings:
    """The settings of the scene with a home that is there, and the text key in it."""
    told = gateway_settings()
    (folder / "triage.key").write_text(KEY.hex())
    return Settings(folder, folder / "jitsuri.toml", told.values, told.tables)


def answer(trial_id: UUID, way: int, position: int, state: str, cost: str | None, **more: object) -> Answer:
    made = Answer(
        way, position, state, attempt_id_of(trial_id, way, position, 0), 0, NOW - timedelta(minutes=9), NOW,  # type: ignore[arg-type]
        "", None, "triage.key", None, "model", 400, 60, None if cost is None else Decimal(cost), Decimal("0.4"), Decimal(0),
        900, position % 9 != 0 if way and state == "answered" else None,
    )  # fmt: skip
    return replace(made, **more)  # type: ignore[arg-type]


def answers_of(trial_id: UUID, counts: Sequence[int]) -> list[Answer]:
    """Today's answers, and so many of each candidate; the second one fails now and then."""
    rows = [answer(trial_id, 0, at, "answered", "0.55") for at in range(REQUESTS)]
    rows += [answer(trial_id, 1, at, "answered", "0.053") for at in range(counts[0])]
    for at in range(counts[1]):
        if at % 11 == 4:
            rows.append(
                answer(trial_id, 2, at, "failed", "0", error_code="http_503" if at % 2 else "upstream_too_slow")
            )
        else:
            rows.append(answer(trial_id, 2, at, "answered", "0", most_jpy=Decimal(0)))
    return rows


def scores_of(rows: Sequence[Answer]) -> list[Score]:
    found = []
    for one in rows:
        if one.state == "answered":
            found.append(Score(one.way, one.position, "same", 1.0 if one.way == 0 or one.is_same else 0.0))
            found.append(Score(one.way, one.position, "form", 0.0 if one.position % 40 == 7 else 1.0))
    return found


def add_trials(store: Store) -> None:
    counts = {"planned": (0, 0), "running": (70, 60), "paused": (40, 30), "done": (120, 120), "stopped": (20, 20)}
    why = {"paused": "cap_reached", "stopped": "候補の契約が決まらないため"}
    for at, state in enumerate(STATES):
        trial_id = IDS[state]
        began = NOW - timedelta(days=at, hours=2)
        rows = answers_of(trial_id, counts[state])
        trial = Trial(
            trial_id, "inquiry-triage", PLAN, state, why.get(state, ""), Decimal(50), AOKI, began, began,  # type: ignore[arg-type]
            began + timedelta(minutes=20) if state in ("done", "stopped") else None,
        )  # fmt: skip
        with store.transaction() as tx:
            trial_rows.insert_trial(tx, trial)
            trial_rows.insert_requests(tx, trial_id, [
                SampledRequest(n, derived_id("call", state, str(n)), derived_id("thread", state, str(n)), began,
                               "short|web|法人|office", {"length": "short" if n % 2 else "long", "channel": "web"})
                for n in range(REQUESTS)
            ])  # fmt: skip
            trial_rows.insert_answers(tx, trial_id, rows)
            trial_rows.save_scores(tx, trial_id, scores_of(rows), began)
    with store.transaction() as tx:
        tx.execute("UPDATE rightsizing_answers SET state = 'asked', cost_jpy = NULL, is_same = NULL WHERE trial_id = %s AND way = 2 "
                   "AND position BETWEEN 55 AND 59", (IDS["running"],))  # fmt: skip
        tx.execute("UPDATE rightsizing_answers SET state = 'lost', cost_jpy = NULL, is_same = NULL WHERE trial_id = %s AND way = 1 "
                   "AND position BETWEEN 30 AND 32", (IDS["paused"],))  # fmt: skip


def add_texts(store: Store) -> None:
    """Let the task keep its texts, and keep those of some calls."""
    with store.transaction() as tx:
        policy = TextPolicy("inquiry-triage", "full", 90, "triage.key", "評価のため")
        text_rows.save_policy(tx, policy, AOKI, NOW - timedelta(days=60))
        calls = tx.execute(
            "SELECT call_id FROM calls_calls WHERE task = 'inquiry-triage' AND status = 'ok' ORDER BY at DESC, call_id LIMIT 80"
        ).fetchall()
        request = '{"model":"gpt-big","messages":[{"role":"user","content":"納期を教えてください %s"}]}'
        reply = b'{"choices":[{"message":{"role":"assistant","content":"\xe7\xb4\x8d\xe6\x9c\x9f"},"finish_reason":"stop"}]}'
        rows = []
        for (call_id,) in calls:
            rows.append((call_id, "request", seal((request % call_id).encode(), KEY, call_id, "request"), "triage.key",
                         date(2027, 1, 1)))  # fmt: skip
            rows.append((call_id, "response", seal(reply, KEY, call_id, "response"), "triage.key", date(2027, 1, 1)))
        text_rows.insert_many(tx, rows)


def furnish_trials(store: Store) -> None:
    furnish_gateway(store)
    add_texts(store)
    add_trials(store)
