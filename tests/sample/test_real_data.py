"""Real data: turned into lines faithfully, and priced by hand formulas that Jitsuri has no part in."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
import real_data
import real_logs

from jitsuri.calls.rules.reading import plan_reading, read_record
from jitsuri.calls.shapes import Fault, Logged
from jitsuri.calls.wire.opening import open_log, read_mapping

NOW = datetime(2026, 11, 22, tzinfo=UTC)
RATE = Decimal("153.20")


@pytest.fixture
def data() -> Path:
    folder = real_logs.data_folder()
    if folder is None:
        pytest.skip("JITSURI_DATA does not name the folder of the real data")
    return folder


def read(path: Path, mapping: Path | None = None) -> list[Logged]:
    with open_log(path) as log:
        reading = plan_reading(
            log.layout, log.head, log.header, now=NOW, mapping=read_mapping(mapping) if mapping else None
        )
        calls = []
        for number, raw in log:
            call = raw if isinstance(raw, Fault) else read_record(number, raw, reading)
            assert isinstance(call, Logged), call
            calls.append(call)
        return calls


def test_one_entry_is_rounded_once_half_up() -> None:
    # (374 × 10 + 44 × 30) ÷ 1,000,000 = 0.00506 dollars; × 153.20 = 0.775192 yen
    assert real_data.entry_cost(374, 44, "gpt-4-turbo", RATE) == (Decimal("0.00506"), Decimal("0.775192"))
    # (1 × 0.3 + 0 × 2.5) ÷ 1,000,000 = 0.0000003 dollars; × 155 = 0.0000465 yen, up to 0.000047
    assert real_data.entry_cost(1, 0, "gemini-2.5-flash", Decimal(155)) == (Decimal("0.0000003"), Decimal("0.000047"))


def test_a_call_of_a_data_row_becomes_one_line() -> None:
    call = real_logs.ReportedCall("jfinqa-x", "nr_1", "問", "答", "gpt-5.4-mini", "R1", 482, 1973, 11_671)

    line = real_logs.openai_line(call, datetime(2026, 4, 15, 0, 0, 10, tzinfo=UTC))

    assert json.loads(json.dumps(line)) == {
        "timestamp": "2026-04-15T00:00:10+00:00",
        "metadata": {"task": "jfinqa-x", "run": "R1", "prompt_id": "nr_1"},
        "request": {"model": "gpt-5.4-mini", "messages": [{"role": "user", "content": "問"}]},
        "response": {
            "id": "chatcmpl-jfinqa-nr_1-gpt-5.4-mini-R1",
            "object": "chat.completion",
            "created": 1_776_211_210,
            "model": "gpt-5.4-mini",
            "choices": [{"index": 0, "message": {"role": "assistant", "content": "答"}, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 482, "completion_tokens": 1973, "total_tokens": 2455},
        },
        "latency_ms": 11_671,
    }


def test_a_start_without_zone_or_data_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="time zone"):
        real_logs.write_jfinqa(tmp_path, tmp_path, datetime(2026, 4, 15))
    with pytest.raises(FileNotFoundError):
        real_logs.write_jfinqa(tmp_path, tmp_path, datetime(2026, 4, 15, tzinfo=UTC))


@pytest.mark.real
def test_jfinqa_becomes_six_hundred_calls_with_the_reported_tokens(data: Path, tmp_path: Path) -> None:
    start = datetime(2026, 4, 15, 0, 0, tzinfo=UTC)

    calls = read(real_logs.write_jfinqa(data, tmp_path, start))

    assert len({call.external_id for call in calls}) == len(calls) == 600
    assert (calls[0].at, calls[-1].at) == (start, datetime(2026, 4, 15, 1, 39, 50, tzinfo=UTC))
    assert Counter((c.model_asked, c.provider, c.metadata["run"]) for c in calls) == {
        ("gpt-5.4-mini", "openai", "R0"): 150,
        ("gpt-5.4-mini", "openai", "R1"): 150,
        ("gemini-2.5-flash", "google", "R0"): 150,
        ("gemini-2.5-flash", "google", "R1"): 150,
    }
    assert Counter(c.task for c in calls) == {
        "jfinqa-consistency-checking": 116,
        "jfinqa-numerical-reasoning": 336,
        "jfinqa-temporal-reasoning": 148,
    }
    assert sum(c.usage.input_tokens for c in calls) == 320_316
    assert sum(c.usage.output_tokens for c in calls) == 211_482


@pytest.mark.real
@pytest.mark.slow
def test_the_azure_trace_is_read_by_its_mapping(data: Path) -> None:
    mapping = Path(real_logs.__file__).with_name("azure_trace.toml")

    calls = read(data / "traces" / "AzureLLMInferenceTrace_conv.csv", mapping)

    assert len(calls) == 19_366
    assert sum(c.usage.input_tokens for c in calls) == 22_361_870
    assert sum(c.usage.output_tokens for c in calls) == 4_088_665
    assert calls[0].at == datetime(2023, 11, 16, 18, 15, 46, 680_590, tzinfo=UTC)
    assert {(c.model_asked, c.provider, c.task) for c in calls} == {("gpt-4-turbo", "openai", "azure-conversation")}


@pytest.mark.real
def test_the_expected_totals_of_jfinqa(data: Path) -> None:
    whole = real_data.overall(real_data.expected(real_data.jfinqa_rows(data), RATE))

    # gpt-5.4-mini 155,060 in, 92,818 out: 0.533976 dollars; gemini-2.5-flash 165,256 in, 118,664 out: 0.3462368
    assert whole.cost_usd == Decimal("0.533976") + Decimal("0.3462368")
    assert abs(whole.cost_jpy - whole.cost_usd * RATE) <= 600 * Decimal("0.0000005")
    assert whole.cost_jpy == Decimal("134.848609")


@pytest.mark.real
def test_the_expected_totals_of_the_trace(data: Path) -> None:
    whole = real_data.overall(real_data.expected(real_data.trace_rows(data), RATE))

    # 22,361,870 × 10 + 4,088,665 × 30 = 346,278,650 millionths of a dollar; every entry is a whole number of them
    assert (whole.calls, whole.cost_usd) == (19_366, Decimal("346.27865"))
    assert whole.cost_jpy == Decimal("53049.889180")
