"""Our numeric scorer beside the scores that a public data set of Japanese finance questions brings along.

    JITSURI_DATA=… python bench/scorers.py [--examples 20]

jfinqa holds answers of six models with a reference and the data's own score. Its rule takes what stands behind the last
``Answer:``, drops units and per cent, and allows a small difference; ours reads the answer with its unit and does not.
Both are compared on the same rows: references that are one number go to ``numeric``, the others to ``normalised``. Told
are agreement, Cohen's κ, who is stricter, and the reasons that our scorer gives where the two differ.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from time import perf_counter
from typing import Any

from jitsuri.evaluation.rules.scoring import score
from jitsuri.evaluation.rules.specifying import named_scorer
from jitsuri.evaluation.shapes import Outcome, Scored

MARK = "Answer:"
"""What the data's prompt asks every answer to end with."""

SPECS: dict[str, dict[str, object]] = {
    "numeric, as it is": {"kind": "numeric"},
    "numeric, 1 % apart": {"kind": "numeric", "relative": Decimal("0.01")},
    "numeric, 1 % apart, points": {"kind": "numeric", "relative": Decimal("0.01"), "percent": "points"},
    "normalised": {"kind": "normalised"},
}


@dataclass(slots=True)
class Table:
    """How two judges of the same answers lie to each other."""

    both: int = 0
    neither: int = 0
    only_ours: int = 0
    only_theirs: int = 0
    unscored: int = 0

    @property
    def n(self) -> int:
        return self.both + self.neither + self.only_ours + self.only_theirs

    @property
    def agreement(self) -> float:
        return (self.both + self.neither) / self.n if self.n else 0.0

    @property
    def kappa(self) -> float:
        if not self.n:
            return 0.0
        ours, theirs = (self.both + self.only_ours) / self.n, (self.both + self.only_theirs) / self.n
        by_chance = ours * theirs + (1 - ours) * (1 - theirs)
        return (self.agreement - by_chance) / (1 - by_chance) if by_chance < 1 else 0.0

    def add(self, outcome: Outcome, theirs: bool) -> None:
        if not isinstance(outcome, Scored):
            self.unscored += 1
            return
        ours = outcome.score == 1
        name = ("both" if theirs else "only_ours") if ours else ("only_theirs" if theirs else "neither")
        setattr(self, name, getattr(self, name) + 1)


def rows(path: Path) -> Iterator[dict[str, Any]]:
    from arro3.io import read_parquet

    table = read_parquet(path).read_all()
    columns = {name: table.column(name).to_pylist() for name in table.column_names}
    for values in zip(*columns.values(), strict=True):
        yield dict(zip(columns, values, strict=True))


def ending(answer: str) -> str:
    """What stands behind the last mark; the whole answer where there is none."""
    return answer.rpartition(MARK)[2].strip()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--examples", type=int, default=0)
    asked = parser.parse_args()
    if not os.environ.get("JITSURI_DATA"):
        sys.exit("no data: set JITSURI_DATA to the folder that holds outcomes/")
    held = [row for row in rows(Path(os.environ["JITSURI_DATA"]) / "outcomes" / "jfinqa.parquet") if row["answer"]]
    numeric = named_scorer({"kind": "numeric"}, "numeric")[1]
    is_number = {one: isinstance(score(one, one, numeric), Scored) for one in {row["reference"] for row in held}}
    for name, spec in SPECS.items():
        wants = name.startswith("numeric")
        scorer = named_scorer(spec, name)[1]
        chosen = [row for row in held if is_number[row["reference"]] == wants]
        for part in ("whole", "ending"):
            table, reasons, examples = Table(), Counter[str](), []
            begun = perf_counter()
            for row in chosen:
                said = ending(row["answer"]) if part == "ending" else row["answer"]
                outcome, theirs = score(said, row["reference"], scorer), row["score"] >= 0.5
                table.add(outcome, theirs)
                ours = isinstance(outcome, Scored) and outcome.score == 1
                if ours != theirs:
                    codes = [code for code, _ in outcome.reasons] if isinstance(outcome, Scored) else [outcome.code]
                    reasons[f"{'ours only' if ours else 'theirs only'} {' '.join(codes) or '-'}"] += 1
                    examples.append((ours, codes, row["reference"], said[-70:]))
            micros = (perf_counter() - begun) / len(chosen) * 1e6
            print(
                f"{name:42} {part:7} n {table.n:5} unscored {table.unscored:4} agree {table.agreement:.4f} "
                f"κ {table.kappa:.3f} both {table.both} neither {table.neither} only ours {table.only_ours} "
                f"only theirs {table.only_theirs}  {micros:.0f} µs each"
            )
            print("   ", ", ".join(f"{reason}: {count}" for reason, count in reasons.most_common(8)))
            for example in examples[:: max(1, len(examples) // asked.examples)] if asked.examples else []:
                print("     ", *example, sep=" | ")


if __name__ == "__main__":
    main()
