"""Write a large OpenAI-shaped log, for measuring how fast it is read.

    python sample/write_many.py --lines 1000000 --out /tmp/many.jsonl

Everything is made up (見本): 12 months, 8 tasks, 9 departments, 7 models, unique ids, 600 to 1,000 bytes a line,
in order of time. One line in 100 is an upstream's error (429), one in 10 names no task. The texts are short and
repeat: this file is for throughput only; ``write_log.py`` writes the believable one. The same arguments give the
same bytes. Standard library only; more than 100,000 lines a second on one core.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

MODELS = (
    "gpt-4o",
    "gpt-4o-mini",
    "gpt-5.4-mini",
    "gpt-5.6-luna",
    "gpt-6-luna",
    "gpt-6.1-sol",
    "gemini-3.8-flash",
)
TASKS = (
    ("inquiry-triage", "届いた問合せを十二の区分の一つに分け、区分名だけを答えてください。"),
    ("minutes-summary", "会議の発言録から、決定事項・宿題・次回の予定をまとめてください。"),
    ("quotation-extraction", "見積書の文面から項目を読み取り、JSON だけを返してください。"),
    ("rule-questions", "社内規程だけを根拠に、条番号を添えて二文以内で答えてください。"),
    ("spec-translation", "次の仕様書を英語に訳してください。数値と公差は変えないこと。"),
    ("defect-report", "不具合の報告を、いつ・どこで・何が・いくつ・処置の順に整理してください。"),
    ("notice-draft", "社内通知の下書きを、敬体で三百字以内に作ってください。"),
    ("drawing-check", "図面の注記を読み、抜けと食い違いを箇条書きで挙げてください。"),
)
DEPARTMENTS = (
    "sales-support",
    "sales-1",
    "general-affairs",
    "purchasing",
    "accounting",
    "design",
    "mfg-1",
    "mfg-2",
    "qa",
)
OPENINGS = (
    "先日の件で確認です。",
    "急ぎの件です。",
    "電話で受けました。",
    "前回の続きです。",
    "現場の報告です。",
)
BODIES = (
    "品番 SK-%d、数量 %d 個の納期と価格を見直せるかを知りたいとのこと。",
    "第 %d 工程で寸法外れが %d 個あり、手直しの可否を決めたい。",
    "図番 %d の改訂前に作った在庫 %d 個の扱いが決まっていない。",
    "伝票 %d の検収が済まず、%d 日後の締めが心配。",
)
ANSWERS = (
    "要点は三つです。担当と期日を添えます。",
    "区分は納期確認です。",
    "該当する定めがあります。",
    "次のとおり整理しました。",
)
LINES_AT_ONCE = 20_000
STEP = 6_364_136_223_846_793_005
"""Multiplier of a 64-bit linear congruential generator (Knuth, MMIX)."""
MASK = (1 << 64) - 1


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _shape(model: str, task: str, system: str, department: str, is_named: bool, is_error: bool) -> str:
    """One line with places for what differs: time, id, prompt, created, answer, counts, latency."""
    headers = f'{{"x-jitsuri-department":"{department}"'
    headers += f',"x-jitsuri-task":"{task}"}}' if is_named else "}"
    system_message = f'{{"role":"system","content":{_quoted(system)}}}'
    request = f'{{"model":"{model}","messages":[{system_message},{{"role":"user","content":"%s"}}]}}'
    counts = (
        '"usage":{"prompt_tokens":%d,"completion_tokens":%d,"total_tokens":%d,'
        '"prompt_tokens_details":{"cached_tokens":%d},"completion_tokens_details":{"reasoning_tokens":%d}}'
    )
    response = (
        f'{{"id":"chatcmpl-many-%s","object":"chat.completion","created":%d,"model":"{model}",'
        f'"choices":[{{"index":0,"message":{{"role":"assistant","content":"%s"}},"finish_reason":"stop"}}],{counts}}}'
    )
    if is_error:
        response = '{"error":{"message":"Rate limit reached","type":"requests","code":"rate_limit_exceeded"}}'
    status = 429 if is_error else 200
    return (
        f'{{"timestamp":"%s","id":"many-%s","headers":{headers},"metadata":{{"key_alias":"app-{task}"}},'
        f'"request":{request},"response":{response},"status":{status},"latency_ms":%d}}\n'
    )


def _shapes() -> tuple[list[str], list[str]]:
    """The lines' shapes: those that answer, and those that fail."""
    answering, failing = [], []
    for number, (task, system) in enumerate(TASKS):
        for place, department in enumerate(DEPARTMENTS):
            for model in MODELS:
                is_named = (number + place) % 10 != 0
                answering.append(_shape(model, task, system, department, is_named, False))
                failing.append(_shape(model, task, system, department, is_named, True))
    return answering, failing


