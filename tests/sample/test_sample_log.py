"""The sample log is what it says: enough, varied, repeatable, harmless, readable, with its truth."""

from __future__ import annotations

import csv
import gzip
import hashlib
import json
import re
import subprocess
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
import write_log
from company.counting import tokens
from genai_prices import Usage, calc_price
from near_duplicates import surviving_by_task

from jitsuri.calls.rules.joining import batch_requests
from jitsuri.calls.rules.reading import plan_reading, read_record
from jitsuri.calls.shapes import Fault, Logged
from jitsuri.calls.wire.opening import open_log

pytestmark = pytest.mark.slow

DIGEST = "9910a79925495df9133cb27a6dec2314e688044ac4f6384d874bff62bc7a0e12"
"""SHA-256 over the names and (unpacked) contents of all files for the default arguments."""

NOW = datetime(2026, 11, 22, 15, 0, tzinfo=UTC)


class Sample:
    """What one run wrote, and what Jitsuri's readers make of it."""

    def __init__(self, folder: Path) -> None:
        begun = time.process_time()
        self.contents: dict[str, Any] = write_log.write(folder)
        self.seconds = time.process_time() - begun
        self.folder = folder
        self.truth = [json.loads(line) for line in (folder / "truth.jsonl").read_text("utf-8").split("\n") if line]
        self.read = {name: list(self._read(name)) for name in self.contents["files"]}

    def _read(self, name: str) -> Iterator[Logged | Fault]:
        with open_log(self.folder / "calls" / "batch-input.jsonl") as log:
            requests = batch_requests(log)
        with open_log(self.folder / "calls" / name) as log:
            reading = plan_reading(log.layout, log.head, log.header, now=NOW, requests=requests)
            for number, raw in log:
                found = raw if isinstance(raw, Fault) else read_record(number, raw, reading)
                assert found is not None
                yield found

    @property
    def calls(self) -> list[Logged]:
        return [one for found in self.read.values() for one in found if isinstance(one, Logged)]


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Sample:
    return Sample(tmp_path_factory.mktemp("sample"))


def unpacked(path: Path) -> bytes:
    return gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()


def digest(folder: Path) -> str:
    state = hashlib.sha256()
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        state.update(f"{path.relative_to(folder).as_posix()}\n".encode())
        state.update(unpacked(path))
    return state.hexdigest()


def test_there_are_thousands_of_calls_of_ten_tasks(sample: Sample) -> None:
    by_task = Counter(row["task"] for row in sample.truth)

    assert len(sample.calls) >= 2000
    assert len(by_task) == 10
    assert min(by_task.values()) >= 100


def test_most_prompts_of_every_task_survive_the_near_duplicate_filter(sample: Sample) -> None:
    prompts = {row["prompt_id"]: (row["task"], row["prompt"]) for row in sample.truth}

    counts = surviving_by_task(prompts.values())

    assert sum(whole for _, whole in counts.values()) >= 800
    assert {task for task, (kept, whole) in counts.items() if kept * 100 < whole * 70} == set()


def test_the_same_seed_gives_the_recorded_bytes(sample: Sample) -> None:
    assert digest(sample.folder) == DIGEST


def test_another_seed_gives_another_half_year(tmp_path: Path) -> None:
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        write_log.write(tmp_path / name, seed, date(2026, 6, 30), 20)

    assert digest(tmp_path / "a") == digest(tmp_path / "b") != digest(tmp_path / "c")


def test_it_is_written_within_ten_seconds(sample: Sample) -> None:
    assert sample.seconds < 10


def test_every_file_is_read_with_the_faults_that_were_put_in(sample: Sample) -> None:
    told = {name: (facts["calls"], {c: n for c, n in facts["faults"].items() if n})
            for name, facts in sample.contents["files"].items()}  # fmt: skip
    found = {
        name: (
            sum(isinstance(one, Logged) for one in read),
            dict(Counter(one.code for one in read if isinstance(one, Fault))),
        )
        for name, read in sample.read.items()
    }

    assert found == told
    assert found["calls-openai.jsonl"][1] == {"not_json": 1, "usage_missing": 1}


def test_the_formats_are_recognised(sample: Sample) -> None:
    assert {name: {one.source for one in read if isinstance(one, Logged)} for name, read in sample.read.items()} == {
        "calls-openai.jsonl": {"openai"},
        "calls-anthropic.jsonl.gz": {"anthropic"},
        "batch-output.jsonl": {"openai_batch"},
        "litellm-spend.csv": {"litellm"},
        "otlp-traces.json": {"otel"},
    }


