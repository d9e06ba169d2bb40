"""The sample's student and rules answer what they have not seen, and are scored against truth that they never read."""

from __future__ import annotations

import json
import random
import re
import tomllib
from collections import Counter
from pathlib import Path
from typing import Any

import answer_inquiries
import pytest
import write_log
from answer_inquiries import RULES, STUDENT, Done
from near_duplicates import grams, is_near

pytestmark = pytest.mark.slow

LOGS_SCALE = 40
"""Percent of the sample: enough to teach, a third of the time."""


def fields(done: Done, *names: str) -> list[tuple[Any, ...]]:
    return [tuple(row[name] for name in names) for row in done.rows]


def right(done: Done, model: str) -> float:
    scores = [int(str(row["score"])) for row in done.rows if row["model"] == model]
    return sum(scores) / len(scores)


@pytest.fixture(scope="module")
def logs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("answer-inquiries")
    write_log.write(folder, scale_percent=LOGS_SCALE)
    return folder


@pytest.fixture(scope="module")
def done(logs: Path) -> Done:
    return answer_inquiries.write(logs, logs / "outcomes.jsonl", with_difficulty=logs / "known.jsonl")


def copy_with(
    logs: Path, out: Path, *, truth: dict[str, str] | None = None, recorded: dict[str, str] | None = None
) -> Path:
    """The same logs with other truths, or other recorded answers, for the prompt ids named."""
    (out / "calls").mkdir(parents=True)
    rows = [json.loads(line) for line in (logs / "truth.jsonl").read_text("utf-8").splitlines()]
    for row in rows:
        if truth and row["prompt_id"] in truth:
            row["truth"]["class"] = truth[row["prompt_id"]]
    (out / "truth.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    lines = []
    for line in (logs / answer_inquiries.LOG).read_text("utf-8").splitlines():
        found = re.search(r'"prompt_id":"(inquiry-triage-[^"]+)"', line)
        if recorded and found and found[1] in recorded and '"choices"' in line:
            call = json.loads(line)
            call["response"]["choices"][0]["message"]["content"] = recorded[found[1]]
            line = json.dumps(call)
        lines.append(line + "\n")
    (out / answer_inquiries.LOG).write_text("".join(lines), "utf-8")
    return out


def test_training_and_held_share_no_prompt_and_no_near_duplicate(done: Done) -> None:
    parts = done.parts
    assert {one.prompt_id for one in parts.training}.isdisjoint(one.prompt_id for one in parts.held)
    assert len(parts.training) + len(parts.held) + parts.near_duplicates == parts.read

    seen = [grams(one.prompt) for one in parts.training]
    by_gram: dict[str, list[int]] = {}
    for place, one in enumerate(seen):
        for gram in one:
            by_gram.setdefault(gram, []).append(place)
    for one in parts.held:
        own = grams(one.prompt)
        shared = Counter(place for gram in own for place in by_gram.get(gram, ()))
        assert not any(is_near(own, seen[place]) for place, n in shared.items() if 5 * n > 3 * len(own)), one.prompt_id


def test_a_near_duplicate_of_a_held_inquiry_is_in_no_part(done: Done) -> None:
    inquiries = sorted([*done.parts.training, *done.parts.held], key=lambda one: (one.at, one.prompt_id))
    held = done.parts.held[0]
    echo = answer_inquiries.Inquiry(
        "inquiry-triage-99999-1", held.prompt + "。", "2026-11-22", held.model, held.answer, 1, 1, 1
    )

    parts = answer_inquiries.split([*inquiries, echo])

    assert echo not in [*parts.training, *parts.held]
    assert [one.prompt_id for one in parts.held] == [one.prompt_id for one in done.parts.held]


def test_only_what_todays_model_answered_is_held(done: Done) -> None:
    assert done.parts.today == "gpt-6.1-sol"
    assert {one.model for one in done.parts.held} == {"gpt-6.1-sol"}
    assert {one.model for one in done.parts.training} == {"gpt-6.1-sol", "gpt-4o"}
    whole = len(done.parts.held) + sum(one.model == "gpt-6.1-sol" for one in done.parts.training)
    assert 0.4 < len(done.parts.held) / whole < 0.6


def test_another_seed_holds_back_others(done: Done) -> None:
    inquiries = sorted([*done.parts.training, *done.parts.held], key=lambda one: (one.at, one.prompt_id))

    other = answer_inquiries.split(inquiries, seed=1)

    assert {one.prompt_id for one in other.held} != {one.prompt_id for one in done.parts.held}


def test_the_same_logs_give_the_same_answers(logs: Path, done: Done, tmp_path: Path) -> None:
    again = answer_inquiries.write(logs, tmp_path / "again.jsonl")

    names = [name for name in done.rows[0] if name != "latency_ms"]
    assert fields(again, *names) == fields(done, *names)


def test_the_file_holds_the_rows(logs: Path, done: Done) -> None:
    written = [json.loads(line) for line in (logs / "outcomes.jsonl").read_text("utf-8").splitlines()]

    assert written == done.rows
    assert Counter(row["model"] for row in written) == dict.fromkeys(
        ("gpt-6.1-sol", STUDENT, RULES), len(done.parts.held)
    )


def test_what_only_the_makers_know_stands_in_a_table_of_its_own(logs: Path, done: Done) -> None:
    known = [json.loads(line) for line in (logs / "known.jsonl").read_text("utf-8").splitlines()]

    assert "difficulty" not in done.rows[0]
    assert {row.pop("difficulty") for row in known} == {"easy", "medium", "hard"}
    assert known == done.rows


def test_scores_and_critical_errors_are_what_the_truth_says(logs: Path, done: Done) -> None:
    truth = {
        row["prompt_id"]: (row["truth"]["class"], row["is_right"])
        for line in (logs / "truth.jsonl").read_text("utf-8").splitlines()
        if (row := json.loads(line))["task"] == "inquiry-triage" and row["ending"] == "ok"
    }
    for row in done.rows:
        known, was_right = truth[row["prompt_id"]]  # type: ignore[index]
        assert row["score"] == int(row["answer"] == known)
        assert row["critical"] == (known == "不具合・苦情" and row["answer"] != known)
        if row["model"] == "gpt-6.1-sol":
            assert row["score"] == int(was_right)


def test_tokens_are_the_logs_and_none_without_a_model(done: Done) -> None:
    recorded = {one.prompt_id: one for one in done.parts.held}
    for row in done.rows:
        one = recorded[str(row["prompt_id"])]
        spent = (one.prompt_tokens, one.completion_tokens) if row["model"] == "gpt-6.1-sol" else (0, 0)
        assert (row["prompt_tokens"], row["completion_tokens"]) == spent
        assert (row["confidence"] is not None) == (row["model"] == STUDENT)


def test_the_student_is_better_than_the_rules_and_they_than_the_commonest_class(done: Done, logs: Path) -> None:
    truth = answer_inquiries.truths(logs)
    commonest = Counter(truth[one.prompt_id] for one in done.parts.held).most_common(1)[0][1] / len(done.parts.held)

    assert right(done, STUDENT) > right(done, RULES) > commonest


def test_shuffled_truth_changes_scores_and_no_answer(logs: Path, done: Done, tmp_path: Path) -> None:
    ids = [one.prompt_id for one in done.parts.held]
    truth = answer_inquiries.truths(logs)
    shuffled = [truth[prompt_id] for prompt_id in ids]
    random.Random(1).shuffle(shuffled)

    other = answer_inquiries.write(
        copy_with(logs, tmp_path / "logs", truth=dict(zip(ids, shuffled, strict=True))), tmp_path / "o.jsonl"
    )

    names = ("prompt_id", "model", "answer", "confidence")
    assert fields(other, *names) == fields(done, *names)
    assert right(other, STUDENT) < right(done, STUDENT) / 2


def test_other_recorded_answers_of_the_held_part_teach_nothing(logs: Path, done: Done, tmp_path: Path) -> None:
    wrong = {one.prompt_id: "その他" for one in done.parts.held}

    other = answer_inquiries.write(copy_with(logs, tmp_path / "logs", recorded=wrong), tmp_path / "o.jsonl")

    for model in (STUDENT, RULES):
        own = [[row["answer"] for row in one.rows if row["model"] == model] for one in (other, done)]
        assert own[0] == own[1]
    assert {row["answer"] for row in other.rows if row["model"] == "gpt-6.1-sol"} == {"その他"}


def test_other_recorded_answers_of_the_training_part_teach_something_else(
    logs: Path, done: Done, tmp_path: Path
) -> None:
    """The mutant of the tests above: they could not pass if nothing were read at all."""
    renamed = {one.prompt_id: "その他" for one in done.parts.training if one.answer == "納期確認"}

    other = answer_inquiries.write(copy_with(logs, tmp_path / "logs", recorded=renamed), tmp_path / "o.jsonl")

    assert "納期確認" in {row["answer"] for row in done.rows if row["model"] == STUDENT}
    assert "納期確認" not in {row["answer"] for row in other.rows if row["model"] == STUDENT}


def test_quoted_lines_are_not_read() -> None:
    answer = answer_inquiries.ruled()

    assert answer("> 不良が出ました\n請求書を送ってください") == ("請求・支払", None)
    assert answer("よろしくお願いします") == ("その他", None)


def test_the_rules_know_the_classes_of_the_task() -> None:
    table = tomllib.loads(answer_inquiries.RULE_FILE.read_text("utf-8"))
    texts = tomllib.loads((answer_inquiries.RULE_FILE.parent / "inquiry.toml").read_text("utf-8"))
    classes = [texts["labels"][key] for key in texts["order"]["first_wins"]]

    assert [*(rule["class"] for rule in table["rules"]), table["otherwise"]] == classes


def test_channels_are_those_of_the_first_line() -> None:
    assert [
        answer_inquiries.channel(text)
        for text in ("件名: 至急\n\n…", "電話メモ 10:30\n…", "【お名前】佐藤 様\n…", "佐藤です。納期は?")
    ] == ["mail", "phone", "form", "short"]


def test_the_summary_counts_what_was_done(done: Done) -> None:
    for lang in ("ja", "en"):
        told = "\n".join(answer_inquiries.summary(done, lang))
        assert f"{len(done.parts.held):,}" in told
        assert f"{100 * right(done, STUDENT):.1f} %" in told
