"""What it costs to read one record: bytes → call, id and prompt group, in µs of one core, per format.

    python bench/reading.py [--records 20000]

Everything here is made up. Measured on one core without the database: what an import pays before it writes. The whole
path is also measured from a file (opening, unpacking, splitting included).
"""

from __future__ import annotations

import argparse
import gzip
import json
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from jitsuri.calls.rules.identifying import call_id, group_of, thread_key
from jitsuri.calls.rules.reading import plan_reading, read_record
from jitsuri.calls.shapes import CallGroup, Fault, Layout, Logged
from jitsuri.calls.wire.opening import open_log

NOW = datetime(2026, 11, 22, tzinfo=UTC)
START = datetime(2026, 11, 1, tzinfo=UTC)
SYSTEM = "届いた問合せを十二の区分の一つに分け、区分名だけを答えてください。" * 2
QUESTION = "先日の件で確認です。品番 SK-{} の納期と価格を見直せるかを知りたいとのこと。折返しの電話をお願いします。"
ANSWER = "区分は納期確認です。担当と期日を添えます。"


def _usage(n: int) -> dict[str, object]:
    return {
        "prompt_tokens": 300 + n % 50, "completion_tokens": 40, "total_tokens": 340 + n % 50,
        "prompt_tokens_details": {"cached_tokens": 128, "audio_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": 0, "audio_tokens": 0},
    }  # fmt: skip


def _messages(n: int, is_with_system: bool = True) -> list[dict[str, str]]:
    user = {"role": "user", "content": QUESTION.format(n)}
    return [{"role": "system", "content": SYSTEM}, user] if is_with_system else [user]


def openai(n: int) -> dict[str, object]:
    at = START + timedelta(seconds=n)
    return {
        "timestamp": at.isoformat(), "headers": {"X-Jitsuri-Task": "inquiry-triage", "X-Request-Id": f"req-{n:08d}"},
        "metadata": {"department": "D110", "screen": "desk"}, "latency_ms": 800 + n % 300,
        "request": {"model": "gpt-4o-mini", "messages": _messages(n), "temperature": 0.2},
        "response": {
            "id": f"chatcmpl-{n:029d}", "object": "chat.completion", "created": int(at.timestamp()),
            "model": "gpt-4o-mini-2024-07-18", "service_tier": "default",
            "choices": [{"index": 0, "message": {"role": "assistant", "content": ANSWER}, "finish_reason": "stop"}],
            "usage": _usage(n),
        },
    }  # fmt: skip


def openai_template(n: int) -> dict[str, object]:
    line = openai(n)
    return {**line, "request": {"model": "gpt-4o-mini", "messages": _messages(n, is_with_system=False)}}


def anthropic(n: int) -> dict[str, object]:
    return {
        "timestamp": (START + timedelta(seconds=n)).isoformat(),
        "request": {"model": "claude-haiku-5-5", "max_tokens": 500, "system": SYSTEM, "messages": _messages(n, False)},
        "response": {
            "id": f"msg_{n:024d}", "type": "message", "role": "assistant", "model": "claude-haiku-5-5",
            "content": [{"type": "text", "text": ANSWER}], "stop_reason": "end_turn",
            "usage": {"input_tokens": 60, "cache_read_input_tokens": 240, "cache_creation_input_tokens": 0,
                      "output_tokens": 40, "service_tier": "standard"},
        },
    }  # fmt: skip


def litellm(n: int) -> dict[str, object]:
    at = START + timedelta(seconds=n)
    metadata = {"user_api_key_alias": "desk-prod", "user_api_key_team_alias": "D110", "usage_object": _usage(n)}
    return {
        "request_id": f"chatcmpl-{n:029d}", "call_type": "acompletion", "api_key": "9f" * 32, "spend": 0.00012,
        "total_tokens": 340 + n % 50, "prompt_tokens": 300 + n % 50, "completion_tokens": 40,
        "startTime": at.isoformat(), "endTime": (at + timedelta(seconds=1)).isoformat(), "model": "azure/gpt-4o-mini",
        "model_group": "gpt-4o-mini", "custom_llm_provider": "azure", "metadata": json.dumps(metadata),
        "request_tags": '["inquiry"]', "session_id": f"s-{n}", "status": "success", "cache_hit": "False",
        "messages": _messages(n),
    }  # fmt: skip


def langfuse(n: int) -> dict[str, object]:
    at = START + timedelta(seconds=n)
    return {
        "id": f"obs-{n:032d}", "traceId": f"trace-{n:032d}", "type": "GENERATION", "name": "triage",
        "startTime": at.isoformat(), "endTime": (at + timedelta(seconds=1)).isoformat(), "model": "gpt-4o-mini",
        "usageDetails": {"input": 172 + n % 50, "input_cached_tokens": 128, "output": 40, "total": 340 + n % 50},
        "costDetails": {"total": 0.00012}, "metadata": {"department": "D110"}, "level": "DEFAULT",
        "input": {"messages": _messages(n)}, "output": {"role": "assistant", "content": ANSWER},
    }  # fmt: skip


