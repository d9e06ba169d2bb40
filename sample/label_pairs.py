"""Fill in a sheet of pairs as a reviewer would who knows the sample's truth (見本の正解を知る評価者役).

    python sample/label_pairs.py --logs FOLDER --sheet fuji.csv --out fuji-filled.csv

``FOLDER`` is one that ``write_log.py`` wrote, the sheet one that ``jitsuri pairs export`` wrote for the task ``inquiry-triage``. In a
demonstration nobody sits there and judges; this plays the reviewer. It sees what a reviewer sees, a request and answers A and B without
their models, and besides that the truth, which no real reviewer has on a sheet. So it never errs and two of it never disagree:
real labels are worse. It says "A" or "B" where one alone is right, "same" where both are, "both_bad" where none is.
"""

from __future__ import annotations

import argparse
import csv
import io
import json
import os
import sys
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

TASK = "inquiry-triage"
CRITICAL_CLASS = "不具合・苦情"
"""A complaint that ends on another desk is the error that must not happen (重大な誤り)."""


def truths(logs: Path) -> dict[str, str]:
    """Inquiry as it was asked → the class that is right, by construction of the sample.

    Raises ValueError where the sample has one text with two truths.
    """
    found: dict[str, str] = {}
    for line in (logs / "truth.jsonl").read_text("utf-8").split("\n"):
        row = json.loads(line) if line else {"task": ""}
        if row["task"] != TASK:
            continue
        asked, right = _plain(row["prompt"]), str(row["truth"]["class"])
        if found.setdefault(asked, right) != right:
            raise ValueError(f"two truths: {asked[:80]}")
    return found


def judged(row: Mapping[str, str], truth: Mapping[str, str]) -> dict[str, str]:
    """A row of the sheet with its choice. Raises ValueError for a request that is not in the sample."""
    right = truth.get(_plain(row["request"]))
    if right is None:
        raise ValueError(f"not an inquiry of the sample: {row['request'][:80]}")
    fits = {side: _plain(row[side]) == right for side in ("A", "B")}
    choice = ("same" if fits["B"] else "A") if fits["A"] else "B" if fits["B"] else "both_bad"
    bad = {f"critical_{side}": "1" if right == CRITICAL_CLASS and not fit else "" for side, fit in fits.items()}
    return {**row, "choice": choice, **bad}


def fill(logs: Path, sheet: Path, out: Path) -> Counter[str]:
    """Write the filled sheet; how often each choice was made."""
    truth = truths(logs)
    reader = csv.DictReader(io.StringIO(sheet.read_bytes().decode("utf-8-sig"), newline=""))
    rows = [judged(row, truth) for row in reader]
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, reader.fieldnames or ())
    writer.writeheader()
    writer.writerows(rows)
    out.write_bytes(buffer.getvalue().encode("utf-8-sig"))
    return Counter(row["choice"] for row in rows)


def _plain(text: str) -> str:
    """A text as it was before a cell was kept from being computed by a spreadsheet."""
    return text.removeprefix("'").strip()


def main() -> None:
    parser = argparse.ArgumentParser(description="Play a reviewer who knows the sample's truth.")
    parser.add_argument("--logs", type=Path, required=True, help="a folder written by write_log.py")
    parser.add_argument("--sheet", type=Path, required=True, help="a sheet that jitsuri pairs export wrote")
    parser.add_argument("--out", type=Path, required=True, help="the filled sheet")
    given = parser.parse_args()
    try:
        made = fill(given.logs, given.sheet, given.out)
    except ValueError as error:
        parser.error(str(error))
    told = "  ".join(f"{choice} {count}" for choice, count in sorted(made.items()))
    is_english = os.environ.get("JITSURI_LANG") == "en"
    print(f"a reviewer who knows the sample's truth: {told}" if is_english else f"見本の正解を知る評価者役: {told}")


if __name__ == "__main__":
    main()