def test_some_calls_fail_some_are_cut_and_failures_are_tried_again(sample: Sample) -> None:
    status = Counter(call.status for call in sample.calls)
    http = {call.http_status for call in sample.calls if call.status == "error"}
    tried_again = {row["prompt_id"] for row in sample.truth if row["truth_id"].endswith("-2")}
    failed = {row["prompt_id"] for row in sample.truth if row["ending"] in ("rate_limited", "server_error")}

    assert 20 < status["error"] < len(sample.calls) // 20
    assert 5 < status["cut"] < len(sample.calls) // 100
    assert http >= {400, 429, 500}
    assert tried_again
    assert tried_again <= failed


def test_every_model_was_on_the_price_list_but_the_companys_own(sample: Sample) -> None:
    unpriced = set()
    for call in sample.calls:
        model = call.model_answered or call.model_asked
        try:
            calc_price(Usage(input_tokens=1, output_tokens=1), model, provider_id=call.provider or None,
                       genai_request_timestamp=call.at)  # fmt: skip
        except LookupError:
            unpriced.add(model)

    assert unpriced == {"sample-onprem-8b"}


def test_calls_of_gpt_5_6_luna_lie_before_and_after_its_price_cut(sample: Sample) -> None:
    days = [call.at for call in sample.calls if call.model_asked == "gpt-5.6-luna"]

    assert sum(at < datetime(2026, 7, 30, tzinfo=UTC) for at in days) >= 50
    assert sum(at >= datetime(2026, 7, 30, tzinfo=UTC) for at in days) >= 500


def test_about_an_eighth_of_the_calls_name_no_task(sample: Sample) -> None:
    nameless = [call for call in sample.calls if not call.task]
    without_prompt = [call for call in nameless if not call.system_prompt]
    never_named = {facts["name"] for facts in sample.contents["tasks"] if not facts["named_calls"]}

    assert 0.10 < len(nameless) / len(sample.calls) < 0.18
    assert {call.prompt.split("\n")[0] for call in without_prompt} == {
        "以下の作業日報を、生産数・不良数・停止時間(分)・申し送りの四行にまとめてください。"
    }
    assert never_named == {"mail-polish", "daily-report", "drawing-check"}


def test_nameless_calls_of_a_named_task_bear_its_instruction(sample: Sample) -> None:
    prompts = defaultdict(set)
    for call in sample.calls:
        prompts[call.task].add(call.system_prompt)
    named = {task: prompts[task] for task in ("inquiry-triage", "minutes-summary", "defect-report")}

    assert [len(own) for own in named.values()] == [1, 1, 1]
    assert all(own <= prompts[""] for own in named.values())


def test_conversations_hang_together(sample: Sample) -> None:
    calls = [call for call in sample.calls if call.status != "error"]
    answers = {call.response_id for call in calls}
    followed = [call.previous_response_id for call in calls if call.previous_response_id]
    threads = Counter(call.trace for call in calls if call.trace.startswith("defect-report-"))

    assert len(followed) >= 100
    assert set(followed) <= answers
    assert len(threads) >= 200
    assert max(threads.values()) == 3


def test_the_company_works_on_business_days_in_japan(sample: Sample) -> None:
    holidays = {
        "04-29",
        "05-04",
        "05-05",
        "05-06",
        "07-20",
        "08-11",
        "08-12",
        "09-21",
        "09-22",
        "09-23",
        "10-12",
        "11-03",
    }
    moments = [datetime.fromisoformat(row["at"]) for row in sample.truth]

    assert {at.utcoffset().total_seconds() for at in moments if at.utcoffset()} == {9 * 3600}
    assert {at.weekday() for at in moments} == {0, 1, 2, 3, 4}
    assert not holidays & {f"{at:%m-%d}" for at in moments}
    assert min(at.hour for at in moments) >= 6
    assert (min(moments).date(), max(moments).date()) == (date(2026, 4, 1), date(2026, 11, 20))


def test_tasks_grow_each_in_its_own_way(sample: Sample) -> None:
    months = Counter((row["task"], row["at"][:7]) for row in sample.truth)
    triage = [months["inquiry-triage", f"2026-{month:02d}"] for month in (4, 6, 9, 10)]
    rules = [months["rule-questions", f"2026-{month:02d}"] for month in (6, 8, 10)]

    assert triage == sorted(triage)
    assert triage[-1] > 5 * triage[0]
    assert rules[0] == 0
    assert rules[1] > rules[2]


