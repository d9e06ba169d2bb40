"""Sentences out of templates: ``[a|b]`` is one of them, ``{name}`` a word that stays the same within one scene."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from random import Random
from typing import Any, TypeVar

T = TypeVar("T")
TEXTS = Path(__file__).parent.parent / "texts"

_CHOICE = re.compile(r"\[([^\[\]]*\|[^\[\]]*)\]")
_DIGITS = "0123456789"
_SLOT = re.compile(r"\{([a-z_]+)(\d?)\}")


@cache
def texts(name: str) -> dict[str, Any]:
    """The sentences of ``sample/texts/<name>.toml``."""
    return tomllib.loads((TEXTS / f"{name}.toml").read_text(encoding="utf-8"))


class Scene:
    """One piece of business: its chance, and the words it has already used.

    ``{part}`` is drawn once and stays; ``{part2}`` is another one. What a scene does not find among its words it draws
    by name from ``drawers``.
    """

    def __init__(self, chance: Random, drawers: Mapping[str, Callable[[Scene], str]]) -> None:
        self.chance = chance
        self.drawers = drawers
        self.words: dict[str, str] = {}

    def __getitem__(self, name: str) -> str:
        if name not in self.words:
            kind = name.rstrip(_DIGITS)
            draw = self.drawers.get(name) or self.drawers[kind]
            taken = {word for other, word in self.words.items() if other.rstrip(_DIGITS) == kind}
            word = draw(self)
            for _ in range(4):
                if word not in taken:
                    break
                word = draw(self)
            self.words.setdefault(name, word)
        return self.words[name]

    def say(self, template: str) -> str:
        """The template with its choices made and its words filled in."""
        while (found := _CHOICE.search(template)) is not None:
            chosen = self.chance.choice(found[1].split("|"))
            template = template[: found.start()] + chosen + template[found.end() :]
        return _SLOT.sub(lambda m: self[m[1] + m[2]], template)

    def one(self, templates: Sequence[str]) -> str:
        """One of the templates, said."""
        return self.say(self.chance.choice(templates))

    def some(self, templates: Sequence[str], count: int) -> list[str]:
        """So many different ones of the templates, said."""
        return [self.say(t) for t in self.chance.sample(list(templates), min(count, len(templates)))]

    def pick(self, things: Sequence[T]) -> T:
        return self.chance.choice(things)

    def number(self, low: int, high: int) -> int:
        """A whole number from ``low`` to ``high``, both included."""
        return self.chance.randint(low, high)

    def happens(self, percent: int) -> bool:
        return self.chance.randrange(100) < percent
