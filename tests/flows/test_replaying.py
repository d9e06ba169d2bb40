"""What Jitsuri asks on its own behalf: along the way of a call, in the ledger under its purpose, and no call."""

from __future__ import annotations

import json
import threading
import time
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from late_parts import NOW, TODAY, WORKER, company, hand_in, swept
from stub_upstream import Behaviour, StubUpstream

from jitsuri.access.rules.keying import scope_fault
from jitsuri.access.shapes import KeyScope
from jitsuri.app.replaying import Replayer
from jitsuri.flows.cold.keeping_budgets import make_budget
from jitsuri.flows.cold.keeping_variants import set_data_rule
from jitsuri.flows.hot.replaying import own_key
from jitsuri.ledger.records import entries as entry_rows
from jitsuri.ledger.shapes.budgets import BudgetDraft
from jitsuri.ledger.shapes.entries import Entry
from jitsuri.ledger.shapes.intents import Intent, purpose_of
from jitsuri.providers.shapes import Came, Question
from jitsuri.routing.shapes import DataRule
from jitsuri.store.door import Store
from jitsuri.terms.ids import derived_id
from jitsuri.terms.outcomes import Refusal

pytestmark = [pytest.mark.database, pytest.mark.slow]

THREAD = derived_id("thread", "one")


def question(number: int = 0, target: str = "stub/gpt-4o-mini", **more: Any) -> Question:
    fields = more.pop("fields", {})
    body = {"model": "gpt-5", "messages": [{"role": "user", "content": f"納期は？ {number}"}], **fields}
    return Question(
        "openai", json.dumps(body).encode(), target, "triage", more.pop("purpose", "evaluation"),
        derived_id("attempt", target, str(number)), THREAD, **more,
    )  # fmt: skip


def asked(replaying: Replayer, *questions: Question, at_once: int = 4) -> list[Came]:
    return [came for _, came in sorted(replaying(questions, at_once), key=lambda pair: pair[0])]


def entries(store: Store, *questions: Question) -> list[Entry]:
    with store.reading() as tx:
        return entry_rows.of_calls(tx, [one.attempt_id for one in questions])


def count(store: Store, table: str) -> int:
    with store.reading() as tx:
        row = tx.execute(f"SELECT count(*) FROM {table}").fetchone()
    assert row is not None
    return int(row[0])


def test_an_answer_is_in_the_ledger_under_its_purpose_and_is_no_call(
    replaying: Replayer, store: Store, upstream: StubUpstream
) -> None:
    made = [question(1), question(2, purpose="judge"), question(3, "stub-anthropic/claude-haiku-4-5")]
    came = asked(replaying, *made)
    assert [one.error_code for one in came] == ["", "", ""]
    for one in came:
        answer = json.loads(one.body)
        assert answer["choices"][0]["message"]["content"]
        assert one.cost_jpy is not None
        assert one.cost_jpy > 0
    booked = {entry.attempt_id: entry for entry in entries(store, *made)}
    for one, told in zip(made, came, strict=True):
        entry = booked[one.attempt_id]
        assert (entry.task, entry.purpose, entry.department) == ("triage", one.purpose, "D10")
        assert entry.cost_jpy == told.cost_jpy
        assert (entry.usage.input_tokens, entry.usage.output_tokens) == (told.input_tokens, told.output_tokens)
    assert count(store, "calls_calls") == 0
    assert count(store, "ledger_intents") == 0
    assert count(store, "calls_minutes") == 0
    assert upstream.requests[0].json["model"] in ("gpt-4o-mini", "claude-haiku-4-5")


def test_a_wish_for_a_stream_is_taken_out(replaying: Replayer, upstream: StubUpstream) -> None:
    (came,) = asked(replaying, question(fields={"stream": True, "stream_options": {"include_usage": True}, "seed": 7}))
    assert json.loads(came.body)["object"] == "chat.completion"
    assert "stream" not in upstream.last.json
    assert "stream_options" not in upstream.last.json
    assert upstream.last.json["seed"] == 7


def test_the_same_question_is_booked_once(replaying: Replayer, store: Store) -> None:
    asked(replaying, question(1))
    with pytest.raises(Exception, match=r"."):
        asked(replaying, question(1))
    assert len(entries(store, question(1))) == 1


