"""What may be tried on the sample's student is what it was not taught on, line by line as the log has it."""

from __future__ import annotations

import json
from pathlib import Path

import answer_inquiries
import held_inquiries
import pytest
import write_log
from near_duplicates import grams, is_near

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def logs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("held-inquiries")
    write_log.write(folder, scale_percent=20)
    return folder


def test_the_lines_are_the_logs_own_and_are_those_held_back(logs: Path) -> None:
    count = held_inquiries.write(logs, logs / "held.jsonl")

    lines = (logs / "held.jsonl").read_text("utf-8").splitlines()
    whole = (logs / answer_inquiries.LOG).read_text("utf-8").split("\n")
    parts = answer_inquiries.split(answer_inquiries.answered_inquiries(logs))
    assert count == len(lines) == len(parts.held) > 50
    assert [line for line in whole if line in set(lines)] == lines
    assert {json.loads(line)["metadata"]["prompt_id"] for line in lines} == {one.prompt_id for one in parts.held}


def test_nothing_that_the_student_was_taught_is_near_any_of_them(logs: Path) -> None:
    parts = answer_inquiries.split(answer_inquiries.answered_inquiries(logs))
    taught = [grams(one.prompt) for one in parts.training[:400]]

    assert not {one.prompt_id for one in parts.held} & {one.prompt_id for one in parts.training}
    assert not any(is_near(grams(one.prompt), other) for one in parts.held[:100] for other in taught)


def test_another_seed_holds_others_back(logs: Path) -> None:
    held_inquiries.write(logs, logs / "held.jsonl")
    held_inquiries.write(logs, logs / "other.jsonl", seed=1)

    assert (logs / "held.jsonl").read_bytes() != (logs / "other.jsonl").read_bytes()