def test_long_instructions_are_read_from_the_cache(sample: Sample) -> None:
    by_task = defaultdict(list)
    for call in sample.calls:
        by_task[call.task].append(call.usage)

    assert sum(u.cache_read_tokens > 0 for u in by_task["rule-questions"]) > 30
    assert sum(u.cache_write_tokens > 0 for u in by_task["minutes-summary"]) > 30
    assert all(u.cache_read_tokens == 0 for u in by_task["inquiry-triage"])


def test_the_over_provisioned_task_thinks_more_than_it_answers(sample: Sample) -> None:
    triage = [c.usage for c in sample.calls if c.model_asked == "gpt-6.1-sol" and c.status == "ok"]

    assert len(triage) > 2000
    assert sum(u.reasoning_tokens for u in triage) > 50 * sum(u.output_tokens - u.reasoning_tokens for u in triage)


@pytest.mark.parametrize(
    ("text", "model", "expected"),
    [
        ("納期ABC", "gpt-4o", 3),  # (78 × 2 + 28 × 3) ÷ 100 = 2.40
        ("", "gpt-4o", 0),
        ("あ" * 100, "gpt-4o", 78),
        ("あ" * 100, "claude-sonnet-5", 90),  # 78 × 1.15 = 89.7
        ("a" * 1000, "gemini-3.8-flash", 258),  # 280 × 0.92 = 257.6
    ],
)
def test_tokens_follow_the_stated_rule(text: str, model: str, expected: int) -> None:
    assert tokens(text, model) == expected


def test_input_tokens_follow_from_the_texts(sample: Sample) -> None:
    plain = next(c for c in sample.calls if c.task == "inquiry-triage" and c.status == "ok")

    assert plain.usage.input_tokens == 3 + 4 + tokens(plain.system_prompt, "gpt-4o") + 4 + tokens(
        plain.prompt, "gpt-4o"
    )


def test_whether_an_answer_is_right_follows_from_the_truth(sample: Sample) -> None:
    recorded = dict(answers(sample.folder / "calls"))
    rows = [row for row in sample.truth if row["is_right"] is not None and row["truth_id"] in recorded]

    assert len(rows) > 10_000
    assert [
        row["truth_id"] for row in rows if (recorded[row["truth_id"]] == row["truth"]["answer"]) != row["is_right"]
    ] == []
    assert all(bool(row["fault"]) != row["is_right"] for row in rows)


def test_harder_pieces_and_smaller_models_are_wrong_more_often(sample: Sample) -> None:
    wrong: Counter[tuple[str, str]] = Counter()
    whole: Counter[tuple[str, str]] = Counter()
    for row in sample.truth:
        if row["is_right"] is not None and row["task"] == "inquiry-triage":
            whole[row["model"], row["difficulty"]] += 1
            wrong[row["model"], row["difficulty"]] += not row["is_right"]
    share = {key: wrong[key] / whole[key] for key in whole}

    assert share["gpt-4o", "easy"] < share["gpt-4o", "medium"] < share["gpt-4o", "hard"]
    assert share["gpt-6.1-sol", "hard"] < share["gpt-4o", "hard"]


def answers(folder: Path) -> Iterator[tuple[str, str]]:
    """``(truth id, answer)`` of the answers in the two main logs, read here without Jitsuri's readers."""
    for name in ("calls-openai.jsonl", "calls-anthropic.jsonl.gz"):
        for text in unpacked(folder / name).decode().split("\n"):
            try:
                line = json.loads(text)
            except json.JSONDecodeError:
                continue
            response = line["response"]
            if isinstance(response, list) or "error" in response:
                continue
            if "choices" in response:
                answer = response["choices"][0]["message"]["content"]
            else:
                answer = (response["output"][0] if "output" in response else response)["content"][0]["text"]
            yield line["metadata"]["truth_id"], answer


# -- harmless


def check_digit_fits_my_number(digits: str) -> bool:
    """総務省令第85号 第5条 (2014): eleven digits and a check digit."""
    weights = (6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2)
    rest = sum(int(d) * w for d, w in zip(digits, weights, strict=False)) % 11
    return int(digits[11]) == (0 if rest <= 1 else 11 - rest)


def check_digit_fits_corporate_number(digits: str) -> bool:
    """財務省令 (法人番号の指定等, 第2条): a check digit and twelve digits."""
    weights = (2, 1) * 6
    return int(digits[0]) == 9 - sum(int(d) * w for d, w in zip(digits[1:], weights, strict=True)) % 9