def _prompts() -> list[str]:
    """A few hundred prompts, already escaped for JSON."""
    prompts = []
    for opening in OPENINGS:
        for number, body in enumerate(BODIES):
            for size in range(25):
                text = opening + body % (4100 + 37 * size + number, 12 + size * 9)
                prompts.append(_quoted(text)[1:-1])
    return prompts


def lines(count: int, first: date, last: date, seed: int) -> Iterator[str]:
    """``count`` lines from the start of ``first`` to the end of ``last`` (UTC), in order of time."""
    answering, failing = _shapes()
    prompts, answers = _prompts(), [_quoted(text)[1:-1] for text in ANSWERS]
    start = int(datetime(first.year, first.month, first.day, tzinfo=UTC).timestamp())
    span = ((last - first).days + 1) * 86_400
    clock = [f"T{s // 3600:02d}:{s // 60 % 60:02d}:{s % 60:02d}.{s % 1000:03d}Z" for s in range(86_400)]
    state, day, name = seed * 2 + 1, -1, ""
    for number in range(count):
        state = (state * STEP + 1_442_695_040_888_963_407) & MASK
        chance = state >> 33
        second = span * number // count
        if second // 86_400 != day:
            day = second // 86_400
            name = (first + timedelta(days=day)).isoformat()
        moment = name + clock[second % 86_400]
        mark = f"{seed}-{number}"
        prompt = prompts[chance % len(prompts)]
        latency = 280 + chance % 6100
        if chance % 100 == 7:
            yield failing[(chance >> 7) % len(failing)] % (moment, mark, prompt, latency)
            continue
        tokens_in, tokens_out = 90 + chance % 4000, 12 + (chance >> 5) % 700
        cached = tokens_in // 128 * 64 if chance & 3 == 0 else 0
        yield answering[(chance >> 7) % len(answering)] % (
            moment,
            mark,
            prompt,
            mark,
            start + second,
            answers[chance & 3],
            tokens_in,
            tokens_out,
            tokens_in + tokens_out,
            cached,
            tokens_out // 3,
            latency,
        )


def write(out: Path, count: int, first: date, last: date, seed: int) -> int:
    """Write the log to ``out``; the number of bytes written."""
    written, held = 0, []
    with out.open("wb", buffering=0) as file:
        for line in lines(count, first, last, seed):
            held.append(line)
            if len(held) == LINES_AT_ONCE:
                written += file.write("".join(held).encode())
                held.clear()
        written += file.write("".join(held).encode())
    return written


def main() -> None:
    parser = argparse.ArgumentParser(description="Write a large OpenAI-shaped sample log for throughput measurements.")
    parser.add_argument("--lines", type=int, default=1_000_000)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--first", type=date.fromisoformat, default="2025-12-01", help="first day (UTC)")
    parser.add_argument("--last", type=date.fromisoformat, default="2026-11-20", help="last day (UTC)")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    if given.lines < 0 or given.last < given.first:
        parser.error("--lines must be 0 or more and --last not before --first")
    written = write(given.out, given.lines, given.first, given.last, given.seed)
    print(f"{given.lines:,} lines, {written:,} bytes: {given.out}", file=sys.stderr)


if __name__ == "__main__":
    main()