def test_failures_and_refusals_come_back_with_their_code(replaying: Replayer, store: Store) -> None:
    refused = set_data_rule(
        store, datetime.now(UTC), "sato", DataRule("triage", regions=("jp",)), "国内だけ", {}
    )  # fmt: skip
    assert not isinstance(refused, Refusal)
    made = [
        question(1, "stub/stub-400"), question(2, "stub/stub-500"), question(3, "stub-anthropic/claude-haiku-4-5"),
        question(4, "nowhere/model"), question(5, fields={"messages": []}),
    ]  # fmt: skip
    came = asked(replaying, *made, at_once=1)
    assert [one.error_code != "" for one in came] == [True] * 5
    assert came[2].error_code == "no_target_allowed"
    assert came[3].error_code == "model_unknown"
    assert came[4].error_code == "field_empty"
    assert [one.cost_jpy for one in came[2:]] == [Decimal(0)] * 3
    assert {entry.status for entry in entries(store, made[0], made[1])} == {"error"}
    assert entries(store, *made[2:]) == []


def test_a_hard_budget_holds_for_evaluations_too(replaying: Replayer, store: Store, upstream: StubUpstream) -> None:
    draft = BudgetDraft("検証", "task", "triage", "month", Decimal("0.05"), "hard")
    made = make_budget(store, datetime.now(UTC), "sato", draft, "試験")
    assert not isinstance(made, Refusal), made
    came = asked(replaying, *[question(n, fields={"max_tokens": 200}) for n in range(8)], at_once=8)
    codes = {one.error_code for one in came}
    assert "budget_exceeded" in codes
    spent = sum((one.cost_jpy or Decimal(0) for one in came), Decimal(0))
    assert spent <= Decimal("0.05")
    assert len(upstream.requests) == sum(one.error_code == "" for one in came)


def test_so_many_are_asked_side_by_side_and_no_more(replaying: Replayer, upstream: StubUpstream) -> None:
    upstream.always(Behaviour(first_byte_s=0.2))
    asked(replaying, question(99))
    began = time.monotonic()
    asked(replaying, *[question(n) for n in range(6)], at_once=3)
    assert 0.35 < time.monotonic() - began < 3
    arrivals = sorted(one.at_s for one in upstream.requests[1:])
    assert arrivals[3] - arrivals[0] > 0.15


def test_who_goes_away_leaves_what_was_asked_in_the_ledger(
    replaying: Replayer, store: Store, upstream: StubUpstream
) -> None:
    upstream.always(Behaviour(first_byte_s=0.1))
    made = [question(n) for n in range(50)]
    for _ in replaying(made, 2):
        break
    replaying.close()
    assert 1 <= len(upstream.requests) < 10
    assert len(entries(store, *made)) == len(upstream.requests)
    assert count(store, "ledger_intents") == 0


def test_what_is_closed_meanwhile_tells_whoever_waits(
    replaying: Replayer, store: Store, upstream: StubUpstream
) -> None:
    upstream.always(Behaviour(first_byte_s=0.1))
    made = [question(n) for n in range(50)]
    found: list[Came] = []
    waiting = threading.Thread(target=lambda: found.extend(asked(replaying, *made, at_once=2)), daemon=True)
    waiting.start()
    upstream.wait(lambda: upstream.requests)
    replaying.close()
    waiting.join(timeout=20)
    assert [one.error_code for one in found].count("") == len(upstream.requests) == len(entries(store, *made))
    assert {one.error_code for one in found} == {"", "not_ready"}
    assert len(found) == 50
    assert count(store, "ledger_intents") == 0


def test_two_threads_may_ask_at_once(replaying: Replayer) -> None:
    found: list[Came] = []
    threads = [
        threading.Thread(target=lambda n=n: found.extend(asked(replaying, *[question(100 * n + i) for i in range(5)])))
        for n in range(1, 4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [one.error_code for one in found] == [""] * 15


def test_what_a_dead_process_was_asking_is_swept_into_its_purpose(store: Store) -> None:
    company(store)
    attempt_id = derived_id("attempt", "orphan")
    intent = Intent(
        attempt_id, attempt_id, THREAD, WORKER, NOW, TODAY, "triage", "D10", own_key("judge", "").name, "openai",
        "gpt-4o-mini", "jp", "", 8000, 2000, 0, (),
    )  # fmt: skip
    assert hand_in(store, [("intents", intent)]) == [None]
    assert swept(store) == 1
    (entry,) = entries(store, Question("openai", b"", "", "", "judge", attempt_id, THREAD))
    assert (entry.purpose, entry.status, entry.reason) == ("judge", "cut", "orphaned")
    assert entry.cost_jpy is not None
    assert entry.cost_jpy > 0
    assert count(store, "calls_calls") == 0


def test_no_program_may_have_a_key_that_stands_for_jitsuri() -> None:
    scope = KeyScope("jitsuri:judge", "", "", (), (), NOW, NOW + timedelta(days=9), 0, 0)
    fault = scope_fault(scope, NOW)
    assert fault is not None
    assert fault.code == "key_name_reserved"
    assert purpose_of("jitsuri:judge") == "judge"
    assert purpose_of("jitsuri-app") == ""
