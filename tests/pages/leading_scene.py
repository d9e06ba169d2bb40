"""Trials on their way: one whose job failed, one that is judged right now, one whose judge ran out of money, one judged, one whose pairs
are drawn and half labelled."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from uuid import UUID

import msgspec
from gateway_scene import AOKI, TOML, gateway_settings
from page_scene import NOW
from trial_scene import KEY, PLAN, answers_of, furnish_trials, home_of, scores_of

from jitsuri.calls.rules.rereading import Reply
from jitsuri.calls.rules.sealing import seal
from jitsuri.evaluation.shapes import Heard, Hearing
from jitsuri.flows.cold.drawing_pairs import draw_pairs
from jitsuri.flows.cold.labelling import label
from jitsuri.flows.cold.trying.starting import answer_json
from jitsuri.review import records as review_rows
from jitsuri.review.shapes import Said
from jitsuri.rightsizing.records import trials as trial_rows
from jitsuri.rightsizing.shapes.trials import SampledRequest, Score, Trial
from jitsuri.settings import Settings, check_text
from jitsuri.store.door import Store
from jitsuri.store.jobs import queueing
from jitsuri.terms.ids import derived_id

REQUESTS = 60
LEADING = ("failed", "judging", "stuck", "judged", "labelled")
LEADING_IDS = {name: UUID(int=0xE0 + at) for at, name in enumerate(LEADING)}
JUDGE = "kiln/judge-9b"
MORE = """
[upstreams.kiln]
kind = "llama_cpp"
base_url = "http://127.0.0.1:8081/v1"
vendor = "kiln"
region = "jp"
on_premises = true
models = "judge-9b, judge-30b"
"""


def leading_home(folder: Path) -> Settings:
    """The scene's settings with an upstream that has judges."""
    told = home_of(folder)
    settings, mistakes = check_text(TOML + MORE, folder / "jitsuri.toml", None, {})
    assert not mistakes, mistakes
    return Settings(folder, told.file, {**settings.values, **{k: v for k, v in told.values.items() if v is not None}},
                    {**settings.tables, "upstreams": settings.tables["upstreams"]})  # fmt: skip


def judged_scores(ways: tuple[int, ...] = (1,), count: int = REQUESTS) -> list[Score]:
    """A judge's scores: candidates mostly no worse, two orders that agree."""
    found = []
    for way in ways:
        for at in range(count):
            outcome = "worse" if at % 15 == 4 else "better" if at % 9 == 2 else "same"
            said = {"worse": ("b", "a"), "better": ("a", "b"), "same": ("tie", "tie")}[outcome]
            heard = tuple(Heard("pair", order, one, "strict") for order, one in zip(("ab", "ba"), said, strict=True))  # type: ignore[arg-type]
            hearing = Hearing(
                JUDGE,
                "1.ja.87d7aa01bb02cc03",
                "judge-9b-q8",
                {"max_tokens": 1024},
                heard,
                (42, 44),
                cost_jpy=Decimal(0),
            )
            facts = msgspec.json.decode(msgspec.json.encode(hearing))
            one, other = {"worse": (0.0, 1.0), "better": (1.0, 0.0), "same": (1.0, 1.0)}[outcome]
            found.append(Score(way, at, f"judge:{JUDGE}", one, other, False, "agreed", facts))
    return found


def add_leading(store: Store) -> None:
    with store.reading() as tx:
        calls = [row[0] for row in tx.execute(
            "SELECT call_id FROM calls_texts WHERE part = 'response' ORDER BY call_id LIMIT %s", (REQUESTS,)).fetchall()]  # fmt: skip
    for number, name in enumerate(LEADING):
        trial_id, began = LEADING_IDS[name], NOW - timedelta(hours=30 + number)
        state = "running" if name == "failed" else "done"
        plan = replace(PLAN, drawn=replace(PLAN.drawn, strata={"short|web|法人|office": REQUESTS}))
        rows = [one for one in answers_of(trial_id, (20 if name == "failed" else REQUESTS, 20 if name == "failed" else REQUESTS))
                if one.position < REQUESTS]  # fmt: skip
        rows = [_sealed(one) if one.state == "answered" else one for one in rows]
        trial = Trial(trial_id, "inquiry-triage", plan, state, "", Decimal(40), AOKI, began, began,  # type: ignore[arg-type]
                      began + timedelta(minutes=20) if state == "done" else None)  # fmt: skip
        with store.transaction() as tx:
            trial_rows.insert_trial(tx, trial)
            trial_rows.insert_requests(tx, trial_id, [
                SampledRequest(n, calls[n], derived_id("thread", name, str(n)), began, "short|web|法人|office", {"channel": "web"})
                for n in range(len(calls))
            ])  # fmt: skip
            trial_rows.insert_answers(tx, trial_id, rows)
            scores = scores_of(rows) + (judged_scores((1, 2)) if name in ("judged", "labelled") else [])
            trial_rows.save_scores(tx, trial_id, scores, began)
    _add_job(
        store, "failed", "trial", "failed", "upstream_key_missing", {"upstream": "house", "place": "OPENAI_API_KEY"}
    )
    _add_job(store, "judging", "judge", "running", "", {})
    _add_job(store, "stuck", "judge", "failed", "judge_over_cap", {"left_jpy": "1.80", "most_jpy": "22.41"})
    labels = LEADING_IDS["labelled"]
    draw_pairs(store, labels, "openai/gpt-small", 30, AOKI, NOW - timedelta(hours=20))
    with store.reading() as tx:
        pairs = review_rows.pairs_of(tx, labels)
    assert pairs, "nothing could be drawn"
    for at, pair in enumerate(pairs[:18]):
        label(store, pair.pair_id, "sato@example.jp", Said("same" if at % 5 else "left", 0, took_ms=9_000),
              NOW - timedelta(hours=19, seconds=-at))  # fmt: skip


def _sealed(answer):  # type: ignore[no-untyped-def]
    reply = answer_json(Reply("担当から折り返しご連絡します。", (), "stop"))
    return replace(answer, sealed=seal(reply, KEY, answer.attempt_id, "response"), key_name="triage.key",
                   delete_on=date(2027, 1, 1))  # fmt: skip


def _add_job(store: Store, trial: str, name: str, state: str, code: str, facts: dict[str, object]) -> None:
    trial_id = LEADING_IDS[trial]
    key = f"{name}:{trial_id}"
    arguments: dict[str, object] = {"trial_id": str(trial_id)}
    if name == "judge":
        arguments |= {"judge": JUDGE, "rubric": "", "lang": "ja", "allow_same_vendor": False}
    with store.transaction() as tx:
        job_id = queueing.enqueue(tx, NOW - timedelta(hours=1), AOKI, name, arguments, key)
        taken = queueing.take(tx, NOW - timedelta(minutes=59), job_id, "test", None)
        assert taken is not None
        tx.execute("UPDATE store_jobs SET done = 40, total = 120 WHERE job_id = %s", (job_id,))
        if state != "running":
            queueing.end(tx, NOW - timedelta(minutes=50), taken, state, code, facts)


def furnish_leading(store: Store) -> None:
    furnish_trials(store)
    add_leading(store)


__all__ = ["JUDGE", "LEADING", "LEADING_IDS", "furnish_leading", "gateway_settings", "leading_home"]
