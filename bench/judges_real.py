"""What of a judge's report real judgements allow: does the longer answer win, and do judges agree?

    python bench/judges_real.py FOLDER    # FOLDER holds outcomes/shaberi_ja.parquet

Scores there are absolute (0 to 1), so that a pair is made of two models' scores of one prompt; lengths are completion tokens.
Nothing is known there of orders and controls.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path
from statistics import median

import numpy as np
from arro3.io import read_parquet

from jitsuri.evaluation.rules.agreeing import agreement
from jitsuri.evaluation.rules.counting import share_lower, share_upper
from jitsuri.evaluation.rules.judging.reporting import ALPHA, LENGTH, more_often

Key = tuple[str, str, str]
FEWEST = 50
"""Decided pairs below which two models are not compared (``Thresholds.fewest_pairs``)."""


def read(folder: Path) -> tuple[dict[str, dict[Key, float]], dict[Key, float]]:
    """Scores by judge, and tokens, of (task, prompt, model)."""
    table = read_parquet(str(folder / "outcomes" / "shaberi_ja.parquet")).read_all()
    columns = [
        table.column(n).to_pylist() for n in ("task", "prompt_id", "model", "judge", "score", "completion_tokens")
    ]
    scores: dict[str, dict[Key, float]] = {}
    tokens: dict[Key, float] = {}
    for task, prompt, model, judge, score, used in zip(*columns, strict=True):
        if score is not None:
            scores.setdefault(judge, {})[task, prompt, model] = score
        if used is not None:
            tokens[task, prompt, model] = used
    return scores, tokens


def pairs_of_models(scores: dict[Key, float]) -> Iterator[tuple[str, str, list[tuple[str, str]]]]:
    prompts = sorted({key[:2] for key in scores})
    for one, other in combinations(sorted({key[2] for key in scores}), 2):
        yield one, other, [p for p in prompts if (*p, one) in scores and (*p, other) in scores]


def lengths(judge: str, scores: dict[Key, float], tokens: dict[Key, float]) -> None:
    whole, told, shares = np.zeros(2, dtype=int), 0, []
    for one, other, prompts in pairs_of_models(scores):
        won = np.zeros((2, 2), dtype=int)  # by (the first is shorter, longer), (lost, won)
        for prompt in prompts:
            a, b = (*prompt, one), (*prompt, other)
            if scores[a] != scores[b] and a in tokens and b in tokens and tokens[a] != tokens[b]:
                won[int(tokens[a] > tokens[b]), int(scores[a] > scores[b])] += 1
        longer, n = int(won[1, 1] + won[0, 0]), int(won.sum())
        whole += (longer, n)
        if n >= FEWEST:
            shares.append(longer / n)
            depends = more_often(int(won[1, 1]), int(won[1].sum()), int(won[0, 1]), int(won[0].sum())) <= ALPHA
            told += depends and share_lower(longer, n, ALPHA) > LENGTH.caution
    low, high = share_lower(int(whole[0]), int(whole[1]), ALPHA), share_upper(int(whole[0]), int(whole[1]), ALPHA)
    print(
        f"{judge}: the longer answer wins {whole[0]:,} of {whole[1]:,} = {whole[0] / whole[1]:.3f} ({low:.3f}–{high:.3f}); "
        f"pairs of models {len(shares)}, median {median(shares):.3f}, told as a fault {told}"
    )


def together(names: tuple[str, str], scores: dict[str, dict[Key, float]]) -> None:
    one, other = (scores[name] for name in names)
    common = {key: value for key, value in one.items() if key in other}
    found = [(one[*p, a] - one[*p, b], other[*p, a] - other[*p, b]) for a, b, ps in pairs_of_models(common) for p in ps]
    seen = agreement(np.array([x for x, _ in found]), np.array([y for _, y in found]), ALPHA)
    same = sum(seen.confusion[at][at] for at in range(3)) / seen.n
    opposite = (seen.confusion[0][2] + seen.confusion[2][0]) / seen.n
    print(
        f"{names[0]} | {names[1]}: pairs {seen.n:,}, same {same:.3f}, opposite {opposite:.3f}, kappa {seen.kappa:.2f}"
    )


if __name__ == "__main__":
    by_judge, used = read(Path(sys.argv[1]))
    for name, held in sorted(by_judge.items()):
        lengths(name, held, used)
    for names in combinations(sorted(by_judge), 2):
        together(names, by_judge)
