"""社内通知の下書き notice-draft: a short notice out of a few facts, each of which must stand in it."""

from __future__ import annotations

from company.pieces import Difficulty, Piece, Turn
from company.saying import Scene, texts

_T = texts("small")["notice"]


def compose(scene: Scene) -> Piece:
    """What, when, where, for whom, one request, and up to three wishes."""
    subject, request = scene.pick(_T["subjects"])
    what, request = scene.say(subject), scene.say(request)
    when, where, whom = f"{scene['date3']} {scene['time2']}", scene["place"], scene.pick(_T["who"])
    wishes = scene.some(_T["extra"], scene.number(0, 3))
    difficulty: Difficulty = ("easy", "medium", "medium", "hard")[len(wishes)]
    facts = [f"件名は{what}", f"日時は{when}", f"場所は{where}", f"対象は{whom}", request]
    told = scene.chance.sample(facts, len(facts))
    form = scene.number(0, 2)
    body = "\n".join(f"・{fact}" for fact in told) if form == 0 else "、".join(told) if form == 1 else "\n".join(told)
    asked = "\n".join([scene.one(_T["asks"]), body, *wishes])
    right = _notice(what, when, where, whom, request)
    truth = {"facts": [what, when, where, whom, request]}
    wrong = (
        (_notice(what, when, where, "全社員" if whom != "全社員" else "本社勤務の方", request), "written to others"),
        (_notice(what, when, "(場所は未定)", whom, request), "the place is missing"),
    )
    return Piece((Turn(asked, right, wrong),), difficulty, truth)


def _notice(what: str, when: str, where: str, whom: str, request: str) -> str:
    return (
        f"【お知らせ】{what}\n{whom}へ\n標記の件、次のとおりお知らせします。\n"
        f"日時: {when}\n場所: {where}\nお願い: {request}"
    )


SYSTEM: str = texts("instructions")["notice_draft"]
