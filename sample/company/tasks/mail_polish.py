"""メールの推敲: rough mails made polite. The calls carry no task's name; only the instruction tells what they are."""

from __future__ import annotations

import re

from company.pieces import Difficulty, Piece, Turn
from company.saying import Scene, texts

_T = texts("small")["polish"]
_SLOT = re.compile(r"\{([a-z]+\d?)\}")


def compose(scene: Scene) -> Piece:
    """One to three requests in one breath."""
    pairs = scene.chance.sample(_T["bodies"], scene.pick((1, 1, 2, 2, 3)))
    difficulty: Difficulty = ("easy", "medium", "hard")[len(pairs) - 1]
    bodies = [scene.say(rough) for rough, _ in pairs]
    rough = bodies[0]
    for body in bodies[1:]:
        rough += scene.pick(_T["joins"]) + body
    asked = scene.one(_T["openers"]) + rough + scene.one(_T["tails"])
    facts = list(dict.fromkeys(scene[slot] for _, polite in pairs for slot in _SLOT.findall(polite)))
    right = _letter([scene.say(polite) for _, polite in pairs])
    lost = scene.pick(facts)
    wrong = ((right.replace(lost, "(後日)"), f"{lost} is lost"),)
    return Piece((Turn(asked, right, wrong),), difficulty, {"facts": facts})


def _letter(polite: list[str]) -> str:
    leads = ("さて、", "また、", "加えて、")
    lines = ["お世話になっております。株式会社サンプル精機でございます。"]
    lines += [lead + body for lead, body in zip(leads, polite, strict=False)]
    return "\n".join([*lines, "ご多用のところ恐れ入りますが、何卒よろしくお願い申し上げます。"])


SYSTEM: str = texts("instructions")["mail_polish"]
