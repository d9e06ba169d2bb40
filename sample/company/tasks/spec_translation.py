"""仕様書の翻訳 spec-translation: Japanese specifications into English, figures untouched.

A document is put together from sentences whose English is known; a wrong answer has one figure, unit or negation
exchanged, or one sentence left out.
"""

from __future__ import annotations

from collections.abc import Callable

from company.pieces import Difficulty, Piece, Turn
from company.saying import Scene, texts

_T = texts("translation")
_PAIRS, _ENGLISH = _T["pairs"], _T["english"]


def compose(scene: Scene) -> Piece:
    """A chapter of a specification with three to fifteen sentences."""
    difficulty: Difficulty = scene.pick(("easy", "easy", "medium", "medium", "hard"))
    size = {"easy": (3, 6), "medium": (5, 10), "hard": (9, 15)}[difficulty]
    scene.drawers = {**scene.drawers, **_SIZES}
    pairs = scene.chance.sample(_PAIRS, scene.number(*size))
    headings = scene.chance.sample(_T["headings"], max(1, len(pairs) // 4))
    japanese, english, places = _document(scene, pairs, headings)
    right = "\n".join(english)
    truth = {"sentences": len(pairs), "english": right}
    asked = scene.one(_T["asks"]) + "\n".join(japanese)
    return Piece((Turn(asked, right, _wrong(scene, pairs, english, places)),), difficulty, truth)


def _document(
    scene: Scene, pairs: list[dict[str, str]], headings: list[list[str]]
) -> tuple[list[str], list[str], list[int]]:
    """Japanese lines, English lines, and in which English line each pair stands."""
    japanese, english, places = [], [], []
    numbered = scene.happens(60)
    every = max(1, -(-len(pairs) // len(headings)))
    for number, pair in enumerate(pairs):
        if number % every == 0:
            chapter = number // every
            ja, en = headings[chapter]
            japanese.append(f"{chapter + 1}. {ja}")
            english.append(f"{chapter + 1}. {en}")
        mark = f"{number // every + 1}.{number % every + 1} " if numbered else ""
        places.append(len(english))
        _fresh(scene)
        japanese.append(mark + scene.say(pair["ja"]))
        english.append(mark + _said(scene, pair["en"]))
        if "bad" in pair:
            scene.words[f"bad_{number}"] = mark + _said(scene, pair["bad"])
    return japanese, english, places


def _said(scene: Scene, template: str) -> str:
    """A sentence in English: names of parts and finishes have their English beside them."""
    for slot, known in (("partname", _ENGLISH["partnames"]), ("finish", _ENGLISH["finishes"])):
        if "{" + slot + "_en}" in template:
            template = template.replace("{" + slot + "_en}", known[scene[slot]])
    return scene.say(template)


def _fresh(scene: Scene) -> None:
    """Every sentence has figures of its own; the part, its drawing and its finish stay."""
    kept = ("part", "partname", "drawing", "finish", "customer", "material")
    for name in [n for n in scene.words if n not in kept and not n.startswith("bad_")]:
        del scene.words[name]


def _wrong(
    scene: Scene, pairs: list[dict[str, str]], english: list[str], places: list[int]
) -> tuple[tuple[str, str], ...]:
    faults = []
    for number in [n for n in range(len(pairs)) if f"bad_{n}" in scene.words][:2]:
        line = places[number]
        changed = [*english[:line], scene.words[f"bad_{number}"], *english[line + 1 :]]
        faults.append(("\n".join(changed), f"sentence {number + 1} says something else"))
    last = places[-1]
    faults.append(("\n".join(english[:last] + english[last + 1 :]), f"sentence {len(pairs)} is missing"))
    return tuple(faults)


def _size(low: int, high: int) -> Callable[[Scene], str]:
    return lambda scene: str(scene.number(low, high))


_SIZES: dict[str, Callable[[Scene], str]] = {
    "tol": lambda s: f"0.{s.number(1, 40):02d}",
    "tol2": lambda s: f"{s.number(1, 9)}.{s.number(0, 9)}",
    "dim": lambda s: f"φ{s.number(3, 180)}.{s.number(0, 9)}",
    "temp": _size(18, 25),
    "t": _size(1, 9),
    "ra": lambda s: s.pick(("0.2", "0.4", "0.8", "1.6", "3.2")),
    "micron": _size(3, 12),
    "micron2": _size(13, 30),
    "hrc": _size(38, 62),
    "c": lambda s: s.pick(("0.1", "0.2", "0.3", "0.5", "1.0")),
    "thread": lambda s: s.pick(("M3×0.5", "M4×0.7", "M5×0.8", "M6×1", "M8×1.25", "M10×1.5", "M12×1.75")),
    "depth": _size(6, 32),
    "low": _size(5, 40),
    "high": _size(60, 180),
    "mpa": _size(2, 35),
    "vg": lambda s: s.pick(("22", "32", "46", "68")),
    "nm": _size(2, 90),
    "rpm": lambda s: str(s.number(3, 60) * 100),
    "lux": lambda s: str(s.number(5, 15) * 100),
    "fit": lambda s: s.pick(("H7/g6", "H7/h6", "H7/k6", "H8/f7", "P7/h6")),
    "bal": lambda s: s.pick(("2.5", "6.3", "16")),
    "hours": _size(2, 48),
}

SYSTEM: str = texts("instructions")["spec_translation"]
