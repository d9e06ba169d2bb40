"""What the tasks hand out: a piece of business with its turns, and what is true of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Difficulty = Literal["easy", "medium", "hard"]


@dataclass(frozen=True, slots=True)
class Turn:
    """What is asked, the right answer, and wrong ones with the fault that was put into each."""

    asked: str
    right: str
    wrong: tuple[tuple[str, str], ...] = ()
    """``(answer, fault)``; empty where this turn is never answered wrongly."""


@dataclass(frozen=True, slots=True)
class Piece:
    """One piece of business of one task: one turn, or several of one thread."""

    turns: tuple[Turn, ...]
    difficulty: Difficulty
    truth: Mapping[str, object] = field(default_factory=dict)
    """What a right answer holds: the class, the fields, the facts."""
