"""Write the log lines of the inquiries that the student of ``answer_inquiries.py`` will not be taught on.

    python sample/held_inquiries.py --logs FOLDER --out held.jsonl [--seed 0]

``FOLDER`` is one that ``write_log.py`` wrote; the same seed holds back the same inquiries. Whoever tries the student later may ask
it these and no others: an answer to what a model was taught on says nothing about it. ``make demo`` keeps texts of these alone.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from answer_inquiries import LOG, TASK, answered_inquiries, split


def held_lines(lines: Sequence[str], held: set[str]) -> Iterator[str]:
    """The lines of the log, unchanged and in its order, whose call is one of these and was answered."""
    for line in lines:
        if TASK not in line:
            continue
        try:
            call = json.loads(line)
        except json.JSONDecodeError:  # the torn line of the sample
            continue
        if call["metadata"].get("prompt_id", "") in held and "choices" in call["response"]:
            yield f"{line}\n"


def write(logs: Path, out: Path, seed: int = 0) -> int:
    """Write the lines; how many."""
    held = {one.prompt_id for one in split(answered_inquiries(logs), seed).held}
    found = list(held_lines((logs / LOG).read_text("utf-8").split("\n"), held))
    with out.open("w", encoding="utf-8", newline="\n") as file:
        file.writelines(found)
    return len(found)


def main() -> None:
    parser = argparse.ArgumentParser(description="Write the log lines that the sample's student is not taught on.")
    parser.add_argument("--logs", type=Path, required=True, help="a folder written by write_log.py")
    parser.add_argument("--out", type=Path, required=True, help="a log of these lines alone (JSONL)")
    parser.add_argument("--seed", type=int, default=0, help="the seed of answer_inquiries.py (default: 0)")
    given = parser.parse_args()
    count = write(given.logs, given.out, given.seed)
    english = f"{count:,} inquiries that the student will not be taught on"
    print(english if os.environ.get("JITSURI_LANG") == "en" else f"蒸留モデルに学ばせない問合せ {count:,} 件")


if __name__ == "__main__":
    main()
