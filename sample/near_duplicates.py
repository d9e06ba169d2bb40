"""Which prompts are near-duplicates of earlier ones: exact Jaccard similarity of character 5-grams.

A prompt survives when no *surviving* earlier prompt of its task has a similarity above 0.8. The comparison is exact,
not sampled: two sets can only be that similar when they share one of their rarest grams, so each set is looked up and
filed under just enough of its rarest ones (prefix filtering; Chaudhuri, Ganti and Kaushik, ICDE 2006). Grams that no
other text has come first in that order and are only counted.

    python sample/near_duplicates.py DIR      # reads DIR/truth.jsonl, prints the share that survives per task
"""

from __future__ import annotations

import argparse
import json
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

GRAM_CHARACTERS = 5
MOST_SIMILAR_PERCENT = 80


def grams(text: str) -> frozenset[str]:
    """The character 5-grams of a text, after NFKC and with white space taken out; a shorter text is one gram."""
    bare = "".join(unicodedata.normalize("NFKC", text).split())
    if len(bare) <= GRAM_CHARACTERS:
        return frozenset((bare,))
    return frozenset(bare[at : at + GRAM_CHARACTERS] for at in range(len(bare) - GRAM_CHARACTERS + 1))


def is_near(one: frozenset[str], other: frozenset[str]) -> bool:
    """Whether the Jaccard similarity of two sets is above 0.8."""
    shared = len(one & other)
    return 100 * shared > MOST_SIMILAR_PERCENT * (len(one) + len(other) - shared)


def survivors(texts: Sequence[str]) -> list[int]:
    """The places of the texts that no surviving earlier text resembles, in order."""
    sets = [grams(text) for text in texts]
    spread = Counter(gram for one in sets for gram in one)
    filed: defaultdict[str, list[int]] = defaultdict(list)
    kept = []
    for place, one in enumerate(sets):
        common = [gram for gram in one if spread[gram] > 1]
        needed = len(one) - -(-len(one) * MOST_SIMILAR_PERCENT // 100) + 1 - (len(one) - len(common))
        rarest = sorted(common, key=lambda gram: (spread[gram], gram))[:needed] if needed > 0 else []
        candidates = {other for gram in rarest for other in filed[gram]}
        if any(is_near(one, sets[other]) for other in candidates):
            continue
        kept.append(place)
        for gram in rarest:
            filed[gram].append(place)
    return kept


def surviving_by_task(prompts: Iterable[tuple[str, str]]) -> Mapping[str, tuple[int, int]]:
    """``(task, prompt)`` pairs become ``task → (survivors, prompts)``."""
    by_task: defaultdict[str, list[str]] = defaultdict(list)
    for task, prompt in prompts:
        by_task[task].append(prompt)
    return {task: (len(survivors(texts)), len(texts)) for task, texts in by_task.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description="How many prompts of the sample log survive a near-duplicate filter.")
    parser.add_argument("folder", type=Path, help="a folder written by write_log.py")
    given = parser.parse_args()
    rows = [json.loads(line) for line in (given.folder / "truth.jsonl").read_text("utf-8").split("\n") if line]
    prompts = {row["prompt_id"]: (row["task"], row["prompt"]) for row in rows}
    counts = surviving_by_task(prompts.values())
    for task, (kept, whole) in counts.items():
        print(f"{task:<24} {kept:>6} of {whole:>6}  {100 * kept / whole:5.1f} %")
    kept, whole = (sum(pair[n] for pair in counts.values()) for n in (0, 1))
    print(f"{'all':<24} {kept:>6} of {whole:>6}  {100 * kept / whole:5.1f} %")


if __name__ == "__main__":
    main()
