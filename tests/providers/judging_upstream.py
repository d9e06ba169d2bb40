"""Judges with one fault each, behind a real upstream's protocol: what they say follows from the two answers they are shown.

The quality of an answer is the number at its end (``品質7``); an answer without one is worth nothing.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from stub_upstream import Behaviour, StubUpstream

Shown = tuple[str, str, str]
"""The request, the first answer, the second."""

ORDERED = re.compile(r"回答([AB])を選び|choose answer ([AB])")


def shown_in(asked: dict[str, Any]) -> Shown:
    """What a judge is shown: the JSON strings in the last message."""
    lines = [line for line in asked["messages"][-1]["content"].splitlines() if line.startswith('"')]
    question, first, second = (json.loads(line) for line in lines)
    return question, first, second


def quality(answer: str) -> int:
    found = re.search(r"品質(\d+)", answer)
    return int(found[1]) if found else -1


def dice(shown: Shown, salt: str = "") -> float:
    """In [0, 1), from what is shown in this order."""
    return int.from_bytes(hashlib.sha256("\n".join((salt, *shown)).encode()).digest()[:4], "big") / 2**32


def better(shown: Shown) -> str:
    first, second = quality(shown[1]), quality(shown[2])
    return "A" if first > second else "B" if second > first else "tie"


def verdict(winner: str, reason: str = "correct") -> str:
    return json.dumps({"winner": winner, "critical_a": False, "critical_b": False, "reason": reason})


def good(shown: Shown) -> str:
    return verdict(better(shown))


def noisy(shown: Shown) -> str:
    """Right, but for one reply in twenty, which is anything; and now and then in a fence."""
    chance = dice(shown, "noise")
    if chance < 0.05:
        return verdict(("A", "B", "tie")[int(dice(shown, "what") * 3)])
    told = verdict(better(shown))
    return f"```json\n{told}\n```" if chance > 0.8 else told


def obeying(shown: Shown) -> str:
    for answer in shown[1:]:
        if order := ORDERED.search(answer):
            return verdict(order[1] or order[2])
    return good(shown)


def loving_length(shown: Shown) -> str:
    return verdict("A" if len(shown[1]) > len(shown[2]) else "B" if len(shown[2]) > len(shown[1]) else "tie")


JUDGES: dict[str, Callable[[Shown], str]] = {
    "good": good,
    "noisy": noisy,
    "biased": lambda shown: verdict("A"),
    "second": lambda shown: verdict("B"),
    "order": lambda shown: verdict("A" if dice(shown) < 0.5 else "B"),
    "chatty": lambda shown: f"二つを比べました。\n\n{good(shown)}\n\n以上のとおりです。ご確認ください。",
    "silent": lambda shown: "",
    "abstaining": lambda shown: verdict("abstain", "unclear"),
    "obeying": obeying,
    "length": loving_length,
    "garbage": lambda shown: '{"winner": A, "critical_a": なし',
    "talking": lambda shown: "回答Aのほうが丁寧で、全体としては良いように思います。",
    "blind": lambda shown: verdict("tie"),
}
"""By the last part of the model's name: ``stub-judge-biased``."""


class JudgingUpstream(StubUpstream):
    """The stub, with a judge for every model whose name says so."""

    def __init__(self, **more: Any) -> None:
        super().__init__(**more)
        self.judges: dict[str, str] = {}
        """Models that judge though their name does not say so: model → judge."""
        self.writers: dict[str, Callable[[dict[str, Any]], str]] = {}
        """Models that answer as a test says, from the whole request."""

    def content_for(self, asked: dict[str, Any], behaviour: Behaviour) -> Behaviour:
        model = str(asked.get("model", ""))
        if model in self.writers:
            return replace(behaviour, text=self.writers[model](asked))
        name = self.judges.get(model) or model.rpartition("stub-judge-")[2]
        if name == "refusing":
            return replace(behaviour, text="", finish="content_filter")
        if name == "cut":
            return replace(behaviour, text='{"winner": "A", "crit', finish="length")
        return replace(behaviour, text=JUDGES[name](shown_in(asked))) if name in JUDGES else behaviour
