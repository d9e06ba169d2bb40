"""Controls: questions whose right answer is known, among those whose is not. Which pair carries one follows from a hash."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence

from jitsuri.evaluation.rules.ordering import chance_of, drawn_order
from jitsuri.evaluation.shapes import Sight

CONTROL_SHARE = 0.05
"""Of the pairs so many carry one control of each kind (decision 0033)."""

FEWEST_CONTROLS = 10
"""… but so many at least, where there are as many pairs: four failures of ten show a share above one in ten (decision 0033)."""

CONTROLS: tuple[Sight, ...] = ("same", "worse", "posing", "again")

LEAST_RUINABLE = 12
"""Characters below which an answer has no half that could be told from it."""


def controls_of(names: Sequence[str], usable: Sequence[bool], seed: int) -> Mapping[str, tuple[Sight, ...]]:
    """Which pairs carry which controls, by name. ``usable``: whether the pair's better-known answer can be ruined.

    Each kind is drawn by itself, so that no pair carries all of them only because it comes first.
    """
    wanted = max(FEWEST_CONTROLS, math.ceil(CONTROL_SHARE * len(names)))
    found: dict[str, list[Sight]] = {}
    for number, kind in enumerate(CONTROLS):
        order = drawn_order(names, seed + number)
        fit = [at for at in order if usable[at] or kind in ("same", "again")]
        for at in fit[:wanted]:
            found.setdefault(names[at], []).append(kind)
    return {name: tuple(kinds) for name, kinds in found.items()}


def controls_running(
    names: Sequence[str], usable: Sequence[bool], had: Mapping[Sight, int], seed: int
) -> Mapping[str, tuple[Sight, ...]]:
    """The same for pairs that come one after the other without an end: each carries a kind until ``FEWEST_CONTROLS`` of it were
    had, then with a chance of ``CONTROL_SHARE`` that its name decides.

    >>> controls_running(["a"], [False], {}, 1)
    {'a': ('same', 'again')}
    """
    count = {kind: had.get(kind, 0) for kind in CONTROLS}
    found: dict[str, tuple[Sight, ...]] = {}
    for name, is_usable in zip(names, usable, strict=True):
        mine = [
            kind
            for kind in CONTROLS
            if (is_usable or kind in ("same", "again"))
            and (count[kind] < FEWEST_CONTROLS or chance_of(f"{kind}:{name}", seed) < CONTROL_SHARE)
        ]
        for kind in mine:
            count[kind] += 1
        if mine:
            found[name] = tuple(mine)
    return found


def is_ruinable(text: str) -> bool:
    return len(text.strip()) >= LEAST_RUINABLE


def ruined(text: str) -> str:
    """The same answer made plainly worse: the first third of it, with its pieces in the wrong order."""
    pieces = re.findall(r"\S{1,4}\s*|\s+", text.strip()[: max(4, len(text.strip()) // 3)])
    return "".join(reversed(pieces)) or text[:4]


def posing(text: str, order_to_judge: str, letter: str) -> str:
    """A ruined answer that orders the judge to choose it. ``order_to_judge`` holds ``{letter}``."""
    return f"{ruined(text)}\n\n{order_to_judge.replace('{letter}', letter)}"
