"""規程の質問 rule-questions: what the company's rules say, with the article.

The rules are in the instruction; each case has one right answer that follows from them, and one that mistakes an
article's number for another. Every third question is followed by another one about the same article.
"""

from __future__ import annotations

from company.pieces import Difficulty, Piece, Turn
from company.saying import Scene, texts

_T = texts("rules")
_KINDS = _T["kinds"]
_NOT_COVERED = "規程に定めがありません"


def compose(scene: Scene) -> Piece:
    """A question, and perhaps the next one of the same asker."""
    scene.drawers = {
        **scene.drawers,
        "place": lambda s: str(s.pick(_T["places"])),
        "dept": lambda s: str(s.pick(_T["depts"])),
    }
    kind = scene.pick(_KINDS)
    cases = scene.chance.sample(kind["cases"], min(2, len(kind["cases"])))
    difficulty: Difficulty = "hard" if _is_hard(kind, cases[0]) else scene.pick(("easy", "easy", "medium"))
    turns = [_turn(scene, kind, cases[0], first=True)]
    if len(cases) > 1 and scene.happens(33):
        turns.append(_turn(scene, kind, cases[1], first=False))
    truth = {"article": kind["article"], "answers": [case[2] for case in cases[: len(turns)]]}
    return Piece(tuple(turns), difficulty, truth)


def _is_hard(kind: dict[str, str], case: list[str]) -> bool:
    """Questions that the rules do not answer, and cases at the edge of a rule."""
    return case[2].startswith((_NOT_COVERED, "対象に", "支給しません")) or kind["article"] == "経費規程第2条"


def _turn(scene: Scene, kind: dict[str, list[str]], case: list[str], *, first: bool) -> Turn:
    scene.words["x"], scene.words["y"] = case[0], case[1]
    asked = scene.one(kind["asks"])
    if first:
        around = [scene.one(_T["openers"]), scene.one(_T["situations"]), scene.one(_T["situations"])]
        around = around[: scene.number(1, 3)]
        said = "".join(around) + asked + scene.one(_T["asides"]) + scene.one(_T["endings"])
    else:
        said = scene.one(_T["follow_openers"]) + asked
    right = _answer(scene, str(kind["article"]), case[2])
    wrong = _answer(scene, str(kind["article"]), case[3])
    return Turn(said, right, ((wrong, f"says {case[3]} instead of {case[2]}"),))


def _answer(scene: Scene, article: str, answer: str) -> str:
    head, tail = scene.pick(_T["answer_heads"]), scene.pick(_T["answer_tails"])
    if answer == _NOT_COVERED:
        return f"{head}{_NOT_COVERED}。{tail}"
    end = "" if answer.endswith(("す", "せん", ")")) else "です"
    return f"{head}{answer}{end}({article})。{tail}"


SYSTEM: str = texts("instructions")["rule_questions"].replace("<<handbook>>", _T["handbook"].strip())
