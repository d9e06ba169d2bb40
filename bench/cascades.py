"""What cascades certify on real outcomes, and whether their promises hold: the table of docs/explanation/cascade.md.

    JITSURI_DATA=… python bench/cascades.py [--draws 200] [--splits 5]

Per set: the router is trained on training rows; then, ``draws`` times, 300 labels are drawn with replacement from the
rest (the pool), thresholds are calibrated on them, and share and loss are measured on the whole pool, as the product
would route it (strangers stay with the strong model). Means over ``splits`` of training and pool. Beside the router: a
random score, the oracle (largest share of the pool with the same loss ≤ ε) and the naive threshold (loosest whose
calibration loss is ≤ ε). Ends with 1 where a bar is missed.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path
from time import perf_counter, process_time

import numpy as np
from arro3.io import read_parquet

from jitsuri.evaluation.rules.ordering import drawn_order
from jitsuri.rightsizing.rules.calibrating import calibrate, separation
from jitsuri.rightsizing.rules.cascading import (
    Router,
    cascade,
    scores,
    train,
)
from jitsuri.rightsizing.rules.featuring import BEFORE, GROUPS, grams, question, related
from jitsuri.rightsizing.shapes.cascades import Bound, CascadeRow, Loss

LABELS = 300
KINDS: tuple[tuple[Bound, Loss], ...] = (("mean", "harm"), ("confident", "harm"), ("mean", "net"), ("confident", "net"))
ALLOWANCES = (0.01, 0.05)
MOST_POOL = 3_000
"""Rows of a pool: enough to measure a loss of 1 point to 0.2, and draws stay quick."""
SLACK = 0.002
"""Over how much the mean over finitely many draws may lie above ε."""
KEPT = 0.92
"""Share of draws in which the confident bound has to hold: 95 % less what a bootstrap of one pool costs."""
BASES = {"own": KINDS, "random": KINDS[:2], "naive": KINDS[:1]}

Grouping = Callable[[CascadeRow], str]


@dataclass(slots=True)
class Found:
    """Figures of one router, bound, loss and allowance: one entry per split."""

    share: list[float] = field(default_factory=list)
    of_oracle: list[float] = field(default_factory=list)
    loss: list[float] = field(default_factory=list)
    harm: list[float] = field(default_factory=list)
    kept: list[float] = field(default_factory=list)


Table = dict[tuple[str, Bound, Loss, float], Found]


def rows_of(data: Path, name: str, strong: str, cheap: str, benchmark: str = "") -> list[CascadeRow]:
    """Requests that both models answered; the file's task column is the task's own field."""
    table = read_parquet(str(data / "outcomes" / f"{name}.parquet")).read_all()
    names = ("benchmark", "prompt_id", "prompt", "task", "model", "score", "answer")
    held: dict[str, dict[str, tuple[str, str, float, str]]] = {}
    for bench, pid, prompt, task, model, score, answer in zip(
        *(table.column(n).to_pylist() for n in names), strict=True
    ):
        if score is not None and model in (strong, cheap) and (not benchmark or bench == benchmark):
            held.setdefault(pid, {})[model] = (prompt, task, float(score), answer or "")
    return [
        CascadeRow(pid, m[strong][0], {"task": m[strong][1]}, m[strong][2], m[cheap][2], m[cheap][3])
        for pid, m in held.items()
        if len(m) == 2
    ]


def jfinqa_template(row: CascadeRow) -> str:
    """The question without figures and without the company it opens with: 57 templates in 1,000 questions."""
    asked = re.sub(r"^質問: ?", "", re.sub(r"[0-9,.]+", "#", question(row.prompt)))
    return re.sub(r"^.*?[のは]", "", asked, count=1)


def divided(
    rows: Sequence[CascadeRow], training: int, seed: int, group: Grouping | None
) -> tuple[list[CascadeRow], list[CascadeRow]]:
    """Training and pool; with ``group``, whole templates go to one side (training gets at least ``training`` rows)."""
    if group is None:
        ordered = [rows[at] for at in drawn_order([row.prompt_id for row in rows], seed)]
        return ordered[:training], ordered[training : training + MOST_POOL]
    of = {row.prompt_id: group(row) for row in rows}
    counts = Counter(of.values())
    names = sorted(counts)
    mine: set[str] = set()
    for at in drawn_order(names, seed):
        if sum(counts[name] for name in mine) >= training:
            break
        mine.add(names[at])
    mixed = [rows[at] for at in drawn_order([row.prompt_id for row in rows], seed)]
    return [r for r in mixed if of[r.prompt_id] in mine][: 2 * training], [
        r for r in mixed if of[r.prompt_id] not in mine
    ]


@dataclass(frozen=True, slots=True)
class Pool:
    """The pool as arrays: outcomes, score, and which rows are kin to which."""

    strong: np.ndarray
    cheap: np.ndarray
    score: np.ndarray
    seen: np.ndarray
    near: np.ndarray

    @classmethod
    def of(cls, router: Router, rows: Sequence[CascadeRow]) -> Pool:
        own = grams(rows)
        near = np.zeros((len(rows), len(rows)), dtype=bool)
        for start in range(0, len(rows), 500):
            near[start : start + 500] = np.round((own[start : start + 500] @ own.T).toarray(), 6) >= router.kin.level
        np.fill_diagonal(near, False)
        strong = np.array([row.strong for row in rows])
        cheap = np.array([row.cheap for row in rows])
        return cls(strong, cheap, scores(router, rows), related(router.kin, rows), near)

    def seen_after(self, drawn: np.ndarray) -> np.ndarray:
        """Rows that are kin to training or to another row that was drawn."""
        return self.seen | self.near[:, np.unique(drawn)].any(axis=1)


def oracle(worse: np.ndarray, loss: Loss, allowance: float) -> float:
    losses = np.sort(np.maximum(worse, 0) if loss == "harm" else worse)
    return float((np.cumsum(losses) / len(losses) <= allowance + 1e-12).sum() / len(losses))


def naive(score: np.ndarray, harm: np.ndarray, allowance: float) -> float:
    """The loosest threshold whose loss on the calibration labels is at most ε: tuned, without a bound."""
    order = np.argsort(-score, kind="stable")
    down = score[order]
    ends = np.flatnonzero(np.append(down[1:] != down[:-1], True))
    good = np.flatnonzero(np.cumsum(harm[order])[ends] / len(score) <= allowance + 1e-12)
    return float(down[ends[good[-1]]]) if len(good) else np.inf


def measured(pool: Pool, draws: int, seed: int, table: Table) -> None:
    worse = pool.strong - pool.cheap
    harm = np.maximum(worse, 0)
    chance = np.round(np.random.default_rng(seed).random(len(worse)), 6)
    runs: dict[tuple[str, Bound, Loss, float], list[tuple[float, float, float]]] = {}
    for draw in range(draws):
        at = np.random.default_rng([seed, draw]).integers(0, len(worse), LABELS)
        seen = pool.seen_after(at)
        for who, kinds in BASES.items():
            score = chance if who == "random" else pool.score
            known = np.ones(len(worse), dtype=bool) if who == "random" else seen
            for bound, loss in kinds:
                for allowance in ALLOWANCES:
                    if who == "naive":
                        limit = naive(score[at], harm[at], allowance)
                    else:
                        found = calibrate(
                            score[at], pool.strong[at], pool.cheap[at],
                            bound=bound, loss=loss, allowance=allowance, seen=known[at],
                        )  # fmt: skip
                        limit = np.inf if found.threshold is None else found.threshold
                    taken = (score >= limit) & known
                    lost = harm if loss == "harm" else worse
                    runs.setdefault((who, bound, loss, allowance), []).append(
                        (
                            float(taken.mean()),
                            float(lost[taken].sum() / len(lost)),
                            float(harm[taken].sum() / len(lost)),
                        )
                    )
    for key, values in runs.items():
        share, lost_at, harm_at = np.array(values).T
        found_here = table.setdefault(key, Found())
        found_here.share.append(float(share.mean()))
        found_here.of_oracle.append(float(share.mean()) / max(oracle(worse, key[2], key[3]), 1e-9))
        found_here.loss.append(float(lost_at.mean()))
        found_here.harm.append(float(harm_at.mean()))
        found_here.kept.append(float((lost_at <= key[3] + 1e-12).mean()))


@dataclass(frozen=True, slots=True)
class Case:
    name: str
    rows: Sequence[CascadeRow]
    training: int
    group: Grouping | None = None
    groups: tuple[str, ...] = BEFORE
    least: dict[tuple[Bound, Loss, float], float] = field(default_factory=dict)
    """Bars: share of the oracle at least."""
    most: dict[tuple[Bound, Loss, float], float] = field(default_factory=dict)
    """Bars: share of requests at most."""


def cases(data: Path) -> Iterator[Case]:
    flash = rows_of(data, "jfinqa", "gpt-4o", "gemini-2.0-flash")
    full: dict[tuple[Bound, Loss, float], float] = {
        ("mean", "harm", 0.01): 0.60, ("confident", "harm", 0.01): 0.35, ("mean", "net", 0.01): 0.65,
        ("mean", "harm", 0.05): 0.85, ("confident", "harm", 0.05): 0.75, ("mean", "net", 0.05): 0.85,
    }  # fmt: skip
    strange: dict[tuple[Bound, Loss, float], float] = {
        ("mean", "harm", 0.01): 0.45,
        ("confident", "harm", 0.01): 0.25,
    }
    yield Case("jfinqa: gpt-4o → gemini-2.0-flash", flash, 300, least=full)
    yield Case("same, other templates in training", flash, 300, group=jfinqa_template, least=strange)
    yield Case("same as the first, cheap answer read too", flash, 300, groups=GROUPS, least=full)
    mini = rows_of(data, "jfinqa", "gpt-4o", "gpt-4o-mini")
    yield Case("jfinqa: gpt-4o → gpt-4o-mini", mini, 300)
    mmlu = rows_of(
        data, "routellm_mmlu_mtbench", "gpt-4-1106-preview", "mistralai/Mixtral-8x7B-Instruct-v0.1", "routellm_mmlu"
    )
    yield Case("MMLU: gpt-4-1106 → Mixtral-8x7B", mmlu, 1_000, most={("confident", "harm", 0.01): 0.05})


def run(case: Case, draws: int, splits: int) -> tuple[Table, float]:
    table: Table = {}
    aucs = []
    for seed in range(splits):
        training, rest = divided(case.rows, case.training, seed, case.group)
        router = train(training, case.groups)
        if not isinstance(router, Router):
            raise SystemExit(f"{case.name}: {router.reason}")
        pool = Pool.of(router, rest)
        aucs.append(separation(pool.score, pool.cheap >= pool.strong))
        measured(pool, draws, int.from_bytes(blake2b(f"{case.name}{seed}".encode(), digest_size=4).digest()), table)
    return table, float(np.mean(aucs))


def missed(case: Case, table: Table) -> list[str]:
    """Bars that the table does not reach, as sentences."""
    found = []
    for (who, bound, loss, allowance), at in table.items():
        if who == "naive":
            continue
        name = f"{case.name}: {who} {bound} {loss} {allowance:.0%}"
        if bound == "mean" and np.mean(at.loss) > allowance + SLACK:
            found.append(f"{name}: mean loss {np.mean(at.loss):.4f}")
        if bound == "confident" and np.mean(at.kept) < KEPT:
            found.append(f"{name}: kept in {np.mean(at.kept):.3f} of draws")
        if who != "own":
            continue
        least, most = case.least.get((bound, loss, allowance), 0.0), case.most.get((bound, loss, allowance), 1.0)
        if np.mean(at.of_oracle) < least:
            found.append(f"{name}: {np.mean(at.of_oracle):.3f} of the oracle, bar {least}")
        if np.mean(at.share) > most:
            found.append(f"{name}: {np.mean(at.share):.3f} of requests, at most {most}")
    return found


def show(case: Case, table: Table, auc: float) -> None:
    print(f"\n**{case.name}** ({case.training:,} training rows, AUC {auc:.3f})\n")
    print("| score | bound | loss | ε | share cheap | of the oracle (worst split) | loss, mean | harm, mean | kept |")
    print("|---|---|---|---|---|---|---|---|---|")
    for (who, bound, loss, allowance), at in sorted(table.items(), key=lambda item: (item[0][3], item[0][0] != "own")):
        shown_bound = "–" if who == "naive" else bound
        print(
            f"| {who} | {shown_bound} | {loss} | {allowance:.0%} | {np.mean(at.share):.0%} | {np.mean(at.of_oracle):.0%}"
            f" ({min(at.of_oracle):.0%}) | {100 * np.mean(at.loss):.2f} | {100 * np.mean(at.harm):.2f}"
            f" | {np.mean(at.kept):.0%} |"
        )


def elsewhere(rows: Sequence[CascadeRow], splits: int) -> None:
    """Thresholds calibrated on some templates and used on others: only refusing strangers can help there."""
    kept: dict[tuple[bool, float], list[float]] = {}
    shares: dict[tuple[bool, float], list[float]] = {}
    for seed in range(4 * splits):
        known, strange = divided(rows, 600, seed, jfinqa_template)
        router = train(known[:300])
        if not isinstance(router, Router):
            continue
        cal = known[300:600]
        strong, cheap = (np.array([getattr(row, side) for row in cal]) for side in ("strong", "cheap"))
        harm = np.array([max(row.strong - row.cheap, 0) for row in strange])
        score, own = scores(router, strange), related(router.kin, strange)
        for allowance in ALLOWANCES:
            found = calibrate(
                scores(router, cal), strong, cheap, bound="confident", loss="harm", allowance=allowance
            )  # fmt: skip
            limit = np.inf if found.threshold is None else found.threshold
            for refuses in (False, True):
                taken = (score >= limit) & (own | (not refuses))
                kept.setdefault((refuses, allowance), []).append(float(harm[taken].sum() / len(harm) <= allowance))
                shares.setdefault((refuses, allowance), []).append(float(taken.mean()))
    print("\n**jfinqa → flash: calibrated on some templates, used on others** (confident, harm)\n")
    print("| strangers refused | ε | share cheap | kept |\n|---|---|---|---|")
    for (refuses, allowance), values in kept.items():
        word = "yes" if refuses else "no"
        print(f"| {word} | {allowance:.0%} | {np.mean(shares[refuses, allowance]):.0%} | {np.mean(values):.0%} |")


def main() -> None:
    parser = argparse.ArgumentParser(description="What cascades certify on real outcomes.")
    parser.add_argument("--draws", type=int, default=200)
    parser.add_argument("--splits", type=int, default=5)
    given = parser.parse_args()
    data = Path(os.environ.get("JITSURI_DATA", ""))
    if not (data / "outcomes").is_dir():
        sys.exit("no data: set JITSURI_DATA to the folder that holds outcomes/")
    failures: list[str] = []
    start = perf_counter()
    flash: Sequence[CascadeRow] = ()
    for case in cases(data):
        flash = flash or case.rows
        table, auc = run(case, given.draws, given.splits)
        show(case, table, auc)
        failures += missed(case, table)
        if case.training == 1_000:
            begun = process_time()
            cascade(case.rows[:5_000], seed=1)
            print(f"\nOne cascade on 5,000 texts: {process_time() - begun:.1f} s of processor time.")
    elsewhere(flash, given.splits)
    print(f"\n{given.draws} draws, {given.splits} splits, {perf_counter() - start:.0f} s")
    for line in failures:
        print("MISSED", line)
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
