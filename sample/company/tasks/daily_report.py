"""作業日報のまとめ: no instruction and no name at all; the beginning of every prompt is the same (a template)."""

from __future__ import annotations

from company.pieces import Difficulty, Piece, Turn
from company.saying import Scene, texts

_T = texts("small")["daily"]


def compose(scene: Scene) -> Piece:
    """One worker's day on one machine."""
    made = scene.number(18, 640)
    bad = scene.pick((0, 0, 1, 2, 3, scene.number(2, 12)))
    stop = scene.pick((0, 0, 5, 10, 15, 20, 30, 45, scene.number(6, 95)))
    scene.words |= {"made": str(made), "bad": str(bad), "stop": str(stop), "plan": str(made + scene.number(0, 60))}
    told = [
        scene.one(_T["work"]),
        scene.one(_T["bad"] if bad else _T["nobad"]),
        scene.one(_T["stop"] if stop else _T["nostop"]),
    ]
    handover = scene.one(_T["handover"])
    chatter = scene.some(_T["chatter"], scene.number(0, 3))
    difficulty: Difficulty = ("easy", "easy", "medium", "hard")[len(chatter)]
    rest = [*told, *chatter]
    body = scene.one(_T["starts"]) + "".join([*scene.chance.sample(rest, len(rest)), handover])
    right = _four_lines(made, bad, stop, handover)
    wrong = (
        (_four_lines(made - bad, bad, stop, handover), "defective ones taken off the number made"),
        (_four_lines(made, bad, stop * 60 or 60, handover), "minutes are wrong"),
    )
    truth = {"made": made, "bad": bad, "stop_minutes": stop, "handover": handover}
    return Piece((Turn(_T["template"] + body, right, wrong if bad else wrong[1:]),), difficulty, truth)


def _four_lines(made: int, bad: int, stop: int, handover: str) -> str:
    return f"生産数: {made}\n不良数: {bad}\n停止時間: {stop}分\n申し送り: {handover.rstrip('。')}"


SYSTEM = ""
