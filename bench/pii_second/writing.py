"""Texts and labels from the templates of ``shown.toml`` and ``held_out.toml``; the same seed gives the same texts.

A template is text with slots ``<<…>>`` and choices ``[[this|that]]``. A slot is, in words parted by blanks:

- ``PERSON family #a``: labelled, of that type; how it is made; ``#a`` is the same person wherever it stands in the text;
- ``-order12``: looks like personal data and is none (a hard negative of that kind);
- ``?place city``: neither right nor wrong to report (labels of people would differ), with the reason;
- ``= department``: not labelled; ``=Taro`` is neutral when written ``?nickname =Taro``.

What is labelled, and how far: names without title; readings (kana, Latin letters) are names as well. An address from the
prefecture or city to the last part of the building, without the postal code. Postal codes with 〒, qualified-invoice numbers with
their T, telephones with brackets and country code. Account numbers without bank, branch and kind. Birth dates as such,
whether or not a word beside says so. 記号・番号 of a health insurance as one span.
"""

from __future__ import annotations

import random
import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pii_second.people import Person, person
from pii_second.values import MAKERS

FOLDER = Path(__file__).parent
PARTS = ("shown", "held_out")
SEED = 45
NAME_KINDS = frozenset({"company", "placename", "product", "word"})
"""Hard negatives that look like names; all others look like numbers or dates."""

_SLOT = re.compile(r"<<([^<>]+)>>")
_CHOICE = re.compile(r"\[\[([^\]]*)\]\]")
_WIDE = str.maketrans({chr(code): chr(code + 0xFEE0) for code in [*range(0x30, 0x3A), 0x2D, *range(0x41, 0x5B)]})


@dataclass
class Text:
    id: str
    part: str
    family: str
    text: str = ""
    entities: list[dict[str, Any]] = field(default_factory=list)
    optional: list[dict[str, Any]] = field(default_factory=list)
    hard_negatives: list[dict[str, Any]] = field(default_factory=list)


def texts(part: str, seed: int = SEED) -> Iterator[Text]:
    """All texts of ``shown`` or ``held_out``."""
    for family, said in tomllib.loads((FOLDER / f"{part}.toml").read_text("utf-8")).items():
        for at, template in enumerate(said["templates"]):
            for copy in range(said["copies"]):
                rng = random.Random(f"{seed}:{family}:{at}:{copy}")
                yield _written(Text(f"{family}-{at}-{copy}", part, family), template, said, rng)


def _written(one: Text, template: str, said: dict[str, Any], rng: random.Random) -> Text:
    template = _CHOICE.sub(lambda found: rng.choice(found[1].split("|")), template.strip("\n"))
    people: dict[str, Person] = {}
    wide, broken = said.get("wide", 0.0), said.get("broken", 0.0)
    pieces, at = [], 0
    for slot in _SLOT.finditer(template):
        pieces.append((template[at : slot.start()], ""))
        pieces.append((_value(slot[1].split(), people, wide, rng), slot[1]))
        at = slot.end()
    pieces.append((template[at:], ""))
    for piece, slot in pieces:
        told = _torn(piece, broken, rng) if broken else piece
        start = len(one.text)
        one.text += told
        if slot:
            _label(one, slot.split(), start, told)
    return one


def _value(words: list[str], people: dict[str, Person], wide: float, rng: random.Random) -> str:
    key = next((word for word in words if word.startswith("#")), f"{len(people)}")
    if key not in people:
        people[key] = person(rng)
    words = [word for word in words if not word.startswith("#")]
    how = words[0][1:] if words[0].startswith("-") else words[1]
    if how.startswith("="):
        return how[1:]
    if words[0] == "PERSON":
        return people[key].written(how, rng)
    value = MAKERS[how](rng, words[2:], people[key])
    return value.translate(_WIDE) if words[0] != "EMAIL" and rng.random() < wide else value


def _torn(piece: str, broken: float, rng: random.Random) -> str:
    """As a scan is read: blanks between characters, none at the ends."""
    if not piece or rng.random() > 2 * broken:
        return piece
    return "".join(
        char + (" " if rng.random() < broken and char.strip() and nxt.strip() else "")
        for char, nxt in zip(piece, piece[1:] + " ", strict=True)
    )


def _label(one: Text, words: list[str], start: int, value: str) -> None:
    span = {"start": start, "end": start + len(value)}
    first = words[0]
    if first == "=":
        return
    if first.startswith("-"):
        kind = first[1:]
        one.hard_negatives.append(span | {"why": kind, "text": value})
    elif first.startswith("?"):
        one.optional.append(span | {"why": first[1:], "text": value})
    else:
        one.entities.append(span | {"type": first, "text": value})
