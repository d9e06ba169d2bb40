"""Persons, places and other names of the second set, put together by chance from ``lists.toml``."""

from __future__ import annotations

import random
import tomllib
import unicodedata
from dataclasses import dataclass
from pathlib import Path
from typing import Any

LISTS: dict[str, Any] = tomllib.loads(Path(__file__).with_name("lists.toml").read_text("utf-8"))


def _entries(text: str) -> list[str]:
    return [one.strip() for line in text.strip().splitlines() for one in line.split(" / ")]


SURNAMES = [tuple(one.split()) for one in _entries(LISTS["surnames"])]
GIVEN = [tuple(one.split()) for one in _entries(LISTS["given_names"])]
FOREIGN = [tuple(one.split(" ", 1)) for one in _entries(LISTS["foreign_names"])]
TOWNS = [tuple(one.split()) for one in _entries(LISTS["towns"])]

_ROWS = {
    "": "あいうえお", "k": "かきくけこ", "s": "さしすせそ", "t": "たちつてと", "n": "なにぬねの", "h": "はひふへほ", "m": "まみむめも",
    "r": "らりるれろ", "g": "がぎぐげご", "z": "ざじずぜぞ", "d": "だぢづでど", "b": "ばびぶべぼ", "p": "ぱぴぷぺぽ",
}  # fmt: skip
_LATIN = {kana: row + vowel for row, line in _ROWS.items() for kana, vowel in zip(line, "aiueo", strict=True)}
_LATIN |= {
    "し": "shi",
    "ち": "chi",
    "つ": "tsu",
    "ふ": "fu",
    "じ": "ji",
    "や": "ya",
    "ゆ": "yu",
    "よ": "yo",
    "わ": "wa",
    "ん": "n",
}
_HALF = {unicodedata.normalize("NFKC", chr(code)): chr(code) for code in range(0xFF66, 0xFF9E)}


def katakana(reading: str) -> str:
    return "".join(chr(ord(one) + 0x60) if "ぁ" <= one <= "ゖ" else one for one in reading)


def half_katakana(reading: str) -> str:
    """As banks print it: half width, marks of voice as characters of their own, no small letters."""
    marks = {"\u3099": "ﾞ", "\u309a": "ﾟ"}
    return "".join(marks.get(one) or _HALF.get(one, one) for one in unicodedata.normalize("NFD", katakana(reading)))


def latin(reading: str) -> str:
    found, doubled = "", False
    for one in reading:
        if one == "っ":
            doubled = True
        elif one in "ゃゅょ":
            sound = found[:-1]
            found = sound + ("" if sound.endswith(("sh", "ch", "j")) else "y") + {"ゃ": "a", "ゅ": "u", "ょ": "o"}[one]
        else:
            piece = _LATIN[one]
            found += (piece[0] if doubled else "") + piece
            doubled = False
    return found.capitalize()


@dataclass(frozen=True)
class Person:
    family: str
    family_reading: str
    given: str
    given_reading: str
    foreign: str
    foreign_latin: str

    def written(self, how: str, rng: random.Random) -> str:
        if how == "full":
            return self.family + rng.choice(["", "", "", "　", " "]) + self.given
        if how == "spaced":
            return self.family + rng.choice(["　", " ", "　　"]) + self.given
        if how == "romaji":
            names = [latin(self.given_reading), latin(self.family_reading)]
            return rng.choice(
                [
                    f"{names[0]} {names[1]}",
                    f"{names[0]} {names[1]}",
                    f"{names[1].upper()} {names[0]}",
                    f"{names[1]}, {names[0]}",
                ]
            )
        return {
            "tight": self.family + self.given,
            "family": self.family,
            "given": self.given,
            "hira": f"{self.family_reading}　{self.given_reading}",
            "kana": f"{katakana(self.family_reading)} {katakana(self.given_reading)}",
            "halfkana": f"{half_katakana(self.family_reading)} {half_katakana(self.given_reading)}",
            "romaji_given": latin(self.given_reading),
            "foreign": self.foreign,
            "foreign_latin": self.foreign_latin,
        }[how]


def person(rng: random.Random) -> Person:
    family, given, foreign = rng.choice(SURNAMES), rng.choice(GIVEN), rng.choice(FOREIGN)
    return Person(family[0], family[1], given[0], given[1], foreign[0], foreign[1])


def address(rng: random.Random) -> str:
    """A real town with a house number that chance gave it."""
    prefecture, city, town, _ = rng.choice(TOWNS)
    a, b, c = rng.randint(1, 9), rng.randint(1, 38), rng.randint(1, 29)
    kanji = "一二三四五六七八九"[a - 1]
    number = rng.choice(
        [f"{a}-{b}-{c}", f"{a}-{b}-{c}", f"{a}丁目{b}番{c}号", f"{a}丁目{b}-{c}", f"{kanji}丁目{b}番地{c}",
         f"{rng.randint(40, 3999)}番地{a}",
         f"{rng.randint(40, 3999)}-{a}", f"{a}−{b}−{c}", f"{a}ー{b}"]
    )  # fmt: skip
    building = ""
    if rng.random() < 0.35:
        room = rng.choice(
            [f"{rng.randint(1, 12)}0{rng.randint(1, 9)}", f"{rng.randint(1, 9)}0{rng.randint(1, 9)}号室", "A棟203"]
        )
        building = rng.choice([" ", "　", ""]) + rng.choice(LISTS["buildings"]) + room
        if building[0] not in " 　" and not number.endswith(("号", "地")):
            building = " " + building
    head = "" if rng.random() < 0.25 else prefecture
    return head + city + town + number + building