def otel(n: int) -> dict[str, object]:
    nano = int((START + timedelta(seconds=n)).timestamp()) * 10**9
    attributes = {
        "gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai", "gen_ai.request.model": "gpt-4o-mini",
        "gen_ai.response.model": "gpt-4o-mini-2024-07-18", "gen_ai.response.id": f"chatcmpl-{n:029d}",
        "gen_ai.input.messages": json.dumps(_messages(n), ensure_ascii=False), "server.address": "api.openai.com",
    }  # fmt: skip
    counts = {"gen_ai.usage.input_tokens": 300 + n % 50, "gen_ai.usage.output_tokens": 40,
              "gen_ai.usage.cache_read.input_tokens": 128}  # fmt: skip
    listed = [{"key": k, "value": {"stringValue": v}} for k, v in attributes.items()]
    listed += [{"key": k, "value": {"intValue": str(v)}} for k, v in counts.items()]
    return {
        "span": {
            "traceId": f"{n:032x}", "spanId": f"{n:016x}", "name": "chat gpt-4o-mini", "kind": 3,
            "startTimeUnixNano": str(nano), "endTimeUnixNano": str(nano + 10**9), "attributes": listed, "status": {},
        },
        "resource": {"attributes": [{"key": "service.name", "value": {"stringValue": "desk"}}]},
    }  # fmt: skip


WRITERS: dict[str, Callable[[int], dict[str, object]]] = {
    "openai": openai, "openai, no system prompt": openai_template, "anthropic": anthropic, "litellm": litellm,
    "langfuse": langfuse, "otel": otel,
}  # fmt: skip
LITELLM_COLUMNS = ("request_id", "call_type", "api_key", "spend", "total_tokens", "prompt_tokens", "completion_tokens",
                   "startTime", "endTime", "model", "custom_llm_provider", "metadata")  # fmt: skip


def _csv_lines(count: int) -> list[bytes]:
    lines = [",".join(LITELLM_COLUMNS).encode()]
    for n in range(count):
        row = litellm(n)
        lines.append(",".join('"' + str(row[c]).replace('"', '""') + '"' for c in LITELLM_COLUMNS).encode())
    return lines


def _measured(records: Iterator[tuple[int, bytes | Fault]], layout: Layout, head: list[bytes], header: bytes) -> float:
    """Seconds for all of these records, as the import flow goes through them."""
    reading = plan_reading(layout, head, header, now=NOW)
    groups: dict[str, CallGroup] = {}
    begun = time.process_time()
    for number, raw in records:
        call = read_record(number, raw, reading) if isinstance(raw, bytes) else raw
        if not isinstance(call, Logged):
            raise SystemExit(f"{number}: {call}")
        thread_key(call, call_id(call, 0))
        group_of(call, groups)
    return time.process_time() - begun


def _pace() -> float:
    """How fast this core is now: the figures below stand in proportion to it."""
    begun = time.process_time()
    total = 0
    for n in range(10_000_000):
        total += n
    return time.process_time() - begun


def main() -> None:
    parser = argparse.ArgumentParser(description="CPU µs per record, from bytes to call, id, thread and prompt group.")
    parser.add_argument("--records", type=int, default=20_000)
    count = parser.parse_args().records
    print(f"this core: {_pace():.2f} s for ten million additions in Python (0.35 for the figures of decision 0004)")
    print(f"{'format':<28}{'bytes':>7}{'µs/record':>11}")
    with tempfile.TemporaryDirectory() as folder:
        for name, write in WRITERS.items():
            lines = [json.dumps(write(n), ensure_ascii=False, separators=(",", ":")).encode() for n in range(count)]
            took = min(_measured(iter(enumerate(lines, 1)), "lines", lines[:20], b"") for _ in range(3))
            print(f"{name:<28}{len(lines[0]):>7}{took / count * 1e6:>11.1f}")
            if name == "openai":
                _from_files(Path(folder), lines)
        lines = _csv_lines(count)
        took = min(_measured(iter(enumerate(lines[1:], 2)), "table", [], lines[0]) for _ in range(3))
        print(f"{'litellm, csv':<28}{len(lines[1]):>7}{took / count * 1e6:>11.1f}")


def _from_files(folder: Path, lines: list[bytes]) -> None:
    files = {
        "openai, file": (folder / "log.jsonl", b"\n".join(lines)),
        "openai, file.gz": (folder / "log.jsonl.gz", gzip.compress(b"\n".join(lines))),
        "openai, file as JSON array": (folder / "log.json", b"[" + b",".join(lines) + b"]"),
    }
    for name, (path, content) in files.items():
        path.write_bytes(content)
        best = 1e9
        for _ in range(3):
            begun = time.process_time()
            with open_log(path) as log:
                _measured(iter(log), log.layout, list(log.head), log.header)
            best = min(best, time.process_time() - begun)
        print(f"{name:<28}{len(content) // len(lines):>7}{best / len(lines) * 1e6:>11.1f}")


if __name__ == "__main__":
    main()