def check_digit_fits_card(digits: str) -> bool:
    """ISO/IEC 7812-1, Annex B (Luhn)."""
    doubled = [int(d) * (2 if place % 2 else 1) for place, d in enumerate(reversed(digits))]
    return sum(value // 10 + value % 10 for value in doubled) % 10 == 0


def looks_personal(run: str) -> bool:
    size = len(run)
    return (
        (size == 12 and check_digit_fits_my_number(run))
        or (size == 13 and check_digit_fits_corporate_number(run))
        or (13 <= size <= 19 and check_digit_fits_card(run))
    )


def test_the_check_digit_tests_know_valid_numbers() -> None:
    def fitting(test: Callable[[str], bool], form: str) -> list[int]:
        """Which digits fit at the place of the question mark: the valid numbers themselves stand nowhere."""
        return [digit for digit in range(10) if test(form.replace("?", str(digit)))]

    assert fitting(check_digit_fits_my_number, "12345678901?") == [8]
    assert fitting(check_digit_fits_corporate_number, "?000012050002") == [7]  # 国税庁
    assert fitting(check_digit_fits_card, "411111111111111?") == [1]


def test_no_number_could_be_a_persons_a_companys_or_a_cards(sample: Sample) -> None:
    found = set()
    for path in sorted(p for p in sample.folder.rglob("*") if p.is_file()):
        text = unpacked(path).decode("cp932" if path.name == "litellm-spend.csv" else "utf-8")
        for run in re.findall(r"\d{12,}", text) + [
            re.sub(r"\D", "", run) for run in re.findall(r"\d(?:[- ]?\d){11,}", text)
        ]:
            if looks_personal(run):
                found.add((path.name, run))

    assert found == set()


def test_hosts_and_addresses_lie_below_example_jp(sample: Sample) -> None:
    hosts: set[str] = set()
    for path in sorted(p for p in sample.folder.rglob("*") if p.is_file()):
        text = unpacked(path).decode("cp932" if path.name == "litellm-spend.csv" else "utf-8")
        hosts |= set(re.findall(r"https?://([\w.-]+)", text))
        hosts |= set(re.findall(r"[A-Za-z0-9._-]+@([A-Za-z0-9.-]+)", text))
        hosts |= set(re.findall(r"\b((?:[a-z0-9-]+\.)+(?:com|net|org|co\.jp|ne\.jp|or\.jp))\b", text))

    assert hosts
    assert {host for host in hosts if not host.endswith(".example.jp")} == set()


def test_telephone_numbers_cannot_be_assigned(sample: Sample) -> None:
    text = (sample.folder / "truth.jsonl").read_text("utf-8")
    numbers = set(re.findall(r"(?<![\d-])0\d{1,3}-\d{2,4}-\d{4}(?![\d-])", text))

    assert len(numbers) > 500
    assert {number for number in numbers if not re.match(r"(03|06|090)-0000-|052-000-", number)} == set()


# -- beside the calls


def test_the_spend_log_is_shift_jis(sample: Sample) -> None:
    raw = (sample.folder / "calls" / "litellm-spend.csv").read_bytes()

    with pytest.raises(UnicodeDecodeError):
        raw.decode("utf-8")
    assert "社内通知" in raw.decode("cp932")


def test_rates_are_marked_as_sample_and_lie_in_their_span(sample: Sample) -> None:
    with (sample.folder / "rates.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))

    assert len(rows) > 150
    assert all("見本" in row["source"] for row in rows)
    assert all(150 <= float(row["TTM"]) <= 157 for row in rows)
    assert all(round(float(row["TTS"]) - float(row["TTM"]), 2) == 1 for row in rows)


def test_departments_of_the_calls_stand_in_the_tree(sample: Sample) -> None:
    with (sample.folder / "departments.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    codes = {row["code"] for row in rows}

    assert {call.department for call in sample.calls} - {""} <= codes
    assert {row["parent"] for row in rows} - {""} <= codes
    assert [row["valid_from"] for row in rows if row["code"] == "qa"] == ["2026-04-01", "2026-10-01"]


def test_the_command_writes_what_it_is_asked_for(tmp_path: Path) -> None:
    script = Path(write_log.__file__)
    told = subprocess.run(
        [sys.executable, str(script), "--out", str(tmp_path / "x"), "--until", "2026-04-10", "--scale", "50"],
        check=True, capture_output=True, text=True, encoding="utf-8",
    ).stdout  # fmt: skip
    refused = subprocess.run(
        [sys.executable, str(script), "--out", str(tmp_path / "y"), "--until", "2027-04-10"],
        check=False, capture_output=True, text=True, encoding="utf-8",
    )  # fmt: skip

    assert "calls-openai.jsonl" in told
    assert (tmp_path / "x" / "calls" / "batch-output.jsonl").read_bytes() == b""
    assert refused.returncode == 2
    assert "until must be from 2026-04-01 to 2026-12-28" in refused.stderr
    assert not (tmp_path / "y").exists()
