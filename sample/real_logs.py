"""Turn real public data, kept outside this project, into log lines that ``jitsuri import`` reads.

The data lies in a folder of the reader's own (environment variable ``JITSURI_DATA``); nothing of it is copied
into the project, and what is written here goes to a folder that the caller names.

``jfinqa`` (ajtgjmdjp/jfinqa, Apache-2.0 / PDL 1.0): 600 real calls of two models with the tokens that the API
reported (``token_source`` "reported by API (output incl. thinking)"). What the data does not have, and what is
therefore made up here and nowhere else:

* **the time**: one call per ten seconds from a start that the caller hands in, in the order of the file;
* **the response's id**: derived from question, model and run.

Reported completion tokens include hidden thinking and are not split, so no reasoning count is written.

The Azure trace (Azure/AzurePublicDataset, CC BY 4.0) is a CSV and is imported as it is, by the mapping
``sample/azure_trace.toml``.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path

REPORTED = "reported"
"""How ``token_source`` begins where the API itself counted the tokens."""

SECONDS_BETWEEN_CALLS = 10

COLUMNS = ("task", "prompt_id", "prompt", "answer", "model", "prompt_tokens", "completion_tokens", "token_source")


@dataclass(frozen=True, slots=True)
class ReportedCall:
    """One row whose tokens the API reported."""

    task: str
    """Jitsuri's task name: ``jfinqa-`` and the data's task with hyphens."""
    prompt_id: str
    prompt: str
    answer: str
    model: str
    """The model's name without the run."""
    run: str
    """``R0`` or ``R1``: what stands in brackets behind the model's name."""
    prompt_tokens: int
    completion_tokens: int
    latency_ms: int


def data_folder() -> Path | None:
    """The folder of real data named by ``JITSURI_DATA``; None where the variable is absent or names nothing."""
    named = os.environ.get("JITSURI_DATA", "")
    return Path(named) if named and Path(named).is_dir() else None


def reported_calls(parquet: Path) -> Iterator[ReportedCall]:
    """The 600 calls of ``outcomes/jfinqa.parquet`` with reported tokens, in the order of the file."""
    from arro3.io import read_parquet

    table = read_parquet(str(parquet)).read_all()
    names = (*COLUMNS, "latency_s")
    columns = [table.column(name).to_pylist() for name in names]
    for values in zip(*columns, strict=True):
        row = dict(zip(names, values, strict=True))
        if not str(row["token_source"]).startswith(REPORTED):
            continue
        model, _, bracket = str(row["model"]).partition(" [")
        yield ReportedCall(
            task="jfinqa-" + str(row["task"]).replace("_", "-"),
            prompt_id=str(row["prompt_id"]),
            prompt=str(row["prompt"]),
            answer=str(row["answer"]),
            model=model,
            run=bracket.rstrip("]"),
            prompt_tokens=int(row["prompt_tokens"]),
            completion_tokens=int(row["completion_tokens"]),
            latency_ms=_milliseconds(row["latency_s"]),
        )


def _milliseconds(seconds: float) -> int:
    exact = Decimal(repr(seconds)) * 1000
    return int(exact.quantize(Decimal(1), rounding=ROUND_HALF_UP))


def openai_line(call: ReportedCall, at: datetime) -> dict[str, object]:
    """The call as one OpenAI-shaped log line made at ``at``."""
    return {
        "timestamp": at.isoformat(),
        "metadata": {"task": call.task, "run": call.run, "prompt_id": call.prompt_id},
        "request": {"model": call.model, "messages": [{"role": "user", "content": call.prompt}]},
        "response": {
            "id": f"chatcmpl-jfinqa-{call.prompt_id}-{call.model}-{call.run}",
            "object": "chat.completion",
            "created": int(at.timestamp()),
            "model": call.model,
            "choices": [
                {"index": 0, "message": {"role": "assistant", "content": call.answer}, "finish_reason": "stop"}
            ],
            "usage": {
                "prompt_tokens": call.prompt_tokens,
                "completion_tokens": call.completion_tokens,
                "total_tokens": call.prompt_tokens + call.completion_tokens,
            },
        },
        "latency_ms": call.latency_ms,
    }


def write_jfinqa(data: Path, out: Path, start: datetime) -> Path:
    """Write ``out/jfinqa.jsonl`` from ``data/outcomes/jfinqa.parquet``; the first call is made at ``start``.

    Raises ValueError when ``start`` knows no zone, FileNotFoundError when the data is not there.
    """
    if start.tzinfo is None:
        raise ValueError("start must know its time zone")
    parquet = data / "outcomes" / "jfinqa.parquet"
    if not parquet.is_file():
        raise FileNotFoundError(parquet)
    out.mkdir(parents=True, exist_ok=True)
    target = out / "jfinqa.jsonl"
    step = timedelta(seconds=SECONDS_BETWEEN_CALLS)
    with target.open("w", encoding="utf-8", newline="\n") as file:
        for number, call in enumerate(reported_calls(parquet)):
            file.write(json.dumps(openai_line(call, start + number * step), ensure_ascii=False) + "\n")
    return target


def main() -> None:
    parser = argparse.ArgumentParser(description="Write the 600 reported calls of jfinqa as an OpenAI-shaped log.")
    parser.add_argument("--out", type=Path, required=True, help="folder to write jfinqa.jsonl to")
    parser.add_argument("--data", type=Path, help="folder of the real data (default: JITSURI_DATA)")
    parser.add_argument(
        "--start",
        type=datetime.fromisoformat,
        default="2026-04-15T09:00:00+09:00",
        help="time of the first call; the data has none (default: %(default)s)",
    )
    given = parser.parse_args()
    data = given.data or data_folder()
    if data is None:
        parser.error("no data: set JITSURI_DATA to the folder that holds outcomes/jfinqa.parquet, or give --data")
    print(write_jfinqa(data, given.out, given.start))


if __name__ == "__main__":
    main()
