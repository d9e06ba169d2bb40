"""Write the sample log (見本) of 株式会社サンプル精機: calls in six formats, their truth, and the tables beside them.

    python sample/write_log.py --out DIR [--seed 0] [--until 2026-11-22] [--scale 100]

Everything is made up here, by composition and without any language model: the company, its customers, people, parts,
texts, token counts, exchange rates and which answers are right. The same arguments give the same bytes (the gz file:
the same content). Standard library only. ``sample/README.md`` says what the files are and are not.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import io
import json
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from company.calendar import FIRST_DAY, JST, LAST_DAY
from company.desks import DESKS, Desk
from company.lines import LITELLM_COLUMNS, batch_lines, litellm_row, otlp_document, pair_line
from company.planning import Planned, plan
from company.tables import COST_COLUMNS, COSTS, DEPARTMENT_COLUMNS, DEPARTMENTS, RATE_COLUMNS, sample_rates

BATCH_DAY = date(2026, 11, 13)
BATCH_SIZE = 120
"""One evening in November the purchasing section has old quotations read in one batch."""
BATCH_FIRST_NUMBER = 90_001

OPENAI_FILE = "calls-openai.jsonl"
ANTHROPIC_FILE = "calls-anthropic.jsonl.gz"
BATCH_INPUT_FILE = "batch-input.jsonl"
BATCH_OUTPUT_FILE = "batch-output.jsonl"
LITELLM_FILE = "litellm-spend.csv"
OTLP_FILE = "otlp-traces.json"


def write(out: Path, seed: int = 0, until: date = date(2026, 11, 22), scale_percent: int = 100) -> dict[str, object]:
    """Write all files to ``out`` (the logs to ``out/calls``) and return what ``contents.json`` says about them.

    ``scale_percent`` multiplies the calls of every day. Raises ValueError when ``until`` is not in 2026-04-01 …
    2026-12-28 (the calendar's span).
    """
    if not FIRST_DAY <= until <= LAST_DAY:
        raise ValueError(f"until must be from {FIRST_DAY} to {LAST_DAY}, not {until}")
    logs = out / "calls"
    logs.mkdir(parents=True, exist_ok=True)
    calls = sorted(
        (call for desk in DESKS for call in plan(desk, seed, until, scale_percent)), key=lambda c: (c.at, c.truth_id)
    )
    by_dialect = {
        name: [c for c in calls if c.desk.dialect in dialects]
        for name, dialects in {
            OPENAI_FILE: ("chat", "responses"),
            ANTHROPIC_FILE: ("anthropic",),
            LITELLM_FILE: ("litellm",),
            OTLP_FILE: ("otel",),
        }.items()
    }
    batch = list(_batch_calls(seed)) if until >= BATCH_DAY else []
    broken = _write_openai(logs / OPENAI_FILE, by_dialect[OPENAI_FILE])
    _write_gz(logs / ANTHROPIC_FILE, _json_lines(pair_line(call) for call in by_dialect[ANTHROPIC_FILE]))
    asked, answered = zip(*(batch_lines(c, c.prompt_id) for c in batch), strict=True) if batch else ((), ())
    _write_text(logs / BATCH_INPUT_FILE, _json_lines(asked))
    _write_text(logs / BATCH_OUTPUT_FILE, _json_lines(answered))
    rows = [tuple(litellm_row(call).values()) for call in by_dialect[LITELLM_FILE]]
    _write_csv(logs / LITELLM_FILE, LITELLM_COLUMNS, rows, "cp932")
    _write_text(logs / OTLP_FILE, [json.dumps(otlp_document(by_dialect[OTLP_FILE]), ensure_ascii=False), "\n"])
    _write_text(out / "truth.jsonl", _json_lines(_truth_row(call) for call in [*calls, *batch]))
    _write_csv(out / "departments.csv", DEPARTMENT_COLUMNS, DEPARTMENTS)
    _write_csv(out / "rates.csv", RATE_COLUMNS, sample_rates(seed, until))
    _write_csv(out / "costs.csv", COST_COLUMNS, COSTS)
    contents = _contents(by_dialect, batch, broken)
    _write_text(out / "contents.json", [json.dumps(contents, ensure_ascii=False, indent=1), "\n"])
    return contents


def _batch_calls(seed: int) -> Iterator[Planned]:
    """Old quotations, read overnight at half the price."""
    desk = next(d for d in DESKS if d.name == "quotation-extraction")
    whole = replace(desk, per_day=(BATCH_SIZE * 10 * 3,) * 8)
    drawn = (c for c in plan(whole, seed + 1_000_000, date(2026, 6, 5)) if c.ending == "ok")
    evening = datetime(BATCH_DAY.year, BATCH_DAY.month, BATCH_DAY.day, 20, 0, tzinfo=JST)
    for place, call in enumerate(drawn):
        if place == BATCH_SIZE:
            return
        yield replace(
            call,
            number=BATCH_FIRST_NUMBER + place,
            at=evening + timedelta(seconds=37 * place),
            model=desk.model_on(BATCH_DAY),
            counts=replace(call.counts, cached=0, written=0, reasoning=0),
            attempt=1,
            is_streamed=False,
        )


def _write_openai(path: Path, calls: Sequence[Planned]) -> int:
    """The main log, with one line that a full disk cut off in the middle; the number of broken lines."""
    lines = list(_json_lines(pair_line(call) for call in calls))
    if len(lines) > 2:
        torn = lines[len(lines) // 2]
        lines.insert(len(lines) // 2, torn[: len(torn) // 3] + "\n")
    _write_text(path, lines)
    return int(len(calls) > 2)


def _truth_row(call: Planned) -> dict[str, object]:
    """What is true of one call's prompt, and whether the answer that the log recorded is right."""
    return {
        "truth_id": call.truth_id,
        "prompt_id": call.prompt_id,
        "task": call.desk.name,
        "at": call.at.isoformat(timespec="milliseconds"),
        "model": call.model,
        "difficulty": call.difficulty,
        "prompt": call.asked,
        "truth": call.truth,
        "ending": call.ending,
        "is_right": call.is_right,
        "fault": call.fault,
    }


def _contents(by_file: dict[str, list[Planned]], batch: Sequence[Planned], broken: int) -> dict[str, object]:
    """What each file holds: lines that are calls, and lines that an import must report."""
    files: dict[str, object] = {}
    everything = [call for calls in by_file.values() for call in calls] + list(batch)
    for name, calls in [*by_file.items(), (BATCH_OUTPUT_FILE, list(batch))]:
        uncounted = sum(call.ending == "cut_uncounted" for call in calls)
        torn = broken if name == OPENAI_FILE else 0
        endings = Counter(call.ending for call in calls)
        files[name] = {
            "lines": len(calls) + torn,
            "calls": len(calls) - uncounted,
            "faults": {"not_json": torn, "usage_missing": uncounted},
            "errors": endings["rate_limited"] + endings["server_error"] + endings["refused"],
            "cut": endings["cut"],
        }
    return {
        "note": "見本 / sample: made up by sample/write_log.py; no real company, person, price or answer of a model",
        "files": files,
        "batch_requests": {BATCH_OUTPUT_FILE: BATCH_INPUT_FILE},
        "tasks": [_task_facts(desk, everything) for desk in DESKS],
    }


def _task_facts(desk: Desk, calls: Sequence[Planned]) -> dict[str, object]:
    own = [call for call in calls if call.desk.name == desk.name]
    return {
        "name": desk.name,
        "title_ja": desk.title_ja,
        "title_en": desk.title_en,
        "calls": len(own),
        "named_calls": sum(call.is_named for call in own),
        "department": desk.departments[0][0] if len(desk.departments) == 1 else "",
        "key_alias": desk.key_alias,
        "models": [model for _, model in desk.models],
    }


def _json_lines(rows: Iterable[object]) -> Iterator[str]:
    for row in rows:
        yield json.dumps(row, ensure_ascii=False, separators=(",", ":")) + "\n"


def _write_text(path: Path, parts: Iterable[str]) -> None:
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.writelines(parts)


def _write_gz(path: Path, parts: Iterable[str]) -> None:
    with path.open("wb") as raw, gzip.GzipFile("", "wb", compresslevel=6, fileobj=raw, mtime=0) as file:
        file.write("".join(parts).encode())


def _write_csv(path: Path, columns: Sequence[str], rows: Iterable[Sequence[str]], encoding: str = "utf-8") -> None:
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\r\n")
    writer.writerow(columns)
    writer.writerows(rows)
    path.write_bytes(buffer.getvalue().encode(encoding))


def main() -> None:
    parser = argparse.ArgumentParser(description="Write the sample log (見本) of 株式会社サンプル精機.")
    parser.add_argument("--out", type=Path, required=True, help="folder to write to")
    parser.add_argument("--seed", type=int, default=0, help="another seed is another half-year (default: 0)")
    parser.add_argument("--until", type=date.fromisoformat, default="2026-11-22", help="last day (default: 2026-11-22)")
    parser.add_argument("--scale", type=int, default=100, help="calls per day in percent (default: 100)")
    given = parser.parse_args()
    try:
        contents = write(given.out, given.seed, given.until, given.scale)
    except ValueError as error:
        parser.error(str(error))
    files = contents["files"]
    for name, facts in files.items() if isinstance(files, dict) else ():
        print(f"{given.out}/calls/{name}: {facts['calls']:,} calls, {facts['lines']:,} lines")


if __name__ == "__main__":
    main()
