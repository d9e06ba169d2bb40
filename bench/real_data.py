"""What two real public data sets cost in yen, worked out by hand and without any of Jitsuri's code.

The prices below were read on 2026-11-22 in the price book that Jitsuri uses, genai-prices 0.2.3
(``genai_prices/data.py``), and are written down here as numbers, so that a mistake in Jitsuri's reading of the
book, in its usage arithmetic, in its rate or in its rounding shows as a difference:

===============  ==========================  ========  =========  ==========================================
model            counted by                  in USD/M  out USD/M  where it stands
===============  ==========================  ========  =========  ==========================================
gpt-5.4-mini     the API (jfinqa, R0, R1)    0.75      4.5        provider ``openai``, ``id='gpt-5.4-mini'``
gemini-2.5-flash the API (jfinqa, R0, R1)    0.3       2.5        provider ``google``, ``id='gemini-2.5-flash'``
gpt-4-turbo      the trace (Azure)           10        30         provider ``openai``, ``id='gpt-4-turbo'``
===============  ==========================  ========  =========  ==========================================

None of the three has a dated change or a step that these calls reach (largest input here: 14,050 tokens), and no
row has cached tokens. jfinqa's completion tokens include hidden thinking, which costs what output costs. The trace
does not say which model answered: gpt-4-turbo is an assumption, the same as in ``sample/azure_trace.toml``.

One entry: ``(in × price_in + out × price_out) ÷ 1,000,000 × rate``, exact, then rounded half up to 0.000001 yen.

    python bench/real_data.py --rate 153.20            # JITSURI_DATA names the data
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import sys
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Context, Decimal
from pathlib import Path

EXACT = Context(prec=60)
MILLION = Decimal(1_000_000)
STEP_JPY = Decimal("0.000001")

PRICES_USD_PER_MILLION = {
    "gpt-5.4-mini": (Decimal("0.75"), Decimal("4.5")),
    "gemini-2.5-flash": (Decimal("0.3"), Decimal("2.5")),
    "gpt-4-turbo": (Decimal("10"), Decimal("30")),
}
"""Input and output, read 2026-11-22 in genai-prices 0.2.3."""

TRACE_MODEL = "gpt-4-turbo"
TRACE_TASK = "azure-conversation"


@dataclass(slots=True)
class Total:
    """What the calls of one task on one model add up to."""

    calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cost_usd: Decimal = Decimal(0)
    cost_jpy: Decimal = Decimal(0)

    def add(self, tokens_in: int, tokens_out: int, model: str, rate: Decimal) -> None:
        usd, jpy = entry_cost(tokens_in, tokens_out, model, rate)
        self.calls += 1
        self.input_tokens += tokens_in
        self.output_tokens += tokens_out
        self.cost_usd = EXACT.add(self.cost_usd, usd)
        self.cost_jpy = EXACT.add(self.cost_jpy, jpy)


Totals = dict[tuple[str, str], Total]


def entry_cost(tokens_in: int, tokens_out: int, model: str, rate: Decimal) -> tuple[Decimal, Decimal]:
    """Exact dollars of one call, and its yen rounded once."""
    price_in, price_out = PRICES_USD_PER_MILLION[model]
    parts = EXACT.add(EXACT.multiply(Decimal(tokens_in), price_in), EXACT.multiply(Decimal(tokens_out), price_out))
    usd = EXACT.divide(parts, MILLION)
    jpy = EXACT.multiply(usd, rate).quantize(STEP_JPY, rounding=ROUND_HALF_UP, context=EXACT)
    return usd, jpy


def jfinqa_rows(data: Path) -> Iterator[tuple[str, str, int, int]]:
    """``(task, model, input tokens, output tokens)`` of the 600 rows with reported tokens."""
    from arro3.io import read_parquet

    table = read_parquet(str(data / "outcomes" / "jfinqa.parquet")).read_all()
    names = ("token_source", "task", "model", "prompt_tokens", "completion_tokens")
    for source, task, model, tokens_in, tokens_out in zip(
        *(table.column(name).to_pylist() for name in names), strict=True
    ):
        if source.startswith("reported"):
            yield "jfinqa-" + task.replace("_", "-"), model.split(" [")[0], tokens_in, tokens_out


def trace_rows(data: Path) -> Iterator[tuple[str, str, int, int]]:
    """The same of the Azure trace: one task, one assumed model."""
    with (data / "traces" / "AzureLLMInferenceTrace_conv.csv").open(encoding="utf-8-sig", newline="") as file:
        for row in csv.DictReader(file):
            yield TRACE_TASK, TRACE_MODEL, int(row["ContextTokens"]), int(row["GeneratedTokens"])


def expected(rows: Iterator[tuple[str, str, int, int]], rate: Decimal) -> Totals:
    """Totals by task and model."""
    totals: Totals = defaultdict(Total)
    for task, model, tokens_in, tokens_out in rows:
        totals[task, model].add(tokens_in, tokens_out, model, rate)
    return dict(sorted(totals.items()))


def overall(totals: Totals) -> Total:
    """All lines in one."""
    whole = Total()
    for part in totals.values():
        whole.calls += part.calls
        whole.input_tokens += part.input_tokens
        whole.output_tokens += part.output_tokens
        whole.cost_usd = EXACT.add(whole.cost_usd, part.cost_usd)
        whole.cost_jpy = EXACT.add(whole.cost_jpy, part.cost_jpy)
    return whole


def _facts(total: Total) -> dict[str, object]:
    return {
        "calls": total.calls,
        "input_tokens": total.input_tokens,
        "output_tokens": total.output_tokens,
        "cost_usd": f"{total.cost_usd:f}",
        "cost_jpy": f"{total.cost_jpy:f}",
    }


def _show(name: str, totals: Totals) -> None:
    print(name)
    lines = [(f"{task} · {model}", total) for (task, model), total in totals.items()]
    for label, total in [*lines, ("total", overall(totals))]:
        print(
            f"  {label:<48} {total.calls:>7,} calls {total.input_tokens:>12,} in {total.output_tokens:>11,} out"
            f"  {total.cost_usd:f} USD  {total.cost_jpy:f} JPY"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description="Expected yen of the real data sets, by hand formulas.")
    parser.add_argument("--rate", type=Decimal, required=True, help="yen for one dollar, the same for every call")
    parser.add_argument("--data", type=Path, help="folder of the real data (default: JITSURI_DATA)")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of a table")
    given = parser.parse_args()
    data = given.data or (Path(os.environ["JITSURI_DATA"]) if os.environ.get("JITSURI_DATA") else None)
    if data is None or not data.is_dir():
        sys.exit("no data: set JITSURI_DATA to the folder that holds outcomes/ and traces/, or give --data")
    sets = {
        "jfinqa": expected(jfinqa_rows(data), given.rate),
        "azure-trace": expected(trace_rows(data), given.rate),
    }
    if given.json:
        shown = {
            name: {
                "total": _facts(overall(totals)),
                "parts": [{"task": task, "model": model, **_facts(t)} for (task, model), t in totals.items()],
            }
            for name, totals in sets.items()
        }
        print(json.dumps({"rate": f"{given.rate:f}", **shown}, indent=1))
        return
    print(f"1 USD = {given.rate:f} JPY")
    for name, totals in sets.items():
        _show(name, totals)


if __name__ == "__main__":
    main()
