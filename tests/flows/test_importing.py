"""Import: the same log twice adds nothing; broken lines are named; what is known stays; amounts are right by hand."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from jitsuri.calls.records import calls as call_rows
from jitsuri.calls.records import runs as run_rows
from jitsuri.calls.records import texts as text_rows
from jitsuri.calls.rules.sealing import unseal
from jitsuri.calls.shapes import Run
from jitsuri.evidence.records import recent
from jitsuri.flows.cold.keeping_rates import rates_in_use
from jitsuri.flows.cold.pinning import pin
from jitsuri.flows.cold.proposing import confirm, new_task, proposals, set_aside
from jitsuri.flows.cold.reading_logs import Means, ReadOptions, import_files
from jitsuri.flows.cold.renewing_prices import ensure_book, reprice
from jitsuri.ledger.records import entries as entry_rows
from jitsuri.ledger.records.totals import gaps, totals
from jitsuri.routing.records import groups, tasks
from jitsuri.routing.shapes import Task
from jitsuri.store.door import Store
from jitsuri.terms.errors import OperatorError

NOW = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)
SYSTEM = "あなたは株式会社サンプル精機の問合せ窓口です。用件を一つの分類で答えてください。"


def line(number: int, **changes: object) -> dict[str, object]:
    """A chat completion: 1,200 in, 40 out on gpt-6.1-sol (2 and 10 USD per million): 0.0028 USD, 0.42 yen at 150."""
    body: dict[str, object] = {
        "timestamp": (datetime(2026, 11, 4, 1, 0, tzinfo=UTC) + timedelta(minutes=number)).isoformat(),
        "request": {"model": "gpt-6.1-sol", "messages": [
            {"role": "system", "content": SYSTEM}, {"role": "user", "content": f"納期の件です。{number}番の注文はいつ届きますか。"}]},
        "response": {"id": f"chatcmpl-sample{number:020d}", "object": "chat.completion", "model": "gpt-6.1-sol",
                     "choices": [{"message": {"role": "assistant", "content": "納期"}, "finish_reason": "stop"}],
                     "usage": {"prompt_tokens": 1200, "completion_tokens": 40}},
    }  # fmt: skip
    return body | changes


def written(path: Path, *lines: object) -> Path:
    path.write_text(
        "".join((x if isinstance(x, str) else json.dumps(x, ensure_ascii=False)) + "\n" for x in lines), "utf-8"
    )
    return path


def means(tmp_path: Path) -> Means:
    return Means(None, {"USD": Decimal("150")}, "TTM", tmp_path)


def run_import(store: Store, tmp_path: Path, *files: Path) -> list[Run]:
    return list(import_files(store, files, ReadOptions(), means(tmp_path), lambda: NOW, actor="test",
                             on_batch=lambda run, position, size: None))  # fmt: skip


def whole(store: Store) -> tuple[int, Decimal]:
    with store.reading() as tx:
        (total,) = totals(tx, "month", date(2026, 11, 1), date(2026, 11, 1))
    return total.calls, total.cost_jpy


def test_an_imported_call_costs_what_a_hand_says(store: Store, tmp_path: Path) -> None:
    (run,) = run_import(store, tmp_path, written(tmp_path / "a.jsonl", line(1)))

    assert (run.state, run.format, run.lines, run.added, run.broken) == ("done", "openai", 1, 1, 0)
    assert whole(store) == (1, Decimal("0.420000"))
    with store.reading() as tx:
        call_id = next(iter(tx.execute("SELECT call_id FROM calls_calls")))[0]
        (entry,) = entry_rows.of_calls(tx, [call_id])
    assert (entry.cost, entry.currency, entry.rate, entry.state) == (Decimal("0.0028"), "USD", Decimal("150"), "priced")
    assert entry.day == date(2026, 11, 4)
    assert entry.price_book


def test_a_repeated_import_adds_nothing(store: Store, tmp_path: Path) -> None:
    log = written(tmp_path / "a.jsonl", line(1), line(2), line(3))
    run_import(store, tmp_path, log)

    (again,) = run_import(store, tmp_path, log)
    assert (again.added, again.known, again.broken) == (0, 3, 0)
    assert whole(store) == (3, Decimal("1.260000"))


def test_a_grown_log_adds_only_what_is_new(store: Store, tmp_path: Path) -> None:
    run_import(store, tmp_path, written(tmp_path / "a.jsonl", line(1), line(2)))

    (run,) = run_import(store, tmp_path, written(tmp_path / "a.jsonl", line(1), line(2), line(3)))
    assert (run.added, run.known) == (1, 2)


def test_broken_lines_are_named_and_the_rest_goes_in(store: Store, tmp_path: Path) -> None:
    negative = line(2)
    negative["response"] = {**line(2)["response"], "usage": {"prompt_tokens": -5, "completion_tokens": 1}}  # type: ignore[dict-item]
    future = line(3, timestamp="2031-01-01T00:00:00Z")
    log = written(tmp_path / "a.jsonl", line(1), "{broken", negative, future, line(5))

    (run,) = run_import(store, tmp_path, log)
    with store.reading() as tx:
        faults = run_rows.faults_of(tx, run.run_id)
    assert (run.lines, run.added, run.broken) == (5, 2, 3)
    assert [(f.line, f.code) for f in faults] == [(2, "not_json"), (3, "tokens_negative"), (4, "time_in_future")]


def test_an_id_with_other_contents_is_told_and_the_first_stays(store: Store, tmp_path: Path) -> None:
    other = line(1)
    other["response"] = {**line(1)["response"], "usage": {"prompt_tokens": 9, "completion_tokens": 9}}  # type: ignore[dict-item]
    run_import(store, tmp_path, written(tmp_path / "a.jsonl", line(1)))

    (run,) = run_import(store, tmp_path, written(tmp_path / "b.jsonl", other, line(2), line(2, latency_ms=5)))
    with store.reading() as tx:
        faults = run_rows.faults_of(tx, run.run_id)
    assert (run.added, run.known, run.conflicting) == (1, 0, 2)
    assert [(f.line, f.code) for f in faults] == [(1, "id_with_other_content"), (3, "id_with_other_content")]
    assert whole(store) == (2, Decimal("0.840000"))


def test_a_model_without_a_price_is_shown_and_not_zero(store: Store, tmp_path: Path) -> None:
    unknown = line(1)
    unknown["request"] = {**line(1)["request"], "model": "nobody-knows-7b"}  # type: ignore[dict-item]
    unknown["response"] = {**line(1)["response"], "model": "nobody-knows-7b"}  # type: ignore[dict-item]
    run_import(store, tmp_path, written(tmp_path / "a.jsonl", unknown, line(2)))

    with store.reading() as tx:
        missing = gaps(tx)
    assert missing.unpriced == 1
    assert [m.endswith("nobody-knows-7b") for m in missing.unpriced_models] == [True]
    assert whole(store) == (2, Decimal("0.420000"))


def test_threads_follow_previous_response_ids_in_any_order(store: Store, tmp_path: Path) -> None:
    def answer(number: int, previous: str | None) -> dict[str, object]:
        request: dict[str, object] = {"model": "gpt-6.1-sol", "input": "続き"}
        if previous:
            request["previous_response_id"] = previous
        return {"timestamp": f"2026-11-04T0{number}:00:00Z", "request": request, "response": {
            "id": f"resp_sample{number:020d}", "object": "response", "model": "gpt-6.1-sol", "status": "completed",
            "output": [], "usage": {"input_tokens": 10, "output_tokens": 5}}}  # fmt: skip

    one, two, three = (f"resp_sample{n:020d}" for n in (1, 2, 3))
    run_import(store, tmp_path, written(tmp_path / "late.jsonl", answer(3, two), answer(4, three)))
    run_import(store, tmp_path, written(tmp_path / "early.jsonl", answer(1, None), answer(2, one)))

    with store.reading() as tx:
        threads = [row[0] for row in tx.execute("SELECT thread_id FROM calls_calls ORDER BY at")]
        assert [len(call_rows.of_thread(tx, thread)) for thread in threads] == [4, 4, 4, 4]


def test_unassigned_calls_become_a_proposal_and_move_when_named(store: Store, tmp_path: Path) -> None:
    run_import(store, tmp_path, written(tmp_path / "a.jsonl", *(line(n) for n in range(1, 8))))
    with store.reading() as tx:
        (proposal,) = proposals(tx)
    assert (proposal.calls, proposal.cost_jpy, proposal.sample) == (7, Decimal("2.940000"), SYSTEM)

    task = new_task("inquiry-triage", "問合せ分類", "", "", "", NOW)
    assert isinstance(task, Task)
    assert confirm(store, proposal.groups, task, "test", NOW + timedelta(minutes=1)) == 7
    assert confirm(store, proposal.groups, task, "test", NOW + timedelta(minutes=2)) == 0

    run_import(store, tmp_path, written(tmp_path / "b.jsonl", line(9)))
    with store.reading() as tx:
        by_task = {
            t.task: (t.calls, t.cost_jpy) for t in totals(tx, "month", date(2026, 11, 1), date(2026, 11, 1), ["task"])
        }
        assert proposals(tx) == []
        acts = {listed.record.act for listed in recent(tx, 50)}
    assert by_task["inquiry-triage"] == (8, Decimal("3.360000"))
    assert by_task[""] == (0, Decimal(0))
    assert {"log_imported", "task_confirmed"} <= acts


def test_one_persons_words_are_not_kept_as_a_sample(store: Store, tmp_path: Path) -> None:
    def bare(number: int, words: str) -> dict[str, object]:
        return line(number, request={"model": "gpt-6.1-sol", "messages": [{"role": "user", "content": words}]})

    shared = (
        "次の見積書から品名と数量と単価を読み取り、表にしてください。書式は問いません。書き出しはここまで同じです。"
    )
    run_import(
        store,
        tmp_path,
        written(tmp_path / "a.jsonl", bare(1, "田中さんの給与はいくらですか"), bare(2, shared + "甲の件")),
    )
    with store.reading() as tx:
        samples = {row[0] for row in tx.execute("SELECT sample FROM routing_groups")}
    assert samples == {""}

    run_import(store, tmp_path, written(tmp_path / "b.jsonl", bare(3, shared + "乙の件"), bare(4, shared + "丙の件")))
    with store.reading() as tx:
        (kept,) = {row[0] for row in tx.execute("SELECT sample FROM routing_groups WHERE sample <> ''")}
    assert shared.startswith(kept[:20])
    assert "乙" not in kept


def test_what_is_set_aside_is_not_asked_again(store: Store, tmp_path: Path) -> None:
    run_import(store, tmp_path, written(tmp_path / "a.jsonl", line(1), line(2)))
    with store.reading() as tx:
        (proposal,) = proposals(tx)
    set_aside(store, proposal.groups, "test", NOW)

    with store.reading() as tx:
        assert proposals(tx) == []
        assert groups(tx, list(proposal.groups)) == []


def test_texts_are_kept_only_where_a_policy_says_so_and_sealed(store: Store, tmp_path: Path) -> None:
    key = tmp_path / "triage.key"
    key.write_text("ab" * 32, "ascii")
    task = {"title_ja": "問合せ", "title_en": "", "department": "", "owner": "", "stage": "production",
            "data_class": "internal", "margin": Decimal("0.05")}  # fmt: skip
    policy = {"keep": "full", "retention_days": 90, "key_file": "triage.key", "reason": "評価に使う"}
    pin(store, {"triage": task, "other": task}, {}, {"triage": policy}, NOW)
    log = written(
        tmp_path / "a.jsonl",
        line(1, headers={"X-Jitsuri-Task": "triage"}),
        line(2, headers={"X-Jitsuri-Task": "other"}),
    )
    run_import(store, tmp_path, log)

    with store.reading() as tx:
        rows = tx.execute(
            "SELECT c.task, t.call_id, t.part, t.sealed FROM calls_texts t JOIN calls_calls c USING (call_id)"
        ).fetchall()
    assert {(row[0], row[2]) for row in rows} == {("triage", "request"), ("triage", "response")}
    request = next(row for row in rows if row[2] == "request")
    assert SYSTEM.encode() not in bytes(request[3])
    assert SYSTEM in unseal(bytes(request[3]), b"\xab" * 32, request[1], "request").decode()
    with pytest.raises(OperatorError, match="text_key_wrong"):
        unseal(bytes(request[3]), b"\xac" * 32, request[1], "request")
    with pytest.raises(OperatorError, match="text_key_wrong"):
        unseal(bytes(request[3]), b"\xab" * 32, request[1], "response")
    with store.transaction() as tx:
        assert text_rows.delete_due(tx, date(2027, 2, 2)) == 0
        assert text_rows.delete_due(tx, date(2027, 2, 3)) == 2


def test_a_key_file_that_is_no_key_stops_the_import_with_the_mend(store: Store, tmp_path: Path) -> None:
    (tmp_path / "bad.key").write_text("short", "ascii")
    pin(store, {}, {}, {"triage": {"keep": "full", "retention_days": 9, "key_file": "bad.key", "reason": "x"}}, NOW)
    task = new_task("triage", "", "", "", "", NOW)
    assert isinstance(task, Task)
    pin(store, {"triage": {"title_ja": "", "title_en": "", "department": "", "owner": "", "stage": "poc",
                           "data_class": "internal", "margin": Decimal("0.05")}}, {},
        {"triage": {"keep": "full", "retention_days": 9, "key_file": "bad.key", "reason": "x"}}, NOW)  # fmt: skip

    with pytest.raises(OperatorError, match="text_key_unreadable"):
        run_import(store, tmp_path, written(tmp_path / "a.jsonl", line(1, headers={"X-Jitsuri-Task": "triage"})))
    with store.reading() as tx:
        (run,) = run_rows.recent(tx)
        assert run == replace(run, state="failed", failure="text_key_unreadable", added=0)


def test_pinned_settings_are_written_once(store: Store) -> None:
    task = {"title_ja": "問合せ", "title_en": "", "department": "sales", "owner": "", "stage": "production",
            "data_class": "internal", "margin": Decimal("0.05")}  # fmt: skip
    rule = {"field": "metadata", "value": "app=mail", "task": "triage", "department": ""}

    assert pin(store, {"triage": task}, {"mail": rule}, {}, NOW) == 2
    assert pin(store, {"triage": task}, {"mail": rule}, {}, NOW) == 0


def test_a_task_that_the_log_names_is_made_and_an_unfit_name_is_not(store: Store, tmp_path: Path) -> None:
    named = [line(1, headers={"x-jitsuri-task": "inquiry-triage"}), line(2, metadata={"task": "minutes"}),
             line(3, headers={"X-Jitsuri-Task": "Not a name!"})]  # fmt: skip
    run_import(store, tmp_path, written(tmp_path / "a.jsonl", *named))

    with store.reading() as tx:
        assert set(tasks(tx)) == {"inquiry-triage", "minutes"}
        by_task = {t.task: t.calls for t in totals(tx, "month", date(2026, 11, 1), date(2026, 11, 1), ["task"])}
    assert by_task == {"inquiry-triage": 1, "minutes": 1, "": 1}


def test_batch_answers_find_their_requests_in_the_other_file(store: Store, tmp_path: Path) -> None:
    asked = {"custom_id": "a-1", "method": "POST", "url": "/v1/chat/completions", "body": {
        "model": "gpt-6.1-sol", "messages": [{"role": "system", "content": SYSTEM}, {"role": "user", "content": "件"}]}}  # fmt: skip
    answered = {"id": "batch_req_1", "custom_id": "a-1", "error": None, "response": {
        "status_code": 200, "request_id": "r1", "body": {
            "id": f"chatcmpl-batch{1:020d}", "object": "chat.completion", "created": 1793754750, "model": "gpt-6.1-sol",
            "choices": [], "usage": {"prompt_tokens": 1000, "completion_tokens": 100}}}}  # fmt: skip
    (run,) = run_import(
        store, tmp_path, written(tmp_path / "in.jsonl", asked), written(tmp_path / "out.jsonl", answered)
    )

    with store.reading() as tx:
        (proposal,) = proposals(tx)
    assert (run.format, run.added) == ("openai_batch", 1)
    assert proposal.sample == SYSTEM
    assert proposal.cost_jpy == Decimal("0.225000"), "batch: 1 and 5 dollars per million, half of standard"


def test_a_call_without_a_price_is_priced_later_by_new_lines(store: Store, tmp_path: Path) -> None:
    own = line(1)
    own["request"] = {**line(1)["request"], "model": "acme-chat"}  # type: ignore[dict-item]
    own["response"] = {**line(1)["response"], "model": "acme-chat"}  # type: ignore[dict-item]
    run_import(store, tmp_path, written(tmp_path / "a.jsonl", own, line(2)))
    assert whole(store) == (2, Decimal("0.420000"))

    overrides = tmp_path / "prices.toml"
    overrides.write_text(
        '[[price]]\nprovider = "*"\nmodel = "acme-chat"\ncurrency = "JPY"\nvalid_from = 2026-04-01\nsource = "契約"\n'
        "input = 100\noutput = 500\n", "utf-8",
    )  # fmt: skip
    book = ensure_book(store, NOW, overrides)
    rates = rates_in_use(store, NOW, "TTM", {"USD": Decimal("150")})
    for _ in range(2):
        reprice(store, NOW + timedelta(minutes=1), book, "test", "契約単価を入れた", rates.on, is_only_open=True)

    assert whole(store) == (2, Decimal("0.560000")), "1,200 × 100 + 40 × 500 per million = 0.14 yen more"
    with store.reading() as tx:
        assert gaps(tx).unpriced == 0
        kept = {row[0] for row in tx.execute("SELECT model FROM calls_calls")}
        counted = {t.model for t in totals(tx, "month", date(2026, 11, 1), date(2026, 11, 1), ["model"]) if t.calls}
        lines = tx.execute(
            "SELECT kind, calls, state FROM ledger_entries WHERE model = 'acme-chat' ORDER BY booked_at, calls"
        )
        assert lines.fetchall() == [("attempt", 1, "unpriced"), ("repriced", -1, "unpriced"), ("repriced", 1, "priced")]
    assert kept == counted, "a page that lists the calls of a model finds those its sum counts"


def test_odd_values_break_no_batch(store: Store, tmp_path: Path) -> None:
    odd = line(1, latency_ms=10**14, headers={"X-Jitsuri-Thread": "a\x00b", "X-Jitsuri-Task": "\ud800"})
    odd["metadata"] = {"app": "\x00", "note": "\udfff"}
    odd["response"] = {**line(1)["response"], "service_tier": "\x00"}  # type: ignore[dict-item]
    log = tmp_path / "na\udce3me.jsonl"
    log.write_text(
        "\n".join(json.dumps(x) for x in (odd, line(2, latency_ms=-5), line(3, status=10**12))) + "\n", "utf-8"
    )

    (run,) = run_import(store, tmp_path, log)
    assert run.added + run.broken == 3
    assert run.added >= 2
